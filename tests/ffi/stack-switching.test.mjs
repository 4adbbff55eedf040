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

test("ASYNC-13 ASYNC-15 Python that C calls through ctypes computes for long, and cannot wait", { skip }, async ({ py, assert }) => {
  // libffi is JavaScript: the engine refuses to suspend what is above it.
  const result = await py.runPythonAsync(`${PREAMBLE}
import asyncio, ctypes, time
def compute():
    end = time.monotonic() + 0.06
    while time.monotonic() < end: pass
class Slow:
    def __repr__(self):
        compute()
        return "computed"
class Waiting:
    def __repr__(self):
        assert not can_run_sync()
        time.sleep(0.001)
        try:
            run_sync(asyncio.sleep(0))
        except RuntimeError as error:
            return str(error)
call = ctypes.PyDLL(None).PyObject_Repr
call.restype, call.argtypes = ctypes.py_object, [ctypes.py_object]
facts = [call(Slow()), call(Waiting())]

def callback(number):
    compute()
    return number + 1
closure = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(callback)
facts.append(closure(6))
# Exceptions leave it as well, and afterwards everything can wait again.
class Failing:
    def __repr__(self):
        raise KeyError("failed")
try:
    call(Failing())
except KeyError as error:
    facts.append(error.args[0])
facts.append(run_sync(asyncio.sleep(0, "waited")))
del closure
from pyodide.ffi import to_js
to_js(facts)`);
  assert.equal(result[0], "computed");
  assert.match(result[1], /Cannot block here.*ctypes/s);
  assert.deepEqual(result.slice(2), [7, "failed", "waited"]);
});
