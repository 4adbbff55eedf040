/**
 * The samples of the chapter on standard streams, word for word from samples.txt. Where they use pytest, a stand-in has its `raises`.
 * Elsewhere: those for Node's files (streams.node), the reader in a worker (workers.browser).
 */
import { configure, test } from "../harness/registry.mjs";
import { parseSamples, runSample } from "./samples.mjs";

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

async function withSamples({ py, readRepositoryFile }, work) {
  const sample = parseSamples(new TextDecoder().decode(await readRepositoryFile("tests/documented/samples.txt")));
  const StdinHandler = runSample(sample("stdin: StdinHandler"), {}, "StdinHandler");
  py.runPython(PYTEST);
  try {
    await work({ sample, StdinHandler, run: (name) => runSample(sample(name), { pyodide: py, StdinHandler }) });
  } finally {
    py.setStdin();
    py.setStdout({ batched: () => {} });
    py.runPython("del sys.modules['pytest']");
  }
}

test("IO-03 IO-04 IO-05 IO-07 Every sample of standard input", async (context) => {
  await withSamples(context, ({ run }) => {
    for (const name of ["stdin: error", "stdin: lines", "stdin: text", "stdin: bytes", "stdin: arrays"]) run(name);
    // The samples assert; what they assert can fail.
    context.py.setStdin({ stdin: () => "b" });
    context.assert.throws(() => context.py.runPython('assert input() == "a"'), "AssertionError");
  });
});

test("IO-09 IO-10 The samples of isatty and of raising errors", async (context) => {
  const { py, assert } = context;
  await withSamples(context, ({ sample, run }) => {
    run("stdin: isatty");
    assert.equal(py.runPython("sys.stdin.isatty()"), false);
    run("stdin: handler that throws");
    assert.throws(() => py.runPython("input()"), /OSError: \[Errno \d+\] I\/O error/);
    py.setStdin({ stdin: () => runSample(sample("stdin: throw"), { pyodide: py }) });
    assert.throws(() => py.runPython("input()"), /OSError: \[Errno \d+\] I\/O error/);
  });
});

test("IO-13 IO-14 The samples of batched and raw output", async (context) => {
  const { py, assert } = context;
  await withSamples(context, ({ sample }) => {
    const lines = [];
    py.setStdout({ batched: (line) => lines.push(line) });
    py.runPython(sample("stdout: batched"));
    assert.deepEqual(lines, ["hello!", "partial line"]);
    const bytes = [];
    py.setStdout({ raw: (byte) => bytes.push(byte) });
    py.runPython(sample("stdout: raw"));
    assert.deepEqual(bytes, sample("stdout: raw bytes").split("\n").map((line) => Number.parseInt(line, 16)));
  });
});

test("IO-08 JS-025 ASYNC-17 ASYNC-19 The sample of a keyboard interrupt in an input handler", { skip: () => (typeof SharedArrayBuffer === "function" ? undefined : "ENV-41: this page is not isolated; workers.browser.mjs has one that is") }, async (context) => {
  const { py, assert } = context;
  const said = [];
  await withSamples(context, ({ sample }) => {
    try {
      runSample(sample("stdin: keyboard interrupt"), { pyodide: py, console: { log: (text) => said.push(text) } });
      assert.throws(() => py.runPython("input()"), "KeyboardInterrupt");
      assert.throws(() => py.runPython("import sys\nsys.stdin.read()"), "KeyboardInterrupt");
      assert.equal(py.runPython("try:\n    input()\nexcept KeyboardInterrupt:\n    r = 'caught'\nr"), "caught");
      assert.deepEqual(said, []);
    } finally {
      py.setInterruptBuffer(undefined);
    }
  });
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
