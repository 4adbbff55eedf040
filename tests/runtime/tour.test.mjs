/**
 * The example of the README prints the same everywhere.
 * Here the program runs inside a loaded interpreter; that `dist/python` runs it as well is tested in cli/.
 */
import { test } from "../harness/registry.mjs";

const FILES = ["tour.py", "data/weather.csv", "data/stations.csv"];

test("ENV-01 ENV-37 The tour prints the same report in every environment", { timeout: 240 }, async ({ py, assert, readRepositoryFile }) => {
  py.FS.mkdirTree("/home/pyodide/examples/data");
  for (const name of FILES) py.FS.writeFile(`/home/pyodide/examples/${name}`, await readRepositoryFile(`examples/${name}`));
  const lines = [];
  py.setStdout({ batched: (line) => lines.push(line) });
  try {
    py.runPython("import runpy; runpy.run_path('/home/pyodide/examples/tour.py', run_name='__main__'); None");
  } finally {
    py.setStdout();
    py.runPython("import shutil; shutil.rmtree('/home/pyodide/examples')");
  }
  const golden = new TextDecoder().decode(await readRepositoryFile("tests/golden/tour.txt")).trimEnd().split("\n");
  for (let i = 0; i < Math.max(golden.length, lines.length); i++) assert.equal(lines[i], golden[i], `line ${i + 1}`);
});
