/**
 * Drives headless Chromium and Firefox.
 * Owns: finding and starting the browser, one page (own context) per test file, pages for `*.browser.mjs` tests, whose code runs in
 * this Node process and gets `{ open, server, page }`.
 * Invariant: the browser has a fresh profile and is closed on every way out.
 *
 * Firefox is the stock one, driven through WebDriver BiDi. Later versions of playwright-core than the one in package.json ask for
 * parts of it (`emulation.setMediaFeaturesOverride`) that Firefox 153, the current long-term one, does not have.
 */
import { accessSync, constants } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { assert, textOfError } from "./assert.mjs";
import { takeCases } from "./registry.mjs";
import { CannotDrive, startWebKit } from "./webdriver.mjs";

const CHROMIUM_FLAGS = [
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

const FIREFOX_PREFERENCES = {
  // Exposes `TestUtils.gc()`, for the tests of finalizers.
  "dom.testing.testutils.enabled": true,
};

/** What a page has under names of its own when the browser is asked for it: `gc()`, as Chromium calls it. */
const FIREFOX_PAGE = "if (typeof TestUtils !== 'undefined') globalThis.gc = () => TestUtils.gc();";

export const BROWSERS = {
  chromium: {
    variable: "PYOXIDE_CHROMIUM",
    programs: ["chromium", "chromium-browser", "google-chrome", "chrome"],
    install: "apt-get install chromium",
    launch: ({ chromium }, executablePath, env) => chromium.launch({ executablePath, headless: true, args: CHROMIUM_FLAGS, env }),
  },
  firefox: {
    variable: "PYOXIDE_FIREFOX",
    programs: ["firefox", "firefox-esr"],
    install: "apt-get install firefox-esr",
    launch: ({ firefox }, executablePath, env) => firefox.launch({ channel: "moz-firefox", executablePath, headless: true, firefoxUserPrefs: FIREFOX_PREFERENCES, env }),
    initScript: FIREFOX_PAGE,
  },
  webkit: {
    variable: "PYOXIDE_WEBKIT_DRIVER",
    programs: ["WebKitWebDriver"],
    install: "apt-get install webkit2gtk-driver libwebkit2gtk-4.1-0 xvfb",
  },
};

/** The program of a browser: named by its variable, or found on PATH. */
export function findBrowser(name) {
  const { variable, programs, install } = BROWSERS[name];
  if (process.env[variable]) return process.env[variable];
  for (const folder of (process.env.PATH ?? "").split(path.delimiter)) {
    for (const program of programs) {
      try {
        accessSync(path.join(folder, program), constants.X_OK);
        return path.join(folder, program);
      } catch {
        continue;
      }
    }
  }
  throw new Error(`There is no ${name} on PATH: install it (\`${install}\`) or name it in ${variable}`);
}

async function launchWithPlaywright({ launch, initScript }, program, env) {
  const browser = await launch(await import("playwright-core"), program, env);
  return {
    async openPage(log) {
      const context = await browser.newContext({ ignoreHTTPSErrors: true });
      const page = await context.newPage();
      page.on("console", (message) => log.push({ type: message.type(), text: message.text() }));
      page.on("pageerror", (error) => log.push({ type: "pageerror", text: String(error) }));
      if (initScript) await page.addInitScript(initScript);
      return { page, close: () => context.close() };
    },
    close: () => browser.close(),
  };
}

export async function startBrowser(name, server) {
  const program = findBrowser(name);
  const profile = await mkdtemp(path.join(os.tmpdir(), `pyoxide-${name}-`));
  const env = { ...process.env, XDG_CONFIG_HOME: profile, XDG_CACHE_HOME: profile, XDG_DATA_HOME: profile };
  const browser = BROWSERS[name].launch === undefined ? await startWebKit(program, env) : await launchWithPlaywright(BROWSERS[name], program, env);

  let lastImport = Promise.resolve();

  /** A page in a context of its own that records what its console says. */
  async function open(address, { waitUntil = "load", initScript } = {}) {
    const log = [];
    const { page, close } = await browser.openPage(log);
    if (initScript) await page.addInitScript(initScript);
    if (address) await page.goto(address, { waitUntil });
    return { page, log, close };
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
          if (error instanceof CannotDrive) {
            emit({ kind: "skip", name: one.name, reason: error.message });
            continue;
          }
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
