//! Extension modules of the standard library that few programs import and that are large: side modules beside the main module.
//! A start fetches none of them; the file system shows them in `lib-dynload`, and they are read when Python imports one.
//!
//! Not here: how they are read (`runtime/src/loader/on-demand.ts`), the main module without them (`link.rs`).
//! INVARIANT: what they are linked from is not in the main module too. Symbols of their libraries are found by other side modules
//! as if it were ([`LIBRARIES`]).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::cache::Key;
use crate::context::Context;
use crate::root::Run;
use crate::sys_libs::{self, C_FLAGS};
use crate::{cpython, test_modules};

/// Name of the module, its sources below `Modules/`, and options for the compiler.
const MODULES: [(&str, &str, &str); 7] = [
    ("_codecs_cn", "cjkcodecs/_codecs_cn.c", ""),
    ("_codecs_hk", "cjkcodecs/_codecs_hk.c", ""),
    ("_codecs_jp", "cjkcodecs/_codecs_jp.c", ""),
    ("_codecs_kr", "cjkcodecs/_codecs_kr.c", ""),
    ("_codecs_tw", "cjkcodecs/_codecs_tw.c", ""),
    // CPython gives its modules that are not built in the same define.
    ("_sqlite3", "_sqlite/*.c", "-DPy_BUILD_CORE_MODULE"),
    ("unicodedata", "unicodedata.c", "-DPy_BUILD_CORE_MODULE"),
];

/// Library of the C libraries, the module that holds all of it, and how its symbols begin.
pub const LIBRARIES: [(&str, &str, &str); 1] = [("libsqlite3.a", "_sqlite3", "sqlite3_")];

/// Objects of `libpython` that the modules are made of.
pub const OBJECTS: [&str; 15] = [
    "_codecs_cn.o", "_codecs_hk.o", "_codecs_jp.o", "_codecs_kr.o", "_codecs_tw.o", "unicodedata.o", "blob.o", "connection.o", "cursor.o",
    "microprotocols.o", "module.o", "prepare_protocol.o", "row.o", "statement.o", "util.o",
];

/// Names of the modules.
pub fn names() -> impl Iterator<Item = &'static str> {
    MODULES.into_iter().map(|(name, ..)| name)
}

/// Arguments: source archive, built CPython, C libraries, out; then name, sources, options and libraries of each module.
const BUILD: &str = r#"
archive=$1 cpython=$2 libs=$3 out=$4
include=$cpython/include/python$PYOXIDE_PYTHON
shift 4
mkdir source
tar -xf "$archive" --strip-components=1 -C source --wildcards '*/Modules/*' '*/Objects/*' '*/Include/*'
cd source/Modules
while [ $# -gt 0 ]; do
  name=$1 sources=$2 options=$3 library=$4
  shift 4
  # SIDE_MODULE=1: all of a library is there, for ctypes and for other side modules.
  emcc $PYOXIDE_C_FLAGS -DNDEBUG -fwrapv -Wno-everything $options -I. -I"$include" -I"$include/internal" -I"$libs/include" \
    -sSIDE_MODULE=1 -ffile-prefix-map="$PWD"=cpython/Modules $sources ${library:+"$libs/lib/$library"} -o "$out/$name$PYOXIDE_SUFFIX"
done
cd ../..
rm -rf source
"#;

/// Returns the folder in the cache that holds the side modules.
pub fn ensure(context: &Context) -> Result<PathBuf> {
    let cpython = cpython::ensure(context)?;
    let libraries = sys_libs::ensure(context)?;
    let suffix = test_modules::suffix(context);
    let flags = format!("{C_FLAGS} {}", cpython::EXTRA_C_FLAGS);
    let library_of = |name: &str| LIBRARIES.iter().find(|(_, module, _)| *module == name).map_or("", |(file, ..)| *file);
    let list: Vec<&str> = MODULES.iter().flat_map(|(name, sources, options)| [*name, *sources, *options, library_of(name)]).collect();
    let entry_name = |p: &Path| p.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let key = Key::new("on-demand-1")
        .text("cpython", &entry_name(&cpython))
        .text("libraries", &entry_name(&libraries))
        .text("flags", &flags)
        .text("script", BUILD)
        .text("suffix", &suffix)
        .text("modules", &list.join("\n"));
    let source = cpython::source(context)?;
    context.cache.entry("on-demand", &key, "Extension modules that are read on demand", |out, step| {
        let env = BTreeMap::from([
            ("PYOXIDE_C_FLAGS".to_string(), flags.clone()),
            ("PYOXIDE_PYTHON".to_string(), context.versions.cpython.minor()),
            ("PYOXIDE_SUFFIX".to_string(), suffix.clone()),
        ]);
        let mut args = vec![source.clone().into_os_string(), cpython.clone().into(), libraries.clone().into(), out.into()];
        args.extend(list.iter().map(Into::into));
        context.root()?.run(&context.cache, "on-demand", step, Run { cwd: out, env, script: BUILD, args })
    })
}
