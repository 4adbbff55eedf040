/**
 * Memory snapshots: the start from the one that the distribution brings, making one, starting from it, and what is refused.
 */
import { configure, test } from "../harness/registry.mjs";

configure({ noInterpreter: true });

/** What a program can see of the process that it runs in. */
const LOOK_AROUND = `
import json, os, site, sys, time, warnings
import posix
json.dumps({
    "argv": sys.argv, "orig_argv": sys.orig_argv, "executable": sys.executable, "path": sys.path, "flags": repr(sys.flags),
    "environ": dict(sorted(os.environ.items())), "posix": sorted(map(repr, posix.environ.items())), "cwd": os.getcwd(),
    "home": os.path.expanduser("~"), "user": [site.USER_BASE, site.USER_SITE, site.ENABLE_USER_SITE],
    "zone": [time.tzname, time.timezone, time.altzone, time.daylight, time.localtime(0).tm_zone], "main": sorted(vars(sys.modules["__main__"])),
    "meta_path": list(map(repr, sys.meta_path)), "streams": [sys.stdout.isatty(), sys.stdout.encoding, sys.stdin.encoding, sys.stderr.errors],
    "filters": repr(warnings.filters), "handlers": len(__import__("signal").valid_signals()), "recursion": sys.getrecursionlimit(),
})`;

test("ROAD-19 A start from the snapshot leaves what a start from nothing leaves", async ({ loadPyodide, assert }) => {
  for (const options of [{}, { env: { HOME: "/home/somebody", TZ: "Europe/Paris", LANG: "de_DE.UTF-8", EMPTY: "", "ODD.NAME": "ünï=x" } }]) {
    const [one, other] = await Promise.all([loadPyodide(options), loadPyodide({ ...options, snapshot: false })]);
    assert.deepEqual(JSON.parse(one.runPython(LOOK_AROUND)), JSON.parse(other.runPython(LOOK_AROUND)));
  }
});

test("ROAD-19 Random numbers differ from start to start", async ({ loadPyodide, assert }) => {
  const source = `
import os, random, secrets, tempfile, uuid
[repr(value) for value in (random.random(), random.Random().random(), secrets.token_hex(8), uuid.uuid4(), os.urandom(8), tempfile.mktemp(), object.__hash__(0) * 0)][:6]`;
  const draws = [];
  for (let start = 0; start < 3; start++) {
    const py = await loadPyodide();
    draws.push(py.runPython(source).toJs());
  }
  for (let index = 0; index < 6; index++) {
    assert.equal(new Set(draws.map((draw) => draw[index])).size, 3, `draw ${index}`);
  }
});

test("ROAD-19 Modules in a snapshot that remember the process are made fresh", async ({ loadPyodide, assert }) => {
  const maker = await loadPyodide();
  maker.runPython("import logging, os, random, tempfile\nrandom.seed(1); random.gauss(); names = tempfile._get_candidate_names()\nos.environ['MADE'] = 'then'");
  const snapshot = maker.makeMemorySnapshot();
  const draw = async (env) => {
    const py = await loadPyodide({ snapshot, env });
    return py.runPython("[random.random(), random.gauss(), tempfile.mktemp(), logging._startTime], dict(os.environ), os.getenv('MADE')").toJs();
  };
  const [[one, environ, made], [other]] = [await draw({ NEW: "näme=x" }), await draw({})];
  for (let index = 0; index < 4; index++) {
    assert.notEqual(one[index], other[index], `value ${index}`);
  }
  assert.deepEqual([environ.NEW, made, "MADE" in environ], ["näme=x", undefined, false]);
});

test("ROAD-19 JS-012 PYTHONHASHSEED decides the hashes", async ({ loadPyodide, assert }) => {
  const hashOf = async (seed, more = {}) => {
    const py = await loadPyodide({ env: { PYTHONHASHSEED: seed }, ...more });
    return py.runPython("hash('a word'), hash(b'bytes')").toJs().join();
  };
  assert.equal(await hashOf("1"), await hashOf("1", { snapshot: false }));
  assert.notEqual(await hashOf("1"), await hashOf("2"));
  assert.notEqual(await hashOf("random"), await hashOf("random"));
});

test("ROAD-19 JS-012 A snapshot that was made with a seed of its own keeps it", async ({ loadPyodide, assert }) => {
  const maker = await loadPyodide({ env: { PYTHONHASHSEED: "random" } });
  const hash = maker.runPython("hash('a word')");
  const snapshot = maker.makeMemorySnapshot();
  const py = await loadPyodide({ snapshot });
  assert.equal(py.runPython("hash('a word')"), hash);
  assert.equal(py.runPython("import os; os.environ.get('PYTHONHASHSEED')"), undefined);
  assert.notEqual((await loadPyodide()).runPython("hash('a word')"), hash);
});

test("ROAD-19 Whatever happens to the bytes of a snapshot, it is refused with a reason", async ({ loadPyodide, assert }) => {
  const whole = (await loadPyodide()).makeMemorySnapshot();
  let state = 7;
  const below = (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
  const changes = {
    "a bit": (bytes) => ((bytes[below(bytes.length)] ^= 1 << below(8)), bytes),
    "a byte of the header": (bytes) => ((bytes[below(10_000)] ^= 1 + below(255)), bytes),
    "a byte of the fixed part": (bytes) => ((bytes[below(28)] ^= 1 + below(255)), bytes),
    "an end": (bytes) => bytes.slice(0, below(bytes.length)),
    "more behind it": (bytes) => {
      const longer = new Uint8Array(bytes.length + 1 + below(64));
      longer.set(bytes);
      return longer;
    },
    "two pages in each other's place": (bytes) => {
      const [one, other] = [bytes.length >> 2, bytes.length >> 1].map((at) => at + 4096 * below(100));
      const page = bytes.slice(one, one + 4096);
      bytes.copyWithin(one, other, other + 4096);
      // Two pages that are alike would be no damage.
      page[0] ^= bytes[one] === page[0] ? 1 : 0;
      bytes.set(page, other);
      return bytes;
    },
  };
  for (const [what, change] of Object.entries(changes)) {
    for (let times = 0; times < 8; times++) {
      await assert.rejects(
        () => loadPyodide({ snapshot: change(whole.slice()) }),
        /^SnapshotError: .* is (not a memory snapshot|a memory snapshot of another format|not complete|damaged)/,
        what,
      );
    }
  }
});

test("ROAD-19 JS-011 JS-012 What Python reads while it starts is obeyed", async ({ loadPyodide, assert }) => {
  const py = await loadPyodide({ args: ["-O"] });
  assert.equal(py.runPython("__debug__"), false);
  const verbose = await loadPyodide({ env: { PYTHONWARNINGS: "error::UserWarning" } });
  assert.throws(() => verbose.runPython("import warnings; warnings.warn('x')"), /UserWarning/);
});

test("ROAD-19 Options that change conversions hold for the restored interpreter", async ({ loadPyodide, assert }) => {
  const py = await loadPyodide({ convertNullToNone: false, toJsLiteralMap: false, jsglobals: { answer: 42, length: 3 } });
  assert.equal(py.runPython("import js; js.answer"), 42);
  assert.equal(py.runPython("len(js)"), 3);
  assert.equal(py.runPython("from pyodide.code import run_js; repr(run_js('null'))"), "jsnull");
  assert.equal(py.runPython("from pyodide.ffi import to_js; to_js({'a': 1})").a, 1);
});

test("ROAD-19 Two interpreters from one snapshot do not see each other", async ({ loadPyodide, assert }) => {
  const [one, other] = await Promise.all([loadPyodide(), loadPyodide()]);
  one.runPython("import os; x = [1]; os.environ['ONLY_ONE'] = '1'");
  assert.equal(other.runPython("'x' in globals()"), false);
  assert.equal(other.runPython("import os; 'ONLY_ONE' in os.environ"), false);
});

/** Makes a snapshot after `source` and starts from it. */
async function again(loadPyodide, source, options = {}, prepare = () => undefined) {
  const first = await loadPyodide();
  prepare(first);
  first.runPython(source);
  const bytes = first.makeMemorySnapshot();
  return { first, bytes, second: await loadPyodide({ snapshot: bytes, ...options }) };
}

test("ROAD-19 makeMemorySnapshot keeps objects, modules and files", async ({ loadPyodide, assert }) => {
  const { first, bytes, second } = await again(
    loadPyodide,
    `
import asyncio, collections, ctypes, decimal, pathlib, re, sqlite3, weakref
class Shop:
    def __init__(self): self.prices = {"tea": decimal.Decimal("1.50")}
shop = Shop()
dead = weakref.ref(Shop())
alive = weakref.ref(shop)
pathlib.Path("notes/deep").mkdir(parents=True)
pathlib.Path("notes/deep/a.txt").write_text("kept ✓")
pathlib.Path("link").symlink_to("notes/deep/a.txt")
pathlib.Path("my_module.py").write_text("VALUE = 7")
import my_module
def counter():
    n = 0
    while True:
        n += 1
        yield n
numbers = counter()
next(numbers)
pattern = re.compile(r"(\\d+)")
database = sqlite3.connect(":memory:")
database.execute("create table t (x)")
database.execute("insert into t values (3)")
async def later():
    await asyncio.sleep(0.001)
    return "done"
callback = ctypes.pythonapi.PyLong_FromLong
callback.restype = ctypes.py_object
`,
  );
  // The one that was saved goes on.
  assert.equal(first.runPython("next(numbers)"), 2);
  assert.equal(second.runPython("next(numbers)"), 2);
  assert.equal(second.runPython("str(shop.prices['tea'])"), "1.50");
  assert.equal(second.runPython("dead() is None and alive() is shop"), true);
  assert.equal(second.runPython("pathlib.Path('link').read_text()"), "kept ✓");
  assert.equal(second.runPython("my_module.VALUE"), 7);
  assert.equal(second.runPython("pattern.search('room 101')[1]"), "101");
  assert.equal(second.runPython("database.execute('select x from t').fetchone()[0]"), 3);
  assert.equal(second.runPython("callback(5)"), 5);
  assert.equal(await second.runPythonAsync("await later()"), "done");
  assert.equal(second.runPython("import zipfile, csv; csv.__name__"), "csv");
  // Twice from the same bytes, and from a snapshot of what came from one.
  const third = await loadPyodide({ snapshot: second.makeMemorySnapshot() });
  assert.equal(third.runPython("next(numbers)"), 3);
  const fourth = await loadPyodide({ _loadSnapshot: bytes });
  assert.equal(fourth.runPython("next(numbers)"), 2);
});

test("ROAD-19 JS-035 JavaScript objects are found again by their names", async ({ loadPyodide, assert }) => {
  const make = (factor) => ({ prices: { tea: 1 }, scale: (x) => x * factor });
  const { second } = await again(
    loadPyodide,
    `
import js, shop
from js import JSON, Math, Object
from shop import prices, scale
from pyodide.ffi import create_proxy
flat = [Math.max, 2**70, js.Symbol.iterator]
proxy = create_proxy(lambda x: x + 1)
table = {Math: "as a key"}
`,
    { jsModules: { shop: { ...make(3), prices: { tea: 9 } } } },
    (py) => py.registerJsModule("shop", make(2)),
  );
  assert.equal(second.runPython("flat[0](1, 5, 2)"), 5);
  assert.equal(second.runPython("JSON.stringify(Object.fromEntries([['a', 1]]))"), '{"a":1}');
  assert.equal(second.runPython("scale(2)"), 6);
  assert.equal(second.runPython("prices.tea"), 9);
  assert.equal(second.runPython("shop.prices.tea"), 9);
  assert.equal(second.runPython("table[js.Math]"), "as a key");
  assert.equal(second.runPython("[1, 2] == list(flat[2] and [1, 2])"), true);
  const proxy = second.runPython("proxy");
  assert.equal(proxy(1), 2);
  assert.equal(second.runPython("proxy.destroy()"), undefined);
});

test("ROAD-19 A JavaScript module that is missing is named", async ({ loadPyodide, assert }) => {
  const first = await loadPyodide();
  first.registerJsModule("shop", { prices: { tea: 1 } });
  first.runPython("import shop");
  const bytes = first.makeMemorySnapshot();
  const error = await assert.rejects(() => loadPyodide({ snapshot: bytes }));
  assert.match(error.message, /`shop`.*jsModules/s);
});

for (const [what, source, pattern] of [
  ["an object of JavaScript that no name reaches", "from pyodide.code import run_js\nholder = {'key': [run_js('({a: 1})')]}", /__main__\.holder\['key'\]\[0\]/],
  ["a file that is open", "f = open('notes.txt', 'w')", /open files: close \/home\/pyodide\/notes\.txt/],
  ["a task that is not done", "import asyncio\nasync def wait(): await asyncio.sleep(1000)\ntask = asyncio.ensure_future(wait())", /tasks that are not done.*wait/],
]) {
  test(`ROAD-19 A snapshot cannot hold ${what}, and says so`, async ({ loadPyodide, assert }) => {
    const py = await loadPyodide();
    py.runPython(source);
    assert.throws(() => py.makeMemorySnapshot(), pattern);
    // Nothing is broken by the attempt.
    assert.equal(py.runPython("1 + 1"), 2);
    py.runPython("task.cancel() if 'task' in globals() else None");
  });
}

test("ROAD-19 A snapshot cannot be made while Python is running", async ({ loadPyodide, assert }) => {
  const py = await loadPyodide();
  assert.throws(() => py.runPython("import pyodide_js; pyodide_js.makeMemorySnapshot()"), /while Python is running/);
});

test("ROAD-19 A snapshot that is cut off, damaged or of something else is refused", async ({ loadPyodide, assert }) => {
  const bytes = (await loadPyodide()).makeMemorySnapshot();
  const refused = async (snapshot, pattern) => assert.match((await assert.rejects(() => loadPyodide({ snapshot }))).message, pattern);
  await refused(bytes.subarray(0, bytes.length - 1000), /is not complete: it has \d+ bytes of \d+/);
  const damaged = bytes.slice();
  damaged[bytes.length >> 1] ^= 1;
  await refused(damaged, /is damaged/);
  await refused(new TextEncoder().encode("<!DOCTYPE html><title>Not found</title>"), /is not a memory snapshot/);
  await refused(new Uint8Array(0), /is empty/);
  const older = bytes.slice();
  older[8] = 99;
  await refused(older, /another format \(99, expected \d+\)/);
  const error = await assert.rejects(() => loadPyodide({ snapshot: 5 }));
  assert.match(error.message, /the option `snapshot` must be/);
});

test("ROAD-19 makeMemorySnapshot does not change what is counted", async ({ loadPyodide, assert }) => {
  const py = await loadPyodide();
  py.runPython("1");
  py.makeMemorySnapshot();
  const before = [py._api.liveHandles(), py._api.liveProxies()];
  py.makeMemorySnapshot();
  py.makeMemorySnapshot();
  assert.deepEqual([py._api.liveHandles(), py._api.liveProxies()], before);
});
