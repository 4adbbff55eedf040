/**
 * The documented pages word for word: the content delivery network is the local distribution (hosts.mjs).
 */
import { readFileSync } from "node:fs";
import { test } from "../harness/registry.mjs";
import { said, serveDocumentedHosts } from "./hosts.mjs";
import { parseSamples } from "./samples.mjs";

const sample = parseSamples(readFileSync(new URL("samples.txt", import.meta.url), "utf8"));

async function openSample({ open, server, index }, name) {
  const { page, log } = await open("about:blank");
  const asked = await serveDocumentedHosts(page, { server, index });
  await page.goto(`${await server.site({ "/index.html": sample(name) })}/index.html`);
  return { page, log, asked };
}

test("ENV-01 ENV-02 IO-12 The documented page that loads Pyodide", async ({ assert, ...context }) => {
  const { log, asked } = await openSample(context, "web page");
  await said(log, /^3$/);
  assert.deepEqual(log.filter(({ type }) => type === "log" || type === "pageerror"), [{ type: "log", text: "3" }]);
  assert.ok(asked.has("https://cdn.jsdelivr.net/pyodide/dev/full/pyodide.js"));
});

test("ENV-04 ENV-02 IO-12 The complete example page", async ({ assert, ...context }) => {
  const { log } = await openSample(context, "complete example");
  await said(log, /^3$/);
  const messages = log.filter(({ type }) => type === "log").map(({ text }) => text);
  assert.equal(messages.length, 2);
  assert.match(messages[0], /^3\.14\.\d+ /);
  assert.equal(messages[1], "3");
  assert.deepEqual(log.filter(({ type }) => type === "pageerror"), []);
});

test("ENV-05 The alternative example page: a box, a button, output and errors", async ({ assert, ...context }) => {
  const { page } = await openSample(context, "alternative example");
  const output = () => page.evaluate(() => document.getElementById("output").value);
  assert.match(await output(), /^Initializing\.\.\.\n/);
  await page.click("button");
  await page.waitForFunction(() => document.getElementById("output").value.includes(">>>"), undefined, { timeout: 60_000 });
  assert.equal(await output(), "Initializing...\nReady!\n>>>sum([1, 2, 3, 4, 5])\n15\n");
  await page.fill("#code", "1/0");
  await page.click("button");
  await page.waitForFunction(() => document.getElementById("output").value.includes("ZeroDivisionError"), undefined, { timeout: 60_000 });
  assert.match(await output(), />>>1\/0\nPythonError: Traceback \(most recent call last\):\n[\s\S]*ZeroDivisionError: division by zero\n/);
});
