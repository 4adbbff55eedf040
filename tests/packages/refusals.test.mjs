/**
 * What the package loader refuses: damaged, hostile and unfit files, servers that fail. After each of them nothing is
 * installed, and the next load works.
 */
import { test } from "../harness/registry.mjs";

const noLeakCheck = "packages stay loaded";
const quiet = { messageCallback() {}, errorCallback() {} };

const siteOf = (py) => py.FS.readdir("/lib/python3.14/site-packages").sort();

/** The call fails with `expected`, and nothing is left of it. */
async function refused({ py, assert }, what, expected) {
  const before = siteOf(py);
  const errors = [];
  await assert.rejects(() => py.loadPackage(what, { messageCallback() {}, errorCallback: (text) => errors.push(text) }), expected);
  assert.deepEqual(siteOf(py), before);
  assert.deepEqual(Object.keys(py.loadedPackages), []);
  return errors;
}

async function nextLoadWorks({ py, index, assert }) {
  await py.loadPackage(`${index.origin}/files/${index.files.six}`, quiet);
  assert.equal(py.runPython("import six; six.__version__"), "1.17.0");
}

test("PKG-04 A file with another hash than the lock file says is refused, in Node too", { noLeakCheck }, async ({ load, index, assert }) => {
  const lock = await (await fetch(`${index.origin}/lock.json`)).json();
  lock.packages.six.sha256 = "00".repeat(32);
  const py = await load({ lockFileContents: lock, packageBaseUrl: index.origin });
  const errors = await refused({ py, assert }, ["idna", "six"], /^IntegrityError: The file of six \(.*\) is not the one the lock file names: its SHA-256 is [0-9a-f]{64}, expected 0{64}\. Nothing of it was installed\.$/);
  assert.equal(errors.length, 1);
  assert.match(errors[0], /^The following error occurred while loading six: /);
  assert.equal((await py.loadPackage("six", { ...quiet, checkIntegrity: false })).length, 1);
});

test("PKG-04 PKG-29 A package without a hash is refused where hashes are checked, and the others of the lock file are not", { noLeakCheck }, async ({ load, index, assert }) => {
  for (const sha256 of ["", null, undefined]) {
    const lock = await (await fetch(`${index.origin}/lock.json`)).json();
    lock.packages.six = { ...lock.packages.six, sha256 };
    const py = await load({ lockFileContents: lock, packageBaseUrl: index.origin });
    await refused({ py, assert }, ["idna", "six"], /^IntegrityError: The lock file has no SHA-256 of six, so that files\/six-.* cannot be checked\. Nothing was installed\. Add `sha256` to its entry, or pass `checkIntegrity: false`\.$/);
    assert.equal((await py.loadPackage("idna", quiet)).length, 1);
    assert.equal((await py.loadPackage("six", { ...quiet, checkIntegrity: false })).length, 1);
  }
});

/** SHA-256 of a file of the index, as hexadecimal digits. */
async function hashOf(url) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await (await fetch(url)).arrayBuffer()));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

test("PKG-04 PKG-03 The hash at the end of an address is checked, of a wheel and of a lock file", { noLeakCheck }, async ({ load, index, assert }) => {
  const wheel = `${index.origin}/files/${index.files.six}`;
  const [right, wrong] = [await hashOf(wheel), "00".repeat(32)];
  const py = await load();
  await refused({ py, assert }, `${wheel}#sha256=${wrong}`, new RegExp(`^IntegrityError: The file of six \\(${wheel}\\) is not the one its address names: its SHA-256 is ${right}, expected ${wrong}\\. Nothing of it was installed\\.$`));
  await refused({ py, assert }, `${wheel}#sha256=0`, /^IntegrityError: .* ends with a hash that is none: expected 64 hexadecimal digits after `sha256=`\.$/);
  await py.loadPackage(`${wheel}#egg=six&sha256=${right.toUpperCase()}`, quiet);
  assert.equal(py.loadedPackages.six, wheel);
  assert.deepEqual(JSON.parse(py.runPython("import importlib.metadata as m; m.distribution('six').read_text('direct_url.json')")), { url: wheel, archive_info: { hashes: { sha256: right } } });
  const unchecked = await load({ packages: [`${wheel}#sha256=${right}`] });
  assert.equal(unchecked.runPython("import six; six.__version__"), "1.17.0");

  const lock = `${index.origin}/lock.json`;
  const good = await load({ lockFileURL: `${lock}#sha256=${await hashOf(lock)}`, packages: ["six"] });
  assert.equal(good.runPython("import six; six.__version__"), "1.17.0");
  await assert.rejects(() => load({ lockFileURL: `${lock}#sha256=${wrong}` }), new RegExp(`^IntegrityError: The lock file ${lock} is not the one its address names: its SHA-256 is [0-9a-f]{64}, expected ${wrong}\\.$`));
  await assert.rejects(() => load({ lockFileURL: `${lock}#sha256=abc` }), /^IntegrityError: .* ends with a hash that is none/);
});

test("PKG-28 A lock file of another version says so when it is given", async ({ load, index, assert }) => {
  const lock = await (await fetch(`${index.origin}/lock.json`)).json();
  lock.info.abi_version = "2024_0";
  await assert.rejects(() => load({ lockFileContents: lock }), /^Error: lockFileContents is a lock file for another version of the distribution: its `abi_version` is "2024_0", expected 2026_\d+ or 2026_0\.$/);
});

test("PKG-04 Servers that fail: the address and the reason are named", { noLeakCheck }, async ({ load, index, assert }) => {
  const py = await load();
  const check = (path, expected) => refused({ py, assert }, `${index.origin}/${path}/${index.files.attrs}`, expected);
  await check("status/404", /^DownloadError: .*attrs from http.*: the server answered 404/);
  await check("status/403", /answered 403/);
  await check("page", /^ZipError: .*it is not a zip archive: it begins with "<!doctype html>/);
  await check("half", /^ZipError: .*the zip archive is not complete/);
  await check("cut", /^DownloadError: .*(the connection broke|request failed)/);
  await refused({ py, assert }, "http://127.0.0.1:9/attrs-1-py3-none-any.whl", /^DownloadError: .*127\.0\.0\.1:9/);
  await refused({ py, assert }, "emfs:/tmp/none-1-py3-none-any.whl", /^DownloadError: .*no such file in the virtual file system/);
  await nextLoadWorks({ py, index, assert });
});

test("JS-027 A server that is busy is asked again", { noLeakCheck }, async ({ load, index, assert, env }) => {
  const py = await load();
  const key = `again-${env.name}-${Math.random()}`;
  await py.loadPackage(`${index.origin}/flaky/${key}/${index.files.six}`, quiet);
  assert.equal(await (await fetch(`${index.origin}/count/${key}`)).text(), "3");
});

test("PKG-03 A server without CORS says what may be wrong", { noLeakCheck, skip: (env) => (env.isBrowser ? undefined : "Node has no CORS") }, async ({ load, index, assert }) => {
  const py = await load();
  await refused({ py, assert }, `${index.origin}/nocors/files/${index.files.attrs}`, /^DownloadError: .*network, CORS or content security policy/);
  await nextLoadWorks({ py, index, assert });
});

test("PKG-19 PKG-25 Wheels for something else are refused before they are fetched", { noLeakCheck }, async ({ load, index, assert }) => {
  const py = await load();
  const check = (tags, expected) => refused({ py, assert }, `https://h.example/x-1-${tags}.whl`, expected);
  await check("cp314-cp314-win_amd64", /^IncompatibleWheelError: .*for the platform win_amd64; this is Python 3\.14 on WebAssembly, which accepts .*`pyemscripten_2026_0_wasm32`/);
  await check("cp311-cp311-pyemscripten_2026_0_wasm32", /^IncompatibleWheelError: .*for cp311 with the ABI cp311; .*accepts.*`cp314`/);
  await check("py2-none-any", /^IncompatibleWheelError/);
  await refused({ py, assert }, "https://h.example/x-1.whl", /does not end with the name of a wheel; expected name-version-python-abi-platform\.whl/);
  await nextLoadWorks({ py, index, assert });
});

test("PKG-06 A disk that is full in the middle of an installation: nothing is left of it, and the file and the reason are named", { noLeakCheck }, async ({ load, index, assert }) => {
  const py = await load();
  const { FS } = py;
  const original = FS.writeFile;
  const ENOSPC = 51;
  for (const last of [1, 2, 3]) {
    let written = 0;
    FS.writeFile = (...values) => {
      if (++written === last) throw new FS.ErrnoError(ENOSPC);
      return original.apply(FS, values);
    };
    try {
      await refused({ py, assert }, `${index.origin}/files/${index.files.six}`, /^Error: Could not install \/lib\/python3\.14\/site-packages\/six-1\.17\.0\.dist-info\/\w+(\.json)?: ENOSPC: No space left on device\. Nothing was installed\.$/);
    } finally {
      FS.writeFile = original;
    }
  }
  await nextLoadWorks({ py, index, assert });
});

test("PKG-06 Hostile archives are refused", { noLeakCheck }, async ({ load, index, assert }) => {
  const py = await load();
  py.runPython(`
import os, stat, zipfile
FILE = stat.S_IFREG | 0o644
METADATA = "Metadata-Version: 2.1\\nName: x\\nVersion: 1\\n\\nName: this is no header\\n"
def make(folder, members=(), info="x-1.dist-info", metadata=METADATA):
    os.makedirs(f"/tmp/{folder}")
    with zipfile.ZipFile(f"/tmp/{folder}/x-1-py3-none-any.whl", "w") as z:
        z.writestr(f"{info}/METADATA", metadata)
        z.writestr("x.py", "value = 1")
        for member, text, mode in members:
            i = zipfile.ZipInfo(member)
            i.create_system = 3
            i.external_attr = mode << 16
            z.writestr(i, text)
make("up", [("../../../tmp/escaped", "x", FILE)])
make("deep", [("x/../../../../tmp/escaped", "x", FILE)])
make("root", [("/tmp/escaped", "x", FILE)])
make("link", [("x/link", "/tmp", stat.S_IFLNK | 0o777), ("x/link/escaped", "x", FILE)])
make("clash", [("x.py/y", "x", FILE)])
make("other", info="y-1.dist-info")
make("longer", info="x_bar-1.dist-info")
make("named", metadata="Metadata-Version: 2.1\\nName: requests\\nVersion: 1\\n")
make("device", [("x-1.data/data/dev/null", "x", FILE)])
make("below", [("x-1.data/data/dev/null/x", "x", FILE)])
make("process", [("x-1.data/data/proc/self/fd/escaped", "x", FILE)])
make("library", [("x-1.data/data/lib/python314.zip", "x", FILE)])
make("endless", [("d/" * 3000 + "y.py", "x", FILE)])
make("nested", [("d/" * 2000 + "y.py", "x", FILE)])
make("nameless", [("x-1.data/data", "x", FILE)])
make("nameless2", [("x-1.data/scripts", "x", FILE)])
make("flip")
with open("/tmp/flip/x-1-py3-none-any.whl", "r+b") as f:
    f.seek(f.read().index(b"value = 1"))
    f.write(b"V")
None`);
  const check = (folder, expected) => refused({ py, assert }, `emfs:/tmp/${folder}/x-1-py3-none-any.whl`, expected);
  await check("up", /^ZipError: .*"\.\.\/\.\.\/\.\.\/tmp\/escaped" leads out of the directory/);
  await check("deep", /^ZipError: .*leads out of the directory/);
  await check("root", /^ZipError: .*is an absolute path/);
  await check("link", /^ZipError: .*"x\/link" is a symbolic link/);
  await check("clash", /^ZipError: .*"x\.py" in the archive is a file and a directory/);
  await check("other", /^WheelError: .*y-1\.dist-info belongs to another package/);
  await check("longer", /^WheelError: .*x_bar-1\.dist-info belongs to another package/);
  await check("named", /^WheelError: .*its METADATA is that of requests, not of x\. Nothing of it was installed\.$/);
  await check("device", "Could not install /dev/null: there is a device of that name. Nothing was installed.");
  await check("below", "Could not install /dev/null/x: /dev/null is a file, where a directory is needed. Nothing was installed.");
  await check("process", /^Error: Could not install \/proc\/self\/fd\/escaped: .*\. Nothing was installed\.$/);
  await check("library", "Could not install /lib/python314.zip: there is the standard library of that name. Nothing was installed.");
  await check("endless", /^ZipError: .*…" is longer than a path may be \(6004 characters, at most 4096\)/);
  // They would be files without a name, in the root directory and in /bin.
  await check("nameless", /^WheelError: .*"x-1\.data\/data" is a file, where a directory is needed/);
  await check("nameless2", /^WheelError: .*"x-1\.data\/scripts" is a file, where a directory is needed/);
  await check("flip", /^ZipError: .*"x\.py" in the archive is damaged/);
  assert.equal(py.FS.analyzePath("/tmp/escaped").exists, false);
  assert.equal(py.runPython("open('/dev/null', 'w').write('x'); open('/dev/null').read()"), "");
  // Strange but allowed; looking up its directories must not take seconds.
  const other = await load();
  other.FS.writeFile("/tmp/x-1-py3-none-any.whl", py.FS.readFile("/tmp/nested/x-1-py3-none-any.whl"));
  await other.loadPackage("emfs:/tmp/x-1-py3-none-any.whl", quiet);
  assert.equal(other.runPython("import x; x.value"), 1);
  await nextLoadWorks({ py, index, assert });
});

test("PKG-02 A package that needs one that is not in the lock file is refused whole", { noLeakCheck }, async ({ load, index, assert }) => {
  const lock = await (await fetch(`${index.origin}/lock.json`)).json();
  delete lock.packages.mdurl;
  const py = await load({ lockFileContents: lock, packageBaseUrl: index.origin });
  await refused({ py, assert }, "rich", /"mdurl", which markdown-it-py needs, is not in the lock file lockFileContents/);
  await refused({ py, assert }, ["six", "nope"], /No known package with name 'nope'/);
  assert.equal((await py.loadPackage("six", quiet)).length, 1);
});

test("PKG-06 What is in the way of a package is named, and stays", { noLeakCheck }, async ({ load, index, assert }) => {
  const py = await load();
  const site = "/lib/python3.14/site-packages";
  const wheel = `${index.origin}/files/${index.files.idna}`;
  py.FS.writeFile(`${site}/idna`, "mine");
  await refused({ py, assert }, wheel, `Could not install ${site}/idna/__init__.py: ${site}/idna is a file, where a directory is needed. Nothing was installed.`);
  assert.equal(py.FS.readFile(`${site}/idna`, { encoding: "utf8" }), "mine");
  py.FS.unlink(`${site}/idna`);
  py.FS.mkdirTree(`${site}/idna/core.py`);
  await refused({ py, assert }, wheel, `Could not install ${site}/idna/core.py: there is a directory of that name. Nothing was installed.`);
  py.FS.rmdir(`${site}/idna/core.py`);
  await py.loadPackage(wheel, quiet);
  assert.equal(py.runPython("import idna; idna.encode('ü.de').decode()"), "xn--tda.de");
});

test("PKG-02 Calls at the same time share what they both need, and one that fails takes nothing from the others", { noLeakCheck }, async ({ load, index, assert }) => {
  const lock = await (await fetch(`${index.origin}/lock.json`)).json();
  lock.packages.idna.sha256 = "00".repeat(32);
  lock.packages.idna.depends = ["mdurl"];
  const py = await load({ lockFileContents: lock, packageBaseUrl: index.origin });
  const results = await Promise.allSettled([
    py.loadPackage("idna", quiet), py.loadPackage("markdown-it-py", quiet), py.loadPackage(["mdurl", "six"], quiet), py.loadPackagesFromImports("import mdurl, six", quiet),
  ]);
  assert.deepEqual(results.map(({ status, value }) => [status, value?.map(({ name }) => name)]), [["rejected", undefined], ["fulfilled", ["mdurl", "markdown_it_py"]], ["fulfilled", ["six"]], ["fulfilled", []]]);
  assert.deepEqual(Object.keys(py.loadedPackages).sort(), ["markdown_it_py", "mdurl", "six"]);
  assert.ok(py.runPython("import markdown_it, six; markdown_it.MarkdownIt().render('*a*') == '<p><em>a</em></p>\\n'"));
});

test("PKG-06 A side module that is none is named, and the package is taken back", { noLeakCheck }, async ({ load, index, assert }) => {
  const py = await load();
  py.runPython(`
import zipfile
with zipfile.ZipFile("/tmp/x-1-py3-none-any.whl", "w") as z:
    z.writestr("x-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: x\\nVersion: 1\\n")
    z.writestr("x/__init__.py", "")
    z.writestr("x/_y.cpython-314-wasm32-emscripten.so", b"\\x7fELF not wasm")
None`);
  await refused({ py, assert }, "emfs:/tmp/x-1-py3-none-any.whl", /side module .*x\/_y\.cpython-314-wasm32-emscripten\.so/);
  await nextLoadWorks({ py, index, assert });
});
