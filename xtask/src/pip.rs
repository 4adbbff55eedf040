//! Wheels from the package index that the machine's pip is configured for.
//!
//! pip comes from the toolchain's Python, in an environment of its own in the cache. Which wheels fit is decided here, by
//! [`platform`]: pip evaluates markers for the machine it runs on, not for the distribution.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use pyoxide_lockfile::{Lockfile, Platform, Wheel, normalize, parse_requirement};

use crate::cache::Key;
use crate::context::Context;
use crate::failure::fail;
use crate::progress::Step;
use crate::root::Run;
use crate::versions::Versions;

/// What fits the distribution.
pub fn platform(versions: &Versions) -> Result<Platform> {
    let accepted: Vec<&str> = versions.platform.accepted.iter().map(String::as_str).collect();
    Ok(Platform::new(&versions.cpython.version, &accepted, &versions.emscripten.version)?)
}

/// The Python of an environment that has pip.
fn python(context: &Context) -> Result<PathBuf> {
    let root = context.root()?;
    let python = format!("python{}", context.versions.cpython.minor());
    let key = Key::new("pip-1").text("toolchain", &root.id).text("python", &python);
    // An environment names its own folder, so it is made where it stays.
    let dir = context.cache.shared("pip")?.join(key.hex());
    let made = dir.join("made");
    let _lock = context.cache.lock(&format!("pip-{}", key.hex()))?;
    if !made.exists() {
        let step = Step::start("pip");
        let run = Run { cwd: context.cache.path(), env: BTreeMap::new(), script: "\"$1\" -m venv --clear \"$2\"", args: vec![python.into(), dir.clone().into()] };
        root.run(&context.cache, "pip-environment", &step, run)?;
        fs::write(&made, "").with_context(|| format!("Could not write `{}`", made.display()))?;
        step.done();
    }
    Ok(dir.join("bin/python"))
}

fn pip_environment(context: &Context) -> Result<BTreeMap<String, String>> {
    Ok(BTreeMap::from([
        ("PIP_CACHE_DIR".to_string(), context.cache.shared("pip-cache")?.display().to_string()),
        ("PIP_DISABLE_PIP_VERSION_CHECK".to_string(), "1".to_string()),
        ("PIP_NO_INPUT".to_string(), "1".to_string()),
    ]))
}

/// Downloads wheels that fit into `into`, a folder below the cache or the checkout. `arguments` are requirements and options of `pip download`.
pub fn download(context: &Context, step: &Step, into: &Path, arguments: &[OsString]) -> Result<()> {
    let python = python(context)?;
    let versions = &context.versions;
    let mut args: Vec<OsString> = vec![python.into(), "download".into(), "--quiet".into(), "--only-binary=:all:".into(), "--dest".into(), into.into()];
    args.extend(["--implementation", "cp", "--python-version"].map(OsString::from));
    args.push(versions.cpython.minor().into());
    for abi in [format!("cp{}", versions.cpython.nodot()), "abi3".into(), "none".into()] {
        args.extend(["--abi".into(), abi.into()]);
    }
    for platform in versions.platform.accepted.iter().map(String::as_str).chain(["any"]) {
        args.extend(["--platform".into(), platform.into()]);
    }
    args.extend(arguments.iter().cloned());
    let env = pip_environment(context)?;
    let script = "python=$1; shift; \"$python\" -m pip \"$@\"";
    context.root()?.run(&context.cache, "pip-download", step, Run { cwd: &context.checkout, env, script, args })
}

/// The wheels that a list of pins names, one on a line, in a folder of the cache.
pub fn pinned(context: &Context, list: &Path, label: &str) -> Result<PathBuf> {
    let text = fs::read_to_string(list).with_context(|| format!("Could not read `{}`", list.display()))?;
    let key = Key::new("pinned-wheels-1").text("list", &text).text("platforms", &context.versions.platform.accepted.join(" "));
    context.cache.entry("pinned-wheels", &key, label, |out, step| {
        let pins = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let mut arguments: Vec<OsString> = vec!["--no-deps".into()];
        arguments.extend(pins.map(OsString::from));
        download(context, step, out, &arguments)
    })
}

/// A folder of the cache with programs for this machine's Python, installed from a list of pins.
pub fn tools(context: &Context, list: &Path, label: &str) -> Result<PathBuf> {
    let text = fs::read_to_string(list).with_context(|| format!("Could not read `{}`", list.display()))?;
    let root = context.root()?;
    let key = Key::new("pip-tools-1").text("list", &text).text("toolchain", &root.id);
    context.cache.entry("pip-tools", &key, label, |out, step| {
        let args = vec![python(context)?.into(), out.into(), list.into()];
        let script = "\"$1\" -m pip install --quiet --no-deps --only-binary=:all: --target \"$2\" --requirement \"$3\"";
        root.run(&context.cache, "pip-tools", step, Run { cwd: &context.checkout, env: pip_environment(context)?, script, args })
    })
}

/// Downloads the wheel at `url` alone; pip refuses another hash.
pub fn download_one(context: &Context, step: &Step, into: &Path, url: &str, sha256: &str) -> Result<()> {
    step.at(url);
    let bare = url.split('#').next().unwrap_or(url);
    download(context, step, into, &["--no-deps".into(), format!("{bare}#sha256={sha256}").into()])
}

/// Builds a wheel from the source archive with this hash. There is no C compiler: what is optional is left out.
pub fn build_pure(context: &Context, step: &Step, into: &Path, name: &str, version: &str, sha256: &str) -> Result<()> {
    let requirements = into.join("requirements.txt");
    fs::write(&requirements, format!("{name}=={version} --hash=sha256:{sha256}\n"))?;
    let mut args: Vec<OsString> = vec![python(context)?.into(), "wheel".into(), "--quiet".into(), "--no-deps".into(), "--no-binary".into(), name.into()];
    args.extend(["--wheel-dir".into(), into.into(), "--requirement".into(), requirements.clone().into()]);
    let env = BTreeMap::from([
        ("CC".to_string(), "false".to_string()),
        ("SOURCE_DATE_EPOCH".to_string(), "1767225600".to_string()),
        ("PIP_CACHE_DIR".to_string(), context.cache.shared("pip-cache")?.display().to_string()),
        ("PIP_DISABLE_PIP_VERSION_CHECK".to_string(), "1".to_string()),
        ("PIP_NO_INPUT".to_string(), "1".to_string()),
    ]);
    let script = "python=$1; shift; \"$python\" -m pip \"$@\"";
    context.root()?.run(&context.cache, "pip-build", step, Run { cwd: &context.checkout, env, script, args })?;
    fs::remove_file(&requirements).with_context(|| format!("Could not remove `{}`", requirements.display()))
}

/// All wheels of a folder, refusing one that does not fit.
pub fn read_wheels(dir: &Path, platform: &Platform) -> Result<Vec<Wheel>> {
    let mut files: Vec<PathBuf> = fs::read_dir(dir)?.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "whl")).collect();
    files.sort();
    files.iter().map(|file| read_wheel(file, platform)).collect()
}

pub fn read_wheel(file: &Path, platform: &Platform) -> Result<Wheel> {
    let bytes = fs::read(file).with_context(|| format!("Could not read the wheel `{}`", file.display()))?;
    Ok(Wheel::read(&file.file_name().unwrap_or_default().to_string_lossy(), &bytes, platform)?)
}

/// Downloads `requirements` and all that they need on the distribution's platform into `into`. The wheels in `locked` are there
/// already, are wanted whatever the requirements lead to, and are never replaced by other versions.
/// `dist` has the wheels that `offered` names: for some packages the index has none that fits.
pub fn download_closure(
    context: &Context, step: &Step, into: &Path, requirements: &[String], locked: &[Wheel], dist: &Path, offered: &Lockfile,
) -> Result<Vec<Wheel>> {
    let platform = platform(&context.versions)?;
    let mut wanted: Vec<String> = requirements.to_vec();
    let mut roots: Vec<String> = requirements.to_vec();
    roots.extend(locked.iter().map(|wheel| wheel.file.clone()));
    let constraints = into.join("constraints.txt");
    let pins: String = locked.iter().map(|wheel| format!("{}=={}\n", wheel.name, wheel.version)).collect();
    fs::write(&constraints, pins).with_context(|| format!("Could not write `{}`", constraints.display()))?;
    loop {
        step.at(&wanted.join(" "));
        // In one call, so that pip finds versions that fit all; it never downloads twice what is there.
        let mut arguments: Vec<OsString> = vec!["--find-links".into(), into.into(), "--find-links".into(), dist.into()];
        arguments.extend(["--constraint".into(), constraints.clone().into()]);
        arguments.extend(wanted.iter().map(OsString::from));
        download(context, step, into, &arguments)?;
        let wheels = read_wheels(into, &platform)?;
        let (needed, missing) = needed(&wheels, &roots, offered, &platform)?;
        if missing.is_empty() {
            // What pip took for the machine it runs on.
            for wheel in wheels.iter().filter(|wheel| !needed.contains(&normalize(&wheel.name))) {
                fs::remove_file(into.join(&wheel.file))?;
            }
            return Ok(wheels.into_iter().filter(|wheel| needed.contains(&normalize(&wheel.name))).collect());
        }
        let before = wanted.len();
        wanted.extend(missing.into_iter().filter(|m| !wanted.contains(m)).collect::<Vec<_>>());
        if wanted.len() == before {
            return fail("pip did not download everything that was asked for", "Look into its log file in the cache and try again");
        }
    }
}

/// Normalised names that `requirements` lead to, and the requirements that no wheel meets.
fn needed(wheels: &[Wheel], requirements: &[String], offered: &Lockfile, platform: &Platform) -> Result<(BTreeSet<String>, Vec<String>)> {
    let by_name: BTreeMap<String, &Wheel> = wheels.iter().map(|wheel| (normalize(&wheel.name), wheel)).collect();
    let mut queue = Vec::new();
    for text in requirements {
        // A file or a URL of a wheel: what it is called is in its file name.
        match text.rsplit('/').next().filter(|last| last.ends_with(".whl")) {
            Some(file) => queue.push(parse_requirement(file.split('-').next().unwrap_or(file))?),
            None => queue.push(parse_requirement(text)?),
        }
    }
    queue.retain(|requirement| requirement.evaluate_markers(platform.markers(), &[]));
    let mut seen = BTreeSet::new();
    let mut names = BTreeSet::new();
    let mut missing = Vec::new();
    while let Some(requirement) = queue.pop() {
        let mut extras = requirement.extras.clone();
        extras.sort();
        let name = normalize(requirement.name.as_ref());
        if !seen.insert((name.clone(), extras.clone())) {
            continue;
        }
        match by_name.get(&name) {
            Some(wheel) => {
                names.insert(name);
                queue.extend(wheel.requirements(platform, &extras)?);
            }
            None if offered.find(&name).is_some() => {}
            None => missing.push(requirement.to_string().split(';').next().unwrap_or_default().trim().to_string()),
        }
    }
    Ok((names, missing))
}
