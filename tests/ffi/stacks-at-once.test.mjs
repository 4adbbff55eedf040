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
