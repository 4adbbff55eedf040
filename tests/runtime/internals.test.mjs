/**
 * Internals that published programs use although nothing documents them, and what those who wait hear when the interpreter ends.
 */
import { configure, test } from "../harness/registry.mjs";

configure({ noInterpreter: true });

test("JS-049 _api and _module have what consoles, notebooks and test tools take from them", async ({ load, assert }) => {
  const py = await load();
  const { _api: api, _module: module } = py;
  assert.equal(api.config.packageBaseUrl, py.lockfileBaseUrl);
  api.config.packageBaseUrl = "https://packages.example/simple";
  assert.equal(py.lockfileBaseUrl, "https://packages.example/simple/");
  assert.equal(api._import_name_to_package_name.get("micropip"), "micropip");
  assert.deepEqual(api.pyodide_code.find_imports("import a, b").toJs(), ["a", "b"]);
  assert.equal(api.sys.modules.has("sys"), true);
  assert.equal(api.isPyProxy(py.globals), true);
  assert.equal(module.API, api);
  assert.equal(module.hiwire.num_keys(), api.liveHandles());
});

test("JS-049 saveState and restoreState", async ({ load, assert }) => {
  const py = await load();
  py.runPython("kept = 1");
  const state = py._api.saveState();
  py.runPython("import colorsys; kept = 2; made = 3");
  py._api.restoreState(state);
  assert.equal(py.runPython("import sys; f'{kept} {\"made\" in globals()} {\"colorsys\" in sys.modules}'"), "1 False False");
});

test("TT-114 Who awaits Python hears of its end, and so does on_fatal", async ({ load, assert }) => {
  for (const [code, name] of [["import os; os._exit(3)", "Exit"], ["import os; os.abort()", "FatalError"]]) {
    const py = await load({ stderr: () => {} });
    const heard = [];
    py._api.on_fatal = (error) => heard.push(error.name);
    const waiting = py.runPythonAsync("import asyncio; await asyncio.sleep(1000)");
    const error = await assert.rejects(() => py.runPythonAsync(`import asyncio; await asyncio.sleep(0.01); ${code}`));
    assert.equal(error.name, name);
    assert.equal((await assert.rejects(() => waiting)).name, name);
    assert.deepEqual(heard, [name]);
  }
});

test("PY-04 CodeRunner and eval_code take dont_inherit, optimize and dedent", async ({ load, assert }) => {
  const py = await load();
  assert.equal(py.runPython("from pyodide.code import eval_code; eval_code('assert False\\n7', optimize=1, dont_inherit=True)"), 7);
  assert.throws(() => py.runPython("eval_code('assert False')"), "AssertionError");
  assert.throws(() => py.runPython("eval_code('  1', dedent=False)"), "IndentationError");
});

test("FFI-042 A JsException has args, and its js_error is itself", async ({ load, assert }) => {
  const py = await load();
  const seen = py.runPython(`
from pyodide.code import run_js
try: run_js("throw new TypeError('wrong')")
except Exception as error: seen = f"{error.args} {error.js_error is error}"
seen`);
  assert.equal(seen, "('TypeError: wrong',) True");
});

test("PKG-32 Frozen modules have their source, and the standard library its data", async ({ load, assert, environment }) => {
  const py = await load();
  const program = "import inspect, linecache, os, pkgutil\ndata = linecache.getline(os.__file__, 1) and pkgutil.get_data('json', '__init__.py')\ndata and inspect.getsource(os.path.join)[:9] + str(len(data) > 1000)";
  let seen = py.runPython(program);
  // A page does not stand still for the sources.
  for (let tries = 0; !seen && tries < 200; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    try {
      seen = py.runPython(`linecache.clearcache()\n${program}`);
    } catch {
      continue;
    }
  }
  assert.equal(seen, "def join(True");
});

test("PKG-41 ASYNC-15 Side modules find what the core has in the place of other libraries' functions", async ({ load, assert }) => {
  const { _module: module } = await load();
  const seenBySideModules = module.LDSO.loadedLibsByName.__main__.exports;
  for (const name of ["PyErr_CheckSignals", "ffi_call", "ffi_closure_free", "ffi_prep_closure_loc"]) {
    assert.equal(typeof seenBySideModules[name], "function", name);
    assert.equal(seenBySideModules[name] === module.wasmExports[`__wrap_${name}`], true, name);
  }
});
