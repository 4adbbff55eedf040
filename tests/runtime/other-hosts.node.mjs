/**
 * Deno and Bun, where PYOXIDE_DENO and PYOXIDE_BUN name their programs (tried with Deno 2.9 and Bun 1.4; the npm packages `deno` and `bun` bring them).
 * Elsewhere: what a host with permissions refuses, tried in Node (node-loading.node.mjs).
 */
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { outputOf } from "../harness/processes.mjs";
import { configure, test } from "../harness/registry.mjs";

configure({ noInterpreter: true });

function run(program, args, cwd) {
  return outputOf(program, args, { cwd, env: { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" } });
}

/** Its output is the same in each host. */
const PROGRAM = `
import { loadPyodide } from "pyodide";
const py = await loadPyodide();
await py.loadPackage(["attrs", "pydantic"], { messageCallback() {} });
console.log(py.runPython("import attrs, pydantic, sqlite3, unicodedata; pydantic.TypeAdapter(int).validate_python('6') * 7"));
console.log(await py.runPythonAsync("import asyncio; await asyncio.sleep(0.001, 'slept')"));
try {
  py.runPython("def f(): f()\\nf()");
} catch (error) {
  console.log(error.type);
}
py.setStdin({ stdin: () => "line" });
console.log(py.runPython("input()"));
py.mountNodeFS("/here", process.argv[2] ?? Deno.args[0]);
console.log(py.runPython("open('/here/text.txt').read()"));
await py.reset();
console.log(py.runPython("'attrs' in globals()"));
`;

const HOSTS = {
  deno: (folder, dist) => ["run", "--no-prompt", `--allow-read=${folder},${dist}`, "--node-modules-dir=manual", "main.mjs", folder],
  bun: (folder) => ["main.mjs", folder],
};

for (const [name, argumentsOf] of Object.entries(HOSTS)) {
  const variable = `PYOXIDE_${name.toUpperCase()}`;
  const program = process.env[variable];
  test(`ENV-02 PKG-02 FS-05 ${name}: packages, waiting, recursion, input, files and reset`, { skip: program === undefined ? `${variable} names no program` : undefined }, async ({ dist, assert }) => {
    const folder = await mkdtemp(path.join(os.tmpdir(), "pyoxide-host-"));
    try {
      await mkdir(path.join(folder, "node_modules"));
      await symlink(dist, path.join(folder, "node_modules/pyodide"), "dir");
      await writeFile(path.join(folder, "package.json"), '{ "dependencies": { "pyodide": "*" } }');
      await writeFile(path.join(folder, "text.txt"), "text of the host");
      await writeFile(path.join(folder, "main.mjs"), PROGRAM);
      const { code, out, err } = await run(program, argumentsOf(folder, dist), folder);
      assert.deepEqual({ code, out, err }, { code: 0, out: "42\nslept\nRecursionError\nline\ntext of the host\nfalse\n", err: "" });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}
