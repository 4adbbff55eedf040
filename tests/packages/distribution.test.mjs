/**
 * The packages that the distribution itself contains: all of them load from its own lock file, at once, and can be imported.
 * Not here: what they do (pypi.test.mjs), how loading works (load-package.test.mjs).
 */
import { test } from "../harness/registry.mjs";

const noLeakCheck = "packages stay loaded";

/** Modules that say themselves what they lack: a package that has no wheel, a compiled part that the source wheel leaves out. */
const INCOMPLETE = { matplotlib_inline: "No module named 'matplotlib'", _yaml: "No module named '_yaml'" };

test("PKG-02 PKG-05 Every package of the distribution loads by its name, and its modules import", { noLeakCheck, timeout: 240_000 }, async ({ load, assert }) => {
  const py = await load();
  const { packages } = py.lockfile;
  const names = Object.keys(packages);
  assert.ok(names.length > 150, `${names.length} packages`);
  const failures = [];
  const loaded = await py.loadPackage(names, { messageCallback() {}, errorCallback: (text) => failures.push(text) });
  assert.deepEqual(failures, []);
  assert.deepEqual(loaded.map(({ name }) => name).sort(), Object.values(packages).map(({ name }) => name).sort());
  const modules = Object.values(packages).flatMap(({ imports }) => imports);
  const refused = py.runPython(`
    import importlib, warnings
    def attempt(name):
        try:
            importlib.import_module(name)
        except Exception as error:
            return str(error).partition("\\n")[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        refused = {name: attempt(name) for name in ${JSON.stringify(modules)}}
    {name: text for name, text in refused.items() if text is not None}`);
  assert.deepEqual(Object.fromEntries(refused.toJs({ dict_converter: (entries) => [...entries] })), INCOMPLETE);
  refused.destroy();
});

test("PKG-05 JS-029 What a program imports is loaded from the distribution without a network", { noLeakCheck }, async ({ load, assert }) => {
  const py = await load();
  const loaded = await py.loadPackagesFromImports("import bs4, dateutil.parser\nfrom attr import define", { messageCallback() {} });
  assert.deepEqual(loaded.map(({ name }) => name).sort(), ["attrs", "beautifulsoup4", "python-dateutil", "soupsieve", "typing_extensions", "tzdata"]);
  assert.equal(py.runPython("import bs4; bs4.BeautifulSoup('<p>one<p>two', 'html.parser').find_all('p')[1].text"), "two");
  assert.equal(py.runPython("import dateutil.parser; dateutil.parser.parse('1 May 2026').isoformat()"), "2026-05-01T00:00:00");
});

test("PKG-13 micropip takes the distribution's package where it is what was asked for", { noLeakCheck }, async ({ load, assert }) => {
  const py = await load();
  await py.loadPackage("micropip", { messageCallback() {} });
  await py.runPythonAsync("import micropip; await micropip.install(['toolz', 'more-itertools>=11'])");
  assert.equal(py.runPython("import toolz, more_itertools; toolz.last(more_itertools.chunked(range(5), 2))").toString(), "[4]");
  assert.equal(py.loadedPackages.toolz, "default channel");
});
