//! CPython: its source, hash-checked, patched, configured and built for wasm as static archives.
//!
//! It is built twice: once with counters, which a program in `cpython/profile` fills, and once with what they say.
//!
//! Result: `lib/*.a`, `include/` (with `pyconfig.h`), `stdlib/` (the untouched `Lib` plus `_sysconfigdata*`).
//! Not here: what of the standard library ships (`stdlib.rs`), linking (`link.rs`).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::cache::{Key, sha256_file};
use crate::context::Context;
use crate::failure::{Failure, fail, hint_for};
use crate::progress::Step;
use crate::root::{self, Run};
use crate::on_demand;
use crate::sys_libs::{self, C_FLAGS};

/// `-DPY_CALL_TRAMPOLINE`: extension modules cast function pointers; without it such a call traps.
pub const EXTRA_C_FLAGS: &str = "-DPY_CALL_TRAMPOLINE";

fn key(context: &Context, sys_libs: &Path) -> Result<Key> {
    Ok(Key::new("cpython-2")
        .text("toolchain", &context.root()?.id)
        .text("version", &context.versions.cpython.version)
        .text("source", &context.versions.cpython.sha256)
        .text("flags", &format!("{C_FLAGS} {EXTRA_C_FLAGS}"))
        .text("script", BUILD)
        .text("side objects", &on_demand::OBJECTS.join(" "))
        .text("libraries", &sys_libs.file_name().unwrap_or_default().to_string_lossy())
        .text("platform", &format!("{} {}", context.versions.platform.version, context.versions.platform.accepted.join(" ")))
        // `stdlib.toml` and the like decide what ships, not what is built. Whatever is in `profile` decides how it is compiled.
        .tree(&context.checkout.join("cpython"), |p| is_build_input(p))?)
}

fn is_build_input(path: &Path) -> bool {
    path.starts_with("profile") || path.extension().is_some_and(|e| e == "patch" || e == "site" || e == "local")
}

pub fn ensure(context: &Context) -> Result<PathBuf> {
    let sys_libs = sys_libs::ensure(context)?;
    let key = key(context, &sys_libs)?;
    if context.cache.entry_path("cpython", &key).exists() {
        return Ok(context.cache.entry_path("cpython", &key));
    }
    let source = source(context)?;
    let label = format!("CPython {}", context.versions.cpython.version);
    context.cache.entry("cpython", &key, &label, |out, step| build(context, &source, &sys_libs, out, step))
}

/// The source archive: from the cache, the release folder of python.org, or the Debian pool of the machine's mirror.
pub fn source(context: &Context) -> Result<PathBuf> {
    let cpython = &context.versions.cpython;
    let name = format!("Python-{}.tar.xz", cpython.version);
    let key = Key::new("download").text("sha256", &cpython.sha256);
    let entry = context.cache.entry_path("downloads", &key).join(&name);
    if entry.exists() {
        if sha256_file(&entry)? == cpython.sha256 {
            return Ok(entry);
        }
        // A damaged copy: fetch it again.
        crate::cache::remove_tree(&context.cache.entry_path("downloads", &key))?;
    }
    let root = context.root()?;
    let dir = context.cache.entry("downloads", &key, &format!("Source of CPython {}", cpython.version), |out, step| {
        let file = out.join(&name);
        let mut sources = vec![format!("https://www.python.org/ftp/python/{}/{name}", cpython.version)];
        sources.extend(root::debian_mirror().ok().map(|m| format!("{}/{}", m.trim_end_matches('/'), cpython.debian_path)));
        let mut refusals = Vec::new();
        for url in sources {
            step.at(&url);
            let run = Run { cwd: out, env: BTreeMap::new(), script: FETCH, args: vec![url.clone().into(), file.clone().into()] };
            match root.run(&context.cache, "cpython-source", step, run) {
                Ok(()) => {
                    let found = sha256_file(&file)?;
                    if found == cpython.sha256 {
                        return Ok(());
                    }
                    refusals.push(format!("{url}: wrong hash: expected sha256 {}, found {found}", cpython.sha256));
                    fs::remove_file(&file)?;
                }
                Err(error) => refusals.push(format!("{url}: {}", short(&error))),
            }
        }
        let text = refusals.join("\n  ");
        let hint = if text.contains("wrong hash") {
            "A mirror or proxy altered the file, or `cpython.sha256` in `versions.toml` is wrong; nothing was kept".to_string()
        } else {
            hint_for("Failed to fetch").unwrap_or_default()
        };
        Err(Failure::new(format!("No source gave the archive of CPython {}:\n  {text}", cpython.version), hint).into())
    })?;
    Ok(dir.join(name))
}

fn short(error: &anyhow::Error) -> String {
    error.to_string().lines().last().unwrap_or_default().trim().to_string()
}

const FETCH: &str = r#"
python3.14 - "$1" "$2" <<'EOF'
import shutil, sys, urllib.request
try:
    with urllib.request.urlopen(sys.argv[1], timeout=60) as response, open(sys.argv[2], "wb") as out:
        shutil.copyfileobj(response, out)
except Exception as e:
    sys.exit(f"Failed to fetch: {e}")
EOF
"#;

/// Arguments: source archive, folder `cpython`, libraries, out.
const BUILD: &str = r#"
archive=$1 config=$2 libs=$3 out=$4
mkdir build && cd build
tar -xf "$archive" --strip-components=1
for patch in "$config"/*.patch; do
  [ -e "$patch" ] || continue
  echo "patch: $patch"
  patch -p1 --fuzz=0 < "$patch"
done
cp "$config/Setup.local" Modules/Setup.local
python3.14 Tools/cases_generator/tier1_generator.py -o Python/generated_cases.c.h Python/bytecodes.c

export CONFIG_SITE="$PWD/Platforms/emscripten/config.site-wasm32-emscripten $config/config.site"
export READELF=true
# Without these configure asks emcc for its ports, which it would download.
for pair in ZLIB:z BZIP2:bz2 LIBLZMA:lzma LIBZSTD:zstd LIBSQLITE3:sqlite3 LIBFFI:ffi; do
  export "${pair%%:*}_CFLAGS=-I$libs/include" "${pair%%:*}_LIBS=-L$libs/lib -l${pair##*:}"
done
# No build path in the archives: `__FILE__` would carry it.
emconfigure ./configure OPT="-DNDEBUG -fwrapv -Wall" CFLAGS="$PYOXIDE_C_FLAGS -ffile-prefix-map=$PWD=cpython" \
  --host=wasm32-unknown-emscripten --build="$(./config.guess)" --with-build-python=python3.14 \
  --prefix=/ --exec-prefix=/ --disable-shared --disable-ipv6 --enable-big-digits=30 --disable-test-modules \
  --enable-wasm-dynamic-linking --with-pymalloc --with-pkg-config=no
compile() { # flags, more targets
  emmake make -j"$PYOXIDE_JOBS" EXTRA_CFLAGS="$1" "libpython$PYOXIDE_PYTHON.a" pybuilddir.txt \
    Modules/_hacl/Hacl_HMAC.o Modules/_hacl/Hacl_Streaming_HMAC.o "${@:2}"
  # CPython's own rule for this archive puts the hashes into it, which the link has already.
  rm -f Modules/_hacl/libHacl_HMAC.a
  emar rcs Modules/_hacl/libHacl_HMAC.a Modules/_hacl/Hacl_HMAC.o Modules/_hacl/Hacl_Streaming_HMAC.o
}

echo "first: a build that counts, and a program that does what Python programs do"
compile -fprofile-generate Programs/python.o
cp -r "$config/profile" counters
# The link of the main module takes the runtime of the counters out of Emscripten's libraries, so it is compiled here.
runtime="$(em-config EMSCRIPTEN_ROOT)/system/lib/compiler-rt"
for part in "" Buffer File Internal Merge MergeFile NameVar PlatformLinux PlatformOther Util Value VersionVar Writer; do
  emcc -O2 -fPIC -w -I"$runtime/include" -c "$runtime/lib/profile/InstrProfiling$part.c" -o "counters/runtime$part.o"
done
emcc -O1 -fwasm-exceptions -sSUPPORT_LONGJMP=wasm --pre-js counters/counters.js -sFORCE_FILESYSTEM=1 -sMAIN_MODULE=2 -sENVIRONMENT=node \
  -sEXIT_RUNTIME=1 -sALLOW_MEMORY_GROWTH=1 -sALLOW_TABLE_GROWTH=1 -sINITIAL_MEMORY=64MB -sMAXIMUM_MEMORY=4GB -sSTACK_SIZE=5MB \
  -sEXPORTED_FUNCTIONS=_main,_write_counters,__PyRuntime,__PyEM_EMSCRIPTEN_TRAMPOLINE_OFFSET -o counters/python.cjs \
  counters/counters.c counters/runtime*.o Programs/python.o "libpython$PYOXIDE_PYTHON.a" $(find Modules -name '*.a') "$libs"/lib/*.a
TZ=UTC node counters/python.cjs
llvm-profdata-21 merge -o counters/python.profdata counters/python.profraw

find . \( -name '*.o' -o -name '*.a' \) -delete
echo "then: the build that knows the counts, its objects optimised together"
known="-fprofile-use=$PWD/counters/python.profdata -Wno-profile-instr-unprofiled -Wno-profile-instr-out-of-date -Wno-backend-plugin"
compile "$known -flto"
rm "libpython$PYOXIDE_PYTHON.a"
emmake make -n "libpython$PYOXIDE_PYTHON.a" | tr ' ' '\n' | grep '\.o$' | sort -u > objects
# Objects that the link of the main module takes out or replaces, and those whose symbols JavaScript or the linker defines too.
printf '/%s$\n' config.o $PYOXIDE_SIDE_OBJECTS 'emscripten_[a-z_]*\.o' > apart
grep -v -f apart objects > together
grep -f apart objects > separate
# emcc does not hand on `-mllvm`: the first two lines are what it says to the linker itself, the others what may be inlined. The
# evaluation loop must stay small, because engines compile it while it runs, and pages download the rest (benches/NOTES.md).
wasm-ld-21 --relocatable -mllvm -combiner-global-alias-analysis=false -mllvm -wasm-enable-sjlj -mllvm -wasm-use-legacy-eh -mllvm -disable-lsr \
  -mllvm -wasm-enable-eh -mllvm -exception-model=wasm \
  -mllvm -inline-enable-cost-benefit-analysis=false -mllvm -profile-summary-cutoff-hot=900000 -mllvm -hot-callsite-threshold=600 \
  -mllvm -inlinehint-threshold=140 -mllvm -inline-threshold=25 -mllvm -inlinecold-threshold=0 \
  -o together.o $(cat together)
sed 's|^|./|' together > kept
find . \( -name '*.o' -o -name '*.a' \) | grep -v -x -F -f kept -e ./together.o | xargs rm
compile "$known"
rm "libpython$PYOXIDE_PYTHON.a"
emar rcs "libpython$PYOXIDE_PYTHON.a" together.o $(cat separate)

mkdir -p "$out/lib" "$out/include/python$PYOXIDE_PYTHON"
cp "libpython$PYOXIDE_PYTHON.a" "$out/lib/"
find Modules -name '*.a' -exec cp -t "$out/lib/" {} +
cp -r Include/. pyconfig.h "$out/include/python$PYOXIDE_PYTHON/"
cp -r Lib "$out/stdlib"
cp "$(cat pybuilddir.txt)"/_sysconfigdata*.py "$out/stdlib/"
cp LICENSE Makefile Modules/config.c "$out/"
cd .. && rm -rf build
"#;

fn build(context: &Context, source: &Path, sys_libs: &Path, out: &Path, step: &Step) -> Result<()> {
    step.at("configure and make");
    let mut env = BTreeMap::new();
    env.insert("PYOXIDE_C_FLAGS".to_string(), format!("{C_FLAGS} {EXTRA_C_FLAGS}"));
    env.insert("PYOXIDE_JOBS".to_string(), context.jobs());
    env.insert("PYOXIDE_PYTHON".to_string(), context.versions.cpython.minor());
    env.insert("PYOXIDE_SIDE_OBJECTS".to_string(), on_demand::OBJECTS.join(" "));
    let args = vec![source.into(), context.checkout.join("cpython").into_os_string(), sys_libs.into(), out.into()];
    context.root()?.run(&context.cache, "cpython", step, Run { cwd: out, env, script: BUILD, args })?;
    step.at("checking");
    check_modules(out)?;
    finish_sysconfig(context, out)
}

/// Modules the distribution must have, by their rows in the built-in module table.
const REQUIRED_MODULES: [&str; 41] = [
    "_asyncio", "_bisect", "_blake2", "_bz2", "_codecs_cn", "_codecs_hk", "_codecs_iso2022", "_codecs_jp", "_codecs_kr", "_codecs_tw",
    "_csv", "_ctypes", "_datetime", "_decimal", "_elementtree", "_heapq", "_hmac", "_interpreters", "_json", "_lsprof", "_lzma", "_md5",
    "_multibytecodec", "_pickle", "_queue", "_random", "_sha1", "_sha2", "_sha3", "_socket", "_sqlite3", "_struct", "_zoneinfo", "_zstd",
    "array", "binascii", "math", "mmap", "pyexpat", "select", "unicodedata",
];

/// A module that configure silently left out would be found by users only.
fn check_modules(out: &Path) -> Result<()> {
    let table = fs::read_to_string(out.join("config.c")).context("Could not read the built-in module table")?;
    let missing: Vec<_> = REQUIRED_MODULES.iter().filter(|m| !table.contains(&format!("{{\"{m}\""))).copied().collect();
    if missing.is_empty() {
        return Ok(());
    }
    fail(
        format!("CPython was configured without these modules: {}", missing.join(", ")),
        "Look for `checking for stdlib extension module` in the log of the `cpython` step",
    )
}

/// Adds the platform versions, which decide `sysconfig.get_platform()` and the wheel tags of `packaging`, and
/// takes out what names folders of the machine that built it.
fn finish_sysconfig(context: &Context, out: &Path) -> Result<()> {
    let stdlib = out.join("stdlib");
    for file in fs::read_dir(&stdlib)?.flatten().map(|e| e.path()) {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.starts_with("_sysconfigdata") {
            continue;
        }
        let mut text = fs::read_to_string(&file)?;
        // The longest first, and whole folders only: one may begin with the name of another.
        let folders = [(out.join("build"), "/usr/src/python"), (context.cache.path().to_path_buf(), "/usr/src/cache"), (context.checkout.clone(), "/usr/src/pyoxide")];
        for (folder, name) in folders {
            let folder = folder.display();
            for end in ["/", "=", "'", " "] {
                text = text.replace(&format!("{folder}{end}"), &format!("{name}{end}"));
            }
        }
        let platform = &context.versions.platform;
        // `packaging` and micropip accept wheels of this platform and of the one that get_platform() names.
        let also = platform.accepted_version().context("`platform.accepted` in `versions.toml` names no `pyemscripten` tag")?;
        for (variable, value) in
            [("PYEMSCRIPTEN_BUILD_VERSION", &*platform.version), ("PYEMSCRIPTEN_PLATFORM_VERSION", also), ("PYODIDE_ABI_VERSION", also)]
        {
            text.push_str(&format!("build_time_vars[\"{variable}\"] = \"{value}\"\n"));
        }
        fs::write(&file, text)?;
        return Ok(());
    }
    fail("CPython's build made no `_sysconfigdata` module", "Look at the end of the log of the `cpython` step")
}
