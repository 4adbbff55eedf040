/**
 * Stopping Python code: with shared memory everywhere, without it where the engine can switch stacks (JSPI).
 */
import { configure, test } from "../harness/registry.mjs";

configure({ noInterpreter: true });

const needsJspi = (env) => (env.hasJspi ? undefined : "ENV-48 ASYNC-13: this engine cannot switch stacks (JSPI)");
const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

test("ASYNC-15 pyodide.interrupt stops a loop without shared memory", { skip: needsJspi }, async ({ load, assert }) => {
  const py = await load();
  const running = py.runPythonAsync("n = 0\nwhile True: n += 1");
  const failed = assert.rejects(() => running);
  await later(10);
  assert.equal(py.interrupt(), true);
  assert.match((await failed).message, /KeyboardInterrupt/);
  assert.equal(py.runPython("n > 0"), true);
  assert.equal(py.interrupt(), false);
});

test("ASYNC-15 JS-040 Handlers of signals run in the middle of a computation", { skip: needsJspi }, async ({ load, assert }) => {
  const py = await load();
  const running = py.runPythonAsync(`
import signal
seen = []
signal.signal(15, lambda number, frame: seen.append((number, frame.f_code.co_name)))
def compute():
    while not seen: pass
    return seen[0]
tuple(compute())`);
  await later(10);
  assert.equal(py.interrupt(15), true);
  const result = await running;
  assert.deepEqual(result.toJs(), [15, "compute"]);
  result.destroy();
});

test("ASYNC-15 While a computation is interrupted no callback of Python runs", { skip: needsJspi }, async ({ load, assert }) => {
  const py = await load();
  await py.runPythonAsync(`
import asyncio, time
log = []
async def other():
    while len(log) < 3:
        log.append("other")
        await asyncio.sleep(0)
task = asyncio.ensure_future(other())
end = time.monotonic() + 0.15
while time.monotonic() < end:
    assert not log
log.append("computed")
await task`);
  assert.deepEqual(py.runPython("from pyodide.ffi import to_js; to_js(log)"), ["computed", "other", "other"]);
});

test("ASYNC-15 time.sleep and run_sync can be interrupted", { skip: needsJspi }, async ({ load, assert }) => {
  const py = await load();
  for (const code of ["import time\ntime.sleep(1000)", "from pyodide.ffi import run_sync\nimport asyncio\nrun_sync(asyncio.sleep(1000))"]) {
    const running = py.runPythonAsync(code);
    const failed = assert.rejects(() => running);
    await later(10);
    assert.equal(py.interrupt(), true);
    assert.match((await failed).message, /KeyboardInterrupt/);
  }
  assert.equal(py.runPython("1 + 1"), 2);
});

test("ASYNC-15 ASYNC-16 What awaits can be interrupted", async ({ load, assert }) => {
  const py = await load();
  const running = py.runPythonAsync("import asyncio\nawait asyncio.sleep(1000)");
  const failed = assert.rejects(() => running);
  await later(10);
  assert.equal(py.interrupt(), true);
  assert.match((await failed).message, /KeyboardInterrupt/);
  assert.equal(py.interrupt(), false);
  for (const nonsense of [65, 0, -1, 1.5, NaN, "2"]) assert.throws(() => py.interrupt(nonsense), /from 1 to 64/);
});

test("ASYNC-15 time.sleep lets the event loop run", { skip: needsJspi }, async ({ load, assert }) => {
  const py = await load();
  const order = [];
  const running = py.runPythonAsync("import time\ntime.sleep(0.05)\ntime.sleep(0)\n'slept'").then((value) => order.push(value));
  setTimeout(() => order.push("timer"), 5);
  await running;
  assert.deepEqual(order, ["timer", "slept"]);
});

test("ASYNC-15 time.sleep refuses what CPython refuses, and sleeps where nothing can be suspended", async ({ load, assert }) => {
  const py = await load();
  py.runPython("import time");
  assert.throws(() => py.runPython("time.sleep(-1)"), /ValueError: sleep length must be non-negative/);
  assert.throws(() => py.runPython("time.sleep(float('nan'))"), /ValueError: Invalid value NaN/);
  assert.throws(() => py.runPython("time.sleep('1')"), /TypeError/);
  assert.throws(() => py.runPython("time.sleep()"), /TypeError/);
  assert.throws(() => py.runPython("time.sleep(10 ** 300)"), /OverflowError/);
  assert.equal(py.runPython("start = time.monotonic(); time.sleep(0.02); time.sleep(0); time.monotonic() - start >= 0.019"), true);
  assert.equal(py.runPython("(time.sleep.__name__, time.sleep.__module__, repr(time.sleep)) == ('sleep', 'time', '<built-in function sleep>')"), true);
});

test("ENV-51 A time limit ends a computation, a blocking call and an await", async ({ load, assert, env }) => {
  const py = await load();
  const codes = ["import asyncio\nawait asyncio.sleep(1000)"];
  if (env.hasJspi) codes.push("while True: pass", "import time\ntime.sleep(1000)", "import asyncio\nfrom pyodide.ffi import run_sync\nrun_sync(asyncio.sleep(1000))");
  for (const code of codes) {
    const error = await assert.rejects(() => py.runPythonAsync(code, { timeout: 20 }));
    assert.equal(error.type, "TimeoutError", code);
    assert.match(error.message, /TimeoutError: The code did not end within 0\.02 seconds/, code);
  }
  assert.equal(await py.runPythonAsync("import asyncio\nawait asyncio.sleep(0, 6)", { timeout: 10_000 }), 6);
  assert.match((await assert.rejects(() => py.runPythonAsync("1/0", { timeout: 10_000 }))).message, /ZeroDivisionError/);
  await assert.rejects(() => py.runPythonAsync("1", { timeout: "soon" }), /timeout/);
});

test("ENV-51 A time limit ends programs that go on after errors, and no import takes it for a missing file", { skip: needsJspi }, async ({ load, assert }) => {
  const py = await load();
  const codes = [
    "while True:\n    try:\n        open('/missing')\n    except OSError:\n        pass",
    "while True:\n    try:\n        int('a')\n    except Exception:\n        pass",
    // It has a second to end by itself, and is ended again then, as often as it takes.
    "while True:\n    try:\n        int('a')\n    except:\n        pass",
  ];
  for (const code of codes) {
    const error = await assert.rejects(() => py.runPythonAsync(code, { timeout: 20 }));
    assert.equal(error.type, "TimeoutError", code);
  }
  assert.equal(py.runPython("import sys; type(sys.last_exc) is TimeoutError"), true);
  // What ends in order has its time.
  const error = await assert.rejects(() => py.runPythonAsync("import time\ntry:\n    while True: pass\nfinally:\n    time.sleep(0.1)\n    cleaned = True", { timeout: 20 }));
  assert.equal(error.type, "TimeoutError");
  assert.equal(py.globals.get("cleaned"), true);
});

/** C code that would go on for years, and looks for signals now and then as CPython's own does. */
const ENDLESS_C = ["import re\nre.match(r'(a+)+$', 'a' * 60 + 'b')", "10 ** 10 ** 8"];

test("ENV-51 ASYNC-15 Time limits and interrupts reach C code that looks for signals", { skip: needsJspi }, async ({ load, assert }) => {
  const py = await load();
  for (const code of ENDLESS_C) {
    const limited = await assert.rejects(() => py.runPythonAsync(code, { timeout: 20 }));
    assert.match(limited.message, /TimeoutError: The code did not end within 0\.02 seconds/, code);
    const failed = assert.rejects(() => py.runPythonAsync(code));
    await later(10);
    assert.equal(py.interrupt(), true);
    assert.match((await failed).message, /KeyboardInterrupt/, code);
  }
  // A handler runs in the middle of it, and the match goes on.
  const found = py.runPythonAsync("import re, signal\nseen = []\nsignal.signal(15, lambda *given: seen.append(given[0]))\nwhile not seen: re.match(r'(a+)+$', 'a' * 20 + 'b')\nseen[0]");
  await later(10);
  assert.equal(py.interrupt(15), true);
  assert.equal(await found, 15);
});

test("ASYNC-16 ASYNC-17 JS-040 An interrupt buffer ends loops, sleeps and waits", { skip: (env) => (env.isBrowser ? "ENV-41: shared memory needs a page that is cross-origin isolated" : undefined) }, async ({ load, assert, env }) => {
  const py = await load();
  const buffer = new Int32Array(new SharedArrayBuffer(4));
  py.setInterruptBuffer(buffer);
  buffer[0] = 2;
  assert.throws(() => py.runPython("while True: pass"), /KeyboardInterrupt/);
  assert.equal(buffer[0], 0);
  buffer[0] = 2;
  assert.throws(() => py.runPython("import time\ntime.sleep(1000)"), /KeyboardInterrupt/);
  for (const code of ENDLESS_C) {
    buffer[0] = 2;
    assert.throws(() => py.runPython(code), /KeyboardInterrupt/);
  }
  buffer[0] = 65;
  assert.equal(py.runPython("sum(1 for _ in range(100_000))"), 100_000);
  if (env.hasJspi) {
    const failed = assert.rejects(() => py.runPythonAsync("import time\ntime.sleep(1000)"));
    await later(10);
    buffer[0] = 2;
    assert.match((await failed).message, /KeyboardInterrupt/);
  }
  buffer[0] = 0;
  py.setInterruptBuffer(undefined);
});

const SENDER = `
const { parentPort, workerData: cells } = require("node:worker_threads");
const lost = [];
for (let n = 0; n < 300; n++) {
  while (Atomics.load(cells, 1) === n) Atomics.wait(cells, 1, n);
  // Each at another moment of what Python does.
  for (let turn = 0; turn < (n % 30) * 50; turn++) Atomics.load(cells, 1);
  Atomics.store(cells, 0, 2);
  while (Atomics.wait(cells, 1, n + 1, lost.length === 0 ? 20_000 : 100) === "timed-out") {
    if (Atomics.load(cells, 0) !== 0) continue;
    // Taken, and nothing came of it.
    lost.push(n);
    Atomics.store(cells, 0, 2);
  }
}
parentPort.postMessage(lost);
`;

test("ASYNC-16 JS-040 A signal is never lost, whenever it comes", { skip: (env) => (env.isBrowser ? "ENV-41: shared memory needs a page that is cross-origin isolated" : undefined), timeout: 240 }, async ({ load, assert }) => {
  const { Worker } = await import("node:worker_threads");
  const py = await load();
  const cells = new Int32Array(new SharedArrayBuffer(8));
  py.setInterruptBuffer(cells);
  const sender = new Worker(SENDER, { eval: true, workerData: cells });
  const lost = new Promise((resolve, reject) => sender.on("message", resolve).on("error", reject));
  py.globals.set("ready", (count) => {
    Atomics.store(cells, 1, count);
    Atomics.notify(cells, 1);
  });
  py.runPython(`
handled = 0
while handled < 300:
    try:
        ready(handled + 1)
        while True: 7 ** 3000
    except KeyboardInterrupt:
        handled += 1
ready(301)
`);
  assert.deepEqual(await lost, []);
  assert.equal(py.globals.get("handled"), 300);
  py.setInterruptBuffer(undefined);
});

test("JS-040 Arrays that cannot hold a signal are refused", async ({ load, assert }) => {
  const py = await load();
  for (const buffer of [[0], new Float64Array(1), new BigInt64Array(1), new Int32Array(0), new DataView(new ArrayBuffer(4))]) {
    assert.throws(() => py.setInterruptBuffer(buffer), /setInterruptBuffer: expected a typed array of integers/);
  }
});

test("ASYNC-15 ENV-51 Loops whose steps are slow are stopped soon, too", { skip: needsJspi }, async ({ load, assert }) => {
  const py = await load();
  // Slow JavaScript stands for slow C.
  py.globals.set("slow", () => {
    for (const end = performance.now() + 5; performance.now() < end; );
  });
  for (const before of ["", "for i in range(100_000): pass\n"]) {
    const running = py.runPythonAsync(`${before}n = 0\nwhile n < 2000:\n    n += 1\n    slow()`);
    const failed = assert.rejects(() => running);
    await later(100);
    py.interrupt();
    assert.match((await failed).message, /KeyboardInterrupt/);
  }
  const limited = await assert.rejects(() => py.runPythonAsync("n = 0\nwhile n < 2000:\n    n += 1\n    slow()", { timeout: 50 }));
  assert.equal(limited.type, "TimeoutError");
  assert.ok(py.globals.get("n") < 500, `${py.globals.get("n")} steps`);
});

test("ASYNC-16 An interrupt buffer that is set in the middle is looked into soon, too", { skip: (env) => (env.isBrowser ? "ENV-41: shared memory needs a page that is cross-origin isolated" : undefined) }, async ({ load, assert }) => {
  const py = await load();
  const buffer = new Int32Array(new SharedArrayBuffer(4));
  for (let round = 0; round < 3; round++) {
    py.runPython("for i in range(100_000): pass");
    py.setInterruptBuffer(buffer);
    py.globals.set("slow", () => {
      buffer[0] = 2;
    });
    const error = assert.throws(() => py.runPython("n = 0\nwhile n < 2000:\n    n += 1\n    slow()"));
    assert.match(error.message, /KeyboardInterrupt/);
    assert.ok(py.globals.get("n") <= 50, `${py.globals.get("n")} steps`);
    py.setInterruptBuffer(undefined);
    buffer[0] = 0;
  }
});

test("ASYNC-17 signal.pause waits for a signal, from an interrupt buffer or pyodide.interrupt", { skip: needsJspi }, async ({ load, assert }) => {
  const py = await load();
  // Again and again: one that comes before the program waits is handled before.
  let timer = setInterval(() => py.interrupt(), 5);
  await assert.rejects(() => py.runPythonAsync("import signal\nsignal.pause()"), "KeyboardInterrupt");
  clearInterval(timer);
  const buffer = new Uint8Array(1);
  py.setInterruptBuffer(buffer);
  timer = setInterval(() => {
    buffer[0] = 10;
  }, 5);
  const seen = await py.runPythonAsync("seen = set()\nbefore = signal.signal(10, lambda number, frame: seen.add(number))\nsignal.pause()\nstr(seen)");
  clearInterval(timer);
  buffer[0] = 0;
  assert.equal(seen, "{10}");
  py.runPython("signal.signal(10, before); None");
  py.setInterruptBuffer(undefined);
});

test("ASYNC-17 signal.pause says where it cannot wait", { skip: (env) => (env.isBrowser ? undefined : "a thread of Node may block") }, async ({ load, assert }) => {
  const py = await load();
  assert.throws(() => py.runPython("import signal\nsignal.pause()"), /would block this page for ever/);
});
