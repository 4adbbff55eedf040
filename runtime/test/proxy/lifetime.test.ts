/** Tests of lifetimes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { PyPtr } from "../../src/boundary/generated";
import { Era } from "../../src/boundary/era";
import { Lifetime, borrowedReason } from "../../src/proxy/lifetime";

const ERA = new Era();

function owner() {
  const dropped: number[] = [];
  return { dropped, drop: (object: PyPtr) => void dropped.push(object), ended: () => undefined };
}

test("a reference is given back once, and use afterwards says why", () => {
  const holder = owner();
  const lifetime = new Lifetime(8 as PyPtr, undefined, ERA);
  assert.equal(lifetime.object, 8);
  lifetime.end(holder, "it is over");
  lifetime.end(holder, "again");
  assert.deepEqual(holder.dropped, [8]);
  assert.throws(() => lifetime.object, { message: "it is over" });
  assert.equal(lifetime.objectOrNone, 0);
});

test("attributes end with their root, and may end before it", () => {
  const holder = owner();
  const root = new Lifetime(1 as PyPtr, undefined, ERA);
  const early = new Lifetime(2 as PyPtr, root, ERA);
  const late = new Lifetime(3 as PyPtr, root, ERA);
  const inner = new Lifetime(4 as PyPtr, late, ERA);
  early.end(holder, "early");
  assert.ok(root.isAlive);
  root.end(holder, "root");
  assert.deepEqual(holder.dropped.sort(), [1, 2, 3, 4]);
  assert.ok(!inner.isAlive);
});

test("a reference that moves is not given back", () => {
  const holder = owner();
  const lifetime = new Lifetime(8 as PyPtr, undefined, ERA);
  assert.equal(lifetime.release(holder, "moved"), 8);
  assert.equal(lifetime.release(holder, "moved"), 0);
  assert.deepEqual(holder.dropped, []);
});

test("the message of a borrowed proxy names object, borrower and cure", () => {
  const lifetime = new Lifetime(8 as PyPtr, undefined, ERA);
  lifetime.end(owner(), borrowedReason("dict", function keep() {}));
  const { message } = lifetime.error();
  assert.match(message, /^Object has already been destroyed/);
  assert.match(message, /Python `dict`/);
  assert.match(message, /JavaScript function `keep`/);
  assert.match(message, /\.copy\(\)/);
  assert.match(message, /create_proxy/);
});

test("when the era is over nothing is given back, and use says why", () => {
  const era = new Era();
  const holder = owner();
  const root = new Lifetime(8 as PyPtr, undefined, era);
  const attribute = new Lifetime(9 as PyPtr, root, era);
  era.end(new Error("the interpreter was reset"));
  assert.ok(!root.isAlive && !attribute.isAlive);
  assert.equal(root.objectOrNone, 0);
  assert.throws(() => attribute.object, /^Error: Object has already been destroyed: the interpreter was reset$/);
  root.end(holder, "later");
  assert.deepEqual(holder.dropped, []);
});
