/** Tests of tapes: what a value becomes on tape, and what a tape becomes; recorded and played back without Python. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as table from "../../src/boundary/generated";
import { playTape, type PlayOptions } from "../../src/boundary/tape-play";
import { recordTape } from "../../src/boundary/tape-record";
import { LiteralMap } from "../../src/convert/literal-map";
import { FakeProxy, fakeWire } from "./fake";

const usual: PlayOptions = { dictConverter: undefined, plainDicts: false, pyproxies: undefined };
const asObjects: PlayOptions = { ...usual, dictConverter: (pairs) => Object.fromEntries(pairs as Iterable<[string, unknown]>) };

/** Records and plays. Nothing may be left over. */
function roundTrip(value: unknown, options: PlayOptions = asObjects, depth = -1): unknown {
  const { wire, handles, memory, free } = fakeWire();
  const mark = memory.top;
  const tape = recordTape(wire, value, depth, undefined);
  const result = playTape(wire, tape.address, options);
  free(tape.address);
  memory.release(mark);
  assert.equal(handles.live, 0);
  assert.ok(memory.isIdle);
  return result;
}

const values: readonly (readonly [string, unknown])[] = [
  ["numbers", [0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, 2 ** 53, 0.5, NaN, Infinity]],
  ["BigInts", [1n, 2n ** 63n, -(2n ** 64n), 7n ** 300n]],
  ["strings", ["", "a", "ab", "abc", "abcd", "é", "字😀", "\ud800", "x".repeat(1000), "é".repeat(1001), "x".repeat(199) + "字"]],
  ["constants", [true, false, undefined, null]],
  ["nested objects", { a: { b: [{ c: 1 }], "": 2, __proto__x: 3 }, d: [[], {}] }],
  ["sets", [new Set([1, "a", 0.5])]],
  ["many elements", Array.from({ length: 5000 }, (_, index) => ({ index, half: index / 2, text: `${index}` }))],
];
for (const [name, value] of values) {
  test(`${name} survive a tape`, () => assert.deepEqual(roundTrip(value), value));
}

test("other objects stay what they are", () => {
  const date = new Date();
  const bytes = new Uint8Array(3);
  const method = (): number => 1;
  const result = roundTrip([date, bytes, method, Symbol.iterator]) as unknown[];
  assert.deepEqual(result, [date, bytes, method, Symbol.iterator]);
  assert.equal(result[0], date);
});

test("depth ends the conversion", () => {
  const inner = [1];
  const outer = [inner, { a: inner }];
  assert.equal(roundTrip(outer, asObjects, 0), outer);
  const shallow = roundTrip(outer, asObjects, 1) as unknown[];
  assert.notEqual(shallow, outer);
  assert.equal(shallow[0], inner);
  const deeper = roundTrip(outer, asObjects, 2) as [unknown, { a: unknown }];
  assert.notEqual(deeper[0], inner);
  assert.equal(deeper[1].a, inner);
});

test("shared and cyclic references are kept (TT-086, TT-093)", () => {
  const shared = { s: 1 };
  const [one, two] = roundTrip([shared, shared], usual) as [unknown, unknown];
  assert.equal(one, two);
  const list: unknown[] = [];
  list.push(list);
  const cyclic = roundTrip(list, usual) as unknown[];
  assert.equal(cyclic[0], cyclic);
  const map = new Map<string, unknown>();
  map.set("self", map).set("list", [map]);
  const cyclicMap = roundTrip(map, usual) as Map<string, unknown>;
  assert.equal(cyclicMap.get("self"), cyclicMap);
  assert.equal((cyclicMap.get("list") as unknown[])[0], cyclicMap);
});

test("cycles through a dict_converter are kept (TT-081)", () => {
  const object: Record<string, unknown> = { list: [], inner: {} };
  object["self"] = object;
  (object["list"] as unknown[]).push(object);
  (object["inner"] as Record<string, unknown>)["outer"] = object;
  const result = roundTrip(object) as typeof object;
  assert.equal(result["self"], result);
  assert.equal((result["list"] as unknown[])[0], result);
  assert.equal((result["inner"] as Record<string, unknown>)["outer"], result);
  const pairs = roundTrip(object, { ...usual, dictConverter: (entries) => Array.from(entries) }) as [string, unknown][];
  assert.equal(pairs.find(([key]) => key === "self")?.[1], pairs);
});

test("dicts become LiteralMaps, or plain objects if told so", () => {
  const result = roundTrip({ a: 1, "not an identifier": 2 }, usual) as LiteralMap & { a: unknown };
  assert.ok(result instanceof LiteralMap);
  assert.equal(result.a, 1);
  const plain = roundTrip(new Map([["__proto__", 1], ["a", 2]]), { ...usual, plainDicts: true }) as object;
  assert.deepEqual(Object.entries(plain), [["__proto__", 1], ["a", 2]]);
  assert.equal(Object.getPrototypeOf(plain), Object.prototype);
});

test("proxies made on the way are collected (TT-084)", () => {
  const { wire, memory } = fakeWire();
  const at = memory.reserve(64);
  memory.u32.set([table.TAPE_LIST, 1, table.TAPE_VALUE, 0, table.TAG_PYPROXY, 64, table.PY_HAS_CALL, 0], at >>> 2);
  const pyproxies: unknown[] = [];
  const [proxy] = playTape(wire, at, { ...usual, pyproxies }) as [FakeProxy];
  assert.deepEqual(pyproxies, [proxy]);
  assert.equal(proxy.address, 64);
});

test("what was recorded is freed when a getter throws", () => {
  const { wire, handles, blocks } = fakeWire();
  const hostile = {
    get bad(): never {
      throw new Error("do not look");
    },
  };
  assert.throws(() => recordTape(wire, [new Date(), () => 1, hostile], -1, undefined), /do not look/);
  assert.equal(handles.live, 0);
  assert.equal(blocks.size, 0);
});

test("a converter sees what has no conversion of its own", () => {
  const { wire } = fakeWire();
  const date = new Date(0);
  const seen: unknown[] = [];
  const tape = recordTape(wire, [date, new Uint8Array(1), { d: date }], -1, (value) => {
    seen.push(value);
    return { value: value instanceof Date ? "converted" : value };
  });
  assert.deepEqual(playTape(wire, tape.address, asObjects), ["converted", new Uint8Array(1), { d: "converted" }]);
  assert.deepEqual(seen, [date, date]);
});
