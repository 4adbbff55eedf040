//! Links the main module: CPython, the C libraries and the core become `pyodide.asm.mjs` and `pyodide.asm.wasm`.
//!
//! INVARIANT: nothing is left out or renamed, because side modules look symbols up by name.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::cache::{Key, sha256_file};
use crate::context::Context;
use crate::root::Run;
use crate::{codegen, core, cpython, glue, on_demand, symbols, sys_libs};

pub const WASM: &str = "pyodide.asm.wasm";
pub const GLUE: &str = "pyodide.asm.mjs";

/// `emscripten/link.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkOptions {
    flags: Vec<String>,
    /// Functions that side modules find although their libraries hide them.
    exports: Vec<String>,
    /// Functions that the core replaces, and calls by the name with `__real_` in front.
    wrap: Vec<String>,
    settings: BTreeMap<String, Setting>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Setting {
    One(String),
    Many(Vec<String>),
}

impl LinkOptions {
    fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("Could not read `{}`", path.display()))?;
        toml::from_str(&text).with_context(|| format!("Could not understand `{}`", path.display()))
    }

    fn arguments(&self) -> Vec<String> {
        let settings = self.settings.iter().map(|(name, value)| match value {
            Setting::One(v) => format!("-s{name}={v}"),
            Setting::Many(v) => format!("-s{name}={}", v.join(",")),
        });
        let exports = self.exports.iter().map(|name| format!("-Wl,--export={name}"));
        let wrap = self.wrap.iter().map(|name| format!("-Wl,--wrap={name}"));
        self.flags.iter().cloned().chain(exports).chain(wrap).chain(settings).collect()
    }
}

/// Emscripten keeps LLVM's profile runtime in its builtins library, and a main module takes in whole libraries: its
/// constructor would write a `default.profraw` into the working directory of every program. Nothing else uses it.
const LINK: &str = r#"
without_profiling() {
  for library in "$EM_CACHE"/sysroot/lib/wasm32-emscripten/pic/libclang_rt.builtins*.a; do
    [ -e "$library" ] || continue
    members=$(emar t "$library" | grep -E '^(InstrProfiling|GCDAProfiling)' | sort -u || true)
    [ -z "$members" ] || { emar d "$library" $members; changed=yes; }
  done
}
without_profiling
changed=
# Some modules are side modules: the table of built-in modules is made anew without them.
cp "$1/lib/libpython$PYOXIDE_PYTHON.a" libpython.a
cp "$1/config.c" config.c
for name in $PYOXIDE_SIDE_MODULES; do
  sed -i "/PyInit_$name\\b/d" config.c
done
emcc $PYOXIDE_C_FLAGS -I"$1/include/python$PYOXIDE_PYTHON" -I"$1/include/python$PYOXIDE_PYTHON/internal" -c config.c -o config.o
for object in $PYOXIDE_SIDE_OBJECTS; do
  [ "$(emar t libpython.a | grep -cx "$object")" = 1 ] || { echo "error: $object is not in libpython exactly once"; exit 1; }
done
emar d libpython.a $PYOXIDE_SIDE_OBJECTS
emar r libpython.a config.o
shift
emcc "$@"
without_profiling
# The first link with a new toolchain is what makes the library.
[ -z "$changed" ] || emcc "$@"
rm libpython.a config.c config.o
"#;

/// Returns the folder that holds [`WASM`] and [`GLUE`].
pub fn ensure(context: &Context) -> Result<PathBuf> {
    let cpython = cpython::ensure(context)?;
    let libraries = sys_libs::ensure(context)?;
    let core = core::ensure(context)?;
    let side_modules = on_demand::ensure(context)?;
    let library = context.checkout.join("emscripten/library_pyoxide.generated.js");
    let own = ["library_lean.js", "library_side_modules.js", "library_bridges.js", "library_snapshot.js"].map(|name| context.checkout.join("emscripten").join(name));
    let post = context.checkout.join("emscripten/post.js");
    let options = LinkOptions::read(&context.checkout.join("emscripten/link.toml"))?;
    let arguments = options.arguments();
    let name = |p: &Path| p.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let key = Key::new("main-module-2")
        .text("toolchain", &context.root()?.id)
        .text("cpython", &name(&cpython))
        .text("libraries", &name(&libraries))
        .text("core", &sha256_file(&core)?)
        .text("side modules", &name(&side_modules))
        .text("side objects", &on_demand::OBJECTS.join(" "))
        .text("arguments", &arguments.join("\n"))
        .text("script", LINK)
        .file(&post)?
        .file(&own[0])?
        .file(&own[1])?
        .file(&own[2])?
        .file(&own[3])?
        .text("adjustments", glue::SOURCE)
        .text("symbols", symbols::SOURCE)
        .file(&library)?;

    context.cache.entry("main-module", &key, "Link the main module", |out, step| {
        let mut args: Vec<OsString> = vec![cpython.clone().into()];
        args.extend(arguments.iter().map(OsString::from));
        args.push("--js-library".into());
        args.push(library.clone().into());
        // After Emscripten's own: a later definition of a function replaces an earlier one.
        for file in &own {
            args.push("--js-library".into());
            args.push(file.clone().into());
        }
        args.push("--extern-post-js".into());
        args.push(post.clone().into());
        args.push("-o".into());
        args.push(out.join(GLUE).into());
        args.push(core.clone().into());
        for folder in [cpython.join("lib"), libraries.join("lib")] {
            for file in crate::cache::files_below(&folder)? {
                let name = file.to_string_lossy();
                if !name.starts_with("libpython") && !on_demand::LIBRARIES.iter().any(|(library, ..)| *library == name) {
                    args.push(folder.join(&file).into());
                }
            }
        }
        args.push("libpython.a".into());
        // Emscripten's libraries are shared by all links with this toolchain, and the script changes one of them.
        let _lock = context.cache.lock("emscripten-libraries")?;
        let env = BTreeMap::from([
            ("PYOXIDE_PYTHON".to_string(), context.versions.cpython.minor()),
            ("PYOXIDE_C_FLAGS".to_string(), format!("{} {}", sys_libs::C_FLAGS, cpython::EXTRA_C_FLAGS)),
            ("PYOXIDE_SIDE_MODULES".to_string(), on_demand::names().collect::<Vec<_>>().join(" ")),
            ("PYOXIDE_SIDE_OBJECTS".to_string(), on_demand::OBJECTS.join(" ")),
        ]);
        let run = Run { cwd: out, env, script: LINK, args };
        context.root()?.run(&context.cache, "link", step, run)?;
        step.at("adjusting the JavaScript");
        let mut glue = glue::adjust(&fs::read_to_string(out.join(GLUE))?, &options.exports)?;
        glue.push_str(&list_of(&side_modules)?);
        step.at("moving exports into the table");
        let named = glue::named_exports(&glue);
        let is_kept = |name: &str| name.starts_with("pyox_") || named.contains(name);
        let mut wasm = symbols::take_exports(&fs::read(out.join(WASM))?, is_kept)?;
        glue::mark(&mut glue, &mut wasm);
        fs::write(out.join(GLUE), glue)?;
        fs::write(out.join(WASM), wasm)?;
        step.at("checking the boundary");
        codegen::check_boundary(&context.checkout, &out.join(WASM))
    })
}

/// The side modules that are read on demand, with their sizes, and the libraries in them: the runtime shows them to Python.
fn list_of(side_modules: &Path) -> Result<String> {
    let mut files = Vec::new();
    for file in crate::cache::files_below(side_modules)? {
        let name = file.to_string_lossy().into_owned();
        let module = name.split('.').next().unwrap_or_default();
        let prefix = on_demand::LIBRARIES.iter().find(|(_, holder, _)| *holder == module).map(|(.., prefix)| *prefix);
        files.push(serde_json::json!({ "name": name, "bytes": fs::metadata(side_modules.join(&file))?.len(), "symbols": prefix }));
    }
    Ok(format!("\ncreateModule.onDemand={};\n", serde_json::to_string(&files)?))
}
