//! What a lock file needs to know of a wheel.

use std::collections::BTreeSet;
use std::io::{Cursor, Read};
use std::str::FromStr;

use pep440_rs::Version;
use pep508_rs::{ExtraName, Requirement};
use zip::ZipArchive;

use crate::error::{Error, Result};
use crate::lockfile::applicable;
use crate::name::{WheelName, normalize};
use crate::platform::{Platform, parse_requirement};

/// Nobody writes more metadata than this; a zip can claim anything.
const MOST_METADATA: u64 = 16 << 20;

/// A wheel whose name and metadata agree and whose requirements can be parsed.
#[derive(Debug, Clone)]
pub struct Wheel {
    pub file: String,
    /// As the metadata writes it.
    pub name: String,
    pub version: Version,
    pub sha256: String,
    /// Top-level modules, sorted; a namespace package counts by its first part.
    pub imports: Vec<String>,
    requires: Vec<String>,
}

impl Wheel {
    /// Reads a wheel that must fit `platform`. `file` is its name, `bytes` all of it.
    pub fn read(file: &str, bytes: &[u8], platform: &Platform) -> Result<Self> {
        let bad = |problem: String| Error::BadWheel { file: file.to_string(), problem };
        let tags = WheelName::parse(file)?;
        platform.fits(file, &tags)?;
        let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| bad(error.to_string()))?;
        let names: Vec<String> = archive.file_names().map(str::to_string).collect();
        let metadata_name = names
            .iter()
            .find(|name| {
                name.split_once('/').is_some_and(|(folder, rest)| {
                    rest == "METADATA"
                        && folder
                            .strip_suffix(".dist-info")
                            .and_then(|stem| stem.split_once('-'))
                            .is_some_and(|(distribution, _)| normalize(distribution) == normalize(&tags.distribution))
                })
            })
            .ok_or_else(|| bad("it has no `.dist-info/METADATA` of its own name".to_string()))?
            .clone();
        let mut metadata = String::new();
        archive
            .by_name(&metadata_name)
            .map_err(|error| bad(error.to_string()))?
            .take(MOST_METADATA)
            .read_to_string(&mut metadata)
            .map_err(|error| bad(error.to_string()))?;
        let headers = headers(&metadata);
        let header = |key: &'static str| headers.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value.clone());
        let name = header("Name").next().ok_or_else(|| bad("its metadata has no name".to_string()))?;
        if normalize(&name) != normalize(&tags.distribution) {
            return Err(bad(format!("its metadata is of the package `{name}`")));
        }
        let text = header("Version").next().ok_or_else(|| bad("its metadata has no version".to_string()))?;
        let version = Version::from_str(&text).map_err(|_| bad(format!("its version `{text}` is not a version")))?;
        if Version::from_str(&tags.version).ok().as_ref() != Some(&version) {
            return Err(bad(format!("its metadata says version {version}")));
        }
        let requires: Vec<String> = header("Requires-Dist").collect();
        for line in &requires {
            parse_requirement(line).map_err(|error| bad(error.to_string()))?;
        }
        Ok(Self { file: file.to_string(), name, version, sha256: crate::sha256(bytes), imports: imports(&names), requires })
    }

    /// What it needs on `platform` when `extras` of it are asked for.
    pub fn requirements(&self, platform: &Platform, extras: &[ExtraName]) -> Result<Vec<Requirement>> {
        applicable(&self.requires, platform, extras)
    }
}

/// The headers of an e-mail-like text, up to the first empty line; a line that starts with a blank goes on with the one before.
fn headers(text: &str) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in text.lines().take_while(|line| !line.is_empty()) {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = headers.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            headers.push((name.trim().to_string(), value.trim().to_string()));
        }
    }
    headers
}

/// Names that `import` finds at the top of site-packages after the wheel was unpacked.
fn imports(files: &[String]) -> Vec<String> {
    let identifier = |name: &str| {
        let mut characters = name.chars();
        characters.next().is_some_and(|c| c == '_' || c.is_alphabetic()) && characters.all(|c| c == '_' || c.is_alphanumeric())
    };
    let mut found = BTreeSet::new();
    for file in files {
        let mut path = file.as_str();
        // name.data/purelib and name.data/platlib are unpacked beside the rest.
        if let Some((first, rest)) = path.split_once('/') {
            if first.ends_with(".data") {
                match rest.split_once('/') {
                    Some(("purelib" | "platlib", inner)) => path = inner,
                    _ => continue,
                }
            }
        }
        let module = |name: &str| {
            let python = name.strip_suffix(".py").or_else(|| name.strip_suffix(".pyc"));
            python.or_else(|| name.strip_suffix(".so").map(|stem| stem.split('.').next().unwrap_or(stem))).map(str::to_string)
        };
        let name = match path.split_once('/') {
            None => module(path),
            Some((folder, rest)) => rest.rsplit('/').next().and_then(module).map(|_| folder.to_string()),
        };
        found.extend(name.filter(|name| identifier(name)));
    }
    found.into_iter().collect()
}
