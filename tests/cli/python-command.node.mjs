/**
 * `dist/python` behaves like a `python` command: arguments, streams, exit codes, files of the host.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { configure, test } from "../harness/registry.mjs";

configure({ noInterpreter: true });

/** The launcher, started with the Node under test: its first line asks for the `node` on PATH. */
function launcher(dist) {
  return [process.execPath, path.join(dist, "python.mjs")];
}

function run(dist, args, { input = "", cwd, env = {}, signal, afterOutput } = {}) {
  const [program, ...first] = launcher(dist);
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...first, ...args], { cwd, env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
    let out = Buffer.alloc(0);
    let err = "";
    child.stdout.on("data", (data) => {
      out = Buffer.concat([out, data]);
      if (afterOutput && out.includes(afterOutput)) child.kill(signal);
    });
    child.stderr.on("data", (data) => {
      err += data;
    });
    child.on("error", reject);
    child.stdin.on("error", () => {});
    child.stdin.end(input);
    child.on("close", (code, killedBy) => resolve({ code, signal: killedBy, out: out.toString(), err, bytes: out }));
  });
}

async function inFolder(files, work) {
  const folder = await mkdtemp(path.join(os.tmpdir(), "pyoxide-cli-"));
  try {
    for (const [name, content] of Object.entries(files)) {
      await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
      await writeFile(path.join(folder, name), content);
    }
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test("CLI ENV-01 -c runs code", async ({ dist, assert }) => {
  const { code, out, err } = await run(dist, ["-c", "print('hello', 1 + 1)"]);
  assert.deepEqual([code, out, err], [0, "hello 2\n", ""]);
});

test("CLI The launcher itself is executable", async ({ dist, assert }) => {
  const result = await new Promise((resolve, reject) => {
    const child = spawn(path.join(dist, "python"), ["-c", "print(6 * 7)"], { stdio: ["ignore", "pipe", "inherit"] });
    let out = "";
    child.stdout.on("data", (data) => {
      out += data;
    });
    child.on("error", reject);
    child.on("close", () => resolve(out));
  });
  assert.equal(result, "42\n");
});

test("CLI -c passes arguments and options", async ({ dist, assert }) => {
  const { out } = await run(dist, ["-O", "-W", "error", "-c", "import sys; print(sys.argv, sys.flags.optimize, sys.warnoptions)", "a", "--flag", "b c"]);
  assert.equal(out, "['-c', 'a', '--flag', 'b c'] 1 ['error']\n");
});

test("CLI -V and -h", async ({ dist, assert }) => {
  const version = await run(dist, ["-V"]);
  assert.match(version.out, /^Python 3\.14\.\d+\S*\n$/);
  assert.equal(version.code, 0);
  const help = await run(dist, ["-h"]);
  assert.match(help.out, /^usage: /);
  assert.equal(help.code, 0);
});

test("CLI A script of the host, with arguments and a neighbour module", async ({ dist, assert }) => {
  await inFolder({ "main.py": "import sys, helper\nprint(__name__, sys.argv[1:], helper.value, __file__)", "helper.py": "value = 'from a neighbour'" }, async (folder) => {
    const { code, out, err } = await run(dist, ["main.py", "x", "y z"], { cwd: folder });
    assert.equal(err, "");
    assert.deepEqual([code, out], [0, `__main__ ['x', 'y z'] from a neighbour ${path.join(folder, "main.py")}\n`]);
    const absolute = await run(dist, [path.join(folder, "main.py")], { cwd: os.tmpdir() });
    assert.match(absolute.out, /from a neighbour/);
  });
});

test("CLI FS-11 Files of the host are visible both ways", async ({ dist, assert }) => {
  await inFolder({ "in.txt": "inhalt é\n", "sub/x": "" }, async (folder) => {
    const { code, out, err } = await run(
      dist,
      ["-c", "import os, pathlib\nprint(os.getcwd(), open('in.txt', encoding='utf-8').read().strip(), sorted(os.listdir()))\npathlib.Path('sub/out.txt').write_text('written')\nos.mkdir('made')\nos.remove('in.txt')"],
      { cwd: folder },
    );
    assert.equal(err, "");
    assert.equal(code, 0);
    assert.equal(out, `${folder} inhalt é ['in.txt', 'sub']\n`);
    assert.equal(await readFile(path.join(folder, "sub/out.txt"), "utf8"), "written");
    assert.ok(existsSync(path.join(folder, "made")));
    assert.ok(!existsSync(path.join(folder, "in.txt")));
  });
});

test("CLI A package folder and a zip with __main__", async ({ dist, assert }) => {
  await inFolder({ "pkg/__main__.py": "print('package', __name__)", "pkg/__init__.py": "", "app/__main__.py": "print('folder', __name__)" }, async (folder) => {
    assert.equal((await run(dist, ["-m", "pkg"], { cwd: folder })).out, "package __main__\n");
    assert.equal((await run(dist, ["app"], { cwd: folder })).out, "folder __main__\n");
    const zipped = await run(dist, ["-m", "zipapp", "app", "-o", "app.pyz"], { cwd: folder });
    assert.equal(zipped.err, "");
    assert.equal((await run(dist, ["app.pyz"], { cwd: folder })).out, "folder __main__\n");
  });
});

test("CLI -m json.tool with standard input", async ({ dist, assert }) => {
  const { code, out } = await run(dist, ["-m", "json.tool", "--compact"], { input: '{"a": [1, 2]}' });
  assert.deepEqual([code, out], [0, '{"a":[1,2]}\n']);
});

test("CLI -m of a module that is not there", async ({ dist, assert }) => {
  const { code, err } = await run(dist, ["-m", "no_such_module"]);
  assert.equal(code, 1);
  assert.match(err, /No module named no_such_module/);
});

test("CLI IO-01 The program comes from standard input", async ({ dist, assert }) => {
  const { code, out } = await run(dist, [], { input: "x = 20\nprint(x + 1)\n" });
  assert.deepEqual([code, out], [0, "21\n"]);
  const dash = await run(dist, ["-", "arg"], { input: "import sys; print(sys.argv)" });
  assert.equal(dash.out, "['-', 'arg']\n");
});

test("CLI IO-01 input() reads lines of standard input", async ({ dist, assert }) => {
  const { code, out, err } = await run(dist, ["-c", "print(input('? '), '|', input())\ntry:\n  input()\nexcept EOFError as e: print(e)"], { input: "first é\nlast" });
  assert.equal(err, "");
  assert.deepEqual([code, out], [0, "? first é | last\nEOF when reading a line\n"]);
});

test("CLI IO-01 Binary data goes through untouched", async ({ dist, assert }) => {
  const input = Buffer.from(Array.from({ length: 200_000 }, (_, i) => i % 256));
  const { code, bytes } = await run(dist, ["-c", "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read()[::-1])"], { input });
  assert.equal(code, 0);
  assert.equal(Buffer.compare(bytes, Buffer.from(input).reverse()), 0);
});

test("CLI Exit codes", async ({ dist, assert }) => {
  for (const [program, expected] of [
    ["pass", 0],
    ["import sys; sys.exit()", 0],
    ["import sys; sys.exit(0)", 0],
    ["import sys; sys.exit(3)", 3],
    ["import sys; sys.exit('a message')", 1],
    ["raise SystemExit(255)", 255],
    ["1/0", 1],
    ["def f(:", 1],
    ["import os; os._exit(7)", 7],
  ]) {
    const { code } = await run(dist, ["-c", program]);
    assert.equal(code, expected, program);
  }
});

test("CLI Messages of failing programs go to stderr and look as elsewhere", async ({ dist, assert }) => {
  const division = await run(dist, ["-c", "def f():\n    return 1 / 0\nf()"]);
  assert.equal(division.out, "");
  assert.match(division.err, /^Traceback \(most recent call last\):\n  File "<string>", line 3, in <module>\n/);
  assert.match(division.err, /ZeroDivisionError: division by zero\n$/);
  const exit = await run(dist, ["-c", "import sys; sys.exit('a message')"]);
  assert.equal(exit.err, "a message\n");
  const missing = await run(dist, ["no-such-file.py"]);
  assert.equal(missing.code, 2);
  assert.match(missing.err, /can't open file .*no-such-file\.py.*No such file or directory/);
  const option = await run(dist, ["--no-such-option"]);
  assert.equal(option.code, 2);
  assert.match(option.err, /unknown option:? --no-such-option/i);
  assert.ok(!/pyodide\.asm|node:internal|wasm-function/.test(division.err + missing.err + option.err));
});

test("CLI A traceback of a script shows its lines", async ({ dist, assert }) => {
  await inFolder({ "bad.py": "def f():\n    raise ValueError('shown')  # this line\nf()\n" }, async (folder) => {
    const { code, err } = await run(dist, ["bad.py"], { cwd: folder });
    assert.equal(code, 1);
    assert.includes(err, "raise ValueError('shown')  # this line");
    assert.includes(err, `File "${path.join(folder, "bad.py")}", line 2, in f`);
  });
});

test("CLI JS-012 Variables of the environment", async ({ dist, assert }) => {
  await inFolder({ "lib/found_by_path.py": "x = 'found'" }, async (folder) => {
    const { out } = await run(dist, ["-c", "import os, found_by_path; print(os.environ['MY_VAR'], found_by_path.x)"], {
      env: { MY_VAR: "välue", PYTHONPATH: path.join(folder, "lib") },
    });
    assert.equal(out, "välue found\n");
  });
});

test("CLI atexit, threads of output and buffers are flushed at the end", async ({ dist, assert }) => {
  const { out, err, code } = await run(dist, ["-c", "import atexit, sys\natexit.register(print, 'at exit')\nsys.stdout.write('no newline ')\nsys.stderr.write('err')\nsys.exit(4)"]);
  assert.deepEqual([code, out, err], [4, "no newline at exit\n", "err"]);
});

test("CLI Large output through a pipe arrives whole", async ({ dist, assert }) => {
  const { out, code } = await run(dist, ["-c", "import sys\nfor i in range(40000): print(i, 'x' * 40)\nsys.exit(5)"]);
  assert.equal(code, 5);
  assert.equal(out.length, Array.from({ length: 40000 }, (_, i) => `${i}`.length + 42).reduce((a, b) => a + b));
  assert.ok(out.endsWith(`39999 ${"x".repeat(40)}\n`));
});

test("CLI asyncio.run and JavaScript are there", async ({ dist, assert, env }) => {
  const { out } = await run(dist, ["-c", "import js, sys, pyodide\nprint(js.JSON.stringify(js.Array.from_([1, 2])), sys.platform)"]);
  assert.equal(out, "[1,2] emscripten\n");
  if (!env.hasJspi) return;
  const loop = await run(dist, ["-c", "import asyncio\nasync def main():\n    await asyncio.sleep(0.01)\n    return 'slept'\nprint(asyncio.run(main()))"]);
  assert.equal(loop.err, "");
  assert.equal(loop.out, "slept\n");
});

test("CLI ASYNC-16 Ctrl-C in a program that waits for input ends it", async ({ dist, assert }) => {
  const { code, signal, err } = await new Promise((resolve, reject) => {
    const [program, ...first] = launcher(dist);
    const child = spawn(program, [...first, "-c", "print('ready', flush=True)\ninput()"], { stdio: ["pipe", "pipe", "pipe"] });
    let text = "";
    child.stderr.on("data", (data) => {
      text += data;
    });
    child.stdout.on("data", () => child.kill("SIGINT"));
    child.on("error", reject);
    child.on("close", (exitCode, killedBy) => resolve({ code: exitCode, signal: killedBy, err: text }));
  });
  assert.ok(signal === "SIGINT" || code === 130 || code === 1, `exit code ${code}, signal ${signal}`);
  assert.ok(!/wasm-function|pyodide\.asm/.test(err), err);
});

test("CLI The REPL in a terminal", async ({ dist, assert, skip }) => {
  if (!existsSync("/usr/bin/script")) skip("CLI: there is no `script` command to make a terminal with");
  const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const command = [...launcher(dist), "-q", "-i"].map(quote).join(" ");
  const output = await new Promise((resolve, reject) => {
    const child = spawn("/usr/bin/script", ["-qec", command, "/dev/null"], { env: { ...process.env, PYTHON_BASIC_REPL: "1", TERM: "dumb" }, stdio: ["pipe", "pipe", "inherit"] });
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
  const { out, err } = await run(dist, ["-i", "-q", "-c", "x = 5"], { input: "print(x * 2)\n" });
  assert.includes(out, "10");
  assert.includes(err, ">>>");
});

test("CLI ENV-37 The tour runs as a script of the host", async ({ dist, assert, tests }) => {
  const { code, out, err } = await run(dist, [path.join(tests, "../examples/tour.py")]);
  assert.equal(err, "");
  assert.equal(code, 0);
  assert.equal(out, await readFile(path.join(tests, "golden/tour.txt"), "utf8"));
});

test("CLI sys.executable, paths and site", async ({ dist, assert }) => {
  const { out } = await run(dist, ["-c", "import sys; print(bool(sys.executable), sys.prefix != '', sys.path[0] == '')"]);
  assert.equal(out, "True True True\n");
  const isolated = await run(dist, ["-I", "-S", "-c", "import sys; print(sys.flags.isolated, 'site' in sys.modules)"]);
  assert.equal(isolated.out, "1 False\n");
});

test("CLI unittest runs and reports", async ({ dist, assert }) => {
  await inFolder({ "test_x.py": "import unittest\nclass T(unittest.TestCase):\n  def test_a(self): self.assertEqual(1, 1)\n  def test_b(self): self.assertEqual(1, 2)\n" }, async (folder) => {
    const { code, err } = await run(dist, ["-m", "unittest", "-v", "test_x"], { cwd: folder });
    assert.equal(code, 1);
    assert.match(err, /Ran 2 tests/);
    assert.match(err, /FAILED \(failures=1\)/);
  });
});
