/**
 * The documented service workers, classic and module, word for word; and what becomes of one that starts again.
 */
import { readFileSync } from "node:fs";
import { test } from "../harness/registry.mjs";
import { said } from "./hosts.mjs";
import { parseSamples } from "./samples.mjs";

const sample = parseSamples(readFileSync(new URL("samples.txt", import.meta.url), "utf8"));

/** The sample with the module's lines for the classic worker's, as the document says to replace them. */
function asModule(text, part) {
  const replaced = text.replace(part, () => sample(MODULE_PARTS.get(part)));
  if (replaced === text) throw new Error("The sample has no such part");
  return replaced;
}

/** The lines of a page as deep as they stand in it. */
const indented = (text) => text.replace(/^(?=.)/gm, "      ");
const MODULE_PARTS = new Map([[sample("service worker: imports"), "service worker: module imports"], [indented(sample("service worker: options")), "service worker: module options"]]);
const [IMPORTS, OPTIONS] = MODULE_PARTS.keys();

const KINDS = [
  ["ENV-23", "classic", sample("service worker: page"), sample("service worker: sw.js")],
  ["ENV-24", "module", asModule(sample("service worker: page"), OPTIONS), asModule(sample("service worker: sw.js"), IMPORTS)],
];

/** Opens the documented site: the page, the worker and what they ask for, each under the documented name. */
async function openSite({ open, server }, page, worker) {
  const origin = await server.site({ "/": page, "/sw.js": worker, "/data.json": sample("service worker: data.json") });
  const opened = await open(`${origin}/`);
  await opened.page.waitForFunction(() => navigator.serviceWorker.controller !== null, undefined, { timeout: 60_000 });
  return opened;
}

/** Asks until Python in the worker answers, as the page's user would. */
function fetchUntilModified(page) {
  return page.evaluate(async () => {
    for (let attempt = 0; attempt < 200; attempt++) {
      try {
        return await (await fetch(JSON_FILE_PATH)).json();
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
    return "the worker never became ready";
  });
}

for (const [row, kind, text, worker] of KINDS) {
  test(`${row} The documented ${kind} service worker changes what a page fetches`, async ({ open, server, assert }) => {
    const { page, log } = await openSite({ open, server }, text, worker);
    assert.deepEqual(await fetchUntilModified(page), { name: "Jem", count: 1 });
    assert.ok(log.some(({ text }) => text === "Service worker installing"), JSON.stringify(log));
    await page.click("button");
    await said(log, /name: Jem, count: 2/);
    assert.deepEqual(await fetchUntilModified(page), { name: "Jem", count: 3 });
    // Firefox tells the page of requests that the worker refused while it was getting ready.
    assert.deepEqual(log.filter(({ type, text }) => type === "pageerror" && !text.includes("passed a promise to FetchEvent.respondWith() that rejected")), []);
  });

  test(`${row} A ${kind} service worker that was stopped starts again`, { skip: (env) => (env.name === "chromium" ? undefined : "only Chromium can be told to stop a service worker") }, async ({ open, server, assert }) => {
    const { page } = await openSite({ open, server }, text, worker);
    assert.deepEqual(await fetchUntilModified(page), { name: "Jem", count: 1 });
    const session = await page.context().newCDPSession(page);
    await session.send("ServiceWorker.enable");
    await session.send("ServiceWorker.stopAllWorkers");
    // By now it is activated: a classic worker may import only the scripts that it imported before.
    assert.deepEqual(await fetchUntilModified(page), { name: "Jem", count: 1 });
  });
}

test("ENV-23 ENV-24 A service worker that loads too late is told what to import", async ({ open, server, assert }) => {
  const late = `
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("message", async (event) => {
  try {
    await loadPyodide();
    event.source.postMessage("loaded");
  } catch (error) {
    event.source.postMessage(error.message);
  }
});`;
  const ask = async (folder, imports, options) => {
    server.add(`${folder}/sw.js`, imports + late);
    const { page } = await open(server.add(`${folder}/index.html`, "<!doctype html>"));
    return page.evaluate(async (registration) => {
      await navigator.serviceWorker.register("./sw.js", registration);
      if (navigator.serviceWorker.controller === null) {
        await new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true }));
      }
      const answer = new Promise((resolve) => {
        navigator.serviceWorker.onmessage = ({ data }) => resolve(data);
      });
      navigator.serviceWorker.controller.postMessage("load");
      return answer;
    }, options);
  };
  const classic = await ask("sw-late", `importScripts("/dist/pyodide.js");`, {});
  assert.includes(classic, 'importScripts("./pyodide.asm.js")');
  const module = await ask("sw-late-module", `import { loadPyodide } from "/dist/pyodide.mjs";`, { type: "module" });
  assert.includes(module, 'import "./pyodide.asm.js"');
  assert.equal(await ask("sw-late-good", `importScripts("/dist/pyodide.js", "/dist/pyodide.asm.js");`, {}), "loaded");
  assert.equal(await ask("sw-late-mjs", `import "/dist/pyodide.asm.mjs"; import { loadPyodide } from "/dist/pyodide.mjs";`, { type: "module" }), "loaded");
});
