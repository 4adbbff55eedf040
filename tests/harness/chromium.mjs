/**
 * Drives headless Chromium.
 * Owns: finding and starting the browser, one page (own context) per test file, pages for `*.browser.mjs` tests, whose code runs in
 * this Node process and gets `{ open, server, page }`.
 * Invariant: the browser has a fresh profile and is closed on every way out.
 */
import { accessSync, constants } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { assert, textOfError } from "./assert.mjs";
import { takeCases } from "./registry.mjs";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // Expose `gc()`, for the tests of finalizers.
  "--js-flags=--expose-gc",
];

export function findChromium() {
  if (process.env.PYOXIDE_CHROMIUM) return process.env.PYOXIDE_CHROMIUM;
  const names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
  for (const folder of (process.env.PATH ?? "").split(path.delimiter)) {
    for (const name of names) {
      try {
        accessSync(path.join(folder, name), constants.X_OK);
        return path.join(folder, name);
      } catch {
        continue;
      }
    }
  }
  throw new Error("There is no Chromium on PATH: install it (`apt-get install chromium`) or name it in PYOXIDE_CHROMIUM");
}

export async function startChromium(server) {
  const { chromium } = await import("playwright-core");
  const profile = await mkdtemp(path.join(os.tmpdir(), "pyoxide-chromium-"));
  const browser = await chromium.launch({ executablePath: findChromium(), headless: true, args: FLAGS, env: { ...process.env, XDG_CONFIG_HOME: profile, XDG_CACHE_HOME: profile } });

  let lastImport = Promise.resolve();

  /** A page in a context of its own that records what its console says. */
  async function open(address, { waitUntil = "load", initScript } = {}) {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const page = await context.newPage();
    const log = [];
    page.on("console", (message) => log.push({ type: message.type(), text: message.text() }));
    page.on("pageerror", (error) => log.push({ type: "pageerror", text: String(error) }));
    if (initScript) await page.addInitScript(initScript);
    if (address) await page.goto(address, { waitUntil });
    return { page, log, close: () => context.close() };
  }

  return {
    open,

    /** Runs one file in a page. `emit` gets the events. */
    async runInPage({ file, env, loadOptions, only, index }, emit) {
      const { page, log, close } = await open();
      try {
        await page.exposeFunction("reportTestEvent", emit);
        await page.goto(`${server.origin}/tests/harness/page.html`);
        await page.waitForFunction(() => typeof globalThis.runTestFile === "function");
        await page.evaluate((options) => globalThis.runTestFile(options), { file, env, loadOptions, only, index });
      } catch (error) {
        const said = log.filter(({ type }) => type === "error" || type === "pageerror").slice(-5);
        throw new Error(`${error.message}\n${said.map(({ text }) => text).join("\n")}`);
      } finally {
        await close();
      }
    },

    /** Runs a `*.browser.mjs` file here. */
    async runFromHere({ file, env, only, tests, index }, emit) {
      // One file at a time: what it registers is taken before the next one is imported.
      const taken = lastImport.then(async () => {
        await import(pathToFileURL(path.join(tests, file)).href);
        return takeCases().cases;
      });
      lastImport = taken.catch(() => {});
      for (const one of await taken) {
        if (only !== undefined && !one.name.toLowerCase().includes(only.toLowerCase())) continue;
        const reason = typeof one.options.skip === "function" ? one.options.skip(env) : one.options.skip;
        if (reason) {
          emit({ kind: "skip", name: one.name, reason });
          continue;
        }
        emit({ kind: "start", name: one.name });
        const opened = [];
        let timer;
        try {
          const tracked = async (...parameters) => {
            const result = await open(...parameters);
            opened.push(result);
            return result;
          };
          const limit = new Promise((_, reject) => {
            timer = setTimeout(() => reject(new Error("The test did not end within 180 s")), 180_000);
          });
          await Promise.race([one.body({ open: tracked, server, assert, env, index }), limit]);
          emit({ kind: "pass", name: one.name });
        } catch (error) {
          const said = opened.flatMap(({ log }) => log.slice(-8).map(({ type, text }) => `  console.${type}: ${text}`)).join("\n");
          emit({ kind: "fail", name: one.name, message: textOfError(error), stack: `${error?.stack ?? ""}\n${said}` });
        } finally {
          clearTimeout(timer);
          for (const { close } of opened) await close().catch(() => {});
        }
      }
      emit({ kind: "end" });
    },

    async close() {
      await browser.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}
