//! Puts the distribution together in `dist/`.
//!
//! INVARIANT: `dist/` holds what the current sources say or does not exist: it is made beside and swapped in.
//! An up-to-date `dist/` is recognised by the keys of its parts and the sizes and times of its files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

use anyhow::{Context as _, Result};
use pyoxide_lockfile::{Info, Lockfile};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cache::{Key, files_below, remove_tree};
use crate::context::Context;
use crate::failure::{Failure, fail};
use crate::progress::Step;
use crate::sys_libs::copy_tree;
use crate::versions::Versions;
use crate::{bundled, codegen, hints, link, on_demand, pip, runtime, stdlib, stdlib_packages};

/// The memory of an interpreter that has started: what `loadPyodide` starts from.
const SNAPSHOT: &str = "pyodide.snapshot";
/// The same with few modules, for the smallest first load: `loadPyodide({ snapshot: "pyodide.core.snapshot" })`.
const CORE_SNAPSHOT: &str = "pyodide.core.snapshot";
/// What the `python` command starts from.
const COMMAND_SNAPSHOT: &str = "python.snapshot";
const MAKE_SNAPSHOT: &str = include_str!("scripts/make_snapshot.mjs");

/// Files without which a distribution is none.
const REQUIRED: [&str; 17] = [
    SNAPSHOT, CORE_SNAPSHOT, COMMAND_SNAPSHOT, "pyodide.mjs", "pyodide.js", "pyodide.asm.mjs", CLASSIC_GLUE, "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json", "package.json",
    "pyodide.d.ts", "ffi.d.ts", "python", "python.mjs", "python-thread.mjs", stdlib::SOURCES,
];

/// The JavaScript of the main module once more, for where nothing can be imported at run time: service workers take it
/// with `importScripts` or a static import, and the loader finds what it leaves in the global scope.
const CLASSIC_GLUE: &str = "pyodide.asm.js";
const CLASSIC_GLUE_SOURCE: &str = "import createModule from './pyodide.asm.mjs'; globalThis._createPyodideModule = createModule;";
const GLUE_OPTIONS: [&str; 3] = ["--minify", "--target=es2022", "--log-level=warning"];
const CLASSIC_GLUE_OPTIONS: [&str; 7] = [
    "--bundle", "--format=iife", "--target=es2022", "--external:node:*", "--minify-whitespace", "--log-level=warning",
    // A classic script has no `import.meta`; all that needs the address is told it by the loader.
    "--define:import.meta.url=\"\"",
];

#[derive(Serialize, Deserialize, PartialEq, Eq)]
struct Stamp {
    key: String,
    /// File name, size, time of last change in nanoseconds.
    files: BTreeMap<String, (u64, u128)>,
}

fn stamp_path(context: &Context) -> PathBuf {
    context.checkout.join("target/dist-stamp.json")
}

fn look_at(dir: &Path) -> Result<BTreeMap<String, (u64, u128)>> {
    let mut files = BTreeMap::new();
    for relative in files_below(dir)? {
        let meta = fs::metadata(dir.join(&relative))?;
        let time = meta.modified()?.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos());
        files.insert(relative.display().to_string(), (meta.len(), time));
    }
    Ok(files)
}

/// Brings `dist/` up to date. Builds whatever is missing.
pub fn ensure(context: &Context) -> Result<PathBuf> {
    codegen::run(&context.checkout, true)?;
    let main_module = link::ensure(context)?;
    let stdlib = stdlib::ensure(context)?;
    let runtime = runtime::ensure(context)?;
    let (parts_folder, parts) = stdlib_packages::ensure(context)?;
    let package = serde_json::to_string_pretty(&package_json(&context.versions))? + "\n";
    let (bundled, wheels) = bundled::ensure(context)?;
    let mut lockfile = lockfile(&context.versions);
    lockfile.add_wheels(&wheels, &pip::platform(&context.versions)?, false, "the lock file of the distribution", |wheel| wheel.file.clone())?;
    lockfile.packages.extend(parts);
    let lock = lockfile.to_json();

    let name = |p: &Path| p.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let key = Key::new("dist-1")
        .text("main module", &name(&main_module))
        .text("stdlib", &stdlib.parent().map(name).unwrap_or_default())
        .text("runtime", &name(&runtime))
        .text("glue", &GLUE_OPTIONS.join(" "))
        .text("classic glue", &format!("{CLASSIC_GLUE_SOURCE} {}", CLASSIC_GLUE_OPTIONS.join(" ")))
        .text("snapshot", MAKE_SNAPSHOT)
        .text("first calls", hints::SCRIPT)
        .text("hints", hints::SOURCE)
        .text("package.json", &package)
        .text("lock", &lock)
        .hex();
    let dist = context.dist();
    let stamp: Option<Stamp> = fs::read_to_string(stamp_path(context)).ok().and_then(|t| serde_json::from_str(&t).ok());
    // What programs add to the folder (wheels that they keep there) does no harm, and tests that run must not lose the folder for it.
    let is_as_made = |made: &Stamp| look_at(&dist).is_ok_and(|found| made.files.iter().all(|(name, file)| found.get(name) == Some(file)));
    if stamp.is_some_and(|made| made.key == key && is_as_made(&made)) {
        return Ok(dist);
    }

    let _lock = context.cache.lock(&format!("dist-{}", Key::new("checkout").text("path", &context.checkout.display().to_string()).hex()))?;
    let step = Step::start("Distribution in dist/");
    let target = context.checkout.join("target");
    let fresh = target.join(format!("dist-new.{}", std::process::id()));
    remove_tree(&fresh)?;
    fs::create_dir_all(&fresh).with_context(|| format!("Could not create `{}`", fresh.display()))?;
    let fill = || -> Result<()> {
        copy_tree(&main_module, &fresh)?;
        copy_tree(&on_demand::ensure(context)?, &fresh)?;
        copy_tree(&runtime, &fresh)?;
        shrink_glue(context, &fresh)?;
        make_classic_glue(context, &fresh)?;
        fs::copy(&stdlib, fresh.join(stdlib::ZIP))?;
        fs::copy(stdlib.with_file_name(stdlib::SOURCES), fresh.join(stdlib::SOURCES))?;
        for wheel in &wheels {
            fs::copy(bundled.join(&wheel.file), fresh.join(&wheel.file))?;
        }
        stdlib_packages::copy(&parts_folder, &fresh)?;
        fs::write(fresh.join("package.json"), &package)?;
        fs::write(fresh.join("pyodide-lock.json"), &lock)?;
        step.at("making the memory snapshot");
        make_snapshot(&fresh, &target, SNAPSHOT, "")?;
        make_snapshot(&fresh, &target, CORE_SNAPSHOT, "core")?;
        make_snapshot(&fresh, &target, COMMAND_SNAPSHOT, "command")?;
        step.at("seeing what first calls use");
        hints::add(&fresh, &target)?;
        let missing: Vec<_> = REQUIRED.iter().filter(|f| !fresh.join(f).exists()).copied().collect();
        if !missing.is_empty() {
            return fail(format!("The distribution lacks: {}", missing.join(", ")), "Check the sources these files are made from");
        }
        remove_tree(&dist)?;
        fs::rename(&fresh, &dist).with_context(|| format!("Could not put `{}` in place", dist.display()))
    };
    if let Err(error) = fill() {
        let _ = remove_tree(&fresh);
        return Err(error);
    }
    let stamp = Stamp { key, files: look_at(&dist)? };
    fs::write(stamp_path(context), serde_json::to_string(&stamp)?).context("Could not write the stamp of `dist/`")?;
    step.done();
    Ok(dist)
}

/// Emscripten's JavaScript with short names: half the size, and a third less for an engine to read at every start.
fn shrink_glue(context: &Context, dir: &Path) -> Result<()> {
    let npm = context.checkout.join("runtime");
    runtime::ensure_npm_packages(&context.versions, &npm, "npm packages of the runtime")?;
    let glue = dir.join(link::GLUE);
    let mut command = Command::new(npm.join("node_modules/.bin/esbuild"));
    command.arg(&glue).args(GLUE_OPTIONS).arg("--allow-overwrite").arg(format!("--outfile={}", glue.display()));
    runtime::run(&mut command, "esbuild")?;
    let text = fs::read_to_string(&glue).with_context(|| format!("esbuild made no `{}`", glue.display()))?;
    if !text.contains("=(async function") {
        return fail("The parentheses around the function of `pyodide.asm.mjs` are gone", "Look at what this version of esbuild writes: without them the text is read twice");
    }
    Ok(())
}

/// Bundles [`CLASSIC_GLUE`] from the module beside it.
fn make_classic_glue(context: &Context, dir: &Path) -> Result<()> {
    let npm = context.checkout.join("runtime");
    runtime::ensure_npm_packages(&context.versions, &npm, "npm packages of the runtime")?;
    let entry = dir.join("classic-glue.mjs");
    fs::write(&entry, CLASSIC_GLUE_SOURCE)?;
    let mut command = Command::new(npm.join("node_modules/.bin/esbuild"));
    command.arg(&entry).args(CLASSIC_GLUE_OPTIONS).arg(format!("--outfile={}", dir.join(CLASSIC_GLUE).display()));
    runtime::run(&mut command, "esbuild")?;
    fs::remove_file(&entry).with_context(|| format!("Could not remove `{}`", entry.display()))
}

/// Boots what lies in `dist` and saves its memory there.
fn make_snapshot(dist: &Path, target: &Path, name: &str, variant: &str) -> Result<()> {
    let script = target.join(format!("make-snapshot.{}.mjs", std::process::id()));
    fs::write(&script, MAKE_SNAPSHOT).with_context(|| format!("Could not write `{}`", script.display()))?;
    let mut command = Command::new("node");
    command.arg("--no-warnings").arg(&script).arg(dist).arg(dist.join(name)).arg(variant).env("TZ", "UTC");
    let result = runtime::run(&mut command, "Making the memory snapshot");
    fs::remove_file(&script)?;
    result
}

/// The npm package: the same files, found by the conditions of Node and of bundlers.
fn package_json(versions: &Versions) -> Value {
    let mut exports = serde_json::Map::new();
    exports.insert(
        ".".into(),
        json!({ "types": "./pyodide.d.ts", "require": "./pyodide.js", "import": "./pyodide.mjs", "default": "./pyodide.mjs" }),
    );
    exports.insert("./ffi".into(), json!({ "types": "./ffi.d.ts" }));
    for file in [
        "pyodide.mjs", "pyodide.js", "pyodide.mjs.map", "pyodide.js.map", "pyodide.asm.mjs", CLASSIC_GLUE, "pyodide.asm.wasm",
        "python_stdlib.zip", stdlib::SOURCES, SNAPSHOT, CORE_SNAPSHOT, "pyodide-lock.json", "package.json", "console.html",
    ] {
        exports.insert(format!("./{file}"), Value::from(format!("./{file}")));
    }
    json!({
        "name": "pyodide",
        "version": versions.distribution.npm_version,
        "description": "Python for the browser and Node.js: CPython on WebAssembly, with a foreign function interface written in Rust",
        "license": "(MIT OR Apache-2.0)",
        "keywords": ["python", "webassembly"],
        "main": "pyodide.js",
        "module": "pyodide.mjs",
        "types": "pyodide.d.ts",
        "exports": exports,
        "bin": { "pyodide-python": "python" },
        "engines": { "node": format!(">={}", versions.node.minimum) },
        "sideEffects": false,
        // Node's own modules, which bundlers for the browser must not look for.
        "browser": {
            "child_process": false, "crypto": false, "fs": false, "fs/promises": false, "module": false, "path": false, "url": false,
            "util": false, "vm": false, "ws": false
        }
    })
}

/// A lock file without packages.
fn lockfile(versions: &Versions) -> Lockfile {
    Lockfile {
        info: Info {
            abi_version: versions.platform.version.clone(),
            arch: "wasm32".into(),
            platform: format!("emscripten_{}", versions.emscripten.version.replace('.', "_")),
            python: versions.cpython.version.clone(),
            version: versions.distribution.version.clone(),
            ..Info::default()
        },
        ..Lockfile::default()
    }
}

/// Reads the sizes of the distribution's files, for `doctor`.
pub fn summary(dist: &Path) -> Result<Option<u64>> {
    if !dist.join("pyodide.asm.wasm").exists() {
        return Ok(None);
    }
    let files = look_at(dist).map_err(|e| Failure::new(format!("Could not read `{}`: {e}", dist.display()), "Run `cargo xtask clean`"))?;
    Ok(Some(files.values().map(|(size, _)| size).sum()))
}
