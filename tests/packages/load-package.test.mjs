/**
 * loadPackage, loadPackagesFromImports and the option `packages`, from a local server.
 * Not here: what real packages do once they are loaded (pypi.test.mjs), what is refused (refusals.test.mjs).
 */
import { test } from "../harness/registry.mjs";

const noLeakCheck = "packages stay loaded";

function callbacks() {
  const said = [];
  return { said, options: { messageCallback: (text) => said.push(text), errorCallback: (text) => said.push(`! ${text}`) } };
}

const withLock = ({ load, index }, options = {}) => load({ lockFileURL: `${index.origin}/lock.json`, ...options });

test("JS-027 PKG-02 A package by its name brings what it needs", { noLeakCheck }, async ({ load, index, assert }) => {
  const py = await withLock({ load, index });
  const { said, options } = callbacks();
  const loaded = await py.loadPackage("Pydantic", options);
  const names = loaded.map(({ name }) => name);
  assert.deepEqual([...names].sort(), ["annotated_types", "pydantic", "pydantic_core", "typing_extensions", "typing_inspection"]);
  assert.ok(names.indexOf("typing_extensions") < names.indexOf("pydantic_core") && names.at(-1) === "pydantic");
  assert.deepEqual({ ...loaded.at(-1) }, { name: "pydantic", version: "2.14.3", fileName: `files/${index.files.pydantic}`, packageType: "package" });
  const list = [...names].sort().join(", ");
  assert.deepEqual(said, [`Loading ${list}`, `Loaded ${list}`]);
  assert.equal(py.loadedPackages["pydantic"], "default channel");
  assert.ok(py.runPython("import pydantic; hasattr(pydantic, 'BaseModel')"));
  // Again: nothing to do.
  assert.deepEqual(await py.loadPackage(["pydantic", "typing-extensions"], options), []);
  assert.deepEqual(said.slice(2), ["pydantic already loaded from default channel", "typing-extensions already loaded from default channel", "No new packages to load"]);
});

test("JS-027 PKG-12 Lists, PyProxies of lists, and every spelling of a name", { noLeakCheck }, async ({ load, index, assert }) => {
  const py = await withLock({ load, index });
  const { options } = callbacks();
  assert.deepEqual((await py.loadPackage(["SIX", "Markdown.It_Py"], options)).map(({ name }) => name), ["six", "mdurl", "markdown_it_py"]);
  const names = py.runPython("['idna', 'h11']");
  assert.deepEqual((await py.loadPackage(names, options)).map(({ name }) => name), ["idna", "h11"]);
  assert.throws(() => names.length, "destroyed");
  assert.deepEqual(await py.loadPackage([], options), []);
});

test("JS-027 PKG-03 A wheel by its address, whatever kind of address", { noLeakCheck }, async ({ load, index, assert }) => {
  const py = await load();
  const { said, options } = callbacks();
  const url = `${index.origin}/files/${index.files.attrs}`;
  const [data] = await py.loadPackage(url, options);
  assert.deepEqual({ ...data }, { name: "attrs", version: "26.1.0", fileName: index.files.attrs, packageType: "package" });
  assert.equal(py.loadedPackages.attrs, url);
  assert.equal(py.runPython("import attrs, importlib.metadata as m; m.version('attrs')"), "26.1.0");
  assert.equal(py.runPython("m.distribution('attrs').read_text('PYODIDE_SOURCE')"), url);
  assert.equal(py.runPython("m.distribution('attrs').read_text('INSTALLER')"), "pyodide.loadPackage");
  assert.equal(py.runPython("m.distribution('attrs').origin.url"), url);
  assert.ok(py.runPython("all(f.locate().is_file() for f in m.files('attrs'))"));
  await py.loadPackage(`${index.origin}/files/${index.files.idna}?version=1#egg=idna`, options);
  assert.equal(py.runPython("import idna; idna.encode('ü.de').decode()"), "xn--tda.de");
  py.FS.writeFile(`/tmp/${index.files.six}`, new Uint8Array(await (await fetch(`${index.origin}/files/${index.files.six}`)).arrayBuffer()));
  await py.loadPackage(`emfs:/tmp/${index.files.six}`, options);
  assert.equal(py.runPython("import six; six.__version__"), "1.17.0");
  assert.deepEqual(said.filter((text) => text.startsWith("!")), []);
});

test("JS-027 PKG-03 Of two wheels of one package the first one counts, and that is said", { noLeakCheck }, async ({ load, index, assert }) => {
  const py = await load();
  const { said, options } = callbacks();
  const [one, other] = ["1.0", "1.5"].map((version) => `${index.origin}/files/pyox_example-${version}-py3-none-any.whl`);
  await py.loadPackage([one, other], options);
  assert.deepEqual(await py.loadPackage(other, options), []);
  const conflict = `! URI mismatch, attempting to load package pyox_example from ${other} while it is already loaded from ${one}. To override a dependency, load the custom package first.`;
  assert.deepEqual(said, [conflict, "Loading pyox_example", "Loaded pyox_example", conflict, "No new packages to load"]);
  assert.equal(py.runPython("import pyox_example; pyox_example.__version__"), "1.0");
});

test("JS-029 PKG-05 loadPackagesFromImports finds what code imports", { noLeakCheck }, async ({ load, index, assert }) => {
  const py = await withLock({ load, index });
  const { said, options } = callbacks();
  const loaded = await py.loadPackagesFromImports("import os, mdurl\nif 0:\n  from six.moves import urllib\nimport no_such_thing", options);
  assert.deepEqual(loaded.map(({ name }) => name).sort(), ["mdurl", "six"]);
  assert.deepEqual(said, ["Loading mdurl, six", "Loaded mdurl, six"]);
  assert.deepEqual(await py.loadPackagesFromImports("import mdurl, json", options), []);
  // What finds them can be replaced.
  const restore = py.runPython("import pyodide.code as code\nfound = code.find_imports\ncode.find_imports = lambda source: ['cycler']\ndef restore():\n    code.find_imports = found\nrestore");
  assert.deepEqual((await py.loadPackagesFromImports("import six", options)).map(({ name }) => name), ["cycler"]);
  restore();
  restore.destroy();
});

test("JS-013 PKG-02 The option packages", { noLeakCheck }, async ({ load, index, assert }) => {
  const py = await withLock({ load, index }, { packages: ["beautifulsoup4", `${index.origin}/files/${index.files.six}`] });
  assert.equal(py.runPython("import bs4, six; bs4.BeautifulSoup('<p>a<b>c</b>', 'html.parser').b.text"), "c");
  await assert.rejects(() => withLock({ load, index }, { packages: ["no-such-package"] }), "No known package with name 'no-such-package'");
});

test("JS-013 Packages of the option are fetched once, while Python starts", { noLeakCheck }, async ({ load, index, assert, env }) => {
  const key = `once-${env.name}-${Math.random()}`;
  const py = await load({ packages: [`${index.origin}/counted/${key}/${index.files.six}`] });
  assert.equal(py.runPython("import six; six.__version__"), "1.17.0");
  assert.equal(await (await fetch(`${index.origin}/count/${key}`)).text(), "1");
  // A server that is busy at first is asked again, as it is without the option.
  const busy = await load({ packages: [`${index.origin}/flaky/${key}-busy/${index.files.six}`] });
  assert.equal(busy.runPython("import six; six.__version__"), "1.17.0");
});

/** A lock file with what distributions have besides wheels. */
async function lockWithArchives(index) {
  const entry = async (name, file, more) => {
    const bytes = await (await fetch(`${index.origin}/files/${file}`)).arrayBuffer();
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return [name, { name, version: "3.1", file_name: file, sha256, install_dir: "site", package_type: "package", imports: [], depends: [], unvendored_tests: false, ...more }];
  };
  const packages = await Promise.all([
    entry("pyox-suite", "pyox_suite-3.1-py3-none-any.whl", { imports: ["pyox_suite"], depends: ["libpyoxinner"], unvendored_tests: true }),
    entry("pyox-suite-tests", "pyox-suite-tests.zip", { depends: ["pyox_suite"] }),
    entry("libpyoxinner", "libpyoxinner.zip", { install_dir: "dynlib", package_type: "shared_library" }),
  ]);
  return { info: { arch: "wasm32", platform: "emscripten_6_0_5", version: "0", python: "3.14.7", abi_version: "2026_5" }, packages: Object.fromEntries(packages) };
}

test("PKG-08 The tests of a package are a package of their own", { noLeakCheck }, async ({ load, index, assert }) => {
  const lock = await lockWithArchives(index);
  const py = await load({ lockFileContents: lock, packageBaseUrl: `${index.origin}/files/` });
  await py.loadPackage("pyox-suite", callbacks().options);
  assert.throws(() => py.runPython("import pyox_suite.tests.test_it"), "ModuleNotFoundError");
  const loaded = await py.loadPackage("pyox_suite-tests", callbacks().options);
  assert.deepEqual(loaded.map(({ name }) => name), ["pyox-suite-tests"]);
  assert.equal(py.runPython("import pyox_suite.tests.test_it as t; t.run()"), "3.1");
  // Alone, they bring the package.
  const other = await load({ lockFileContents: lock, packageBaseUrl: `${index.origin}/files/`, packages: ["pyox-suite-tests"] });
  assert.equal(other.runPython("import pyox_suite.tests.test_it as t; t.run()"), "3.1");
});

test("PKG-09 A shared library that a package needs is there before it, for every library by its name", { noLeakCheck }, async ({ load, index, assert }) => {
  const py = await load({ lockFileContents: await lockWithArchives(index), packageBaseUrl: `${index.origin}/files/` });
  const loaded = await py.loadPackage("pyox-suite", callbacks().options);
  assert.deepEqual(loaded.map(({ name, packageType }) => [name, packageType]), [["libpyoxinner", "shared_library"], ["pyox-suite", "package"]]);
  assert.equal(py.runPython("import ctypes; ctypes.CDLL('libpyoxinner.so').inner_add(2)"), 42);
  assert.equal(py.runPython("ctypes.CDLL(None).inner_add(3)"), 43);
  assert.equal(py.runPython("ctypes.pythonapi.Py_IsInitialized()"), 1);
});

test("PKG-30 A lock file may have any name, those of earlier versions too", { noLeakCheck }, async ({ load, index, assert }) => {
  for (const name of ["packages.json", "repodata.json", "pyodide-lock.json"]) {
    const py = await load({ lockFileURL: `${index.origin}/named/${name}`, packages: "six" });
    assert.equal(py.runPython("import six; six.__version__"), "1.17.0");
  }
});

test("PKG-07 An import of a package that is not loaded says how to load it", { noLeakCheck }, async ({ load, index, assert }) => {
  const py = await withLock({ load, index });
  const error = assert.throws(() => py.runPython("import bs4"), "ModuleNotFoundError");
  assert.match(error.message, /loadPackage\("beautifulsoup4"\)/);
  assert.match(error.message, /micropip\.install\("beautifulsoup4"\)/);
});

test("PKG-06 Files of packages are files: read, written to, replaced, removed", { noLeakCheck }, async ({ load, index, assert }) => {
  const py = await load();
  await py.loadPackage(`${index.origin}/files/${index.files.six}`, callbacks().options);
  const result = py.runPython(`
import json, os, pathlib, shutil
site = pathlib.Path("/lib/python3.14/site-packages")
file = site / "six.py"
text = file.read_text()
size = file.stat().st_size
with file.open("r+b") as f:
    f.write(b"#" * 10)
changed = file.read_text()
with file.open("a") as f:
    f.write("added = 1\\n")
shutil.copy(file, "/tmp/copy.py")
os.rename(file, site / "seven.py")
import seven
os.truncate(site / "seven.py", 5)
half = (site / "seven.py").read_text()
os.unlink(site / "seven.py")
json.dumps([
    size == len(text.encode()), changed[:10], changed[10:] == text[10:], seven.added, pathlib.Path("/tmp/copy.py").read_text().endswith("added = 1\\n"),
    half, (site / "seven.py").exists(),
])`);
  assert.deepEqual(JSON.parse(result), [true, "##########", true, 1, true, "#####", false]);
});

test("PKG-06 What a wheel keeps in .data is spread", { noLeakCheck }, async ({ load, index, assert }) => {
  const py = await load();
  await py.loadPackage(`${index.origin}/files/pyox_data-1.0-py3-none-any.whl`, callbacks().options);
  const result = py.runPython(`
import importlib.metadata as m, pyox_pure, os, json
json.dumps([pyox_pure.x, open("/share/pyox/a.txt").read(), os.path.exists("/bin/pyox-run"), all(f.locate().exists() for f in m.files("pyox-data"))])`);
  assert.deepEqual(JSON.parse(result), [1, "shared", true, true]);
});

test("JS-022 loadedPackages is what installers read and write", { noLeakCheck }, async ({ load, index, assert }) => {
  const py = await load();
  await py.loadPackage(`${index.origin}/files/Pyox.Odd_Name-1.0-py3-none-any.whl`, callbacks().options);
  assert.deepEqual(Object.keys(py.loadedPackages), ["Pyox.Odd_Name"]);
  assert.ok(py.runPython(`
from pyodide_js import loadedPackages
ok = hasattr(loadedPackages, "pyox-odd-name") and list(loadedPackages.to_py()) == ["Pyox.Odd_Name"]
delattr(loadedPackages, "pyox-odd-name")
ok`));
  assert.deepEqual(Object.keys(py.loadedPackages), []);
});

test("JS-027 Calls at the same time do not disturb each other", { noLeakCheck }, async ({ load, index, assert }) => {
  const py = await withLock({ load, index });
  const { options } = callbacks();
  const results = await Promise.all([py.loadPackage("pydantic", options), py.loadPackage(["typing-extensions", "six"], options), py.loadPackage("six", options)]);
  assert.deepEqual(results.map((loaded) => loaded.length), [5, 1, 0]);
});

test("JS-027 PKG-03 PKG-39 Relative addresses start at the page, or at the working directory", { noLeakCheck }, async ({ load, dist, assert, env }) => {
  const py = await load();
  const file = py.lockfile.packages.tzdata.file_name;
  const address = env.isBrowser ? `../../dist/${file}` : (await import("node:path")).relative(process.cwd(), `${dist}/${file}`);
  await py.loadPackage(address, callbacks().options);
  assert.equal(py.loadedPackages.tzdata, env.isBrowser ? `${location.origin}/dist/${file}` : `${dist}/${file}`);
  assert.equal(py.runPython("import zoneinfo, datetime; str(datetime.datetime(2026, 7, 1, tzinfo=zoneinfo.ZoneInfo('Europe/Berlin')).utcoffset())"), "2:00:00");
});

test("JS-027 loadPackage from Python, with callbacks written in Python", { noLeakCheck }, async ({ load, index, assert }) => {
  const py = await withLock({ load, index });
  const said = await py.runPythonAsync(`
import json, pyodide_js
said = []
loaded = await pyodide_js.loadPackage(["six", "idna"], messageCallback=said.append, errorCallback=said.append)
json.dumps([said, sorted(package.name for package in loaded)])`);
  assert.deepEqual(JSON.parse(said), [["Loading idna, six", "Loaded idna, six"], ["idna", "six"]]);
});

test("ENV-28 JS-003 packageCacheDir keeps downloads, and a damaged copy is fetched again", { noLeakCheck, skip: (env) => (env.isNode ? undefined : "browsers have caches of their own") }, async ({ load, index, assert, env }) => {
  const { mkdtemp, readdir, rm, writeFile } = await import("node:fs/promises");
  const folder = await mkdtemp("/tmp/pyoxide-cache-");
  const key = `cache-${env.name}-${Math.random()}`;
  try {
    const lock = await (await fetch(`${index.origin}/lock.json`)).json();
    lock.packages.six.file_name = `${index.origin}/counted/${key}/${index.files.six}`;
    const requests = async () => Number(await (await fetch(`${index.origin}/count/${key}`)).text());
    const loadIt = async () => {
      const py = await load({ lockFileContents: lock, packageCacheDir: folder, packages: "six" });
      return py.runPython("import six; six.__version__");
    };
    assert.equal(await loadIt(), "1.17.0");
    assert.deepEqual((await readdir(folder)).filter((name) => name.endsWith(".whl")), [index.files.six]);
    assert.equal(await loadIt(), "1.17.0");
    assert.equal(await requests(), 1);
    await writeFile(`${folder}/${index.files.six}`, "damaged");
    assert.equal(await loadIt(), "1.17.0");
    assert.equal(await requests(), 2);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("PKG-28 PKG-29 A lock file that another distribution of the platform was made with: its packages load, and one for another platform is refused when it is asked for", { noLeakCheck: "packages stay loaded" }, async ({ load, index, assert }) => {
  const lock = await (await fetch(`${index.origin}/lock.json`)).json();
  lock.info = { abi_version: "2026_0", arch: "wasm32", platform: "emscripten_5_0_3", python: "3.14.2" };
  for (const entry of Object.values(lock.packages)) entry.tool = {};
  const other = "numpy-2.2.5-cp313-cp313-pyodide_2025_0_wasm32.whl";
  lock.packages.numpy = { ...lock.packages.six, name: "numpy", version: "2.2.5", file_name: other, imports: ["numpy"], depends: ["six"] };
  for (const lockFileContents of [lock, JSON.stringify(lock), Promise.resolve(lock)]) {
    const py = await load({ lockFileContents, packageBaseUrl: `${index.origin}/` });
    await assert.rejects(() => py.loadPackage("numpy", { messageCallback() {}, errorCallback() {} }), /^IncompatibleWheelError: The wheel numpy-2\.2\.5-cp313-cp313-pyodide_2025_0_wasm32\.whl is for the platform pyodide_2025_0_wasm32; this is Python 3\.14 on WebAssembly, which accepts .*`pyemscripten_2026_0_wasm32`\.$/);
    assert.deepEqual({ ...py.loadedPackages }, {});
    assert.throws(() => py.runPython("import numpy"), /The package 'numpy' of this distribution has this module, but it is not loaded yet/);
    await py.loadPackage(["jiter", "python-dateutil"], { messageCallback() {}, errorCallback() {} });
    assert.equal(py.runPython("import dateutil.parser, jiter; jiter.from_json(b'[3]')[0]"), 3);
  }
});
