//! Extension modules that only CPython's own tests use, as side modules for the package `test`.
//!
//! Not here: the tests themselves (`stdlib_packages.rs`).

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;

use crate::cache::Key;
use crate::context::Context;
use crate::cpython;
use crate::root::Run;
use crate::sys_libs::C_FLAGS;

/// Name of the module, its sources below `Modules/`, and the define that opens the headers it includes.
const MODULES: [(&str, &str, &str); 14] = [
    ("_ctypes_test", "_ctypes/_ctypes_test.c", ""),
    ("_testbuffer", "_testbuffer.c", ""),
    ("_testcapi", "_testcapimodule.c _testcapi/*.c", ""),
    ("_testclinic", "_testclinic.c", ""),
    ("_testclinic_limited", "_testclinic_limited.c", ""),
    ("_testimportmultiple", "_testimportmultiple.c", ""),
    ("_testinternalcapi", "_testinternalcapi.c _testinternalcapi/*.c", "-DPy_BUILD_CORE_MODULE"),
    ("_testlimitedcapi", "_testlimitedcapi.c _testlimitedcapi/*.c", ""),
    ("_testmultiphase", "_testmultiphase.c", ""),
    ("_testsinglephase", "_testsinglephase.c", "-DPy_BUILD_CORE_MODULE"),
    ("_xxtestfuzz", "_xxtestfuzz/_xxtestfuzz.c _xxtestfuzz/fuzzer.c", ""),
    ("xxlimited", "xxlimited.c", ""),
    ("xxlimited_35", "xxlimited_35.c", ""),
    ("xxsubtype", "xxsubtype.c", ""),
];

/// Arguments: source archive, folder of the built CPython, out; then name, sources, define of each module.
const BUILD: &str = r#"
archive=$1 include=$2/include/python$PYOXIDE_PYTHON out=$3
shift 3
mkdir source
tar -xf "$archive" --strip-components=1 -C source --wildcards '*/Modules/*'
cd source/Modules
# A device of CPython's own start script for Node: JavaScript in a side module, which would take eval.
sed -i '/^#ifdef __EMSCRIPTEN__/,/^#endif/d' _testinternalcapi.c
while [ $# -gt 0 ]; do
  name=$1 sources=$2 define=$3
  shift 3
  # SIDE_MODULE=1: ctypes looks functions of the module up by name.
  emcc $PYOXIDE_C_FLAGS -O1 -Wno-everything $define -I. -I"$include" -I"$include/internal" -sSIDE_MODULE=1 \
    -ffile-prefix-map="$PWD"=cpython/Modules $sources -o "$out/$name$PYOXIDE_SUFFIX"
done
cd ../..
rm -rf source
"#;

/// Returns the folder in the cache that holds the side modules.
pub fn ensure(context: &Context) -> Result<PathBuf> {
    let cpython = cpython::ensure(context)?;
    let suffix = suffix(context);
    // With the defines of CPython's own files: the layout of its internal structures depends on them.
    let flags = format!("{C_FLAGS} {}", cpython::EXTRA_C_FLAGS);
    let list: Vec<&str> = MODULES.iter().flat_map(|(name, sources, define)| [*name, *sources, *define]).collect();
    let key = Key::new("test-modules-1")
        .text("cpython", &cpython.file_name().unwrap_or_default().to_string_lossy())
        .text("flags", &flags)
        .text("script", BUILD)
        .text("suffix", &suffix)
        .text("modules", &list.join("\n"));
    let source = cpython::source(context)?;
    context.cache.entry("test-modules", &key, "Extension modules of CPython's tests", |out, step| {
        let env = BTreeMap::from([
            ("PYOXIDE_C_FLAGS".to_string(), flags.clone()),
            ("PYOXIDE_PYTHON".to_string(), context.versions.cpython.minor()),
            ("PYOXIDE_SUFFIX".to_string(), suffix.clone()),
        ]);
        let mut args = vec![source.clone().into_os_string(), cpython.clone().into_os_string(), out.into()];
        args.extend(list.iter().map(Into::into));
        context.root()?.run(&context.cache, "test-modules", step, Run { cwd: out, env, script: BUILD, args })
    })
}

/// How the file name of an extension module ends.
pub fn suffix(context: &Context) -> String {
    format!(".cpython-{}-wasm32-emscripten.so", context.versions.cpython.nodot())
}
