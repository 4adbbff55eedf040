/**
 * The documented examples of loadPackage and micropip, word for word: what they ask of the internet goes to the local index.
 * Not here: the complete page (documented.browser.mjs), the worker (runtime/pages.browser.mjs), the unvendored standard library by
 * name (cpython/modules.test.mjs).
 */
import { test } from "../harness/registry.mjs";

const noLeakCheck = "packages stay loaded";

/** Runs `work` while the documents' hosts are the local index. */
async function withInternet(index, work) {
  const real = globalThis.fetch;
  const hosts = [["https://pypi.org/simple/", `${index.origin}/simple/`], ["https://example.com/files/", `${index.origin}/files/`], ["https://foo/bar/", `${index.origin}/files/`]];
  const asked = [];
  globalThis.fetch = (resource, options) => {
    const url = String(resource?.url ?? resource);
    const host = hosts.find(([prefix]) => url.startsWith(prefix));
    if (host !== undefined) asked.push(url);
    return real(host === undefined ? resource : host[1] + url.slice(host[0].length), options);
  };
  try {
    return await work(asked);
  } finally {
    globalThis.fetch = real;
  }
}

/** `loadPyodide` without arguments, as the examples call it, and what Python prints. */
function documented({ load, index }) {
  const said = [];
  return { said, loadPyodide: (options = {}) => load({ lockFileURL: `${index.origin}/documented.json`, stdout: (line) => said.push(line), ...options }) };
}

test("PKG-01 PKG-13 PKG-26 micropip from JavaScript", { noLeakCheck }, async (context) => {
  const { said, loadPyodide } = documented(context);
  // micropip of the distribution: its own lock file.
  const pyodide = await loadPyodide({ lockFileURL: undefined });
  await withInternet(context.index, async (asked) => {
    await pyodide.loadPackage("micropip");
    const micropip = pyodide.pyimport("micropip");
    await micropip.install('snowballstemmer');
    pyodide.runPython(`
  import snowballstemmer
  stemmer = snowballstemmer.stemmer('english')
  print(stemmer.stemWords('go goes going gone'.split()))
`);
    context.assert.equal(asked[0], "https://pypi.org/simple/snowballstemmer/");
    micropip.destroy();
  });
  context.assert.deepEqual(said, ["['go', 'goe', 'go', 'gone']"]);
});

test("PKG-13 PKG-19 A wheel from an address, with what it needs", { noLeakCheck }, async (context) => {
  const { loadPyodide } = documented(context);
  const pyodide = await loadPyodide({ lockFileURL: undefined });
  await pyodide.loadPackage("micropip");
  await withInternet(context.index, async (asked) => {
    await pyodide.runPythonAsync(`
import micropip
micropip.install(
    'https://example.com/files/snowballstemmer-2.0.0-py2.py3-none-any.whl'
)`);
    context.assert.deepEqual(asked, ["https://example.com/files/snowballstemmer-2.0.0-py2.py3-none-any.whl", "https://pypi.org/simple/pyox-extra/"]);
  });
  context.assert.equal(pyodide.runPython("import snowballstemmer, pyox_extra; snowballstemmer.__version__ + pyox_extra.__version__"), "2.0.01.2");
});

test("PKG-14 deps=False", { noLeakCheck }, async (context) => {
  const { loadPyodide } = documented(context);
  const pyodide = await loadPyodide({ lockFileURL: undefined });
  await pyodide.loadPackage("micropip");
  await withInternet(context.index, () => pyodide.runPythonAsync(`
import micropip
await micropip.install('https://example.com/files/snowballstemmer-2.0.0-py2.py3-none-any.whl', deps=False)`));
  context.assert.equal(pyodide.runPython("', '.join(sorted(micropip.list()))"), "micropip, snowballstemmer");
});

test("PKG-01 The same from either language", { noLeakCheck }, async (context) => {
  const { loadPyodide } = documented(context);
  const pyodide = await loadPyodide();
  await pyodide.runPythonAsync(`
import pyodide_js
await pyodide_js.loadPackage('package_name')
`);
  const package_name = "package_name";
  let micropip = pyodide.pyimport(package_name);
  context.assert.equal(micropip.__version__, "1.0");
  micropip.destroy();
});

test("JS-027 PKG-02 By name, and several at the same time", { noLeakCheck }, async (context) => {
  const { loadPyodide } = documented(context);
  const pyodide = await loadPyodide();
  await pyodide.loadPackage("numpy");
  await pyodide.loadPackage(["cycler", "pytz"]);
  context.assert.deepEqual(Object.keys(pyodide.loadedPackages).sort(), ["cycler", "numpy", "pytz"]);
  context.assert.equal(
    pyodide.runPython(`
import cycler, datetime, numpy, pytz
colors = cycler.cycler(color=["r", "g"]) * cycler.cycler(lw=numpy.array([1, 2]))
moment = pytz.timezone("Europe/Berlin").localize(datetime.datetime(2026, 7, 1, 12))
f"{[c['color'] for c in colors]} {moment.isoformat()}"`),
    "['r', 'r', 'g', 'g'] 2026-07-01T12:00:00+02:00",
  );
});

test("JS-027 PKG-02 loadPackage returns a promise; dependencies are there before what needs them", { noLeakCheck }, async (context) => {
  const { loadPyodide } = documented(context);
  let pyodide;
  async function main() {
    pyodide = await loadPyodide();
    await pyodide.loadPackage("matplotlib");
    // matplotlib is now available
  }
  await main();
  context.assert.deepEqual(Object.keys(pyodide.loadedPackages), ["numpy", "cycler", "matplotlib"]);
  context.assert.equal(pyodide.runPython("import matplotlib; matplotlib.__version__"), "3.5.2");
});

test("PKG-03 PKG-19 A wheel of an old platform by its address: refused, with what is accepted", { noLeakCheck }, async (context) => {
  const { loadPyodide } = documented(context);
  const pyodide = await loadPyodide();
  await withInternet(context.index, async (asked) => {
    await context.assert.rejects(async () => {
      await pyodide.loadPackage(
        "https://foo/bar/numpy-1.22.3-cp310-cp310-emscripten_3_1_13_wasm32.whl",
      );
    }, /^IncompatibleWheelError: The wheel numpy-1\.22\.3-cp310-cp310-emscripten_3_1_13_wasm32\.whl is for the platform emscripten_3_1_13_wasm32; this is Python 3\.14 on WebAssembly, which accepts/);
    context.assert.deepEqual(asked, []);
    await pyodide.loadPackage("https://foo/bar/numpy-1.26.4-py3-none-any.whl");
  });
  context.assert.equal(pyodide.runPython("import numpy; numpy.array((1, 2))[1]"), 2);
});

test("PKG-03 A dependency is overridden by the custom one that was loaded first", { noLeakCheck }, async (context) => {
  const { loadPyodide } = documented(context);
  const pyodide = await loadPyodide();
  await withInternet(context.index, async () => {
    await pyodide.loadPackage("https://foo/bar/numpy-1.26.4-py3-none-any.whl");
    const loaded = await pyodide.loadPackage("matplotlib");
    context.assert.deepEqual(loaded.map(({ name }) => name), ["cycler", "matplotlib"]);
  });
  context.assert.equal(pyodide.loadedPackages.numpy, "https://foo/bar/numpy-1.26.4-py3-none-any.whl");
});

test("JS-029 PKG-05 What a piece of code imports", { noLeakCheck }, async (context) => {
  const { loadPyodide } = documented(context);
  const pyodide = await loadPyodide();
  const code = `
import numpy as np
x = np.array([1, 2, 3])
`;
  const loaded = await pyodide.loadPackagesFromImports(code);
  context.assert.deepEqual(loaded.map(({ name }) => name), ["numpy"]);
  pyodide.runPython(code);
  context.assert.equal(pyodide.runPython("x[2]"), 3);
});

test("PKG-27 Another version of micropip, by the address of its wheel", { noLeakCheck }, async (context) => {
  const { index, assert } = context;
  const { loadPyodide } = documented(context);
  const pyodide = await loadPyodide();
  await pyodide.loadPackage('packaging')
  await pyodide.loadPackage(`${index.origin}/files/${index.files.micropip}`)
  const found = await withInternet(index, () => pyodide.runPythonAsync(`
import importlib.metadata, json, micropip
await micropip.install("pyox-needy")
import pyox_needy
json.dumps([importlib.metadata.version("micropip"), micropip.__file__.startswith("/lib/python3.14/site-packages/"), pyox_needy.__version__])`));
  assert.deepEqual(JSON.parse(found), [index.files.micropip.split("-")[1], true, "1.0"]);
  assert.equal(pyodide.loadedPackages.micropip, `${index.origin}/files/${index.files.micropip}`);
});

test("PKG-33 PKG-35 PKG-36 PKG-37 PKG-39 Parts of the standard library with micropip", { noLeakCheck }, async (context) => {
  const { loadPyodide } = documented(context);
  const pyodide = await loadPyodide({ lockFileURL: undefined });
  await pyodide.loadPackage("micropip");
  const found = await pyodide.runPythonAsync(`
import json, micropip
await micropip.install('hashlib')
await micropip.install('pydecimal')
await micropip.install('pydoc_data')
await micropip.install(['ssl', 'lzma', 'sqlite3', 'tzdata'])
import _pydecimal, datetime, hashlib, lzma, pydoc_data.topics, sqlite3, ssl, zoneinfo
json.dumps([
    hashlib.new("ripemd160", b"").hexdigest()[:8], str(_pydecimal.Decimal("1.10") * 2), "lambda" in pydoc_data.topics.topics,
    ssl.create_default_context().check_hostname, lzma.decompress(lzma.compress(b"abc")).decode(), sqlite3.connect(":memory:").execute("select 6 * 7").fetchone(),
    str(datetime.datetime(2026, 1, 1, tzinfo=zoneinfo.ZoneInfo("Asia/Tokyo")).utcoffset()),
])`);
  context.assert.deepEqual(JSON.parse(found), ["9c1185a5", "2.20", true, true, "abc", [42], "9:00:00"]);
});

test("JS-013 PKG-02 The option packages is the same as loadPackage afterwards", { noLeakCheck }, async (context) => {
  const { loadPyodide } = documented(context);
  const pyodide = await loadPyodide({ packages: ["numpy", "pytz"] });
  context.assert.deepEqual(Object.keys(pyodide.loadedPackages), ["numpy", "pytz"]);
  context.assert.equal(pyodide.runPython("import numpy, pytz; pytz.utc.zone"), "UTC");
});

test("FS-19 PKG-13 unpackArchive takes a wheel, without its dependencies", { noLeakCheck }, async (context) => {
  const { index, assert } = context;
  const { loadPyodide } = documented(context);
  const pyodide = await loadPyodide();
  await withInternet(index, async () => {
    let response = await fetch("https://example.com/files/pyox_needy-1.0-py3-none-any.whl"); // .zip, .whl, ...
    let buffer = await response.arrayBuffer();
    await pyodide.unpackArchive(buffer, "whl"); // by default, unpacks to the current dir
    const module = pyodide.pyimport("pyox_needy");
    assert.equal(module.__version__, "1.0");
    module.destroy();
  });
  assert.throws(() => pyodide.runPython("import pyox_example"), "ModuleNotFoundError");
});
