/** Which engines are told to optimise the main module later, and that they forget it again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeModules } from "../../src/environment/node";
import { optimisedLater } from "../../src/environment/optimise-later";

/** A Node with this engine, started with these options; what its engine is told. */
function host(v8Version: string, execArgv: readonly string[] = []): { node: NodeModules; told: string[] } {
  const told: string[] = [];
  const v8 = { setFlagsFromString: (flag: string) => told.push(flag) };
  return { node: { process: { versions: { v8: v8Version }, execArgv }, v8 } as unknown as NodeModules, told };
}

const TOLD = ["--wasm-tiering-budget=150000000", "--wasm-tiering-budget=1800000"];

test("V8 11 has the option while a module is compiled, and what it was afterwards", async () => {
  const { node, told } = host("11.3.244.8-node.33");
  assert.equal(
    await optimisedLater(node, async () => {
      assert.deepEqual(told, TOLD.slice(0, 1));
      return "compiled";
    }),
    "compiled",
  );
  assert.deepEqual(told, TOLD);
});

test("It is set back when the last of several compilations has ended", async () => {
  const { node, told } = host("11.3.244.8-node.33");
  const ends: (() => void)[] = [];
  const both = [1, 2].map(() => optimisedLater(node, () => new Promise<void>((resolve) => ends.push(resolve))));
  ends[0]?.();
  await both[0];
  assert.deepEqual(told, TOLD.slice(0, 1));
  ends[1]?.();
  await both[1];
  assert.deepEqual(told, TOLD);
});

test("It is set back when the module cannot be compiled", async () => {
  const { node, told } = host("11.3.244.8-node.33");
  await assert.rejects(optimisedLater(node, () => Promise.reject(new Error("no module"))), /no module/);
  assert.deepEqual(told, TOLD);
});

test("Later engines, browsers, and programs that have chosen a budget are left alone", async () => {
  for (const { node, told } of [host("14.6.202.33-node.12"), host("11.3.244.8-node.33", ["--expose-gc", "--wasm-tiering-budget=5"]), host("11.3.244.8-node.33", ["--wasm_tiering_budget=5"])]) {
    assert.equal(await optimisedLater(node, async () => 1), 1);
    assert.deepEqual(told, []);
  }
  assert.equal(await optimisedLater(undefined, async () => 1), 1);
});
