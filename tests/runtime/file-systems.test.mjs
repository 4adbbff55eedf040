/**
 * The virtual file system from both sides: `pyodide.FS` and Python's own functions, errors by their POSIX names, archives.
 * File systems that need a host of their own are in file-systems.node.mjs and file-systems.browser.mjs.
 */
import { configure, test } from "../harness/registry.mjs";

configure({ load: { stdout: () => {}, stderr: () => {} } });

test("FS-02 JS-017 The documented examples: files that one side writes and the other reads", ({ py, assert }) => {
  py.runPython(`
  from pathlib import Path

  Path("/hello.txt").write_text("hello world!")
`);
  assert.equal(py.FS.readFile("/hello.txt", { encoding: "utf8" }), "hello world!");
  py.FS.writeFile("/hello.txt", "from JavaScript é", { encoding: "utf8" });
  assert.equal(py.runPython(`
  from pathlib import Path

  Path("/hello.txt").read_text()
`), "from JavaScript é");
  py.FS.unlink("/hello.txt");
  assert.equal(py.runPython("Path('/hello.txt').exists()"), false);
});

test("FS-02 Bytes, sizes, positions and appending", ({ py, assert }) => {
  const bytes = Uint8Array.from({ length: 70_000 }, (_, index) => (index * 7) & 255);
  py.FS.writeFile("/tmp/bytes", bytes);
  assert.equal(py.runPython("import os; os.stat('/tmp/bytes').st_size"), 70_000);
  assert.equal(py.runPython("data = open('/tmp/bytes', 'rb').read(); data == bytes((i * 7) & 255 for i in range(70_000))"), true);
  py.runPython("f = open('/tmp/bytes', 'r+b'); f.seek(69_999); f.write(b'xyz'); f.seek(3); f.write(b'A'); f.close()");
  const changed = py.FS.readFile("/tmp/bytes");
  assert.deepEqual([changed.length, changed[3], String.fromCharCode(...changed.slice(-3))], [70_002, 65, "xyz"]);
  const stream = py.FS.open("/tmp/bytes", "a");
  py.FS.write(stream, new TextEncoder().encode("end"), 0, 3);
  py.FS.close(stream);
  assert.equal(py.runPython("f = open('/tmp/bytes', 'rb'); f.seek(-3, 2); r = f.read().decode(); f.close(); os.truncate('/tmp/bytes', 5); r"), "end");
  assert.equal(py.FS.stat("/tmp/bytes").size, 5);
  py.FS.unlink("/tmp/bytes");
});

test("FS-01 FS-03 Folders, links, renaming, modes and times", ({ py, assert }) => {
  py.FS.mkdirTree("/tmp/tree/a/b");
  const result = py.runPython(`
import json, os, shutil, stat
os.chdir("/tmp/tree")
open("a/file", "w").write("x")
os.symlink("a/file", "link")
os.chmod("a/file", 0o640)
os.utime("a/file", (1_000_000_000, 1_100_000_000))
os.rename("a/file", "a/b/moved")
facts = [os.readlink("link"), os.path.exists("link"), os.path.lexists("link"), stat.filemode(os.stat("a/b/moved").st_mode),
  os.stat("a/b/moved").st_mtime, sorted(os.listdir("a")), [sorted(f) for _, _, f in os.walk(".")], os.path.realpath("link"), os.getcwd()]
shutil.copytree("a", "copy")
facts.append(open("copy/b/moved").read())
os.replace("copy/b/moved", "a/b/moved")
shutil.rmtree("copy")
os.chdir("/home/pyodide")
json.dumps(facts)`);
  assert.deepEqual(JSON.parse(result), ["a/file", false, true, "-rw-r-----", 1.1e9, ["b"], [["link"], [], ["moved"]], "/tmp/tree/a/file", "/tmp/tree", "x"]);
  assert.equal(py.FS.readlink("/tmp/tree/link"), "a/file");
  assert.ok(py.FS.isLink(py.FS.lstat("/tmp/tree/link").mode));
  assert.ok(py.FS.isDir(py.FS.stat("/tmp/tree/a").mode));
  assert.equal(py.FS.stat("/tmp/tree/a/b/moved").mtime.getTime(), 1.1e12);
  py.runPython("shutil.rmtree('/tmp/tree')");
  assert.equal(py.FS.analyzePath("/tmp/tree").exists, false);
});

test("FS-17 JS-016 Errors have their POSIX names on both sides", ({ py, assert }) => {
  const { FS, ERRNO_CODES } = py;
  FS.mkdirTree("/tmp/full/x");
  for (const [code, inJavaScript, inPython, type] of [
    ["ENOENT", () => FS.readFile("/tmp/none"), "open('/tmp/none')", "FileNotFoundError"],
    ["EEXIST", () => FS.mkdir("/tmp/full"), "os.mkdir('/tmp/full')", "FileExistsError"],
    ["ENOTEMPTY", () => FS.rmdir("/tmp/full"), "os.rmdir('/tmp/full')", "OSError"],
    ["EISDIR", () => FS.open("/tmp/full", "w"), "open('/tmp/full', 'w')", "IsADirectoryError"],
    ["ENOTDIR", () => FS.readdir("/dev/null"), "os.listdir('/dev/null')", "NotADirectoryError"],
    ["ELOOP", () => FS.readFile("/tmp/loop"), "open('/tmp/loop')", "OSError"],
    ["EBUSY", () => FS.rmdir("/dev/shm"), undefined, undefined],
  ]) {
    if (code === "ELOOP") FS.symlink("/tmp/loop", "/tmp/loop");
    if (code === "EBUSY") continue;
    const error = assert.throws(inJavaScript);
    assert.ok(error instanceof FS.ErrnoError && error instanceof Error, code);
    assert.deepEqual([error.name, error.errno, error.code], ["ErrnoError", ERRNO_CODES[code], code]);
    assert.match(String(error), new RegExp(`^ErrnoError: ${code}: \\w`));
    const caught = py.runPython(`
import errno, os
try:
    ${inPython}
    result = "nothing was raised"
except OSError as error:
    result = f"{type(error).__name__} {errno.errorcode[error.errno]} {error.filename}"
result`);
    assert.match(caught, new RegExp(`^${type} ${code} /`));
  }
  FS.unlink("/tmp/loop");
  FS.rmdir("/tmp/full/x");
  FS.rmdir("/tmp/full");
  // A JavaScript function that Python calls may fail with one.
  const message = py.runPython("from pyodide.ffi import JsException\nfrom pyodide_js import FS\ntry:\n  FS.readFile('/tmp/none')\nexcept JsException as e:\n  m = f'{e.name}: {e.message}'\nm");
  assert.match(message, /^ErrnoError: ENOENT: No such file/);
});

test("JS-016 ERRNO_CODES are those of Python's errno", ({ py, assert }) => {
  const inPython = JSON.parse(py.runPython("import errno, json; json.dumps({name: getattr(errno, name) for name in dir(errno) if name.startswith('E')})"));
  for (const name of ["EPERM", "ENOENT", "EIO", "EAGAIN", "EINTR", "EPIPE", "ENOSPC", "EROFS", "ENOTSUP", "ECONNREFUSED"]) assert.equal(py.ERRNO_CODES[name], inPython[name], name);
});

test("JS-018 PATH", ({ py, assert }) => {
  assert.equal(py.PATH.dirname("/a/b/c.txt"), "/a/b");
  assert.equal(py.PATH.basename("/a/b/c.txt"), "c.txt");
  assert.equal(py.PATH.normalize("/a/./b/../c"), "/a/c");
  assert.equal(py.PATH.join("/a", "b", "../c"), "/a/c");
  assert.deepEqual(py.PATH.splitPath("/a/b/c.txt"), ["/", "a/b/", "c.txt", ".txt"]);
});

test("FS-13 ENV-42 Where things are", ({ py, assert }) => {
  const [home, cwd, zip, site, pyodide, temporary] = JSON.parse(
    py.runPython("import json, os, site, sys, pyodide, tempfile; json.dumps([os.path.expanduser('~'), os.getcwd(), sys.path[1], site.getsitepackages(), pyodide.__file__, tempfile.gettempdir()])"),
  );
  assert.deepEqual([home, cwd, temporary], ["/home/pyodide", "/home/pyodide", "/tmp"]);
  assert.match(zip, /^\/lib\/python3\d+\.zip$/);
  assert.ok(site.some((folder) => /^\/lib\/python3\.\d+\/site-packages$/.test(folder)), site);
  assert.ok(!pyodide.includes("site-packages"), pyodide);
});

test("FS-14 FS-19 FS-01 Modules that are written while running can be imported", ({ py, assert }) => {
  py.FS.mkdirTree("/home/pyodide/written_package");
  py.FS.writeFile("/home/pyodide/written_package/__init__.py", "from .part import value\n");
  py.FS.writeFile("/home/pyodide/written_package/part.py", "value = 1\n");
  const package_ = py.pyimport("written_package");
  assert.equal(package_.value, 1);
  package_.destroy();
  py.runPython("open('written_module.py', 'w').write('value = 2')");
  assert.equal(py.runPython("import written_module; written_module.value"), 2);
  // The same size and, maybe, the same second.
  py.FS.writeFile("/home/pyodide/written_module.py", "value = 3");
  assert.equal(py.runPython("import importlib; importlib.reload(written_module); written_module.value"), 3);
  py.runPython("import shutil, os, sys\nshutil.rmtree('written_package'); os.remove('written_module.py')\nfor name in ('written_package', 'written_package.part', 'written_module'): del sys.modules[name]");
});

test("FS-16 Descriptors can be duplicated, of files, pipes and temporary files", ({ py, assert }) => {
  const result = py.runPython(`
import json, os, tempfile
facts = []
with tempfile.TemporaryFile() as file:
    copy = os.dup(file.fileno())
    os.write(copy, b"through the copy")
    facts.append(os.lseek(file.fileno(), 0, os.SEEK_CUR))
    os.close(copy)
    file.seek(0)
    facts.append(file.read().decode())
reader, writer = os.pipe()
second = os.dup(writer)
os.close(writer)
os.write(second, b"in the pipe")
facts.append(os.read(reader, 100).decode())
os.close(second)
os.close(reader)
saved = os.dup(2)
with tempfile.TemporaryFile("w+") as file:
    os.dup2(file.fileno(), 2)
    os.write(2, b"caught")
    os.dup2(saved, 2)
    file.seek(0)
    facts.append(file.read())
os.close(saved)
json.dumps(facts)`);
  assert.deepEqual(JSON.parse(result), [16, "through the copy", "in the pipe", "caught"]);
});

test("FS-06 FS-03 PROXYFS shows the files of another interpreter", async ({ py, load, assert }) => {
  const other = await load();
  other.FS.mkdirTree("/shared/deep");
  other.FS.writeFile("/shared/deep/a.txt", "of the other");
  py.FS.mkdirTree("/mnt/proxy");
  py.FS.mount(py.FS.filesystems.PROXYFS, { root: "/shared", fs: other.FS }, "/mnt/proxy");
  assert.equal(py.runPython("open('/mnt/proxy/deep/a.txt').read()"), "of the other");
  py.runPython("open('/mnt/proxy/b.txt', 'w').write('of the first')");
  assert.equal(other.runPython("open('/shared/b.txt').read()"), "of the first");
  assert.equal(py.runPython("import os; ' '.join(sorted(os.listdir('/mnt/proxy')))"), "b.txt deep");
  py.FS.unmount("/mnt/proxy");
  assert.equal(py.runPython("len(os.listdir('/mnt/proxy'))"), 0);
  py.FS.rmdir("/mnt/proxy");
});

test("FS-12 JS-045 ENV-38 unpackArchive in every format and spelling", ({ py, assert }) => {
  const make = (format) => {
    const made = py.runPython(`
import os, shutil
os.makedirs("/tmp/source/pkg_in_archive", exist_ok=True)
open("/tmp/source/pkg_in_archive/__init__.py", "w").write("def do_something(): return 'done'")
path = shutil.make_archive("/tmp/made", "${format}", "/tmp/source")
path`);
    const bytes = py.FS.readFile(made);
    py.FS.unlink(made);
    return bytes;
  };
  for (const [format, spellings] of Object.entries({
    zip: ["zip", ".zip", "wheel", "whl"],
    tar: ["tar", ".tar"],
    gztar: ["gztar", ".gztar", "tar.gz", ".tar.gz", "tgz", ".tgz"],
    bztar: ["bztar", "tar.bz2", ".tar.bz2"],
    xztar: ["xztar", "tar.xz"],
    zstdtar: ["zstdtar", "tar.zst"],
  })) {
    const bytes = make(format);
    for (const spelling of spellings) {
      py.unpackArchive(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length), spelling, { extractDir: "/tmp/unpacked" });
      assert.equal(py.FS.readFile("/tmp/unpacked/pkg_in_archive/__init__.py", { encoding: "utf8" }), "def do_something(): return 'done'", spelling);
      py.runPython("shutil.rmtree('/tmp/unpacked')");
    }
  }
  // By default into the current folder; a view with an offset.
  const zip = make("zip");
  const padded = new Uint8Array(zip.length + 20);
  padded.set(zip, 10);
  py.unpackArchive(new DataView(padded.buffer, 10, zip.length), "zip");
  const module = py.pyimport("pkg_in_archive");
  assert.equal(module.do_something(), "done");
  module.destroy();
  py.runPython("import sys; shutil.rmtree('pkg_in_archive'); shutil.rmtree('/tmp/source'); del sys.modules['pkg_in_archive']");
});

test("FS-12 JS-045 unpackArchive refuses what is no archive, or a hostile one, and leaves nothing behind", ({ py, assert }) => {
  const before = py.FS.readdir("/tmp");
  assert.throws(() => py.unpackArchive(new Uint8Array(3), "zip"), /ReadError: Not a zip archive/);
  assert.throws(() => py.unpackArchive(new Uint8Array(3), "gztar"), /ReadError: Not a gztar archive/);
  assert.throws(() => py.unpackArchive(new Uint8Array(3), "rar"), /ValueError: Unknown archive format 'rar': expected one of bztar,.*zip/);
  assert.throws(() => py.unpackArchive("text", "zip"), /unpackArchive: the buffer must be/);
  assert.throws(() => py.unpackArchive(new Uint8Array(3), 5), /unpackArchive: the format must be a string/);
  assert.throws(() => py.unpackArchive(new Uint8Array(3), "zip", "/tmp"), /extractDir/);
  const hostile = py.runPython(`
import io, tarfile, zipfile
def zipped(name):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("good.txt", "good")
        archive.writestr(name, "bad")
    return data.getvalue()
def link():
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        member = tarfile.TarInfo("link")
        member.type, member.linkname = tarfile.SYMTYPE, "../../etc"
        archive.addfile(member)
    return data.getvalue()
def bomb():
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        info = zipfile.ZipInfo("zeros")
        info.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(info, bytes(1000))
    raw = bytearray(data.getvalue())
    at = raw.index(b"PK\\x01\\x02")
    raw[at + 24 : at + 28] = (0xf0000000).to_bytes(4, "little")
    return bytes(raw)
from pyodide.ffi import to_js
to_js([zipped("../../out.txt"), zipped("/out.txt"), link(), bomb()])`);
  for (const [index, format, why] of [[0, "zip", /'\.\.\/\.\.\/out\.txt' has a path that leads out/], [1, "zip", /absolute path/], [2, "tgz", /link that leads out/], [3, "zip", /would become 4026531840/]]) {
    assert.throws(() => py.unpackArchive(hostile[index], format, { extractDir: "/tmp/x/y" }), why);
  }
  assert.deepEqual(py.FS.readdir("/tmp"), before);
  assert.equal(py.FS.analyzePath("/out.txt").exists, false);
});

test("JS-049 Functions of C by their names on _module", ({ py, assert }) => {
  const { _module } = py;
  assert.equal(typeof _module._PyErr_CheckSignals, "function");
  assert.equal(_module._PyErr_CheckSignals(), 0);
  const address = _module._malloc(8);
  assert.ok(address > 0);
  _module.HEAPU8[address] = 7;
  _module._free(address);
  assert.equal(_module._no_such_function, undefined);
  assert.equal("_malloc" in _module, true);
  assert.ok(_module.wasmTable instanceof WebAssembly.Table || _module.wasmTable.constructor.name === "Table");
});
