/**
 * One sequence of operations on generated values, in both languages. Whatever they do to each other ends in a value or in an error that
 * says something; nothing crashes, nothing is left behind.
 * Invariant: the sequence follows from its seed, so that a failure can be had again.
 * Left out on purpose: iterators without an end, lengths beyond memory, and changes of what all programs share (prototypes, globals, so no
 * property named `constructor`).
 * Not here: which seeds run, and how leaks are counted (fuzz.test.mjs).
 */

import { makeRandom } from "../harness/random.mjs";

/** Operations of one sequence. */
export const STEPS = 600;

const NAMES = ["a", "b", "length", "then", "get", "x y", "__len__", "$a", "0", "keys", "destroy", "finally_", "valueOf", "size"];
const TEXTS = ["", "a", "b", "naïve", "αβγ", "😀", "\ud800", "\udc00x", "a\0b", "0", "1", "x".repeat(200), "ж".repeat(2000)];
const NUMBERS = [0, -0, 1, -1, 1.5, NaN, Infinity, -Infinity, 2 ** 31, -(2 ** 31) - 1, 2 ** 53 - 1, 2 ** 53, 1e300, 5e-324];
/** What a proxied Array says of itself. None of them makes a loop long. */
const LENGTHS = [-1, NaN, 2.5, 0, 5, "2", "x", null, undefined, 2n];
const BIGINTS = [0n, -1n, 2n ** 63n, -(2n ** 64n), 2n ** 200n];

const PYTHON = `
import array, collections, gc, itertools
from pyodide.code import run_js
from pyodide.ffi import JsException, JsPromise, JsProxy, create_once_callable, create_proxy, to_js

class Thing:
    def __init__(self): self.a = 1
    def __call__(self, *args, **kwargs): return args[0] if args else self
    def __getitem__(self, key):
        if isinstance(key, int) and key > 3: raise IndexError(key)
        return [key]
    def __len__(self): return 2
    def __eq__(self, other): return self is other
    def __hash__(self): return 7

class Angry:
    def __getattribute__(self, name): raise LookupError(name)
    def __repr__(self): raise LookupError("repr")
    def __len__(self): return -5
    def __iter__(self): raise LookupError("iter")
    def __call__(self): raise LookupError("call")
    def __eq__(self, other): raise LookupError("eq")
    def __hash__(self): raise LookupError("hash")

def generator():
    got = yield 1
    yield got() if callable(got) else got

pool, made, doubles, changed = [], {}, [], []

def note(value): made[id(value)] = value

ignore = run_js("() => undefined")
remove = run_js("""(object, key) => {
  if (Array.isArray(object)) object.length = 0;
  if (object instanceof Map || object instanceof Set) object.clear();
  if (key !== "length" && (typeof object === "object" || typeof object === "function")) delete object[key];
}""")

def changing(a, key):
    """What JavaScript holds from now on may be part of a cycle through both languages."""
    if isinstance(a, JsProxy): changed.append((a, "finally" if key == "finally_" else key))
    return a

def make(kind):
    value = (
        lambda: [1, "a", None], lambda: {"a": 1, 2: "b", None: 3}, lambda: {1, "x"}, lambda: (1, [2]), lambda: b"bytes", lambda: bytearray(b"abc"),
        lambda: array.array("d", [1.5, 2]), lambda: memoryview(bytes(range(12))).cast("B", [3, 4]), lambda: collections.deque([1, 2]),
        lambda: range(3), lambda: iter([1, 2]), generator, Thing, Angry, lambda: (lambda *a, **k: a), lambda: 2**70, lambda: "\\ud800é",
        lambda: ValueError("v"), lambda: collections.OrderedDict(a=1), lambda: len, lambda: float("nan"), lambda: create_proxy(Thing()),
        lambda: create_once_callable(lambda *a: a), lambda: slice(1, 2), lambda: type,
    )[kind]()
    if isinstance(value, (list, dict, set, collections.deque)): note(value)
    if isinstance(value, Thing): note(value.__dict__)
    if isinstance(value, JsProxy): doubles.append(value)
    return value

KINDS = 25

def few(iterable): return list(itertools.islice(iterable, 20))

def assign(a, b):
    if isinstance(a, (list, collections.deque)): a.append(b)
    elif isinstance(a, dict): a["k"] = b
    elif isinstance(a, JsProxy): changing(a, 0)[0] = b

OPERATIONS = [
    lambda a, b, name: a == b, lambda a, b, name: getattr(a, name), lambda a, b, name: setattr(changing(a, name), name, b) if isinstance(a, (JsProxy, Thing)) else None,
    lambda a, b, name: delattr(a, name) if isinstance(a, (JsProxy, Thing)) else None, lambda a, b, name: hasattr(a, name), lambda a, b, name: a[b],
    lambda a, b, name: a[name], lambda a, b, name: a[0], lambda a, b, name: a[-1:], lambda a, b, name: len(a), lambda a, b, name: bool(a),
    lambda a, b, name: str(a), lambda a, b, name: repr(a), lambda a, b, name: hash(a), lambda a, b, name: b in a if not hasattr(a, "__next__") else None,
    lambda a, b, name: few(a), lambda a, b, name: next(a), lambda a, b, name: dir(a)[:5], lambda a, b, name: a(), lambda a, b, name: a(b),
    lambda a, b, name: a(b, key=name), lambda a, b, name: a.new(b), lambda a, b, name: to_js(a), lambda a, b, name: a.to_py(),
    lambda a, b, name: to_js([a, b, {name: a}], depth=2), lambda a, b, name: to_js(a, default_converter=lambda v, c, k: str(type(v))),
    lambda a, b, name: to_js({name: a}, dict_converter=lambda items: few(items)), lambda a, b, name: a.as_object_map(), lambda a, b, name: a.as_py_json(),
    lambda a, b, name: a.object_entries(), lambda a, b, name: a.typeof, lambda a, b, name: a.js_id, lambda a, b, name: assign(a, b),
    lambda a, b, name: a.pop(), lambda a, b, name: changing(a, 0).extend([b]), lambda a, b, name: a.assign(b), lambda a, b, name: a.assign_to(b),
    lambda a, b, name: a.to_bytes(), lambda a, b, name: a.send(b), lambda a, b, name: a.throw(ValueError("thrown in")), lambda a, b, name: a.close(),
    lambda a, b, name: a.destroy(), lambda a, b, name: a.unwrap(), lambda a, b, name: few(a.items()), lambda a, b, name: a.update({name: 1}),
    lambda a, b, name: a + [1], lambda a, b, name: dict(a), lambda a, b, name: isinstance(a, type(b)), lambda a, b, name: a.get(name),
    lambda a, b, name: a.to_weakref(), lambda a, b, name: changing(a, 1).insert(1, b), lambda a, b, name: sorted(few(a), key=str), lambda a, b, name: a.__doc__,
]

def step(which, i, j, name, extra):
    if len(pool) < 4 or extra is not None:
        pool.append(make(which % KINDS) if extra is None else extra)
    a, b = pool[i % len(pool)], pool[j % len(pool)]
    try:
        result = OPERATIONS[which % len(OPERATIONS)](a, b, name)
    except SystemError:
        raise
    except (Exception, GeneratorExit) as error:
        if "Pyoxide has a bug" in "%s" % (error.args,): raise SystemError("%s" % (error.args,))
        result = None
    if isinstance(result, JsPromise):
        try: result.catch(ignore)
        except JsException: pass
    if result is not None:
        if isinstance(result, (list, dict, set)): note(result)
        pool.append(result)
    if len(pool) > 24: del pool[:8]
    return pool[-1] if pool and which % 3 == 0 else None

def remember(value):
    """Containers that JavaScript has may be part of cycles through both languages, which only clearing them breaks."""
    pending = [value]
    while pending:
        value = pending.pop()
        if isinstance(value, Thing): value = value.__dict__
        if not isinstance(value, (list, dict, set, collections.deque)) or id(value) in made: continue
        note(value)
        pending.extend(value.values() if isinstance(value, dict) else value)

def leads_out(value):
    """Is it a JavaScript object, or a method of one?"""
    return isinstance(value, JsProxy) or type(value) in (type(len), type(len.__str__)) and isinstance(value.__self__, JsProxy)

def clean():
    pool.clear()
    for double in doubles:
        try: double.destroy()
        except Exception: pass  # it is destroyed, or has lost its method, or has got another
    doubles.clear()
    for object, key in changed:
        try: remove(object, key)
        except Exception: pass  # a hostile object: it cannot hold anything either
    changed.clear()
    for thing in made.values(): type(thing).clear(thing)  # its own clear may be anything by now
    made.clear()
    # Lists that are only in such a cycle any more.
    for thing in gc.get_objects():
        if type(thing) is list and any(map(leads_out, thing)): thing.clear()

(step, make, clean, remember)
`;

/** What an error says, and whether it is fatal. A generator of JavaScript throws whatever it is told to: a proxy that was destroyed can only say that. */
function describeError(error) {
  try {
    return { text: String(error?.message ?? ""), isFatal: error?.constructor?.name === "FatalError" };
  } catch (unreadable) {
    return { text: String(unreadable?.message ?? ""), isFatal: unreadable?.constructor?.name === "FatalError" };
  }
}

/** One sequence: everything that it made is let go of in the end. */
export async function runSequence({ py, assert }, seed) {
  const random = makeRandom(seed);
  const space = py.toPy({ __name__: "fuzz" });
  const functions = py.runPython(PYTHON, { globals: space });
  const [step, make, clean, remember] = [0, 1, 2, 3].map((index) => functions.get(index));
  functions.destroy();
  const pool = [];
  const made = [];
  const proxies = new Set();
  const promises = [];
  const say = [];
  const nothing = () => undefined;

  const keep = (value, depth = 0) => {
    if (value instanceof py.ffi.PyProxy) {
      try {
        if (!proxies.has(value)) remember(value);
      } catch {
        // Destroyed before.
      }
      proxies.add(value);
    } else if (value instanceof Promise) promises.push(value.then(nothing, nothing));
    else if (depth < 4 && Array.isArray(value)) for (const item of Object.values(value)) keep(item, depth + 1); // it may have billions of holes
    else if (depth < 4 && value instanceof Map) for (const item of value.values()) keep(item, depth + 1);
    return value;
  };
  const any = () => (pool.length === 0 || random.chance(0.3) ? put(create()) : random.pick(pool));
  const put = (value) => {
    keep(value);
    if (pool.length > 24) pool.splice(0, 8);
    pool.push(value);
    return value;
  };
  const container = (value) => {
    made.push(value);
    return value;
  };
  const thrower = () => {
    throw new RangeError("thrown by the fuzz");
  };
  /** An object that has got a `then` from the other operations may never settle: only what is meant to is waited for. */
  const awaitSome = (value) => {
    const end = Promise.resolve(value).then(nothing, nothing);
    if (value instanceof Promise || value instanceof py.ffi.PyAwaitable) promises.push(end);
  };
  /** Ends some proxy, at whatever moment it is called. */
  let isOver = false;
  const killer = () => {
    const victim = isOver || pool.length === 0 ? undefined : random.pick(pool);
    if (isProxy(victim)) victim.destroy();
  };
  const killingTraps = { get: () => killer(), has: () => (killer(), false), ownKeys: () => (killer(), []) };
  const lyingLength = (target, key, receiver) => (key === "length" ? random.pick(LENGTHS) : Reflect.get(target, key, receiver));
  const CREATE = [
    () => random.pick(NUMBERS), () => random.pick(TEXTS), () => random.pick(BIGINTS), () => true, () => null, () => undefined,
    () => container([1, "a", null]), () => container({ a: 1, b: { c: [2] } }), () => container(new Map([["a", 1], [2, "b"]])), () => container(new Set([1, "x"])),
    () => new Uint8Array([1, 2, 3]), () => new Float64Array(2), () => new ArrayBuffer(4), () => new DataView(new ArrayBuffer(2)),
    () => (...args) => args[0], () => thrower, () => (f) => f(), () => new Error("an error"), () => new Date(0), () => Symbol("s"),
    () => (function* () { yield yield 1; })(), () => (async function* () { yield 1; })(), () => Promise.resolve(5), () => container(Object.create(null)),
    () => new (class Own { a = 1; get bad() { return thrower(); } })(), () => Proxy.revocable({}, {}).proxy, () => ({ then: 5, length: "no" }),
    () => { const { proxy, revoke } = Proxy.revocable([], {}); revoke(); return proxy; }, () => ({ get a() { return thrower(); } }), () => new WeakMap(),
    () => { const a = container([1]); a.push(a); return a; }, () => make(random.below(25)), () => py.globals.get("dict"), () => /re/g, () => class A {},
    () => killer, () => new Proxy({}, killingTraps), () => new Proxy(() => 1, killingTraps), () => ({ valueOf: killer, toString: killer, get a() { return killer(); } }),
    () => new Proxy([1, 2, 3], { get: lyingLength }), () => { const a = container([1, 2, 3]); Object.defineProperty(a, 0, { get: () => { a.length = random.below(4) + 1; return killer(); }, configurable: true }); return a; },
  ];
  const create = () => keep(random.pick(CREATE)());
  const isProxy = (value) => value instanceof py.ffi.PyProxy;
  const name = () => random.pick(NAMES);
  const OPERATIONS = [
    () => any()[name()], (p) => { if (isProxy(p)) p[name()] = any(); }, (p) => { if (isProxy(p)) delete p[name()]; }, (p) => name() in p, (p) => String(p),
    (p) => p(any()), (p) => p.callKwargs(any(), { [name()]: any() }), (p) => p.toJs(), (p) => p.toJs({ depth: 1, pyproxies: [] }), (p) => p.copy(),
    (p) => p.destroy(), (p) => p.get(any()), (p) => p.set(any(), any()), (p) => p.has(any()), (p) => p.delete(any()), (p) => p.length, (p) => p.type,
    (p) => (isProxy(p) && p instanceof py.ffi.PyIterable && !(p instanceof py.ffi.PyIterator) ? [...p].slice(0, 20) : undefined),
    (p) => (p instanceof py.ffi.PyIterator ? p.next(any()).value : undefined), (p) => p.return(any()), (p) => p.throw(any()),
    (p) => (isProxy(p) ? Object.keys(p) : undefined), (p) => (isProxy(p) ? Reflect.ownKeys(p).length : undefined), (p) => JSON.stringify(p),
    (p) => (isProxy(p) ? { ...p } : undefined), (p) => (isProxy(p) ? Object.getOwnPropertyDescriptor(p, name()) : undefined),
    (p) => p.getBuffer().release(), (p) => { const view = p.getBuffer("dataview"); view.release(); return view.data; }, (p) => p.bind(any(), any())(any()),
    (p) => p.captureThis().call(any(), any()), (p) => p.map((x) => x), (p) => p.push(any()), (p) => p.splice(0, 1, any()), (p) => p.sort(), (p) => p.at(-1),
    (p) => p.next(killer).value, (p) => p.next(killer).value, (p) => p(killer), (p) => p.captureThis().call(any(), killer), (p) => p.get(any()), (p) => p.fill(any()), (p) => p.at({ valueOf: killer }),
    (p) => p.asJsJson().a, (p) => JSON.stringify(p.asJsJson()), (p) => py.toPy(p), (p) => py.toPy([p, any()], { depth: 2 }),
    (p) => py.toPy({ [name()]: p }, { defaultConverter: (value) => String(typeof value) }), () => py.runPython("[1, {'a': 2}]"), () => py.runPython("1 / 0"),
    (p) => py.runPython("len(x)", { locals: p }), (p) => awaitSome(p), () => py.pyimport("math").type,
    (p) => step(random.below(1000), random.below(100), random.below(100), name(), p), (p) => step(random.below(1000), random.below(100), random.below(100), name(), p),
  ];
  const python = () => step(random.below(1000), random.below(100), random.below(100), name(), undefined);

  try {
    for (let count = 0; count < STEPS; count++) {
      const index = random.below(OPERATIONS.length);
      const operation = random.chance(0.5) ? python : OPERATIONS[index];
      say[count % 8] = `${count}: ${operation}`;
      try {
        put(operation(any()));
      } catch (error) {
        const { text, isFatal } = describeError(error);
        assert.ok(!/Pyoxide has a bug|SystemError/.test(text) && !isFatal, `seed ${seed}, step ${say[count % 8]}: ${text}`);
      }
      if (count % 100 === 0) assert.equal(py.runPython("6 * 7"), 42, `seed ${seed}, step ${count}`);
    }
  } finally {
    isOver = true;
    await Promise.all(promises);
    for (const thing of made) {
      for (const value of thing instanceof Map || thing instanceof Set ? thing.values() : Object.values(thing)) keep(value);
      if (thing instanceof Map || thing instanceof Set) thing.clear();
      else for (const key of Reflect.ownKeys(thing)) if (key !== "length") delete thing[key];
    }
    clean();
    for (const proxy of [...proxies, step, make, clean, remember]) {
      try {
        proxy.destroy();
      } catch {
        // Destroyed before.
      }
    }
    space.clear();
    space.destroy();
    pool.length = 0;
    // What JavaScript's collector alone can free: iterators that were left, functions that were bound.
    for (let turn = 0; turn < 8; turn++) {
      globalThis.gc?.();
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }
}
