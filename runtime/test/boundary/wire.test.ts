/** Tests of the implicit conversions: what is written, and what comes back when the other side returns it unchanged. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as table from "../../src/boundary/generated";
import { FakeProxy, fakeWire } from "./fake";

const { TAG_BIGINT64, TAG_BIGINT_HEX, TAG_FLOAT, TAG_INT, TAG_PYOBJECT_OWNED, TAG_STRING_ASCII, TAG_STRING_LATIN1, TAG_STRING_UTF16, TAG_STRING_UTF16_OWNED } = table;

const tags: readonly (readonly [string, unknown, number])[] = [
  ["integral number", 5, TAG_INT],
  ["negative zero", -0, TAG_INT],
  ["largest safe integer", Number.MAX_SAFE_INTEGER, TAG_INT],
  ["smallest safe integer", Number.MIN_SAFE_INTEGER, TAG_INT],
  ["2 ** 53", 2 ** 53, TAG_FLOAT],
  ["fraction", 0.5, TAG_FLOAT],
  ["NaN", NaN, TAG_FLOAT],
  ["infinity", -Infinity, TAG_FLOAT],
  ["small BigInt", 5n, TAG_BIGINT64],
  ["BigInt of 2 ** 63 - 1", 2n ** 63n - 1n, TAG_BIGINT64],
  ["BigInt of 2 ** 63", 2n ** 63n, TAG_BIGINT_HEX],
  ["BigInt of -2 ** 63", -(2n ** 63n), TAG_BIGINT64],
  ["BigInt below -2 ** 63", -(2n ** 63n) - 1n, TAG_BIGINT_HEX],
  ["huge BigInt", 3n ** 200000n, TAG_BIGINT_HEX],
  ["undefined", undefined, table.TAG_UNDEFINED],
  ["null", null, table.TAG_NULL],
  ["true", true, table.TAG_TRUE],
  ["false", false, table.TAG_FALSE],
  ["empty string", "", TAG_STRING_ASCII],
  ["ASCII string", "abc", TAG_STRING_ASCII],
  ["latin-1 string", "äöü\u0000\u00ff", TAG_STRING_LATIN1],
  ["string of the basic plane", "héllo \u0100字", TAG_STRING_UTF16],
  ["astral string", "a😀b", TAG_STRING_UTF16],
  ["lone surrogates", "\udc00x\ud800", TAG_STRING_UTF16],
  ["middling ASCII string", "x".repeat(1000), TAG_STRING_ASCII],
  ["middling latin-1 string", `${"x".repeat(500)}é`, TAG_STRING_LATIN1],
  ["middling string", "字".repeat(400), TAG_STRING_UTF16],
  ["long ASCII string", "x".repeat(100000), TAG_PYOBJECT_OWNED],
  ["long string", `é${"\ud800字😀".repeat(10000)}`, TAG_STRING_UTF16_OWNED],
  ["long string that turns out not to be ASCII", `${"x".repeat(5000)}é${"x".repeat(77)}`, TAG_STRING_UTF16_OWNED],
  ["symbol", Symbol("s"), table.TAG_HANDLE_OWNED],
  ["function", () => 1, table.TAG_HANDLE_OWNED],
  ["object", {}, table.TAG_HANDLE_OWNED],
];
for (const [name, value, expected] of tags) {
  test(`${name} crosses and comes back`, () => {
    const { wire, memory } = fakeWire();
    const mark = memory.top;
    const at = memory.reserve(16);
    const tag = wire.encode(value, at);
    assert.equal(tag, expected);
    assert.equal(wire.tagAt(at), tag);
    const returned = tag === TAG_PYOBJECT_OWNED || tag === TAG_STRING_UTF16_OWNED ? stringAt(wire, at, tag) : wire.decode(tag, at);
    if (Object.is(value, -0)) assert.equal(returned, -0);
    else assert.ok(Object.is(returned, value), `${String(returned).slice(0, 40)}`);
    memory.release(mark);
    assert.ok(memory.isIdle);
    assert.equal(wire.handles.live, 0);
  });
}

/** The text in memory of its own, which only wasm reads. */
function stringAt(wire: ReturnType<typeof fakeWire>["wire"], at: number, tag: number): string {
  const { memory, strings } = wire;
  const aux = memory.u32[(at + 4) >>> 2] as number;
  const payload = memory.u32[(at + 8) >>> 2] as number;
  return tag === TAG_PYOBJECT_OWNED ? strings.ascii(memory.u8, aux + table.ASCII_DATA_OFFSET, 100000) : strings.utf16(memory.u16, payload, aux);
}

test("PyProxies are unwrapped, unless they are to stay proxies", () => {
  const { wire, memory } = fakeWire();
  const at = memory.reserve(16);
  assert.equal(wire.encode(new FakeProxy(0xf0000000, table.PY_HAS_CALL), at), table.TAG_PYOBJECT);
  assert.equal(memory.u32[(at + 4) >>> 2], 0xf0000000);
  const kept = new FakeProxy(64, table.PY_HAS_CALL | table.PYPROXY_ROUNDTRIP);
  assert.equal(wire.encode(kept, at), table.TAG_HANDLE_OWNED);
  assert.equal(memory.u32[(at + 8) >>> 2], table.JS_IS_DOUBLE_PROXY | table.JS_IS_CALLABLE);
  assert.equal(wire.decodeAt(at), kept);
});

test("what was encoded is freed when a later value cannot be", () => {
  const { wire, memory, handles, blocks } = fakeWire();
  const dead = new FakeProxy(8, 0);
  dead.pointer = () => {
    throw new Error("Object has already been destroyed");
  };
  const at = memory.reserve(64);
  assert.throws(() => wire.encodeAll([{}, "字".repeat(5000), "x".repeat(5000), dead], at), /already been destroyed/);
  assert.equal(handles.live, 0);
  assert.equal(blocks.size, 0);
});

test("strings of 32-bit characters", () => {
  const { wire, memory } = fakeWire();
  const at = memory.reserve(16);
  const text = memory.reserve(64);
  const points = [..."a😀字\u{10ffff}"].map((character) => character.codePointAt(0) as number);
  points.push(0xd800);
  memory.u32.set(points, text >>> 2);
  memory.u32.set([table.TAG_STRING_UCS4, points.length, text, 0], at >>> 2);
  assert.equal(wire.decodeAt(at), "a😀字\u{10ffff}\ud800");
});

test("errors are kept for wasm, and thrown after exports", () => {
  const { wire, handles } = fakeWire();
  const thrown = new Error("x");
  assert.equal(wire.fail(thrown, -1), -1);
  const handle = wire.takePendingHandle();
  assert.equal(handles.take(handle), thrown);
  assert.equal(wire.takePendingHandle(), 0);
  wire.setPending(undefined);
  assert.equal(wire.takePendingHandle(), table.HANDLE_UNDEFINED);
  wire.setStored(new Error("of a call that could suspend"));
  wire.setStored(thrown);
  assert.throws(() => wire.raise(), thrown);
  assert.throws(() => wire.raiseFirst(), /could suspend/);
  assert.throws(() => wire.raise(), /failed without an error/);
});

test("a trap makes the instance dead, and later calls say so", () => {
  const { wire } = fakeWire();
  const trap = new WebAssembly.RuntimeError("unreachable");
  const fatal = wire.escaped(trap) as Error;
  assert.match(fatal.message, /crashed and cannot be used any more: RuntimeError: unreachable/);
  assert.equal(wire.dead, fatal);
  assert.throws(() => wire.exports.pyox_py_string_alloc(1), /dead since an earlier fatal error/);
  assert.equal(wire.escaped(new WebAssembly.RuntimeError("again")), fatal);
});

test("an error of a JavaScript function on the way is not fatal", () => {
  const { wire } = fakeWire();
  const error = new WebAssembly.RuntimeError("of another module");
  wire.setStored(error);
  assert.throws(
    () => {
      try {
        wire.raise();
      } catch (raised) {
        throw wire.escaped(raised);
      }
    },
    (raised) => raised === error,
  );
  assert.equal(wire.dead, undefined);
});
