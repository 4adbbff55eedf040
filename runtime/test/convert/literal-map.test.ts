/** Tests of LiteralMap (TT-078). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LiteralMap } from "../../src/convert/literal-map";

type Bag = Record<string, unknown>;

test("keys that are strings are properties", () => {
  const map = new LiteralMap<unknown, unknown>([["a", 1], ["ünï", 2], ["$_", 3], ["not one", 4], ["1x", 5], [7, 8], ["u", undefined]]);
  const bag = map as unknown as Bag;
  assert.equal(bag["a"], 1);
  assert.equal(bag["ünï"], 2);
  assert.equal(bag["$_"], 3);
  assert.equal(bag["not one"], 4);
  assert.equal(bag["1x"], 5);
  assert.equal(bag["7"], undefined);
  assert.equal(bag["missing"], undefined);
  map.delete("a");
  assert.equal(bag["a"], undefined);
});

test("what a Map has shadows keys, and get always works", () => {
  const names = ["size", "get", "set", "has", "keys", "toString", "constructor", "hasOwnProperty", "__proto__", "toJSON"];
  const map = new LiteralMap<string, unknown>(names.map((name) => [name, name]));
  assert.equal(map.size, names.length);
  for (const name of names) assert.equal(map.get(name), name);
  assert.equal(typeof (map as unknown as Bag)["keys"], "function");
  assert.equal(String(map), "[object Map]");
});

test("it is a Map in every way, whose string keys are properties too", () => {
  const map = new LiteralMap<unknown, number>([["a", 1], [2, 3]]);
  assert.ok(map instanceof Map);
  assert.ok(map instanceof LiteralMap);
  assert.equal(Object.prototype.toString.call(map), "[object Map]");
  assert.deepEqual([...map], [["a", 1], [2, 3]]);
  assert.deepEqual({ ...map }, { a: 1 });
  assert.deepEqual(structuredClone(map), new Map<unknown, number>([["a", 1], [2, 3]]));
  assert.equal(Map.prototype.get.call(map, "a"), 1);
});

test("assignment changes a key, and makes one", () => {
  const map = new LiteralMap<string, unknown>([["a", 1]]);
  (map as unknown as Bag)["a"] = 2;
  assert.equal(map.get("a"), 2);
  (map as unknown as Bag)["b"] = 3;
  assert.equal(map.get("b"), 3);
});

test("JSON.stringify writes the entries", () => {
  const map = new LiteralMap<unknown, unknown>([["a", new LiteralMap([["b", [1]]])], [1, 2], ["__proto__", 3]]);
  assert.equal(JSON.stringify(map), '{"a":{"b":[1]},"__proto__":3}');
});

test("functions that take options find them", () => {
  const headers = new LiteralMap([["x-a", "b"]]);
  const options = new LiteralMap<string, unknown>([["method", "POST"], ["body", "text"], ["headers", headers]]);
  const request = new Request("http://localhost/", options as unknown as RequestInit);
  assert.equal(request.method, "POST");
  assert.equal(request.headers.get("x-a"), "b");
});

test("Map.prototype is left alone", () => {
  assert.equal(Object.getPrototypeOf(Map.prototype), Object.prototype);
  assert.equal((new Map([["a", 1]]) as unknown as Bag)["a"], undefined);
});
