/**
 * Runs one test file in this Node process and reports over the IPC channel (or in lines, when started by hand).
 * Arguments: a JSON object `{ file, dist, env, loadOptions, only, index }`.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Session } from "./execute.mjs";
import { endAll, endGroup } from "./processes.mjs";
import { compileProse } from "./prose.mjs";

const { file, dist, env, loadOptions, only, index } = JSON.parse(process.argv[2]);
const here = path.dirname(fileURLToPath(import.meta.url));
const tests = path.dirname(here);

// The runner is gone: nobody reads what comes of this.
process.on("disconnect", () => {
  endGroup(process.pid);
  process.exit(1);
});

function emit(event) {
  process.send(event);
}

async function importTestFile() {
  if (!file.endsWith(".md")) {
    await import(pathToFileURL(path.join(tests, file)).href);
    return;
  }
  const address = (name) => pathToFileURL(path.join(here, name)).href;
  const source = compileProse(await readFile(path.join(tests, file), "utf8"), path.basename(file), address("registry.mjs"), address("assert.mjs"));
  const folder = await mkdtemp(path.join(os.tmpdir(), "pyoxide-prose-"));
  try {
    const compiled = path.join(folder, `${path.basename(file)}.mjs`);
    await writeFile(compiled, source);
    await import(pathToFileURL(compiled).href);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const { loadPyodide } = await import(pathToFileURL(path.join(dist, "pyodide.mjs")).href);
await importTestFile();
const session = new Session({
  loadPyodide,
  loadOptions,
  env: { ...env, isNode: true, isBrowser: false, hasJspi: typeof WebAssembly.Suspending === "function" },
  extras: {
    dist,
    tests,
    index,
    distUrl: pathToFileURL(dist).href + "/",
    readDistFile: async (name) => new Uint8Array(await readFile(path.join(dist, name))),
    readRepositoryFile: async (name) => new Uint8Array(await readFile(path.join(path.dirname(tests), name))),
  },
  emit,
  afterCase: endAll,
  filter: only === undefined ? undefined : (name) => name.toLowerCase().includes(only.toLowerCase()),
});
await session.run();
process.send({ kind: "end" }, () => process.exit(0));
