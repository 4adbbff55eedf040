/**
 * Options of `loadPyodide`, several instances, and everything that can go wrong while loading.
 * Every case loads its own interpreter, so there is no shared one.
 */
import { configure, test } from "../harness/registry.mjs";

configure({ noInterpreter: true });

test("JS-001 ENV-03 loadPyodide without arguments", async ({ loadPyodide, assert }) => {
  const before = new Set(Object.getOwnPropertyNames(globalThis));
  const py = await loadPyodide();
  assert.equal(py.runPython("1 + 1"), 2);
  assert.deepEqual(Object.getOwnPropertyNames(globalThis).filter((name) => !before.has(name)), []);
});

test("JS-001 IO-19 Loading says nothing", async ({ load, assert }) => {
  const said = [];
  await load({ stdout: (line) => said.push(line), stderr: (line) => said.push(line) });
  assert.deepEqual(said, []);
});

test("JS-012 env reaches os.environ", async ({ load, assert }) => {
  const py = await load({ env: { MY_VARIABLE: "it's = ünïcode", PYTHONINSPECT: "" } });
  assert.equal(py.runPython("import os; os.environ['MY_VARIABLE']"), "it's = ünïcode");
  assert.equal(py.runPython("os.environ['HOME']"), "/home/pyodide");
  assert.equal(py.runPython("os.getcwd()"), "/home/pyodide");
});

test("JS-012 JS-015 HOME decides the home directory", async ({ load, assert }) => {
  const py = await load({ env: { HOME: "/somewhere/else" } });
  assert.equal(py.runPython("import os; os.path.expanduser('~')"), "/somewhere/else");
  assert.equal(py.runPython("os.getcwd()"), "/somewhere/else");
});

test("JS-015 The option homedir is refused with what to use instead", async ({ load, assert }) => {
  const error = await assert.rejects(() => load({ homedir: "/x" }));
  assert.match(error.message, /homedir/);
  assert.match(error.message, /HOME/);
});

test("JS-011 args are those of the python command", async ({ load, assert }) => {
  const py = await load({ args: ["-O", "-W", "ignore"] });
  assert.equal(py.runPython("import sys; sys.flags.optimize"), 1);
  assert.equal(py.runPython("__debug__"), false);
  assert.deepEqual(py.runPython("from pyodide.ffi import to_js; to_js(sys.warnoptions)"), ["ignore"]);
});

test("JS-011 Arguments and variables that CPython reads before all else", async ({ load, assert }) => {
  const see = async (options) => {
    const py = await load({ stderr: () => {}, ...options });
    const text = py.runPython("import sys, json; json.dumps([sys.flags.dev_mode, sys.flags.int_max_str_digits, sys.flags.ignore_environment, '/from/variable' in sys.path, hash('abc'), sys.warnoptions])");
    return JSON.parse(text);
  };
  const plain = await see({});
  assert.deepEqual(plain.slice(0, 4), [false, 4300, 0, false]);
  assert.deepEqual((await see({ args: ["-X", "dev"] })).with(4, 0), [true, 4300, 0, false, 0, ["default"]]);
  assert.equal((await see({ args: ["-qXdev"] }))[0], true);
  assert.equal((await see({ args: ["-c", "pass", "-Xdev"] }))[0], false);
  const variables = { PYTHONDEVMODE: "1", PYTHONPATH: "/from/variable", PYTHONINTMAXSTRDIGITS: "0", PYTHONHASHSEED: "42" };
  const read = await see({ env: variables });
  assert.deepEqual(read.slice(0, 4), [true, 0, 0, true]);
  assert.equal((await see({ env: variables }))[4], read[4], "PYTHONHASHSEED fixes hashes");
  assert.deepEqual((await see({ env: variables, args: ["-sE"] })).slice(0, 4), [false, 4300, 1, false]);
});

test("JS-011 Arguments with which Python does not start are refused by name", async ({ load, assert }) => {
  for (const [args, status, said] of [
    [["-V"], 0, /^Python 3\.14/],
    [["--help"], 0, /^usage: /],
    [["-Z"], 2, /unknown option:? -Z/i],
    [["-W"], 2, /argument expected for the -W option/i],
  ]) {
    const output = [];
    const error = await assert.rejects(() => load({ args, stdout: (line) => output.push(line), stderr: (line) => output.push(line) }));
    assert.includes(error.message, JSON.stringify(args));
    assert.includes(error.message, `exit status ${status}`);
    assert.ok(output.some((line) => said.test(line)), output.slice(0, 3).join("\n"));
  }
  const error = await assert.rejects(() => load({ args: ["-X", "frozen_modules=maybe"], stderr: () => {} }));
  assert.match(error.message, /frozen_modules/);
});

test("JS-011 JS-008 What Python prints while it starts goes to stdout", async ({ load, assert }) => {
  const lines = [];
  await load({ args: ["-c", "print('from the start')"], stdout: (line) => lines.push(line) }).then(
    (py) => py.runPython("1"),
    () => undefined,
  );
  const quiet = [];
  const py = await load({ stdout: (line) => quiet.push(line) });
  py.runPython("print('hello'); print('two\\nlines')");
  assert.deepEqual(quiet, ["hello", "two", "lines"]);
});

test("JS-008 JS-009 IO-17 stdout and stderr callbacks", async ({ load, assert }) => {
  const out = [];
  const err = [];
  const py = await load({ stdout: (line) => out.push(line), stderr: (line) => err.push(line) });
  py.runPython("import sys\nprint('a')\nprint('b', file=sys.stderr)\nprint('c', end='')\nsys.stdout.flush()");
  assert.deepEqual(out, ["a", "c"]);
  assert.deepEqual(err, ["b"]);
});

test("JS-007 IO-17 stdin callback", async ({ load, assert }) => {
  const lines = ["first", "second"];
  const py = await load({ stdin: () => lines.shift(), stdout: () => {} });
  assert.equal(py.runPython("input()"), "first");
  assert.equal(py.runPython("input('prompt ')"), "second");
  assert.throws(() => py.runPython("input()"), "EOFError: EOF when reading a line");
});

test("JS-010 jsglobals backs the js module", async ({ load, assert }) => {
  const jsglobals = { answer: 42, setTimeout, clearTimeout };
  const py = await load({ jsglobals });
  assert.equal(py.runPython("import js; js.answer"), 42);
  assert.equal(py.runPython("from js import answer; answer"), 42);
  py.runPython("js.fresh = 'new'");
  assert.equal(jsglobals.fresh, "new");
  assert.equal(globalThis.fresh, undefined);
  assert.equal(py.runPython("hasattr(js, 'Array')"), false);
});

test("JS-014 JS-060 pyproxyToStringRepr", async ({ load, assert }) => {
  const py = await load({ pyproxyToStringRepr: true });
  const proxy = py.runPython("class A:\n  def __str__(self): return 'str'\n  def __repr__(self): return 'repr'\nA()");
  assert.equal(proxy.toString(), "repr");
  proxy.destroy();
});

test("TT-017 JS-062 json writes a null that is kept apart as null", async ({ load, assert }) => {
  const py = await load({ convertNullToNone: false });
  py.globals.set("nothing", null);
  const dumps = (options) => py.runPython(`import json\njson.dumps([nothing, {"a": nothing}, None]${options})`);
  assert.equal(dumps(""), '[null, {"a": null}, null]');
  assert.equal(JSON.stringify(JSON.parse(dumps(", indent=1"))), '[null,{"a":null},null]');
  assert.equal(dumps(", default=lambda value: 1 / 0"), '[null, {"a": null}, null]');
  assert.equal(py.runPython("json.JSONEncoder(default=str).encode([nothing, len])"), '[null, "<built-in function len>"]');
  assert.throws(() => py.runPython("json.dumps(len)"), "TypeError");
  assert.equal(py.runPython("nothing.typeof"), "object");
});

test("TT-017 convertNullToNone: false keeps null apart", async ({ load, assert }) => {
  const py = await load({ convertNullToNone: false });
  const describe = py.runPython("from pyodide.ffi import jsnull\nlambda x: 'None' if x is None else 'jsnull' if x is jsnull else repr(x)");
  assert.equal(describe(null), "jsnull");
  assert.equal(describe(undefined), "None");
  const same = py.runPython("lambda x: x");
  assert.equal(same(null), null);
  assert.equal(same(undefined), undefined);
  assert.equal(py.runPython("bool(jsnull)"), false);
  for (const proxy of [describe, same]) proxy.destroy();
});

test("TT-078 toJsLiteralMap: false gives plain objects", async ({ load, assert }) => {
  const py = await load({ toJsLiteralMap: false });
  const proxy = py.runPython("{'a': {'b': 1}}");
  assert.deepEqual(proxy.toJs(), { a: { b: 1 } });
  proxy.destroy();
  // An object has one property where a dict has two keys: neither gets lost unsaid.
  for (const code of ["{1: 'a', '1': 'b'}", "{'1': 'a', 1: 'b'}", "{True: 1, 'true': 2}", "[{None: 1, 'undefined': 2}]"]) {
    const dict = py.runPython(code);
    assert.throws(() => dict.toJs(), "would be one property of a JavaScript object");
    assert.throws(() => dict.toJs({ default_converter: (value) => value }), "would be one property of a JavaScript object");
    dict.destroy();
  }
  const keys = py.runPython("{1: 'a', '2': 'b', None: 3, True: 4, 2.5: 5}");
  assert.deepEqual(keys.toJs(), { 1: 4, 2: "b", 2.5: 5, undefined: 3 });
  assert.deepEqual(keys.toJs({ dict_converter: Array.from })[1], ["2", "b"]);
  keys.destroy();
});

test("ENV-35 TT-076 Two instances do not disturb each other", async ({ load, assert }) => {
  const outA = [];
  const outB = [];
  const [a, b] = await Promise.all([load({ stdout: (line) => outA.push(line) }), load({ stdout: (line) => outB.push(line) })]);
  a.runPython("x = 'a'; print('from a')");
  b.runPython("x = 'b'; print('from b')");
  assert.equal(a.globals.get("x"), "a");
  assert.equal(b.globals.get("x"), "b");
  assert.deepEqual([outA, outB], [["from a"], ["from b"]]);
  a.FS.writeFile("/tmp/only_a", "1");
  assert.equal(b.FS.analyzePath("/tmp/only_a").exists, false);
  a.registerJsModule("only_a", { v: 1 });
  assert.throws(() => b.runPython("import only_a"), "ModuleNotFoundError");
  // A proxy of the other interpreter is an object like any other.
  const list = a.runPython("[1, 2]");
  const kind = b.runPython("lambda x: type(x).__name__");
  assert.equal(kind(list), "JsProxy");
  const read = b.runPython("lambda x: x.length");
  assert.equal(read(list), 2);
  assert.ok(list instanceof a.ffi.PyProxy, "a's proxy is a's");
  assert.ok(!(list instanceof b.ffi.PyProxy), "a's proxy is not b's");
  // Errors cross both.
  const fail = a.runPython("def fail(): raise KeyError('in a')\nfail");
  const call = b.runPython("def call(f):\n  try:\n    f()\n  except Exception as e:\n    return str(e)\ncall");
  assert.includes(call(fail), "KeyError: 'in a'");
  for (const proxy of [list, kind, read, fail, call]) proxy.destroy();
  a.runPython("import sys; sys.setrecursionlimit(500)");
  assert.notEqual(b.runPython("import sys; sys.getrecursionlimit()"), 500);
});

test("ENV-35 JS-001 Loading can be repeated", { timeout: 240 }, async ({ load, assert }) => {
  for (let i = 0; i < 3; i++) {
    const py = await load();
    assert.equal(py.runPython("len('abc')"), 3);
  }
});

test("ENV-13 JS-002 A wrong indexURL names what could not be loaded", async ({ load, assert, distUrl }) => {
  const error = await assert.rejects(() => load({ indexURL: `${distUrl}no-such-folder/` }));
  assert.match(error.message, /no-such-folder/);
  assert.ok(!/undefined|\[object/.test(error.message), error.message);
});

test("JS-002 ENV-13 indexURL with and without the last slash", async ({ load, assert, distUrl }) => {
  for (const indexURL of [distUrl, distUrl.replace(/\/$/, "")]) {
    const py = await load({ indexURL });
    assert.equal(py.runPython("1 + 1"), 2);
  }
});

test("JS-006 stdLibURL", async ({ load, assert, distUrl }) => {
  const py = await load({ stdLibURL: `${distUrl}python_stdlib.zip` });
  assert.equal(py.runPython("import json; json.dumps([1])"), "[1]");
});

test("JS-006 A stdLibURL that is not there names it", async ({ load, assert, distUrl }) => {
  const error = await assert.rejects(() => load({ stdLibURL: `${distUrl}no-such-library.zip` }));
  assert.match(error.message, /no-such-library\.zip/);
});

test("JS-006 A stdLibURL that is not a zip says so", async ({ load, assert, distUrl }) => {
  const error = await assert.rejects(() => load({ stdLibURL: `${distUrl}package.json` }));
  assert.match(error.message, /package\.json/);
  assert.match(error.message, /zip/i);
});

test("ENV-36 JS-006 A standard library that is cut off says so", async ({ load, assert, readDistFile, env }) => {
  if (!env.isBrowser) return;
  const whole = await readDistFile("python_stdlib.zip");
  const stdLibURL = URL.createObjectURL(new Blob([whole.slice(0, whole.length / 2)]));
  const error = await assert.rejects(() => load({ stdLibURL }));
  assert.match(error.message, /zip/i);
  URL.revokeObjectURL(stdLibURL);
});

test("JS-001 JS-145 Bad options are refused by name", async ({ load, assert }) => {
  for (const [options, pattern] of [
    [{ args: "-c" }, /args/],
    [{ env: 5 }, /env/],
    [{ env: { A: 5 } }, /env|A/],
    [{ stdin: "text" }, /stdin/],
    [{ stdout: {} }, /stdout/],
    [{ stderr: 1 }, /stderr/],
    [{ indexURL: 7 }, /indexURL/],
    [{ stdLibURL: [] }, /stdLibURL/],
    [{ jsglobals: 3 }, /jsglobals/],
    [{ packages: 5 }, /packages/],
    [{ nonsense: 1 }, /nonsense/],
    [{ fullStdlib: true }, /fullStdlib/],
  ]) {
    const error = await assert.rejects(() => load(options));
    assert.match(error.message, pattern, JSON.stringify(options));
  }
  await assert.rejects(() => load(null).then(() => { throw new TypeError("null is like no options"); }), "TypeError");
});

test("JS-001 After a failed load the next one works", async ({ load, assert, distUrl }) => {
  await assert.rejects(() => load({ indexURL: `${distUrl}no-such-folder/` }));
  const py = await load();
  assert.equal(py.runPython("1 + 1"), 2);
});

test("TT-114 A fatal error says so, and later calls say it too", async ({ load, assert }) => {
  const py = await load({ stderr: () => {} });
  const kept = py.runPython("[1]");
  const error = assert.throws(() => py.runPython("import ctypes; ctypes.string_at(0xfffffff0, 64)"));
  assert.match(error.message, /crash|fatal|memory|cannot/i);
  const later = assert.throws(() => py.runPython("1 + 1"));
  assert.match(later.message, /dead|fatal|crash/i);
  assert.throws(() => kept.length, /dead|fatal|crash/i);
  const other = await load();
  assert.equal(other.runPython("1 + 1"), 2);
});

test("PKG-45 os._exit and abort end the interpreter with a clear message", async ({ load, assert }) => {
  for (const [code, pattern] of [
    ["import os; os._exit(3)", /exit/i],
    ["import os; os.abort()", /abort/i],
  ]) {
    const py = await load({ stderr: () => {} });
    const error = assert.throws(() => py.runPython(code));
    assert.match(`${error.name}: ${error.message}`, pattern);
    assert.throws(() => py.runPython("1"), /dead|fatal|exit|abort/i);
  }
});

test("JS-012 The locale has the names of the environment; text is UTF-8, whatever they are", async ({ load, assert }) => {
  const code = "import locale; (*locale.getlocale(), locale.getpreferredencoding())";
  for (const snapshot of [undefined, false]) {
    for (const [env, expected] of [
      [{ LANG: "C.UTF-8" }, ["C", "UTF-8", "utf-8"]],
      [{ LANG: "de_DE.UTF-8" }, ["de_DE", "UTF-8", "utf-8"]],
      [{ LANG: "C" }, [undefined, undefined, "utf-8"]],
    ]) {
      const py = await load({ snapshot, env });
      assert.deepEqual(py.runPython(code).toJs(), expected);
    }
  }
});
