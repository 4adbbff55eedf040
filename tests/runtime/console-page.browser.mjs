/**
 * The console page as its users know it: keys, completion, history, input, interrupts, colours.
 */
import { test } from "../harness/registry.mjs";

async function openConsole({ open, server }, { query = "", ...options } = {}) {
  const { page, log } = await open(undefined, options);
  await page.goto(`${server.origin}/dist/console.html${query}`);
  await page.waitForFunction(() => document.getElementById("status").textContent === "Ready", undefined, { timeout: 30_000 });
  const output = () => page.evaluate(() => document.getElementById("output").textContent);
  return {
    page,
    log,
    output,
    ready: () => page.waitForFunction(() => document.getElementById("status").textContent === "Ready"),
    /** Enters text and gives what was printed since. */
    async enter(text) {
      const before = (await output()).length;
      await page.keyboard.insertText(text);
      await page.keyboard.press("Enter");
      await page.waitForFunction(() => document.getElementById("status").textContent === "Ready" && !document.getElementById("line").hidden);
      return (await output()).slice(before);
    },
    line: () => page.evaluate(() => document.getElementById("code").value),
    prompt: () => page.evaluate(() => document.getElementById("prompt").textContent),
  };
}

test("REPL-01 REPL-03 REPL-05 REPL-09 REPL-12 Values, statements, await, _, and a clean namespace", async ({ open, server, assert }) => {
  const { page, enter, output, log } = await openConsole({ open, server });
  assert.match(await output(), /^Python 3\.14\.\d+ .* on WebAssembly\/Emscripten\nType "help"/);
  assert.equal(await enter("6 * 7"), ">>> 6 * 7\n42\n");
  assert.equal(await enter("_ + 1"), ">>> _ + 1\n43\n");
  assert.equal(await enter("x = 5"), ">>> x = 5\n");
  assert.equal(await enter("None"), ">>> None\n");
  assert.equal(await enter("sorted(n for n in dir() if not n.startswith('__'))"), ">>> sorted(n for n in dir() if not n.startswith('__'))\n['x']\n");
  assert.equal(await enter("import asyncio; await asyncio.sleep(0.01, 'slept')"), ">>> import asyncio; await asyncio.sleep(0.01, 'slept')\n'slept'\n");
  assert.equal(await enter("print('no end', end='')"), ">>> print('no end', end='')\nno end\n");
  assert.equal(await page.evaluate(() => pyodide.globals.get("x")), 5);
  assert.deepEqual(log.filter(({ type }) => type === "pageerror" || type === "error"), []);
});

test("REPL-06 REPL-11 Lines that are incomplete, blocks, pasted text with its spaces", async ({ open, server, assert }) => {
  const { page, enter, prompt, line } = await openConsole({ open, server });
  await enter("def f(x):");
  assert.deepEqual([await prompt(), await line()], ["...", "    "]);
  await enter("return (x +");
  assert.equal(await prompt(), "...");
  await page.keyboard.press("Control+a");
  await enter("1)");
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Delete");
  await enter("");
  assert.equal(await prompt(), ">>>");
  assert.equal(await enter("f(2)"), ">>> f(2)\n3\n");
  const pasted = "class\u00a0A:\n    def m(self):\n        return [\n            1,\n        ]\n\nprint(A().m())\nA().m() + [2]";
  assert.includes(await enter(pasted), "print(A().m())\n[1]\n>>> A().m() + [2]\n[1, 2]\n");
  assert.match(await enter("1 +"), /SyntaxError: invalid syntax\n$/);
  // Ctrl-C gives up a block that was begun.
  await enter("for i in range(3):");
  await page.keyboard.insertText("half");
  await page.keyboard.press("Control+c");
  assert.deepEqual([await prompt(), await line()], [">>>", ""]);
  assert.equal(await enter("'fine'"), ">>> 'fine'\n'fine'\n");
});

test("REPL-04 Completion: words, common beginnings, lists; none on white space", async ({ open, server, assert }) => {
  const { page, enter, line, output } = await openConsole({ open, server });
  await enter("import collections");
  await page.keyboard.insertText("collections.OrderedD");
  await page.keyboard.press("Tab");
  assert.equal(await line(), "collections.OrderedDict(");
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText("a = 5 ; str.isa");
  await page.keyboard.press("Tab");
  assert.equal(await line(), "a = 5 ; str.isa");
  assert.match(await output(), /isalnum\( {2}isalpha\( {2}isascii\(\n$/);
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText("if x: ");
  await page.keyboard.press("Tab");
  assert.equal(await line(), "if x:     ");
});

test("REPL-01 History over commands and over a reload", async ({ open, server, assert }) => {
  const { page, enter, line, ready } = await openConsole({ open, server });
  await enter("first = 1");
  await enter("def g():\n    return 2\n");
  await page.keyboard.insertText("draft");
  await page.keyboard.press("ArrowUp");
  assert.equal(await line(), "def g():\n    return 2");
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowUp");
  assert.equal(await line(), "first = 1");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  assert.equal(await line(), "draft");
  await page.reload();
  await ready();
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowUp");
  assert.equal(await line(), "first = 1");
});

test("REPL-07 REPL-09 Errors, long values, values whose repr fails", async ({ open, server, assert }) => {
  const { page, enter } = await openConsole({ open, server });
  await enter("def f(): return 1 / 0\n");
  assert.equal(await enter("f()"), '>>> f()\nTraceback (most recent call last):\n  File "<console>", line 1, in <module>\n  File "<console>", line 1, in f\nZeroDivisionError: division by zero\n');
  assert.equal(await page.evaluate(() => [...document.querySelectorAll("#output .bold")].at(-1).textContent), "ZeroDivisionError");
  const long = await enter("list(range(3000))");
  assert.match(long, /\n<long output truncated>\n/);
  assert.ok(long.length < 1200, String(long.length));
  assert.match(await enter("class Bad:\n    def __repr__(self): raise ValueError('in repr')\n\nBad()"), /ValueError: in repr\n$/);
  assert.match(await enter("exit()"), /reload the page to start again\.\n$/);
  assert.equal(await enter("[[[1, [2, {'a': (3,)}]]]]"), ">>> [[[1, [2, {'a': (3,)}]]]]\n[[[1, [2, {'a': (3,)}]]]]\n");
});

test("REPL-08 Output: colours, carriage returns, both streams, isatty", async ({ open, server, assert }) => {
  const { page, enter } = await openConsole({ open, server });
  assert.equal(await enter("print('\\x1b[31mred\\x1b[0m \\x1b[1;38;5;46mgreen\\x1b[m plain')"), ">>> print('\\x1b[31mred\\x1b[0m \\x1b[1;38;5;46mgreen\\x1b[m plain')\nred green plain\n");
  const spans = await page.evaluate(() => [...document.querySelectorAll("#output span span")].slice(-2).map((span) => [span.textContent, span.className, span.style.color]));
  assert.deepEqual(spans, [["red", "fg-red", ""], ["green", "bold", "rgb(0, 255, 0)"]]);
  assert.match(await enter("for i in range(3): print(f'\\rstep {i}', end='')\n"), /\nstep 2\n$/);
  assert.match(await enter("print('long text\\r\\x1b[Kshort')"), /\nshort\n$/);
  assert.match(await enter("import sys; sys.stderr.write('to err\\n')"), /\nto err\n7\n$/);
  assert.equal(await page.evaluate(() => [...document.querySelectorAll("#output .error")].at(-1).textContent), "to err");
  assert.match(await enter("sys.stdout.isatty(), sys.stdin.isatty()"), /\(True, True\)\n$/);
  assert.match(await enter("print('<b>no markup</b>')"), /\n<b>no markup<\/b>\n$/);
});

test("REPL-01 Output of many lines ends, its end is in sight, and only so much of it is kept", async ({ open, server, assert }) => {
  const { page, enter } = await openConsole({ open, server });
  assert.match(await enter("for i in range(7000): print('line', i)\n"), /line 6998\nline 6999\n$/);
  const kept = () => page.evaluate(() => document.getElementById("output").children.length);
  assert.ok((await kept()) <= 5501, `${await kept()} lines`);
  await page.waitForFunction(() => {
    const { bottom } = document.getElementById("output").getBoundingClientRect();
    return bottom <= innerHeight;
  });
});

test("REPL-08 IO-01 input() in the page, with Ctrl-C and end of file", async ({ open, server, assert }) => {
  const { page, output, prompt, ready } = await openConsole({ open, server });
  if (!(await page.evaluate(() => "Suspending" in WebAssembly))) return;
  const ask = async (text) => {
    await page.keyboard.insertText(text);
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.getElementById("status").textContent === "Waiting for input");
  };
  await ask("name = input('Name? ')");
  assert.equal(await prompt(), "Name? ");
  await page.keyboard.insertText("Jem");
  await page.keyboard.press("Enter");
  await ready();
  await ask("name, input()");
  await page.keyboard.insertText("x");
  await page.keyboard.press("Enter");
  await ready();
  assert.match(await output(), />>> name = input\('Name\? '\)\nName\? Jem\n>>> name, input\(\)\nx\n\('Jem', 'x'\)\n$/);
  await ask("input('again ')");
  await page.keyboard.press("Control+d");
  await ready();
  assert.match(await output(), /EOFError(: EOF when reading a line)?\n$/);
  await ask("input('more ')");
  await page.keyboard.press("Control+c");
  await ready();
  assert.match(await output(), /more \^C\n[\s\S]*KeyboardInterrupt\n$/);
});

test("REPL-06 Ctrl-C and the button stop a command that waits", async ({ open, server, assert }) => {
  const { page, output, ready, enter } = await openConsole({ open, server });
  for (const stop of [() => page.keyboard.press("Control+c"), () => page.click("#stop")]) {
    await page.keyboard.insertText("import asyncio; await asyncio.sleep(1000)\nprint('not reached')");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.getElementById("status").textContent === "Running…");
    await stop();
    await ready();
    assert.match(await output(), /KeyboardInterrupt\n$/);
  }
  assert.equal(await enter("1 + 1"), ">>> 1 + 1\n2\n");
});

test("ENV-34 REPL-09 The page under a policy of its own scripts and styles only", async ({ open, server, assert }) => {
  const { page, log } = await open();
  await page.route("**/console.html", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, headers: { ...response.headers(), "content-security-policy": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; img-src data:" } });
  });
  await page.goto(`${server.origin}/dist/console.html`);
  await page.waitForFunction(() => document.getElementById("status").textContent === "Ready", undefined, { timeout: 30_000 });
  await page.keyboard.insertText("print('\\x1b[38;2;1;2;3mcolour')");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => /\ncolour\n/.test(document.getElementById("output").textContent));
  assert.deepEqual(log.filter(({ type }) => type !== "log"), []);
});
