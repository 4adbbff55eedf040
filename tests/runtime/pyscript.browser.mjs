/**
 * PyScript, unchanged, on this distribution: its pages in the main thread, in workers and with a terminal.
 */
import { test } from "../harness/registry.mjs";

const ISOLATED = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };

const HEAD = `<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="/tests/node_modules/@pyscript/core/dist/core.css">
<script type="module" src="/tests/node_modules/@pyscript/core/dist/core.js"></script>`;

const config = (more = {}) => JSON.stringify({ interpreter: "/dist/pyodide.mjs", ...more });

/** What was written to the console, without what the packages that PyScript loads say of themselves. */
const lines = (log) => log.filter(({ type, text }) => type === "log" && text.trim() !== "" && !/^Load(ing|ed) /.test(text)).map(({ text }) => text.trimEnd());

test("ROAD-35 PyScript: a page's program, its files, events, fetch and display", async ({ open, server, assert }) => {
  server.add("pyscript/data.txt", "from a file");
  const { page, log } = await open(server.add("pyscript/main.html", `${HEAD}
<div id="out"></div><button id="button" py-click="clicked">go</button>
<script type="py" config='${config({ files: { "./data.txt": "/data.txt" } })}'>
import asyncio, sys
from pyscript import HTML, document, display, fetch, when, window
from pyscript.ffi import create_proxy, to_js
from pyscript.web import div, page
display("displayed", target="out")
display(HTML("<b>bold</b>"), target="out")
def clicked(event):
    document.querySelector("#out").append(" py-" + event.type)
@when("click", "#button")
def other(event):
    document.querySelector("#out").append(" when-" + event.target.id)
print(open("/data.txt").read())
print("fetched:", await fetch("./data.txt").text())
await asyncio.sleep(0.01)
page.append(div("made in Python", id="web"))
print(to_js({"a": [1]}).a.length)
window.setTimeout(create_proxy(lambda *_: print("later")), 1)
await asyncio.sleep(0.05)
window.isFinished = True
</script>`));
  await page.waitForFunction(() => window.isFinished, undefined, { timeout: 40_000 });
  await page.click("#button");
  assert.deepEqual(lines(log), ["from a file", "fetched: from a file", "1", "later"]);
  assert.equal((await page.innerText("#out")).replaceAll(/\s+/g, " "), "displayed bold py-click when-button");
  assert.equal(await page.innerText("#web"), "made in Python");
});

test("ROAD-35 PyScript: a program that fails says so on the page", async ({ open, server, assert }) => {
  const { page } = await open(server.add("pyscript/fails.html", `${HEAD}
<script type="py" config='${config()}'>
1 / 0
</script>`));
  await page.waitForFunction(() => document.body.innerText.includes("ZeroDivisionError"), undefined, { timeout: 40_000 });
  assert.match(await page.innerText("body"), /^Traceback \(most recent call last\):[^]*ZeroDivisionError: division by zero/m);
});

test("ROAD-35 PyScript: a worker uses the page's document, and its terminal asks for input", async ({ open, server, assert }) => {
  const { page } = await open(
    server.add("pyscript/worker.html", `${HEAD}
<div id="out"></div>
<script type="py" worker terminal config='${config()}'>
import time
from pyscript import RUNNING_IN_WORKER, document
document.querySelector("#out").append("in a worker: " + str(RUNNING_IN_WORKER))
time.sleep(0.01)
print("Hello,", input("name? "))
import code
code.interact(banner="a prompt")
</script>`, ISOLATED),
  );
  // Keys are for whoever asks: the end of what the terminal shows has to be a prompt.
  const terminal = (wanted) => page.waitForFunction((source) => new RegExp(source).test((document.querySelector(".xterm-rows")?.innerText ?? "").replaceAll("\u00a0", " ").trimEnd()), wanted.source, { timeout: 40_000 });
  await terminal(/name\?$/);
  await page.click(".xterm");
  await page.keyboard.type("Ann\n");
  await terminal(/Hello, Ann[^]*>>>$/);
  await page.keyboard.type("2 + 3 * 100\n");
  await terminal(/302\s+>>>$/);
  await page.keyboard.type("1/0\n");
  await terminal(/ZeroDivisionError: division by zero\s+>>>$/);
  assert.equal(await page.innerText("#out"), "in a worker: True");
});
