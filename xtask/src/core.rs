//! The Rust half of the core, as a static library for wasm.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::cache::{Key, remove_tree};
use crate::context::Context;
use crate::root::Run;
use crate::sys_libs::{RUST_FLAGS, WASM_TARGET, cargo_build, cargo_environment};

const CRATE: &str = "pyoxide-core";
/// Crates that end up in the library; a change in any of them is a change of the library.
const WASM_CRATES: [&str; 3] = ["pyoxide-boundary", "pyoxide-hash", CRATE];

fn key(context: &Context) -> Result<Key> {
    let root = &context.checkout;
    let mut key = Key::new("core-2")
        .text("toolchain", &context.root()?.id)
        .text("command", &cargo_build(CRATE))
        .text("flags", RUST_FLAGS)
        .file(&root.join("Cargo.lock"))?
        .file(&root.join("Cargo.toml"))?
        .file(&root.join("cpython/pyo3-config.txt"))?;
    for name in WASM_CRATES {
        key = key.tree(&root.join("crates").join(name), |p| !p.starts_with("tests"))?;
    }
    Ok(key)
}

/// Cargo knows a crate by its path below the workspace and its sources by their times: in a target folder that another
/// checkout used last it would take that one's crates for ours.
fn forget_other_checkout(target: &Path, checkout: &Path) -> Result<()> {
    let stamp = target.join("last-checkout");
    let ours = checkout.display().to_string();
    if fs::read_to_string(&stamp).is_ok_and(|last| last == ours) {
        return Ok(());
    }
    let fingerprints = target.join(WASM_TARGET).join("release/.fingerprint");
    for entry in fs::read_dir(&fingerprints).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if WASM_CRATES.iter().any(|crate_name| name.strip_prefix(crate_name).is_some_and(|rest| rest.starts_with('-'))) {
            remove_tree(&entry.path())?;
        }
    }
    fs::create_dir_all(target).with_context(|| format!("Could not create `{}`", target.display()))?;
    fs::write(&stamp, ours).with_context(|| format!("Could not write `{}`", stamp.display()))
}

/// Builds the library incrementally and returns its path in the cache.
pub fn ensure(context: &Context) -> Result<PathBuf> {
    let entry = context.cache.entry("core", &key(context)?, "Rust core", |out, step| {
        // Two checkouts share one target folder: nobody may build between our build and our copy.
        let _lock = context.cache.lock("core-target")?;
        let env = cargo_environment(context)?;
        let target = env.get("CARGO_TARGET_DIR").cloned().unwrap_or_default();
        let script = cargo_build(CRATE);
        forget_other_checkout(Path::new(&target), &context.checkout)?;
        context.root()?.run(&context.cache, "core", step, Run { cwd: &context.checkout, env, script: &script, args: Vec::new() })?;
        let name = "libpyoxide_core.a";
        let built = Path::new(&target).join(WASM_TARGET).join("release").join(name);
        fs::copy(&built, out.join(name)).with_context(|| format!("Cargo made no `{}`", built.display()))?;
        Ok(())
    })?;
    Ok(entry.join("libpyoxide_core.a"))
}

