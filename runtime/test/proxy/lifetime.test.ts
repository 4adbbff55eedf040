/** Tests of lifetimes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { PyPtr } from "../../src/boundary/generated";
import { Lifetime, borrowedReason } from "../../src/proxy/lifetime";

function owner() {
  const dropped: number[] = [];
  return { dropped, drop: (object: PyPtr) => void dropped.push(object), ended: () => undefined };
}

test("a reference is given back once, and use afterwards says why", () => {
  const holder = owner();
  const lifetime = new Lifetime(8 as PyPtr, undefined);
  assert.equal(lifetime.object, 8);
  lifetime.end(holder, "it is over");
  lifetime.end(holder, "again");
  assert.deepEqual(holder.dropped, [8]);
  assert.throws(() => lifetime.object, { message: "it is over" });
  assert.equal(lifetime.objectOrNone, 0);
});

test("attributes end with their root, and may end before it", () => {
  const holder = owner();
  const root = new Lifetime(1 as PyPtr, undefined);
  const early = new Lifetime(2 as PyPtr, root);
  const late = new Lifetime(3 as PyPtr, root);
  const inner = new Lifetime(4 as PyPtr, late);
  early.end(holder, "early");
  assert.ok(root.isAlive);
  root.end(holder, "root");
  assert.deepEqual(holder.dropped.sort(), [1, 2, 3, 4]);
  assert.ok(!inner.isAlive);
});

test("a reference that moves is not given back", () => {
  const holder = owner();
  const lifetime = new Lifetime(8 as PyPtr, undefined);
  assert.equal(lifetime.release(holder, "moved"), 8);
  assert.equal(lifetime.release(holder, "moved"), 0);
  assert.deepEqual(holder.dropped, []);
});

test("the message of a borrowed proxy names object, borrower and cure", () => {
  const lifetime = new Lifetime(8 as PyPtr, undefined);
  lifetime.end(owner(), borrowedReason("dict", function keep() {}));
  const { message } = lifetime.error();
  assert.match(message, /^Object has already been destroyed/);
  assert.match(message, /Python `dict`/);
  assert.match(message, /JavaScript function `keep`/);
  assert.match(message, /\.copy\(\)/);
  assert.match(message, /create_proxy/);
});
