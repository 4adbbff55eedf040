/**
 * Property tests: whatever crosses the line and comes back is what it was.
 * The seed is fixed, so that a failure is the same in every run; the counterexample is printed shrunk.
 */
import fc from "fast-check";
import { test } from "../harness/registry.mjs";

const SETTINGS = { seed: 20251121, numRuns: 300 };

function check(arbitrary, predicate, settings = {}) {
  fc.assert(fc.property(arbitrary, predicate), { ...SETTINGS, ...settings });
}

/** Any sequence of UTF-16 code units, lone surrogates included, mixed from ranges where the representation of strings changes. */
const anyString = fc.oneof(
  fc.string({ unit: fc.integer({ min: 0, max: 0x7f }).map((code) => String.fromCharCode(code)) }),
  fc.string({ unit: fc.integer({ min: 0, max: 0xff }).map((code) => String.fromCharCode(code)) }),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) }),
  fc.string({ unit: fc.integer({ min: 0xd7f0, max: 0xe010 }).map((code) => String.fromCharCode(code)) }),
  fc.string({ unit: fc.constantFrom("a", "é", "中", "😀", "\ud800", "\udc00", "\0", "\uffff") }),
);

const integral = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(0, 1, -1, 2 ** 30 - 1, 2 ** 30, -(2 ** 30), -(2 ** 30) - 1, 2 ** 31, -(2 ** 31), 2 ** 32, 2 ** 53 - 1, -(2 ** 53 - 1)),
);

const anyNumber = fc.oneof(fc.double(), integral, fc.constantFrom(NaN, Infinity, -Infinity, 0, 5e-324, 2 ** 53, -(2 ** 53), 1.7976931348623157e308));

const anyBigInt = fc.oneof(
  fc.bigInt(),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
  fc.tuple(fc.integer({ min: 1, max: 2000 }), fc.integer({ min: -2, max: 2 }), fc.boolean()).map(([bits, off, negative]) => (2n ** BigInt(bits) + BigInt(off)) * (negative ? -1n : 1n)),
);

/** Data that JavaScript and Python both have: what JSON has, with everything that is special about numbers and strings. */
const anyData = fc.letrec((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    anyNumber.filter((value) => !Object.is(value, -0)),
    anyString,
    fc.boolean(),
    fc.constant(undefined),
    fc.array(tie("node"), { maxLength: 6 }),
    fc.dictionary(anyString.filter((key) => key !== "__proto__"), tie("node"), { maxKeys: 6 }),
  ),
})).node;

test("TT-005 TT-012 Every number comes back as it was", ({ py, own }) => {
  const same = own(py.runPython("lambda x: x"));
  check(anyNumber, (value) => Object.is(same(value), Object.is(value, -0) ? 0 : value));
});

test("TT-012 A number is an int exactly when it is integral and safe", ({ py, own }) => {
  const isInt = own(py.runPython("lambda x: type(x) is int"));
  check(anyNumber, (value) => isInt(value) === Number.isSafeInteger(value));
});

test("TT-012 Python sees the same number", ({ py, own }) => {
  const text = own(py.runPython("repr"));
  check(anyNumber.filter(Number.isFinite), (value) => Number(text(value)) === value);
});

test("TT-005 TT-013 Every BigInt comes back as it was", ({ py, own }) => {
  const same = own(py.runPython("lambda x: x"));
  check(anyBigInt, (value) => same(value) === value);
});

test("TT-013 Python sees the same BigInt", ({ py, own }) => {
  const hexadecimal = own(py.runPython("lambda x: format(x, 'x')"));
  check(anyBigInt, (value) => hexadecimal(value) === value.toString(16));
});

test("TT-004 TT-007 Every Python int arrives as the same integer, as a number where that is safe", ({ py, own, assert }) => {
  const parse = own(py.runPython("lambda digits: int(digits, 16)"));
  check(fc.oneof(anyBigInt, integral.map(BigInt)), (value) => {
    const result = parse(value.toString(16));
    const isSafe = value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);
    assert.equal(typeof result, isSafe ? "number" : "bigint");
    return BigInt(result) === value;
  });
});

test("TT-004 Every Python int survives the way there and back", ({ py }) => {
  py.runPython(`
import random
from pyodide.code import run_js
same = run_js("(x) => x")
numbers = random.Random(7)
for bits in range(1, 1200, 7):
    for _ in range(4):
        n = numbers.getrandbits(bits) - numbers.getrandbits(bits)
        m = same(n)
        assert m == n and isinstance(m, int), (n, m)
`);
});

test("TT-008 Every Python float survives the way there and back", ({ py }) => {
  py.runPython(`
import math, random, struct
from pyodide.code import run_js
same = run_js("(x) => x")
numbers = random.Random(11)
for _ in range(2000):
    [x] = struct.unpack("<d", numbers.randbytes(8))
    y = same(x)
    assert x == y or (math.isnan(x) and math.isnan(y)), (x, y)
`);
});

test("TT-005 TT-014 Every string comes back as it was", ({ py, own }) => {
  const same = own(py.runPython("lambda x: x"));
  check(anyString, (value) => same(value) === value, { numRuns: 1000 });
});

test("TT-014 Python sees the same code units", ({ py, own }) => {
  const units = own(py.runPython("lambda s: s.encode('utf-16-le', 'surrogatepass').hex()"));
  check(anyString, (value) => {
    let expected = "";
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      expected += (code & 255).toString(16).padStart(2, "0") + (code >> 8).toString(16).padStart(2, "0");
    }
    return units(value) === expected;
  });
});

test("TT-004 TT-009 Every Python string survives the way there and back", ({ py }) => {
  // Adjacent surrogates that Python made are one character for JavaScript, so they come back as one.
  py.runPython(`
import random
from pyodide.code import run_js
same = run_js("(x) => x")
numbers = random.Random(13)
for limit in (0x80, 0x100, 0xD800, 0x10000, 0x110000):
    for size in (0, 1, 2, 3, 7, 8, 9, 100, 5000, 70000):
        s = "".join(chr(c if not 0xD800 <= c < 0xE000 else c - 0x800) for c in (numbers.randrange(limit) for _ in range(size)))
        assert same(s) == s, (limit, size)
assert same("\\ud800") == "\\ud800"
assert same("a\\udfff") == "a\\udfff"
`);
});

test("TT-014 TT-009 Strings around the sizes of buffers", ({ py, own, assert }) => {
  const same = own(py.runPython("lambda x: x"));
  const join = own(py.runPython("lambda a, b: a + b"));
  for (const unit of ["a", "é", "中", "😀", "\ud800"]) {
    for (const size of [1, 63, 64, 65, 255, 256, 1023, 1024, 1025, 4095, 4096, 4097, 16383, 16384, 16385, 65535, 65536, 65537, 131072]) {
      const text = unit.repeat(Math.ceil(size / unit.length));
      assert.ok(same(text) === text, `${JSON.stringify(unit)} * ${size}`);
      assert.ok(join(text, unit) === text + unit, `two strings of ${JSON.stringify(unit)} * ${size}`);
    }
  }
});

test("TT-002 Many arguments of all kinds at once", ({ py, own, assert }) => {
  const pack = own(py.runPython("lambda *args: list(args)"));
  check(fc.array(fc.oneof(anyNumber, anyString, anyBigInt, fc.boolean(), fc.constant(undefined)), { maxLength: 60 }), (values) => {
    const result = pack(...values);
    const back = result.toJs();
    result.destroy();
    assert.deepEqual(back, values.map((value) => (Object.is(value, -0) ? 0 : value)));
  });
});

test("TT-087 TT-077 Data survives toPy and toJs", ({ py, assert }) => {
  check(anyData, (value) => {
    const proxy = py.toPy(value);
    if (typeof proxy !== "object" || proxy === null) return Object.is(proxy, value);
    try {
      assert.deepEqual(proxy.toJs({ dict_converter: Object.fromEntries }), value);
    } finally {
      proxy.destroy();
    }
  });
});

test("TT-087 TT-077 Python data survives to_js and to_py", { timeout: 240 }, ({ py }) => {
  py.runPython(`
import random
from pyodide.ffi import to_js
numbers = random.Random(17)
def data(depth):
    kind = numbers.randrange(9 if depth else 6)
    match kind:
        case 0: return numbers.randrange(-10, 10)
        case 1: return numbers.uniform(-1, 1)
        case 2: return "".join(numbers.choice("aé中😀") for _ in range(numbers.randrange(6)))
        case 3: return None
        case 4: return numbers.random() < 0.5
        case 5: return 2 ** numbers.randrange(54, 200)
        case 6 | 7: return [data(depth - 1) for _ in range(numbers.randrange(5))]
        case 8: return {f"k{i}": data(depth - 1) for i in range(numbers.randrange(5))}
for _ in range(300):
    value = [data(4)]
    back = to_js(value).to_py()
    assert back == value, (value, back)
`);
});

test("TT-077 TT-087 Bytes of every kind of typed array", ({ py, own, assert }) => {
  const same = own(py.runPython("lambda x: x.to_bytes()"));
  const arbitraries = [fc.uint8Array(), fc.int8Array(), fc.uint16Array(), fc.int16Array(), fc.uint32Array(), fc.int32Array(), fc.float32Array(), fc.float64Array()];
  for (const arbitrary of arbitraries) {
    check(
      arbitrary,
      (value) => {
        const proxy = same(value);
        const bytes = proxy.toJs();
        proxy.destroy();
        assert.deepEqual(bytes, new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
      },
      { numRuns: 40 },
    );
  }
});

test("TT-014 Long texts with a byte order mark, or with half a surrogate pair, come to JavaScript as they are", async ({ py, assert }) => {
  const make = py.runPython("lambda parts, count: ''.join(parts) * count");
  for (const unit of ["\ufeff日", "日\ud800", "\udc00日", "😀\ud83d日", "\ufeff😀", "é\udfff", "\ufffe\uffff"]) {
    for (const count of [10, 3000]) assert.equal(make([...unit], count), unit.repeat(count));
  }
  make.destroy();
});
