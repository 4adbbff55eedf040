//! Runs `benches/compare.mjs` or `benches/chromium.mjs` on `dist/` and the peer, the npm package named in `versions.toml`.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};

use crate::cache::Key;
use crate::context::Context;
use crate::failure::fail;
use crate::{dist, pip, runtime};

pub fn run(context: &Context, chromium: bool, arguments: &[OsString]) -> Result<ExitCode> {
    runtime::check_node(&context.versions)?;
    let dist = dist::ensure(context)?;
    let peer = &context.versions.bench.peer;
    let key = Key::new("bench-peer-1").text("package", peer);
    let entry = context.cache.entry("peer", &key, &format!("Peer for comparison ({peer})"), |out, _| {
        runtime::run(Command::new("npm").args(["pack", "--silent", "--pack-destination"]).arg(out).arg(peer).current_dir(out), "npm pack")?;
        let Some(archive) = crate::cache::files_below(out)?.into_iter().find(|f| f.extension().is_some_and(|e| e == "tgz")) else {
            return fail(format!("npm gave no archive of {peer}"), "Check `bench.peer` in `versions.toml`");
        };
        runtime::run(Command::new("tar").arg("-xzf").arg(&archive).current_dir(out), "tar")?;
        std::fs::remove_file(out.join(archive))?;
        Ok(())
    })?;
    if chromium {
        runtime::ensure_npm_packages(&context.versions, &context.checkout.join("tests"), "npm packages of the tests")?;
    }
    let mut extra: Vec<OsString> = Vec::new();
    if !chromium && wants_packages(arguments) {
        extra.extend(["--wheels".into(), wheels(context)?.into()]);
    }
    let status = Command::new("node")
        .arg(context.checkout.join(if chromium { "benches/chromium.mjs" } else { "benches/compare.mjs" }))
        .arg("--subject")
        .arg(&dist)
        .arg("--peer")
        .arg(entry.join("package"))
        .args(extra)
        .args(arguments)
        .status()
        .context("Could not start Node")?;
    Ok(crate::exit_code(status))
}

/// All groups are measured unless `--only` names some.
fn wants_packages(arguments: &[OsString]) -> bool {
    let only = arguments.iter().position(|a| a == "--only").and_then(|at| arguments.get(at + 1));
    only.is_none_or(|groups| groups.to_string_lossy().split(',').any(|group| group == "packages" || group == "restore"))
}

/// The wheels of `benches/wheels.txt`: a folder for each of its sections.
fn wheels(context: &Context) -> Result<PathBuf> {
    let list = context.checkout.join("benches/wheels.txt");
    let text = fs::read_to_string(&list).with_context(|| format!("Could not read `{}`", list.display()))?;
    let key = Key::new("bench-wheels-1").text("list", &text);
    context.cache.entry("bench-wheels", &key, "Wheels for comparison", |out, step| {
        let mut sections: Vec<(PathBuf, Vec<OsString>)> = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                sections.push((out.join(name), vec!["--no-deps".into()]));
            } else if let Some((_, pins)) = sections.last_mut() {
                pins.push(line.into());
            }
        }
        sections.iter().try_for_each(|(folder, pins)| pip::download(context, step, folder, pins))
    })
}
