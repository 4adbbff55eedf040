/**
 * Workers of a page: the documented interrupt sample on shared memory, module workers in every form, shared workers, Comlink.
 */
import { test } from "../harness/registry.mjs";

const ISOLATED = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };

test("ENV-41 JS-040 ASYNC-15 The documented interrupt: the page stops a busy worker", async ({ open, server, assert }) => {
  server.add("interrupt/pyodideWorker.js", `
importScripts("/dist/pyodide.js");
let pyodide;
const ready = loadPyodide().then((loaded) => { pyodide = loaded; });
self.addEventListener("message", async (msg) => {
  await ready;
  if (msg.data.cmd === "setInterruptBuffer") {
    pyodide.setInterruptBuffer(msg.data.interruptBuffer);
    self.postMessage("set");
    return;
  }
  if (msg.data.cmd === "runCode") {
    try {
      self.postMessage(pyodide.runPython(msg.data.code));
    } catch (error) {
      self.postMessage(error.type);
    }
    return;
  }
});`, ISOLATED);
  const { page } = await open(server.add("interrupt/index.html", `<!doctype html><button id="interruptButton">stop</button><script>
let pyodideWorker = new Worker("pyodideWorker.js");
let interruptBuffer = new Uint8Array(new SharedArrayBuffer(1));
pyodideWorker.postMessage({ cmd: "setInterruptBuffer", interruptBuffer });
function interruptExecution() {
  // 2 stands for SIGINT.
  interruptBuffer[0] = 2;
}
// imagine that interruptButton is a button we want to trigger an interrupt.
interruptButton.addEventListener("click", interruptExecution);
async function runCode(code) {
  // Clear interruptBuffer in case it was accidentally left set after previous code completed.
  interruptBuffer[0] = 0;
  pyodideWorker.postMessage({ cmd: "runCode", code });
}
let answers = [];
pyodideWorker.addEventListener("message", ({ data }) => answers.push(data));
</script>`, ISOLATED));
  assert.equal(await page.evaluate(() => crossOriginIsolated), true);
  const answer = async (count) => {
    await page.waitForFunction((wanted) => answers.length >= wanted, count, { timeout: 20_000 });
    return page.evaluate((wanted) => answers[wanted - 1], count);
  };
  assert.equal(await answer(1), "set");
  await page.evaluate(() => runCode("import js\njs.postMessage('started')\nwhile True: pass"));
  assert.equal(await answer(2), "started");
  await page.click("#interruptButton");
  assert.equal(await answer(3), "KeyboardInterrupt");
  assert.equal(await page.evaluate(() => interruptBuffer[0]), 0);
  await page.evaluate(() => runCode("1 + 1"));
  assert.equal(await answer(4), 2);
});

test("ENV-41 JS-025 ASYNC-17 ASYNC-18 The documented blockingSleep can be interrupted", async ({ open, server, assert }) => {
  server.add("sleep/worker.js", `
importScripts("/dist/pyodide.js");
let blockingSleepBuffer = new Int32Array(new SharedArrayBuffer(4));
function blockingSleep(t) {
  for (let i = 0; i < t * 20; i++) {
    // This Atomics.wait call blocks the thread until the buffer changes or a 50ms timeout elapses.
    // Since we won't change the value in the buffer, this blocks for 50ms.
    Atomics.wait(blockingSleepBuffer, 0, 0, 50);
    // Periodically check for an interrupt to allow a KeyboardInterrupt.
    pyodide.checkInterrupt();
  }
}
self.onmessage = async ({ data }) => {
  self.pyodide = await loadPyodide();
  pyodide.setInterruptBuffer(data);
  self.postMessage("ready");
  try {
    pyodide.runPython("from js import blockingSleep\\nblockingSleep(10000)");
  } catch (error) {
    self.postMessage(error.type);
  }
};`, ISOLATED);
  const { page } = await open(server.add("sleep/index.html", "<!doctype html>", ISOLATED));
  const result = await page.evaluate(
    () =>
      new Promise((resolve) => {
        const buffer = new Uint8Array(new SharedArrayBuffer(1));
        const worker = new Worker("worker.js");
        worker.onmessage = ({ data }) => {
          if (data === "ready") buffer[0] = 2;
          else resolve(data);
        };
        worker.postMessage(buffer);
      }),
  );
  assert.equal(result, "KeyboardInterrupt");
});

test("IO-08 JS-025 Standard input from the page over shared memory, with interrupts", async ({ open, server, assert }) => {
  server.add("stdin/worker.js", `
importScripts("/dist/pyodide.js");
self.onmessage = async ({ data: { state, bytes, interrupt } }) => {
  const pyodide = await loadPyodide();
  pyodide.setInterruptBuffer(interrupt);
  pyodide.setStdin({
    read(buf) {
      self.postMessage("wants input");
      for (;;) {
        switch (Atomics.wait(state, 0, 0, 20)) {
          case "timed-out":
            pyodide.checkInterrupt();
            break;
          default: {
            const length = state[0];
            buf.set(bytes.slice(0, length));
            state[0] = 0;
            return length;
          }
        }
      }
    },
  });
  self.postMessage(["first", pyodide.runPython("input()")]);
  try {
    pyodide.runPython("input()");
  } catch (error) {
    self.postMessage(["second", error.type]);
  }
};`, ISOLATED);
  const { page } = await open(server.add("stdin/index.html", "<!doctype html>", ISOLATED));
  const result = await page.evaluate(
    () =>
      new Promise((resolve) => {
        const state = new Int32Array(new SharedArrayBuffer(4));
        const bytes = new Uint8Array(new SharedArrayBuffer(64));
        const interrupt = new Uint8Array(new SharedArrayBuffer(1));
        const worker = new Worker("worker.js");
        const answers = {};
        worker.onmessage = ({ data }) => {
          if (data === "wants input" && answers.first === undefined) {
            const line = new TextEncoder().encode("typed é\n");
            bytes.set(line);
            Atomics.store(state, 0, line.length);
            Atomics.notify(state, 0);
          } else if (data === "wants input") {
            interrupt[0] = 2;
          } else {
            answers[data[0]] = data[1];
            if (answers.second !== undefined) resolve(answers);
          }
        };
        worker.postMessage({ state, bytes, interrupt });
      }),
  );
  assert.deepEqual(result, { first: "typed é", second: "KeyboardInterrupt" });
});

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

test("JS-034 registerComlink: Python calls what a worker exposes", async ({ open, server, assert }) => {
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
