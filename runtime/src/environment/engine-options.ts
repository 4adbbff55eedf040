/**
 * Engine options: how V8 is told, in Node, to compile the main module.
 * Not here: which modules (download.ts: the main module alone).
 * Invariant: the options of the engine are V8's own again when the last compilation has ended: modules of others that are compiled later do not
 * know of them. Options are set only in versions of V8 that are known to have them: others would complain on standard error.
 *
 * PERF: V8 11 optimises a function after 1.8 MB of executed code, V8 12 after 13 MB. An engine that starts Python from a snapshot has everything
 * before it, and compiled a hundred functions with a second of processor time in the first script (cold: fixed script, one call right after load).
 * PERF: what a start and the first call use is compiled by V8's other threads with the module (`xtask/src/hints.rs` writes which functions these are),
 * not by the first call while everything waits (first: import json, re, dataclasses, asyncio, datetime right after load).
 */

import type { NodeModules } from "./node";

interface EngineOption {
  /** The option as it begins, for those whom a program was started with. */
  readonly known: RegExp;
  readonly ours: string;
  /** What V8 itself has. */
  readonly original: string;
}

const BUDGET: EngineOption = { known: /^--wasm[-_]tiering[-_]budget/, ours: "--wasm-tiering-budget=150000000", original: "--wasm-tiering-budget=1800000" };
const HINTS: EngineOption = {
  known: /^--(no-?)?experimental[-_]wasm[-_]compilation[-_]hints/,
  ours: "--experimental-wasm-compilation-hints",
  original: "--no-experimental-wasm-compilation-hints",
};
/** With hints of the older kind each function has its own way of being compiled, unless all wait for their first call. */
const LAZY: EngineOption = { known: /^--(no-?)?wasm[-_]lazy[-_]compilation/, ours: "--no-wasm-lazy-compilation", original: "--wasm-lazy-compilation" };

function optionsOf({ process: { versions, execArgv } }: NodeModules): readonly EngineOption[] {
  // Others say that they are a Node with some V8, and have another engine or other options.
  const isPlainNode = ["electron", "deno", "bun"].every((name) => versions[name] === undefined);
  const [major] = (isPlainNode ? (versions.v8 ?? "") : "").split(".");
  const options = { "11": [BUDGET, HINTS, LAZY], "12": [HINTS, LAZY], "13": [HINTS, LAZY], "14": [HINTS] }[major ?? ""] ?? [];
  // Somebody who has chosen an option means it.
  const free = options.filter(({ known }) => !execArgv.some((argument) => known.test(argument)));
  // Without the hints everything would be compiled at once.
  return free.includes(HINTS) ? free : free.filter((option) => option !== LAZY);
}

/** Compilations under way: the options are of the process, and so is their number. */
let compiling = 0;

/** Compiles a module with `compile`. */
export async function withEngineOptions<T>(node: NodeModules | undefined, compile: () => Promise<T>): Promise<T> {
  const v8 = node?.v8;
  if (node === undefined || v8 === undefined) {
    return compile();
  }
  const options = optionsOf(node);
  if (compiling++ === 0) {
    options.forEach(({ ours }) => v8.setFlagsFromString(ours));
  }
  try {
    return await compile();
  } finally {
    if (--compiling === 0) {
      options.forEach(({ original }) => v8.setFlagsFromString(original));
    }
  }
}
