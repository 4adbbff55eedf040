/** Detection of the index URL from traces of the running script (ENV-13). */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Environment } from "../../src/environment/environment";
import { type ScriptOrigin, detectIndexUrl, firstScriptInStack, normalizeIndexUrl } from "../../src/environment/index-url";
import { loadNodeModules } from "../../src/environment/node";

const none: ScriptOrigin = { moduleUrl: undefined, scriptUrl: undefined, directory: undefined, stack: undefined };
const browser: Environment = { node: false, browser: true, mainThread: true, worker: false, serviceWorker: false };
const inNode: Environment = { node: true, browser: false, mainThread: false, worker: false, serviceWorker: false };

test("a classic script: the folder of its address, without query", () => {
  const origin = { ...none, scriptUrl: "https://host/a/b/pyodide.js?v=1#x" };
  assert.equal(detectIndexUrl(origin, browser, undefined), "https://host/a/b/");
});

test("a module: the folder of import.meta.url", () => {
  assert.equal(detectIndexUrl({ ...none, moduleUrl: "https://host/m/pyodide.mjs" }, browser, undefined), "https://host/m/");
});

test("a bundle that names the machine it was built on: the stack is believed instead", () => {
  const origin = { ...none, moduleUrl: "file:///build/node_modules/pyodide/pyodide.mjs", stack: "Error\n    at f (https://host/assets/bundle.js:1:2)\n" };
  assert.equal(detectIndexUrl(origin, browser, undefined), "https://host/assets/");
});

test("a classic worker: the first script of the stack", () => {
  const origin = { ...none, stack: "Error\n    at https://cdn/x/pyodide.js:10:3\n    at https://host/worker.js:1:1" };
  assert.equal(detectIndexUrl(origin, browser, undefined), "https://cdn/x/");
});

test("nothing to go by: one sentence that names the option", () => {
  assert.throws(() => detectIndexUrl(none, browser, undefined), /pass it to `loadPyodide` as `indexURL`/);
  assert.throws(() => detectIndexUrl({ ...none, moduleUrl: "data:text/javascript,1" }, browser, undefined), /`indexURL`/);
});

test("Node: __dirname comes first where the files are there, then import.meta.url, then the stack", async () => {
  const found = await loadNodeModules();
  const node = { ...found, fs: { ...found.fs, existsSync: (path: unknown) => path === "/d/pyodide.asm.wasm" } };
  const elsewhere = { ...none, directory: "/global", moduleUrl: "file:///m/pyodide.mjs" };
  assert.equal(detectIndexUrl(elsewhere, inNode, node), "/m/");
  assert.equal(detectIndexUrl({ ...none, directory: "/any" }, inNode, node), "/any/");
  const stack = "Error\n    at Object.<anonymous> (file:///s/pyodide.js:1:1)\n";
  assert.equal(detectIndexUrl({ ...none, directory: "/d", moduleUrl: "file:///m/pyodide.mjs", stack }, inNode, node), "/d/");
  assert.equal(detectIndexUrl({ ...none, moduleUrl: "file:///m%20n/pyodide.mjs", stack }, inNode, node), "/m n/");
  assert.equal(detectIndexUrl({ ...none, stack }, inNode, node), "/s/");
});

test("an index URL becomes absolute and ends with a slash", async () => {
  const node = await loadNodeModules();
  assert.equal(normalizeIndexUrl("file:///a/b", inNode, node), "/a/b/");
  assert.equal(normalizeIndexUrl("sub", inNode, node), `${process.cwd()}/sub/`);
  assert.equal(normalizeIndexUrl("https://host/x", inNode, node), "https://host/x/");
  assert.equal(normalizeIndexUrl("https://host/x", browser, undefined), "https://host/x/");
});

test("stack traces of the three engines", () => {
  const cases = {
    "Error\n    at traceOrigin (https://h/p/pyodide.js:12:34)\n    at https://h/q.js:1:1": "https://h/p/pyodide.js",
    "traceOrigin@https://h/p/pyodide.js:12:34\n@https://h/q.js:1:1\n": "https://h/p/pyodide.js",
    "traceOrigin@https://h/p/pyodide.js:12:34\nglobal code@https://h/q.js:1:1": "https://h/p/pyodide.js",
    "Error\n    at http://h:8000/pyodide.js:3:1": "http://h:8000/pyodide.js",
  };
  for (const [stack, url] of Object.entries(cases)) {
    assert.equal(firstScriptInStack(stack), url);
  }
  assert.equal(firstScriptInStack("Error\n    at <anonymous>:1:1"), undefined);
});
