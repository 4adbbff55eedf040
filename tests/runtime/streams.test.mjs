/**
 * Standard streams: every form of handler, end-of-file rules, errors.
 */
import { configure, test } from "../harness/registry.mjs";

configure({ load: { stdout: () => {}, stderr: () => {} } });

const restore = (py) => {
  py.setStdin();
  py.setStdout();
  py.setStderr();
};

test("IO-13 JS-042 setStdout batched: lines without their newline", ({ py, assert }) => {
  const out = [];
  py.setStdout({ batched: (line) => out.push(line) });
  py.runPython("print('ABC')\nprint('a\\nb')\nimport sys\nsys.stdout.write('part')\nsys.stdout.flush()\nprint()\nprint('é中😀')");
  restore(py);
  assert.deepEqual(out, ["ABC", "a", "b", "part", "", "é中😀"]);
});

test("IO-14 setStdout raw: bytes", ({ py, assert }) => {
  const out = [];
  py.setStdout({ raw: (byte) => out.push(byte) });
  py.runPython("print('ABC')");
  restore(py);
  assert.deepEqual(out, [65, 66, 67, 10]);
});

test("IO-15 setStdout write: buffers, and partial writes", ({ py, assert }) => {
  const out = [];
  py.setStdout({
    write(buffer) {
      const part = buffer.slice(0, 3);
      out.push(...part);
      return part.length;
    },
  });
  py.runPython("print('ABCDEFGH')\nimport sys; sys.stdout.flush()");
  restore(py);
  assert.equal(String.fromCharCode(...out), "ABCDEFGH\n");
});

test("IO-02 JS-043 setStderr", ({ py, assert }) => {
  const out = [];
  py.setStderr({ batched: (line) => out.push(line) });
  py.runPython("import sys\nprint('problem', file=sys.stderr)");
  restore(py);
  assert.deepEqual(out, ["problem"]);
});

test("IO-11 Handlers are called with their options as this", ({ py, assert }) => {
  class Handler {
    lines = [];
    batched(line) {
      this.lines.push(line);
    }
  }
  const handler = new Handler();
  py.setStdout(handler);
  py.runPython("print('x')");
  restore(py);
  assert.deepEqual(handler.lines, ["x"]);
});

test("IO-16 IO-09 isatty", ({ py, assert }) => {
  py.setStdout({ raw: () => {}, isatty: true });
  assert.equal(py.runPython("import sys; sys.stdout.isatty()"), true);
  py.setStdout({ raw: () => {}, isatty: false });
  assert.equal(py.runPython("sys.stdout.isatty()"), false);
  py.setStdin({ stdin: () => "x", isatty: true });
  assert.equal(py.runPython("sys.stdin.isatty()"), true);
  restore(py);
  assert.throws(() => py.setStdout({ batched: () => {}, isatty: true }), /isatty/);
});

test("IO-07 IO-05 IO-04 JS-041 The documented playback: strings and EOF between reads", ({ py, assert }) => {
  class StdinHandler {
    constructor(results) {
      this.results = results;
      this.index = 0;
    }
    stdin() {
      return this.results[this.index++];
    }
  }
  py.setStdin(new StdinHandler(["this is input for first read", "this is for the second", undefined]));
  assert.equal(py.runPython("input()"), "this is input for first read");
  assert.equal(py.runPython("input()"), "this is for the second");
  assert.throws(() => py.runPython("input()"), "EOFError: EOF when reading a line");
  py.setStdin(new StdinHandler(["hello\nworld", undefined]));
  assert.equal(py.runPython("import sys; sys.stdin.read()"), "hello\nworld\n");
  py.setStdin(new StdinHandler([97, 98, 10, undefined]));
  assert.equal(py.runPython("input()"), "ab");
  py.setStdin(new StdinHandler([new Uint8Array([0xc3, 0xa9, 10]), undefined]));
  assert.equal(py.runPython("input()"), "é");
  restore(py);
});

test("IO-05 autoEOF: false joins what is returned", ({ py, assert }) => {
  const results = ["one\n", "two\n", undefined];
  py.setStdin({ stdin: () => results.shift(), autoEOF: false });
  assert.equal(py.runPython("import sys; sys.stdin.read()"), "one\ntwo\n");
  restore(py);
});

test("IO-06 An empty string is an empty line, not the end", ({ py, assert }) => {
  const results = ["", "after", undefined];
  py.setStdin({ stdin: () => results.shift() });
  assert.equal(py.runPython("input()"), "");
  assert.equal(py.runPython("input()"), "after");
  restore(py);
});

test("IO-08 setStdin read fills a buffer", ({ py, assert }) => {
  const bytes = [...new TextEncoder().encode("from a reader\nsecond")];
  py.setStdin({
    read(buffer) {
      const count = Math.min(buffer.length, bytes.length, 5);
      buffer.set(bytes.splice(0, count));
      return count;
    },
  });
  assert.equal(py.runPython("input()"), "from a reader");
  assert.equal(py.runPython("input()"), "second");
  assert.throws(() => py.runPython("input()"), "EOFError");
  restore(py);
});

const needsJspi = (env) => (env.hasJspi ? undefined : "ENV-48: this engine cannot switch stacks (JSPI)");
const later = (value, ms = 5) => new Promise((resolve) => setTimeout(resolve, ms, value));

test("IO-04 IO-05 A stdin handler may be asynchronous", { skip: needsJspi }, async ({ py, assert }) => {
  let left = ["first", undefined, new TextEncoder().encode("bytes\n"), "last"];
  let calls = 0;
  py.setStdin({ stdin: () => (calls++, later(left.shift())) });
  const read = await py.runPythonAsync("import sys\n[input(), sys.stdin.readline(), input(), input()]");
  assert.deepEqual(read.toJs(), ["first", "", "bytes", "last"]);
  read.destroy();
  assert.equal(calls, 4);
  // A terminal is read by C.
  left = ["one", "two"];
  py.setStdin({ stdin: () => later(left.shift()), isatty: true });
  assert.equal(await py.runPythonAsync("input() + input()"), "onetwo");
  // What is there comes at once; other tasks go on while input is waited for.
  left = ["now", new Promise((resolve) => py.globals.set("give", resolve)), undefined];
  py.setStdin({ stdin: () => left.shift(), autoEOF: false });
  const mixed = await py.runPythonAsync(`
import asyncio
order = []
async def other():
    order.append("other")
    give("later")
task = asyncio.create_task(other())
order.append(input())
order.append(input())
await task
order`);
  restore(py);
  assert.deepEqual(mixed.toJs(), ["now", "other", "later"]);
  mixed.destroy();
});

test("IO-08 A read handler may be asynchronous", { skip: needsJspi }, async ({ py, assert }) => {
  const left = ["12", "34\n", "5", ""];
  py.setStdin({ read: async (buffer) => buffer.set(new TextEncoder().encode(await later(left[0]))) ?? left.shift().length });
  const read = await py.runPythonAsync("import sys\n[input(), sys.stdin.read()]");
  restore(py);
  assert.deepEqual(read.toJs(), ["1234", "5"]);
  read.destroy();
});

test("IO-04 ASYNC-16 Waiting for a stdin handler fails with it, and is interrupted", { skip: needsJspi }, async ({ py, assert }) => {
  py.setStdin({ stdin: () => Promise.reject(new Error("no more input")) });
  assert.includes((await py.runPythonAsync("input()").catch((error) => error)).message, "no more input");
  let give;
  py.setStdin({ stdin: () => new Promise((resolve) => (give = resolve)) });
  const interrupted = py.runPythonAsync("try:\n  input()\nexcept KeyboardInterrupt:\n  got = 'interrupted'\ngot + ' ' + input()");
  while (give === undefined) await later();
  assert.ok(py.interrupt());
  setTimeout(() => give("kept"), 5);
  assert.equal(await interrupted, "interrupted kept");
  restore(py);
});

test("IO-04 A stdin handler cannot be asynchronous where Python cannot wait", ({ py, assert }) => {
  py.setStdin({ stdin: () => later("never") });
  assert.throws(() => py.runPython("input()"), /RuntimeError: The handler of standard input is asynchronous/);
  py.setStdin({ stdin: () => "at once" });
  assert.equal(py.runPython("input()"), "at once");
  restore(py);
});

test("IO-03 setStdin error: reading is an I/O error", ({ py, assert }) => {
  py.setStdin({ error: true });
  assert.throws(() => py.runPython("input()"), /OSError.*I\/O error/s);
  restore(py);
});

test("IO-10 A handler can raise an errno", ({ py, assert }) => {
  py.setStdin({
    stdin() {
      throw new py.FS.ErrnoError(py.ERRNO_CODES.EIO);
    },
  });
  assert.throws(() => py.runPython("input()"), /OSError.*I\/O error/s);
  restore(py);
});

test("IO-02 Bad handlers are refused", ({ py, assert }) => {
  assert.throws(() => py.setStdout({ batched: 5 }), /batched/);
  assert.throws(() => py.setStdout({ batched() {}, raw() {} }), /batched|raw/);
  assert.throws(() => py.setStdin({ stdin: "text" }), /stdin/);
  restore(py);
});

test("IO-18 Redirection in Python", ({ py, assert }) => {
  const text = py.runPython("import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()) as f:\n  print('caught')\nf.getvalue()");
  assert.equal(text, "caught\n");
});

test("IO-13 Output that is not UTF-8", ({ py, assert }) => {
  const out = [];
  py.setStdout({ raw: (byte) => out.push(byte) });
  py.runPython("import sys\nsys.stdout.buffer.write(bytes([0, 255, 128]))\nsys.stdout.flush()");
  restore(py);
  assert.deepEqual(out, [0, 255, 128]);
});

test("IO-13 Large output arrives whole and in order", ({ py, assert }) => {
  let size = 0;
  let last;
  py.setStdout({
    batched: (line) => {
      size += line.length + 1;
      last = line;
    },
  });
  py.runPython("for i in range(5000): print(i, 'x' * 50)");
  restore(py);
  assert.equal(last, `4999 ${"x".repeat(50)}`);
  assert.equal(size, Array.from({ length: 5000 }, (_, i) => `${i}`.length + 52).reduce((a, b) => a + b));
});

test("IO-13 An error thrown by a handler reaches the program", ({ py, assert }) => {
  py.setStdout({
    write() {
      throw new py.FS.ErrnoError(py.ERRNO_CODES.ENOSPC);
    },
  });
  assert.throws(() => py.runPython("print('x', flush=True)"), "OSError");
  restore(py);
  try {
    py.runPython("import sys; sys.stdout.flush()");
  } catch {
    // What could not be written before may still be in the buffer.
  }
  py.runPython("print('works again')");
});

test("IO-13 JS-041 exit() and quit() end one program; the next has its input", async ({ py, assert }) => {
  py.setStdin({ stdin: () => "next" });
  for (const code of ["exit()", "quit(3)", "import sys; sys.exit('over')"]) {
    const error = assert.throws(() => py.runPython(code));
    assert.equal(error.type, "SystemExit", code);
  }
  assert.equal(py.runPython("import sys; input() + str(sys.last_exc.code)"), "nextover");
  restore(py);
});
