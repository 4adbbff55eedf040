// Boots the distribution in the folder that is the first argument and writes its memory snapshot to the file that is the second;
// with `core` as third argument the one of the small first load.
// What differs from run to run is made the same: time, random numbers, environment. `_pyodide._snapshot.refresh` makes it fresh at every start.
import nodeCrypto from "node:crypto";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [dist, output, variant] = process.argv.slice(2);

// What programs import first, beside what the start itself needs.
const MODULES = [
  "asyncio", "collections.abc", "contextlib", "dataclasses", "datetime", "enum", "functools", "io", "inspect", "itertools", "json",
  "pathlib", "re", "traceback", "typing", "pyodide.code", "pyodide.ffi", "pyodide.webloop", "pyodide_js",
];
// Enough for `runPython` and what most scripts begin with.
const CORE_MODULES = ["collections.abc", "enum", "functools", "io", "itertools", "json", "re", "pyodide.code", "pyodide.ffi", "pyodide_js"];
const BUILD_TIME_MS = Date.UTC(2026, 0, 1);

let ticks = 0;
Date.now = () => BUILD_TIME_MS;
performance.now = () => 1 + ticks++ / 1024;
let state = 0x9e3779b9;
const fill = (array) => {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  for (let index = 0; index < bytes.length; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    bytes[index] = state >>> 24;
  }
  return array;
};
crypto.getRandomValues = fill;
nodeCrypto.randomFillSync = fill;

const { loadPyodide } = await import(pathToFileURL(path.join(dist, "pyodide.mjs")).href);
const pyodide = await loadPyodide({ snapshot: false, env: { LANG: "C.UTF-8" } });
writeFileSync(output, pyodide._api.makeStartSnapshot(variant === "core" ? CORE_MODULES : MODULES, variant === "core"));
