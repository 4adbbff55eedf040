/**
 * The ways a Node program gets `loadPyodide`: CommonJS, ES modules, the REPL, workers, TypeScript-like tools; and the failures that
 * only files can have.
 */
import { copyFile, mkdir, mkdtemp, readFile, readdir, realpath, rm, symlink, truncate, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { outputOf } from "../harness/processes.mjs";
import { configure, test } from "../harness/registry.mjs";

configure({ noInterpreter: true });

function node(args, { cwd, input = "" } = {}) {
  return outputOf(process.execPath, args, { cwd, input });
}

/** A folder with `node_modules/pyodide` linked to the distribution, as after `npm install`. */
async function inProject(dist, files, work) {
  const folder = await mkdtemp(path.join(os.tmpdir(), "pyoxide-project-"));
  try {
    await mkdir(path.join(folder, "node_modules"));
    await symlink(dist, path.join(folder, "node_modules/pyodide"), "dir");
    for (const [name, content] of Object.entries(files)) await writeFile(path.join(folder, name), content);
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test("ENV-25 ENV-02 require in CommonJS, the documented program", async ({ dist, assert }) => {
  const source = `
const { loadPyodide } = require("pyodide");
async function hello_python() {
  let pyodide = await loadPyodide();
  return pyodide.runPythonAsync("1+1");
}
hello_python().then((result) => {
  console.log("Python says that 1+1 =", result);
});`;
  await inProject(dist, { "hello.cjs": source }, async (cwd) => {
    assert.deepEqual(await node(["hello.cjs"], { cwd }), { code: 0, out: "Python says that 1+1 = 2\n", err: "" });
  });
});

test("ENV-26 import in an ES module, the documented program", async ({ dist, assert }) => {
  const source = `
import { loadPyodide } from "pyodide";
async function hello_python() {
  let pyodide = await loadPyodide();
  return pyodide.runPythonAsync("1+1");
}
hello_python().then((result) => {
  console.log("Python says that 1+1 =", result);
});`;
  await inProject(dist, { "hello.mjs": source }, async (cwd) => {
    assert.deepEqual(await node(["hello.mjs"], { cwd }), { code: 0, out: "Python says that 1+1 = 2\n", err: "" });
  });
});

test("ENV-25 In Node's REPL with top-level await", async ({ dist, assert }) => {
  await inProject(dist, {}, async (cwd) => {
    const { out } = await node(["-i"], { cwd, input: 'const { loadPyodide } = require("pyodide"); await (await loadPyodide()).runPythonAsync("40+2")\n' });
    assert.match(out, /\b42\b/);
  });
});

test("ENV-13 The folder is found with source maps, from elsewhere, through links and in odd paths", async ({ dist, assert }) => {
  const esm = 'import { loadPyodide } from "pyodide"; console.log((await loadPyodide()).runPython("1+1"));';
  const cjs = 'require("pyodide").loadPyodide().then((py) => console.log(py.runPython("1+1")));';
  await inProject(dist, { "a.mjs": esm, "b.cjs": cjs }, async (cwd) => {
    assert.equal((await node(["--enable-source-maps", "a.mjs"], { cwd })).out, "2\n");
    assert.equal((await node(["--enable-source-maps", "b.cjs"], { cwd })).out, "2\n");
    assert.equal((await node(["--preserve-symlinks", path.join(cwd, "b.cjs")], { cwd: os.tmpdir() })).out, "2\n");
  });
});

test("ENV-13 JS-002 A relative indexURL is relative to the working directory", async ({ dist, assert }) => {
  await inProject(dist, { "a.mjs": 'import { loadPyodide } from "pyodide"; console.log((await loadPyodide({ indexURL: "./node_modules/pyodide" })).runPython("1+1"));' }, async (cwd) => {
    assert.deepEqual(await node(["a.mjs"], { cwd }), { code: 0, out: "2\n", err: "" });
  });
});

test("ENV-13 A path with spaces, percent signs and other letters", async ({ dist, assert }) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), "pyoxide odd %20 é#-"));
  try {
    for (const name of await readdir(dist)) await symlink(path.join(dist, name), path.join(folder, name));
    await writeFile(path.join(folder, "run.mjs"), 'import { loadPyodide } from "./pyodide.mjs"; console.log((await loadPyodide()).runPython("1+1"));');
    assert.deepEqual(await node(["--preserve-symlinks", path.join(folder, "run.mjs")]), { code: 0, out: "2\n", err: "" });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("ENV-29 A global named process or a patched global does not disturb", async ({ dist, assert }) => {
  const source = 'import { loadPyodide } from "pyodide"; globalThis.name = "x"; globalThis.window = globalThis; const py = await loadPyodide(); console.log(py.runPython("1+1"));';
  await inProject(dist, { "a.mjs": source }, async (cwd) => {
    const { out } = await node(["a.mjs"], { cwd });
    assert.equal(out, "2\n");
  });
});

test("ENV-29 Loading leaves unhandled rejections and listeners alone", async ({ dist, assert }) => {
  const source = `
import { loadPyodide } from "pyodide";
const events = ["uncaughtException", "unhandledRejection", "exit", "SIGINT"];
const count = () => events.map((name) => process.listenerCount(name)).join();
const before = count();
for (let i = 0; i < 4; i++) await loadPyodide();
console.log(before === count());
process.on("unhandledRejection", (error) => { console.log("seen", error.message); process.exit(5); });
Promise.reject(new Error("mine"));
`;
  await inProject(dist, { "a.mjs": source }, async (cwd) => {
    assert.deepEqual(await node(["a.mjs"], { cwd }), { code: 5, out: "true\nseen mine\n", err: "" });
  });
});

test("ENV-29 A program ends by itself when its work is done", async ({ dist, assert }) => {
  await inProject(dist, { "a.mjs": 'import { loadPyodide } from "pyodide"; const py = await loadPyodide(); py.runPython("print(1)"); await py.runPythonAsync("import asyncio; await asyncio.sleep(0.01)");' }, async (cwd) => {
    assert.deepEqual(await node(["a.mjs"], { cwd }), { code: 0, out: "1\n", err: "" });
  });
});

test("ENV-19 ENV-22 In a worker thread", async ({ dist, assert }) => {
  const source = `
import { Worker, isMainThread, parentPort } from "node:worker_threads";
if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url));
  worker.on("message", (message) => console.log(message));
} else {
  const { loadPyodide } = await import("pyodide");
  const py = await loadPyodide();
  parentPort.postMessage(py.runPython("sum(range(10))"));
}`;
  await inProject(dist, { "a.mjs": source }, async (cwd) => {
    assert.deepEqual(await node(["a.mjs"], { cwd }), { code: 0, out: "45\n", err: "" });
  });
});

/** A copy of the distribution in which one file is different. */
async function withBroken(dist, name, breakFile, work, program = 'await loadPyodide(); console.log("loaded");') {
  const folder = await mkdtemp(path.join(os.tmpdir(), "pyoxide-broken-"));
  try {
    for (const file of await readdir(dist)) {
      if (file.endsWith(".map")) continue;
      if (file === name || file.endsWith("js")) await copyFile(path.join(dist, file), path.join(folder, file));
      else await symlink(path.join(dist, file), path.join(folder, file));
    }
    await breakFile(path.join(folder, name));
    await writeFile(path.join(folder, "load.mjs"), `import { loadPyodide } from "./pyodide.mjs"; try { ${program} } catch (error) { console.log(error.message); }`);
    return await work(await node([path.join(folder, "load.mjs")]));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test("JS-001 A missing or damaged file is named in one sentence", async ({ dist, assert }) => {
  for (const [name, breakFile] of [
    ["pyodide.asm.wasm", (file) => rm(file)],
    ["pyodide.asm.wasm", (file) => truncate(file, 1000)],
    ["pyodide.asm.mjs", (file) => rm(file)],
    ["python_stdlib.zip", (file) => rm(file)],
    ["python_stdlib.zip", (file) => truncate(file, 100_000)],
    ["python_stdlib.zip", (file) => writeFile(file, "this is no zip file at all")],
  ]) {
    await withBroken(dist, name, breakFile, ({ code, out, err }) => {
      assert.equal(code, 0, `${name}: ${err}`);
      assert.includes(out, name);
      assert.ok(!/wasm-function|undefined is not|Cannot read prop/.test(out), out);
      assert.ok(!out.includes("    at "), `a stack in the message: ${out}`);
    });
  }
});

test("JS-031 FS-10 FS-05 mountNodeFS", async ({ load, assert }) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), "pyoxide-mount-"));
  try {
    await writeFile(path.join(folder, "mounted_module.py"), "value = 'from the host'\n");
    const py = await load();
    py.mountNodeFS("/mnt/host", folder);
    assert.equal(py.runPython("import sys; sys.path.append('/mnt/host'); import mounted_module; mounted_module.value"), "from the host");
    py.runPython("open('/mnt/host/written.txt', 'w').write('x')");
    assert.deepEqual((await readdir(folder)).filter((name) => name.endsWith(".txt")), ["written.txt"]);
    await writeFile(path.join(folder, "later.txt"), "later");
    assert.equal(py.runPython("open('/mnt/host/later.txt').read()"), "later");
    py.FS.mkdirTree("/full/dir");
    assert.throws(() => py.mountNodeFS("/full", folder), /empty/);
    assert.throws(() => py.mountNodeFS("/mnt/other", path.join(folder, "no-such-folder")), /no-such-folder/);
    assert.throws(() => py.mountNodeFS("/mnt/other", path.join(folder, "later.txt")), /directory/);
    assert.throws(() => py.mountNodeFS("relative", folder), /absolute/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("JS-141 The type declarations and the package file are in order", async ({ dist, assert, readDistFile }) => {
  const text = async (name) => new TextDecoder().decode(await readDistFile(name));
  const manifest = JSON.parse(await text("package.json"));
  assert.equal(manifest.name, "pyodide");
  for (const entry of Object.values(manifest.exports).flatMap((value) => (typeof value === "string" ? [value] : Object.values(value)))) {
    await readDistFile(entry);
  }
  assert.match(await text("pyodide.d.ts"), /loadPyodide/);
  assert.match(await text("ffi.d.ts"), /PyProxy/);
  const lock = JSON.parse(await text("pyodide-lock.json"));
  assert.equal(lock.info.arch, "wasm32");
  assert.equal(typeof lock.packages, "object");
});

test("JS-024 ENV-32 Versions agree", async ({ load, assert, readDistFile }) => {
  const py = await load();
  const manifest = JSON.parse(new TextDecoder().decode(await readDistFile("package.json")));
  const normal = (version) => version.replace(/[-.](?=dev|alpha|beta|rc|a|b)/, "").replace(/dev\.?/, "dev");
  assert.equal(normal(manifest.version), normal(py.version));
  assert.equal(py.runPython("import pyodide; pyodide.__version__"), py.version);
});

test("ENV-12 An archive of another build that takes the place of the one that Python was started with is refused", async ({ dist, assert }) => {
  const other = async (file) => {
    const bytes = await readFile(file);
    // The checksum of some member, in the list of members.
    bytes[bytes.length - 5000] ^= 1;
    await writeFile(file, bytes);
  };
  const program = 'try { py.runPython("import mailbox") } catch (error) { console.log(error.type) }';
  await withBroken(dist, "python_stdlib.zip", other, ({ out, err }) => {
    assert.includes(out, "OSError");
    assert.includes(err, "python_stdlib.zip is of another build");
  }, `const py = await loadPyodide(); ${program}`);
});

/** What a host that gives programs permissions allows here: to read the distribution. */
const PERMISSIONS = [Number(process.versions.node.split(".")[0]) >= 24 ? "--permission" : "--experimental-permission", "--disable-warning=ExperimentalWarning"];

test("ENV-25 PKG-02 FS-05 In a Node that allows only to read the distribution: packages load, all else is refused as an error", async ({ dist, assert }) => {
  const source = `
import { loadPyodide } from "pyodide";
const py = await loadPyodide();
await py.loadPackage("attrs", { messageCallback() {} });
console.log(py.runPython("import attrs; attrs.__name__"));
py.FS.mkdir("/host");
try { py.FS.mount(py.FS.filesystems.NODEFS, { root: process.execPath }, "/host"); } catch (error) { console.log(error.code); }
py.FS.mount(py.FS.filesystems.NODEFS, { root: process.argv[2] }, "/host");
console.log(await py.runPythonAsync(\`
import asyncio, os, socket

async def asynchronously():
    await asyncio.open_connection("127.0.0.1", 9)

found = []
for what in (
    lambda: open("/host/package.json").read(1),
    lambda: open("/host/new", "w"),
    lambda: os.mkdir("/host/new"),
    lambda: os.unlink("/host/package.json"),
    lambda: os.system("exit"),
    lambda: socket.create_connection(("127.0.0.1", 9)),
):
    try:
        found.append(str(what()))
    except OSError as error:
        found.append(type(error).__name__)
try:
    await asynchronously()
except OSError as error:
    found.append(type(error).__name__)
", ".join(found)
\`));`;
  await inProject(dist, { "a.mjs": source }, async (cwd) => {
    const files = [`--allow-fs-read=${await realpath(dist)}/*`, `--allow-fs-read=${await realpath(cwd)}/*`];
    const { code, out, err } = await node([...PERMISSIONS, ...files, "a.mjs", dist], { cwd });
    assert.deepEqual({ code, out, err }, { code: 0, out: "attrs\nEACCES\n{, PermissionError, PermissionError, PermissionError, -1, PermissionError, PermissionError\n", err: "" });
  });
});

test("ENV-25 PKG-02 In a host that asks its user before a program sees variables (Deno), nobody is asked", async ({ dist, assert }) => {
  const source = `
import { loadPyodide } from "pyodide";
const asked = [];
globalThis.Deno = { permissions: { querySync: ({ name }) => (asked.push(name), { state: "prompt" }) } };
const { env } = process;
Object.defineProperty(process, "env", { get: () => new Proxy(env, { get: (all, name) => { if (/HOME|USERPROFILE|LOCALAPPDATA/.test(String(name))) throw new Error("Requires env access to " + String(name)); return all[name]; } }) });
const py = await loadPyodide();
await py.loadPackage("attrs", { messageCallback() {} });
console.log(py.runPython("import attrs; attrs.__name__"), asked.join());`;
  await inProject(dist, { "a.mjs": source }, async (cwd) => {
    assert.deepEqual(await node(["a.mjs"], { cwd }), { code: 0, out: "attrs env\n", err: "" });
  });
});

test("ENV-13 A global __dirname of another script does not hide where the module is", async ({ dist, assert }) => {
  const source = 'globalThis.__dirname = process.cwd(); const { loadPyodide } = await import("pyodide"); console.log((await loadPyodide()).runPython("1+1"));';
  await inProject(dist, { "a.mjs": source }, async (cwd) => {
    assert.deepEqual(await node(["a.mjs"], { cwd }), { code: 0, out: "2\n", err: "" });
  });
});

test("ENV-13 JS-002 indexURL leads to the files of another distribution: one sentence says so", async ({ dist, assert }) => {
  const source = `import { loadPyodide } from "pyodide"; await loadPyodide({ indexURL: "." }).catch(({ message }) => console.log(message)); console.log((await loadPyodide()).runPython("1+1"));`;
  await inProject(dist, { "a.mjs": source, "pyodide.asm.mjs": "export default async function createModule() {}" }, async (cwd) => {
    for (const name of ["pyodide.asm.wasm", "pyodide.snapshot", "pyodide-lock.json"]) await symlink(path.join(dist, name), path.join(cwd, name));
    const { code, out, err } = await node(["a.mjs"], { cwd });
    assert.deepEqual({ code, err }, { code: 0, err: "" });
    assert.match(out, /^\S+pyodide\.asm\.mjs is of another distribution than this loader: let `indexURL` lead to the files that came with the loader, or leave it out\.\n2\n$/);
  });
});
