/**
 * Values and calls that are nested too deeply for the stack, in both directions: an error that both languages know, and an interpreter that
 * goes on, with nothing left behind.
 */
import { test } from "../harness/registry.mjs";

/** What engines call an overflow of their stack: SpiderMonkey, and V8 and JavaScriptCore. */
const OVERFLOW = ["InternalError", "RangeError"];

const DEPTHS = [300, 5000, 100_000];

const VALUES = {
  arrays: (inner) => [inner],
  objects: (inner) => ({ inner }),
  maps: (inner) => new Map([["inner", inner]]),
};

for (const [name, wrap] of Object.entries(VALUES)) {
  test(`TT-086 TT-093 TT-109 Nested ${name} become Python objects, or a RecursionError`, ({ py, own, assert }) => {
    const attempt = own(py.runPython("def attempt(value):\n  try:\n    return type(value.to_py()).__name__\n  except RecursionError:\n    return 'too deep'\nattempt"));
    for (const depth of DEPTHS) {
      let value = wrap(1);
      for (let level = 0; level < depth; level++) value = wrap(value);
      for (const convert of [() => own(py.toPy(value)).type, () => own(py.toPy(value, { defaultConverter: (other) => other })).type, () => attempt(value)]) {
        let result;
        try {
          result = convert();
        } catch (error) {
          assert.equal(error.type, "RecursionError", error.message);
          result = "too deep";
        }
        assert.equal(result, depth === 300 ? (name === "arrays" ? "list" : "dict") : depth === 100_000 ? "too deep" : result);
      }
      assert.equal(py.runPython("6 * 7"), 42);
    }
  });
}

for (const [name, expression] of [["lists", "[value, len]"], ["dicts", "{'inner': value}"], ["tuples", "(value,)"]]) {
  test(`TT-086 TT-077 TT-078 TT-109 Nested ${name} become JavaScript objects, or a RecursionError`, ({ py, own, assert }) => {
    const nest = own(py.runPython(`def nest(depth):\n  value = []\n  for _ in range(depth): value = ${expression}\n  return value\nnest`));
    for (const depth of DEPTHS) {
      const value = own(nest(depth));
      for (const options of [{}, { dict_converter: Object.fromEntries }, { default_converter: () => 1 }]) {
        const pyproxies = [];
        try {
          value.toJs({ ...options, pyproxies });
          assert.ok(depth < 100_000);
        } catch (error) {
          assert.equal(error.type, "RecursionError", error.message);
          assert.match(error.message, /RecursionError: [mM]aximum [a-z ]+ (exceeded|size exceeded)/);
          assert.ok(depth > 300);
        } finally {
          for (const proxy of pyproxies) proxy.destroy();
        }
      }
      assert.equal(py.runPython("6 * 7"), 42);
    }
  });
}

test("TT-109 TT-113 Languages that call each other without end get a RecursionError", ({ py, own, assert }) => {
  const f = own(py.runPython("def f(again): return again(f)\nf"));
  const again = (function_) => function_(again);
  assert.throws(() => f(again), "RecursionError");
  const text = py.runPython(`
from pyodide.code import run_js
apply = run_js("(f) => f()")
def g(): return apply(g)
try:
    g()
except RecursionError as error:
    text = str(error)
text`);
  // Whichever stack is full first: the engine's or that of the program.
  assert.match(text, /call each other too deeply|Stack overflow/);
  assert.equal(py.runPython("6 * 7"), 42);
});

test("TT-109 A stack overflow of JavaScript's own stays a JavaScript error", ({ py, assert }) => {
  py.globals.set("endless", function endless() {
    return endless() + 1;
  });
  assert.includes(OVERFLOW, py.runPython("from pyodide.ffi import JsException\ntry:\n  endless()\nexcept JsException as e:\n  name = e.name\nname"));
  assert.equal(py.runPython("6 * 7"), 42);
});

const engineOnly = ({ isNode, name }) => (isNode || name === "chromium" ? undefined : "TT-109: where the stack of SpiderMonkey or JavaScriptCore overflows in the runtime itself, some handles are lost");

test("TT-109 TT-003 Where JavaScript's stack has just overflowed, what is asked of Python succeeds or fails, and loses nothing", { skip: engineOnly }, ({ py, own, assert }) => {
  py.runPython("class Own:\n  items = [1, {'a': 2}]\n  def method(self, *args): return args");
  const object = own(py.runPython("Own()"));
  const dict = own(py.runPython("{'a': [1, {'b': 2}], 'c': print}"));
  const call = own(py.runPython("lambda f, *args: f(*args)"));
  const operations = [
    () => call((value) => value, { a: 1 }),
    () => call((value) => ({ value }), [1]),
    () => object.method({}, [])?.destroy(),
    () => object.items.length,
    () => void (object.other = { b: 1 }),
    () => void delete object.other,
    () => {
      const pyproxies = [];
      try {
        dict.toJs({ pyproxies });
      } finally {
        for (const proxy of pyproxies) proxy.destroy();
      }
    },
    () => py.toPy({ a: [1] }).destroy(),
    () => [...dict],
    () => py.runPython("1 + 1"),
  ];
  // Texts are looked at in the end: V8 11 cannot even compile a regular expression where hardly any stack is left.
  const failures = [];
  for (const operation of operations) {
    let attempts = 0;
    const descend = (depth, ...padding) => {
      try {
        return descend(depth + 1, ...padding) + 1;
      } catch (error) {
        if (!OVERFLOW.includes(error.name)) throw error;
        if (attempts++ < 30) {
          try {
            operation();
          } catch (failure) {
            failures.push(failure);
          }
        }
        throw error;
      }
    };
    for (const padding of [[], [1], [1, 2, 3]]) {
      attempts = 0;
      assert.includes(OVERFLOW, assert.throws(() => descend(0, ...padding)).name);
      attempts = 0;
      assert.match(assert.throws(() => call(() => descend(0, ...padding))).message, /Maximum call stack|recursion/);
    }
  }
  assert.ok(failures.length > 0);
  for (const { message } of failures) assert.match(message, /call stack|recursion/);
  assert.equal(py.runPython("6 * 7"), 42);
});

test("TT-081 TT-109 What a dict_converter that throws has not taken is freed", ({ py, own, assert }) => {
  const value = own(py.runPython("[{'a': 1}, len, 'x' * 1000, {'b': print}, b'bytes', 2**70]"));
  let calls = 0;
  const converter = (entries) => {
    if (++calls === 1) throw new RangeError("not this one");
    return Object.fromEntries(entries);
  };
  const pyproxies = [];
  assert.throws(() => value.toJs({ dict_converter: converter, pyproxies }), "not this one");
  for (const proxy of pyproxies) proxy.destroy();
  assert.equal(py.runPython("6 * 7"), 42);
});

test("TT-080 TT-086 A list that loses its items while they are converted", ({ py, assert }) => {
  const text = py.runPython(`
from pyodide.ffi import to_js
class Clears:
    def __init__(self, *lists): self.lists = lists
    def __buffer__(self, flags):
        for items in self.lists: items.clear()
        return memoryview(b"abc")
class Makes(set):
    def __iter__(self): return iter(["made only now " * 100, "é" * 1000])
outer, inner = [], []
outer.extend(["kept " * 100, inner, "é" * 1000])
inner.extend(["inner " * 100, [Clears(outer, inner)], 5])
found = []
for value in (outer, [Makes([1])], {"a": Makes([2]), "b": [Clears()]}):
    try:
        found.append(type(to_js(value)).__name__)
    except RuntimeError as error:
        found.append(str(error))
str(found)`);
  assert.equal(text, "['list changed size during conversion', 'JsProxy', 'JsProxy']");
});

test("TT-081 TT-086 A converter that clears what is being converted", ({ py, own, assert }) => {
  const value = own(py.runPython("value = [{'a': 1}, 'long ' * 100, 'é' * 100]; value"));
  const result = value.toJs({
    dict_converter: (entries) => {
      py.runPython("import gc; value.clear(); gc.collect(); other = ['other' * 100 for _ in range(100)]");
      return Object.fromEntries(entries);
    },
  });
  assert.equal(JSON.stringify(result), JSON.stringify([{ a: 1 }, "long ".repeat(100), "é".repeat(100)]));
});

test("TT-009 TT-014 Texts of the characters below 256, control characters or not, long and short", ({ py, own, assert }) => {
  const echo = own(py.runPython("lambda text: text"));
  const points = own(py.runPython("lambda text: bytes(map(ord, text))"));
  const codes = (length, step) => Array.from({ length }, (_, index) => (index * step) % 256);
  for (const length of [20, 100, 127, 128, 129, 130, 131, 1000, 5000]) {
    for (const controls of [true, false]) {
      const chosen = codes(length, 7).map((code) => (controls || code < 0x80 || code > 0x9f ? code : 0xe9));
      const text = String.fromCharCode(...chosen);
      assert.equal(echo(text), text);
      assert.equal(echo(`\x85${text}`), `\x85${text}`);
      assert.equal(echo(`${text}\x9f`), `${text}\x9f`);
      const bytes = points(text);
      assert.deepEqual(bytes.toJs(), new Uint8Array(chosen));
      bytes.destroy();
    }
  }
});

test("TT-009 TT-014 Characters beyond the basic plane, alone and in pairs that are none", ({ py, own, assert }) => {
  const echo = own(py.runPython("lambda text: text"));
  const points = own(py.runPython("lambda text: [ord(character) for character in text]"));
  const pieces = ["a", "é", "Ж", "😀", "\ud800", "\udc00", "\udbff\udfff", "\u{10000}"];
  for (let length = 0; length < 60; length++) {
    const text = Array.from({ length }, (_, index) => pieces[(index * 7 + length) % pieces.length]).join("");
    assert.equal(echo(text), text);
    const list = points(text);
    assert.deepEqual(list.toJs(), Array.from(text, (character) => character.codePointAt(0)));
    list.destroy();
  }
});
