/**
 * Objects that throw when they are looked at. Nothing they do may crash the interpreter, and every error has to arrive as what it was.
 */
import { test } from "../harness/registry.mjs";

function revoked(target = {}) {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

const THROWING_TRAPS = Object.fromEntries(
  ["get", "set", "has", "deleteProperty", "ownKeys", "getOwnPropertyDescriptor", "getPrototypeOf", "defineProperty", "isExtensible"].map((trap) => [
    trap,
    () => {
      throw new RangeError(`trap ${trap}`);
    },
  ]),
);

const OBJECTS = {
  "a revoked proxy": () => revoked(),
  "a revoked proxy of a function": () => revoked(() => 1),
  "a revoked proxy of an array": () => revoked([]),
  "a proxy whose traps all throw": () => new Proxy({}, THROWING_TRAPS),
  "a function proxy whose traps all throw": () => new Proxy(() => 1, THROWING_TRAPS),
  "an object without a prototype": () => Object.create(null),
  "an object whose constructor throws": () => Object.defineProperty({}, "constructor", { get: () => { throw new RangeError("constructor"); } }),
  "an object with a null constructor": () => ({ constructor: null }),
  "an object whose tag throws": () => Object.defineProperty({}, Symbol.toStringTag, { get: () => { throw new RangeError("tag"); } }),
  "an object whose then throws": () => Object.defineProperty({}, "then", { get: () => { throw new RangeError("then"); } }),
  "an object whose length throws": () => Object.defineProperty({}, "length", { get: () => { throw new RangeError("length"); } }),
  "an object whose iterator throws": () => Object.defineProperty({}, Symbol.iterator, { get: () => { throw new RangeError("iterator"); } }),
  "an object that lies about everything": () => ({ length: -1, size: "big", get: 1, set: 2, has: 3, next: 4, then: 5, [Symbol.iterator]: 6, [Symbol.toStringTag]: 7 }),
  "an object with a length of NaN": () => ({ length: NaN }),
  "an object with a huge length": () => ({ length: 2 ** 53 }),
  "a symbol": () => Symbol("s"),
  "a registered symbol": () => Symbol.for("s"),
  "an object that pretends to be a PyProxy": () => ({ type: "list", toJs() {}, destroy() {}, copy() {}, $$: {} }),
  "an error whose message throws": () => Object.defineProperty(new Error(), "message", { get: () => { throw new RangeError("message"); } }),
};

test("TT-049 Hostile objects can be passed, kept and given back", ({ py, own, assert }) => {
  const same = own(py.runPython("lambda x: x"));
  for (const [name, make] of Object.entries(OBJECTS)) {
    const value = make();
    assert.ok(same(value) === value, name);
  }
  assert.equal(py.runPython("1 + 1"), 2);
});

test("TT-049 Every operation on a hostile object ends in a value or an error", ({ py, own, assert }) => {
  const poke = own(
    py.runPython(`
from pyodide.ffi import JsProxy, to_js
def poke(x):
    results = []
    def attempt(f):
        try:
            f()
            results.append("value")
        except Exception as error:
            str(error), repr(error)
            results.append(type(error).__name__)
    for f in (
        lambda: str(x), lambda: repr(x), lambda: bool(x), lambda: len(x), lambda: dir(x), lambda: hash(x), lambda: x == x,
        lambda: x == 1, lambda: x.attribute, lambda: setattr(x, "attribute", 1), lambda: delattr(x, "attribute"),
        lambda: hasattr(x, "attribute"), lambda: x(), lambda: x.new(), lambda: x[0], lambda: x.__setitem__(0, 1), lambda: 1 in x,
        lambda: [item for item, _ in zip(x, range(3))], lambda: next(x), lambda: x.typeof, lambda: x.js_id, lambda: x.to_py(), lambda: x.as_object_map(),
        lambda: list(x.object_keys()), lambda: list(x.object_values()), lambda: to_js([x]), lambda: isinstance(x, Exception),
        lambda: x.to_bytes(), lambda: f"{x}", lambda: [x], lambda: x.then(lambda v: v),
    ):
        attempt(f)
    return len(results)
poke
`),
  );
  for (const [name, make] of Object.entries(OBJECTS)) assert.equal(poke(make()), 31, name);
  assert.equal(py.runPython("1 + 1"), 2);
});

test("TT-049 The error of a trap arrives as what it was", ({ py, own, assert }) => {
  const read = own(
    py.runPython(`
def read(x):
    try:
        x.attribute
    except Exception as error:
        return f"{error.name}: {error.message}"
read
`),
  );
  assert.equal(read(new Proxy({}, THROWING_TRAPS)), "RangeError: trap get");
  assert.match(read(revoked()), /^TypeError: /);
});

test("TT-049 Getters with side effects are called once per access", ({ py, own, assert }) => {
  let calls = 0;
  const object = {
    get counted() {
      calls++;
      return calls;
    },
  };
  const read = own(py.runPython("lambda x: x.counted"));
  assert.equal(read(object), 1);
  assert.equal(read(object), 2);
});

test("TT-049 An object that destroys itself while it is called", ({ py, assert }) => {
  const proxy = py.runPython("lambda f: f()");
  proxy(() => proxy.destroy());
  assert.throws(() => proxy(() => 1), "already been destroyed");
});

test("TT-049 Hostile PyProxies: Python objects that raise when they are looked at", ({ py, own, assert }) => {
  const hostile = own(
    py.runPython(`
class Hostile:
    def __getattr__(self, name): raise ValueError("getattr")
    def __setattr__(self, name, value): raise ValueError("setattr")
    def __delattr__(self, name): raise ValueError("delattr")
    def __len__(self): raise ValueError("len")
    def __getitem__(self, key): raise ValueError("getitem")
    def __contains__(self, key): raise ValueError("contains")
    def __iter__(self): raise ValueError("iter")
    def __call__(self): raise ValueError("call")
    def __str__(self): raise ValueError("str")
    def __repr__(self): raise ValueError("repr")
    def __dir__(self): raise ValueError("dir")
    def __eq__(self, other): raise ValueError("eq")
    __hash__ = None
Hostile()
`),
  );
  for (const [work, message] of [
    [() => hostile.attribute, "getattr"],
    [() => { hostile.attribute = 1; }, "setattr"],
    [() => delete hostile.attribute, "delattr"],
    [() => hostile.length, "len"],
    [() => hostile.get(0), "getitem"],
    [() => hostile.has(0), "contains"],
    [() => [...hostile], "iter"],
    [() => hostile(), "call"],
    [() => hostile.toString(), "str"],
    [() => Object.getOwnPropertyNames(hostile), "dir"],
  ]) {
    assert.throws(work, `ValueError: ${message}`);
  }
  assert.equal(hostile.type, "Hostile");
  assert.equal(py.runPython("1 + 1"), 2);
});

test("TT-049 A metaclass and a type that lies", ({ py, own, assert }) => {
  const proxy = own(
    py.runPython(`
class Meta(type):
    @property
    def __name__(cls): raise ValueError("name")
class Odd(metaclass=Meta):
    __class__ = property(lambda self: int)
Odd()
`),
  );
  assert.equal(typeof proxy.type, "string");
  assert.ok(proxy instanceof py.ffi.PyProxy);
});

test("TT-109 An error that is thrown while an error is converted", ({ py, own, assert }) => {
  const call = own(py.runPython("def call(f):\n  try:\n    f()\n  except Exception as e:\n    return type(e).__name__\ncall"));
  const hostileError = () => {
    throw Object.defineProperties(new Error("x"), { message: { get: () => { throw 1; } }, name: { get: () => { throw 2; } }, stack: { get: () => { throw 3; } } });
  };
  assert.equal(typeof call(hostileError), "string");
  assert.equal(typeof call(() => { throw revoked(); }), "string");
  assert.equal(typeof call(() => { throw new Proxy(new Error("p"), THROWING_TRAPS); }), "string");
  assert.throws(() => py.runPython("class E(Exception):\n  def __str__(self): raise KeyError('in str')\nraise E()"), "E");
  assert.equal(py.runPython("1 + 1"), 2);
});

test("TT-049 A proxy that the engine is told to clone is named in its error", ({ py, own, assert }) => {
  const list = own(py.runPython("[1]"));
  const { port1 } = new MessageChannel();
  try {
    port1.postMessage(list);
    assert.ok(false);
  } catch (error) {
    assert.equal(error.name, "DataCloneError");
    // Firefox names no object.
    assert.match(error.message, /PyProxy(?!Target)|^Proxy object could not be cloned|^The object can not be cloned/);
  } finally {
    port1.close();
  }
});

test("TT-113 A PythonError that a program makes itself, with whatever it likes", ({ py, assert }) => {
  const error = new py.ffi.PythonError("ValueError", "text", 5);
  assert.equal(`${error.name} ${error.type} ${error.message}`, "PythonError ValueError text");
});

test("CHG-390 TT-109 A call through ctypes into nothing is a fatal error that names the address, and a reset brings the interpreter back", async ({ load, assert }) => {
  const py = await load();
  assert.equal(py.runPython("import ctypes\nctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda number: number + 1)(4)"), 5);
  const error = assert.throws(() => py.runPython("ctypes.cast(0x7ffffff0, ctypes.CFUNCTYPE(None))()"), "FatalError");
  assert.match(error.message, /a call through ctypes or cffi of the function at address 0x7ffffff0 ended with an error of the engine/);
  assert.throws(() => py.runPython("1"), "dead since an earlier fatal error");
  await py.reset();
  assert.equal(py.runPython("6 * 7"), 42);
});
