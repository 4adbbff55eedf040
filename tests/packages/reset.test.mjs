/**
 * `pyodide.reset()`: back to the snapshot that the interpreter was started from, whatever was done to it since.
 */
import { configure, test } from "../harness/registry.mjs";

configure({ noInterpreter: true });

const GONE = /the interpreter was reset \(pyodide\.reset\(\)\)/;

/** Puts the built libraries into the file system, and a function into Python that loads one of them. */
async function withLibraries(py, index) {
  for (const file of index.native) {
    const path = `/tmp/native/${file}`;
    py.FS.mkdirTree(path.slice(0, path.lastIndexOf("/")));
    py.FS.writeFile(path, new Uint8Array(await (await fetch(`${index.origin}/native/${file}`)).arrayBuffer()));
  }
  py.runPython("import ctypes\ndef library(name): return ctypes.CDLL(f'/tmp/native/{name}')");
}

/** What Python and JavaScript can see of the state. */
const LOOK_AROUND = `
import gc, os, sys
def walk():
    return sorted(os.path.join(at, name) for top in ("/home", "/tmp", "/lib/python3.14") for at, directories, files in os.walk(top) for name in directories + files)
repr([sorted(globals()), sorted(sys.modules), walk(), sorted(os.environ.items()), os.getcwd(), sys.path, sys.argv, len(sys.meta_path), os.listdir("/proc/self/fd")])`;

test("ROAD-19 W-01 reset() gives back names, modules, files, environment and packages of the start", async ({ loadPyodide, assert }) => {
  const py = await loadPyodide({ env: { GIVEN: "1" } });
  const { FS, globals, ffi, loadedPackages, runPython } = py;
  const before = py.runPython(LOOK_AROUND);
  await py.reset();
  const counts = [py._api.liveHandles(), py._api.liveProxies()];
  for (let round = 0; round < 3; round++) {
    assert.equal(py.runPython(LOOK_AROUND), before);
    await py.loadPackage("markupsafe", { messageCallback: () => undefined });
    py.registerJsModule("mine", { kept: [] });
    py.runPython(`
import markupsafe, mine, os, sys, builtins, csv, sqlite3
builtins.spoiled = 1
sys.path.insert(0, "/nowhere")
sys.argv.append("more")
os.environ["ADDED"] = "1"; del os.environ["GIVEN"]
os.makedirs("/tmp/a/b"); open("/tmp/a/b/file", "w").write("text")
kept = open("/tmp/a/b/file")
os.chdir("/tmp")
os.rmdir("/home/pyodide") if not os.listdir("/home/pyodide") else None
mine.kept.append(markupsafe.escape("<"))
int.__doc__
def loop(): loop()
`);
    assert.equal(Object.keys(py.loadedPackages).length, 1);
    await py.reset();
    assert.deepEqual([py._api.liveHandles(), py._api.liveProxies()], counts);
    assert.equal(Object.keys(py.loadedPackages).length, 0);
    assert.throws(() => py.runPython("import mine"), /No module named 'mine'/);
    assert.throws(() => py.runPython("import markupsafe"), /markupsafe/);
    await py.reset();
  }
  // The same objects, of the new state.
  assert.ok(py.FS === FS && py.ffi === ffi && py.loadedPackages === loadedPackages);
  assert.equal(runPython("6 * 7"), 42);
  assert.ok(py.globals !== globals);
  assert.ok(py.globals instanceof ffi.PyDict);
});

test("ROAD-19 What was made before a reset says so when it is used, and frees nothing afterwards", async ({ loadPyodide, assert }) => {
  const py = await loadPyodide();
  const { globals } = py;
  const list = py.runPython("[1, [2]]");
  const inner = list.get(1);
  const call = py.runPython("lambda: 1");
  const view = py.runPython("bytearray(8)").getBuffer();
  const once = py.runPython("from pyodide.ffi import create_once_callable; create_once_callable(lambda: 1)");
  const iterator = list[Symbol.iterator]();
  let error;
  try {
    py.runPython("{}['before']");
  } catch (thrown) {
    error = thrown;
  }
  await py.reset();
  for (const use of [() => list.length, () => inner.toJs(), () => call(), () => globals.get("x"), () => once(), () => iterator.next(), () => view.data, () => py.toPy([list]), () => String(list)]) {
    assert.throws(use, GONE);
  }
  const live = py._api.liveProxies();
  list.destroy();
  inner.destroy();
  view.release();
  once.destroy();
  assert.equal(py._api.liveProxies(), live);
  // An old error is no exception of the new state.
  try {
    py.runPython("{}['after']");
  } catch {}
  const told = py.runPython("def tell(f):\n  try: f()\n  except BaseException as e: return str(e)\ntell")(() => {
    throw error;
  });
  assert.match(told, /before/);
  assert.ok(!told.includes("after"));
});

test("ROAD-19 Tasks, timers and promises end with a reset", async ({ loadPyodide, assert }) => {
  const called = [];
  let isOver = false;
  const note = (text) => {
    if (isOver) called.push(text);
  };
  const py = await loadPyodide({ jsglobals: { ...globalThis, note } });
  const waiting = py.runPythonAsync("import asyncio; await asyncio.Future()");
  // Nobody awaits this one.
  py.runPythonAsync("import asyncio; await asyncio.sleep(1000)");
  py.runPythonAsync("import asyncio; await asyncio.sleep(0.05); from js import note; note('woke')").catch(() => undefined);
  py.runPython("import asyncio; from js import note; asyncio.get_event_loop().call_later(0.01, note, 'later')");
  py.scheduleCallback(() => note("scheduled"), 10);
  const coroutine = py.runPython("async def wait():\n  await asyncio.Future()\nwait")();
  await py.reset();
  isOver = true;
  await assert.rejects(() => waiting, GONE);
  await assert.rejects(async () => await coroutine, GONE);
  await py.runPythonAsync("import asyncio; await asyncio.sleep(0.1)");
  assert.deepEqual(called, []);
});

test("ROAD-19 A promise that Python awaited may settle after a reset", async ({ loadPyodide, assert }) => {
  const settle = [];
  const py = await loadPyodide({ jsglobals: { promise: () => new Promise((resolve, reject) => settle.push(resolve, reject)) } });
  for (let round = 0; round < 3; round++) {
    py.runPythonAsync("import js; await js.promise()").catch(() => undefined);
    py.runPythonAsync("import js; await js.promise()").catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve));
    await py.reset();
    assert.equal(settle.length, 4);
    const [one, , , other] = settle.splice(0);
    one(py.runPython("[1]"));
    other(new Error("too late"));
    assert.equal(await py.runPythonAsync("import asyncio; await asyncio.sleep(0); 'well'"), "well");
  }
});

test("ROAD-19 Stacks that are suspended never go on", { skip: (env) => (env.hasJspi ? undefined : "ENV-48 ASYNC-13: this engine cannot switch stacks (JSPI)") }, async ({ loadPyodide, assert }) => {
  const ends = [];
  let settle;
  const py = await loadPyodide({ jsglobals: { promise: new Promise((resolve) => { settle = resolve; }), ends } });
  const source = "import js\nfrom pyodide.ffi import run_sync\nrun_sync(js.promise)\njs.ends.append('went on')";
  const one = py.runPythonAsync(source);
  const other = py.runPython(`lambda: exec(${JSON.stringify(source)})`).callPromising();
  const computing = py.runPythonAsync("while True: pass");
  // It has a turn now and then.
  await new Promise((resolve) => setTimeout(resolve, 60));
  await py.reset();
  for (const promise of [one, other, computing]) {
    await assert.rejects(() => promise, GONE);
  }
  settle(1);
  assert.equal(await py.runPythonAsync("import asyncio; await asyncio.sleep(0.03); 'well'"), "well");
  assert.equal(await py.runPythonAsync("from pyodide.ffi import run_sync; import asyncio; run_sync(asyncio.sleep(0.01, 5))"), 5);
  assert.deepEqual(ends, []);
});

test("ROAD-19 reset() brings an interpreter back that is dead", async ({ loadPyodide, assert }) => {
  const py = await loadPyodide();
  const crashes = [
    ["import os; os._exit(3)", /^Exit: /, /ended/],
    ["import ctypes; ctypes.string_at(0xfffffff0, 64)", /^FatalError/, /dead/],
    ["import os; os.abort()", /^FatalError/, /dead/],
  ];
  for (const [crash, first, later] of crashes) {
    assert.throws(() => py.runPython(`kept = 1\n${crash}`), first);
    assert.throws(() => py.runPython("1"), later);
    await py.reset();
    assert.equal(py.runPython("import json; json.dumps(sorted(name for name in globals() if name == 'kept'))"), "[]");
    assert.equal(await py.runPythonAsync("import asyncio; await asyncio.sleep(0, 7)"), 7);
  }
});

test("ROAD-19 Two hundred resets add nothing", { timeout: 240 }, async ({ loadPyodide, index, assert }) => {
  const py = await loadPyodide();
  const count = () => [py._api.liveHandles(), py._api.liveProxies(), py._module.wasmTable.length, py._module.wasmMemory.buffer.byteLength, py.FS.streams.filter(Boolean).length];
  py.runPython("big = bytearray(1000)");
  await py.reset();
  const start = count();
  const tableLengths = new Set();
  for (let round = 0; round < 200; round++) {
    if (round % 50 === 0) {
      await withLibraries(py, index);
      py.runPython("assert library('pair/outer.so').outer_sum() == 123; callback = ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 5); assert callback() == 5");
      tableLengths.add(py._module.wasmTable.length);
    }
    py.runPython("import asyncio; kept = [object() for _ in range(100)]; open('/tmp/f', 'w').write('x')");
    await py.reset();
  }
  const end = count();
  // The table keeps the room that the libraries once had.
  assert.equal(tableLengths.size, 1);
  assert.deepEqual([...end.slice(0, 2), ...end.slice(3)], [...start.slice(0, 2), ...start.slice(3)]);
});

test("ROAD-19 Memory that Python has written to is fresh after a reset, also where it has grown", async ({ loadPyodide, assert }) => {
  const py = await loadPyodide();
  py.runPython("kept = b'needle-' + b'in-a-haystack'; filler = [kept * 1_000_000 for _ in range(3)]");
  await py.reset();
  const memory = new Uint8Array(py._module.wasmMemory.buffer);
  const needle = [..."needle-in-a-haystack"].map((character) => character.charCodeAt(0));
  const find = (from) => {
    for (let at = memory.indexOf(needle[0], from); at >= 0; at = memory.indexOf(needle[0], at + 1)) {
      if (needle.every((byte, index) => memory[at + index] === byte)) return at;
    }
    return -1;
  };
  assert.equal(find(0), -1);
  assert.equal(py.runPython("sum(bytearray(5_000_000))"), 0);
});

test("ROAD-19 What was set with functions of the API is what it was at the start", async ({ loadPyodide, assert }) => {
  const lines = [];
  const py = await loadPyodide({ stdout: (line) => lines.push(`given ${line}`), stdin: () => "from the option", jsModules: { always: { here: 1 } } });
  const other = [];
  const buffer = new Uint8Array(1);
  py.setStdout({ batched: (line) => other.push(line) });
  py.setStdin({ stdin: () => "another" });
  py.setInterruptBuffer(buffer);
  py.setDebug(true);
  py.runPython("print('one'); print('held back', end='')");
  await py.reset();
  buffer[0] = 2;
  py.runPython("print('two'); print(input()); sum(range(100_000))");
  assert.deepEqual(lines, ["given two", "given from the option"]);
  assert.equal(other[0], "one");
  assert.equal(py.setDebug(false), false);
  assert.equal(py.runPython("import always; always.here"), 1);
});

test("ROAD-19 Python may ask for the reset, and calls at the same time share one", async ({ loadPyodide, assert }) => {
  const py = await loadPyodide();
  const asking = py.runPythonAsync("x = 1\nimport pyodide_js\nawait pyodide_js.reset()");
  await assert.rejects(() => asking, GONE);
  assert.equal(py.runPython("'x' in globals()"), false);
  py.runPython("y = 1");
  await Promise.all([py.reset(), py.reset(), py.reset()]);
  assert.equal(py.runPython("'y' in globals()"), false);
  // In the middle of a call.
  let done;
  py.runPython("def call(f): f()\ncall")(() => {
    done = py.reset();
    assert.equal(py.runPython("1 + 1"), 2);
  });
  await done;
  assert.equal(py.runPython("'call' in globals()"), false);
});

test("ROAD-19 reset() while a package is loading", async ({ loadPyodide, assert }) => {
  const py = await loadPyodide();
  const loading = py.loadPackage("markupsafe", { messageCallback: () => undefined, errorCallback: () => undefined }).then(() => "loaded", (error) => String(error));
  await py.reset();
  assert.match(await loading, /loaded|the interpreter was reset/);
  assert.equal(Object.keys(py.loadedPackages).length, 0);
  await py.loadPackage("markupsafe", { messageCallback: () => undefined });
  assert.equal(py.runPython("import markupsafe; str(markupsafe.escape('<'))"), "&lt;");
});

test("ROAD-19 The standard library is intact after a reset, whatever was written into its file", async ({ loadPyodide, assert }) => {
  const py = await loadPyodide();
  py.runPython("import os, sys; archive = next(p for p in sys.path if p.endswith('.zip')); os.chmod(archive, 0o666); f = open(archive, 'r+b'); f.write(bytes(10_000_000)); f.close()");
  await py.reset();
  assert.equal(py.runPython("import csv, fractions, tomllib; tomllib.loads('a = 1')['a']"), 1);
  assert.equal((await loadPyodide()).runPython("import csv; csv.__name__"), "csv");
});

test("ROAD-19 Random numbers differ after each reset", async ({ loadPyodide, assert }) => {
  const py = await loadPyodide();
  const draw = () => py.runPython("import os, random, uuid; repr((random.random(), uuid.uuid4(), os.urandom(8)))");
  const draws = [draw()];
  for (let round = 0; round < 3; round++) {
    await py.reset();
    draws.push(draw());
  }
  assert.equal(new Set(draws).size, 4);
});

test("ROAD-19 A reset goes back to the snapshot with packages and side modules that the interpreter was started from", async ({ loadPyodide, index, assert }) => {
  const first = await loadPyodide();
  await first.loadPackage("markupsafe", { messageCallback: () => undefined });
  await withLibraries(first, index);
  first.runPython("import markupsafe; outer = library('pair/outer.so'); x = markupsafe.Markup('<b>'); open('/home/pyodide/mine', 'w').write('kept')");
  const py = await loadPyodide({ snapshot: first.makeMemorySnapshot() });
  for (let round = 0; round < 3; round++) {
    assert.equal(Object.keys(py.loadedPackages).length, 1);
    assert.equal(py.runPython("str(x + '<') + open('/home/pyodide/mine').read()"), "<b>&lt;kept");
    assert.equal(py.runPython("outer.outer_sum() + library('pair/outer.so').outer_sum() + library('cycle/libeven.so').is_even(10)"), 247);
    py.runPython("import os; os.unlink('/home/pyodide/mine'); del x, markupsafe, outer; import sys; del sys.modules['markupsafe']");
    await py.reset();
  }
});

test("ROAD-19 Without a snapshot reset() says so and changes nothing", async ({ loadPyodide, assert }) => {
  const py = await loadPyodide({ snapshot: false });
  py.runPython("x = 5");
  await assert.rejects(() => py.reset(), /^SnapshotError: reset: this interpreter was not started from a memory snapshot/);
  assert.equal(py.runPython("x"), 5);
});

test("ROAD-19 fsInit and packages of the options are there again after a reset", async ({ loadPyodide, assert }) => {
  const py = await loadPyodide({
    packages: ["markupsafe"],
    fsInit: async (FS) => {
      FS.writeFile("/tmp/seed", "seed");
    },
  });
  for (let round = 0; round < 2; round++) {
    assert.equal(py.runPython("import markupsafe; open('/tmp/seed').read()"), "seed");
    py.runPython("import os; os.unlink('/tmp/seed')");
    await py.reset();
  }
  assert.equal(py.runPython("open('/tmp/seed').read()"), "seed");
});
