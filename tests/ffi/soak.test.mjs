/**
 * Loops of every kind of crossing leave the counts where they were (design.md, invariant 5).
 */
import { test } from "../harness/registry.mjs";

const ROUNDS = 2000;

const LOOPS_JS = {
  "TT-058 calls with objects": ({ py, own }) => {
    const f = own(py.runPython("lambda *args: len(args)"));
    return (i) => f({ i }, [i], "text", i, () => i, new Map());
  },
  "TT-094 results that are proxies": ({ py, own }) => {
    const f = own(py.runPython("lambda i: [i]"));
    return (i) => f(i).destroy();
  },
  "TT-054 attributes": ({ py, own }) => {
    const o = own(py.runPython("class A:\n  x = [1]\n  def m(self): return 1\nA()"));
    return () => {
      o.x.length;
      o.m();
      "y" in o;
    };
  },
  "TT-077 toJs": ({ py, own }) => {
    const o = own(py.runPython("{'a': [1, {'b': (2, 3)}], 'c': {1, 2}}"));
    return () => o.toJs();
  },
  "TT-087 toPy": ({ py }) => {
    const value = { a: [1, { b: [2, 3] }], c: new Set([1]) };
    return () => py.toPy(value).destroy();
  },
  "TT-066 iteration": ({ py, own }) => {
    const o = own(py.runPython("[1, 2, 3]"));
    return () => {
      for (const x of o) if (x === 2) break;
    };
  },
  "TT-109 errors": ({ py, own }) => {
    const f = own(py.runPython("def f(g): g()\nf"));
    return () => {
      try {
        f(() => {
          throw new Error("x");
        });
      } catch {
        // Expected.
      }
    };
  },
  "JS-036 runPython": ({ py }) => (i) => py.runPython(`x = ${i}; x + 1`),
  "JS-077 getBuffer": ({ py, own }) => {
    const o = own(py.runPython("bytearray(100)"));
    return () => o.getBuffer().release();
  },
  "JS-102 captureThis, bind and copy": ({ py, own }) => {
    const f = own(py.runPython("lambda *args: None"));
    return () => {
      f.captureThis()();
      f.bind(null, 1)();
      f.copy().destroy();
    };
  },
};

for (const [name, prepare] of Object.entries(LOOPS_JS)) {
  const [id, ...rest] = name.split(" ");
  test(`${id} No growth from JavaScript: ${rest.join(" ")}`, (context) => {
    const step = prepare(context);
    for (let i = 0; i < ROUNDS; i++) step(i);
  });
}

const LOOPS_PY = {
  "TT-024 calls with objects": "f = run_js('(...args) => args.length')\nfor i in range(N): f([i], {}, 'text', i, lambda: i, key=[1])",
  "TT-020 attributes": "o = run_js('({a: {b: 1}, f() { return [1]; }})')\nfor i in range(N): o.a.b; o.f(); o.n = i; hasattr(o, 'zz')",
  "TT-041 array items": "a = run_js('[[1], [2]]')\nfor i in range(N): a[0][0]; a[-1] = i; a[0:1]; [x for x in a]",
  "TT-026 new": "from js import Object, Map\nfor i in range(N): Map.new(to_js([[1, 2]])).get(1); Object.new(a=1)",
  "FFI-075 to_js and to_py": "for i in range(N): to_js({'a': [1, {'b': 2}]}).to_py()",
  "FFI-072 create_proxy": "f = run_js('(x) => x')\nfor i in range(N):\n  p = create_proxy([i])\n  f(p)\n  p.destroy()",
  "FFI-071 create_once_callable": "f = run_js('(g) => g(1)')\nfor i in range(N): f(create_once_callable(lambda x: x))",
  "TT-109 errors": "f = run_js('() => { throw new Error(1); }')\nfor i in range(N):\n  try: f()\n  except Exception: pass",
  "TT-109 errors through both": "call = run_js('(f) => f()')\ndef bad(): raise ValueError\nfor i in range(N):\n  try: call(bad)\n  except ValueError: pass",
  "TT-100 generators": "f = run_js('(function* (x) { yield x; yield 2; })')\nfor i in range(N):\n  g = f([1])\n  next(g)\n  g.close()",
  "FFI-033 buffers": "b = run_js('new Uint8Array(100)')\nfor i in range(N): b.to_bytes(); b.to_memoryview(); b.assign(bytes(100))",
  "TT-047 dir and names": "o = run_js('({from: 1, a: 2})')\nfor i in range(N // 10): dir(o); o.from_; o.object_keys()",
};

for (const [name, code] of Object.entries(LOOPS_PY)) {
  const [id, ...rest] = name.split(" ");
  test(`${id} No growth from Python: ${rest.join(" ")}`, ({ py }) => {
    py.runPython(`from pyodide.code import run_js\nfrom pyodide.ffi import create_proxy, create_once_callable, to_js\nN = ${ROUNDS}\n${code}\nNone`);
  });
}

test("TT-099 ASYNC-07 No growth from promises and awaits", async ({ py, own }) => {
  await py.runPythonAsync(`
from pyodide.code import run_js
f = run_js("async (x) => x.length")
for i in range(300):
    await f([i])
`);
  const coroutine = own(py.runPython("async def coroutine(x): return x\ncoroutine"));
  for (let i = 0; i < 300; i++) {
    const promise = coroutine(i);
    await promise;
    promise.destroy();
  }
});

test("ENV-44 JS-036 Memory does not grow in a loop", ({ py, assert }) => {
  const step = () => py.runPython("from pyodide.ffi import to_js\nfor i in range(200): to_js([list(range(100)), 'x' * 10_000, {'a': i}])");
  for (let i = 0; i < 20; i++) step();
  const size = () => (py._module?.HEAPU8 ?? { length: 0 }).length;
  const before = size();
  for (let i = 0; i < 60; i++) step();
  assert.ok(size() <= before + 4 * 1024 * 1024, `memory went from ${before} to ${size()}`);
});
