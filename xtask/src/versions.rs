//! `versions.toml`, typed.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Versions {
    pub distribution: Distribution,
    pub cpython: Cpython,
    pub emscripten: Emscripten,
    pub platform: Platform,
    /// Wheels of the package index that are part of the distribution, by their names.
    pub wheels: BTreeMap<String, Pin>,
    /// The same, built from source archives.
    #[serde(rename = "source-wheels")]
    pub source_wheels: BTreeMap<String, Pin>,
    pub toolchain: Toolchain,
    pub node: Node,
    pub bench: Bench,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distribution {
    pub version: String,
    pub npm_version: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cpython {
    pub version: String,
    pub sha256: String,
    pub debian_path: String,
}

impl Cpython {
    /// `3.14`, as in folder and library names.
    pub fn minor(&self) -> String {
        self.version.split('.').take(2).collect::<Vec<_>>().join(".")
    }

    /// `314`, as in `python314.zip`.
    pub fn nodot(&self) -> String {
        self.version.split('.').take(2).collect()
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Emscripten {
    pub version: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platform {
    pub version: String,
    pub tag: String,
    pub accepted: Vec<String>,
}

/// One file of the package index.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    pub version: String,
    pub sha256: String,
}

impl Platform {
    /// Version of the last of the accepted platforms: beside its own, the one whose wheels an index is asked for.
    pub fn accepted_version(&self) -> Option<&str> {
        self.accepted.last()?.strip_prefix("pyemscripten_")?.strip_suffix("_wasm32")
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Toolchain {
    pub suite: String,
    pub packages: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    pub minimum: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bench {
    pub peer: String,
}

impl Versions {
    pub fn read(checkout: &Path) -> Result<Self> {
        let path = checkout.join("versions.toml");
        let text = std::fs::read_to_string(&path).with_context(|| format!("Could not read `{}`", path.display()))?;
        toml::from_str(&text).with_context(|| format!("Could not understand `{}`", path.display()))
    }
}
