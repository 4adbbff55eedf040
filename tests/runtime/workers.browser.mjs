/**
 * Workers of a page: module workers in every form, shared workers, Comlink.
 * Elsewhere: the documented workers, with interrupts and standard input over shared memory (documented/).
 */
import { test } from "../harness/registry.mjs";

test("ENV-19 ENV-13 A classic worker made of a blob, with the address of another folder", async ({ open, server, assert }) => {
  const { page } = await open(server.add("blob.html", "<!doctype html>"));
  const result = await page.evaluate(
    (origin) =>
      new Promise((resolve, reject) => {
        const source = `importScripts("${origin}/dist/pyodide.js"); loadPyodide().then((py) => self.postMessage(py.runPython("6 * 7")), (error) => self.postMessage(error.message));`;
        const worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = (event) => reject(new Error(event.message));
      }),
    server.origin,
  );
  assert.equal(result, 42);
});

test("ENV-13 ENV-22 A module worker that imports by an absolute address of another origin", async ({ open, server, assert }) => {
  // The loopback interface by another name is another origin.
  const other = server.origin.replace("127.0.0.1", "localhost");
  const { page } = await open(server.add("cross-origin.html", "<!doctype html>"));
  const result = await page.evaluate(
    (address) =>
      new Promise((resolve) => {
        const source = `import { loadPyodide } from "${address}/dist/pyodide.mjs"; loadPyodide().then((py) => self.postMessage(py.runPython("6 * 7")), (error) => self.postMessage(error.message));`;
        const worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })), { type: "module" });
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = () => resolve("the worker could not be started");
      }),
    other,
  );
  assert.equal(result, 42);
});

test("ENV-19 A shared worker", async ({ open, server, assert }) => {
  server.add("shared.js", `importScripts("/dist/pyodide.js");
const ready = loadPyodide();
self.onconnect = ({ ports: [port] }) => {
  port.onmessage = async ({ data }) => port.postMessage(await (await ready).runPythonAsync(data));
};`);
  const { page } = await open(server.add("shared.html", "<!doctype html>"));
  const result = await page.evaluate(
    () =>
      new Promise((resolve) => {
        const { port } = new SharedWorker("shared.js");
        port.onmessage = ({ data }) => resolve(data);
        port.postMessage("import asyncio; await asyncio.sleep(0.001); 'shared'");
      }),
  );
  assert.equal(result, "shared");
});

test("JS-034 TT-120 registerComlink: Python calls what a worker exposes", async ({ open, server, assert }) => {
  server.add("comlink-worker.mjs", `
import * as Comlink from "/tests/node_modules/comlink/dist/esm/comlink.mjs";
Comlink.expose({
  counter: 5,
  inc(by) { this.counter += by; return this.counter; },
  nested: { hello: (name) => "hello " + name },
  fail() { throw new TypeError("from the worker"); },
});`);
  const { page } = await open(server.add("comlink.html", `<!doctype html><script src="/dist/pyodide.js"></script>`));
  const result = await page.evaluate(async () => {
    const Comlink = await import("/tests/node_modules/comlink/dist/esm/comlink.mjs");
    const py = await loadPyodide();
    py.registerComlink(Comlink);
    py.registerJsModule("remote", { api: Comlink.wrap(new Worker("comlink-worker.mjs", { type: "module" })) });
    const values = await py.runPythonAsync(`
from remote import api
values = [await api.counter, await api.inc(2), await api.nested.hello("Jem"), await api.counter]
try:
    await api.fail()
except Exception as error:
    values.append(str(error))
from pyodide.ffi import to_js
to_js(values)
`);
    return values;
  });
  assert.deepEqual(result, [5, 7, "hello Jem", 7, "TypeError: from the worker"]);
});

test("JS-034 PY-01 Python in a worker behind Comlink", async ({ open, server, assert }) => {
  server.add("comlink-python.mjs", `
import * as Comlink from "/tests/node_modules/comlink/dist/esm/comlink.mjs";
import { loadPyodide } from "/dist/pyodide.mjs";
let pyodide;
Comlink.expose({
  async init() { pyodide = await loadPyodide(); return pyodide.version; },
  run: (code, callback) => { if (callback) pyodide.globals.set("callback", callback); return pyodide.runPythonAsync(code); },
});`);
  const { page } = await open(server.add("comlink-python.html", "<!doctype html>"));
  const result = await page.evaluate(async () => {
    const Comlink = await import("/tests/node_modules/comlink/dist/esm/comlink.mjs");
    const remote = Comlink.wrap(new Worker("comlink-python.mjs", { type: "module" }));
    const heard = [];
    await remote.init();
    const value = await remote.run("await callback('from python')\n1 + 1", Comlink.proxy((text) => { heard.push(text); }));
    return [value, heard];
  });
  assert.deepEqual(result, [2, ["from python"]]);
});
