/** Memory that is given back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { Releaser } from "../../src/environment/release";

test("what is released is gone; a view of a part is left alone", async () => {
  const releaser = new Releaser();
  await setTimeout(5);
  const whole = new Uint8Array(1000);
  const part = new Uint8Array(1000).subarray(10);
  releaser.release(whole);
  releaser.release(part);
  releaser.release(new Uint8Array(0));
  assert.equal(whole.length, 0);
  assert.equal(part.length, 990);
});
