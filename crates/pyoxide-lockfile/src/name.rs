//! Names of packages and of wheel files.

use crate::error::{Error, Result};

/// The form in which names are compared: lower case, runs of `-`, `_` and `.` are one `-`.
pub fn normalize(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for character in name.chars() {
        match character {
            '-' | '_' | '.' if normal.ends_with('-') => {}
            '-' | '_' | '.' => normal.push('-'),
            other => normal.extend(other.to_lowercase()),
        }
    }
    normal
}

/// The parts of `name-version(-build)?-python-abi-platform.whl`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WheelName {
    /// As written: not normalised.
    pub distribution: String,
    pub version: String,
    pub build: Option<String>,
    pub pythons: Vec<String>,
    pub abis: Vec<String>,
    pub platforms: Vec<String>,
}

impl WheelName {
    /// `file` is a bare file name, without a folder; percent signs of a URL must be decoded before.
    pub fn parse(file: &str) -> Result<Self> {
        let wrong = || Error::NotAWheelName { file: file.to_string() };
        // Whoever joins the name to a folder stays in that folder.
        if file.contains(['/', '\\', ':']) || file.chars().any(char::is_control) {
            return Err(wrong());
        }
        let stem = file.strip_suffix(".whl").ok_or_else(wrong)?;
        let parts: Vec<&str> = stem.split('-').collect();
        if parts.iter().any(|part| part.is_empty()) {
            return Err(wrong());
        }
        let (distribution, version, build, tags) = match parts.as_slice() {
            [distribution, version, tags @ ..] if tags.len() == 3 => (distribution, version, None, tags),
            [distribution, version, build, tags @ ..] if tags.len() == 3 && build.starts_with(|c: char| c.is_ascii_digit()) => {
                (distribution, version, Some(build.to_string()), tags)
            }
            _ => return Err(wrong()),
        };
        let set = |tag: &str| tag.split('.').map(str::to_string).collect::<Vec<_>>();
        Ok(Self {
            distribution: distribution.to_string(),
            version: version.to_string(),
            build,
            pythons: set(tags[0]),
            abis: set(tags[1]),
            platforms: set(tags[2]),
        })
    }
}
