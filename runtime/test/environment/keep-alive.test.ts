/** Waiting while the engine compiles. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { keepingAlive } from "../../src/environment/keep-alive";

const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;

test("the event loop has something to wait for until the work is done, and nothing after", async () => {
  const before = timers();
  let resolve: (value: string) => void = () => undefined;
  const waiting = keepingAlive(new Promise<string>((done) => {
    resolve = done;
  }));
  assert.equal(timers(), before + 1);
  resolve("done");
  assert.equal(await waiting, "done");
  assert.equal(timers(), before);
});

test("a failure is handed on, and leaves nothing", async () => {
  const before = timers();
  await assert.rejects(keepingAlive(Promise.reject(new Error("no"))), /^Error: no$/);
  assert.equal(timers(), before);
});
