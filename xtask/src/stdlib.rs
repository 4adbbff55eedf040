//! `python_stdlib.zip`: the standard library and Pyoxide's own Python packages, compiled.
//!
//! What is left out and why is data: `cpython/stdlib.toml`. Whatever lies directly in `python/` is packed too and
//! replaces a standard module of the same name.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::cache::{Key, files_below};
use crate::context::Context;
use crate::cpython;
use crate::root::Run;
use crate::stdlib_packages::Part;

pub const ZIP: &str = "python_stdlib.zip";
/// The same modules as text, for tracebacks and `inspect`: read when they are asked for.
pub const SOURCES: &str = "python_stdlib_sources.zip";
const SCRIPT: &str = include_str!("scripts/make_stdlib.py");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Selection {
    removed: Vec<String>,
    /// Read by `stdlib_packages.rs`: their modules are not in the zip.
    packages: BTreeMap<String, Part>,
    unused: Vec<String>,
    compression: String,
    columns: bool,
    /// Modules that come with the snapshot; see the script.
    first: Vec<String>,
}

impl Selection {
    fn keeps(&self, path: &Path) -> bool {
        if path.extension().is_none_or(|e| e != "py") {
            return false;
        }
        let mut parts = path.components().map(|c| c.as_os_str().to_string_lossy().into_owned()).collect::<Vec<_>>();
        let top = parts.first().map(|p| p.trim_end_matches(".py").to_string()).unwrap_or_default();
        parts.pop();
        let named = |list: &[String]| list.contains(&top);
        let in_tests = parts.iter().any(|p| p == "tests" || p == "test" || p == "site-packages");
        let packaged = self.packages.values().any(|p| named(&p.modules));
        !(named(&self.removed) || packaged || named(&self.unused) || in_tests)
    }
}

/// Returns the path of the zip in the cache; the archive of the sources lies beside it.
pub fn ensure(context: &Context) -> Result<PathBuf> {
    let cpython = cpython::ensure(context)?;
    let config = context.checkout.join("cpython/stdlib.toml");
    let ours = context.checkout.join("python");
    let is_ours = |p: &Path| !p.starts_with("tests") && p.extension().is_some_and(|e| e == "py" || e == "pyi" || p.ends_with("py.typed"));
    let version = version_module(context);
    let key = Key::new("stdlib-3")
        .text("cpython", &cpython.file_name().unwrap_or_default().to_string_lossy())
        .text("script", SCRIPT)
        .text("version", &version)
        .file(&config)?
        .tree(&ours, is_ours)?;

    let entry = context.cache.entry("stdlib", &key, "Python standard library", |out, step| {
        let text = fs::read_to_string(&config).with_context(|| format!("Could not read `{}`", config.display()))?;
        let selection: Selection = toml::from_str(&text).with_context(|| format!("Could not understand `{}`", config.display()))?;
        let stdlib = cpython.join("stdlib");
        let mut files: Vec<(PathBuf, PathBuf)> = Vec::new();
        for relative in files_below(&stdlib)?.into_iter().filter(|p| selection.keeps(p)) {
            files.push((stdlib.join(&relative), relative));
        }
        for relative in files_below(&ours)?.into_iter().filter(|p| is_ours(p)) {
            // A module of ours replaces a package of the same name, and the other way round.
            let top = relative.components().next().map(|c| PathBuf::from(c.as_os_str()).with_extension("")).unwrap_or_default();
            files.retain(|(from, name)| {
                from.starts_with(&ours) || name.components().next().map(|c| PathBuf::from(c.as_os_str()).with_extension("")) != Some(top.clone())
            });
            files.push((ours.join(&relative), relative));
        }
        let version_file = out.join("_version.py");
        fs::write(&version_file, &version)?;
        files.push((version_file.clone(), "_pyodide/_version.py".into()));

        let job = serde_json::json!({
            "zip": out.join(ZIP),
            "mounted_at": format!("/lib/python{}.zip", context.versions.cpython.nodot()),
            "compression": selection.compression,
            "first": selection.first,
            "sources": out.join(SOURCES),
            "files": files,
        });
        let job_file = out.join("job.json");
        fs::write(&job_file, job.to_string())?;
        let script_file = out.join("make_stdlib.py");
        fs::write(&script_file, SCRIPT)?;
        let args = vec![script_file.clone().into(), job_file.clone().into()];
        // An option of the compiling interpreter: there is no other way to ask for it.
        let script = if selection.columns { "python3.14 -I \"$@\"" } else { "python3.14 -I -X no_debug_ranges \"$@\"" };
        let run = Run { cwd: out, env: BTreeMap::new(), script, args };
        context.root()?.run(&context.cache, "stdlib", step, run)?;
        for file in [version_file, job_file, script_file] {
            fs::remove_file(file)?;
        }
        Ok(())
    })?;
    Ok(entry.join(ZIP))
}

/// `_pyodide/_version.py`: the Python side's view of `versions.toml`.
fn version_module(context: &Context) -> String {
    let v = &context.versions;
    let accepted: Vec<String> = v.platform.accepted.iter().map(|t| format!("\"{t}\"")).collect();
    format!(
        "# Generated by `cargo xtask dist` from versions.toml.\nVERSION = \"{}\"\nPYTHON_VERSION = \"{}\"\nPLATFORM_TAG = \"{}\"\nACCEPTED_PLATFORM_TAGS = ({},)\n",
        v.distribution.version,
        v.cpython.version,
        v.platform.tag,
        accepted.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removed_module_is_left_out_as_file_and_as_package() {
        let selection: Selection = toml::from_str(
            "removed = ['turtle', 'tkinter']\nunused = ['x']\ncompression = 'stored'\ncolumns = false\n\
             first = []\n\
             [packages.test]\nsummary = ''\nmodules = ['test']\nimports = ['test']",
        )
        .unwrap();
        for gone in ["turtle.py", "tkinter/ttk.py", "test/test_os.py", "unittest/test/a.py", "json/data.txt"] {
            assert!(!selection.keeps(Path::new(gone)), "{gone}");
        }
        for kept in ["json/__init__.py", "unittest/case.py", "doctest.py", "turtles.py"] {
            assert!(selection.keeps(Path::new(kept)), "{kept}");
        }
    }
}
