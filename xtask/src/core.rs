//! The Rust half of the core, as a static library for wasm.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::cache::Key;
use crate::context::Context;
use crate::root::Run;
use crate::sys_libs::{WASM_TARGET, cargo_build, cargo_environment};

const CRATE: &str = "pyoxide-core";
/// Crates that end up in the library; a change in any of them is a change of the library.
const WASM_CRATES: [&str; 2] = ["pyoxide-boundary", CRATE];

fn key(context: &Context) -> Result<Key> {
    let root = &context.checkout;
    let mut key = Key::new("core-1")
        .text("toolchain", &context.root()?.id)
        .text("command", &cargo_build(CRATE))
        .file(&root.join("Cargo.lock"))?
        .file(&root.join("Cargo.toml"))?
        .file(&root.join("cpython/pyo3-config.txt"))?;
    for name in WASM_CRATES {
        key = key.tree(&root.join("crates").join(name), |p| !p.starts_with("tests"))?;
    }
    Ok(key)
}

/// Builds the library incrementally and returns its path in the cache.
pub fn ensure(context: &Context) -> Result<PathBuf> {
    let entry = context.cache.entry("core", &key(context)?, "Rust core", |out, step| {
        // Two checkouts share one target folder: nobody may build between our build and our copy.
        let _lock = context.cache.lock("core-target")?;
        let env = cargo_environment(context)?;
        let target = env.get("CARGO_TARGET_DIR").cloned().unwrap_or_default();
        let script = cargo_build(CRATE);
        context.root()?.run(&context.cache, "core", step, Run { cwd: &context.checkout, env, script: &script, args: Vec::new() })?;
        let name = "libpyoxide_core.a";
        let built = Path::new(&target).join(WASM_TARGET).join("release").join(name);
        fs::copy(&built, out.join(name)).with_context(|| format!("Cargo made no `{}`", built.display()))?;
        Ok(())
    })?;
    Ok(entry.join("libpyoxide_core.a"))
}

