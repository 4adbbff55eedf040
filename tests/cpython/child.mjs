/**
 * One process of CPython's own tests: an interpreter of the distribution that runs one module.
 * Owns: loading the distribution, showing it the folder of the tests. Not here: what the results mean (run.mjs).
 * Invariant: an event is written synchronously, so that none is lost when the process dies.
 */
import { readdirSync, readFileSync, writeSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const EVENTS = 3;
const { dist, tests, name, leaveOut, only } = JSON.parse(process.argv[2]);
const { loadPyodide } = await import(pathToFileURL(path.join(dist, "pyodide.mjs")).href);
const py = await loadPyodide({ indexURL: dist });

// Read through the host: unpacking them takes longer than most of the modules.
const mounted = "/cpython-tests";
py.FS.mkdirTree(mounted);
py.FS.mount(py.FS.filesystems.NODEFS, { root: tests }, mounted);
// Where the package would put them: other interpreters of the process look there too.
const stdlib = "/lib/python3.14";
const show = (folder, into) => {
  for (const entry of readdirSync(path.join(tests, folder))) {
    if (entry === "lib-dynload") show(entry, `${into}/${entry}`);
    else py.FS.symlink(path.posix.join(mounted, folder, entry), `${into}/${entry}`);
  }
};
show("", stdlib);
py.runPython("import importlib; importlib.invalidate_caches(); del importlib");
py.runPython(readFileSync(path.join(path.dirname(fileURLToPath(import.meta.url)), "driver.py"), "utf8"));
py.globals.set("emit", (kind, id, detail) => {
  const bytes = Buffer.from(JSON.stringify({ kind, id, detail: String(detail).slice(-8000) }) + "\n");
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(EVENTS, bytes, at);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
    }
  }
});
// On a stack that may be suspended where there is such a thing, and in no task of the event loop.
const run = py.globals.get("run");
const emitter = py.globals.get("emit");
if ("Suspending" in WebAssembly) await run.callPromising(name, leaveOut, only, emitter);
else run(name, leaveOut, only, emitter);
process.exit(0);
