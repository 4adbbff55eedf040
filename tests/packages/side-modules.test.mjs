/**
 * Side modules: libraries that need others, symbols that nobody has, exceptions across libraries.
 * The libraries are built from native/ with the toolchain of the distribution.
 */
import { test } from "../harness/registry.mjs";

const noLeakCheck = "libraries stay loaded";

/** An interpreter with the built libraries in /tmp/native and a function `library` that loads one with ctypes. */
async function withLibraries({ load, index }) {
  const py = await load();
  for (const file of index.native) {
    const path = `/tmp/native/${file}`;
    py.FS.mkdirTree(path.slice(0, path.lastIndexOf("/")));
    py.FS.writeFile(path, new Uint8Array(await (await fetch(`${index.origin}/native/${file}`)).arrayBuffer()));
  }
  py.runPython(`
import ctypes, json
def library(name, *options):
    return ctypes.CDLL(f"/tmp/native/{name}", *options)
def failure(name):
    try:
        library(name)
    except OSError as e:
        return str(e)`);
  return py;
}

test("PKG-09 A library brings the one beside it (RPATH), with its data and its constructors", { noLeakCheck }, async (context) => {
  const py = await withLibraries(context);
  context.assert.equal(py.runPython("library('pair/outer.so').outer_sum()"), 40 + 42 + 41);
});

test("PKG-09 A library that two others in different folders bring is one library, by whatever path", { noLeakCheck }, async (context) => {
  const py = await withLibraries(context);
  context.assert.deepEqual(
    JSON.parse(py.runPython(`
import os
os.symlink("/tmp/native/pair.libs/libinner.so", "/tmp/native/link.so")
os.chdir("/tmp/native")
outer, other = library("pair/outer.so"), library("pair/deeper/other.so")
paths = ["/tmp/native/pair.libs/libinner.so", "/tmp/native/pair/../pair.libs/libinner.so", "./pair.libs/libinner.so", "/tmp/native/link.so"]
addresses = {ctypes.addressof(ctypes.c_int.in_dll(ctypes.CDLL(path), "inner_value")) for path in paths}
ctypes.c_int.in_dll(ctypes.CDLL(paths[0]), "inner_value").value = 50
json.dumps([len(addresses), outer.outer_sum(), other.outer_sum()])`)),
    [1, 50 + 52 + 41, 50 + 52 + 41],
  );
});

test("PKG-09 Two libraries that need each other", { noLeakCheck }, async (context) => {
  const py = await withLibraries(context);
  context.assert.deepEqual(
    JSON.parse(py.runPython(`
even, odd = library("cycle/libeven.so"), library("cycle/libodd.so")
json.dumps([even.is_even(10), even.is_even(7), even.calls_of_odd(), odd.calls_of_even(), ctypes.c_int.in_dll(odd, "odd_calls").value])`)),
    [1, 0, 9, 10, 9],
  );
});

test("PKG-10 ENV-61 A symbol that nobody has is named, and other libraries still load", { noLeakCheck }, async (context) => {
  const { assert } = context;
  const py = await withLibraries(context);
  const name = "undefined symbol: pyox_nobody_has_this";
  assert.match(py.runPython("failure('missing-address.so')"), /missing-address\.so.*undefined symbol: pyox_nobody_has_this/s);
  // Again: what failed has left nothing that looks like success.
  assert.ok(py.runPython("failure('missing-address.so')").includes(name));
  assert.match(py.runPython("failure('libneeds.so')"), /libinner\.so: there is no such library \(needed by \/tmp\/native\/libneeds\.so\)/);
  assert.match(py.runPython("open('/tmp/native/not.so', 'wb').write(b'nothing'); failure('not.so')"), /not\.so/);
  // A function that is not called is not missed; one that is, says its name and ends the interpreter.
  assert.equal(py.runPython("library('missing-call.so').use(0)"), 7);
  assert.equal(py.runPython("library('pair/outer.so').outer_sum()"), 123);
  assert.throws(() => py.runPython("library('missing-call.so').use(1)"), /undefined symbol: pyox_nobody_has_this \(called by \/tmp\/native\/missing-call\.so\)/);
});

test("PKG-11 C++ exceptions cross libraries, and destructors run on the way", { noLeakCheck }, async (context) => {
  const py = await withLibraries(context);
  context.assert.deepEqual(
    JSON.parse(py.runPython(`
text = ctypes.create_string_buffer(100)
json.dumps([library("catch.so").catch_it(5, text), text.value.decode(), library("catch.so").catch_it(6, text), text.value.decode()])`)),
    [1, "number 5", 2, "number 6"],
  );
});

/** Functions that a library in C++ exports and imports: found when they are called. */
const WEAK = `
import sys
sys.path.insert(0, "/tmp/native")
import weak`;

test("PKG-09 Templates and inline functions of an extension in C++, with numbers of all sizes", { noLeakCheck }, async (context) => {
  const py = await withLibraries(context);
  context.assert.deepEqual(JSON.parse(py.runPython(`${WEAK}\njson.dumps([weak.call(lambda: 5), weak.count(1001), weak.mixed(9.0), weak.call(lambda: weak.call(dict))])`)), [5, 501, 2 ** 40 + 4, {}]);
  context.assert.throws(() => py.runPython("weak.call(lambda: 1 / 0)"), /ZeroDivisionError/);
});

const skip = (env) => (env.hasJspi ? undefined : "ENV-48 ASYNC-13: this engine cannot switch stacks (JSPI)");

test("PKG-09 ASYNC-13 A stack with templates of C++ on it waits for a promise, also when the library comes from a snapshot", { noLeakCheck, skip }, async (context) => {
  const { assert, load } = context;
  const waits = "import asyncio\nfrom pyodide.ffi import run_sync\nweak.call(lambda: run_sync(asyncio.sleep(0, 7)))";
  const py = await withLibraries(context);
  assert.equal(await py.runPythonAsync(`${WEAK}\n${waits}`), 7);
  const restored = await load({ snapshot: py.makeMemorySnapshot() });
  assert.equal(await restored.runPythonAsync(waits), 7);
});

test("PKG-09 ASYNC-13 While a library is being loaded, a stack is not suspended, and a long computation gives the host no turn", { noLeakCheck, skip }, async (context) => {
  const { assert } = context;
  const py = await withLibraries(context);
  // The constructor calls Python, and the dynamic linker, which is JavaScript, calls the constructor.
  const found = await py.runPythonAsync(`
import asyncio, builtins, sys, time
from pyodide.ffi import can_run_sync, run_sync
def on_load():
    until = time.monotonic() + 0.2
    while time.monotonic() < until:
        str(1)
    try:
        run_sync(asyncio.sleep(0))
    except RuntimeError as error:
        return [can_run_sync(), type(error).__name__]
builtins.pyox_on_load = on_load
sys.path.insert(0, "/tmp/native")
import eager
json.dumps([eager.result(), can_run_sync()])`);
  assert.deepEqual(JSON.parse(found), [[false, "RuntimeError"], true]);
});

test("PKG-10 A file that was just written is loaded, by its path or by its name", { noLeakCheck }, async (context) => {
  const py = await withLibraries(context);
  context.assert.deepEqual(
    JSON.parse(py.runPython(`
import ctypes.util, os, shutil
shutil.copy("/tmp/native/pair.libs/libinner.so", "/tmp/native/copied.so")
os.makedirs("/usr/lib", exist_ok=True)
shutil.copy("/tmp/native/pair.libs/libinner.so", "/usr/lib/libpyoxinner.so")
json.dumps([library("copied.so").inner_add(2), ctypes.CDLL("libpyoxinner.so").inner_add(3), ctypes.util.find_library("pyoxinner"), ctypes.util.find_library("pyox-none")])`)),
    [42, 43, "/usr/lib/libpyoxinner.so", null],
  );
});

test("PKG-09 RTLD_GLOBAL shows the symbols of a library to those that come later", { noLeakCheck }, async (context) => {
  const py = await withLibraries(context);
  context.assert.deepEqual(
    JSON.parse(py.runPython(`
before = hasattr(ctypes.CDLL(None), "inner_add")
library("pair.libs/libinner.so", ctypes.RTLD_GLOBAL)
json.dumps([before, ctypes.CDLL(None).inner_add(1)])`)),
    [false, 41],
  );
});

test("PKG-09 Side modules find the C libraries of the main module", { noLeakCheck }, async ({ load, assert }) => {
  const py = await load();
  assert.deepEqual(
    JSON.parse(py.runPython(`
import ctypes, json, zlib
main = ctypes.CDLL(None)
def text(name):
    function = main[name]
    function.restype = ctypes.c_char_p
    return function().decode()
data = b"side modules " * 100
packed = ctypes.create_string_buffer(len(data))
size = ctypes.c_ulong(len(packed))
status = main.compress(packed, ctypes.byref(size), data, len(data))
zstd = ctypes.create_string_buffer(2000)
zstd_size = main.ZSTD_compress(zstd, len(zstd), data, len(data), 3)
unpacked = ctypes.create_string_buffer(2000)
json.dumps([text("zlibVersion") == zlib.ZLIB_RUNTIME_VERSION, status, zlib.decompress(packed.raw[:size.value]) == data, main.crc32(0, data, len(data)) & 0xFFFFFFFF == zlib.crc32(data),
    main.ZSTD_decompress(unpacked, len(unpacked), zstd, zstd_size), unpacked.raw[: len(data)] == data,
    *(hasattr(main, name) for name in ("inflateInit2_", "deflateInit2_", "gzopen", "BZ2_bzDecompress", "lzma_stream_decoder", "ffi_call", "ZSTD_decompressStream"))])`)),
    [true, 0, true, true, 1300, true, true, true, true, true, true, true, true],
  );
});

test("PKG-06 Extension modules cost nothing before they are imported", { noLeakCheck }, async ({ load, index, assert }) => {
  const py = await load();
  await py.loadPackage(`${index.origin}/files/${index.files.jiter}`, { messageCallback() {} });
  const loaded = () => Object.keys(py._module.LDSO.loadedLibsByName).filter((name) => name.includes("jiter"));
  assert.deepEqual(loaded(), []);
  assert.equal(py.runPython("import jiter; jiter.from_json(b'[1]')[0]"), 1);
  assert.equal(loaded().length, 1);
});

test("ROAD-19 PKG-09 A snapshot brings side modules back, with their state and at their addresses", { noLeakCheck }, async (context) => {
  const { assert, load } = context;
  const py = await withLibraries(context);
  py.runPython(`
pair = library("pair/outer.so")
pair.outer_sum()
even, odd = library("cycle/libeven.so"), library("cycle/libodd.so")
even.is_even(10)`);
  // What a library has counted is in its memory.
  const count = "ctypes.c_int.in_dll(odd, 'odd_calls').value";
  const before = py.runPython(count);
  const restored = await load({ snapshot: py.makeMemorySnapshot() });
  assert.equal(restored.runPython(count), before);
  assert.equal(restored.runPython("pair.outer_sum()"), 123);
  assert.equal(restored.runPython("even.is_even(7)"), 0);
  assert.ok(restored.runPython(count) > before);
  // A library that was not loaded before loads beside them.
  assert.match(restored.runPython("failure('missing-address.so')"), /undefined symbol: pyox_nobody_has_this/);
});

test("PKG-09 A library finds SQLite as if it were in the main module, whether Python has imported it or not", { noLeakCheck }, async (context) => {
  for (const before of ["", "import sqlite3"]) {
    const py = await withLibraries(context);
    const version = py.runPython(`
${before}
its = library('uses-sqlite.so')
its.text.restype = ctypes.c_char_p
assert its.text() == b'not an error'
its.version()`);
    context.assert.equal(version, py.runPython("import sqlite3; a, b, c = sqlite3.sqlite_version_info; a * 1000000 + b * 1000 + c"));
  }
});

test("PKG-10 The main program as a library keeps its symbols, and SQLite's are among them", { noLeakCheck }, async (context) => {
  const { assert } = context;
  const py = await withLibraries(context);
  // Loading a library that brings another one used to take the main program's place.
  assert.equal(py.runPython("library('pair/outer.so').outer_sum()"), 123);
  assert.equal(py.runPython("failure('missing-address.so') is not None and ctypes.pythonapi.Py_IsInitialized()"), 1);
  assert.equal(py.runPython("ctypes.CDLL(None).sqlite3_libversion_number()"), py.runPython("import sqlite3; a, b, c = sqlite3.sqlite_version_info; a * 1000000 + b * 1000 + c"));
  assert.equal(py.runPython("ctypes.pythonapi.Py_IsInitialized()"), 1);
  for (const name of ["pyox_nobody_has_this", "sqlite3_nobody_has_this"]) {
    assert.throws(() => py.runPython(`ctypes.CDLL(None).${name}`), new RegExp(`AttributeError: .*${name}`));
  }
});

test("PKG-49 JavaScript in a library (EM_JS, EM_ASM) finds the memory, the helpers and the exports", { noLeakCheck }, async (context) => {
  const { assert } = context;
  const py = await withLibraries(context);
  const found = () => JSON.parse(py.runPython(`
js = library("javascript.so")
js.text_upper.restype = ctypes.c_void_p
js.add.argtypes = ctypes.c_int, ctypes.c_double
def upper(text):
    address = js.text_upper(text.encode())
    result = ctypes.string_at(address).decode()
    ctypes.CDLL(None).free(ctypes.c_void_p(address))
    return result
json.dumps([js.text_length("grün".encode()), upper("grün"), js.add(3, 4.0)])`));
  assert.deepEqual(found(), [4, "GRÜN", 704]);
  // The memory's views are others after it has grown.
  py.runPython("large = bytearray(64 << 20)");
  assert.deepEqual(found(), [4, "GRÜN", 704]);
});

test("PKG-49 ENV-61 Where a policy forbids to evaluate JavaScript, a library that has some says so, and others load", { noLeakCheck }, async (context) => {
  const { assert } = context;
  const py = await withLibraries(context);
  const { Function: original } = globalThis;
  globalThis.Function = function () {
    throw new EvalError("Refused by the policy of the page");
  };
  try {
    assert.match(py.runPython("failure('javascript.so')"), /javascript\.so: it has JavaScript in it \(EM_JS, EM_ASM\), which the content security policy of this page does not let it evaluate/);
    assert.equal(py.runPython("library('pair/outer.so').outer_sum()"), 123);
  } finally {
    globalThis.Function = original;
  }
  assert.equal(py.runPython("library('javascript.so').text_length(b'abc')"), 3);
});

test("PKG-49 JS-048 JS-138 A program with a main loop draws on the canvas while Python goes on", { noLeakCheck }, async (context) => {
  const { assert, env } = context;
  const py = await withLibraries(context);
  const ended = () => new Promise((resolve) => {
    const look = () => (py.runPython("js.ticks_so_far()") === 3 ? resolve() : setTimeout(look, 10));
    look();
  });
  py.runPython("js = library('javascript.so')");
  assert.equal(py.runPython("js.draw(9)"), -1);
  let canvas;
  if (env.isBrowser) {
    canvas = document.createElement("canvas");
    canvas.id = "canvas";
    canvas.width = 123;
    py.canvas.setCanvas2D(canvas);
    assert.equal(py.runPython("js.draw(9)"), 123);
    assert.deepEqual([...canvas.getContext("2d").getImageData(1, 1, 1, 1).data], [9, 0, 0, 255]);
  }
  py.runPython("js.start_loop(0)");
  await ended();
  if (canvas !== undefined) assert.deepEqual([...canvas.getContext("2d").getImageData(1, 1, 1, 1).data], [3, 0, 0, 255]);
  // A loop that never returns runs beside Python when the program says so.
  py._api._skip_unwind_fatal_error = true;
  for (let attempt = 0; attempt < 2; attempt++) {
    assert.equal(py.runPython("before = 1\njs.start_loop(1)\nbefore += 1\nbefore, js.ticks_so_far()").toJs().join(), "2,0");
    await ended();
  }
  py._api._skip_unwind_fatal_error = false;
  assert.throws(() => py.runPython("js.start_loop(1)"), /FatalError: .*Set `pyodide\._api\._skip_unwind_fatal_error = true` before/);
});

/** The smallest library that imports a function `() -> void` of the main module. */
function libraryThatImports(name) {
  const text = (value) => [value.length, ...new TextEncoder().encode(value)];
  const section = (id, content) => [id, content.length, ...content];
  return Uint8Array.from([
    0, 97, 115, 109, 1, 0, 0, 0,
    ...section(0, [...text("dylink.0"), 1, 4, 0, 0, 0, 0]),
    ...section(1, [1, 96, 0, 0]),
    ...section(2, [1, ...text("env"), ...text(name), 0, 0]),
  ]);
}

test("PKG-06 A page says what to do with a library that it does not compile at once", { noLeakCheck, skip: (env) => (env.name === "chromium" ? undefined : "only Chromium has such a limit") }, async ({ load, assert }) => {
  const py = await load();
  const small = libraryThatImports("PyErr_Clear");
  // A section that nobody reads makes it large.
  const name = [3, 112, 97, 100];
  const padding = 9_000_000;
  const size = [0, 7, 14, 21].map((shift) => (((padding + name.length) >> shift) & 127) | (shift < 21 ? 128 : 0));
  const large = new Uint8Array(small.length + 1 + size.length + name.length + padding);
  large.set([...small, 0, ...size, ...name]);
  py.FS.writeFile("/tmp/large.so", large);
  py.FS.writeFile("/tmp/small.so", small);
  py.runPython("import ctypes; ctypes.CDLL('/tmp/small.so')");
  for (let attempt = 0; attempt < 2; attempt++) {
    assert.throws(() => py.runPython("ctypes.CDLL('/tmp/large.so')"), /OSError: .*large\.so: it is larger than 8 MB, which this browser does not compile at once on the main thread of a page\. Install its wheel with pyodide\.loadPackage or micropip/s);
  }
});

test("ROAD-19 ENV-61 Functions of OpenGL get their places in the table with the first library that imports one", { noLeakCheck }, async ({ load, assert }) => {
  // A start from nothing has filled them.
  const py = await load({ snapshot: true });
  const { wasmTable } = py._module;
  const missing = () => Array.from({ length: wasmTable.length }, (_, index) => index).filter((index) => index > 1 && wasmTable.get(index) === null).length;
  const before = missing();
  py.FS.writeFile("/tmp/gl.so", libraryThatImports("emscripten_glFinish"));
  py.runPython("import ctypes; ctypes.CDLL('/tmp/gl.so')");
  assert.ok(before - missing() > 200, `${before} slots were empty, ${missing()} are`);
});
