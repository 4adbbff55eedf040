/**
 * An interpreter under mixed load (mixed-load.mjs) stays what it was: whatever has ended has left nothing behind.
 * `PYOXIDE_SOAK=3600` goes on for an hour with new seeds, `PYOXIDE_SOAK=3600:1234` begins with that seed; a line a minute says how far it is.
 */
import { describeGrowth, LeakMeter } from "../harness/leaks.mjs";
import { configure, test } from "../harness/registry.mjs";
import { MixedLoad } from "./mixed-load.mjs";

configure({ noInterpreter: true });

const MEGABYTE = 2 ** 20;
/** Rounds after which what is made once has been made, from the start or a reset on. */
const ROUNDS_TO_WARM_UP = 20;
/** Rounds between two quiet moments, and between two resets. */
const ROUNDS_TO_QUIET = 10;
const ROUNDS_TO_RESET = 200;
/** Linear memory never shrinks: what it may grow by in a long run, because the largest moment may still come. */
const GROWTH_MEGABYTES_MAX = 32;

/** Runs rounds until `isOver(count)`; checks at quiet moments that nothing is left. */
async function run({ load, assert, env }, { firstSeed, stacks, isOver, resetEvery, say }) {
  const py = await load();
  const work = new MixedLoad(py, env, assert, stacks);
  let meter = new LeakMeter(py);
  let baseline;
  let pointer;
  let warmAt = ROUNDS_TO_WARM_UP;
  let seed = firstSeed;
  const facts = () => ({
    rounds: seed - firstSeed,
    operations: work.operations,
    handles: py._api.liveHandles(),
    proxies: py._api.liveProxies(),
    memory: Math.round(py._module.HEAP8.length / MEGABYTE),
    resident: Math.round((globalThis.process?.memoryUsage?.().rss ?? 0) / MEGABYTE),
  });
  try {
    for (; !isOver(seed - firstSeed); seed++) {
      const count = seed - firstSeed;
      try {
        if (count === warmAt - ROUNDS_TO_WARM_UP) await work.warmUp(seed);
        await work.round(seed);
        if (count % ROUNDS_TO_QUIET === ROUNDS_TO_QUIET - 1 && count >= warmAt) {
          globalThis.gc?.();
          if (baseline === undefined) {
            baseline = await meter.count();
            pointer = py._module.stackSave();
          }
          const growth = describeGrowth(baseline, await meter.countDownTo(baseline));
          assert.ok(growth === undefined || globalThis.gc === undefined, `after ${count} rounds: ${growth}`);
          assert.equal(py._module.stackSave(), pointer, "the pointer of the stack in linear memory");
          say(facts());
        }
        if (count % resetEvery === resetEvery - 1) {
          meter.destroy();
          await work.reset(seed);
          meter = new LeakMeter(py);
          baseline = undefined;
          warmAt = count + 1 + ROUNDS_TO_WARM_UP;
        }
      } catch (error) {
        throw Object.assign(new Error(`seed ${seed}: ${error?.message ?? error}`), { stack: error?.stack });
      }
    }
  } finally {
    meter.destroy();
    work.close();
  }
  return facts();
}

test("ASYNC-13 ASYNC-14 ASYNC-15 ENV-51 Everything that waits, at the same time, leaves nothing behind", { timeout: 300 }, async (context) => {
  await run(context, { firstSeed: 20261121, stacks: 500, isOver: (count) => count >= 50, resetEvery: 35, say: () => undefined });
});

const [seconds, givenSeed] = (globalThis.process?.env?.PYOXIDE_SOAK ?? "").split(":").map(Number);
if (seconds > 0) {
  test("ASYNC-13 ENV-44 A long run of mixed load", { timeout: 2 * seconds + 60 }, async (context) => {
    const start = Date.now();
    const firstSeed = givenSeed || start % 1e9;
    let said = start;
    let early;
    const describe = (state, found) => console.log(`${state}, ${Math.round((Date.now() - start) / 1000)} s from seed ${firstSeed}: ${JSON.stringify(found)}`);
    const say = (found) => {
      if (early === undefined && Date.now() - start > 250 * seconds) early = found;
      if (Date.now() > said + 60_000) {
        said = Date.now();
        describe("so far", found);
      }
    };
    const last = await run(context, { firstSeed, stacks: 5000, isOver: () => Date.now() > start + seconds * 1000, resetEvery: ROUNDS_TO_RESET, say });
    describe("no stall, nothing left", last);
    context.assert.ok(early === undefined || last.memory <= early.memory + GROWTH_MEGABYTES_MAX, `linear memory went from ${early?.memory} to ${last.memory} MB`);
  });
}
