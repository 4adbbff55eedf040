//! The lock file itself.

use std::collections::{BTreeMap, BTreeSet};

use pep508_rs::{ExtraName, Requirement, VersionOrUrl};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::name::normalize;
use crate::platform::{Platform, parse_requirement};
use crate::wheel::Wheel;

/// Which distribution the packages are for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Info {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub abi_version: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub arch: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub platform: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub python: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Keys that this crate does not know are kept.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Where a package's files go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InstallDir {
    #[default]
    Site,
    Stdlib,
    Dynlib,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Package {
    pub name: String,
    #[serde(default)]
    pub version: String,
    /// Relative to the lock file (or to `packageBaseUrl`), or a URL.
    pub file_name: String,
    #[serde(default)]
    pub install_dir: InstallDir,
    pub sha256: String,
    #[serde(default = "package_type")]
    pub package_type: String,
    /// Top-level modules.
    #[serde(default)]
    pub imports: Vec<String>,
    /// Names, normalised when this crate writes them.
    #[serde(default)]
    pub depends: Vec<String>,
    #[serde(default)]
    pub unvendored_tests: bool,
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

fn package_type() -> String {
    "package".to_string()
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Lockfile {
    pub info: Info,
    /// By normalised name.
    pub packages: BTreeMap<String, Package>,
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Lockfile {
    /// `place` says in messages where `text` came from.
    pub fn parse(text: &str, place: &str) -> Result<Self> {
        let wrong = |problem: String| Error::NotALockfile { place: place.to_string(), problem };
        let mut lockfile: Self = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let mut packages: BTreeMap<String, Package> = BTreeMap::new();
        for package in std::mem::take(&mut lockfile.packages).into_values() {
            let digest = &package.sha256;
            if digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(wrong(format!("the SHA-256 of `{}` is not 64 hexadecimal digits", package.name)));
            }
            let name = normalize(&package.name);
            if let Some(first) = packages.get(&name) {
                return Err(Error::ListedTwice {
                    place: place.to_string(),
                    first: first.name.clone(),
                    second: package.name,
                    name,
                });
            }
            packages.insert(name, package);
        }
        lockfile.packages = packages;
        Ok(lockfile)
    }

    /// The same bytes for the same content: names sorted, two spaces, a newline at the end.
    pub fn to_json(&self) -> String {
        // Maps with text keys and plain values: there is nothing that serde_json could refuse.
        serde_json::to_string_pretty(self).map(|text| text + "\n").unwrap_or_default()
    }

    /// The entry of a package, by any spelling of its name.
    pub fn find(&self, name: &str) -> Option<&Package> {
        self.packages.get(&normalize(name))
    }

    /// Adds wheels, replacing older entries of the same names. `file_name` says for a wheel what its entry should name.
    ///
    /// Nothing is changed when a requirement of one of the wheels is met neither by them nor by what the lock file
    /// has already; `ignore_missing` lets a missing one through (never one whose version does not fit).
    pub fn add_wheels(
        &mut self,
        wheels: &[Wheel],
        platform: &Platform,
        ignore_missing: bool,
        place: &str,
        file_name: impl Fn(&Wheel) -> String,
    ) -> Result<()> {
        let mut next = self.clone();
        for wheel in wheels {
            next.packages.insert(
                normalize(&wheel.name),
                Package {
                    name: wheel.name.clone(),
                    version: wheel.version.to_string(),
                    file_name: file_name(wheel),
                    install_dir: InstallDir::Site,
                    sha256: wheel.sha256.clone(),
                    package_type: package_type(),
                    imports: wheel.imports.clone(),
                    depends: Vec::new(),
                    unvendored_tests: false,
                    other: Map::new(),
                },
            );
        }
        let extras = requested_extras(wheels, platform)?;
        for wheel in wheels {
            let wanted: Vec<ExtraName> = extras.get(&normalize(&wheel.name)).into_iter().flatten().cloned().collect();
            let mut depends = BTreeSet::new();
            for requirement in wheel.requirements(platform, &wanted)? {
                let needed = normalize(requirement.name.as_ref());
                let missing = |found: Option<&Package>| -> Error {
                    let (place, needed_by, requirement) = (place.to_string(), wheel.name.clone(), plain(&requirement));
                    match found {
                        Some(package) => Error::Conflict { place, needed_by, requirement, found: package.version.clone() },
                        None => Error::Missing { place, needed_by, requirement },
                    }
                };
                match next.packages.get(&needed) {
                    Some(package) if satisfies(package, &requirement) => {}
                    Some(package) => return Err(missing(Some(package))),
                    None if ignore_missing => {}
                    None => return Err(missing(None)),
                }
                // A package that names itself, for its own extras, does not depend on itself.
                if needed != normalize(&wheel.name) {
                    depends.insert(needed);
                }
            }
            if let Some(entry) = next.packages.get_mut(&normalize(&wheel.name)) {
                entry.depends = depends.into_iter().collect();
            }
        }
        *self = next;
        Ok(())
    }

    /// Names of what is needed by an entry and not there: (needed by, name), sorted.
    pub fn missing(&self) -> Vec<(String, String)> {
        self.packages
            .values()
            .flat_map(|package| package.depends.iter().map(move |needed| (package.name.clone(), needed.clone())))
            .filter(|(_, needed)| self.find(needed).is_none())
            .collect()
    }

    /// `names` and all they need, dependencies before what needs them. Cycles are allowed: each package comes once.
    pub fn closure<'a>(&'a self, names: &[&str], place: &str) -> Result<Vec<&'a Package>> {
        let mut seen = BTreeSet::new();
        let mut order = Vec::new();
        // A stack of (package, next dependency): lock files come from outside, so depth must not be the program's stack.
        for name in names {
            let mut stack = Vec::new();
            self.enter(name, "the request", place, &mut seen, &mut stack)?;
            while let Some((package, next)) = stack.last_mut() {
                let package: &Package = package;
                if let Some(needed) = package.depends.get(*next) {
                    *next += 1;
                    self.enter(needed, &package.name, place, &mut seen, &mut stack)?;
                } else {
                    order.push(package);
                    stack.pop();
                }
            }
        }
        Ok(order)
    }

    fn enter<'a>(
        &'a self,
        name: &str,
        needed_by: &str,
        place: &str,
        seen: &mut BTreeSet<String>,
        stack: &mut Vec<(&'a Package, usize)>,
    ) -> Result<()> {
        let package = self.find(name).ok_or_else(|| Error::Missing {
            place: place.to_string(),
            needed_by: needed_by.to_string(),
            requirement: name.to_string(),
        })?;
        if seen.insert(normalize(name)) {
            stack.push((package, 0));
        }
        Ok(())
    }

    /// Refuses a lock file that could not be loaded: a dependency without an entry.
    pub fn check(&self, place: &str) -> Result<()> {
        match self.missing().into_iter().next() {
            None => Ok(()),
            Some((needed_by, requirement)) => Err(Error::Missing { place: place.to_string(), needed_by, requirement }),
        }
    }
}

/// Extras that the wheels ask of each other, to a fixed point: an extra can ask for further extras.
fn requested_extras(wheels: &[Wheel], platform: &Platform) -> Result<BTreeMap<String, BTreeSet<ExtraName>>> {
    let mut extras: BTreeMap<String, BTreeSet<ExtraName>> = BTreeMap::new();
    loop {
        let mut grew = false;
        for wheel in wheels {
            let wanted: Vec<ExtraName> = extras.get(&normalize(&wheel.name)).into_iter().flatten().cloned().collect();
            for requirement in wheel.requirements(platform, &wanted)? {
                let known = extras.entry(normalize(requirement.name.as_ref())).or_default();
                for extra in &requirement.extras {
                    grew |= known.insert(extra.clone());
                }
            }
        }
        if !grew {
            return Ok(extras);
        }
    }
}

fn satisfies(package: &Package, requirement: &Requirement) -> bool {
    match &requirement.version_or_url {
        None | Some(VersionOrUrl::Url(_)) => true,
        // An entry without a readable version (parts of the standard library) was put there on purpose.
        Some(VersionOrUrl::VersionSpecifier(wanted)) => package.version.parse().map_or(true, |version| wanted.contains(&version)),
    }
}

/// A requirement without its marker, which is known to hold when a message shows it.
fn plain(requirement: &Requirement) -> String {
    let text = requirement.to_string();
    text.split(';').next().unwrap_or_default().trim().to_string()
}

/// Requirements that hold on `platform`, from lines of `Requires-Dist`.
pub(crate) fn applicable(lines: &[String], platform: &Platform, extras: &[ExtraName]) -> Result<Vec<Requirement>> {
    let mut found = Vec::new();
    for line in lines {
        let requirement = parse_requirement(line)?;
        if requirement.evaluate_markers(platform.markers(), extras) {
            found.push(requirement);
        }
    }
    Ok(found)
}
