/** Tests of capability flags, above all on values that do not want to be looked at (TT-049). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { isAnyArrayBuffer, isMap, isPlainObject, isSet, valueFlags } from "../../src/boundary/flags";
import * as table from "../../src/boundary/generated";

const names = Object.entries(table).filter(([name]) => name.startsWith("JS_IS_")) as [string, number][];
const described = (value: unknown): string[] => {
  const flags = valueFlags(value);
  return names.filter(([, flag]) => flags & flag).map(([name]) => name.slice(6));
};

const cases: readonly (readonly [string, unknown, readonly string[]])[] = [
  ["number", 1, []],
  ["string", "abc", []],
  ["symbol", Symbol("s"), []],
  ["plain object", {}, ["PLAIN_OBJECT"]],
  ["object without prototype", Object.create(null), ["PLAIN_OBJECT"]],
  ["array", [1], ["ITERABLE", "SIZED", "INCLUDER", "ARRAY"]],
  ["array of another realm", runInNewContext("[1]"), ["ITERABLE", "SIZED", "INCLUDER", "ARRAY"]],
  ["plain object of another realm", runInNewContext("({a: 1})"), ["PLAIN_OBJECT"]],
  ["function", () => 1, ["CALLABLE"]],
  ["class with get", class { static get(): void {} }, ["CALLABLE", "GETTABLE"]],
  ["Map", new Map(), ["ITERABLE", "SIZED", "GETTABLE", "SETTABLE", "CONTAINER", "DELETABLE"]],
  ["Set", new Set(), ["ITERABLE", "SIZED", "CONTAINER", "DELETABLE"]],
  ["promise", Promise.resolve(), ["PROMISE"]],
  ["thenable", { then() {} }, ["PROMISE", "PLAIN_OBJECT"]],
  ["error", new TypeError("x"), ["ERROR"]],
  ["error of another realm", runInNewContext("new RangeError('x')"), ["ERROR"]],
  ["DOMException", new DOMException("x"), ["ERROR"]],
  ["ArrayBuffer", new ArrayBuffer(2), ["BUFFER"]],
  ["ArrayBuffer of another realm", runInNewContext("new ArrayBuffer(2)"), ["BUFFER"]],
  ["Uint8Array", new Uint8Array(2), ["ITERABLE", "SIZED", "SETTABLE", "INCLUDER", "BUFFER", "TYPED_ARRAY"]],
  ["DataView", new DataView(new ArrayBuffer(2)), ["BUFFER"]],
  ["fetch response", new Response(""), ["FETCH_RESPONSE"]],
  ["object that lies about its tag", { [Symbol.toStringTag]: "ArrayBuffer" }, ["PLAIN_OBJECT"]],
];
for (const [name, value, expected] of cases) {
  test(`flags of ${name}`, () => {
    const found = described(value).filter((flag) => flag !== "DISPOSABLE" && flag !== "ASYNC_DISPOSABLE");
    assert.deepEqual(found.sort(), [...expected].sort());
  });
}

test("generators and iterators are told apart", () => {
  const generator = (function* () {})();
  assert.ok(described(generator).includes("GENERATOR"));
  assert.ok(described(generator).includes("ITERATOR"));
  const asyncGenerator = (async function* () {})();
  assert.ok(described(asyncGenerator).includes("ASYNC_GENERATOR"));
  assert.ok(described(asyncGenerator).includes("ASYNC_ITERATOR"));
  assert.ok(!described(asyncGenerator).includes("ITERATOR"));
  assert.deepEqual(described({ next() {} }), ["ASYNC_ITERATOR", "ITERATOR", "PLAIN_OBJECT"]);
});

test("hostile values never throw", () => {
  const throwing = (): never => {
    throw new Error("do not look");
  };
  const handler = new Proxy({}, { get: () => throwing });
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const revokedArray = Proxy.revocable([], {});
  revokedArray.revoke();
  const revokedFunction = Proxy.revocable(() => 1, {});
  revokedFunction.revoke();
  const getters = Object.defineProperties({}, {
    length: { get: throwing },
    then: { get: throwing },
    stack: { get: throwing },
    [Symbol.toStringTag]: { get: throwing },
  });
  class Exotic {
    get [Symbol.toStringTag](): string {
      return throwing();
    }
    get next(): unknown {
      return throwing();
    }
  }
  const onlyGet = new Proxy({}, { get: throwing });
  for (const value of [new Proxy({}, handler), new Proxy(() => 1, handler), revoked.proxy, revokedArray.proxy, getters, new Exotic(), onlyGet]) {
    assert.equal(typeof valueFlags(value), "number");
    assert.equal(isMap(value), false);
    assert.equal(isSet(value), false);
    assert.equal(isAnyArrayBuffer(value), false);
  }
  assert.equal(valueFlags(revokedFunction.proxy) & table.JS_IS_CALLABLE, table.JS_IS_CALLABLE);
});

test("maps and sets are known by their slots", () => {
  assert.ok(isMap(runInNewContext("new Map()") as object));
  assert.ok(isSet(runInNewContext("new Set()") as object));
  assert.ok(!isMap(Object.create(Map.prototype) as object));
  assert.ok(!isMap({ [Symbol.toStringTag]: "Map" }));
});

test("plain objects have a plain prototype", () => {
  assert.ok(isPlainObject({}));
  assert.ok(!isPlainObject(new Map()));
  assert.ok(!isPlainObject(Object.create({ inherited: 1 }) as object));
});
