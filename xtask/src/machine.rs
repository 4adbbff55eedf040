//! The machine's own toolchain: used instead of a toolchain root where everything the build needs is on `PATH`.
//!
//! Invariant: it is taken whole or not at all. A mixture of two toolchains would depend on which half was found.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::cache::Key;
use crate::root::{find_program, suitable};
use crate::versions::Versions;

/// Names the versions that were found, or says what is missing.
pub fn find(versions: &Versions) -> Result<Machine, Vec<String>> {
    let mut missing = Vec::new();
    let mut found = Vec::new();
    let mut take = |result: Result<String, String>| match result {
        Ok(version) => found.push(version),
        Err(what) => missing.push(what),
    };
    take(emscripten(versions));
    take(version_of(&format!("python{}", versions.cpython.minor()), &["--version"]));
    take(rust());
    for program in ["make", "patch", "tar", "xz"] {
        take(find_program(program).map(|_| program.to_string()).ok_or_else(|| format!("`{program}`")));
    }
    if missing.is_empty() { Ok(Machine { versions: found }) } else { Err(missing) }
}

pub struct Machine {
    versions: Vec<String>,
}

impl Machine {
    /// Part of the key of all that is built with it.
    pub fn id(&self) -> String {
        Key::new("machine-toolchain-1").text("versions", &self.versions.join("\n")).hex()
    }

    pub fn summary(&self) -> String {
        self.versions.iter().take(3).map(|v| v.lines().next().unwrap_or_default()).collect::<Vec<_>>().join(", ")
    }
}

fn version_of(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().map_err(|_| format!("`{program}`"))?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_string();
    if output.status.success() && !text.is_empty() { Ok(text) } else { Err(format!("a `{program}` that works")) }
}

fn emscripten(versions: &Versions) -> Result<String, String> {
    let wanted = &versions.emscripten.version;
    let text = version_of("emcc", &["--version"])?;
    // `emcc (Emscripten gcc/clang-like replacement ...) 6.0.5 (...)`: the first word of the form number.number.number.
    let line = text.lines().next().unwrap_or_default();
    if !line.split_whitespace().any(|word| suitable(word, wanted)) {
        return Err(format!("Emscripten {wanted} or a later one of the same line (found `{line}`)"));
    }
    // CPython's call trampoline is compiled for garbage-collected references, which only newer compilers know.
    let llvm = version_of("em-config", &["LLVM_ROOT"])?;
    let clang = Path::new(&llvm).join("clang");
    let knows = Command::new(&clang)
        .args(["--target=wasm32", "-mgc", "-fsyntax-only", "-x", "c", "/dev/null"])
        .stdin(Stdio::null())
        .output()
        .is_ok_and(|o| o.status.success());
    if !knows {
        return Err(format!("a `{}` that knows `-mgc` (clang 22 or later)", clang.display()));
    }
    Ok(format!("{line}\n{}", version_of(&clang.display().to_string(), &["--version"])?))
}

/// The standard library is compiled with our flags, so its sources are needed.
fn rust() -> Result<String, String> {
    version_of("cargo", &["--version"])?;
    let version = version_of("rustc", &["-vV"])?;
    let targets = version_of("rustc", &["--print", "target-list"])?;
    if !targets.lines().any(|t| t == crate::sys_libs::WASM_TARGET) {
        return Err(format!("a `rustc` with the target {}", crate::sys_libs::WASM_TARGET));
    }
    let sysroot = version_of("rustc", &["--print", "sysroot"])?;
    if !Path::new(&sysroot).join("lib/rustlib/src/rust/library/std").is_dir() {
        return Err("the sources of Rust's standard library (`rustup component add rust-src`)".into());
    }
    Ok(version)
}
