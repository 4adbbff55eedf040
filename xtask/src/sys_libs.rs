//! The C libraries of the main module: built by the build scripts of `-sys` crates, collected as
//! `lib/*.a` and `include/`.
//!
//! INVARIANT: their sources are those that `Cargo.lock` names by hash.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::cache::Key;
use crate::context::Context;
use crate::failure::fail;
use crate::progress::Step;
use crate::root::Run;

/// How every C file of the main module is compiled; defines the platform together with the link flags.
/// SQLite as other systems have it: the crate itself would enforce foreign keys, which Python's users expect to switch on themselves,
/// and would leave these parts out.
const SQLITE_FLAGS: &str = "-DSQLITE_DEFAULT_FOREIGN_KEYS=0 -DSQLITE_ENABLE_MATH_FUNCTIONS -DSQLITE_ENABLE_FTS4 -DSQLITE_ENABLE_GEOPOLY";

pub const C_FLAGS: &str = "-O2 -fPIC -fwasm-exceptions -sSUPPORT_LONGJMP=wasm";
pub const WASM_TARGET: &str = "wasm32-unknown-emscripten";

/// How all Rust of the main module is compiled.
pub const RUST_FLAGS: &str = "-Zdefault-visibility=hidden";

const CRATE: &str = "pyoxide-sys-libs";
/// Headers that are not installed by the build scripts: crate, folder or file in it.
const HEADERS: [(&str, &str); 3] =
    [("liblzma-sys", "xz/src/liblzma/api"), ("libsqlite3-sys", "sqlite3/sqlite3.h"), ("libsqlite3-sys", "sqlite3/sqlite3ext.h")];

/// Environment of every Cargo build for wasm. The same for all, so that the standard library is built once.
pub fn cargo_environment(context: &Context) -> Result<BTreeMap<String, String>> {
    let target = context.cache.path().join("cargo").join(&context.root()?.id);
    fs::create_dir_all(&target).with_context(|| format!("Could not create `{}`", target.display()))?;
    let mut env = BTreeMap::new();
    let mut set = |k: &str, v: String| env.insert(k.to_string(), v);
    set("CARGO_TARGET_DIR", target.display().to_string());
    // `build-std` is an unstable option; Debian's compiler is a stable one.
    set("RUSTC_BOOTSTRAP", "1".into());
    // What Rust has for itself is no symbol of the main module: 1,700 exports less, each a function object at every start.
    set("RUSTFLAGS", RUST_FLAGS.into());
    set("CC_wasm32_unknown_emscripten", "emcc".into());
    set("CXX_wasm32_unknown_emscripten", "em++".into());
    set("AR_wasm32_unknown_emscripten", "emar".into());
    set("CFLAGS_wasm32_unknown_emscripten", C_FLAGS.into());
    set("CXXFLAGS_wasm32_unknown_emscripten", C_FLAGS.into());
    set("LIBSQLITE3_FLAGS", SQLITE_FLAGS.into());
    set("PYO3_CONFIG_FILE", context.checkout.join("cpython/pyo3-config.txt").display().to_string());
    Ok(env)
}

/// `cargo build` of one wasm crate, as a bash line.
pub fn cargo_build(package: &str) -> String {
    format!("cargo build --locked --release --target {WASM_TARGET} -Z build-std=std,panic_unwind -p {package}")
}

fn key(context: &Context) -> Result<Key> {
    let lock = fs::read_to_string(context.checkout.join("Cargo.lock")).context("Could not read `Cargo.lock`")?;
    let crates = context.checkout.join("crates").join(CRATE);
    Ok(Key::new("sys-libs-1")
        .text("toolchain", &context.root()?.id)
        .text("flags", C_FLAGS)
        .text("sqlite", SQLITE_FLAGS)
        .text("locked", &locked_versions(&lock))
        .tree(&crates, |_| true)?)
}

/// The part of `Cargo.lock` that matters here, so that a new dependency elsewhere rebuilds nothing.
fn locked_versions(lock: &str) -> String {
    let wanted = ["bzip2-sys", "liblzma-sys", "libsqlite3-sys", "libz-sys", "zstd-sys", "libffi-sys", "cc"];
    lock.split("\n\n").filter(|s| wanted.iter().any(|w| s.contains(&format!("name = \"{w}\"\n")))).collect::<Vec<_>>().join("\n")
}

pub fn ensure(context: &Context) -> Result<PathBuf> {
    context.cache.entry("sys-libs", &key(context)?, "C libraries (zlib, bzip2, xz, zstd, SQLite, libffi)", |out, step| build(context, out, step))
}

fn build(context: &Context, out: &Path, step: &Step) -> Result<()> {
    let (lib, include) = (out.join("lib"), out.join("include"));
    fs::create_dir_all(&lib)?;
    fs::create_dir_all(&include)?;
    let root = context.root()?;
    let run = |script: &str, log: &str| {
        let env = cargo_environment(context)?;
        root.capture(&context.cache, log, step, Run { cwd: &context.checkout, env, script, args: Vec::new() })
    };

    step.at("sources");
    let metadata: Value = serde_json::from_str(&run("cargo metadata --locked --format-version 1", "sys-libs-metadata")?)
        .context("Could not understand the output of `cargo metadata`")?;
    let source = |name: &str| -> Result<PathBuf> {
        let package = metadata["packages"].as_array().into_iter().flatten().find(|p| p["name"] == name);
        let manifest = package.and_then(|p| p["manifest_path"].as_str()).with_context(|| format!("`Cargo.lock` does not name `{name}`"))?;
        Ok(Path::new(manifest).parent().map(Path::to_path_buf).unwrap_or_default())
    };

    step.at("compiling");
    let messages = run(&format!("{} --message-format json", cargo_build(CRATE)), "sys-libs")?;
    for message in messages.lines().filter_map(|l| serde_json::from_str::<Value>(l).ok()) {
        let libs = message["linked_libs"].as_array().is_some_and(|l| l.iter().any(|l| l.as_str().is_some_and(|l| l.starts_with("static="))));
        let Some(dir) = message["out_dir"].as_str().filter(|_| libs).map(PathBuf::from) else { continue };
        for folder in [dir.clone(), dir.join("lib")] {
            for file in crate::cache::files_below(&folder)?.iter().filter(|f| f.components().count() == 1 && f.extension().is_some_and(|e| e == "a")) {
                fs::copy(folder.join(file), lib.join(file))?;
            }
        }
        copy_tree(&dir.join("include"), &include)?;
    }
    for (package, path) in HEADERS {
        let from = source(package)?.join(path);
        if from.is_dir() {
            copy_tree(&from, &include)?;
        } else {
            fs::copy(&from, include.join(from.file_name().unwrap_or_default())).with_context(|| format!("Missing header: {}", from.display()))?;
        }
    }

    step.at("libffi");
    let mut env = cargo_environment(context)?;
    env.insert("CFLAGS".into(), C_FLAGS.into());
    let script = r#"
cp -r "$1" libffi && cd libffi
emconfigure ./configure --host=wasm32-unknown-emscripten --prefix="$2/libffi-install" --enable-static --disable-shared \
  --disable-dependency-tracking --disable-builddir --disable-multi-os-directory --disable-raw-api --disable-docs
emmake make -j2 install
cp "$2"/libffi-install/lib/libffi.a "$2/lib/"
cp "$2"/libffi-install/include/*.h "$2/include/"
cd "$2"
emcc $CFLAGS -c "$3" -o bz_internal_error.o
emar rs lib/libbz2.a bz_internal_error.o
rm -rf libffi libffi-install bz_internal_error.o
"#;
    let args = vec![
        source("libffi-sys")?.join("libffi").into_os_string(),
        out.into(),
        context.checkout.join("crates").join(CRATE).join("src/bz_internal_error.c").into_os_string(),
    ];
    root.run(&context.cache, "libffi", step, Run { cwd: out, env, script, args })?;

    let missing: Vec<_> = ["bz2", "ffi", "lzma", "sqlite3", "z", "zstd"].into_iter().filter(|l| !lib.join(format!("lib{l}.a")).exists()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    fail(
        format!("The build made no archive for: {}", missing.join(", ")),
        "A `-sys` crate changed where it puts its results: compare `crates/pyoxide-sys-libs/Cargo.toml` with its last working version",
    )
}

/// Copies a folder's files; a missing folder is an empty one.
pub fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    for relative in crate::cache::files_below(from)? {
        let target = to.join(&relative);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(from.join(&relative), &target).with_context(|| format!("Could not copy to `{}`", target.display()))?;
    }
    Ok(())
}
