/**
 * `dist/python` behaves like a `python` command: exit codes, messages, signals, the prompt.
 */
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { inFolder, launcher, runPython } from "../harness/python-command.mjs";
import { start } from "../harness/processes.mjs";
import { configure, test } from "../harness/registry.mjs";

configure({ noInterpreter: true });

test("CLI Exit codes", async ({ dist, assert }) => {
  const programs = [
    ["pass", 0],
    ["import sys; sys.exit()", 0],
    ["import sys; sys.exit(0)", 0],
    ["import sys; sys.exit(3)", 3],
    ["import sys; sys.exit('a message')", 1],
    ["raise SystemExit(255)", 255],
    ["1/0", 1],
    ["def f(:", 1],
    ["import os; os._exit(7)", 7],
  ];
  const codes = await Promise.all(programs.map(async ([program]) => [program, (await runPython(dist, ["-c", program])).code]));
  assert.deepEqual(codes, programs);
});

test("CLI Messages of failing programs go to stderr and look as elsewhere", async ({ dist, assert }) => {
  const division = await runPython(dist, ["-c", "def f():\n    return 1 / 0\nf()"]);
  assert.equal(division.out, "");
  assert.match(division.err, /^Traceback \(most recent call last\):\n  File "<string>", line 3, in <module>\n/);
  assert.match(division.err, /ZeroDivisionError: division by zero\n$/);
  const exit = await runPython(dist, ["-c", "import sys; sys.exit('a message')"]);
  assert.equal(exit.err, "a message\n");
  const missing = await runPython(dist, ["no-such-file.py"]);
  assert.equal(missing.code, 2);
  assert.match(missing.err, /can't open file .*no-such-file\.py.*No such file or directory/);
  const option = await runPython(dist, ["--no-such-option"]);
  assert.equal(option.code, 2);
  assert.match(option.err, /unknown option:? --no-such-option/i);
  assert.ok(!/pyodide\.asm|node:internal|wasm-function/.test(division.err + missing.err + option.err));
});

test("CLI A traceback of a script shows its lines", async ({ dist, assert }) => {
  await inFolder({ "bad.py": "def f():\n    raise ValueError('shown')  # this line\nf()\n" }, async (folder) => {
    const { code, err } = await runPython(dist, ["bad.py"], { cwd: folder });
    assert.equal(code, 1);
    assert.includes(err, "raise ValueError('shown')  # this line");
    assert.includes(err, `File "${path.join(folder, "bad.py")}", line 2, in f`);
  });
});

test("CLI JS-012 Variables of the environment", async ({ dist, assert }) => {
  await inFolder({ "lib/found_by_path.py": "x = 'found'" }, async (folder) => {
    const { out } = await runPython(dist, ["-c", "import os, found_by_path; print(os.environ['MY_VAR'], found_by_path.x)"], {
      env: { MY_VAR: "välue", PYTHONPATH: path.join(folder, "lib") },
    });
    assert.equal(out, "välue found\n");
  });
});

test("CLI atexit, threads of output and buffers are flushed at the end", async ({ dist, assert }) => {
  const { out, err, code } = await runPython(dist, ["-c", "import atexit, sys\natexit.register(print, 'at exit')\nsys.stdout.write('no newline ')\nsys.stderr.write('err')\nsys.exit(4)"]);
  assert.deepEqual([code, out, err], [4, "no newline at exit\n", "err"]);
});

test("CLI Large output through a pipe arrives whole", async ({ dist, assert }) => {
  const { out, code } = await runPython(dist, ["-c", "import sys\nfor i in range(40000): print(i, 'x' * 40)\nsys.exit(5)"]);
  assert.equal(code, 5);
  assert.equal(out.length, Array.from({ length: 40000 }, (_, i) => `${i}`.length + 42).reduce((a, b) => a + b));
  assert.ok(out.endsWith(`39999 ${"x".repeat(40)}\n`));
});

test("CLI PY-01 JavaScript is there", async ({ dist, assert }) => {
  const { out } = await runPython(dist, ["-c", "import js, sys, pyodide\nprint(js.JSON.stringify(js.Array.from_([1, 2])), sys.platform)"]);
  assert.equal(out, "[1,2] emscripten\n");
});

test("CLI PY-01 PY-02 pyodide_js and what needs it", async ({ dist, assert }) => {
  const { out, err } = await runPython(dist, [
    "-c",
    "import pyodide_js, socket, sys\nprint(pyodide_js.version == __import__('pyodide').__version__, pyodide_js.globals.get('sys') is sys, pyodide_js.runPython('1 + 1'))\nfrom pyodide_js import FS\nprint(FS.cwd() == __import__('os').getcwd())",
  ]);
  assert.deepEqual([out, err], ["True True 2\nTrue\n", ""]);
});

test("CLI The standard streams are as CPython makes them", async ({ dist, assert }) => {
  const see = "import sys; print(type(sys.stdout).__name__, sys.stdout.line_buffering, sys.stdout.write_through, sys.stderr.line_buffering, sys.stdout.errors)";
  const env = { PYTHONUNBUFFERED: "" };
  assert.equal((await runPython(dist, ["-c", see], { env })).out, "TextIOWrapper False False True surrogateescape\n");
  assert.equal((await runPython(dist, ["-u", "-c", see])).out, "TextIOWrapper False True False surrogateescape\n");
  // Without a terminal output is kept until the end, in the order of each stream.
  const { out, err } = await runPython(dist, ["-c", "import os, sys\nprint('buffered')\nos.write(1, b'first\\n')\nsys.stderr.write('at once')"], { env });
  assert.deepEqual([out, err], ["first\nbuffered\n", "at once"]);
});

test("CLI JS-011 Options of the interpreter", { timeout: 240 }, async ({ dist, assert }) => {
  const see = "import sys, tracemalloc; print(sys.flags.dev_mode, sys.flags.int_max_str_digits, tracemalloc.is_tracing(), sys.flags.ignore_environment, '/on/path' in sys.path)";
  const run = async (args, env) => (await runPython(dist, [...args, "-c", see], { env })).out.trim();
  assert.equal(await run([]), "False 4300 False 0 False");
  assert.equal(await run(["-X", "dev", "-X", "tracemalloc", "-X", "int_max_str_digits=0"]), "True 0 True 0 False");
  assert.equal(await run([], { PYTHONPATH: "/on/path:/other", PYTHONDEVMODE: "1" }), "True 4300 False 0 True");
  assert.equal(await run(["-Es"], { PYTHONPATH: "/on/path", PYTHONDEVMODE: "1" }), "False 4300 False 1 False");
  assert.equal(await run(["-I"], { PYTHONPATH: "/on/path" }), "False 4300 False 1 False");
  const hashes = await Promise.all([1, 2].map(() => runPython(dist, ["-c", "print(hash('abc'))"], { env: { PYTHONHASHSEED: "42" } })));
  assert.equal(hashes[0].out, hashes[1].out);
  assert.match((await runPython(dist, ["-VV"])).out, /^Python 3\.14\.\d+ \(.*\)/);
});

test("CLI What needs another process says so", async ({ dist, assert }) => {
  const child = await runPython(dist, ["-c", "import subprocess, sys\ntry:\n    subprocess.run([sys.executable, '-c', '1'])\nexcept OSError as error: print(error)"]);
  assert.match(child.out, /does not support processes/);
  for (const module of ["pip", "venv", "ensurepip"]) {
    const { code, err } = await runPython(dist, ["-m", module, "install", "x"]);
    assert.equal(code, 1);
    assert.match(err, new RegExp(`No module named ${module}`));
    assert.match(err, /micropip/);
  }
  const shell = await runPython(dist, ["-m", "asyncio"]);
  assert.equal(shell.code, 1);
  assert.match(shell.err, /asyncio has a prompt that needs a thread/);
});

test("CLI IO-12 Who reads no further ends the program as it ends others", async ({ dist, assert }) => {
  // A pipe of the shell: what Node gives a child is a socket, which says that the connection was reset when there is something left to read.
  const program = "print('x' * 10)\nfor i in range(10 ** 6): print(i)";
  const child = start("/bin/sh", ["-c", '{ "$@"; echo "status $?" >&2; } | head -n 1', "sh", ...launcher(dist), "-c", program], { stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let err = "";
  child.stdout.on("data", (data) => (out += data));
  child.stderr.on("data", (data) => (err += data));
  await once(child, "close");
  assert.equal(out, "xxxxxxxxxx\n");
  // CPython's status is 120 when it has something left to write at its end: when the reader went in the middle of a write.
  assert.match(err, /BrokenPipeError: \[Errno \d+\] Broken pipe\n(status 1|Exception ignored while flushing sys\.stdout:\nBrokenPipeError: .*\nstatus 120)\n$/);
});

test("CLI W-19 -m http.server serves a folder until Ctrl-C", async ({ dist, assert }) => {
  await inFolder({ "served.txt": "from the folder\n" }, async (folder) => {
    const [program, ...first] = launcher(dist);
    const child = start(program, [...first, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    let text = "";
    let log = "";
    child.stderr.on("data", (data) => (log += data));
    const port = await new Promise((resolve, reject) => {
      child.on("close", () => reject(new Error(`It has ended: ${text}${log}`)));
      child.stdout.on("data", (data) => {
        text += data;
        const found = /port (\d+)/.exec(text);
        if (found) resolve(found[1]);
      });
    });
    const get = (path) => fetch(`http://127.0.0.1:${port}/${path}`, { signal: AbortSignal.timeout(60_000) });
    assert.equal(await (await get("served.txt")).text(), "from the folder\n");
    assert.match(await (await get("")).text(), /served\.txt/);
    assert.equal((await get("missing")).status, 404);
    child.kill("SIGINT");
    // What it raises is dropped, as natively, when it comes while the end of a file of the last answer runs: one presses the keys again.
    const again = setInterval(() => child.kill("SIGINT"), 5000).unref();
    const [code] = await once(child, "close");
    clearInterval(again);
    assert.equal(code, 0);
    assert.match(text, /Keyboard interrupt received, exiting/);
    assert.match(log, /"GET \/served\.txt HTTP\/1\.1" 200/);
  });
});

test("CLI What a newcomer starts with -m", { timeout: 240 }, async ({ dist, assert }) => {
  const files = {
    "answers.py": '"""\n>>> 40 + 2\n42\n>>> 1 + 1\n3\n"""\n',
    "program.py": "def f(x):\n    y = x + 1\n    return y * 2\nprint(f(20))\n",
    "stops.py": "def f(x):\n    breakpoint()\n    return x * 2\nprint(f(20))\n",
  };
  await inFolder(files, async (folder) => {
    const run = (args, input = "") => runPython(dist, args, { cwd: folder, input });
    const [timeit, doctest, profile, pydoc, debugger_, breakpoint, importTime, traced, faults, warned, calendar, compiled] = await Promise.all([
      run(["-m", "timeit", "-n", "10", "-r", "1", "sum(range(10))"]),
      run(["-m", "doctest", "answers.py"]),
      run(["-m", "cProfile", "-s", "ncalls", "program.py"]),
      run(["-m", "pydoc", "math.gcd"]),
      run(["-m", "pdb", "program.py"], "b f\nc\nn\np y\nw\nc\nq\n"),
      run(["stops.py"], "p x\nn\n!x = 50\nc\n"),
      run(["-X", "importtime", "-c", "import colorsys"]),
      run(["-X", "tracemalloc", "-c", "import tracemalloc\nx = [bytes(1000) for _ in range(100)]\nprint(tracemalloc.get_traced_memory()[0] > 100_000)"]),
      run(["-X", "faulthandler", "-c", "import faulthandler\ndef here(): faulthandler.dump_traceback()\nhere()"]),
      run(["-X", "dev", "-c", "import warnings; warnings.warn('old', DeprecationWarning); open('program.py')"]),
      run(["-m", "calendar", "2024", "2"]),
      run(["-m", "dis", "program.py"]),
    ]);
    assert.match(timeit.out, /^10 loops, best of 1: [\d.]+ [mun]?sec per loop/);
    assert.equal(doctest.code, 1);
    assert.match(doctest.out, /Expected:\n {4}3\nGot:\n {4}2\n[^]*1 of {3}2 in answers/);
    assert.match(profile.out, /^42\n[^]*program\.py:1\(f\)/);
    assert.match(pydoc.out, /gcd\(\*integers\)\n {4}Greatest Common Divisor/);
    assert.match(debugger_.out, /Breakpoint 1 at .*program\.py:2[^]*\(Pdb\) 21\n[^]*-> return y \* 2\n\(Pdb\) 42\n/);
    assert.match(breakpoint.out, /-> breakpoint\(\)\n\(Pdb\) 20\n[^]*100\n$/);
    assert.match(importTime.err, /import time: +\d+ \| +\d+ \| colorsys/);
    assert.equal(traced.out, "True\n");
    assert.match(faults.err, /File "<string>", line 2 in here\n {2}File "<string>", line 3 in <module>/);
    assert.match(warned.err, /DeprecationWarning: old[^]*ResourceWarning: unclosed file/);
    assert.match(calendar.out, /February 2024/);
    assert.match(compiled.out, /RETURN_VALUE/);
  });
});

test("CLI ROAD-17 ENV-48 asyncio.run blocks", async ({ dist, assert }) => {
  const loop = await runPython(dist, ["-c", "import asyncio\nasync def main():\n    await asyncio.sleep(0.01)\n    return 'slept'\nprint(asyncio.run(main()))"]);
  assert.equal(loop.err, "");
  assert.equal(loop.out, "slept\n");
});

test("CLI W-19 ROAD-17 Sockets, HTTP and asyncio's connections, and nothing that was sent is lost at the end", async ({ dist, assert, env }) => {
  const program = `
import asyncio, socket, urllib.request
print(urllib.request.urlopen("${env.network.open}text").read().decode(), end="")
async def main():
    async def shout(reader, writer):
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()
    async with await asyncio.start_server(shout, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"a line\\n")
        print(await reader.readline())
        writer.close()
        await writer.wait_closed()
asyncio.run(main())
last = socket.create_connection(("127.0.0.1", ${env.network.httpPort}))
last.sendall(b"GET /open/next?id=command HTTP/1.0\\r\\n\\r\\n")
`.replaceAll("\\\\", "\\");
  const { out, err } = await runPython(dist, ["-c", program]);
  assert.equal(err, "");
  assert.equal(out, "Hello, W\u00f6rld\nb'A LINE\\n'\n");
  // The second part comes only because the last request has arrived.
  const reader = (await fetch(`${env.network.open}chunked?id=command`)).body.getReader();
  let text = "";
  while (!text.includes("two")) text += new TextDecoder().decode((await reader.read()).value);
  await reader.cancel();
});

test("CLI The plain REPL in a terminal", async ({ dist, assert, skip }) => {
  if (!existsSync("/usr/bin/script")) skip("CLI: there is no `script` command to make a terminal with");
  const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const command = [...launcher(dist), "-q", "-i"].map(quote).join(" ");
  const output = await new Promise((resolve, reject) => {
    const child = start("/usr/bin/script", ["-qec", command, "/dev/null"], { env: { ...process.env, PYTHON_BASIC_REPL: "1", TERM: "dumb" }, stdio: ["pipe", "pipe", "inherit"] });
    const steps = ["1 + 41\r", "def f():\r    return 'from' + ' f'\r\rf()\r", "1/0\r", "import sys; sys.stdin.isatty()\r", "exit(9)\r"];
    let text = "";
    let prompts = 0;
    child.stdout.on("data", (data) => {
      text += data;
      // One step whenever there is a new prompt at the end.
      if (/>>> $/.test(text) && text.length > prompts) {
        prompts = text.length;
        const next = steps.shift();
        if (next !== undefined) child.stdin.write(next);
      }
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ text, code }));
  });
  assert.includes(output.text, "42");
  assert.includes(output.text, "'from f'");
  assert.includes(output.text, "ZeroDivisionError: division by zero");
  assert.includes(output.text, "True");
  assert.equal(output.code, 9);
});

test("CLI -i and the interactive mode without a terminal", async ({ dist, assert }) => {
  const { out, err } = await runPython(dist, ["-i", "-q", "-c", "x = 5"], { input: "print(x * 2)\n" });
  assert.includes(out, "10");
  assert.includes(err, ">>>");
});

test("CLI ENV-37 The tour runs as a script of the host", async ({ dist, assert, tests }) => {
  const { code, out, err } = await runPython(dist, [path.join(tests, "../examples/tour.py")]);
  assert.equal(err, "");
  assert.equal(code, 0);
  assert.equal(out, await readFile(path.join(tests, "golden/tour.txt"), "utf8"));
});

test("CLI sys.executable, paths and site", async ({ dist, assert }) => {
  const { out } = await runPython(dist, ["-c", "import sys; print(bool(sys.executable), sys.prefix != '', sys.path[0] == '')"]);
  assert.equal(out, "True True True\n");
  const isolated = await runPython(dist, ["-I", "-S", "-c", "import sys; print(sys.flags.isolated, 'site' in sys.modules)"]);
  assert.equal(isolated.out, "1 False\n");
});

test("CLI unittest runs and reports", async ({ dist, assert }) => {
  await inFolder({ "test_x.py": "import unittest\nclass T(unittest.TestCase):\n  def test_a(self): self.assertEqual(1, 1)\n  def test_b(self): self.assertEqual(1, 2)\n" }, async (folder) => {
    const { code, err } = await runPython(dist, ["-m", "unittest", "-v", "test_x"], { cwd: folder });
    assert.equal(code, 1);
    assert.match(err, /Ran 2 tests/);
    assert.match(err, /FAILED \(failures=1\)/);
  });
});
