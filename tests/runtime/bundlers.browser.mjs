/**
 * Bundlers: the npm package in programs that are bundled for the browser (as Vite and webpack do it), with the files of the
 * distribution beside the bundle, and with `indexURL` where they are elsewhere.
 */
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { test } from "../harness/registry.mjs";

const dist = path.resolve(process.env.PYOXIDE_DIST ?? path.join(path.dirname(fileURLToPath(import.meta.url)), "../../dist"));

const PROGRAM = (options) => `
async function hello_python() {
  let pyodide = await loadPyodide(${options});
  return pyodide.runPythonAsync("1+1");
}

hello_python().then((result) => {
  console.log("Python says that 1+1 =", result);
}, (error) => console.log("failed:", error.message));
`;

/** Bundles a program against `node_modules/pyodide`; the text of the bundle and what the bundler had to say. */
async function bundle(source, options) {
  const folder = await mkdtemp(path.join(os.tmpdir(), "pyoxide-bundle-"));
  try {
    await mkdir(path.join(folder, "node_modules"));
    await symlink(dist, path.join(folder, "node_modules/pyodide"), "dir");
    await writeFile(path.join(folder, "main.js"), source);
    const result = await build({ entryPoints: [path.join(folder, "main.js")], bundle: true, write: false, platform: "browser", logLevel: "silent", ...options });
    return { text: result.outputFiles[0].text, warnings: result.warnings.map(({ text }) => text) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function firstLine(page, log) {
  const found = () => log.find(({ text }) => /^(Python says|failed:)/.test(text));
  while (found() === undefined) await page.waitForEvent("console", { timeout: 20_000 });
  return found().text;
}

for (const minify of [false, true]) {
  test(`ENV-30 ENV-31 An ES module bundle${minify ? ", minified" : ""}`, async ({ open, server, assert }) => {
    const { text, warnings } = await bundle(`import { loadPyodide } from "pyodide";${PROGRAM("")}`, { format: "esm", minify });
    assert.deepEqual(warnings, []);
    // Production builds have the files beside the bundle (public/assets).
    server.add("assets/pyodide.asm.mjs", 'export { default } from "/dist/pyodide.asm.mjs";');
    const elsewhere = await bundle(`import { loadPyodide } from "pyodide";${PROGRAM('{ indexURL: "/dist/" }')}`, { format: "esm", minify });
    server.add("assets/elsewhere.js", elsewhere.text);
    const { page, log } = await open(server.add("assets/elsewhere.html", '<!doctype html><script type="module" src="elsewhere.js"></script>'));
    assert.equal(await firstLine(page, log), "Python says that 1+1 = 2");
    server.add("assets/main.js", text);
    const beside = await open();
    for (const name of ["pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json"]) {
      await beside.page.route(`**/made/assets/${name}`, async (route) => route.fulfill({ response: await route.fetch({ url: `${server.origin}/dist/${name}` }) }));
    }
    await beside.page.goto(server.add("assets/index.html", '<!doctype html><script type="module" src="main.js"></script>'));
    assert.equal(await firstLine(beside.page, beside.log), "Python says that 1+1 = 2");
  });
}

test("ENV-30 A classic bundle of the CommonJS entry", async ({ open, server, assert }) => {
  const { text, warnings } = await bundle(`const { loadPyodide } = require("pyodide");${PROGRAM('{ indexURL: "/dist" }')}`, { format: "iife", minify: true });
  assert.deepEqual(warnings, []);
  server.add("iife/main.js", text);
  const { page, log } = await open(server.add("iife/index.html", '<!doctype html><script src="main.js"></script>'));
  assert.equal(await firstLine(page, log), "Python says that 1+1 = 2");
});

test("ENV-30 ENV-22 A bundled worker with a polyfilled process", async ({ open, server, assert }) => {
  const source = `globalThis.process = { env: {}, argv: [], browser: true, title: "browser", version: "", versions: {}, nextTick: (f) => queueMicrotask(f) };
import { loadPyodide } from "pyodide";
loadPyodide({ indexURL: "/dist/" }).then((py) => self.postMessage(py.runPython("1+1")), (error) => self.postMessage(error.message));`;
  const { text } = await bundle(source, { format: "iife" });
  server.add("bundled-worker.js", text);
  const { page } = await open(server.add("bundled-worker.html", "<!doctype html>"));
  const result = await page.evaluate(
    () =>
      new Promise((resolve) => {
        new Worker("bundled-worker.js").onmessage = ({ data }) => resolve(data);
      }),
  );
  assert.equal(result, 2);
});

test("ENV-30 ENV-31 Bundlers that follow imports are told to leave those alone whose address is known only later", async ({ assert }) => {
  for (const file of ["pyodide.mjs", "pyodide.js"]) {
    const text = await readFile(path.join(dist, file), "utf8");
    const imports = [...text.matchAll(/await import\((.{38})/g)].map(([, after]) => after);
    assert.ok(imports.length > 0, file);
    assert.deepEqual([...new Set(imports)], ["/*webpackIgnore:true*//*@vite-ignore*/"], file);
  }
});

test("ENV-32 The package can be bundled with its types and data files by name", async ({ assert }) => {
  const { text } = await bundle('import wasm from "pyodide/pyodide.asm.wasm"; import lock from "pyodide/pyodide-lock.json"; console.log(wasm, lock.info.arch);', { format: "esm", loader: { ".wasm": "text" } });
  assert.includes(text, "wasm32");
});

test("ENV-30 The source maps bring the sources: bundlers that take maps over look for none, and find no path of another machine", async ({ assert }) => {
  for (const file of ["pyodide.mjs.map", "pyodide.js.map", "python.mjs.map", "python-thread.mjs.map"]) {
    const { sources, sourcesContent } = JSON.parse(await readFile(path.join(dist, file), "utf8"));
    assert.deepEqual(sources.filter((name) => !/^(<define:|\.\.\/runtime\/(src|node_modules)\/)/.test(name)), [], file);
    assert.deepEqual(sources.filter((_, index) => typeof sourcesContent?.[index] !== "string"), [], file);
  }
});
