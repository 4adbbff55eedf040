/**
 * Samples of the documentation that belong to no other chapter's tests, word for word: loading code, the file system, questions that are often asked.
 * `pyodide` is the interpreter, as in the samples; addresses are those of the local server.
 * Elsewhere: pages, workers, interrupts and streams (documented/).
 */
import { configure, test } from "../harness/registry.mjs";

configure({ load: { stdout: () => {}, stderr: () => {} } });

/** What `work` prints, line by line. */
function printed(pyodide, work) {
  const lines = [];
  pyodide.setStdout({ batched: (line) => lines.push(line) });
  try {
    work();
  } finally {
    pyodide.setStdout({ batched: () => {} });
  }
  return lines;
}

test("FS-02 The samples of dealing with the file system", ({ py: pyodide, assert }) => {
  pyodide.runPython(`
  from pathlib import Path

  Path("/hello.txt").write_text("hello world!")
`);

  let file = pyodide.FS.readFile("/hello.txt", { encoding: "utf8" });
  assert.equal(file, "hello world!");
  pyodide.FS.unlink("/hello.txt");

  const lines = printed(pyodide, () => {
    let data = "hello world!";
    pyodide.FS.writeFile("/hello.txt", data, { encoding: "utf8" });
    pyodide.runPython(`
  from pathlib import Path

  print(Path("/hello.txt").read_text())
`);
  });
  assert.deepEqual(lines, ["hello world!"]);
  pyodide.FS.unlink("/hello.txt");
});

test("FS-12 HTTP-20 The samples of unpacking archives, from both languages", async ({ py: pyodide, env, assert }) => {
  const address = env.network.open;
  let response = await fetch(`${address}archive.tar.gz`);
  let buffer = await response.arrayBuffer();
  await pyodide.unpackArchive(buffer, "gztar"); // by default, unpacks to the current dir
  assert.equal(pyodide.runPython("open('folder/a.txt').read()"), "content");
  pyodide.runPython("import shutil; shutil.rmtree('folder')");

  let zipResponse = await fetch(`${address}archive.zip`);
  let zipBinary = await zipResponse.arrayBuffer();
  pyodide.unpackArchive(zipBinary, "zip");
  assert.equal(pyodide.runPython("open('folder/a.txt').read()"), "content");
  pyodide.runPython("shutil.rmtree('folder')");

  await pyodide.runPythonAsync(`
from pyodide.http import pyfetch
response = await pyfetch("${address}archive.zip")
await response.unpack_archive()
`);
  assert.equal(pyodide.runPython("open('folder/a.txt').read()"), "content");
  pyodide.runPython("shutil.rmtree('folder')");
});

test("HTTP-01 FS-14 The samples of a script from an address", async ({ py: pyodide, env, assert }) => {
  const address = `${env.network.open}text`;
  // The text of the server as a string of Python.
  const source = `"""${await (await fetch(address)).text()}"""`;
  assert.equal(pyodide.runPython(source), "Hello, W\u00f6rld\n");
  await pyodide.runPythonAsync(`
  from pyodide.http import pyfetch
  response = await pyfetch("${address}")
  with open("script.py", "wb") as f:
      f.write(b'"""' + await response.bytes() + b'"""')
`);
  const pkg = pyodide.pyimport("script");
  assert.equal(pkg.__doc__, "Hello, W\u00f6rld\n");
  pkg.destroy();
  pyodide.runPython("import os, sys; os.unlink('script.py'); del sys.modules['script']");
});

test("TT-118 JS-036 The samples of a custom namespace", ({ py: pyodide, assert }) => {
  {
    const dict = pyodide.globals.get("dict");
    let my_namespace = dict();
    dict.destroy();
    pyodide.runPython(`x = 1 + 1`, { globals: my_namespace });
    pyodide.runPython(`y = x ** x`, { globals: my_namespace });
    assert.equal(my_namespace.get("y"), 4);
    my_namespace.destroy();
  }
  let my_namespace = pyodide.toPy({ x: 2, y: [1, 2, 3] });
  pyodide.runPython(
    `
  assert x == y[1]
  z = x ** x
  `,
    { globals: my_namespace }
  );
  assert.equal(my_namespace.get("z"), 4);
  my_namespace.destroy();
});

test("JS-035 The sample of a package made of JavaScript", ({ py: pyodide, assert }) => {
  const said = [];
  const console = { log: (text) => said.push(text) };
  let my_module = {
    f: function (x) {
      return x * x + 1;
    },
    g: function (x) {
      console.log(`Calling g on argument ${x}`);
      return x;
    },
    submodule: {
      h: function (x) {
        return x * x - 1;
      },
      c: 2,
    },
  };
  pyodide.registerJsModule("my_js_module", my_module);
  pyodide.runPython(`
import my_js_module
from my_js_module.submodule import h, c
assert my_js_module.f(7) == 50
assert h(9) == 80
assert c == 2
assert my_js_module.g(3) == 3
import sys
for name in [name for name in sys.modules if name.startswith("my_js_module")]: del sys.modules[name]
`);
  assert.deepEqual(said, ["Calling g on argument 3"]);
  pyodide.unregisterJsModule("my_js_module");
});

test("HTTP-23 The samples of fetch with options", async ({ py: pyodide, env, assert }) => {
  pyodide.globals.set("address", `${env.network.open}echo`);
  const answers = await pyodide.runPythonAsync(`
import js, json
from pyodide.ffi import to_js
from js import Object
resp = await js.fetch(address,
  method= "POST",
  body= json.dumps({ "some" : "json" }),
  credentials= "omit",
  headers= Object.fromEntries(to_js({ "Content-Type": "application/json" })),
)
first = json.loads(await resp.text())
resp = await js.fetch(address, to_js({
  "method": "POST",
  "body": json.dumps({ "some" : "json" }),
  "credentials": "omit",
  "headers": { "Content-Type": "application/json" }
}, dict_converter=Object.fromEntries)
)
second = json.loads(await resp.text())
json.dumps([[one["method"], json.loads(one["body"]), one["headers"]["content-type"]] for one in (first, second)])
`);
  assert.deepEqual(JSON.parse(answers), [["POST", { some: "json" }, "application/json"], ["POST", { some: "json" }, "application/json"]]);
});

test("FFI-072 The sample of an event handler", { skip: (env) => (env.isBrowser ? undefined : "there is no document outside of a page") }, ({ py: pyodide, assert }) => {
  const heading = document.body.appendChild(document.createElement("h1"));
  try {
    pyodide.runPython(`
from js import document
from pyodide.ffi import create_proxy
def f(*args):
    document.querySelector("h1").innerHTML += "(>.<)"

proxy_f = create_proxy(f)
document.body.addEventListener('click', proxy_f)
`);
    document.body.click();
    document.body.click();
    assert.equal(heading.textContent, "(>.<)(>.<)");
    pyodide.runPython(`
# Store proxy_f in Python then later:
document.body.removeEventListener('click', proxy_f)
proxy_f.destroy()
`);
    document.body.click();
    assert.equal(heading.textContent, "(>.<)(>.<)");
  } finally {
    heading.remove();
  }
});

test("IO-18 The sample of help() with redirected input", ({ py: pyodide, assert }) => {
  const text = printed(pyodide, () =>
    pyodide.runPython(String.raw`
from contextlib import _RedirectStream

class redirect_stdin(_RedirectStream):
    _stream = "stdin"

from io import StringIO
with redirect_stdin(StringIO("\n".join(["eval", "asyncio.ensure_future", "functools.reduce", "quit"]))):
  help()
`),
  ).join("\n");
  for (const part of [
    "Welcome to Python 3.14's help utility!",
    "Help on built-in function eval in module builtins:",
    "Evaluate the given source in the context of globals and locals.",
    "Wrap a coroutine or an awaitable in a future.",
    "Help on built-in function reduce in functools:",
    "You are now leaving help and returning to the Python interpreter.",
  ]) {
    assert.includes(text, part);
  }
});

test("PY-21 JS-036 The samples of another runPython", async ({ py: pyodide, own, assert }) => {
  function runPython(code) {
    pyodide.pyodide_py.code.eval_code(code, pyodide.globals);
  }
  async function runPythonAsync(code) {
    return await pyodide.pyodide_py.code.eval_code_async(code, pyodide.globals);
  }
  runPython("set_by_sample = 5");
  assert.equal(await runPythonAsync("import asyncio; await asyncio.sleep(0, set_by_sample + 1)"), 6);

  const my_eval_code = own(pyodide.runPython(`
  from pyodide.code import eval_code
  def my_eval_code(code, globals=None, locals=None):
    extra_info = None
    result = eval_code(code, globals, locals)
    return globals["extra_info"], result
  my_eval_code
`));

  function myRunPython(code){
    return my_eval_code(code, pyodide.globals);
  }
  pyodide.globals.set("extra_info", null);
  assert.deepEqual(own(myRunPython("2+7")).toJs().slice(1), [9]);
  assert.deepEqual(own(myRunPython("extra_info='hello' ; 2 + 2")).toJs(), ["hello", 4]);
});

test("FS-14 The samples of importing what was just written", ({ py: pyodide, assert }) => {
  const lines = printed(pyodide, () => {
    for (const invalidate of ["", "importlib.invalidate_caches() # Make sure Python notices the new .py file"]) {
      pyodide.runPython(`
import importlib
from pathlib import Path
Path("mymodule.py").write_text("""\\
def hello():
  print("hello world!")
"""
)
${invalidate}
from mymodule import hello
hello()
import os, sys
os.unlink("mymodule.py")
del sys.modules["mymodule"]
`);
    }
  });
  assert.deepEqual(lines, ["hello world!", "hello world!"]);
});

test("ENV-40 The samples of telling where code runs", ({ py: pyodide, assert }) => {
  assert.equal(pyodide.runPython(`
import sys
found = []
if sys.platform == 'emscripten':
    found.append("Emscripten")
if "pyodide" in sys.modules:
    found.append("Pyodide")
import os
if "PYODIDE" in os.environ:
    found.append("building")
"; ".join(found)
`), "Emscripten; Pyodide");
});
