/** Tests of the handle table. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HANDLE_API, HANDLE_FIRST_FREE, HANDLE_GLOBALS, HANDLE_NULL, HANDLE_TRUE, HANDLE_UNDEFINED } from "../../src/boundary/generated";
import { HandleTable } from "../../src/boundary/handles";

test("constants have their reserved handles and are never freed", () => {
  const globals = { name: "globals" };
  const table = new HandleTable(globals);
  assert.equal(table.add(undefined), HANDLE_UNDEFINED);
  assert.equal(table.add(null), HANDLE_NULL);
  assert.equal(table.add(true), HANDLE_TRUE);
  assert.equal(table.get(HANDLE_GLOBALS), globals);
  const api = {};
  table.setApi(api);
  table.drop(HANDLE_API);
  assert.equal(table.get(HANDLE_API), api);
  assert.equal(table.clone(HANDLE_NULL), HANDLE_NULL);
  assert.equal(table.live, 0);
});

test("handles are reused and counted", () => {
  const table = new HandleTable({});
  const first = table.add("one");
  const second = table.clone(first);
  assert.ok(first >= HANDLE_FIRST_FREE);
  assert.notEqual(first, second);
  assert.equal(table.live, 2);
  assert.equal(table.take(first), "one");
  assert.equal(table.get(first), undefined);
  assert.equal(table.live, 1);
  assert.equal(table.add("three"), first);
  table.drop(second);
  table.drop(first);
  assert.equal(table.live, 0);
});

test("identities are the same for the same value only", () => {
  const table = new HandleTable({});
  const object = {};
  const symbol = Symbol("s");
  const ids = [object, {}, "a", "b", 1, symbol, () => 1].map((value) => table.identity(value));
  assert.equal(new Set(ids).size, ids.length);
  assert.equal(table.identity(object), ids[0]);
  assert.equal(table.identity("a"), ids[2]);
  assert.equal(table.identity(symbol), ids[5]);
});
