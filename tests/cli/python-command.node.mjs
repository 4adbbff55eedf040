/**
 * `dist/python` behaves like a `python` command: what it runs, and where standard input and files come from.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { inFolder, runPython } from "../harness/python-command.mjs";
import { start } from "../harness/processes.mjs";
import { configure, test } from "../harness/registry.mjs";

configure({ noInterpreter: true });

test("CLI ENV-01 -c runs code", async ({ dist, assert }) => {
  const { code, out, err } = await runPython(dist, ["-c", "print('hello', 1 + 1)"]);
  assert.deepEqual([code, out, err], [0, "hello 2\n", ""]);
});

test("CLI The launcher itself is executable", async ({ dist, assert }) => {
  const result = await new Promise((resolve, reject) => {
    const child = start(path.join(dist, "python"), ["-c", "print(6 * 7)"], { stdio: ["ignore", "pipe", "inherit"] });
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
  const { out } = await runPython(dist, ["-O", "-W", "error", "-c", "import sys; print(sys.argv, sys.flags.optimize, sys.warnoptions)", "a", "--flag", "b c"]);
  assert.equal(out, "['-c', 'a', '--flag', 'b c'] 1 ['error']\n");
});

test("CLI -V and -h", async ({ dist, assert }) => {
  const version = await runPython(dist, ["-V"]);
  assert.match(version.out, /^Python 3\.14\.\d+\S*\n$/);
  assert.equal(version.code, 0);
  const help = await runPython(dist, ["-h"]);
  assert.match(help.out, /^usage: /);
  assert.equal(help.code, 0);
});

test("CLI A script of the host, with arguments and a neighbour module", async ({ dist, assert }) => {
  await inFolder({ "main.py": "import sys, helper\nprint(__name__, sys.argv[1:], helper.value, __file__)", "helper.py": "value = 'from a neighbour'" }, async (folder) => {
    const { code, out, err } = await runPython(dist, ["main.py", "x", "y z"], { cwd: folder });
    assert.equal(err, "");
    assert.deepEqual([code, out], [0, `__main__ ['x', 'y z'] from a neighbour ${path.join(folder, "main.py")}\n`]);
    const absolute = await runPython(dist, [path.join(folder, "main.py")], { cwd: os.tmpdir() });
    assert.match(absolute.out, /from a neighbour/);
  });
});

test("CLI FS-11 Files of the host are visible both ways", async ({ dist, assert }) => {
  await inFolder({ "in.txt": "inhalt é\n", "sub/x": "" }, async (folder) => {
    const { code, out, err } = await runPython(
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
    assert.equal((await runPython(dist, ["-m", "pkg"], { cwd: folder })).out, "package __main__\n");
    assert.equal((await runPython(dist, ["app"], { cwd: folder })).out, "folder __main__\n");
    const zipped = await runPython(dist, ["-m", "zipapp", "app", "-o", "app.pyz"], { cwd: folder });
    assert.equal(zipped.err, "");
    assert.equal((await runPython(dist, ["app.pyz"], { cwd: folder })).out, "folder __main__\n");
  });
});

test("CLI -m json.tool with standard input", async ({ dist, assert }) => {
  const { code, out } = await runPython(dist, ["-m", "json.tool", "--compact"], { input: '{"a": [1, 2]}' });
  assert.deepEqual([code, out], [0, '{"a":[1,2]}\n']);
});

test("CLI -m of a module that is not there", async ({ dist, assert }) => {
  const { code, err } = await runPython(dist, ["-m", "no_such_module"]);
  assert.equal(code, 1);
  assert.match(err, /No module named no_such_module/);
});

test("CLI IO-01 The program comes from standard input", async ({ dist, assert }) => {
  const { code, out } = await runPython(dist, [], { input: "x = 20\nprint(x + 1)\n" });
  assert.deepEqual([code, out], [0, "21\n"]);
  const dash = await runPython(dist, ["-", "arg"], { input: "import sys; print(sys.argv)" });
  assert.equal(dash.out, "['-', 'arg']\n");
});

test("CLI IO-01 input() reads lines of standard input", async ({ dist, assert }) => {
  const { code, out, err } = await runPython(dist, ["-c", "print(input('? '), '|', input())\ntry:\n  input()\nexcept EOFError as e: print(e)"], { input: "first é\nlast" });
  assert.equal(err, "");
  assert.deepEqual([code, out], [0, "? first é | last\nEOF when reading a line\n"]);
});

test("CLI IO-01 Binary data goes through untouched", async ({ dist, assert }) => {
  const input = Buffer.from(Array.from({ length: 200_000 }, (_, i) => i % 256));
  const { code, bytes, err } = await runPython(dist, ["-c", "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read()[::-1])"], { input });
  assert.equal(err, "");
  assert.equal(code, 0);
  assert.equal(Buffer.compare(bytes, Buffer.from(input).reverse()), 0);
});

test("CLI PKG-41 W-19 A server at a path: its socket is a file of the host as long as it serves", async ({ dist, assert }) => {
  const program = `
import asyncio, os, stat
async def answer(reader, writer):
    writer.write((await reader.readline()).upper())
    writer.close()
async def main():
    server = await asyncio.start_unix_server(answer, "here.sock")
    print(stat.S_ISSOCK(os.stat("here.sock").st_mode), os.listdir())
    reader, writer = await asyncio.open_unix_connection("here.sock")
    writer.write(b"text\\n")
    print(await reader.read())
    writer.close()
    server.close()
    await server.wait_closed()
    print(os.path.exists("here.sock"))
asyncio.run(main())
`;
  await inFolder({}, async (folder) => {
    const { code, out, err } = await runPython(dist, ["-c", program], { cwd: folder });
    assert.equal(err, "");
    assert.deepEqual([code, out], [0, "True ['here.sock']\nb'TEXT\\n'\nFalse\n"]);
  });
});

test("CLI PKG-41 What needs processes says so, and what there is instead", async ({ dist, assert }) => {
  const { code, err } = await runPython(dist, ["-c", "import multiprocessing\nmultiprocessing.Process(target=print).start()"]);
  assert.equal(code, 1);
  assert.match(err, /ModuleNotFoundError: No module named '_multiprocessing'\. .* WebAssembly has no processes; `asyncio` does/);
});

test("CLI W-19 ASYNC-04 A task that turns with sleep(0) lets connections go on", async ({ dist, assert }) => {
  const program = `
import asyncio
async def main():
    got = []
    async def answer(reader, writer):
        got.append(await reader.readline())
        writer.close()
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"text\\n")
    async with asyncio.timeout(60):
        while not got:
            await asyncio.sleep(0)
    print(got)
    writer.close()
asyncio.run(main())
`;
  const { out, err } = await runPython(dist, ["-c", program]);
  assert.equal(err, "");
  assert.equal(out, "[b'text\\n']\n");
});

test("CLI Tracebacks show the lines of the standard library", async ({ dist, assert }) => {
  const { err } = await runPython(dist, ["-c", "import json; json.loads('{')"]);
  assert.match(err, /json\/__init__\.py", line \d+, in loads\n {4}return _default_decoder\.decode\(s\)\n/);
});

/** What a program sees of its start; not its modules, of which a snapshot has more. */
const REPORT = `import sys, os
stream = lambda s: s and [s.name, s.mode, s.encoding, s.errors, s.line_buffering, s.write_through, s.newlines, type(s.buffer).__name__, s.fileno()]
print([sys.argv, sys.orig_argv[1:], sys.executable, sys._base_executable, sys.path, list(sys.flags), sys.warnoptions, sys._xoptions, sys.prefix,
  sys.implementation.cache_tag, sys.getfilesystemencoding(), sys.stdin is sys.__stdin__, *map(stream, (sys.stdin, sys.stdout, sys.stderr)), __name__,
  globals().get("__file__"), os.getcwd(), sorted(os.environ.items())])`;

for (const [what, args, env] of [
  ["-c", ["-c", REPORT, "a", "-b", "ü"], {}],
  ["-m", ["-m", "report", "x"], {}],
  ["a script", ["./report.py", "-x", "--", "y"], {}],
  ["standard input", ["-", "1"], {}],
  ["nothing", [], {}],
  ["-u, -B and -s", ["-u", "-Bs", "report.py"], {}],
  ["variables that change little", ["report.py"], { PYTHONPATH: "/no/such:sub", PYTHONUNBUFFERED: "1", PYTHONDONTWRITEBYTECODE: "1", LANG: "de_DE.UTF-8" }],
]) {
  test(`CLI ROAD-19 A program sees the same after a start from the snapshot and after one from nothing: ${what}`, async ({ dist, assert }) => {
    await inFolder({ "report.py": REPORT, "sub/sitecustomize.py": "print('customized')" }, async (cwd) => {
      const input = what === "standard input" || what === "nothing" ? REPORT : "";
      // An empty variable counts as none for Python, and keeps those of the tests away.
      const base = { PYTHONUNBUFFERED: "", PYTHONDONTWRITEBYTECODE: "", ...env };
      const found = await runPython(dist, args, { cwd, input, env: base });
      // Which variable Python reads only while it starts does not matter here.
      const nothing = await runPython(dist, args, { cwd, input, env: { ...base, PYTHONCOERCECLOCALE: "0" } });
      assert.deepEqual([found.code, found.err], [0, ""]);
      assert.equal(found.out, nothing.out.replace("('PYTHONCOERCECLOCALE', '0'), ", ""));
      assert.equal(found.out.startsWith("customized"), what.startsWith("variables"));
    });
  });
}

test("CLI ROAD-19 The start from the snapshot is the one without options that only a start can obey", async ({ dist, assert }) => {
  const program = ["-c", "import sys; print('argparse' in sys.modules, sys.flags.optimize, hash('a') == hash('a'))"];
  assert.match((await runPython(dist, program, { env: { PYTHONHASHSEED: "" } })).out, /^True 0 True/);
  assert.match((await runPython(dist, ["-O", ...program])).out, /^False 1 True/);
  const seeded = async (seed) => (await runPython(dist, ["-c", "print(hash('abc'))"], { env: { PYTHONHASHSEED: seed } })).out;
  assert.equal(await seeded("0"), await seeded("0"));
  assert.notEqual(await seeded("0"), await seeded("1"));
});
