/** Tests of the arena. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ARENA_BYTES, type Address } from "../../src/boundary/generated";
import { fakeMemory } from "./fake";

test("the arena gives back what was reserved", () => {
  const { memory } = fakeMemory();
  const mark = memory.top;
  const first = memory.reserve(16);
  const second = memory.reserve(16);
  assert.equal(second - first, 16);
  assert.ok(!memory.isIdle);
  memory.release(mark);
  assert.ok(memory.isIdle);
  assert.equal(memory.reserve(16), first);
});

test("a call that does not fit goes elsewhere, and that is freed", () => {
  const { memory, blocks } = fakeMemory();
  const mark = memory.top;
  memory.reserve(ARENA_BYTES - 8);
  const elsewhere = memory.reserve(64);
  assert.ok(elsewhere > mark + ARENA_BYTES);
  const inner = memory.top;
  memory.reserve(ARENA_BYTES);
  memory.release(inner);
  memory.release(mark);
  assert.ok(memory.isIdle);
  // The segment released last stays until the next one, for the reader of an import's result.
  assert.equal(blocks.size, 1);
});

test("views follow growth", () => {
  const { memory, wasm } = fakeMemory();
  memory.u32[25] = 7;
  wasm.grow(1);
  assert.equal(memory.u32.length, 0);
  memory.fresh();
  assert.equal(memory.u32[25], 7);
});

test("no memory left is an error that says so", () => {
  const { memory } = fakeMemory({ exhausted: true });
  assert.throws(() => memory.alloc(10), /no memory left for 10 bytes/);
  memory.free(0 as Address);
});
