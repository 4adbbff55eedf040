/**
 * Waiting for locks, events, queues and futures of `threading`, `queue` and `concurrent.futures`, where there is one thread.
 */
import { configure, test } from "../harness/registry.mjs";

configure({ noInterpreter: true });

const skip = (env) => (env.hasJspi ? undefined : "ENV-48 ASYNC-13: this engine cannot switch stacks (JSPI)");
const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

test("ASYNC-13 The result of a coroutine that the loop was given, with a time limit and an error", { skip }, async ({ load, assert }) => {
  const py = await load();
  const result = await py.runPythonAsync(`
import asyncio, concurrent.futures
async def work(value):
    await asyncio.sleep(0.001)
    return 10 // value
loop = asyncio.get_running_loop()
facts = [asyncio.run_coroutine_threadsafe(work(2), loop).result()]
try:
    asyncio.run_coroutine_threadsafe(work(0), loop).result()
except ZeroDivisionError:
    facts.append("error")
never = asyncio.run_coroutine_threadsafe(asyncio.sleep(1000), loop)
try:
    never.result(timeout=0.01)
except TimeoutError:
    facts.append("too late")
never.cancel()
from pyodide.ffi import to_js
to_js(facts)`);
  assert.deepEqual(result, [5, "error", "too late"]);
});

test("ASYNC-13 Events, conditions, semaphores and both queues wait for other tasks and for JavaScript", { skip }, async ({ load, assert }) => {
  const py = await load();
  const result = await py.runPythonAsync(`
import asyncio, queue, threading
from js import setTimeout
from pyodide.ffi import create_once_callable, to_js
facts = []
event = threading.Event()
setTimeout(create_once_callable(event.set), 5)
facts.append(event.wait())
facts.append(threading.Event().wait(0.01))

async def feed(target, values):
    for value in values:
        await asyncio.sleep(0)
        target.put(value)
for kind in (queue.Queue, queue.SimpleQueue):
    items = kind()
    feeder = asyncio.ensure_future(feed(items, "abc"))
    facts.append([items.get() for _ in range(3)])
    try:
        items.get(timeout=0.01)
    except queue.Empty:
        facts.append("empty")

semaphore = threading.Semaphore(0)
asyncio.get_running_loop().call_later(0.002, semaphore.release)
facts.append(semaphore.acquire())
full = queue.Queue(1)
full.put(1)
asyncio.get_running_loop().call_later(0.002, full.get)
full.put(2)
facts.append(full.get())
to_js(facts)`);
  assert.deepEqual(result, [true, false, ["a", "b", "c"], "empty", ["a", "b", "c"], "empty", true, 2]);
});

test("ASYNC-13 ASYNC-14 A lock that a suspended stack holds is passed from one to the next", { skip }, async ({ load, assert }) => {
  const py = await load();
  py.runPython(`
import asyncio, threading
from pyodide.ffi import run_sync, to_js
lock = threading.Lock()
log = []
inside = 0
def work(number):
    global inside
    with lock:
        inside += 1
        assert inside == 1
        run_sync(asyncio.sleep(0.001 * (number % 3)))
        log.append(number)
        inside -= 1
`);
  const work = py.globals.get("work");
  await Promise.all(Array.from({ length: 20 }, (_, number) => work.callPromising(number)));
  work.destroy();
  assert.deepEqual(py.runPython("to_js(sorted(log))"), Array.from({ length: 20 }, (_, number) => number));
  assert.equal(py.runPython("lock.locked()"), false);
});

test("ASYNC-15 ENV-51 Who waits for a lock can be interrupted, and time limits end it", { skip }, async ({ load, assert }) => {
  const py = await load();
  for (const code of ["import threading\nthreading.Event().wait()", "import queue\nqueue.SimpleQueue().get()", "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()"]) {
    const failed = assert.rejects(() => py.runPythonAsync(code));
    await later(5);
    assert.equal(py.interrupt(), true);
    assert.match((await failed).message, /KeyboardInterrupt/, code);
    const limited = await assert.rejects(() => py.runPythonAsync(code, { timeout: 10 }));
    assert.match(limited.message, /TimeoutError: The code did not end within 0\.01 seconds/, code);
  }
  // A handler that does not raise lets it go on waiting.
  const waiting = py.runPythonAsync("import signal\nevent = threading.Event()\nsignal.signal(15, lambda *given: event.set())\nevent.wait()");
  await later(5);
  assert.equal(py.interrupt(15), true);
  assert.equal(await waiting, true);
});

test("W-19 ASYNC-13 What nobody can release any more is an error, not a page that hangs", async ({ load, assert }) => {
  const py = await load();
  for (const code of ["import threading\nthreading.Event().wait()", "import queue\nqueue.SimpleQueue().get()", "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()", "from concurrent.futures import Future\nFuture().result()"]) {
    assert.throws(() => py.runPython(code), /RuntimeError: Deadlock: what this waits for can never come/);
  }
  // With a time limit it is waited for, as anywhere.
  assert.equal(py.runPython("import threading\nthreading.Event().wait(0.03)"), false);
  assert.equal(py.runPython("lock = threading.Lock()\n(lock.acquire(), lock.acquire(timeout=0.03), lock.acquire(False)) == (True, False, False)"), true);
  assert.equal(py.runPython("lock.release()\nwith lock: pass\nlock.locked()"), false);
});

test("ASYNC-16 An interrupt buffer ends the wait for a lock", { skip: (env) => (env.isBrowser ? "ENV-41: shared memory needs a page that is cross-origin isolated" : undefined) }, async ({ load, assert }) => {
  const py = await load();
  const buffer = new Int32Array(new SharedArrayBuffer(4));
  py.setInterruptBuffer(buffer);
  for (const code of ["import threading\nthreading.Event().wait()", "import queue\nqueue.SimpleQueue().get(timeout=1000)"]) {
    buffer[0] = 2;
    assert.throws(() => py.runPython(code), /KeyboardInterrupt/, code);
  }
  py.setInterruptBuffer(undefined);
});
