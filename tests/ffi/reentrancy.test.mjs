/**
 * Proxies that are destroyed while they are used: by the function that is called, by a getter or trap of an argument, by a method of the
 * Python object itself. What is under way ends with a value or an error; memory that is in use is never freed.
 * Not here: objects that throw (hostile-objects.test.mjs).
 */
import { test } from "../harness/registry.mjs";

/** Freed memory is taken by other objects at once, so that its use shows. */
function churn(py) {
  py.runPython("x = [bytearray(64) for _ in range(500)]; y = [[i] for i in range(500)]; z = {i: (i,) for i in range(200)}; del x, y, z");
}

/** Calls `work(object, kill)` where `kill` destroys the proxy. */
function withKill(py, make, work) {
  let proxy;
  const kill = () => {
    proxy.destroy();
    churn(py);
  };
  proxy = make(kill);
  try {
    return work(proxy, kill);
  } finally {
    proxy.destroy();
  }
}

/** An object whose every trap runs `action`. */
function trap(action) {
  const run = (result) => () => {
    action();
    return result;
  };
  return new Proxy({}, { get: run(undefined), has: run(false), getPrototypeOf: run(Object.prototype) });
}

const DESTROYED = "Object has already been destroyed";

test("TT-049 JS-053 A generator that is destroyed while it runs ends its step", ({ py, own, assert }) => {
  const make = own(
    py.runPython(`
def make(kill):
    try:
        yield kill() or 1
    except ValueError:
        yield kill() or 2
    finally:
        kill()
make
`),
  );
  const steps = {
    next: (generator) => generator.next(),
    throw: (generator) => {
      generator.next();
      return generator.throw(own(py.runPython("ValueError()")));
    },
    return: (generator) => {
      generator.next();
      return generator.return(3);
    },
  };
  for (const [name, step] of Object.entries(steps)) {
    let armed = name === "next";
    let generator;
    generator = make(() => {
      if (!armed) return;
      generator.destroy();
      churn(py);
    });
    const wanted = { next: { done: false, value: 1 }, throw: { done: false, value: 2 }, return: { done: true, value: 3 } }[name];
    const run = name === "next" ? () => step(generator) : () => step({ next: () => { generator.next(); armed = true; }, throw: (error) => generator.throw(error), return: (value) => generator.return(value) });
    assert.deepEqual(run(), wanted, name);
  }
});

test("TT-049 JS-053 A Python method that destroys the proxy it was called through", ({ py, assert }) => {
  const cases = [
    ["__call__(self)", "5", (proxy) => proxy(), 5],
    ["__getattr__(self, name)", "5", (proxy) => proxy.foo, 5],
    ["__setattr__(self, name, value)", "5", (proxy) => { proxy.foo = 1; }, undefined],
    ["__delattr__(self, name)", "5", (proxy) => delete proxy.foo, true],
    ["__getitem__(self, key)", "5", (proxy) => proxy.get(1), 5],
    ["__setitem__(self, key, value)", "5", (proxy) => proxy.set(1, 2), undefined],
    ["__delitem__(self, key)", "5", (proxy) => proxy.delete(1), undefined],
    ["__contains__(self, key)", "True", (proxy) => proxy.has(1), true],
    ["__len__(self)", "3", (proxy) => proxy.length, 3],
    ["__str__(self)", "'text'", (proxy) => proxy.toString(), "text"],
    ["__next__(self)", "5", (proxy) => proxy.next().value, 5],
  ];
  for (const [signature, result, use, wanted] of cases) {
    const actual = withKill(
      py,
      (kill) => {
        const make = py.runPython(`
def make(destroy):
    class Own:
        def ${signature}:
            destroy()
            return ${result}
    return Own()
make
`);
        try {
          return make(kill);
        } finally {
          make.destroy();
        }
      },
      use,
    );
    assert.equal(actual, wanted, signature);
  }
  assert.equal(py.runPython("1 + 1"), 2);
});

test("TT-049 JS-053 An argument whose traps destroy what is called with it", async ({ py, assert }) => {
  const source = `
class Own:
    def __call__(self, *args, **kwargs): return 5
    def __getitem__(self, key): return 5
    def __setitem__(self, key, value): pass
    def __delitem__(self, key): pass
    def __contains__(self, key): return True
    def __next__(self): return 5
    def send(self, value): return 5
Own()
`;
  const uses = {
    "a call": [(p, x) => p(x), 5],
    "a call with several": [(p, x) => p(1, x), 5],
    "keyword arguments": [(p, x) => p.callKwargs(1, { a: x }), 5],
    callRelaxed: [(p, x) => p.callRelaxed(x), 5],
    get: [(p, x) => p.get(x), 5],
    set: [(p, x) => p.set(x, x), undefined],
    delete: [(p, x) => p.delete(x), undefined],
    has: [(p, x) => p.has(x), true],
    next: [(p, x) => p.next(x).value, 5],
    "an attribute": [(p, x) => { p.$foo = x; }, undefined],
    bind: [(p, x) => p.bind(undefined, x)(), 5],
    captureThis: [(p, x) => p.captureThis().call(x, 1), 5],
  };
  for (const [name, [use, wanted]] of Object.entries(uses)) {
    assert.equal(withKill(py, () => py.runPython(source), (proxy, kill) => use(proxy, trap(kill))), wanted, name);
  }
  assert.throws(() => withKill(py, () => py.runPython(source), (proxy, kill) => proxy.callKwargs({ get a() { kill(); return 1; } })), DESTROYED);
  await Promise.resolve(); // what was held is given back now
});

test("TT-049 JS-053 An argument whose traps destroy another argument", async ({ py, own, assert }) => {
  const first = own(py.runPython("lambda *args: str(args[0])"));
  const returned = own(py.runPython("lambda f: str(f())"));
  for (const end of [(proxy) => proxy.destroy(), (proxy) => returned(() => proxy)]) {
    const list = py.runPython("[1, 2, 3]");
    const ended = trap(() => {
      try {
        end(list);
      } catch {
        // It was ended by the trap before.
      }
      churn(py);
    });
    assert.equal(first(list, ended), "[1, 2, 3]");
    assert.throws(() => list.length, DESTROYED);
  }
  await Promise.resolve();
});

test("TT-049 JS-053 Methods of sequences whose arguments or elements destroy the sequence", async ({ py, assert }) => {
  const uses = {
    push: [(p, kill) => p.push(trap(kill)), 4],
    unshift: [(p, kill) => p.unshift(trap(kill)), 4],
    at: [(p, kill) => p.at({ valueOf: () => (kill(), -1) }), DESTROYED],
    fill: [(p, kill) => p.fill(trap(kill)), DESTROYED],
    length: [(p, kill) => { p.length = { valueOf: () => (kill(), 1) }; }, DESTROYED],
    sort: [(p, kill) => p.sort(() => (kill(), 0)), DESTROYED],
    join: [(p, kill) => p.join({ toString: () => (kill(), "-") }), "1-2-3"],
    map: [(p, kill) => p.map((x) => (kill(), x)).join(), "1,2,3"],
  };
  for (const [name, [use, wanted]] of Object.entries(uses)) {
    let actual;
    try {
      actual = withKill(py, () => py.runPython("[1, 2, 3]"), use);
    } catch (error) {
      actual = error.message;
    }
    assert.equal(actual, wanted, name);
  }
  await Promise.resolve();
});

test("TT-049 TT-087 A getter that destroys a proxy which the conversion has met", async ({ py, assert }) => {
  const list = py.runPython("[1, 2, 3]");
  const converted = py.toPy([list, { get a() { list.destroy(); churn(py); return 1; } }]);
  assert.equal(converted.toString(), "[[1, 2, 3], {'a': 1}]");
  converted.destroy();
  await Promise.resolve();
});

test("TT-049 TT-087 Elements that change the length of their Array while it is converted", ({ py, own, assert }) => {
  const shrinking = [1, 2, 3, { a: 1 }];
  Object.defineProperty(shrinking, 1, { get() { shrinking.length = 2; return 9; } });
  assert.equal(own(py.toPy(shrinking)).toString(), "[1, 9, None, None]");
  const growing = [1, 2];
  Object.defineProperty(growing, 0, { get() { growing.push(3); return 9; } });
  assert.equal(own(py.toPy(growing)).toString(), "[9, 2]");
});

test("TT-049 TT-041 The length of a proxied Array may be anything", ({ py, own, assert }) => {
  const outcome = own(
    py.runPython(`
def outcome(x):
    results = []
    for work in (
        lambda: len(x), lambda: x[0], lambda: x[-1], lambda: x[0:2], lambda: x.to_py(), lambda: x.append(1), lambda: x.pop(), lambda: x.insert(1, 2),
        lambda: x.reverse(), lambda: x.index(1), lambda: x + [1], lambda: list(reversed(x)), lambda: x.copy(), lambda: x.__setitem__(slice(0, 1), [7, 8]),
    ):
        try:
            work()
            results.append("value")
        except SystemError as error:
            return str(error)
        except Exception as error:
            results.append(type(error).__name__)
    return len(results)
outcome
`),
  );
  for (const length of [-1, NaN, 3.7, "2", "abc", 5, 2 ** 32, 2 ** 53, Infinity, null, undefined, {}, 2n, Symbol("length")]) {
    const lying = new Proxy([1, 2, 3], { get: (target, key, receiver) => (key === "length" ? length : Reflect.get(target, key, receiver)) });
    assert.equal(outcome(lying), 14, String(length));
  }
  assert.equal(own(py.runPython("len"))([1, 2]), 2);
});

test("TT-041 FFI-012 `in` for what has elements but no method to look for one", ({ py, own, assert }) => {
  const has = own(py.runPython("lambda x, y: y in x"));
  const args = (function () {
    return arguments;
  })(1, "a");
  assert.ok(has(args, 1));
  assert.ok(has(args, "a"));
  assert.ok(!has(args, 2));
  if (typeof document === "undefined") return;
  const parent = document.createElement("div");
  parent.append(document.createElement("b"), document.createElement("i"));
  assert.ok(has(parent.childNodes, parent.firstChild));
  assert.ok(has(parent.children, parent.lastChild));
  assert.ok(!has(parent.childNodes, parent));
});
