//! Packages that are part of the distribution: `[wheels]` and `[source-wheels]` in `versions.toml`. Wheels are exactly what the index
//! serves; where it has none that fits, a pure wheel is built from the source archive.
//!
//! INVARIANT: what has another hash than the one written down does not get into the distribution.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use pyoxide_lockfile::{Wheel, normalize};

use crate::cache::Key;
use crate::context::Context;
use crate::failure::fail;
use crate::pip;
use crate::progress::Step;
use crate::root::Run;
use crate::versions::Pin;

const PURE_WHEEL: &str = include_str!("scripts/pure_wheel.py");

/// The folder that holds the wheels, and what is in it.
pub fn ensure(context: &Context) -> Result<(PathBuf, Vec<Wheel>)> {
    let versions = &context.versions;
    let mut key = Key::new("bundled-3").text("platforms", &versions.platform.accepted.join(" ")).text("script", PURE_WHEEL);
    for (kind, pins) in [("wheel", &versions.wheels), ("source", &versions.source_wheels)] {
        for (name, pin) in pins {
            key = key.text(name, &format!("{} {} {kind}", pin.version, pin.sha256));
        }
    }
    let dir = context.cache.entry("bundled", &key, "Bundled packages", |out, step| {
        step.at(&format!("{} wheels", versions.wheels.len()));
        let mut arguments = vec!["--no-deps".into()];
        arguments.extend(versions.wheels.iter().map(|(name, pin)| format!("{name}=={}", pin.version).into()));
        pip::download(context, step, out, &arguments)?;
        let found: BTreeMap<_, _> = pip::read_wheels(out, &pip::platform(versions)?)?.into_iter().map(|wheel| (normalize(&wheel.name), wheel)).collect();
        for (name, pin) in &versions.wheels {
            match found.get(&normalize(name)) {
                None => return fail(format!("pip did not download `{name}`"), "Look into its log file in the cache and try again"),
                Some(wheel) if wheel.sha256 != pin.sha256 => {
                    let problem = format!("`{}` has another hash than `versions.toml` says: expected {}, found {}", wheel.file, pin.sha256, wheel.sha256);
                    return fail(problem, "The index serves another file, or `versions.toml` is wrong; nothing was kept");
                }
                Some(_) => {}
            }
        }
        versions.source_wheels.iter().try_for_each(|(name, pin)| build(context, name, pin, out, step))
    })?;
    let wheels = pip::read_wheels(&dir, &pip::platform(&context.versions)?)?;
    Ok((dir, wheels))
}

/// Builds a wheel without compiled parts.
fn build(context: &Context, name: &str, pin: &Pin, out: &Path, step: &Step) -> Result<()> {
    step.at(&format!("building {name}"));
    let work = out.join(format!(".{name}"));
    fs::create_dir_all(&work).with_context(|| format!("Could not create `{}`", work.display()))?;
    pip::build_pure(context, step, &work, name, &pin.version, &pin.sha256)?;
    let script = work.join("pure_wheel.py");
    fs::write(&script, PURE_WHEEL)?;
    let wheel = fs::read_dir(&work)?.flatten().map(|entry| entry.path()).find(|path| path.extension().is_some_and(|e| e == "whl"));
    let Some(wheel) = wheel else {
        return fail(format!("pip built no wheel of `{name}`"), "Look into its log file in the cache and try again");
    };
    let args = vec![script.into(), wheel.into(), out.into()];
    context.root()?.run(&context.cache, "pure-wheel", step, Run { cwd: out, env: BTreeMap::new(), script: "python3.14 -I \"$@\"", args })?;
    fs::remove_dir_all(&work).with_context(|| format!("Could not remove `{}`", work.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::versions::Versions;

    #[test]
    fn the_licence_of_every_wheel_is_listed() -> Result<()> {
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let versions = Versions::read(&checkout)?;
        let text = fs::read_to_string(checkout.join("LICENSES-BUNDLED.md"))?;
        let listed: Vec<&str> = text.split(['|', ',', '\n']).map(str::trim).collect();
        let missing: Vec<&String> = versions.wheels.keys().filter(|name| !listed.contains(&name.as_str())).collect();
        assert!(missing.is_empty(), "LICENSES-BUNDLED.md lacks {missing:?}");
        Ok(())
    }
}
