//! The rules of the tree that no compiler checks: who may use whom, and what may lie in the root folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::cache::files_below;
use crate::failure::fail;

/// The root folder is a closed list: a new entry is a decision, made here.
const ROOT_ENTRIES: [&str; 28] = [
    ".cargo", ".ci", ".git", ".github", ".gitignore", "ARCHITECTURE.md", "CONTRIBUTING.md", "Cargo.lock", "Cargo.toml", "LICENSE-APACHE",
    "LICENSE-MIT", "LICENSES-BUNDLED.md", "README.md", "benches", "clippy.toml", "cpython", "crates", "dist", "docs", "emscripten", "examples",
    "fuzz", "python", "recipes", "runtime", "rustfmt.toml", "target", "tests",
];
const ROOT_ENTRIES_MORE: [&str; 2] = ["versions.toml", "xtask"];

/// Crates that exist only inside the main module.
const WASM_CRATES: [&str; 2] = ["pyoxide-core", "pyoxide-sys-libs"];

/// TypeScript folders that are entry points: they use others and nobody uses them.
const ENTRIES: [&str; 2] = ["api", "python-command"];
/// Folders that may name Node's own modules.
const KNOWS_NODE: [&str; 2] = ["environment", "python-command"];

pub fn check(checkout: &Path) -> Result<()> {
    let mut faults = Vec::new();
    root_folder(checkout, &mut faults)?;
    crates(checkout, &mut faults)?;
    typescript(&checkout.join("runtime/src"), &mut faults)?;
    if faults.is_empty() {
        return Ok(());
    }
    fail(format!("The layers do not hold:\n  {}", faults.join("\n  ")), "The rules are in `xtask/src/layers.rs` and ARCHITECTURE.md")
}

fn root_folder(checkout: &Path, faults: &mut Vec<String>) -> Result<()> {
    let allowed: BTreeSet<&str> = ROOT_ENTRIES.iter().chain(&ROOT_ENTRIES_MORE).copied().collect();
    for entry in fs::read_dir(checkout).context("Could not read the checkout")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !allowed.contains(name.as_str()) {
            faults.push(format!("`{name}` does not belong in the root folder"));
        }
    }
    Ok(())
}

fn crates(checkout: &Path, faults: &mut Vec<String>) -> Result<()> {
    let mut manifests: Vec<PathBuf> = fs::read_dir(checkout.join("crates"))?.flatten().map(|e| e.path().join("Cargo.toml")).collect();
    manifests.push(checkout.join("xtask/Cargo.toml"));
    for manifest in manifests.into_iter().filter(|m| m.exists()) {
        let text = fs::read_to_string(&manifest)?;
        let table: toml::Table = toml::from_str(&text).with_context(|| format!("Could not understand `{}`", manifest.display()))?;
        let name = table.get("package").and_then(|p| p.get("name")).and_then(|n| n.as_str()).unwrap_or_default();
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(dependencies) = table.get(section).and_then(|d| d.as_table()) else { continue };
            for dependency in dependencies.keys().map(String::as_str) {
                if dependency == "xtask" {
                    faults.push(format!("`{name}` depends on `xtask`, which nothing may"));
                }
                if WASM_CRATES.contains(&dependency) && !WASM_CRATES.contains(&name) {
                    faults.push(format!("`{name}` is native and depends on `{dependency}`, which is wasm only"));
                }
            }
        }
    }
    Ok(())
}

fn typescript(src: &Path, faults: &mut Vec<String>) -> Result<()> {
    for relative in files_below(src)? {
        if relative.extension().is_none_or(|e| e != "ts") {
            continue;
        }
        let text = fs::read_to_string(src.join(&relative))?;
        let from = top_folder(&relative);
        for import in imports(&text) {
            if import.starts_with("node:") && !KNOWS_NODE.contains(&from.as_str()) && !is_type_import(&text, import) {
                faults.push(format!("`runtime/src/{}` imports `{import}`; only `environment/` knows where it runs", relative.display()));
            }
            if !import.starts_with('.') {
                continue;
            }
            let to = top_folder(&normalise(relative.parent().unwrap_or(Path::new("")), import));
            if ENTRIES.contains(&to.as_str()) && to != from && !ENTRIES.contains(&from.as_str()) {
                faults.push(format!("`runtime/src/{}` imports `{import}`; nobody imports `{to}/`", relative.display()));
            }
        }
    }
    Ok(())
}

/// What stands in quotes after `from` or `import`.
fn imports(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for marker in ["from \"", "import(\"", "import \""] {
        for (at, _) in text.match_indices(marker) {
            let rest = &text[at + marker.len()..];
            if let Some((specifier, _)) = rest.split_once('"') {
                found.push(specifier);
            }
        }
    }
    found
}

fn is_type_import(text: &str, specifier: &str) -> bool {
    text.lines().filter(|l| l.contains(&format!("\"{specifier}\""))).all(|l| l.trim_start().starts_with("import type"))
}

fn normalise(base: &Path, import: &str) -> PathBuf {
    let mut out = base.to_path_buf();
    for part in import.split('/') {
        match part {
            "." => {}
            ".." => {
                out.pop();
            }
            name => out.push(name),
        }
    }
    out
}

fn top_folder(path: &Path) -> String {
    let mut parts = path.components();
    match (parts.next(), parts.next()) {
        (Some(first), Some(_)) => first.as_os_str().to_string_lossy().into_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_is_seen_from_the_folder_it_is_in() {
        assert_eq!(imports("import { a } from \"../api/index.js\";\nawait import(\"node:fs\")"), ["../api/index.js", "node:fs"]);
        assert_eq!(top_folder(&normalise(Path::new("proxy/deep"), "../../api/index.js")), "api");
    }

    #[test]
    fn the_tree_holds() {
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        check(checkout).unwrap();
    }
}
