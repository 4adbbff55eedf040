/**
 * The event loop of asyncio in real engines: order, timers, cancellation, errors, structured tasks, and what it does not do.
 */
import { test } from "../harness/registry.mjs";

const python = (name, body, options = {}) =>
  test(name, options, async ({ py }) => {
    await py.runPythonAsync(`import asyncio\n${body}`);
  });

python(
  "ASYNC-01 PY-28 The loop is always running and needs no care",
  `
from pyodide.webloop import WebLoop, PyodideFuture, PyodideTask
loop = asyncio.get_running_loop()
assert isinstance(loop, WebLoop) and loop is asyncio.get_event_loop() and loop.is_running() and not loop.is_closed()
loop.close()
assert not loop.is_closed()
async def three():
    return 3
task = asyncio.ensure_future(three())
assert isinstance(task, PyodideTask) and isinstance(task, asyncio.Task)
assert isinstance(loop.create_future(), PyodideFuture)
assert await task == 3 and await asyncio.create_task(three()) == 3 and await loop.create_task(three(), name="n") == 3
`,
);

test("ASYNC-01 Plain code schedules tasks too", async ({ py, assert }) => {
  py.runPython(`
import asyncio
async def note(seen):
    await asyncio.sleep(0)
    seen.append("task")
seen = []
task = asyncio.create_task(note(seen))
asyncio.get_event_loop().call_soon(seen.append, "soon")
assert not seen  # never at once
`);
  assert.equal(await py.runPythonAsync("await task\n','.join(seen)"), "soon,task");
});

test("ASYNC-03 Callbacks run from macrotasks, in order, those that are ready together", async ({ py, assert }) => {
  const order = [];
  py.globals.set("note", (what) => order.push(what));
  py.runPython(`
import asyncio
loop = asyncio.get_event_loop()
for number in range(3):
    loop.call_soon(note, number)
`);
  await Promise.resolve()
    .then(() => order.push("microtask"))
    .then(() => order.push("another"));
  order.push("still the same macrotask");
  await py.runPythonAsync("await asyncio.sleep(0)");
  assert.equal(order.join(), "microtask,another,still the same macrotask,0,1,2");
});

test("ASYNC-04 sleep(0) needs no timer", async ({ py, assert }) => {
  const timers = globalThis.setTimeout;
  let calls = 0;
  globalThis.setTimeout = (...args) => {
    calls++;
    return timers(...args);
  };
  try {
    await py.runPythonAsync("import asyncio\nfor _ in range(100):\n    await asyncio.sleep(0)");
  } finally {
    globalThis.setTimeout = timers;
  }
  // Others may set some: not one for each of the hundred.
  assert.ok(calls < 10, `${calls} timers`);
});

python(
  "ASYNC-05 Timers, their order, their cancellation",
  `
loop = asyncio.get_running_loop()
seen = []
done = loop.create_future()
# One base, so that a machine that stands still between two lines changes nothing.
now = loop.time()
loop.call_at(now + 0.03, done.set_result, None)
loop.call_at(now + 0.02, seen.append, "late")
loop.call_at(now + 0.01, seen.append, "early")
loop.call_at(now - 1, seen.append, "overdue")
cancelled = loop.call_later(0.005, seen.append, "never")
soon = loop.call_soon(seen.append, "never either")
cancelled.cancel()
soon.cancel()
assert cancelled.cancelled() and cancelled.when() > 0
await done
assert seen == ["overdue", "early", "late"], seen
with _raises_("TypeError", "no time"):
    loop.call_later(None, print)
`,
);

python(
  "ASYNC-05 wait_for, timeout, wait, as_completed",
  `
with _raises_("TimeoutError", "wait_for"):
    await asyncio.wait_for(asyncio.sleep(60), 0.01)
with _raises_("TimeoutError", "timeout"):
    async with asyncio.timeout(0.01):
        await asyncio.Event().wait()
async with asyncio.timeout(60):
    pass
assert await asyncio.wait_for(asyncio.sleep(0, "value"), 60) == "value"
async with asyncio.timeout(None) as scope:
    scope.reschedule(asyncio.get_running_loop().time() + 60)
tasks = [asyncio.create_task(asyncio.sleep(delay, delay)) for delay in (0.02, 0.01, 60)]
done, pending = await asyncio.wait(tasks, timeout=0.2)
assert done == set(tasks[:2]) and pending == {tasks[2]}
tasks[2].cancel()
results = [await one for one in asyncio.as_completed([asyncio.sleep(0.02, "b"), asyncio.sleep(0.005, "a")])]
assert results == ["a", "b"]
`,
);

python(
  "ASYNC-05 Cancellation",
  `
log = []
async def work():
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        log.append("cancelled")
        await asyncio.sleep(0)
        log.append("cleaned up")
        raise
    finally:
        log.append("finally")
task = asyncio.create_task(work())
await asyncio.sleep(0)
assert task.cancel("why")
with _raises_("CancelledError: why", "message"):
    await task
assert log == ["cancelled", "cleaned up", "finally"] and task.cancelled()
inner = asyncio.create_task(asyncio.sleep(0.01, "kept"))
outer = asyncio.create_task(asyncio.wait_for(asyncio.shield(inner), 60))
await asyncio.sleep(0)
outer.cancel()
with _raises_("CancelledError", "outer"):
    await outer
assert await inner == "kept"
`,
);

python(
  "ASYNC-01 Task groups, and what is left of them after an error",
  `
async def fail(after):
    await asyncio.sleep(after)
    raise ValueError("one of many")
async def stay(log):
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        log.append("cancelled")
        raise
async with asyncio.TaskGroup() as group:
    tasks = [group.create_task(asyncio.sleep(0, n)) for n in range(5)]
assert [task.result() for task in tasks] == list(range(5))
log = []
try:
    async with asyncio.TaskGroup() as group:
        group.create_task(fail(0.01))
        group.create_task(stay(log))
        group.create_task(stay(log))
except* ValueError as errors:
    assert str(errors.exceptions[0]) == "one of many"
assert log == ["cancelled", "cancelled"]
results = await asyncio.gather(asyncio.sleep(0, 1), fail(0), return_exceptions=True)
assert results[0] == 1 and isinstance(results[1], ValueError)
`,
);

python(
  "ASYNC-01 Queues, locks, events, semaphores, barriers",
  `
queue = asyncio.Queue(2)
async def produce():
    for number in range(10):
        await queue.put(number)
    queue.shutdown()
producer = asyncio.create_task(produce())
got = []
try:
    while True:
        got.append(await queue.get())
except asyncio.QueueShutDown:
    pass
assert got == list(range(10))
await producer
lock, order = asyncio.Lock(), []
async def guarded(name):
    async with lock:
        order.append(name)
        await asyncio.sleep(0)
        order.append(name)
await asyncio.gather(*map(guarded, "abc"))
assert order == list("aabbcc")
most = now = 0
semaphore = asyncio.Semaphore(2)
async def limited():
    global most, now
    async with semaphore:
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.001)
        now -= 1
await asyncio.gather(*[limited() for _ in range(6)])
assert most == 2
barrier = asyncio.Barrier(3)
assert sorted(await asyncio.gather(*[barrier.wait() for _ in range(3)])) == [0, 1, 2]
condition = asyncio.Condition()
async def waiter():
    async with condition:
        await condition.wait()
        return "woken"
waiting = asyncio.create_task(waiter())
await asyncio.sleep(0)
async with condition:
    condition.notify_all()
assert await waiting == "woken"
`,
);

python(
  "ASYNC-01 Context variables belong to the task",
  `
from contextvars import ContextVar, copy_context
variable = ContextVar("variable", default="nobody")
async def own(name):
    variable.set(name)
    await asyncio.sleep(0)
    return variable.get()
variable.set("outside")
assert await asyncio.gather(own("a"), own("b")) == ["a", "b"] and variable.get() == "outside"
context = copy_context()
assert await asyncio.create_task(own("in a context"), context=context) == "in a context"
assert context[variable] == "in a context" and variable.get() == "outside"
seen = []
done = asyncio.Event()
asyncio.get_running_loop().call_soon(lambda: (seen.append(variable.get()), done.set()), context=context)
await done.wait()
assert seen == ["in a context"]
assert await asyncio.to_thread(variable.get) == "outside"
`,
);

python(
  "ASYNC-01 An executor runs its function now; processes there are none",
  `
loop = asyncio.get_running_loop()
assert await loop.run_in_executor(None, divmod, 7, 2) == (3, 1)
assert await asyncio.to_thread(int, "ff", base=16) == 255
with _raises_("ZeroDivisionError", "executor"):
    await loop.run_in_executor(None, divmod, 1, 0)
await loop.shutdown_default_executor()
for start in (asyncio.create_subprocess_exec("ls"), asyncio.create_subprocess_shell("ls")):
    with _raises_("NotImplementedError: WebAssembly has no processes", "process"):
        await start
`,
);

test("ASYNC-01 Errors that nobody sees are reported", async ({ py, assert }) => {
  let text = "";
  py.setStderr({ write: (bytes) => ((text += new TextDecoder().decode(bytes)), bytes.length) });
  await py.runPythonAsync(`
import asyncio, gc
async def fail():
    raise ValueError("nobody awaits me")
task = asyncio.create_task(fail())
await asyncio.sleep(0)
await asyncio.sleep(0)
del task
gc.collect()
asyncio.get_running_loop().call_soon(lambda: 1 / 0)
await asyncio.sleep(0)
await asyncio.sleep(0)
import sys
sys.stderr.flush()
`);
  py.setStderr();
  assert.includes(text, "Task exception was never retrieved");
  assert.includes(text, "ValueError: nobody awaits me");
  assert.includes(text, "Exception in callback");
  assert.includes(text, "ZeroDivisionError");
});

python(
  "ASYNC-01 Exception handlers",
  `
loop = asyncio.get_running_loop()
seen = []
loop.set_exception_handler(lambda loop, context: seen.append(context))
try:
    loop.call_soon(lambda: 1 / 0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
finally:
    loop.set_exception_handler(None)
assert len(seen) == 1 and isinstance(seen[0]["exception"], ZeroDivisionError) and "Exception in callback" in seen[0]["message"]
assert loop.get_exception_handler() is None
with _raises_("TypeError", "no handler"):
    loop.set_exception_handler(3)
seen.clear()
`,
);

python(
  "ASYNC-09 Asynchronous generators are closed",
  `
import gc
log = []
async def numbers(name):
    try:
        for number in range(10):
            yield number
            await asyncio.sleep(0)
    finally:
        await asyncio.sleep(0)
        log.append(name)
async for number in numbers("read to the end"):
    pass
async for number in numbers("left"):
    break
gc.collect()
for _ in range(5):
    await asyncio.sleep(0)
assert log == ["read to the end", "left"], log
kept = numbers("kept")
assert await anext(kept) == 0
await kept.aclose()
assert log[-1] == "kept"
assert [number async for number in numbers("comprehension") if number % 2] == [1, 3, 5, 7, 9]
`,
);

python(
  "ASYNC-11 PY-23 PY-24 PY-25 PY-27 Tasks and futures have then, catch, finally_",
  `
async def value(of):
    await asyncio.sleep(0)
    return of
async def fail():
    raise ValueError("no")
assert await asyncio.create_task(value(2)).then(lambda x: value(x * 2)).then(lambda x: x + 1) == 5
assert await asyncio.create_task(fail()).catch(lambda error: type(error).__name__) == "ValueError"
log = []
assert await asyncio.create_task(value(1)).finally_(lambda: log.append("done")) == 1 and log == ["done"]
with _raises_("ValueError: no", "passed on"):
    await asyncio.create_task(fail()).finally_(lambda: value("ignored")).then(lambda x: x)
`,
);

test("ASYNC-08 ASYNC-07 Promises of either side", async ({ py, assert }) => {
  py.globals.set("later", (value) => new Promise((resolve) => setTimeout(resolve, 5, value)));
  const task = py.runPython(`
import asyncio
async def both():
    return [await later(1), await asyncio.wait_for(later(2), 60), *await asyncio.gather(later(3), later(4))]
asyncio.create_task(both())
`);
  const result = await task;
  assert.deepEqual(result.toJs(), [1, 2, 3, 4]);
  result.destroy();
  task.destroy();
});

test("ASYNC-02 ASYNC-13 run_until_complete and asyncio.run block where the stack can be suspended", async ({ py, env, assert }) => {
  const how = env.hasJspi ? "runPythonAsync" : "runPython";
  const code = `
import asyncio
async def work():
    await asyncio.sleep(0.001)
    return "done"
first = asyncio.run(work())
second = asyncio.get_event_loop().run_until_complete(work())
`;
  await py[how](code);
  if (env.hasJspi) assert.equal(py.runPython("first + second"), "donedone");
  else assert.equal(await py.runPythonAsync("await first + await second"), "donedone");
});

python(
  "ASYNC-01 Eager tasks and task factories",
  `
loop = asyncio.get_running_loop()
log = []
async def note():
    log.append("ran")
    return 1
task = asyncio.create_task(note(), eager_start=True)
assert log == ["ran"] and task.done() and await task == 1
loop.set_task_factory(asyncio.eager_task_factory)
try:
    assert await asyncio.create_task(note()) == 1
finally:
    loop.set_task_factory(None)
assert loop.get_task_factory() is None
assert asyncio.current_task() is not None and asyncio.current_task() in asyncio.all_tasks()
`,
);

python(
  "ASYNC-01 A hundred thousand tasks",
  `
total = 0
async def add(number):
    global total
    await asyncio.sleep(0)
    total += number
for start in range(0, 100_000, 10_000):
    await asyncio.gather(*map(add, range(start, start + 10_000)))
assert total == sum(range(100_000))
`,
  { timeout: 240 },
);
