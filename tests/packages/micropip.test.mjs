/**
 * micropip, as its authors publish it, on this project's interface, against a local index.
 * Not here: micropip's own logic for its own sake; every case here needs something of the distribution.
 */
import { test } from "../harness/registry.mjs";

const noLeakCheck = "packages stay loaded";

/** An interpreter with micropip that asks the local index. Runs `code` in it; JSON comes back. */
async function withMicropip({ load, index }) {
  const py = await load();
  await py.loadPackage("micropip", { messageCallback() {} });
  py.globals.set("ORIGIN", index.origin);
  py.runPython("import micropip, json, importlib.metadata as metadata; micropip.set_index_urls(ORIGIN + '/simple')");
  return { py, run: async (code) => JSON.parse((await py.runPythonAsync(code)) ?? "null") };
}

test("PKG-01 PKG-26 The documented page, word for word but for the index", { noLeakCheck }, async ({ load, index, assert }) => {
  const pyodide = await load();
  await pyodide.loadPackage("micropip", { messageCallback() {} });
  const micropip = pyodide.pyimport("micropip");
  micropip.set_index_urls(`${index.origin}/simple`);
  await micropip.install("snowballstemmer");
  const said = [];
  pyodide.setStdout({ batched: (line) => said.push(line) });
  await pyodide.runPython(`
  import snowballstemmer
  stemmer = snowballstemmer.stemmer('english')
  print(stemmer.stemWords('go goes going gone'.split()))
`);
  micropip.destroy();
  assert.deepEqual(said, ["['go', 'goe', 'go', 'gone']"]);
});

test("PKG-13 PKG-22 install from Python, list, importlib.metadata", { noLeakCheck }, async (context) => {
  const { run } = await withMicropip(context);
  const found = await run(`
await micropip.install(["pyox-example", "six>=1.10"])
import pyox_example, six
listed = micropip.list()
json.dumps([pyox_example.__version__, metadata.version("pyox-example"), sorted(listed), listed["six"].version, listed["six"].source, "six  " in repr(listed), listed["micropip"].source,
    metadata.distribution("six").read_text("INSTALLER")])`);
  context.assert.deepEqual(found, ["1.5", "1.5", ["micropip", "pyox-example", "six"], "1.17.0", "pypi", true, "pyodide", "micropip"]);
});

test("PKG-14 PKG-17 PKG-20 deps, pre, versions, extras, markers, constraints", { noLeakCheck }, async (context) => {
  const { run } = await withMicropip(context);
  const found = await run(`
result = []
def versions():
    return {n: metadata.version(n) for n in ("pyox-example", "pyox-extra", "pyox-needy") if n in micropip.list()}
await micropip.install("pyox-needy", deps=False); result.append(versions()); micropip.uninstall("pyox-needy")
await micropip.install("pyox-needy"); result.append(versions()); micropip.uninstall(["pyox-needy", "pyox-example", "pyox-extra"]); result.append(versions())
await micropip.install("pyox-example", pre=True); result.append(versions()); micropip.uninstall("pyox-example")
await micropip.install("pyox-example[more]<2"); result.append(versions()); micropip.uninstall(["pyox-example", "pyox-extra"])
await micropip.install("pyox-example", constraints=["pyox-example<1.2"]); result.append(versions())
try:
    await micropip.install("pyox-example>=1.5")
except ValueError as e:
    result.append("already installed" in str(e))
await micropip.install("pyox-example>=1.5", reinstall=True); result.append(versions())
json.dumps(result)`);
  context.assert.deepEqual(found, [
    { "pyox-needy": "1.0" },
    { "pyox-example": "1.0", "pyox-extra": "1.2", "pyox-needy": "1.0" },
    {},
    { "pyox-example": "2.0rc1" },
    { "pyox-example": "1.5", "pyox-extra": "1.2" },
    { "pyox-example": "1.0" },
    true,
    { "pyox-example": "1.5" },
  ]);
});

test("PKG-15 PKG-18 PKG-24 What cannot be installed says why, and nothing is half there", { noLeakCheck }, async (context) => {
  const { run } = await withMicropip(context);
  const found = await run(`
result = []
async def failing(*args, **kwargs):
    try:
        await micropip.install(*args, **kwargs)
    except Exception as e:
        result.append(f"{type(e).__name__}: {e}")
await failing("pyox-native")
await failing("pyox-orphan", keep_going=True)
await failing("pyox-forged")
await failing(ORIGIN + "/files/pyox_native-1.0-cp314-cp314-manylinux_2_17_x86_64.whl")
await failing(ORIGIN + "/files/none-1.0-py3-none-any.whl")
await micropip.install("pyox-extra")
json.dumps([result, sorted(micropip.list())])`);
  const [errors, installed] = found;
  context.assert.match(errors[0], /^ValueError: Can't find a pure Python 3 wheel for 'pyox-native'/);
  context.assert.match(errors[1], /^ValueError: Can't find a pure Python 3 wheel for: '?pyox-(does-not-exist|native)'?, '?pyox-(does-not-exist|native)'?/);
  context.assert.match(errors[2], /^RuntimeError: Invalid checksum: expected 0{64}/);
  context.assert.match(errors[3], /^ValueError: Wheel platform 'manylinux_2_17_x86_64' is not compatible with Pyodide's platform 'pyemscripten_2026_5_wasm32'/);
  context.assert.match(errors[4], /404|BadZipFile|Can't fetch wheel/);
  context.assert.deepEqual(installed, ["micropip", "pyox-extra"]);
});

test("PKG-19 FS-15 Wheels by their address: http, emfs, and files of the host", { noLeakCheck }, async (context) => {
  const { py, run } = await withMicropip(context);
  const { index, assert, env } = context;
  py.FS.writeFile("/tmp/pyox_extra-1.2-py3-none-any.whl", new Uint8Array(await (await fetch(`${index.origin}/files/pyox_extra-1.2-py3-none-any.whl`)).arrayBuffer()));
  py.globals.set("SIX", index.files.six);
  assert.deepEqual(
    await run(`
await micropip.install([ORIGIN + "/files/" + SIX, "emfs:/tmp/pyox_extra-1.2-py3-none-any.whl"])
json.dumps([{n: p.source.replace(ORIGIN, "") for n, p in micropip.list().items() if n != "micropip"}])`),
    [{ six: `/files/${index.files.six}`, "pyox-extra": "emfs:/tmp/pyox_extra-1.2-py3-none-any.whl" }],
  );
  if (env.isNode) {
    const { mkdtemp, rm, writeFile } = await import("node:fs/promises");
    const folder = await mkdtemp("/tmp/pyoxide-wheel-");
    try {
      await writeFile(`${folder}/pyox_needy-1.0-py3-none-any.whl`, new Uint8Array(await (await fetch(`${index.origin}/files/pyox_needy-1.0-py3-none-any.whl`)).arrayBuffer()));
      py.globals.set("FOLDER", folder);
      assert.equal(await run(`
await micropip.install(f"file:{FOLDER}/pyox_needy-1.0-py3-none-any.whl", deps=False)
import pyox_needy
json.dumps(pyox_needy.__version__)`), "1.0");
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
});

test("PKG-16 PKG-20 Index pages of every form, several indexes, credentials", { noLeakCheck }, async (context) => {
  const { run } = await withMicropip(context);
  const found = await run(`
result = []
for urls in (ORIGIN + "/html", ORIGIN + "/pypi/{package_name}/json", [ORIGIN + "/status/404", ORIGIN + "/slow/simple"]):
    await micropip.install("pyox-example[more]", index_urls=urls, credentials="omit")
    result.append([metadata.version("pyox-example"), metadata.version("pyox-extra")])
    micropip.uninstall(["pyox-example", "pyox-extra"])
json.dumps(result)`);
  context.assert.deepEqual(found, [["1.5", "1.2"], ["1.5", "1.2"], ["1.5", "1.2"]]);
});

test("PKG-20 PKG-24 Whatever an index answers, the failure is an exception, nothing is installed, and the next install works", { noLeakCheck }, async (context) => {
  const { py, run } = await withMicropip(context);
  const { index, assert } = context;
  py.globals.set("CASES", py.toPy(index.odd));
  const found = await run(`
result = {}
for case in CASES:
    try:
        await micropip.install("pyox-extra", index_urls=f"{ORIGIN}/odd/{case}")
        result[case] = "installed"
    except Exception as e:
        result[case] = type(e).__name__ if str(e) else "no text"
result["left"] = sorted(micropip.list())
await micropip.install("pyox-extra")
result["then"] = metadata.version("pyox-extra")
json.dumps(result)`);
  const { left, then, ...failures } = found;
  assert.deepEqual(Object.keys(failures), index.odd);
  assert.deepEqual(Object.entries(failures).filter(([, what]) => what === "installed" || what === "no text"), []);
  assert.deepEqual([left, then], [["micropip"], "1.2"]);
  // What has a class of its own keeps it.
  const { "hash-empty": wrongHash, "no-json": noJson, deep, busy, picture } = failures;
  assert.deepEqual({ wrongHash, noJson, deep, busy, picture }, { wrongHash: "RuntimeError", noJson: "JSONDecodeError", deep: "RecursionError", busy: "ValueError", picture: "ValueError" });
});

test("PKG-20 Answers of an index that are strange but good: a byte order mark, relative addresses, what was yanked, gzip, another host after a redirect", { noLeakCheck }, async (context) => {
  const { run } = await withMicropip(context);
  const found = await run(`
result = []
for case in ("mark", "relative", "packed", "moved", "yanked"):
    await micropip.install("pyox-extra", index_urls=f"{ORIGIN}/strange/{case}")
    result.append(metadata.version("pyox-extra"))
    micropip.uninstall("pyox-extra")
json.dumps(result)`);
  // All that is there was yanked: the version before is taken, or this one if there is none.
  context.assert.deepEqual(found, ["1.2", "1.2", "1.2", "1.2", "1.2"]);
});

test("PKG-21 PKG-22 Mock packages", { noLeakCheck }, async (context) => {
  const { run } = await withMicropip(context);
  const found = await run(`
micropip.add_mock_package("pyox-does-not-exist", "1.0", modules={"pyox_does_not_exist": "x = 5"})
micropip.add_mock_package("pyox_native", "1.0", modules={"pyox_native": "y = 6"}, persistent=True)
await micropip.install("pyox-orphan")
import pyox_does_not_exist, pyox_native, pyox_orphan
result = [pyox_does_not_exist.x, pyox_native.y, sorted(micropip.list_mock_packages())]
for name in micropip.list_mock_packages():
    micropip.remove_mock_package(name)
json.dumps([*result, micropip.list_mock_packages()])`);
  context.assert.deepEqual(found, [5, 6, ["pyox-does-not-exist", "pyox_native"], []]);
});

test("PKG-23 PKG-31 freeze gives a lock file that loads the same packages again", { noLeakCheck }, async (context) => {
  const { py, run } = await withMicropip(context);
  const { load, assert, index } = context;
  const frozen = await run(`
await micropip.install(["pyox-needy", "pydantic"])
micropip.freeze()`);
  assert.deepEqual(frozen.packages["pyox-needy"].depends, ["pyox-example", "pyox-extra"]);
  assert.equal(frozen.packages["pyox-example"].file_name, `${index.origin}/files/pyox_example-1.0-py3-none-any.whl`);
  assert.match(frozen.packages["pydantic-core"].sha256, /^[0-9a-f]{64}$/);
  assert.deepEqual(frozen.info, { ...py.lockfile.info });
  const again = await load({ lockFileContents: JSON.stringify(frozen) });
  const loaded = await again.loadPackage(["pyox-needy", "pydantic", "micropip"], { messageCallback() {} });
  assert.equal(loaded.length, 9);
  assert.equal(again.runPython("import pyox_needy, pydantic; pydantic.TypeAdapter(int).validate_python('12')"), 12);
});

test("PKG-23 PKG-05 JS-029 What was frozen is found by what code imports, and loads without any index", { noLeakCheck }, async (context) => {
  const { run } = await withMicropip(context);
  const { load, assert, index } = context;
  const frozen = await run(`
await micropip.install(["rich", "attrs"])
micropip.freeze()`);
  // As somebody who serves the files himself: beside each other, wherever the lock file is.
  for (const entry of Object.values(frozen.packages)) {
    entry.file_name = entry.file_name.slice(entry.file_name.lastIndexOf("/") + 1);
  }
  const again = await load({ lockFileContents: frozen, packageBaseUrl: `${index.origin}/files/` });
  const loaded = await again.loadPackagesFromImports("import rich.text, attrs, os", { messageCallback() {} });
  assert.deepEqual(loaded.map(({ name }) => name.toLowerCase()).sort(), ["attrs", "markdown-it-py", "mdurl", "pygments", "rich"]);
  assert.equal(again.runPython("import rich.text, attrs; str(rich.text.Text('found'))"), "found");
});

test("PKG-27 PKG-28 What installers find in pyodide_js", async ({ py, assert }) => {
  assert.ok(py.runPython(`
import pyodide_js
info = pyodide_js._api.lockfile_info.to_py()
packages = pyodide_js._api.lockfile_packages.to_py()
ok = info["arch"] == "wasm32" and info["python"].startswith("3.14") and packages["micropip"]["file_name"].endswith(".whl") and isinstance(pyodide_js.lockfileBaseUrl, str)
del pyodide_js
ok`));
});

test("PKG-25 packaging.tags names the platforms that load here", { noLeakCheck }, async ({ load, index, assert }) => {
  const py = await load();
  await py.loadPackage(`${index.origin}/files/${index.files.packaging}`, { messageCallback() {} });
  const tags = JSON.parse(py.runPython(`
import json, sysconfig
from packaging import tags
json.dumps([list(tags.platform_tags()), [str(t) for t in tags.sys_tags()][:2], sysconfig.get_platform()])`));
  assert.deepEqual(tags, [
    ["pyemscripten_2026_0_wasm32", "pyemscripten_2026_5_wasm32"],
    ["cp314-cp314-pyemscripten_2026_0_wasm32", "cp314-cp314-pyemscripten_2026_5_wasm32"],
    "pyemscripten_2026_5_wasm32",
  ]);
});

test("PKG-20 PKG-21 Of two versions that are installed at the same time one is installed, and the other is refused", { noLeakCheck }, async (context) => {
  const { assert } = context;
  const { py, run } = await withMicropip(context);
  const [errors, there, version, both] = await run(`
import asyncio, os
results = await asyncio.gather(*(micropip.install(f"pyox-example=={version}") for version in ("1.0", "1.5")), return_exceptions=True)
errors = [str(e) for e in results if e is not None]
there = [name for name in os.listdir(os.path.dirname(os.path.dirname(micropip.__file__))) if name.startswith("pyox_example-")]
version = metadata.version("pyox-example")
# The same version twice is no conflict, and another one takes its place when that is asked for.
twice = await asyncio.gather(*(micropip.install("pyox-suite") for _ in range(2)))
await micropip.install("pyox-example==1.5" if version == "1.0" else "pyox-example==1.0", reinstall=True)
json.dumps([errors, there, version, [twice, metadata.version("pyox-example")]])`);
  const other = version === "1.0" ? "1.5" : "1.0";
  assert.deepEqual(errors, [`Error: Could not install pyox_example ${other}: another installation has installed pyox_example ${version} at the same time. Nothing of it was installed. Install both in one call, or one after the other.`]);
  assert.deepEqual([there, both], [[`pyox_example-${version}.dist-info`], [[null, null], other]]);
  py.runPython("import pyox_example, pyox_suite");
});
