/** Scheduling of callbacks (JS-038, ASYNC-20). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Scheduler } from "../../src/event-loop/scheduler";

test("callbacks without delay run in order, from a macrotask, after microtasks", async () => {
  const scheduler = new Scheduler();
  const seen: string[] = [];
  await new Promise<void>((resolve) => {
    scheduler.schedule(() => seen.push("a"));
    scheduler.schedule(() => seen.push("b"), -1);
    scheduler.schedule(() => {
      seen.push("c");
      resolve();
    }, Number.NaN);
    queueMicrotask(() => seen.push("microtask"));
    seen.push("sync");
  });
  assert.deepEqual(seen, ["sync", "microtask", "a", "b", "c"]);
});

test("a cancelled callback does not run, and does not hold up the next", async () => {
  const scheduler = new Scheduler();
  const seen: string[] = [];
  scheduler.schedule(() => seen.push("no"))();
  scheduler.schedule(() => seen.push("late no"), 1)();
  await new Promise<void>((resolve) => scheduler.schedule(resolve, 20));
  assert.deepEqual(seen, []);
});

test("a callback that throws does not stop the ones behind it", async () => {
  const scheduler = new Scheduler();
  const caught: unknown[] = [];
  process.setUncaughtExceptionCaptureCallback((error) => caught.push(error));
  scheduler.schedule(() => {
    throw new Error("mine");
  });
  await new Promise<void>((resolve) => scheduler.schedule(resolve));
  process.setUncaughtExceptionCaptureCallback(null);
  assert.deepEqual(caught.map((error) => (error as Error).message), ["mine"]);
});

test("a delay beyond the longest of setTimeout is not taken for zero", async () => {
  const scheduler = new Scheduler();
  let ran = false;
  const cancel = scheduler.schedule(() => {
    ran = true;
  }, 2 ** 40);
  await new Promise((resolve) => setTimeout(resolve, 20));
  cancel();
  assert.equal(ran, false);
});
