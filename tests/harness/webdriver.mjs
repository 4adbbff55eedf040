/**
 * Drives WebKit through WebDriver, with a page that looks like the one of playwright-core as far as the tests need it.
 * Owns: the driver's process, one browser per page (WebKit's driver has one session at a time), functions of this process that a
 * page calls, and what the console of a page says.
 * Not here: what cannot be done with WebDriver (`page.route`): a test that asks for it is skipped, with that as the reason.
 * Invariant: a browser and its driver end with the page.
 */
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Thrown where WebDriver has no way to do what a test asks for. */
export class CannotDrive extends Error {}

const SCRIPT_SECONDS = 1000;
const BROWSERS = [process.env.PYOXIDE_WEBKIT, "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser", "/usr/lib/aarch64-linux-gnu/webkit2gtk-4.1/MiniBrowser"];

/** WebKitGTK has shared memory behind an option, as Safari has it without one; `$vm` can collect garbage. */
const ENGINE_OPTIONS = { JSC_useSharedArrayBuffer: "1", JSC_useDollarVM: "1" };

/** Runs in every page before anything is asked of it: keeps what the console says, and calls of functions of the driver. */
const PREPARATION = `
if (globalThis.__driver === undefined) {
  if (typeof $vm !== "undefined") globalThis.gc = () => $vm.gc();
  const driver = { log: [], calls: [] };
  const isPlain = (value) => typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
  const textOf = (value) => isPlain(value) ? "{" + Object.entries(value).map(([key, item]) => key + ": " + String(item)).join(", ") + "}" : String(value);
  Object.defineProperty(globalThis, "__driver", { value: driver });
  for (const type of ["log", "info", "warn", "error", "debug"]) {
    const original = console[type];
    console[type] = (...parts) => {
      driver.log.push({ type: type === "warn" ? "warning" : type, text: parts.map(textOf).join(" ") });
      original.apply(console, parts);
    };
  }
  addEventListener("error", (event) => driver.log.push({ type: "pageerror", text: String(event.error ?? event.message) }));
  addEventListener("unhandledrejection", (event) => driver.log.push({ type: "pageerror", text: String(event.reason) }));
}`;

function freePort() {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** A browser with its driver. `call` sends one command of WebDriver. */
async function startSession(program, env) {
  const binary = BROWSERS.find((name) => name !== undefined && existsSync(name));
  if (binary === undefined) throw new Error("There is no WebKit: install it (`apt-get install webkit2gtk-driver libwebkit2gtk-4.1-0`) or name its MiniBrowser in PYOXIDE_WEBKIT");
  const port = await freePort();
  const driver = spawn(program, [`--port=${port}`], { stdio: "ignore", detached: true, env });
  const kill = () => {
    try {
      process.kill(-driver.pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  };
  process.on("exit", kill);
  const failed = new Promise((_, reject) => driver.on("error", (error) => reject(new Error(`WebKitWebDriver could not be started: ${error.message}`))));
  failed.catch(() => {});
  const request = async (method, path, body) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, body: body === undefined ? undefined : JSON.stringify(body) });
    const { value } = await response.json();
    if (value?.error !== undefined) throw new Error(`${value.error}: ${value.message}`);
    return value;
  };
  const ready = async () => {
    for (;;) {
      try {
        return await request("GET", "/status");
      } catch {
        await sleep(50);
      }
    }
  };
  await Promise.race([ready(), failed]);
  const options = { binary, args: ["--automation"] };
  const { sessionId } = await request("POST", "/session", { capabilities: { alwaysMatch: { acceptInsecureCerts: true, timeouts: { script: SCRIPT_SECONDS * 1000 }, "webkitgtk:browserOptions": options } } });
  return {
    call: (method, path, body) => request(method, `/session/${sessionId}${path}`, body),
    async close() {
      await Promise.race([request("DELETE", `/session/${sessionId}`).catch(() => {}), sleep(5000)]);
      kill();
      process.off("exit", kill);
    },
  };
}

const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";
const KEYS = { "\n": "\ue007", Enter: "\ue007", Tab: "\ue004", Backspace: "\ue003", ArrowUp: "\ue013", ArrowDown: "\ue015", ArrowLeft: "\ue012", ArrowRight: "\ue014", Escape: "\ue00c", Home: "\ue011", End: "\ue010", Delete: "\ue017", Shift: "\ue008", Control: "\ue009" };

class Page {
  #session;
  #log;
  #functions = new Map();
  #listeners = [];
  #commands = Promise.resolve();
  #timer;

  constructor(session, log) {
    this.#session = session;
    this.#log = log;
    // What the page says arrives also while nobody asks it for anything. A page that is being left has nothing to say.
    this.#timer = setInterval(() => this.#poll().catch(() => {}), 250);
  }

  stop() {
    clearInterval(this.#timer);
  }

  /** One command at a time. */
  #call(...command) {
    const result = this.#commands.then(() => this.#session.call(...command));
    this.#commands = result.catch(() => {});
    return result;
  }

  async #script(body, args) {
    const { value, error } = await this.#call("POST", "/execute/async", { args, script: `
const done = arguments[arguments.length - 1];
${PREPARATION}
const plain = (value) => value === undefined ? undefined : JSON.parse(JSON.stringify(value));
(async (...args) => { ${body} })(...Array.prototype.slice.call(arguments, 0, -1)).then((value) => done({ value: plain(value) }), (error) => done({ error: String(error?.stack ? error + "\\n" + error.stack : error) }));` });
    if (error !== undefined) throw new Error(error);
    return value ?? undefined;
  }

  /** Takes what the page has said and asked for since the last time. */
  async #poll() {
    const { log, calls } = await this.#script("const { log, calls } = __driver; return { log: log.splice(0), calls: calls.splice(0) };", []);
    for (const message of log) {
      this.#log.push(message);
      for (const listener of this.#listeners.splice(0)) listener();
    }
    for (const { name, args } of calls) this.#functions.get(name)?.(...args);
  }

  async goto(url) {
    await this.#call("POST", "/url", { url });
    await this.#prepare();
  }

  async reload() {
    await this.#call("POST", "/refresh", {});
    await this.#prepare();
  }

  async #prepare() {
    await this.#script("for (const name of args[0]) globalThis[name] = (...parameters) => { __driver.calls.push({ name, args: parameters }); };", [[...this.#functions.keys()]]);
  }

  /** Calls of it arrive while `evaluate` runs, without an answer. */
  async exposeFunction(name, body) {
    this.#functions.set(name, body);
    await this.#prepare();
  }

  /** Evaluates in the page without blocking the driver, so that what the page says arrives in the meantime. */
  async evaluate(body, argument) {
    // Part of the script, not a string that the page evaluates: the page's policy may forbid that.
    const work = typeof body === "string" ? `() => (${body})` : `(${body})`;
    await this.#script(`
globalThis.__result = undefined;
const plain = (value) => value === undefined ? undefined : JSON.parse(JSON.stringify(value));
(async () => await (${work})(args[0] === null ? undefined : args[0]))().then(
  (value) => { globalThis.__result = { value: plain(value) }; },
  (error) => { globalThis.__result = { error: String(error) + "\\n" + error?.stack }; },
);`, [argument ?? null]);
    for (let pause = 5; ; pause = Math.min(200, pause * 1.5)) {
      const result = await this.#script("return globalThis.__result;", []);
      await this.#poll();
      if (result !== undefined) {
        if (result.error !== undefined) throw new Error(result.error);
        return result.value;
      }
      await sleep(pause);
    }
  }

  async waitForFunction(body, argument, { timeout = 30_000 } = {}) {
    const end = Date.now() + timeout;
    while (!(await this.evaluate(body, argument))) {
      if (Date.now() > end) throw new Error(`Timeout ${timeout} ms: ${body}`);
      await sleep(50);
    }
  }

  async waitForEvent(name, { timeout = 30_000 } = {}) {
    if (name !== "console") throw new CannotDrive(`WebDriver tells nothing of ${name}`);
    let isTold = false;
    this.#listeners.push(() => {
      isTold = true;
    });
    const end = Date.now() + timeout;
    while (!isTold) {
      if (Date.now() > end) throw new Error(`Timeout ${timeout} ms: no message on the console`);
      await sleep(50);
      await this.#poll();
    }
  }

  async #element(selector) {
    const found = await this.#call("POST", "/element", { using: "css selector", value: selector });
    return found[ELEMENT];
  }

  async click(selector) {
    await this.#call("POST", `/element/${await this.#element(selector)}/click`, {});
  }

  async fill(selector, text) {
    const element = await this.#element(selector);
    await this.#call("POST", `/element/${element}/clear`, {});
    await this.#call("POST", `/element/${element}/value`, { text });
  }

  async innerText(selector) {
    return await this.evaluate((name) => document.querySelector(name).innerText, selector);
  }

  keyboard = {
    insertText: (text) => this.evaluate((inserted) => void document.execCommand("insertText", false, inserted), text),
    type: async (text) => await this.#keys([...text].map((name) => KEYS[name] ?? name).flatMap((value) => [{ type: "keyDown", value }, { type: "keyUp", value }])),
    press: async (combination) => {
      const keys = combination.split("+").map((name) => KEYS[name] ?? name);
      await this.#keys([...keys.map((value) => ({ type: "keyDown", value })), ...keys.reverse().map((value) => ({ type: "keyUp", value }))]);
    },
  };

  async #keys(actions) {
    await this.#call("POST", "/actions", { actions: [{ type: "key", id: "keyboard", actions }] });
  }

  on() {
    throw new CannotDrive("WebDriver tells nothing of what happens in a page");
  }

  async route() {
    throw new CannotDrive("WebDriver cannot change what a page loads");
  }

  async addInitScript() {
    throw new CannotDrive("WebDriver cannot run scripts before those of a page");
  }

  async screenshot({ path }) {
    const { writeFile } = await import("node:fs/promises");
    await writeFile(path, Buffer.from(await this.#call("GET", "/screenshot"), "base64"));
  }

  context() {
    throw new CannotDrive("WebDriver has one page per session");
  }
}

/** A display for browsers that have no mode without one. */
function startDisplay() {
  const display = spawn("Xvfb", ["-displayfd", "3", "-screen", "0", "1280x900x24", "-nolisten", "tcp"], { stdio: ["ignore", "ignore", "ignore", "pipe"] });
  return new Promise((resolve, reject) => {
    display.on("error", (error) => reject(new Error(`WebKit needs a display, and Xvfb could not be started: ${error.message} (\`apt-get install xvfb\`)`)));
    display.stdio[3].once("data", (number) => resolve({ name: `:${String(number).trim()}`, close: () => display.kill() }));
  });
}

/** WebKit as `launchWithPlaywright` gives a browser: `program` is its driver. */
export async function startWebKit(program, env) {
  const display = env.DISPLAY || env.WAYLAND_DISPLAY ? undefined : await startDisplay();
  const given = { ...env, ...ENGINE_OPTIONS, ...(display && { DISPLAY: display.name }) };
  return {
    async openPage(log) {
      const session = await startSession(program, given);
      const page = new Page(session, log);
      return {
        page,
        async close() {
          page.stop();
          await session.close();
        },
      };
    },
    async close() {
      display?.close();
    },
  };
}
