//! `pylock.toml` (PEP 751): reads which wheels another tool has locked.
//!
//! Only wheels are taken: what a lock file has as source alone, as a folder or from version control, is refused by name.
//! INVARIANT: the `file` of a wheel is a bare file name: joined to a folder it stays in it.

use pep508_rs::MarkerTree;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::name::WheelName;
use crate::platform::Platform;

/// A wheel that `pylock.toml` names for a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedWheel {
    pub package: String,
    pub file: String,
    /// Where to get it; `Path` is relative to `pylock.toml`.
    pub source: Source,
    pub sha256: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Url(String),
    Path(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Pylock {
    lock_version: String,
    #[serde(default)]
    packages: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    marker: Option<String>,
    #[serde(default)]
    wheels: Vec<WheelEntry>,
}

#[derive(Deserialize)]
struct WheelEntry {
    name: Option<String>,
    url: Option<String>,
    path: Option<String>,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
}

impl WheelEntry {
    /// What the entry is called: its `name`, or else the end of its address.
    fn file(&self) -> Option<String> {
        if let Some(name) = &self.name {
            return Some(name.clone());
        }
        match (&self.url, &self.path) {
            (Some(url), _) => {
                let last = url.split(['?', '#']).next().unwrap_or(url).rsplit('/').next().unwrap_or_default();
                percent_decode_str(last).decode_utf8().ok().map(|text| text.into_owned())
            }
            (None, Some(path)) => path.rsplit(['/', '\\']).next().map(str::to_string),
            (None, None) => None,
        }
    }
}

/// The wheels for `platform`, one for each package whose marker holds; the best fitting one of each.
pub fn wheels(text: &str, place: &str, platform: &Platform) -> Result<Vec<LockedWheel>> {
    let bad = |problem: String| Error::BadPylock { place: place.to_string(), problem };
    let pylock: Pylock = toml::from_str(text).map_err(|error| bad(error.message().to_string()))?;
    if pylock.lock_version.split('.').next() != Some("1") {
        return Err(bad(format!("lock-version {} is not known; 1.0 is", pylock.lock_version)));
    }
    let mut found = Vec::new();
    for entry in pylock.packages {
        if let Some(marker) = &entry.marker {
            let tree: MarkerTree = MarkerTree::from_str(marker).map_err(|error| {
                bad(format!("the marker of `{}`: {}", entry.name, error.to_string().lines().next().unwrap_or_default()))
            })?;
            if !tree.evaluate(platform.markers(), &[]) {
                continue;
            }
        }
        let mut best: Option<(usize, String, &WheelEntry)> = None;
        for wheel in &entry.wheels {
            let Some(file) = wheel.file() else {
                return Err(bad(format!("a wheel of `{}` has neither `name`, `url` nor `path`", entry.name)));
            };
            let name = WheelName::parse(&file).map_err(|_| {
                bad(format!("`{}` has a wheel of the name `{file}`; expected a bare file name, name-version-python-abi-platform.whl", entry.name))
            })?;
            if let Some(rank) = platform.rank(&name).filter(|rank| best.as_ref().is_none_or(|(found, ..)| rank < found)) {
                best = Some((rank, file, wheel));
            }
        }
        let Some((_, file, wheel)) = best else {
            return Err(bad(format!("`{}` has no wheel that fits; accepted are {}", entry.name, platform.accepted())));
        };
        let sha256 = wheel.hashes.get("sha256").ok_or_else(|| bad(format!("the wheel `{file}` has no sha256")))?;
        let source = match (&wheel.path, &wheel.url) {
            (Some(path), _) => Source::Path(path.clone()),
            (None, Some(url)) => Source::Url(url.clone()),
            (None, None) => return Err(bad(format!("the wheel `{file}` has neither `url` nor `path`"))),
        };
        found.push(LockedWheel { package: entry.name, file, source, sha256: sha256.to_lowercase() });
    }
    Ok(found)
}
