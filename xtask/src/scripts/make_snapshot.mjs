// Boots the distribution in the folder that is the first argument and writes its memory snapshot to the file that is the second;
// with `core` as third argument the one of the small first load, with `command` the one of the `python` command.
// What differs from run to run is made the same: time, random numbers, environment. `crates/pyoxide-core/src/refresh.rs` makes it fresh at every start.
import nodeCrypto from "node:crypto";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Worker, isMainThread, workerData } from "node:worker_threads";

const [dist, output, variant] = process.argv.slice(2);

// What programs import first, beside what the start itself needs.
const MODULES = [
  "asyncio", "collections.abc", "contextlib", "dataclasses", "datetime", "enum", "functools", "io", "inspect", "itertools", "json",
  "pathlib", "re", "traceback", "typing", "pyodide.code", "pyodide.ffi", "pyodide.webloop", "pyodide_js",
];
// Enough for `runPython` and what most scripts begin with.
const CORE_MODULES = ["collections.abc", "enum", "functools", "io", "itertools", "json", "re", "pyodide.code", "pyodide.ffi", "pyodide_js"];
// What programs of the command import first: without the modules of pages, and without an event loop.
const COMMAND_MODULES = [
  "argparse", "collections.abc", "contextlib", "dataclasses", "datetime", "enum", "functools", "inspect", "io", "itertools", "json", "linecache",
  "pathlib", "re", "runpy", "traceback", "typing",
];
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

if (!isMainThread) {
  await import(pathToFileURL(path.join(workerData.dist, "python-thread.mjs")).href);
} else if (variant === "command") {
  // As `python.mjs` does it, in a thread with the same time and random numbers as here.
  const channel = { control: new Int32Array(new SharedArrayBuffer(64)), input: new Uint8Array(new SharedArrayBuffer(64)) };
  const worker = new Worker(fileURLToPath(import.meta.url), {
    argv: [],
    // As the command does: the thread has streams of its own, and from Node 22 on these would be asked for what they do not have.
    stdout: true,
    stderr: true,
    env: { LANG: "C.UTF-8", TZ: "UTC" },
    workerData: { channel, isInputShared: false, snapshotToMake: { file: output, modules: COMMAND_MODULES }, dist },
  });
  worker.on("message", ({ what, status, message }) => {
    if (what === "failed" || status !== 0) throw new Error(message ?? `exit status ${status}`);
    process.exit(0);
  });
} else {
  const { loadPyodide } = await import(pathToFileURL(path.join(dist, "pyodide.mjs")).href);
  const pyodide = await loadPyodide({ _makeSnapshot: true, env: { LANG: "C.UTF-8" } });
  writeFileSync(output, pyodide._api.makeStartSnapshot(variant === "core" ? CORE_MODULES : MODULES, variant === "core"));
}
