/**
 * The documented workers word for word: the chapter on web workers, interrupts, standard input over shared memory.
 * Where a sample is a part of a program, the rest of it is another script, so that the sample is a file as it stands.
 */
import { readFileSync } from "node:fs";
import { test } from "../harness/registry.mjs";
import { said, serveDocumentedHosts } from "./hosts.mjs";
import { parseSamples } from "./samples.mjs";

const sample = parseSamples(readFileSync(new URL("samples.txt", import.meta.url), "utf8"));
const ISOLATED = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };

test("ENV-19 ENV-20 ENV-01 PKG-01 PKG-02 The documented web worker, its API and its consumer", async ({ open, server, index, assert }) => {
  const { page, log } = await open("about:blank");
  const asked = await serveDocumentedHosts(page, { server, index, lockfile: `${index.origin}/documented.json` });
  const site = await server.site({
    "/index.html": `<!doctype html><script type="module" src="consumer.js"></script>`,
    "/consumer.js": sample("worker: consumer"),
    "/py-worker.js": sample("worker: py-worker.js"),
    "/dist/webworker.js": sample("worker: webworker.js"),
  });
  await page.goto(`${site}/index.html`);
  assert.match((await said(log, /^pyodideWorker/)).text, /^pyodideWorker return results: {2}2\.0634114147853/);
  const files = [...asked].map((url) => url.slice(url.lastIndexOf("/") + 1));
  for (const file of ["pyodide.js", "pyodide-lock.json", "numpy-1.26.4-py3-none-any.whl"]) assert.ok(files.includes(file), files.join(" "));
  assert.ok(files.some((file) => file.startsWith("pytz-")), files.join(" "));
  const answers = await page.evaluate(async () => {
    const { asyncRun } = await import("./py-worker");
    return [await asyncRun("1/0", {}), await asyncRun("import numpy, pytz\nfrom js import list\nsum(numpy.array(list)) + len(pytz.utc.zone)", { list: [1, 2, 3] })];
  });
  assert.match(answers[0].error, /ZeroDivisionError: division by zero/);
  assert.deepEqual(answers[1], { results: 9 });
});

/** What has to be there before the sample of a worker: `pyodide`, and the messages that came meanwhile. */
const prologue = (script) => `
importScripts("/pyodide.js");
const early = [];
const keep = (message) => early.push(message);
self.addEventListener("message", keep);
loadPyodide().then((pyodide) => {
  self.pyodide = pyodide;
  self.removeEventListener("message", keep);
  importScripts("${script}");
  for (const { data } of early) self.dispatchEvent(new MessageEvent("message", { data }));
});`;

test("ENV-41 JS-040 ASYNC-15 The documented interrupt: the page stops a busy worker", async ({ open, server, assert }) => {
  const site = await server.site({
    "/index.html": `<!doctype html><button id="interruptButton">stop</button><script src="main.js"></script>`,
    "/main.js": sample("interrupt: main thread"),
    "/pyodideWorker.js": prologue("handler.js"),
    "/handler.js": sample("interrupt: worker"),
  }, ISOLATED);
  const { page } = await open(`${site}/index.html`);
  assert.equal(await page.evaluate(() => crossOriginIsolated), true);
  await page.evaluate(() => {
    globalThis.heard = [];
    pyodideWorker.addEventListener("message", ({ data }) => heard.push(data));
    pyodideWorker.addEventListener("error", (event) => {
      event.preventDefault();
      heard.push(event.message);
    });
  });
  const next = async (count) => {
    await page.waitForFunction((wanted) => heard.length >= wanted, count, { timeout: 60_000 });
    return page.evaluate((wanted) => heard[wanted - 1], count);
  };
  await page.evaluate(() => runCode("import js\njs.postMessage('started')\nwhile True: pass"));
  assert.equal(await next(1), "started");
  await page.click("#interruptButton");
  assert.match(await next(2), /KeyboardInterrupt/);
  assert.equal(await page.evaluate(() => interruptBuffer[0]), 0);
  await page.evaluate(() => runCode("js.postMessage(1 + 1)"));
  assert.equal(await next(3), 2);
});

test("ENV-41 JS-025 ASYNC-17 ASYNC-18 The documented blockingSleep can be interrupted", async ({ open, server, assert }) => {
  const site = await server.site({
    "/index.html": "<!doctype html>",
    "/worker.js": prologue("blocking-sleep.js") + `
self.onmessage = async ({ data }) => {
  if (self.pyodide === undefined) return;
  pyodide.setInterruptBuffer(data);
  self.postMessage("ready");
  try {
    pyodide.runPython("from js import blockingSleep\\nblockingSleep(10000)");
  } catch (error) {
    self.postMessage(error.type);
  }
};`,
    "/blocking-sleep.js": sample("interrupt: blockingSleep"),
  }, ISOLATED);
  const { page } = await open(`${site}/index.html`);
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

test("IO-08 JS-025 ASYNC-17 The documented reader of standard input in a worker, with interrupts", async ({ open, server, assert }) => {
  // The document's text is no program: a parenthesis is missing, and what becomes of the data is left to the reader.
  const text = sample("stdin: worker");
  assert.throws(() => new Function(text), "SyntaxError");
  const program = text.replace("timeoutMilliseconds) {", "timeoutMilliseconds)) {").replace("// ... handle the data somehow", "{\n          buf.set(stdinBytes.slice(0, stdinSharedBuffer[1]));\n          return stdinSharedBuffer[1];\n        }");
  const site = await server.site({
    "/index.html": "<!doctype html>",
    "/worker.js": `
importScripts("/pyodide.js");
self.onmessage = async ({ data }) => {
  self.pyodide = await loadPyodide();
  self.stdinSharedBuffer = data.state;
  self.stdinBytes = data.bytes;
  pyodide.setInterruptBuffer(data.interrupt);
  importScripts("/stdin.js");
  const answers = [];
  for (const code of ["input()", "import sys; sys.stdin.readline()", "input()"]) {
    self.postMessage(code);
    try {
      answers.push(pyodide.runPython(code));
    } catch (error) {
      answers.push(error.type);
    }
  }
  self.postMessage(answers);
};`,
    "/stdin.js": program,
  }, ISOLATED);
  const { page } = await open(`${site}/index.html`);
  const result = await page.evaluate(
    () =>
      new Promise((resolve) => {
        // The word that the reader waits on stays 0: it wakes when it is told to.
        const state = new Int32Array(new SharedArrayBuffer(8));
        const bytes = new Uint8Array(new SharedArrayBuffer(64));
        const interrupt = new Uint8Array(new SharedArrayBuffer(1));
        const lines = ["typed é\n", "second\n"];
        const send = (line) => {
          const encoded = new TextEncoder().encode(line);
          bytes.set(encoded);
          Atomics.store(state, 1, encoded.length);
          const wake = () => {
            if (Atomics.notify(state, 0) === 0) setTimeout(wake, 5);
          };
          wake();
        };
        const worker = new Worker("worker.js");
        worker.onmessage = ({ data }) => {
          if (typeof data !== "string") resolve(data);
          else if (lines.length > 0) send(lines.shift());
          else interrupt[0] = 2;
        };
        worker.postMessage({ state, bytes, interrupt });
      }),
  );
  assert.deepEqual(result, ["typed é", "second\n", "KeyboardInterrupt"]);
});

test("ENV-41 IO-08 ASYNC-17 The documented input handler that always interrupts, in an isolated page", async ({ open, server, assert }) => {
  const site = await server.site({ "/index.html": `<!doctype html><script src="pyodide.js"></script>`, "/handler.js": sample("stdin: keyboard interrupt") }, ISOLATED);
  const { page, log } = await open(`${site}/index.html`);
  const result = await page.evaluate(async () => {
    globalThis.pyodide = await loadPyodide();
    await new Promise((resolve, reject) => document.head.append(Object.assign(document.createElement("script"), { src: "handler.js", onload: resolve, onerror: reject })));
    try {
      return pyodide.runPython("input()");
    } catch (error) {
      return error.type;
    }
  });
  assert.equal(result, "KeyboardInterrupt");
  assert.deepEqual(log.filter(({ type }) => type === "log" || type === "pageerror"), []);
});
