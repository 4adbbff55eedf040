//! `pylock.toml` (PEP 751): reads which wheels another tool has locked.
//!
//! Only wheels are taken: what a lock file has as source alone, as a folder or from version control, is refused by name.

use pep508_rs::MarkerTree;
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
    fn file(&self) -> Option<String> {
        let place = self.url.as_deref().map(|url| url.split(['?', '#']).next().unwrap_or(url)).or(self.path.as_deref());
        self.name.clone().or_else(|| place.and_then(|place| place.rsplit(['/', '\\']).next()).map(str::to_string))
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
        let best = entry
            .wheels
            .iter()
            .filter_map(|wheel| {
                let file = wheel.file()?;
                let rank = platform.rank(&WheelName::parse(&file).ok()?)?;
                Some((rank, file, wheel))
            })
            .min_by_key(|(rank, ..)| *rank);
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
