/**
 * Python that waits for promises on its own stack, where the engine can switch stacks (JSPI).
 */
import { test } from "../harness/registry.mjs";

const skip = (env) => (env.hasJspi ? undefined : "ENV-48 ASYNC-13: this engine cannot switch stacks (JSPI)");
const PREAMBLE = "from pyodide.ffi import run_sync, can_run_sync\nfrom pyodide.code import run_js\n";

test("ASYNC-13 FFI-077 run_sync deep in synchronous Python", { skip }, async ({ py, assert }) => {
  const result = await py.runPythonAsync(`${PREAMBLE}
wait = run_js("(ms) => new Promise((resolve) => setTimeout(() => resolve(ms), ms))")
def deep(n):
    return run_sync(wait(2)) if n == 0 else deep(n - 1) + 1
[deep(i) for i in range(3)] == [2, 3, 4] and sorted([3, 1, 2], key=lambda x: run_sync(wait(0)) + x) == [1, 2, 3]`);
  assert.equal(result, true);
});

test("ASYNC-13 TT-109 A rejected promise raises at the place that waits", { skip }, async ({ py, assert }) => {
  const text = await py.runPythonAsync(`${PREAMBLE}
def f():
    try:
        run_sync(run_js("Promise.reject(new RangeError('too far'))"))
    except Exception as error:
        return f"{error.name} {error.message}"
f()`);
  assert.equal(text, "RangeError too far");
});

test("ASYNC-13 run_sync of a coroutine and a task", { skip }, async ({ py, assert }) => {
  const result = await py.runPythonAsync(`${PREAMBLE}
import asyncio
async def coroutine():
    await asyncio.sleep(0.001)
    return 5
def f():
    return run_sync(coroutine()) + run_sync(asyncio.ensure_future(coroutine()))
f()`);
  assert.equal(result, 10);
});

test("ASYNC-13 ENV-48 A callback of JavaScript in between cannot wait, and says so", { skip }, async ({ py, assert }) => {
  const error = await assert.rejects(() =>
    py.runPythonAsync(`${PREAMBLE}
run_js("(f) => [1].map(() => f())")(lambda: run_sync(run_js("Promise.resolve(1)")))`),
  );
  assert.match(error.message, /RuntimeError/);
  assert.equal(py.runPython("1 + 1"), 2);
});
