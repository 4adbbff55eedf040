//! What fits the distribution: tags of wheels, and the environment that markers of requirements are evaluated in.

use std::str::FromStr;

use pep440_rs::Version;
use pep508_rs::{MarkerEnvironment, MarkerEnvironmentBuilder, Requirement};

use crate::error::{Error, Result};
use crate::name::WheelName;

/// Reads a requirement such as `attrs>=24; python_version >= "3.9"`.
pub fn parse_requirement(text: &str) -> Result<Requirement> {
    Requirement::from_str(text).map_err(|error| Error::BadRequirement {
        text: text.to_string(),
        problem: error.to_string().lines().next().unwrap_or_default().to_string(),
    })
}

/// One Python on one platform.
#[derive(Debug, Clone)]
pub struct Platform {
    /// Accepted tags, best first: (Python, ABI, platform).
    tags: Vec<(String, String, String)>,
    accepted: String,
    markers: MarkerEnvironment,
}

impl Platform {
    /// `python` is a full version (`3.14.7`); `platforms` are the accepted platform tags, best first, without `any`;
    /// `emscripten` is the compiler's version (`6.0.5`), which is what `platform.release()` says.
    pub fn new(python: &str, platforms: &[&str], emscripten: &str) -> Result<Self> {
        let wrong = |problem: String| Error::BadRequirement { text: format!("Python {python}"), problem };
        let version = Version::from_str(python).map_err(|error| wrong(error.to_string()))?;
        let short = version.release().iter().take(2).map(u64::to_string).collect::<Vec<_>>().join(".");
        let markers = MarkerEnvironment::try_from(MarkerEnvironmentBuilder {
            implementation_name: "cpython",
            implementation_version: python,
            os_name: "posix",
            platform_machine: "wasm32",
            platform_python_implementation: "CPython",
            platform_release: emscripten,
            platform_system: "Emscripten",
            platform_version: "#1",
            python_full_version: python,
            python_version: &short,
            sys_platform: "emscripten",
        })
        .map_err(|error| wrong(error.to_string()))?;
        let (major, minor) = match version.release() {
            [major, minor, ..] => (*major, *minor),
            _ => return Err(wrong("it has no minor version".to_string())),
        };
        Ok(Self {
            tags: tags(major, minor, platforms),
            accepted: format!("cp{major}{minor}, abi3 or pure Python wheels for {} or any platform", platforms.join(", ")),
            markers,
        })
    }

    pub fn markers(&self) -> &MarkerEnvironment {
        &self.markers
    }

    /// How well a wheel fits, the smaller the better; `None` if it does not.
    pub fn rank(&self, wheel: &WheelName) -> Option<usize> {
        let holds = |list: &[String], item: &str| list.iter().any(|other| other == item);
        self.tags.iter().position(|(python, abi, platform)| {
            holds(&wheel.pythons, python) && holds(&wheel.abis, abi) && holds(&wheel.platforms, platform)
        })
    }

    /// What is accepted, for a message.
    pub fn accepted(&self) -> &str {
        &self.accepted
    }

    /// Refuses a wheel that cannot be used, saying what it is for.
    pub fn fits(&self, file: &str, wheel: &WheelName) -> Result<usize> {
        self.rank(wheel).ok_or_else(|| Error::DoesNotFit {
            file: file.to_string(),
            found: format!("{}-{}-{}", wheel.pythons.join("."), wheel.abis.join("."), wheel.platforms.join(".")),
            accepted: self.accepted.clone(),
        })
    }
}

/// In the order of the `packaging` library, so that both choose the same wheel.
fn tags(major: u64, minor: u64, platforms: &[&str]) -> Vec<(String, String, String)> {
    let mut tags = Vec::new();
    let mut on_platforms = |python: String, abi: &str| {
        tags.extend(platforms.iter().map(|platform| (python.clone(), abi.to_string(), platform.to_string())));
    };
    let own = format!("cp{major}{minor}");
    on_platforms(own.clone(), &own);
    on_platforms(own.clone(), "abi3");
    on_platforms(own.clone(), "none");
    for older in (2..minor).rev() {
        on_platforms(format!("cp{major}{older}"), "abi3");
    }
    let pure: Vec<String> = std::iter::once(format!("py{major}{minor}"))
        .chain(std::iter::once(format!("py{major}")))
        .chain((0..minor).rev().map(|older| format!("py{major}{older}")))
        .collect();
    for python in &pure {
        on_platforms(python.clone(), "none");
    }
    tags.push((own, "none".to_string(), "any".to_string()));
    tags.extend(pure.into_iter().map(|python| (python, "none".to_string(), "any".to_string())));
    tags
}
