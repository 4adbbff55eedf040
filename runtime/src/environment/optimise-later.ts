/**
 * Optimise later: has V8 11 (Node 20) optimise the functions of a module after as much executed code as later engines do, or more.
 * Not here: which modules (download.ts: the main module alone).
 * Invariant: the option of the engine is V8's own again when the last compilation has ended: modules of others that are compiled later do not know of it.
 *
 * PERF: V8 11 optimises a function after 1.8 MB of executed code, V8 12 after 13 MB. An engine that starts Python from a snapshot has everything
 * before it, and compiled a hundred functions with a second of processor time in the first script (cold: fixed script, one call right after load).
 */

import type { NodeModules } from "./node";

/** What V8 11 itself has. */
const V8_11_BYTES = 1_800_000;
const BYTES = 150_000_000;

/** Compilations under way: the option is of the process, and so is their number. */
let compiling = 0;

/** Compiles a module with `compile`. */
export async function optimisedLater<T>(node: NodeModules | undefined, compile: () => Promise<T>): Promise<T> {
  const v8 = node === undefined || !/^11\./.test(node.process.versions.v8) ? undefined : node.v8;
  // Somebody who has chosen an option means it.
  if (v8 === undefined || node?.process.execArgv.some((argument) => /^--wasm[-_]tiering[-_]budget/.test(argument))) {
    return compile();
  }
  const set = (bytes: number): void => v8.setFlagsFromString(`--wasm-tiering-budget=${bytes}`);
  if (compiling++ === 0) {
    set(BYTES);
  }
  try {
    return await compile();
  } finally {
    if (--compiling === 0) {
      set(V8_11_BYTES);
    }
  }
}
