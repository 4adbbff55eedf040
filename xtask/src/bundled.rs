//! Wheels that are part of the distribution, exactly as the index serves them: `[[bundled]]` in `versions.toml`.
//!
//! INVARIANT: a wheel whose hash is another than the one written down does not get into the distribution.

use std::path::PathBuf;

use anyhow::Result;
use pyoxide_lockfile::Wheel;

use crate::cache::Key;
use crate::context::Context;
use crate::failure::fail;
use crate::pip;

/// The folder that holds the wheels, and what is in it.
pub fn ensure(context: &Context) -> Result<(PathBuf, Vec<Wheel>)> {
    let mut key = Key::new("bundled-1").text("platforms", &context.versions.platform.accepted.join(" "));
    for package in &context.versions.bundled {
        key = key.text(&package.name, &format!("{} {}", package.version, package.sha256));
    }
    let dir = context.cache.entry("bundled", &key, "Bundled packages", |out, step| {
        let wanted = context.versions.bundled.iter().map(|package| format!("{}=={}", package.name, package.version).into());
        let mut arguments = vec!["--no-deps".into()];
        arguments.extend(wanted);
        pip::download(context, step, out, &arguments)?;
        let wheels = pip::read_wheels(out, &pip::platform(&context.versions)?)?;
        for package in &context.versions.bundled {
            match wheels.iter().find(|wheel| wheel.name.eq_ignore_ascii_case(&package.name)) {
                None => return fail(format!("pip did not download `{}`", package.name), "Look into its log file in the cache and try again"),
                Some(wheel) if wheel.sha256 != package.sha256 => {
                    let problem = format!("`{}` has another hash than `versions.toml` says: expected {}, found {}", wheel.file, package.sha256, wheel.sha256);
                    return fail(problem, "The index serves another file, or `versions.toml` is wrong; nothing was kept");
                }
                Some(_) => {}
            }
        }
        Ok(())
    })?;
    let wheels = pip::read_wheels(&dir, &pip::platform(&context.versions)?)?;
    Ok((dir, wheels))
}
