//! Runs `benches/compare.mjs` or `benches/chromium.mjs` on `dist/` and the peer, the npm package named in `versions.toml`.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};

use crate::cache::Key;
use crate::context::Context;
use crate::failure::fail;
use crate::{dist, runtime};

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
    let status = Command::new("node")
        .arg(context.checkout.join(if chromium { "benches/chromium.mjs" } else { "benches/compare.mjs" }))
        .arg("--subject")
        .arg(&dist)
        .arg("--peer")
        .arg(entry.join("package"))
        .args(arguments)
        .status()
        .context("Could not start Node")?;
    Ok(crate::exit_code(status))
}
