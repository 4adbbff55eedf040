/**
 * Pages, workers, iframes and a strict Content-Security-Policy in a real browser.
 * Elsewhere: the documented pages and workers (documented/).
 */
import { test } from "../harness/registry.mjs";

async function waitForLog(page, log, pattern) {
  const found = () => log.find(({ text }) => pattern.test(text));
  while (found() === undefined) await page.waitForEvent("console", { timeout: 20_000 });
  return found();
}

test("ENV-02 JS-149 The classic script defines one global, loadPyodide", async ({ open, server, assert }) => {
  const address = server.add("globals.html", `<script>before = new Set(Object.getOwnPropertyNames(window))</script><script src="/dist/pyodide.js"></script>`);
  const { page } = await open(address);
  const added = () => page.evaluate(() => Object.getOwnPropertyNames(window).filter((name) => !before.has(name) && name !== "before" && !name.startsWith("__")));
  assert.deepEqual(await added(), ["loadPyodide"]);
  await page.evaluate(async () => {
    await loadPyodide();
  });
  assert.deepEqual(await added(), ["loadPyodide"]);
});

test("ENV-03 The module exports loadPyodide and defines no global", async ({ open, server, assert }) => {
  const address = server.add("module.html", `<script type="module">import { loadPyodide } from "/dist/pyodide.mjs"; const py = await loadPyodide(); console.log("result", py.runPython("6 * 7"), typeof globalThis.loadPyodide);</script>`);
  const { page, log } = await open(address);
  assert.equal((await waitForLog(page, log, /^result/)).text, "result 42 undefined");
});

test("ENV-34 A page whose policy allows wasm-unsafe-eval only", async ({ open, server, assert }) => {
  const script = server.add("csp.mjs", `
import { loadPyodide } from "/dist/pyodide.mjs";
const py = await loadPyodide();
py.runPython("import json, sqlite3, asyncio");
const list = py.runPython("[1, {'a': 2}]");
console.log("result", list.length, JSON.stringify(list.toJs({ dict_converter: Object.fromEntries })), await py.runPythonAsync("import asyncio; await asyncio.sleep(0); 5"));
list.destroy();`);
  const policy = "default-src 'none'; img-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'";
  const address = server.add("csp.html", `<!doctype html><script type="module" src="${new URL(script).pathname}"></script>`, { "content-security-policy": policy });
  const { page, log } = await open(address);
  assert.equal((await waitForLog(page, log, /^result|rror/)).text, 'result 2 [1,{"a":2}] 5');
  const classic = server.add("csp-classic.js", `loadPyodide().then((py) => console.log("result", py.runPython("1 + 1")));`);
  const second = server.add("csp-classic.html", `<!doctype html><script src="/dist/pyodide.js"></script><script src="${new URL(classic).pathname}"></script>`, { "content-security-policy": policy });
  const other = await open(second);
  assert.equal((await waitForLog(other.page, other.log, /^result|rror/)).text, "result 2");
  assert.ok(!log.concat(other.log).some(({ text }) => /Content.Security.Policy/i.test(text)), "the policy was violated");
});

test("ENV-22 A module worker", async ({ open, server, assert }) => {
  server.add("module-worker.mjs", `
import { loadPyodide } from "/dist/pyodide.mjs";
const ready = loadPyodide();
self.onmessage = async ({ data }) => self.postMessage(await (await ready).runPythonAsync(data));`);
  const { page } = await open(server.add("module-worker.html", "<!doctype html>"));
  const result = await page.evaluate(
    () =>
      new Promise((resolve, reject) => {
        const worker = new Worker("/made/module-worker.mjs", { type: "module" });
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = (event) => reject(new Error(event.message));
        worker.postMessage("import asyncio; await asyncio.sleep(0); sum(range(101))");
      }),
  );
  assert.equal(result, 5050);
});

test("ENV-35 TT-076 Two instances in one page", async ({ open, server, assert }) => {
  const { page } = await open(server.add("two.html", `<!doctype html><script src="/dist/pyodide.js"></script>`));
  const result = await page.evaluate(async () => {
    const [a, b] = await Promise.all([loadPyodide(), loadPyodide()]);
    a.runPython("x = 'a'");
    b.runPython("x = 'b'");
    const list = a.runPython("[1, 2]");
    const kind = b.runPython("lambda x: type(x).__name__");
    return [a.globals.get("x"), b.globals.get("x"), kind(list), list instanceof b.ffi.PyProxy, list instanceof a.ffi.PyProxy];
  });
  assert.deepEqual(result, ["a", "b", "JsProxy", false, true]);
});

test("ENV-35 TT-041 Objects of an iframe are recognised by what they are", async ({ open, server, assert }) => {
  const { page } = await open(server.add("iframe.html", `<!doctype html><iframe></iframe><script src="/dist/pyodide.js"></script>`));
  const result = await page.evaluate(async () => {
    const py = await loadPyodide();
    const inner = document.querySelector("iframe").contentWindow;
    const evaluate = (source) => inner.eval(source);
    const f = py.runPython(`
import pyodide.ffi as ffi
def f(x):
    names = ["JsArray", "JsMap", "JsBuffer", "JsTypedArray", "JsException", "JsPromise", "JsCallable", "JsDomElement"]
    return " ".join(name for name in names if isinstance(x, getattr(ffi, name)))
f`);
    const toPy = py.runPython("lambda x: repr(x.to_py())");
    const sources = ["[1]", "new Map()", "new Uint8Array(1)", "new ArrayBuffer(1)", "new Error('x')", "Promise.resolve()", "() => 1", "document.createElement('div')"];
    return [sources.map((source) => f(evaluate(source))), toPy(evaluate("({a: [1, new Map([[2, 3]])]})"))];
  });
  assert.deepEqual(result, [["JsArray", "JsMap", "JsArray JsBuffer JsTypedArray", "JsBuffer", "JsException", "JsPromise", "JsCallable", "JsDomElement"], "{'a': [1, {2: 3}]}"]);
});

test("PY-01 TT-040 FFI-038 The DOM from Python", async ({ open, server, assert }) => {
  const { page } = await open(server.add("dom.html", `<!doctype html><title>before</title><body><p class="a">1</p><p>2</p></body><script src="/dist/pyodide.js"></script>`));
  const result = await page.evaluate(async () => {
    const py = await loadPyodide();
    py.runPython(`
import js
from pyodide.ffi import JsDomElement
div = js.document.createElement("div")
div.innerHTML = "<h1>This element was created from Python</h1>"
js.document.body.prepend(div)
js.document.title = "New window title"
nodes = js.document.querySelectorAll("p")
children = js.document.body.children
facts = [isinstance(div, JsDomElement), len(nodes), nodes[0].textContent, [n.textContent for n in nodes], len(children) >= 3, str(nodes[-1].textContent), bool(js.window)]
div.id = "made"
div.classList.add("x", "y")
facts.append(div.className)
`);
    const facts = py.runPython("import json; json.dumps(facts)");
    return [document.querySelector("h1").textContent, document.title, document.getElementById("made") !== null, JSON.parse(facts)];
  });
  assert.deepEqual(result, ["This element was created from Python", "New window title", true, [true, 2, "1", ["1", "2"], true, "2", true, "x y"]]);
});

test("TT-098 FFI-080 Event handlers of the DOM", async ({ open, server, assert }) => {
  const { page } = await open(server.add("events.html", `<!doctype html><button id="b">click</button><script src="/dist/pyodide.js"></script>`));
  await page.evaluate(async () => {
    globalThis.py = await loadPyodide();
    py.runPython(`
from js import document
from pyodide.ffi import create_proxy
clicks = []
def on_click(event):
    clicks.append(event.target.id)
proxy = create_proxy(on_click)
document.getElementById("b").addEventListener("click", proxy)
`);
  });
  await page.click("#b");
  await page.click("#b");
  assert.equal(await page.evaluate(() => py.runPython("','.join(clicks)")), "b,b");
  await page.evaluate(() => py.runPython("document.getElementById('b').removeEventListener('click', proxy); proxy.destroy()"));
  await page.click("#b");
  assert.equal(await page.evaluate(() => py.runPython("len(clicks)")), 2);
});

test("ENV-13 JS-001 A failed download says which address and why", async ({ open, server, assert }) => {
  server.add("failing.html", `<!doctype html><script src="/dist/pyodide.js"></script>`);
  const { page } = await open(`${server.origin}/made/failing.html`);
  const messageOf = (options) =>
    page.evaluate(async (given) => {
      try {
        await loadPyodide(given);
        return "loaded";
      } catch (error) {
        return error.message;
      }
    }, options);
  const missing = await messageOf({ indexURL: "/nowhere/" });
  assert.includes(missing, `${server.origin}/nowhere/`);
  assert.match(missing, /404|not found/i);
  const library = await messageOf({ stdLibURL: "/nowhere/lib.zip" });
  assert.includes(library, "/nowhere/lib.zip");
  assert.match(library, /404/);
  await page.route("**/python_stdlib.zip", (route) => route.abort("connectionrefused"));
  const refused = await messageOf({ snapshot: false });
  assert.includes(refused, "python_stdlib.zip");
  await page.unroute("**/python_stdlib.zip");
  assert.equal(await messageOf({}), "loaded");
});

test("ENV-15 A server with the wrong MIME type for wasm", async ({ open, server, assert }) => {
  const { page } = await open(server.add("mime.html", `<!doctype html><script src="/dist/pyodide.js"></script>`));
  await page.route("**/*.wasm", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, headers: { ...response.headers(), "content-type": "text/plain" } });
  });
  const result = await page.evaluate(async () => {
    try {
      return (await loadPyodide()).runPython("1 + 1");
    } catch (error) {
      return error.message;
    }
  });
  assert.ok(result === 2 || /MIME|content.type|application\/wasm/i.test(String(result)), String(result));
});

test("ENV-15 JS-001 A server with the wrong MIME type for modules, and a browser without WebAssembly: one sentence says what to do", async ({ open, server, assert }) => {
  const address = server.add("sentences.html", `<!doctype html><script src="/dist/pyodide.js"></script>`);
  const messageOf = (page) => page.evaluate(() => loadPyodide().then(() => "loaded", (error) => error.message));
  const modules = await open(address);
  await modules.page.route("**/*.mjs", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, headers: { ...response.headers(), "content-type": "application/octet-stream" } });
  });
  assert.match(await messageOf(modules.page), /pyodide\.asm\.mjs: the server says that it is "application\/octet-stream"; it has to send files that end in \.mjs as text\/javascript$/);
  const without = await open();
  await without.page.addInitScript(() => delete globalThis.WebAssembly);
  await without.page.goto(address);
  assert.match(await messageOf(without.page), /Python needs WebAssembly, which is not there\. .*Lockdown Mode/);
});

test("ENV-33 RequireJS and a module loader on the page", async ({ open, server, assert }) => {
  const address = server.add("amd.html", `<!doctype html><script>window.define = Object.assign(() => { throw new Error("define was called"); }, { amd: {} }); window.require = () => { throw new Error("require was called"); }; window.module = undefined; window.process = { browser: true };</script><script src="/dist/pyodide.js"></script>`);
  const { page } = await open(address);
  assert.equal(await page.evaluate(async () => (await loadPyodide()).runPython("1 + 1")), 2);
});

test("REPL-01 ENV-14 The page with a prompt", async ({ open, server, assert }) => {
  const { page, log } = await open(`${server.origin}/dist/console.html`);
  await page.waitForFunction(() => /3\.14/.test(document.body.innerText), undefined, { timeout: 20_000 });
  await page.keyboard.type("print('typed ' + str(6 * 7))");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => /typed 42/.test(document.body.innerText), undefined, { timeout: 10_000 });
  assert.deepEqual(log.filter(({ type }) => type === "pageerror"), []);
});

test("ENV-01 JS-037 fetch from Python in a page", async ({ open, server, assert }) => {
  const { page } = await open(server.add("fetch.html", `<!doctype html><script src="/dist/pyodide.js"></script>`));
  const result = await page.evaluate(async () => {
    const py = await loadPyodide();
    return await py.runPythonAsync(`
    from js import fetch
    response = await fetch("/dist/pyodide-lock.json")
    packages = await response.json()
    # If final statement is an expression, its value is returned to JavaScript
    len(packages.packages.object_keys()) >= 0
`);
  });
  assert.equal(result, true);
});

test("JS-019 JS-137 JS-138 JS-139 JS-140 ASYNC-12 JS-048 The documented canvas: Python draws on it, in a loop that lets the page go on", async ({ open, server, assert }) => {
  const { page } = await open(server.add("canvas.html", `<!doctype html><script src="/dist/pyodide.js"></script>`));
  const result = await page.evaluate(async () => {
    const pyodide = await loadPyodide();
    const nothing = pyodide.canvas.getCanvas2D();
    let sdl2Canvas = document.createElement("canvas");
    sdl2Canvas.id = "canvas";
    pyodide.canvas.setCanvas2D(sdl2Canvas);
    pyodide._api._skip_unwind_fatal_error = true;
    document.body.append(sdl2Canvas);
    let frames = 0;
    let isRunning = true;
    const count = () => {
      frames += 1;
      if (isRunning) requestAnimationFrame(count);
    };
    requestAnimationFrame(count);
    const drawn = await pyodide.runPythonAsync(`
import asyncio
from pyodide_js import canvas
context = canvas.getCanvas2D().getContext("2d")
drawn = 0
def draw_canvas():
    global drawn
    context.fillStyle = f"rgb({drawn}, 20, 30)"
    context.fillRect(0, 0, 10, 10)
    drawn += 1
async def run_game():
    while drawn < 10:
        draw_canvas()
        await asyncio.sleep(1 / 60)
await run_game()
drawn`);
    isRunning = false;
    const pixel = [...sdl2Canvas.getContext("2d").getImageData(5, 5, 1, 1).data];
    // What SDL in a side module draws on, through Emscripten.
    const seen = [pyodide._module.canvas === sdl2Canvas, pyodide.canvas.getCanvas3D() === sdl2Canvas];
    const other = document.createElement("canvas");
    pyodide.canvas.setCanvas3D(other);
    seen.push(pyodide.canvas.getCanvas2D() === other, pyodide.canvas.getCanvas3D() === other);
    return { nothing, drawn, pixel, seen, frames };
  });
  assert.equal(result.nothing, undefined);
  assert.equal(result.drawn, 10);
  assert.deepEqual(result.pixel, [9, 20, 30, 255]);
  assert.deepEqual(result.seen, [true, true, true, true]);
  assert.ok(result.frames > 1, `${result.frames} frames`);
});

test("ENV-02 ENV-30 A page with a global module (Electron, other scripts) has loadPyodide in both places", async ({ open, server, assert }) => {
  const page = '<!doctype html><script>globalThis.module = { exports: {} };</script><script src="/dist/pyodide.js"></script><script>console.log("result", loadPyodide === module.exports.loadPyodide);</script>';
  const opened = await open(server.add("global-module.html", page));
  assert.equal((await waitForLog(opened.page, opened.log, /^result|rror/)).text, "result true");
});

/** Where a program may store nothing, looking at the storage throws. */
const WITHOUT_STORAGE = `
loadPyodide().then(async (py) => {
  await py.loadPackage("attrs", { messageCallback() {} });
  py.FS.mkdir("/stored");
  py.FS.mount(py.FS.filesystems.IDBFS, {}, "/stored");
  const failed = await new Promise((resolve) => py.FS.syncfs(true, resolve));
  return [py.runPython("import attrs, asyncio; attrs.__name__"), failed !== null].join();
}).then((text) => report("result " + text), (error) => report("failed " + error.message));`;

test("ENV-34 PKG-02 FS-04 A sandboxed frame without an origin: Python starts and loads packages, only storage fails", async ({ open, server, assert }) => {
  const frame = `<script src="${server.origin}/dist/pyodide.js"></script><script>const report = (text) => parent.postMessage(text, "*");${WITHOUT_STORAGE}</script>`;
  const page = `<!doctype html><script>addEventListener("message", ({ data }) => console.log(data));</script><iframe sandbox="allow-scripts" srcdoc="${frame.replaceAll("&", "&amp;").replaceAll('"', "&quot;")}"></iframe>`;
  const opened = await open(server.add("sandboxed.html", page));
  assert.equal((await waitForLog(opened.page, opened.log, /^result|^failed/)).text, "result attrs,true");
});

test("ENV-34 PKG-02 FS-04 A page whose user blocks all storage", async ({ open, server, assert }) => {
  const block = `for (const name of ["caches", "indexedDB", "localStorage", "sessionStorage"])
  Object.defineProperty(globalThis, name, { get() { throw new DOMException("Access is denied for this document.", "SecurityError"); } });`;
  const page = `<!doctype html><script>${block}</script><script src="/dist/pyodide.js"></script><script>const report = (text) => console.log(text);${WITHOUT_STORAGE}</script>`;
  const opened = await open(server.add("blocked-storage.html", page));
  assert.equal((await waitForLog(opened.page, opened.log, /^result|^failed/)).text, "result attrs,true");
});

test("ENV-34 PKG-02 A store that is full costs nothing", async ({ open, server, assert }) => {
  const full = `Cache.prototype.put = async () => { globalThis.tried = true; throw new DOMException("Quota exceeded.", "QuotaExceededError"); };`;
  const page = `<!doctype html><script>${full} onunhandledrejection = ({ reason }) => console.log("failed", String(reason));</script><script src="/dist/pyodide.js"></script><script>
loadPyodide().then(async (py) => {
  await py.loadPackage("attrs", { messageCallback() {} });
  py.runPython("import attrs");
  while (globalThis.tried === undefined) await new Promise((resolve) => setTimeout(resolve, 50));
  console.log("result", py.runPython("attrs.__name__"));
});</script>`;
  const opened = await open(server.add("full-store.html", page));
  assert.equal((await waitForLog(opened.page, opened.log, /^result|^failed/)).text, "result attrs");
});
