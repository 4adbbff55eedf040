/**
 * The standard library is shipped compiled; its source code is there when somebody asks for it.
 */
import { test } from "../harness/registry.mjs";

const PROGRAM = `
import inspect, json, traceback
def program():
    try:
        json.loads("{")
    except ValueError:
        return traceback.format_exc() + "#" + (inspect.getsource(json.loads) if json.__loader__.get_source("json") else "")
program()
`;

test("PKG-32 Tracebacks and inspect show the lines of the standard library", async ({ py, assert, environment }) => {
  let text = py.runPython(PROGRAM);
  // A page does not stand still for them: they are fetched when somebody asks first.
  for (let tries = 0; text.endsWith("#") && tries < 200; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    text = py.runPython(PROGRAM);
  }
  assert.match(text, /json\/__init__\.py", line \d+, in loads\n {4}return _default_decoder\.decode\(s\)\n/);
  assert.match(text, /#def loads\(s, \*, cls=None/);
});

test("PKG-32 Own modules of the distribution have their source too", async ({ py, assert }) => {
  assert.match(py.runPython("import inspect, pyodide.code; inspect.getsource(pyodide.code.run_js)"), /def run_js/);
});
