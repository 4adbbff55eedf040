/** Which engines are told how to compile the main module, and that they forget it again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { withEngineOptions } from "../../src/environment/engine-options";
import type { NodeModules } from "../../src/environment/node";

/** A Node with this engine, started with these options; what its engine is told. */
function host(v8Version: string, execArgv: readonly string[] = []): { node: NodeModules; told: string[] } {
  const told: string[] = [];
  const v8 = { setFlagsFromString: (flag: string) => told.push(flag) };
  return { node: { process: { versions: { v8: v8Version }, execArgv }, v8 } as unknown as NodeModules, told };
}

const V8_11 = "11.3.244.8-node.33";
const BUDGET = ["--wasm-tiering-budget=150000000", "--wasm-tiering-budget=1800000"];
const HINTS = ["--experimental-wasm-compilation-hints", "--no-experimental-wasm-compilation-hints"];
const LAZY = ["--no-wasm-lazy-compilation", "--wasm-lazy-compilation"];
const firsts = (...options: string[][]): string[] => options.map(([ours]) => ours as string);
const all = (...options: string[][]): string[] => [...firsts(...options), ...options.map(([, original]) => original as string)];

test("Each V8 has the options it knows while a module is compiled, and what it had afterwards", async () => {
  const engines: [string, string[][]][] = [
    [V8_11, [BUDGET, HINTS, LAZY]],
    ["12.4.254.21-node.57", [HINTS, LAZY]],
    ["13.6.233.17-node.53", [HINTS, LAZY]],
    ["14.6.202.33-node.12", [HINTS]],
    ["15.1.1", []],
  ];
  for (const [version, options] of engines) {
    const { node, told } = host(version);
    const compile = async (): Promise<string> => {
      assert.deepEqual(told, firsts(...options));
      return "compiled";
    };
    assert.equal(await withEngineOptions(node, compile), "compiled");
    assert.deepEqual(told, all(...options), version);
  }
});

test("Whoever only says that it has this engine is left alone", async () => {
  for (const name of ["bun", "deno", "electron"]) {
    const { node, told } = host(V8_11);
    Object.assign(node.process.versions, { [name]: "1.4.5" });
    assert.equal(await withEngineOptions(node, async () => 1), 1);
    assert.deepEqual(told, [], name);
  }
});

test("They are set back when the last of several compilations has ended", async () => {
  const { node, told } = host(V8_11);
  const ends: (() => void)[] = [];
  const both = [1, 2].map(() => withEngineOptions(node, () => new Promise<void>((resolve) => ends.push(resolve))));
  ends[0]?.();
  await both[0];
  assert.deepEqual(told, firsts(BUDGET, HINTS, LAZY));
  ends[1]?.();
  await both[1];
  assert.deepEqual(told, all(BUDGET, HINTS, LAZY));
});

test("They are set back when the module cannot be compiled", async () => {
  const { node, told } = host(V8_11);
  await assert.rejects(withEngineOptions(node, () => Promise.reject(new Error("no module"))), /no module/);
  assert.deepEqual(told, all(BUDGET, HINTS, LAZY));
});

test("Options that a program was started with are left alone, and browsers", async () => {
  const cases: [string[], string[][]][] = [
    [["--expose-gc", "--wasm-tiering-budget=5"], [HINTS, LAZY]],
    [["--wasm_tiering_budget=5"], [HINTS, LAZY]],
    [["--no-wasm-lazy-compilation"], [BUDGET, HINTS]],
    [["--wasm_lazy_compilation"], [BUDGET, HINTS]],
    // All functions would be compiled at once.
    [["--no-experimental-wasm-compilation-hints"], [BUDGET]],
  ];
  for (const [given, options] of cases) {
    const { node, told } = host(V8_11, given);
    assert.equal(await withEngineOptions(node, async () => 1), 1);
    assert.deepEqual(told, all(...options), given.join(" "));
  }
  assert.equal(await withEngineOptions(undefined, async () => 1), 1);
});
