/**
 * Several stacks of Python that wait at the same time, where the engine can switch stacks (JSPI). Each case has its own interpreter.
 */
import { configure, test } from "../harness/registry.mjs";

configure({ noInterpreter: true });

const skip = (env) => (env.hasJspi ? undefined : "ENV-48 ASYNC-13: this engine cannot switch stacks (JSPI)");
const PREAMBLE = "from pyodide.ffi import run_sync, can_run_sync\nfrom pyodide.code import run_js\n";

test("ASYNC-13 ASYNC-14 Stacks resume in any order", { skip }, async ({ load, assert }) => {
  const py = await load();
  py.runPython(`${PREAMBLE}
gates = run_js("[0, 1, 2].map(() => { let open; const promise = new Promise((resolve) => { open = resolve; }); return { promise, open }; })")
log = []
def work(i):
    log.append(f"start {i}")
    try:
        raise ValueError(i)
    except ValueError as error:
        value = run_sync(gates[i].promise)
        log.append(f"end {i} {value} {error}")
    return i
`);
  const work = py.globals.get("work");
  const call = (i) => (work.callPromising ?? work.callSyncifying).call(work, i);
  const all = [0, 1, 2].map(call);
  for (const promise of all) promise.catch(() => {});
  const gates = py.runPython("lambda i, v: gates[i].open(v)");
  for (const i of [1, 2, 0]) {
    gates(i, `v${i}`);
    await all[i];
  }
  assert.deepEqual(await Promise.all(all), [0, 1, 2]);
  assert.equal(py.runPython("'; '.join(log)"), "start 0; start 1; start 2; end 1 v1 1; end 2 v2 2; end 0 v0 0");
});

test("ASYNC-13 Many suspended stacks at once", { skip }, async ({ load, assert }) => {
  const py = await load();
  py.runPython(`${PREAMBLE}
wait = run_js("(x) => new Promise((resolve) => setTimeout(() => resolve(x), 1 + x % 7))")
def work(i):
    return run_sync(wait(i)) * 2
`);
  const work = py.globals.get("work");
  const results = await Promise.all(Array.from({ length: 100 }, (_, i) => (work.callPromising ?? work.callSyncifying).call(work, i)));
  assert.deepEqual(results, Array.from({ length: 100 }, (_, i) => i * 2));
});

test("ASYNC-13 While a stack waits, others run", { skip }, async ({ load, assert }) => {
  const py = await load();
  py.runPython(`${PREAMBLE}
slow = run_js("() => new Promise((resolve) => setTimeout(resolve, 20))")
def work():
    run_sync(slow())
    return counter
counter = 0
`);
  const work = py.globals.get("work");
  const promise = (work.callPromising ?? work.callSyncifying).call(work);
  py.runPython("counter = 7");
  assert.equal(await promise, 7);
});

test("ASYNC-14 Other Python sees nothing of the exception and the frames of a stack that waits", { skip }, async ({ load, assert }) => {
  const py = await load();
  py.runPython(`${PREAMBLE}
gate = run_js("(() => { let open; const promise = new Promise((resolve) => { open = resolve; }); return { promise, open }; })()")
def deep(n):
    if n: return deep(n - 1)
    try:
        raise ValueError("mine")
    except ValueError:
        run_sync(gate.promise)
        import sys
        return repr(sys.exception())
`);
  const deep = py.globals.get("deep");
  const promise = (deep.callPromising ?? deep.callSyncifying).call(deep, 100);
  promise.catch(() => {});
  assert.equal(py.runPython("import sys; repr(sys.exception())"), "None");
  assert.ok(py.runPython("f = sys._getframe(); n = 0\nwhile f: f = f.f_back; n += 1\nn") < 50, "frames of the other stack are seen");
  py.runPython("def again(n): return again(n - 1) if n else 0\nagain(500); gate.open(None)");
  assert.equal(await promise, "ValueError('mine')");
  assert.equal(py.runPython("repr(sys.exception())"), "None");
});

test("ASYNC-13 ASYNC-14 Tens of thousands of stacks, hundreds at a time, leave nothing behind", { skip, timeout: 240 }, async ({ load, assert }) => {
  const py = await load();
  py.runPython(`${PREAMBLE}
import asyncio
gate = None
def work(i):
    run_sync(gate)
    return i
def nested(i, start):
    # Started by Python that JavaScript called, and ended by the event loop.
    return start(i)
`);
  const work = py.globals.get("work");
  const nested = py.globals.get("nested");
  const pointer = py._module.stackSave();
  const handles = py._api.liveHandles();
  let bytes = 0;
  for (let round = 0; round < 42; round++) {
    py.runPython(`gate = run_js("new Promise((resolve) => { globalThis.openGate = resolve; })")`);
    const results = [];
    const start = (number) => void results.push(work.callPromising(number));
    for (let i = 0; i < 500; i++) i % 10 === 0 ? nested(i, start) : start(i);
    assert.equal(py._module.stackSave(), pointer);
    globalThis.openGate();
    const values = await Promise.all(results);
    assert.equal(values.every((value, i) => value === i), true);
    if (round === 10) bytes = py._module.HEAP8.length;
  }
  assert.equal(py._module.HEAP8.length, bytes);
  assert.equal(py._module.stackSave(), pointer);
  py.runPython("gate = None");
  assert.equal(py._api.liveHandles(), handles);
  work.destroy();
  nested.destroy();
  delete globalThis.openGate;
});

test("ASYNC-13 ASYNC-04 Callbacks of the loop that wait, in the order in which they began, many times", { skip, timeout: 240 }, async ({ load, assert }) => {
  const py = await load();
  const pointer = py._module.stackSave();
  const total = await py.runPythonAsync(`${PREAMBLE}
import asyncio
async def one(i):
    run_sync(asyncio.sleep(0))
    await asyncio.sleep(0)
    return i
total = 0
for _ in range(100):
    total += sum(await asyncio.gather(*(one(i) for i in range(250))))
total`);
  assert.equal(total, 100 * ((249 * 250) / 2));
  assert.equal(py._module.stackSave(), pointer);
});

test("ASYNC-13 ASYNC-14 Each stack has context variables of its own", { skip }, async ({ load, assert }) => {
  for (const before of ["", "number.set('before')"]) {
    const py = await load();
    py.runPython(`${PREAMBLE}
import asyncio, contextvars
number = contextvars.ContextVar("number", default="none")
${before}
later = run_js("(ms) => new Promise((resolve) => setTimeout(resolve, ms))")
def work(i):
    found = number.get()
    number.set(i)
    run_sync(later(i))
    assert number.get() == i
    run_sync(asyncio.sleep(0.001))
    assert number.get() == i
    return found
`);
    const found = before === "" ? "none" : "before";
    const work = py.globals.get("work");
    assert.deepEqual(await Promise.all([3, 1, 2].map((i) => work.callPromising(i))), [found, found, found]);
    assert.deepEqual(await Promise.all([3, 1, 2].map((i) => py.runPythonAsync(`work(${i})`))), [found, found, found]);
    assert.equal(py.runPython("number.get()"), found);
    work.destroy();
  }
});

test("W-19 ASYNC-13 A subinterpreter on a stack that may wait is left alone until it has ended", { skip }, async ({ load, assert }) => {
  const py = await load();
  py.runPython(`
from concurrent import interpreters
def work(text):
    other = interpreters.create()
    try:
        # Long enough for several turns of the host.
        other.exec("import time\\nend = time.monotonic() + 0.1\\nwhile time.monotonic() < end: pass\\ntime.sleep(0.01)")
        assert other.call(eval, "6 * 7") == 42
        try:
            other.exec("1/0")
        except interpreters.ExecutionFailed as error:
            return f"{text} {error.excinfo.type.__name__}"
    finally:
        other.close()
seen = []
def line(text): seen.append(text)
`);
  const work = py.globals.get("work");
  const line = py.globals.get("line");
  // A timer that enters Python whenever the host has a turn.
  const timer = setInterval(() => line("timer"), 1);
  assert.deepEqual(await Promise.all([work.callPromising("one"), work.callPromising("two")]), ["one ZeroDivisionError", "two ZeroDivisionError"]);
  clearInterval(timer);
  // What a subinterpreter writes goes to a handler that is Python of the main one.
  py.setStdout({ batched: (text) => line(text) });
  await py.runPythonAsync("seen.clear()\nother = interpreters.create()\nother.exec('print(40 + 2, flush=True)')\nother.close()");
  py.setStdout();
  assert.equal(py.runPython("repr(seen)"), "['42']");
  for (const proxy of [work, line]) proxy.destroy();
});

test("ASYNC-13 ASYNC-14 A module that is being imported is seen by nobody half done", { skip }, async ({ load, assert }) => {
  const py = await load();
  py.globals.set("slow", () => {
    for (const end = performance.now() + 5; performance.now() < end; );
  });
  py.FS.writeFile("slow_module.py", "import __main__\nfor _ in range(30): __main__.slow()\nmade = 5\n");
  py.FS.writeFile("endless_module.py", "while True: pass\n");
  py.runPython("def work():\n    import slow_module\n    return slow_module.made");
  const work = py.globals.get("work");
  // The first computes for long enough to be suspended for turns of the host; JavaScript goes on, and asks again.
  const found = [work.callPromising(), work.callPromising(), work()];
  assert.deepEqual(await Promise.all(found), [5, 5, 5]);
  work.destroy();
  // What never ends is stopped nevertheless.
  const error = await assert.rejects(() => py.runPythonAsync("import endless_module", { timeout: 50 }));
  assert.equal(error.type, "TimeoutError");
});
