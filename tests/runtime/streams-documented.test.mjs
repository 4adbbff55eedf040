/**
 * The documented samples of the chapter on standard streams, word for word. Where they use pytest, a stand-in has its `raises`.
 */
import { configure, test } from "../harness/registry.mjs";

configure({ load: { stdout: () => {}, stderr: () => {} } });

const PYTEST = `
import re, sys, types
class raises:
    def __init__(self, kind, match):
        self.kind, self.match = kind, match
    def __enter__(self):
        return self
    def __exit__(self, kind, error, traceback):
        assert kind is not None and issubclass(kind, self.kind), f"{self.kind} was not raised, but {kind}"
        assert re.search(self.match, str(error)), f"{error} does not match {self.match}"
        return True
pytest = sys.modules["pytest"] = types.ModuleType("pytest")
pytest.raises = raises
`;

class StdinHandler {
  constructor(results, options) {
    this.results = results;
    this.idx = 0;
    Object.assign(this, options);
  }

  stdin() {
    return this.results[this.idx++];
  }
}

function withSamples(py, work) {
  py.runPython(PYTEST);
  try {
    work(py);
  } finally {
    py.setStdin();
    py.setStdout({ batched: () => {} });
    py.runPython("del sys.modules['pytest']");
  }
}

test("IO-03 IO-04 IO-05 IO-07 Every sample of standard input", ({ py, assert }) => {
  withSamples(py, (pyodide) => {
    pyodide.setStdin({ error: true });
    pyodide.runPython(`
    with pytest.raises(OSError, match="I/O error"):
        input()
`);
    pyodide.setStdin(new StdinHandler(["a", "bcd", "efg"]));
    pyodide.runPython(`
    assert input() == "a"
    assert input() == "bcd"
    assert input() == "efg"
    # after this, further attempts to read from stdin will return undefined which
    # indicates end of file
    with pytest.raises(EOFError, match="EOF when reading a line"):
        input()
`);
    pyodide.setStdin(new StdinHandler(["a", "bcd\n", "efg", undefined, "h", "i"]));
    pyodide.runPython(String.raw`
    import sys
    assert sys.stdin.read() == "a\nbcd\nefg\n"
    assert sys.stdin.read() == "h\ni\n"
`);
    pyodide.setStdin(new StdinHandler([0x61 /* a */, 0x0a /* \n */, 0x62 /* b */, 0x63 /* c */], true));
    pyodide.runPython(`
    assert input() == "a"
    assert input() == "bc"
`);
    pyodide.setStdin(new StdinHandler([new Uint8Array([0x61, 0x0a, 0x62, 0x63])]));
    pyodide.runPython(`
    assert input() == "a"
    assert input() == "bc"
`);
    assert.equal(pyodide.runPython("'all of it ran'"), "all of it ran");
  });
});

test("IO-09 IO-10 The samples of isatty and of raising errors", ({ py, assert }) => {
  withSamples(py, (pyodide) => {
    pyodide.setStdin(new StdinHandler([], { isatty: true }));
    pyodide.runPython(`
    import sys
    assert sys.stdin.isatty() # returns true as we requested
`);
    pyodide.setStdin(new StdinHandler([], { isatty: false }));
    pyodide.runPython(`
  assert not sys.stdin.isatty() # returns false as we requested
`);
    pyodide.setStdin({
      read(buf) {
        throw new pyodide.FS.ErrnoError(pyodide.ERRNO_CODES.EIO);
      },
    });
    assert.throws(() => pyodide.runPython("input()"), /OSError: \[Errno \d+\] I\/O error/);
  });
});

test("IO-13 IO-14 The samples of batched and raw output", ({ py, assert }) => {
  withSamples(py, (pyodide) => {
    const lines = [];
    pyodide.setStdout({ batched: (line) => lines.push(line) });
    pyodide.runPython(`
print("hello!")
import sys
print("partial line", end="")
sys.stdout.flush()
`);
    assert.deepEqual(lines, ["hello!", "partial line"]);
    const bytes = [];
    pyodide.setStdout({ raw: (byte) => bytes.push(byte) });
    pyodide.runPython(`
print("h")
import sys
print("p ", end="")
print("l", end="")
sys.stdout.flush()
`);
    assert.deepEqual(bytes, [0x68, 0x0a, 0x70, 0x20, 0x6c]);
  });
});

test("IO-08 JS-025 ASYNC-17 ASYNC-19 The sample of a keyboard interrupt in an input handler", { skip: () => (typeof SharedArrayBuffer === "function" ? undefined : "ENV-41: the page is not cross-origin isolated") }, ({ py: pyodide, assert }) => {
  const interruptBuffer = new Int32Array(new SharedArrayBuffer(4));
  pyodide.setInterruptBuffer(interruptBuffer);
  let after = false;
  pyodide.setStdin({
    read(buf) {
      // Put signal into interrupt buffer
      interruptBuffer[0] = 2;
      // Call checkInterrupt to raise an error
      pyodide.checkInterrupt();
      after = true;
    },
  });
  try {
    assert.throws(() => pyodide.runPython("input()"), "KeyboardInterrupt");
    assert.throws(() => pyodide.runPython("import sys\nsys.stdin.read()"), "KeyboardInterrupt");
    assert.equal(after, false);
    assert.equal(pyodide.runPython("try:\n    input()\nexcept KeyboardInterrupt:\n    r = 'caught'\nr"), "caught");
  } finally {
    pyodide.setInterruptBuffer(undefined);
    pyodide.setStdin();
  }
});

test("IO-18 The recipes for redirecting in Python", ({ py, assert }) => {
  const result = py.runPython(`
import contextlib, io, json, sys
facts = []
with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
    print("out")
    print("err", file=sys.stderr)
facts += [out.getvalue(), err.getvalue()]

class redirect_stdin(contextlib._RedirectStream):
    _stream = "stdin"

with redirect_stdin(io.StringIO("\\n".join(["eggs", "spam"]))):
    facts += [input("first: "), input("second: ")]
sys.stdout = io.StringIO()
print("replaced")
facts.append(sys.stdout.getvalue())
sys.stdout = sys.__stdout__
helped = io.StringIO()
with contextlib.redirect_stdout(helped), redirect_stdin(io.StringIO("keywords\\nquit\\n")):
    help()
facts.append("nonlocal" in helped.getvalue())
json.dumps(facts)`);
  assert.deepEqual(JSON.parse(result), ["out\n", "err\n", "eggs", "spam", "replaced\n", true]);
});

test("IO-02 Handlers change at any time; what was held back belongs to the old one", ({ py, assert }) => {
  const seen = [];
  py.setStdout({ batched: (line) => seen.push(`first ${line}`) });
  py.runPython("print('a')\nprint('rest', end='')");
  py.setStdout({ batched: (line) => seen.push(`second ${line}`) });
  py.runPython("print()\nprint('b')");
  // From inside of a handler, too.
  py.setStdout({
    batched(line) {
      seen.push(`third ${line}`);
      py.setStdout({ batched: (next) => seen.push(`fourth ${next}`) });
    },
  });
  py.runPython("print('c')\nprint('d')");
  py.setStdout({ batched: () => {} });
  assert.equal(seen[0], "first a");
  assert.equal(seen.join("|").replace(/(first|second) rest/, "rest").includes("rest"), true);
  assert.deepEqual(seen.slice(-3), ["second b", "third c", "fourth d"]);
});
