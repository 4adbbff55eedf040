/**
 * Sequences of generated operations (fuzz-sequence.mjs), each of which has to leave the interpreter as it found it.
 * `PYOXIDE_FUZZ=60` runs new seeds for 60 seconds, `PYOXIDE_FUZZ=60:1234` begins with that seed. Every seed is counted on its own, so that the
 * one that leaks is named, and a line a minute says how far the run is.
 */
import { describeGrowth, LeakMeter } from "../harness/leaks.mjs";
import { test } from "../harness/registry.mjs";
import { runSequence, STEPS } from "./fuzz-sequence.mjs";

const SEEDS = [1, 20261121, 424242];
/** What is made once and kept is no leak: only what grows this many times in a row is. */
const LEAK_RUNS = 4;

const leak = typeof globalThis.gc === "function" ? {} : { leak: { reason: "only the engine's garbage collector frees what the sequences drop, and it cannot be called here" } };

for (const seed of SEEDS) {
  test(`TT-049 TT-109 TT-003 Generated operations, seed ${seed}`, leak, async (context) => runSequence(context, seed));
}

/** What one seed leaves behind each time that it runs, as a sentence, or undefined. */
async function leakOf(context, meter, seed) {
  let growth;
  for (let count = 0; count < LEAK_RUNS; count++) {
    meter.mark();
    const before = await meter.count();
    await runSequence(context, seed);
    meter.restore();
    growth = describeGrowth(before, await meter.countDownTo(before));
    if (growth === undefined) return undefined;
  }
  return growth;
}

const [seconds, firstSeed] = (globalThis.process?.env?.PYOXIDE_FUZZ ?? "").split(":").map(Number);
if (seconds > 0) {
  test("TT-049 A long run of generated operations", { ...leak, timeout: 2 * seconds + 60 }, async (context) => {
    const { assert } = context;
    const start = Date.now();
    const first = firstSeed || start % 1e9;
    const meter = new LeakMeter(context.py);
    let seed = first;
    let said = start;
    const say = (state) => {
      const done = seed - first;
      console.log(`${state}: ${done} seeds (${first} to ${seed - 1}), ${done * STEPS} operations, ${Math.round((Date.now() - start) / 1000)} s`);
    };
    try {
      for (; Date.now() < start + seconds * 1000; seed++) {
        const growth = await leakOf(context, meter, seed);
        assert.ok(growth === undefined || leak.leak !== undefined, `Seed ${seed} ${growth}, each time that it runs`);
        if (Date.now() > said + 60_000) {
          said = Date.now();
          say("so far");
        }
      }
      say("no crash, no leak, no unexplained error");
    } finally {
      meter.destroy();
    }
  });
}
