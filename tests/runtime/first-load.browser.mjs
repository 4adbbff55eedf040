/**
 * What a page asks the server for until Python runs, and how modules come that were not among it.
 */
import { test } from "../harness/registry.mjs";

const FIRST = ["pyodide-lock.json", "pyodide.asm.mjs", "pyodide.asm.wasm", "pyodide.mjs", "pyodide.snapshot"];
/** Modules that no start brings along. */
const RARE = "import mailbox, pyclbr, xml.dom.minidom; mailbox.__name__ + pyclbr.__name__";

/** Records which files of the distribution a page asks for. */
async function openRecording(open, server, name) {
  const { page } = await open(server.add(name, "<!doctype html>"));
  const files = [];
  page.on("request", (request) => {
    const { pathname } = new URL(request.url());
    if (pathname.startsWith("/dist/")) files.push(pathname.slice("/dist/".length));
  });
  return { page, files };
}

test("ENV-12 A start asks for five files; a rare module has the archive fetched once", async ({ open, server, assert }) => {
  const { page, files } = await openRecording(open, server, "first-load.html");
  await page.evaluate(async () => {
    const { loadPyodide } = await import("/dist/pyodide.mjs");
    globalThis.py = await loadPyodide();
    py.runPython("import json, re, asyncio, dataclasses, datetime, random, hashlib, tempfile, urllib.parse, importlib.metadata; importlib.invalidate_caches()");
    py.runPython("try:\n    import there_is_no_such_module\nexcept ModuleNotFoundError:\n    pass");
  });
  assert.deepEqual(files.sort(), FIRST);
  assert.equal(await page.evaluate((code) => py.runPython(code), RARE), "mailboxpyclbr");
  assert.equal(await page.evaluate(() => py.runPython("import doctest, pickletools, zipfile; zipfile.ZipFile('/lib/python314.zip').testzip()")), undefined);
  assert.equal(files.filter((file) => file === "python_stdlib.zip").length, 1);
  const before = files.length;
  assert.equal(await page.evaluate(() => py.runPython("import sqlite3; sqlite3.connect(':memory:').execute('select 1 + 1').fetchone()[0]")), 2);
  assert.match(files.slice(before).join(), /^_sqlite3\.[^,]*\.so$/);
});

test("ENV-12 ENV-22 The same in a worker", async ({ open, server, assert }) => {
  const { page } = await open(server.add("first-load-worker.html", "<!doctype html>"));
  const source = `import { loadPyodide } from "${server.origin}/dist/pyodide.mjs";
loadPyodide().then((py) => postMessage(py.runPython(${JSON.stringify(RARE)})), (error) => postMessage(error.message));`;
  server.add("first-load-worker.mjs", source);
  const result = await page.evaluate(
    () => new Promise((resolve) => (new Worker("/made/first-load-worker.mjs", { type: "module" }).onmessage = ({ data }) => resolve(data))),
  );
  assert.equal(result, "mailboxpyclbr");
});

test("ENV-12 An archive that cannot be fetched is an error of the import, and is asked for again", async ({ open, server, assert }) => {
  const { page } = await openRecording(open, server, "first-load-broken.html");
  const errors = [];
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  await page.route("**/python_stdlib.zip", (route) => route.fulfill({ status: 404, body: "no" }));
  const message = await page.evaluate(async (code) => {
    const { loadPyodide } = await import("/dist/pyodide.mjs");
    globalThis.py = await loadPyodide();
    try {
      return py.runPython(code);
    } catch (error) {
      return error.message;
    }
  }, RARE);
  assert.match(message, /OSError|ImportError|ModuleNotFoundError/);
  assert.ok(errors.some((text) => /standard library from .*python_stdlib\.zip: the server answered 404/.test(text)), errors.join("\n"));
  await page.unroute("**/python_stdlib.zip");
  assert.equal(await page.evaluate((code) => py.runPython(code), RARE), "mailboxpyclbr");
});

test("JS-005 fullStdLib has all modules here before anybody imports one", async ({ open, server, assert }) => {
  const { page, files } = await openRecording(open, server, "first-load-full.html");
  await page.evaluate(async () => {
    const { loadPyodide } = await import("/dist/pyodide.mjs");
    globalThis.py = await loadPyodide({ fullStdLib: true });
  });
  const before = files.length;
  assert.ok(files.includes("python_stdlib.zip"));
  assert.equal(await page.evaluate((code) => py.runPython(code), RARE), "mailboxpyclbr");
  assert.equal(files.length, before);
});

test("ENV-12 The core snapshot is a smaller first load; whatever it lacks is there when it is imported", async ({ open, server, assert }) => {
  const { page, files } = await openRecording(open, server, "first-load-core.html");
  const result = await page.evaluate(async () => {
    const { loadPyodide } = await import("/dist/pyodide.mjs");
    globalThis.py = await loadPyodide({ snapshot: "/dist/pyodide.core.snapshot" });
    return py.runPython("import json, re; json.dumps([int(re.match(r'\\d+', '42 apples')[0]), 'pyodide' in __import__('sys').modules])");
  });
  assert.equal(result, "[42, true]");
  assert.deepEqual(files.sort(), FIRST.map((file) => file.replace("pyodide.snapshot", "pyodide.core.snapshot")).sort());
  assert.equal(await page.evaluate(() => py.runPythonAsync("import asyncio, dataclasses, datetime; await asyncio.sleep(0); 6 * 7")), 42);
  assert.equal(files.filter((file) => file === "python_stdlib.zip").length, 1);
});
