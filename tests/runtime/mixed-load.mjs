/**
 * Mixed load: everything that programs wait for, many at a time and in an order that follows from a seed: tasks, suspended stacks, time limits,
 * signals and interrupts at any moment, HTTP, sockets, streams, files, threads' locks, subinterpreters, resets.
 * Each piece checks what came of it. Not here: how long it runs, and what must not have grown (mixed-load.test.mjs).
 * Invariant: when `round` has ended nothing of it is left: no task, no suspended stack, no timer.
 */

import { makeRandom } from "../harness/random.mjs";

const PYTHON = `
import asyncio, contextlib, contextvars, functools, io, json, os, queue, random, select, shutil, signal, socket, sys, tempfile, threading, time
import urllib.error, urllib.request, zipfile
from concurrent.futures import Future
from js import AbortController
from pyodide.code import eval_code, run_js
from pyodide.ffi import JsException, can_run_sync, create_once_callable, create_proxy, run_sync, to_js
from pyodide.http import pyfetch

later = run_js("(ms, value) => new Promise((resolve) => setTimeout(() => resolve(value), ms))")
failing = run_js("(ms) => new Promise((_, reject) => setTimeout(() => reject(new RangeError('meant')), ms))")
never = run_js("() => new Promise(() => {})")
call = run_js("(f, ...given) => f(...given)")
# A reset may come before the timer does.
later_call = run_js("(ms, f) => void setTimeout(() => { try { f(); } catch (error) { if (!/was reset/.test(error)) throw error; } }, ms)")
take_some = run_js("async (items, limit) => { let sum = 0; for await (const item of items) { sum += item; if (sum > limit) break; } return sum; }")
count_up = run_js("(async function* (n) { for (let i = 0; i < n; i++) { await null; yield i; } })")

# ---- what awaits ----

number = contextvars.ContextVar("number")

async def tasks(r):
    async def one(i):
        number.set(i)
        for _ in range(r.randrange(4)):
            await asyncio.sleep(r.random() * 0.003)
        assert number.get() == i
        return i
    n = r.randrange(1, 100)
    assert await asyncio.gather(*(one(i) for i in range(n))) == list(range(n))

async def cancelled(r):
    started = [asyncio.ensure_future(r.choice((asyncio.sleep(1000), waiting(never()), asyncio.Event().wait()))) for _ in range(r.randrange(1, 30))]
    await asyncio.sleep(r.random() * 0.002)
    for task in started:
        task.cancel()
    assert all(isinstance(result, asyncio.CancelledError) for result in await asyncio.gather(*started, return_exceptions=True))

async def waiting(promise):
    return await promise

async def limits(r):
    for wait in (asyncio.sleep(1000), waiting(never())):
        try:
            async with asyncio.timeout(r.random() * 0.003):
                await wait
        except TimeoutError:
            pass
        else:
            raise AssertionError("no timeout")
    try:
        await asyncio.wait_for(asyncio.Event().wait(), r.random() * 0.003)
    except TimeoutError:
        return
    raise AssertionError("no timeout")

async def groups(r):
    async def bad():
        await asyncio.sleep(r.random() * 0.002)
        raise LookupError("meant")
    try:
        async with asyncio.TaskGroup() as group:
            others = [group.create_task(asyncio.sleep(1000)) for _ in range(r.randrange(5))]
            group.create_task(bad())
    except* LookupError:
        pass
    assert all(task.cancelled() for task in others)

async def generators(r):
    closed = []
    async def values(n):
        try:
            for i in range(n):
                await asyncio.sleep(0)
                yield i
        finally:
            closed.append(n)
    n = r.randrange(3, 10)
    seen = [i async for i in values(n)]
    assert seen == list(range(n))
    async with contextlib.aclosing(values(n)) as left:
        async for i in left:
            if i == 2:
                break
    await anext(values(n))  # left to the collector and the hooks of the loop
    assert closed[:2] == [n, n]
    assert await take_some(values(10), 20) == 21
    assert [i async for i in count_up(n)] == list(range(n))

async def queues(r):
    items, results = asyncio.Queue(r.randrange(1, 5)), []
    async def consume():
        while (item := await items.get()) is not None:
            results.append(item)
            await asyncio.sleep(0)
    consumers = [asyncio.create_task(consume()) for _ in range(3)]
    n = r.randrange(30)
    for i in range(n):
        await items.put(i)
    for _ in consumers:
        await items.put(None)
    await asyncio.gather(*consumers)
    assert sorted(results) == list(range(n))

async def promises(r):
    assert await later(r.randrange(3), 7) == 7
    try:
        await failing(r.randrange(3))
    except JsException as error:
        assert error.message == "meant"
    done = asyncio.get_running_loop().create_future()
    later_call(1, create_once_callable(lambda: done.set_result(5)))
    assert await done.then(lambda value: value + 1) == 6

async def fetched(r):
    kind = r.randrange(6)
    if kind == 0:
        response = await pyfetch(net["open"] + "text")
        assert (await response.text()) == "Hello, W\\u00f6rld\\n"
    elif kind == 1:
        n = r.randrange(1, 200_000)
        assert len(await (await pyfetch(f"{net['open']}bytes?n={n}")).bytes()) == n
    elif kind == 2:
        response = await pyfetch(net["open"] + "redirect?n=2&to=json")
        assert (await response.json())["a"] == 1.5
    elif kind == 3:
        response = await pyfetch(net["open"] + "status?code=404")
        try:
            response.raise_for_status()
        except OSError:
            return
        raise AssertionError("404 is no error")
    elif kind == 4:
        try:
            await pyfetch(net["open"] + "fail")
        except OSError:
            return
        raise AssertionError("no error")
    else:
        controller = AbortController.new()
        asyncio.get_running_loop().call_later(0.002, controller.abort)
        try:
            await pyfetch(net["open"] + "hang", signal=controller.signal)
        except (OSError, asyncio.CancelledError):
            return
        raise AssertionError("not aborted")

async def talks(r):
    reader, writer = await asyncio.open_connection("127.0.0.1", net["echoPort"])
    data = r.randbytes(r.randrange(1, 100_000))
    writer.write(data)
    await writer.drain()
    assert await reader.readexactly(len(data)) == data
    writer.close()
    await writer.wait_closed()

async def serves(r):
    async def answer(reader, writer):
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async def ask(i):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"line %d\\n" % i)
            assert await reader.read() == b"LINE %d\\n" % i
            writer.close()
        await asyncio.gather(*(ask(i) for i in range(r.randrange(1, 5))))

# ---- what blocks, on a stack of its own ----

def waits(r):
    try:
        raise ValueError(r)
    except ValueError as error:
        assert run_sync(later(r.randrange(6), 7)) == 7
        assert sys.exception() is error
    number.set(r)
    run_sync(later(r.randrange(3), None))
    assert number.get() is r

def fails(r):
    try:
        run_sync(failing(r.randrange(4)))
    except JsException as error:
        assert error.message == "meant"
        return
    raise AssertionError("no error")

def goes_deep(r):
    def deeper(n):
        if n:
            return deeper(n - 1) + 1
        run_sync(later(r.randrange(4), None))
        return 0
    n = r.randrange(200)
    assert deeper(n) == n

def sleeps(r):
    for _ in range(r.randrange(1, 4)):
        time.sleep(r.random() * 0.003)

def yields(r):
    def values():
        for i in range(3):
            yield run_sync(later(r.randrange(2), i))
    assert list(values()) == [0, 1, 2]
    left = values()
    next(left)

def blocks_on_tasks(r):
    run_sync(r.choice((tasks, cancelled, limits, groups, generators, queues))(r))

lock, inside = threading.Lock(), 0

def locks(r):
    global inside
    with lock:
        inside += 1
        assert inside == 1
        run_sync(later(r.randrange(2), None))
        inside -= 1

def waits_for_others(r):
    loop = asyncio.get_running_loop()
    event, items, future = threading.Event(), queue.SimpleQueue(), Future()
    for wake in (event.set, functools.partial(items.put, 1), functools.partial(future.set_result, 2)):
        loop.call_later(r.random() * 0.004, wake)
    assert event.wait() and items.get() == 1 and future.result() == 2
    assert not threading.Event().wait(0.001)

def cannot_wait(r):
    def inner():
        assert not can_run_sync()
        return 5
    assert call(inner) == 5
    run_sync(later(1, None))

def computes(r):
    # Long enough for a turn of the host now and then.
    end = time.monotonic() + r.random() * 0.05
    total = 0
    while time.monotonic() < end:
        total += sum(i * i for i in range(200))

def asks(r):
    kind = r.randrange(4)
    if kind == 0:
        with urllib.request.urlopen(net["open"] + "text") as response:
            assert response.read().decode() == "Hello, W\\u00f6rld\\n"
    elif kind == 1:
        try:
            urllib.request.urlopen(net["open"] + "status?code=500")
        except urllib.error.HTTPError as error:
            with error:
                assert error.code == 500
    elif kind == 2:
        with urllib.request.urlopen(net["open"] + "chunked") as response:
            assert response.read() == b"one\\ntwo\\nthree\\n"
    else:
        data = r.randbytes(r.randrange(10_000))
        with urllib.request.urlopen(net["open"] + "echo", data=data) as response:
            assert json.load(response)["body"] == data.decode("latin1")

def talks_blocking(r):
    with socket.create_connection(("127.0.0.1", net["echoPort"])) as s:
        data = r.randbytes(r.randrange(1, 20_000))
        s.sendall(data)
        got = b""
        while len(got) < len(data):
            got += s.recv(1 << 16)
        assert got == data
        assert select.select([s], [], [], 0.001)[0] == []

def files(r):
    folder = tempfile.mkdtemp()
    for i in range(r.randrange(1, 10)):
        with open(os.path.join(folder, f"\\u00e4 {i}"), "wb") as file:
            file.write(r.randbytes(r.randrange(20_000)))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in os.listdir(folder):
            packed.write(os.path.join(folder, name), name)
    with zipfile.ZipFile(archive) as packed:
        assert packed.testzip() is None and sorted(packed.namelist()) == sorted(os.listdir(folder))
    shutil.rmtree(folder)

def subinterpreters(r):
    from concurrent import interpreters
    other = interpreters.create()
    try:
        assert other.call(eval, "6 * 7") == 42
        try:
            other.exec("1/0")
        except interpreters.ExecutionFailed:
            pass
    finally:
        other.close()

def crosses(r):
    def bad(value):
        raise LookupError(value)
    try:
        call(bad, 1)
    except LookupError as error:
        assert error.args == (1,)
    value = {"a": [1, {"b": r.random()}], "c": "\\u00fc" * r.randrange(100)}
    assert to_js(value).to_py() == value
    proxy = create_proxy([r])
    assert call(lambda x: x.unwrap() is proxy.unwrap(), proxy)
    proxy.destroy()

def evaluates(r):
    n = r.randrange(1000)
    assert eval_code(f"x = {n}\\nx + 1", {}) == n + 1
    try:
        eval_code("1 / 0", {})
    except ZeroDivisionError:
        return
    raise AssertionError("no error")

AWAITING = [tasks, cancelled, limits, groups, generators, queues, promises, fetched]
AWAITING_IN_NODE = [talks, serves]
BLOCKING = [waits, fails, goes_deep, sleeps, yields, blocks_on_tasks, locks, waits_for_others, cannot_wait, computes, asks, files, crosses, evaluates]
BLOCKING_IN_NODE = [talks_blocking, subinterpreters]
#: What needs no other stack.
ALWAYS = [sleeps, files, crosses, evaluates, computes]
ALWAYS_IN_NODE = [asks, talks_blocking, subinterpreters]

def begin(is_node, addresses):
    global net, awaiting, blocking, always
    net = addresses.to_py()
    awaiting = AWAITING + AWAITING_IN_NODE * is_node
    blocking = BLOCKING + BLOCKING_IN_NODE * is_node
    always = ALWAYS + ALWAYS_IN_NODE * is_node
    signal.signal(signal.SIGTERM, note_signal)

signals = 0

def note_signal(signum, frame):
    global signals
    signals += 1

async def await_one(which, seed):
    work = awaiting[which % len(awaiting)]
    try:
        await work(random.Random(seed))
    except BaseException as error:
        error.add_note(f"in {work.__name__}, seed {seed}")
        raise

def named(works):
    def run(which, seed):
        work = works()[which % len(works())]
        try:
            work(random.Random(seed))
        except BaseException as error:
            error.add_note(f"in {work.__name__}, seed {seed}")
            raise
    return run

block_one = named(lambda: blocking)
do_one = named(lambda: always)
wait_one = lambda seed: waits(random.Random(seed))

def interrupted(seed, count):
    """Computes, sleeps and waits until it was interrupted so often; how often it was."""
    r, seen = random.Random(seed), 0
    while seen < count:
        try:
            work = r.randrange(4)
            if work == 0:
                while True: pass
            elif work == 1:
                time.sleep(1000)
            elif work == 2:
                run_sync(never())
            else:
                threading.Event().wait()
        except KeyboardInterrupt:
            seen += 1
    return seen

def left():
    """What must not be there when nothing runs: tasks, a lock that is held, an exception that is being handled."""
    return [repr(task) for task in asyncio.all_tasks(asyncio.get_event_loop())] + ["lock"] * lock.locked() + [repr(sys.exception())] * (sys.exception() is not None)

(begin, await_one, block_one, do_one, wait_one, interrupted, left)
`;

const NAMES = ["begin", "awaitOne", "blockOne", "doOne", "waitOne", "interrupted", "left"];

/** The load of one interpreter. `stacks` is how many are suspended at a time in the rounds of many. */
export class MixedLoad {
  #functions = {};

  constructor(py, env, assert, stacks) {
    Object.assign(this, { py, env, assert, stacks });
    this.operations = 0;
    this.#install();
  }

  #install() {
    const space = this.py.toPy({ __name__: "mixed_load" });
    const functions = this.py.runPython(PYTHON, { globals: space });
    NAMES.forEach((name, index) => (this.#functions[name] = functions.get(index)));
    functions.destroy();
    space.destroy();
    this.#functions.begin(this.env.isNode, this.env.network);
  }

  close() {
    for (const one of Object.values(this.#functions)) one.destroy();
  }

  /** Some of everything at the same time, or one of the special kinds of rounds. */
  async round(seed) {
    const random = makeRandom(seed);
    await this.#round(random, random.below(10));
  }

  /** Every special kind of round once: what the interpreter makes once and keeps, it has made then. */
  async warmUp(seed) {
    for (let kind = 0; kind < 5; kind++) await this.#round(makeRandom(seed + kind), kind);
  }

  async #round(random, kind) {
    if (kind === 0 && this.env.hasJspi) await this.#manyStacks(random);
    else if (kind === 1) await this.#timeLimits(random);
    else if (kind === 2 && this.env.hasJspi) await this.#interrupts(random);
    else if (kind === 3) this.#streams(random);
    else await this.#mixture(random);
    const left = this.#functions.left();
    this.assert.equal(left.length, 0, String(left));
    left.destroy();
  }

  /** Back to the start, in the middle of whatever is going on. */
  async reset(seed) {
    const random = makeRandom(seed);
    const { awaitOne, blockOne } = this.#functions;
    const abandoned = [];
    for (let i = 0; i < 20; i++) abandoned.push(this.env.hasJspi && random.chance(0.5) ? blockOne.callPromising(random.below(1000), random.below(1e9)) : awaitOne(random.below(1000), random.below(1e9)));
    const outcomes = Promise.allSettled(abandoned);
    await new Promise((resolve) => setTimeout(resolve, random.below(5)));
    await this.py.reset();
    await outcomes;
    this.#install();
  }

  async #mixture(random) {
    const { awaitOne, blockOne, doOne } = this.#functions;
    const count = 5 + random.below(60);
    const running = new Set();
    const signals = random.chance(0.5) ? this.#sendSignals(random) : () => undefined;
    try {
      for (let i = 0; i < count; i++) {
        const [which, seed] = [random.below(1000), random.below(1e9)];
        const kind = random.below(this.env.hasJspi ? 10 : 5);
        if (kind === 0) doOne(which, seed);
        else running.add(kind < 5 ? awaitOne(which, seed) : blockOne.callPromising(which, seed));
        if (random.chance(0.1)) await new Promise((resolve) => setTimeout(resolve, random.below(3)));
      }
      await settle(running);
    } finally {
      signals();
    }
    this.operations += count;
  }

  /** A signal that Python counts, again and again, whatever is running. */
  #sendSignals(random) {
    const timer = setInterval(() => this.py.interrupt(15), 1 + random.below(5));
    return () => clearInterval(timer);
  }

  async #manyStacks(random) {
    const { waitOne } = this.#functions;
    await settle(Array.from({ length: this.stacks }, () => waitOne.callPromising(random.below(1e9))));
    this.operations += this.stacks;
  }

  async #timeLimits(random) {
    const endless = ["import asyncio\nawait asyncio.sleep(1000)", "import asyncio\nawait asyncio.Event().wait()"];
    if (this.env.hasJspi) endless.push("while True: pass", "import time\ntime.sleep(1000)", "import threading\nthreading.Event().wait()", "import re\nre.match(r'(a+)+$', 'a' * 60 + 'b')");
    for (let i = 0; i < 5; i++) {
      const code = random.pick(endless);
      const error = await this.assert.rejects(() => this.py.runPythonAsync(code, { timeout: 1 + random.below(30) }));
      this.assert.equal(error.type, "TimeoutError", code);
    }
    this.operations += 5;
  }

  async #interrupts(random) {
    const count = 1 + random.below(4);
    const wanted = 1 + random.below(4);
    const victims = Array.from({ length: count }, () => this.#functions.interrupted.callPromising(random.below(1e9), wanted));
    const timer = setInterval(() => this.py.interrupt(), random.below(8));
    try {
      this.assert.deepEqual(await settle(victims), Array.from({ length: count }, () => wanted));
    } finally {
      clearInterval(timer);
    }
    // One that came too late for all of them.
    try {
      this.py.checkInterrupt();
    } catch (error) {
      this.assert.equal(error.type, "KeyboardInterrupt");
    }
    this.operations += count * wanted;
  }

  #streams(random) {
    const { py, assert } = this;
    let text = "";
    const decoder = new TextDecoder();
    py.setStdout({
      write: (bytes) => {
        const length = Math.min(bytes.length, 1 + random.below(5000));
        text += decoder.decode(bytes.subarray(0, length), { stream: true });
        return length;
      },
    });
    const lines = Array.from({ length: 1 + random.below(20) }, (_, i) => `${i} ${"zä😀"[random.below(3)] ?? "x"}${"é".repeat(random.below(500))}`.replace(/[\ud800-\udfff]/g, "y"));
    const left = [...lines];
    py.setStdin({ stdin: () => left.shift() });
    try {
      py.runPython(`for _ in range(${lines.length}): print(input())`);
    } finally {
      py.setStdin();
      py.setStdout();
    }
    assert.equal(text, lines.map((line) => `${line}\n`).join(""));
    this.operations += lines.length;
  }
}

/** All outcomes, or the first error when all have ended. */
async function settle(running) {
  const outcomes = await Promise.allSettled(running);
  for (const promise of running) promise.destroy?.();
  const failed = outcomes.find(({ status }) => status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return outcomes.map(({ value }) => value);
}
