//! Packages that are part of the distribution: `[[bundled]]` in `versions.toml`. Wheels are exactly what the index serves; where it
//! has none that fits, a pure wheel is built from the source archive.
//!
//! INVARIANT: what has another hash than the one written down does not get into the distribution.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use pyoxide_lockfile::Wheel;

use crate::cache::Key;
use crate::context::Context;
use crate::failure::fail;
use crate::pip;
use crate::progress::Step;
use crate::root::Run;
use crate::versions::Bundled;

const PURE_WHEEL: &str = include_str!("scripts/pure_wheel.py");

/// The folder that holds the wheels, and what is in it.
pub fn ensure(context: &Context) -> Result<(PathBuf, Vec<Wheel>)> {
    let mut key = Key::new("bundled-2").text("platforms", &context.versions.platform.accepted.join(" ")).text("script", PURE_WHEEL);
    for package in &context.versions.bundled {
        key = key.text(&package.name, &format!("{} {} {}", package.version, package.sha256, package.sdist));
    }
    let dir = context.cache.entry("bundled", &key, "Bundled packages", |out, step| {
        let (sources, ready): (Vec<_>, Vec<_>) = context.versions.bundled.iter().partition(|package| package.sdist);
        let wanted = ready.iter().map(|package| format!("{}=={}", package.name, package.version).into());
        let mut arguments = vec!["--no-deps".into()];
        arguments.extend(wanted);
        pip::download(context, step, out, &arguments)?;
        let wheels = pip::read_wheels(out, &pip::platform(&context.versions)?)?;
        for package in ready {
            match wheels.iter().find(|wheel| wheel.name.eq_ignore_ascii_case(&package.name)) {
                None => return fail(format!("pip did not download `{}`", package.name), "Look into its log file in the cache and try again"),
                Some(wheel) if wheel.sha256 != package.sha256 => {
                    let problem = format!("`{}` has another hash than `versions.toml` says: expected {}, found {}", wheel.file, package.sha256, wheel.sha256);
                    return fail(problem, "The index serves another file, or `versions.toml` is wrong; nothing was kept");
                }
                Some(_) => {}
            }
        }
        sources.into_iter().try_for_each(|package| build(context, package, out, step))
    })?;
    let wheels = pip::read_wheels(&dir, &pip::platform(&context.versions)?)?;
    Ok((dir, wheels))
}

/// Builds a wheel without compiled parts.
fn build(context: &Context, package: &Bundled, out: &Path, step: &Step) -> Result<()> {
    step.at(&format!("building {}", package.name));
    let work = out.join(format!(".{}", package.name));
    fs::create_dir_all(&work).with_context(|| format!("Could not create `{}`", work.display()))?;
    pip::build_pure(context, step, &work, &package.name, &package.version, &package.sha256)?;
    let script = work.join("pure_wheel.py");
    fs::write(&script, PURE_WHEEL)?;
    let wheel = fs::read_dir(&work)?.flatten().map(|entry| entry.path()).find(|path| path.extension().is_some_and(|e| e == "whl"));
    let Some(wheel) = wheel else {
        return fail(format!("pip built no wheel of `{}`", package.name), "Look into its log file in the cache and try again");
    };
    let args = vec![script.into(), wheel.into(), out.into()];
    context.root()?.run(&context.cache, "pure-wheel", step, Run { cwd: out, env: BTreeMap::new(), script: "python3.14 -I \"$@\"", args })?;
    fs::remove_dir_all(&work).with_context(|| format!("Could not remove `{}`", work.display()))
}
