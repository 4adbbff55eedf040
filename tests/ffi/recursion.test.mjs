/**
 * Recursion that is too deep raises RecursionError, whatever recurses, and the interpreter goes on. Each case has its own interpreter, because code
 * that has been optimised needs less of the engine's stack.
 */
import { configure, test } from "../harness/registry.mjs";

configure({ noInterpreter: true });

const nested = (open, close = "") => `x = None\nfor _ in range(100_000): x = ${open}x${close}\n`;

/** Name, code, and what is raised if not RecursionError; `true` if it must end well. */
const CASES = [
  ["json.dumps", `import json\n${nested("[", "]")}json.dumps(x)`],
  ["json.loads of lists", "import json; json.loads('[' * 100_000 + ']' * 100_000)"],
  ["json.loads of dicts", `import json; json.loads('{"a":' * 100_000 + '1' + '}' * 100_000)`],
  ["repr of lists", `${nested("[", "]")}repr(x)`],
  ["comparison", `${nested("[", "]")}y = x\n${nested("[", "]")}x == y`],
  ["hash of tuples", `${nested("(", ",)")}hash(x)`],
  ["pickle", `import pickle\n${nested("[", "]")}pickle.dumps(x)`],
  ["deepcopy", `import copy\n${nested("[", "]")}copy.deepcopy(x)`],
  ["deque", `from collections import deque\n${nested("deque([", "])")}repr(x)`],
  ["sorted with a key", "def f(n): return sorted([n], key=lambda v: f(v + 1))\nf(0)"],
  ["__getattr__", "class A:\n    def __getattr__(self, name): return getattr(self, name + 'x')\nA().a"],
  ["__repr__", "class A:\n    def __repr__(self): return repr(self)\nrepr(A())"],
  ["__add__", "class A:\n    def __add__(self, other): return self + other\nA() + 1"],
  ["__hash__", "class A:\n    def __hash__(self): return hash(self)\nhash(A())"],
  ["__call__", "class A:\n    def __call__(self): return self()\nA()()"],
  ["lru_cache", "import functools\n@functools.lru_cache\ndef f(n): return f(n + 1)\nf(0)"],
  ["a high limit and C in between", "import sys\nsys.setrecursionlimit(10**6)\ndef f(n): return [*map(f, (n + 1,))]\nf(0)"],
  ["chains of iterators", "i = iter([1])\nfor _ in range(100_000): i = map(abs, i)\nlist(i)"],
  ["chains of methods", "import types\nx = len\nfor _ in range(100_000): x = types.MethodType(x, 1)\nx()"],
  ["chains of operators", "eval('+'.join(['1'] * 100_000))"],
  ["elif", "exec('if x == 0: pass\\n' + ''.join(f'elif x == {i}: pass\\n' for i in range(20_000)), {'x': 1})", "MemoryError|RecursionError"],
  ["ast", "import ast\nx = ast.Constant(1, lineno=1, col_offset=0, end_lineno=1, end_col_offset=0)\nfor _ in range(100_000): x = ast.UnaryOp(ast.USub(), x, lineno=1, col_offset=0, end_lineno=1, end_col_offset=0)\ncompile(ast.Expression(x), 'a', 'eval')"],
  ["isinstance", `${nested("(", ",)").replace("None", "(int,)")}isinstance('a', x)`],
  ["generators", "def g(n):\n    yield from g(n + 1)\nlist(g(0))"],
  ["exec", "s = 'exec(s)'\nexec(s)", "MemoryError|RecursionError"],
  ["the parser", "eval('not ' * 100_000 + '1')", "MemoryError|RecursionError"],
  ["parentheses", "eval('(' * 5000 + '1' + ')' * 5000)", "SyntaxError|MemoryError"],
  ["to_js", `from pyodide.ffi import to_js\n${nested("[", "]")}to_js(x)`],
  ["freeing deep structures", `${nested("[", "]")}del x\n${nested("{1: ", "}")}del x\nclass O: pass\nx = None\nfor _ in range(100_000):\n    n = O(); n.n = x; x = n\ndel x, n`, true],
  ["1000 levels of Python", "def f(n): return n and f(n - 1)\nf(900)", true],
  ["100 parentheses", "eval('(' * 100 + '1' + ')' * 100)", true],
];

/** For the stack of JavaScript only: of one that can be suspended CPython assumes that less of it is left. */
const DEEPER = [["200 parentheses", "eval('(' * 190 + '1' + ')' * 190)", true]];

function check(assert, name, expected, error) {
  if (expected === true) assert.equal(error, undefined, name);
  else assert.match(error?.message ?? "nothing was raised", new RegExp(expected ?? "RecursionError"), name);
}

for (const [name, code, expected] of [...CASES, ...DEEPER]) {
  test(`ENV-51 Too deep: ${name}`, async ({ load, assert }) => {
    const py = await load();
    let error;
    try {
      py.runPython(code);
    } catch (thrown) {
      error = thrown;
    }
    check(assert, name, expected, error);
    assert.equal(py.runPython("sum(range(10))"), 45);
  });
}

test("ENV-51 ASYNC-14 Too deep on a stack that can be suspended", { skip: (env) => (env.hasJspi ? undefined : "ENV-48 ASYNC-13: this engine cannot switch stacks (JSPI)") }, async ({ load, assert }) => {
  const py = await load();
  for (const [name, code, expected] of CASES) {
    let error;
    try {
      await py.runPythonAsync(code);
    } catch (thrown) {
      error = thrown;
    }
    check(assert, name, expected, error);
    py.runPython("globals().pop('x', None); globals().pop('y', None); globals().pop('i', None); import sys; sys.setrecursionlimit(1000)");
  }
  assert.equal(await py.runPythonAsync("import asyncio\nawait asyncio.sleep(0, 7)"), 7);
});

test("PKG-45 A call that has returned takes nothing of the stack, however long the program goes on", async ({ load, assert }) => {
  const py = await load();
  // A method of a base class in C: CPython's own shortcut for it is entered and given up at every call.
  const program = `
import random
class Dice(random.Random):
    def throw(self, times):
        for _ in range(times): self.getrandbits(3)
        return times
Dice().throw(20000)
`;
  assert.equal(py.runPython(program), 20000);
  assert.equal(await py.runPythonAsync(program), 20000);
});

for (const [stack, run] of [
  ["a plain stack", (py, code) => py.runPython(code)],
  ["a stack that can be suspended", (py, code) => py.runPythonAsync(code)],
]) {
  test(`TT-109 ASYNC-14 What is nested too deeply to compile is an error, and what CPython compiles is compiled: ${stack}`, async ({ load, assert }) => {
    const py = await load();
    for (const [open, close] of ["()", "[]", ["f(", ")"]]) {
      assert.equal(await run(py, `def f(x=0): return x\nvalue = ${open.repeat(200)}1${close.repeat(200)}\n'compiled'`), "compiled");
      const error = await assert.rejects(async () => run(py, `${open.repeat(201)}1${close.repeat(201)}`));
      assert.match(error.message, /SyntaxError: too many nested parentheses/);
    }
    // The compiler calls itself for each of these, without a question in between.
    py.globals.set("chain", `x = 1\nif x == 0: y = 0\n${Array.from({ length: 1000 }, (_, number) => `elif x == ${number}: y = ${number}\n`).join("")}`);
    assert.equal(await run(py, "exec(chain)\ny"), 1);
    for (const deep of ["chain + chain[chain.index('elif'):] * 20", "'-' * 20_000 + 'x'", "'x' + '.a' * 20_000", "'1' + '+1' * 50_000", "'lambda:' * 20_000 + '1'"]) {
      assert.equal(await run(py, `try:\n    compile(${deep}, 'deep', 'exec')\nexcept (RecursionError, MemoryError) as error:\n    found = str(error)\nfound != ''`), true, deep);
    }
    assert.equal(await run(py, "exec(chain)\nsum(range(10))"), 45);
    py.runPython("del chain, found, x, y, f, value");
  });
}
