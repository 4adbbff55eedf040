//! The parts of the standard library that are packages of their own: wheels, and their entries in the lock file.
//!
//! Which there are is data: `cpython/stdlib.toml`. Not here: what is in `python_stdlib.zip` (`stdlib.rs`).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Deserialize;
use pyoxide_lockfile::{InstallDir, Package, normalize};
use serde_json::json;

use crate::cache::{Key, files_below, sha256_file};
use crate::context::Context;
use crate::root::Run;
use crate::{cpython, test_modules};

const SCRIPT: &str = include_str!("scripts/make_wheels.py");
const ENTRIES: &str = "entries.json";

/// One of the `[packages]` of `cpython/stdlib.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    summary: String,
    /// Modules and packages of CPython's `Lib` that it holds.
    pub modules: Vec<String>,
    /// What `loadPackagesFromImports` finds it by.
    imports: Vec<String>,
    #[serde(default)]
    depends: Vec<String>,
    /// Holds the side modules of `test_modules.rs` too.
    #[serde(default)]
    test_modules: bool,
}

#[derive(Deserialize)]
struct Selection {
    packages: BTreeMap<String, Part>,
}

/// The packages that `cpython/stdlib.toml` names.
pub fn selection(context: &Context) -> Result<BTreeMap<String, Part>> {
    let config = context.checkout.join("cpython/stdlib.toml");
    let text = fs::read_to_string(&config).with_context(|| format!("Could not read `{}`", config.display()))?;
    let selection: Selection = toml::from_str(&text).with_context(|| format!("Could not understand `{}`", config.display()))?;
    Ok(selection.packages)
}

/// Returns the folder in the cache that holds the wheels, and their entries in the lock file.
pub fn ensure(context: &Context) -> Result<(PathBuf, BTreeMap<String, Package>)> {
    let cpython = cpython::ensure(context)?;
    let test_modules = test_modules::ensure(context)?;
    let key = Key::new("stdlib-packages-1")
        .text("cpython", &cpython.file_name().unwrap_or_default().to_string_lossy())
        .text("test modules", &test_modules.file_name().unwrap_or_default().to_string_lossy())
        .text("script", SCRIPT)
        .text("tag", &context.versions.platform.tag)
        .file(&context.checkout.join("cpython/stdlib.toml"))?
        .file(&context.checkout.join("xtask/src/stdlib_packages.rs"))?;
    let entry = context.cache.entry("stdlib-packages", &key, "Packages of the standard library", |out, step| {
        let stdlib = cpython.join("stdlib");
        let (mut wheels, mut entries) = (Vec::new(), BTreeMap::new());
        for (name, part) in selection(context)? {
            let version = &context.versions.cpython.version;
            let python = format!("cp{}", context.versions.cpython.nodot());
            let tag = if part.test_modules { format!("{python}-{python}-{}", context.versions.platform.tag) } else { "py3-none-any".into() };
            let file_name = format!("{name}-{version}-{tag}.whl");
            let mut files: Vec<(PathBuf, PathBuf)> =
                files_below(&stdlib)?.into_iter().filter(|p| is_part(p, &part.modules)).map(|p| (stdlib.join(&p), p)).collect();
            if part.test_modules {
                files.extend(files_below(&test_modules)?.into_iter().map(|p| (test_modules.join(&p), Path::new("lib-dynload").join(p))));
            }
            wheels.push(json!({
                "path": out.join(&file_name), "name": name, "version": version, "summary": part.summary, "tag": tag, "files": files,
            }));
            entries.insert(normalize(&name), lock_entry(name, version, file_name, part));
        }
        let job_file = out.join("job.json");
        fs::write(&job_file, json!({ "wheels": wheels }).to_string())?;
        let script_file = out.join("make_wheels.py");
        fs::write(&script_file, SCRIPT)?;
        let args = vec![script_file.clone().into(), job_file.clone().into()];
        let run = Run { cwd: out, env: BTreeMap::new(), script: "python3.14 -I \"$@\"", args };
        context.root()?.run(&context.cache, "stdlib-packages", step, run)?;
        for file in [job_file, script_file] {
            fs::remove_file(file)?;
        }
        for entry in entries.values_mut() {
            entry.sha256 = sha256_file(&out.join(&entry.file_name))?;
        }
        fs::write(out.join(ENTRIES), serde_json::to_string(&entries)?)?;
        Ok(())
    })?;
    let entries = serde_json::from_str(&fs::read_to_string(entry.join(ENTRIES))?).context("Could not understand the list of packages")?;
    Ok((entry, entries))
}

/// Copies the wheels into a distribution.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    for file in files_below(from)?.into_iter().filter(|f| f.extension().is_some_and(|e| e == "whl")) {
        fs::copy(from.join(&file), to.join(&file)).with_context(|| format!("Could not copy `{}`", file.display()))?;
    }
    Ok(())
}

fn lock_entry(name: String, version: &str, file_name: String, part: Part) -> Package {
    Package {
        name,
        version: version.to_string(),
        file_name,
        install_dir: InstallDir::Stdlib,
        // Known when the wheel is made.
        sha256: String::new(),
        package_type: "cpython_module".into(),
        imports: part.imports,
        depends: part.depends,
        unvendored_tests: false,
        other: serde_json::Map::new(),
    }
}

fn is_part(path: &Path, modules: &[String]) -> bool {
    let top = path.components().next().map(|c| c.as_os_str().to_string_lossy().into_owned()).unwrap_or_default();
    modules.iter().any(|m| top == *m || top == format!("{m}.py")) && path.extension().is_none_or(|e| e != "pyc")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_has_its_modules_and_nothing_else() {
        let modules = vec!["test".to_string(), "_pydecimal".to_string()];
        for part in ["test/__init__.py", "test/support/__init__.py", "test/data.txt", "_pydecimal.py"] {
            assert!(is_part(Path::new(part), &modules), "{part}");
        }
        for other in ["testing.py", "json/test.py", "test/__pycache__/a.pyc", "decimal.py"] {
            assert!(!is_part(Path::new(other), &modules), "{other}");
        }
    }
}
