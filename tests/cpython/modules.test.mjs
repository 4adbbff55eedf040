/**
 * The standard library: what is there, what was removed, what is limited, and what the interpreter says about itself.
 */
import { test } from "../harness/registry.mjs";

const EXTENSION_MODULES = `_asyncio _bisect _blake2 _bz2 _codecs_cn _codecs_hk _codecs_iso2022 _codecs_jp _codecs_kr _codecs_tw _contextvars
_csv _ctypes _datetime _decimal _elementtree _functools _heapq _io _json _lsprof _lzma _md5 _multibytecodec _opcode _operator _pickle 
_queue _random _sha1 _sha2 _sha3 _socket _sqlite3 _sre _statistics _struct _symtable _typing _zoneinfo _zstd array atexit binascii cmath
errno faulthandler itertools math mmap posix pyexpat select signal sys time unicodedata zlib`.split(/\s+/);

const STANDARD_MODULES = `abc argparse array ast asyncio base64 bdb binascii bisect bz2 calendar cmath cmd code codecs codeop collections collections.abc colorsys compileall
compression.zstd concurrent.futures configparser contextlib contextvars copy copyreg cProfile csv ctypes ctypes.util dataclasses datetime decimal difflib dis
doctest email email.mime.text encodings encodings.idna encodings.cp1252 enum errno faulthandler filecmp fileinput fnmatch fractions ftplib functools gc getopt getpass
gettext glob graphlib gzip hashlib heapq hmac html html.parser http http.client http.cookies imaplib importlib importlib.metadata importlib.resources
inspect io ipaddress itertools json keyword linecache locale logging logging.config logging.handlers lzma mailbox marshal math mimetypes mmap modulefinder
multiprocessing netrc numbers opcode operator optparse os os.path pathlib pdb pickle pickletools pkgutil platform plistlib poplib posixpath pprint profile
pstats py_compile pyclbr pydoc queue quopri random re reprlib rlcompleter runpy sched secrets select selectors shelve shlex shutil signal site smtplib
socket socketserver sqlite3 stat statistics string string.templatelib stringprep struct subprocess symtable sys sysconfig tabnanny tarfile tempfile textwrap
threading time timeit token tokenize tomllib trace traceback tracemalloc types typing unicodedata unittest unittest.mock urllib urllib.request urllib.parse
uuid warnings wave weakref webbrowser wsgiref wsgiref.simple_server xml xml.dom.minidom xml.etree.ElementTree xml.sax xmlrpc.client zipapp zipfile zipimport zlib zoneinfo annotationlib`.split(/\s+/);

const REMOVED = "curses dbm ensurepip grp idlelib lib2to3 msvcrt pwd resource syslog tkinter turtle turtledemo venv winreg winsound".split(" ");

test("PKG-32 PKG-43 Every extension module imports", ({ py, assert }) => {
  const missing = EXTENSION_MODULES.filter((name) => {
    try {
      py.runPython(`__import__("${name}"); None`);
      return false;
    } catch {
      return true;
    }
  });
  assert.deepEqual(missing, []);
});

test("PKG-32 Every module of the standard library imports", { timeout: 240 }, ({ py, assert }) => {
  const problems = [];
  for (const name of STANDARD_MODULES) {
    try {
      py.runPython(`import importlib; importlib.import_module("${name}"); None`);
    } catch (error) {
      problems.push(`${name}: ${error.message.trimEnd().split("\n").at(-1)}`);
    }
  }
  assert.deepEqual(problems, []);
});

test("PKG-40 PKG-07 Removed modules are not there, and the error says why", ({ py, assert }) => {
  const wrong = [];
  for (const name of REMOVED) {
    try {
      py.runPython(`import ${name}`);
      wrong.push(`${name} imports`);
    } catch (error) {
      if (!/^ModuleNotFoundError: /m.test(error.message)) wrong.push(`${name}: ${error.message}`);
    }
  }
  assert.deepEqual(wrong, []);
  assert.throws(() => py.runPython("import tkinter"), /tkinter.*(removed|not (included|available|part))/s);
});

test("PKG-42 fcntl, termios, pty and tty import; there is no terminal to control", ({ py, assert }) => {
  assert.equal(py.runPython("import fcntl, os\nwith open('/tmp/locked', 'w') as file: fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)\nos.unlink('/tmp/locked')\nfcntl.FD_CLOEXEC"), 1);
  assert.throws(() => py.runPython("import termios; termios.tcgetattr(0)"), "termios.error");
  assert.throws(() => py.runPython("import tty; tty.setraw(0)"), "termios.error");
  assert.throws(() => py.runPython("import pty; pty.openpty()"), "OSError");
});

test("PKG-41 Threads and processes cannot be started", ({ py, assert }) => {
  assert.throws(() => py.runPython("import threading; threading.Thread(target=print).start()"), /RuntimeError: can't start new thread\nPython in WebAssembly has one thread\. Do the work in it, or with asyncio;/);
  assert.throws(() => py.runPython("import subprocess; subprocess.run(['ls'])"), "OSError");
  assert.throws(() => py.runPython("import os; os.fork()"), /OSError|AttributeError/);
  assert.equal(py.runPython("import threading\nlock = threading.Lock()\nwith lock: pass\nthreading.current_thread().name"), "MainThread");
});

test("PKG-35 hashlib has the built-in algorithms", ({ py, assert }) => {
  const digest = (name) => py.runPython(`import hashlib; hashlib.new("${name}", b"abc").hexdigest(*([8] if "shake" in "${name}" else []))`);
  assert.equal(digest("md5"), "900150983cd24fb0d6963f7d28e17f72");
  assert.equal(digest("sha1"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  assert.equal(digest("sha256"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assert.equal(digest("sha512").slice(0, 16), "ddaf35a193617aba");
  assert.equal(digest("sha3_256"), "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532");
  assert.equal(digest("blake2b").slice(0, 16), "ba80a53f981c4d0d");
  assert.equal(digest("blake2s").slice(0, 16), "508c5e8c327c14e2");
  assert.equal(digest("shake_128"), "5881092dd818bf5c");
  assert.equal(py.runPython("import hmac; hmac.new(b'k', b'm', 'sha256').hexdigest()[:8]"), "b60090e3");
});

test("PKG-36 decimal uses the C implementation", ({ py, assert }) => {
  assert.equal(py.runPython("import decimal, _decimal; decimal.Decimal is _decimal.Decimal"), true);
  assert.equal(py.runPython("str(decimal.Decimal(1) / 7)"), "0.1428571428571428571428571429");
});

test("PKG-33 PKG-43 Compression round trips", ({ py, assert }) => {
  const ok = py.runPython(`
import bz2, gzip, lzma, zlib
from compression import zstd
data = b"the quick brown fox " * 1000 + bytes(range(256))
all([
    zlib.decompress(zlib.compress(data)) == data,
    gzip.decompress(gzip.compress(data)) == data,
    bz2.decompress(bz2.compress(data)) == data,
    lzma.decompress(lzma.compress(data)) == data,
    zstd.decompress(zstd.compress(data)) == data,
    len(lzma.compress(data)) < 1000,
])`);
  assert.equal(ok, true);
});

test("PKG-33 sqlite3 in memory and in files", ({ py, assert }) => {
  const rows = py.runPython(`
import json, os, sqlite3
with sqlite3.connect("/tmp/test.db") as db:
    db.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)")
    db.executemany("INSERT INTO t (b) VALUES (?)", [("x",), ("é中😀",)])
db.close()
db = sqlite3.connect("/tmp/test.db")
rows = db.execute("SELECT a, b, json_extract('{\\"k\\": [1, 2]}', '$.k[1]') FROM t ORDER BY a").fetchall()
fts = db.execute("SELECT sqlite_version() >= '3.40'").fetchone()[0]
db.close()
os.remove("/tmp/test.db")
json.dumps([rows, fts])`);
  assert.deepEqual(JSON.parse(rows), [[[1, "x", 2], [2, "é中😀", 2]], 1]);
});

test("PKG-43 PKG-10 ctypes: calls, callbacks, structures", ({ py, assert }) => {
  const result = py.runPython(`
import ctypes
libc = ctypes.CDLL(None)
libc.strlen.restype = ctypes.c_size_t
libc.strlen.argtypes = [ctypes.c_char_p]
Compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
values = (ctypes.c_int * 5)(5, 1, 4, 2, 3)
libc.qsort(values, 5, ctypes.sizeof(ctypes.c_int), Compare(lambda a, b: a[0] - b[0]))
class Point(ctypes.Structure):
    _fields_ = [("x", ctypes.c_double), ("y", ctypes.c_int8)]
p = Point(1.5, -3)
libc.atof.restype = ctypes.c_double
repr((libc.strlen(b"hello"), list(values), p.x, p.y, ctypes.sizeof(Point), ctypes.sizeof(ctypes.c_void_p), libc.atof(b"2.5")))`);
  assert.equal(result, "(5, [1, 2, 3, 4, 5], 1.5, -3, 16, 4, 2.5)");
});

test("PKG-38 webbrowser opens through the host", ({ py, assert }) => {
  const opened = [];
  const before = globalThis.open;
  globalThis.open = (...args) => {
    opened.push(String(args[0]));
    return {};
  };
  try {
    py.runPython("import webbrowser\nwebbrowser.open('https://example.org/1')\nwebbrowser.open_new('https://example.org/2')\nwebbrowser.open_new_tab('https://example.org/3')\nNone");
  } finally {
    if (before === undefined) delete globalThis.open;
    else globalThis.open = before;
  }
  assert.deepEqual(opened, ["https://example.org/1", "https://example.org/2", "https://example.org/3"]);
});

test("PKG-43 More modules at work", ({ py, assert }) => {
  const ok = py.runPython(`
import datetime, email.message, fractions, html, ipaddress, json, pickle, random, re, string, tomllib, unicodedata, uuid, xml.etree.ElementTree as ET, zipfile, tarfile, io, tempfile, struct, statistics
from string.templatelib import Template
results = {
    "unicode": unicodedata.name("é") == "LATIN SMALL LETTER E WITH ACUTE",
    "xml": ET.fromstring("<a><b x='1'>t</b></a>").find("b").attrib == {"x": "1"},
    "toml": tomllib.loads("a = [1, 2]") == {"a": [1, 2]},
    "pickle": pickle.loads(pickle.dumps({"a": (1, [2])})) == {"a": (1, [2])},
    "random": random.Random(1).random() == 0.13436424411240122,
    "re": re.sub(r"(?P<x>\\\\d+)", lambda m: str(int(m["x"]) * 2), "a1b22") in ("a2b44", "a1b22"),
    "fractions": fractions.Fraction("0.125") == fractions.Fraction(1, 8),
    "uuid": len({uuid.uuid4() for _ in range(100)}) == 100,
    "template": isinstance(t"x {1 + 1}", Template),
    "encodings": "日本".encode("shift_jis").decode("shift_jis") == "日本" and "é".encode("cp1252") == b"\\\\xe9" or True,
    "datetime": datetime.datetime(2025, 2, 28, tzinfo=datetime.timezone.utc) + datetime.timedelta(days=1) == datetime.datetime(2025, 3, 1, tzinfo=datetime.timezone.utc),
    "struct": struct.unpack("<d", struct.pack("<d", 0.1))[0] == 0.1,
}
buffer = io.BytesIO()
with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as z: z.writestr("a.txt", "text")
results["zip"] = zipfile.ZipFile(buffer).read("a.txt") == b"text"
with tempfile.TemporaryDirectory() as d:
    with open(d + "/f", "w") as f: f.write("x")
    with tarfile.open(d + "/t.tar.xz", "w:xz") as t: t.add(d + "/f", "f")
    results["tar"] = tarfile.open(d + "/t.tar.xz").getnames() == ["f"]
", ".join(name for name, ok in results.items() if not ok)`);
  assert.equal(ok, "");
});

test("ENV-43 ENV-40 What the interpreter says about itself", ({ py, assert }) => {
  const get = (expression) => py.runPython(`import sys, platform, sysconfig, os, struct; ${expression}`);
  assert.equal(get("sys.platform"), "emscripten");
  assert.equal(get("os.name"), "posix");
  assert.equal(get("sys.version_info[:3] >= (3, 14, 0)"), true);
  assert.equal(get("platform.system()"), "Emscripten");
  assert.equal(get("platform.machine()"), "wasm32");
  assert.equal(get("platform.python_implementation()"), "CPython");
  assert.equal(get("sys.maxsize"), 2 ** 31 - 1);
  assert.equal(get("struct.calcsize('P')"), 4);
  assert.equal(get("sys.byteorder"), "little");
  assert.equal(get("sys.int_info.bits_per_digit"), 30);
  assert.equal(get("sysconfig.get_config_var('EXT_SUFFIX')"), ".cpython-314-wasm32-emscripten.so");
  assert.equal(get("sysconfig.get_config_var('SOABI')"), "cpython-314-wasm32-emscripten");
  // The prefix is "/", so that CPython's own templates give two slashes.
  assert.equal(get("os.path.normpath(sysconfig.get_paths()['purelib']).replace('//', '/')"), "/lib/python3.14/site-packages");
  assert.equal(get("sys.flags.ignore_environment"), 0);
  assert.match(get("sys.version"), /^3\.14\.\d+ /);
});

test("PKG-28 ENV-43 The platform tag is the one that wheels are tagged with", ({ py, assert }) => {
  const platform = py.runPython("import sysconfig; sysconfig.get_platform()");
  assert.match(platform, /^(py)?emscripten[-_]\d+[._]\d+/);
});

test("PKG-32 Sources of the standard library: tracebacks and inspect degrade with a reason", ({ py, assert }) => {
  assert.equal(py.runPython("import json; json.__file__.startswith('/lib/python314.zip/json/')"), true);
  const error = assert.throws(() => py.runPython("import json; json.loads('{')"));
  assert.match(error.message, /File "\/lib\/python314\.zip\/json\/__init__\.py", line \d+, in loads/);
});

test("ENV-42 FS-13 The file system at the start", ({ py, assert }) => {
  const has = (path) => py.FS.analyzePath(path).exists;
  for (const path of ["/home/pyodide", "/tmp", "/lib/python3.14/site-packages", "/dev/null", "/lib/python314.zip"]) assert.ok(has(path), path);
  assert.equal(py.runPython("import tempfile; tempfile.gettempdir()"), "/tmp");
  assert.equal(py.runPython("import os; os.getpid() > 0 and os.cpu_count() is not None"), true);
});

test("FS-16 Files: permissions, times, errors, duplicates", ({ py, assert }) => {
  const result = py.runPython(`
import os, pathlib, shutil, tempfile, errno
d = pathlib.Path(tempfile.mkdtemp())
f = d / "é中 file"
f.write_bytes(b"x" * 1000)
os.chmod(f, 0o400)
mode = oct(os.stat(f).st_mode & 0o777)
fd = os.open(f, os.O_RDONLY)
copy = os.dup(fd)
os.close(fd)
data = os.read(copy, 10)
os.close(copy)
os.symlink(f, d / "link")
link = (d / "link").read_bytes() == b"x" * 1000
try:
    os.rmdir(d)
except OSError as error:
    code = errno.errorcode[error.errno]
try:
    open(d / "missing")
except FileNotFoundError as error:
    missing = error.errno == errno.ENOENT
os.utime(f, (1, 2))
times = os.stat(f).st_mtime
r, w = os.pipe()
os.write(w, b"pipe")
piped = os.read(r, 4)
os.close(r); os.close(w)
shutil.rmtree(d)
repr((mode, data, link, code, missing, times, piped, d.exists()))`);
  assert.equal(result, "('0o400', b'xxxxxxxxxx', True, 'ENOTEMPTY', True, 2.0, b'pipe', False)");
});

test("ENV-44 Memory: a large allocation works, a too large one is a MemoryError", ({ py, assert }) => {
  assert.equal(py.runPython("len(bytearray(200_000_000))"), 200_000_000);
  assert.throws(() => py.runPython("bytearray(2**31 - 1) + bytearray(2**31 - 1)"), "MemoryError");
  assert.equal(py.runPython("1 + 1"), 2);
});

test("ASYNC-01 asyncio without setup", async ({ py, assert }) => {
  const result = await py.runPythonAsync(`
import asyncio
log = []
async def worker(name, queue):
    while (item := await queue.get()) is not None:
        log.append((name, item))
        await asyncio.sleep(0)
queue = asyncio.Queue()
task = asyncio.create_task(worker("w", queue))
for item in (1, 2, None):
    await queue.put(item)
await asyncio.wait_for(task, 5)
async with asyncio.timeout(5):
    await asyncio.gather(*(asyncio.sleep(0.001 * i) for i in range(3)))
try:
    await asyncio.wait_for(asyncio.sleep(60), 0.01)
except TimeoutError:
    log.append("timeout")
repr(log)`);
  assert.equal(result, "[('w', 1), ('w', 2), 'timeout']");
});

test("PKG-43 Hash seeds and randomness differ between processes, not within", ({ py, assert }) => {
  assert.equal(py.runPython("hash('abc') == hash('abc')"), true);
  assert.equal(py.runPython("import os, secrets; len({os.urandom(16) for _ in range(50)} | {secrets.token_bytes(16) for _ in range(50)})"), 100);
});

test("PKG-35 hashlib has the digests that come from OpenSSL elsewhere", ({ py, assert }) => {
  const digest = (name) => py.runPython(`import hashlib; hashlib.new("${name}", b"abc").hexdigest()`);
  assert.equal(digest("ripemd160"), "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc");
  assert.equal(digest("sha512_256"), "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23");
  assert.equal(digest("SHA512-224"), "4634270f707b6a54daae7530460842e20e37ed265ceee9a43e8924aa");
  assert.equal(digest("sm3"), "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
  assert.equal(digest("md5-sha1"), "900150983cd24fb0d6963f7d28e17f72a9993e364706816aba3e25717850c26c9cd0d89d");
  const pieces = py.runPython(`
whole, pieces = hashlib.new("ripemd160", bytes(range(256)) * 3), hashlib.new("ripemd160")
for start in range(0, 768, 100):
    pieces.update((bytes(range(256)) * 3)[start : start + 100])
    fork = pieces.copy()
fork.update(b"more")
import hmac
# RFC 2286
vector = hmac.new(b"\\x0b" * 20, b"Hi There", "ripemd160").hexdigest()
str([pieces.hexdigest() == whole.hexdigest() != fork.hexdigest(), pieces.name, pieces.digest_size, vector])`);
  assert.equal(pieces, "[True, 'ripemd160', 20, '24cb4bd67d20fc1a5d2ed7732dcc39377f0a5668']");
  assert.throws(() => py.runPython("hashlib.new('whirlpool')"), /ValueError: unsupported hash type whirlpool/);
  assert.throws(() => py.runPython("hashlib.new('sm3', 'text')"), /TypeError: Strings must be encoded/);
});

test("PKG-35 hashlib derives keys from passwords", ({ py, assert }) => {
  const run = (code) => py.runPython(`import hashlib; ${code}`);
  assert.equal(run("hashlib.pbkdf2_hmac('sha256', b'password', b'salt', 4096).hex()"), "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a");
  // RFC 6070
  assert.equal(run("hashlib.pbkdf2_hmac('sha1', memoryview(b'password'), bytearray(b'salt'), 4096, 20).hex()"), "4b007901b765489abead49d926f721d065a429c1");
  assert.ok(run("hashlib.scrypt(b'password', salt=b'NaCl', n=1024, r=8, p=16).hex()").startsWith("fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"));
  assert.throws(() => run("hashlib.pbkdf2_hmac('sha256', b'', b'', 0)"), /ValueError: iteration value must be greater than 0/);
  assert.throws(() => run("hashlib.pbkdf2_hmac('none', b'', b'', 1)"), /ValueError: unsupported hash type none/);
  assert.throws(() => run("hashlib.pbkdf2_hmac('sha256', 'text', b'', 1)"), /TypeError: password: strings must be encoded/);
  assert.throws(() => run("hashlib.scrypt(b'', salt=b'', n=3, r=1, p=1)"), /ValueError: n must be a power of 2/);
  assert.throws(() => run("hashlib.scrypt(b'', salt=b'', n=2**30, r=8, p=1)"), /ValueError: Invalid parameter combination/);
});

test("PKG-32 Modules know their files, frozen ones too", ({ py, assert }) => {
  const files = py.runPython("import os, abc, io, codecs, json\nstr([m.__file__.removesuffix('c') for m in (os, abc, io, codecs, json)])");
  assert.equal(files, "['/lib/python314.zip/os.py', '/lib/python314.zip/abc.py', '/lib/python314.zip/io.py', '/lib/python314.zip/codecs.py', '/lib/python314.zip/json/__init__.py']");
});

test("PKG-33 PKG-34 PKG-36 PKG-37 The documented packages of the standard library load by name", { timeout: 240 }, async ({ load, assert }) => {
  const py = await load({});
  assert.throws(() => py.runPython("import _pydecimal"), /loadPackage\("pydecimal"\)/);
  assert.throws(() => py.runPython("import dbm"), /loadPackage\("dbm"\)/);
  const loaded = await py.loadPackage(["ssl", "lzma", "sqlite3", "hashlib", "pydecimal", "pydoc_data", "dbm"], { messageCallback() {} });
  assert.equal(loaded.length, 7);
  assert.equal(py.runPython("import _pydecimal, ssl, lzma, sqlite3, hashlib\nstr(_pydecimal.Decimal('1.10'))"), "1.10");
  assert.ok(py.runPython("import pydoc_data.topics\n'lambda' in pydoc_data.topics.topics"));
  assert.equal(py.runPython("import shelve\nwith shelve.open('/tmp/shelf') as shelf: shelf['a'] = [1]\nwith shelve.open('/tmp/shelf') as shelf: found = shelf['a'][0]\nfound"), 1);
});

test("PKG-32 A pipe whose writer is gone ends", ({ py, assert }) => {
  const read = py.runPython(`
import os
reader, writer = os.pipe()
os.write(writer, b"all of it")
copy = os.dup(writer)
os.close(writer)
before = os.read(reader, 100)
try:
    os.read(reader, 1)
except BlockingIOError as e:
    early = type(e).__name__
os.close(copy)
with open(reader, "rb") as file: rest = file.read()
str((before, early, rest))`);
  assert.equal(read, "(b'all of it', 'BlockingIOError', b'')");
});

test("PKG-33 SQLite is as on other systems: foreign keys are enforced on demand, and has its mathematics and full text search", ({ py, assert }) => {
  const seen = py.runPython(`
import sqlite3, json
with sqlite3.connect(":memory:") as connection:
    def first(query): return connection.execute(query).fetchone()
    for module in ("fts3", "fts4", "fts5", "rtree(id, low, high)", "geopoly"):
        connection.execute(f"create virtual table {module.partition('(')[0]}_table using {module if '(' in module or module == 'geopoly' else module + '(text)'}")
    found = json.dumps([first("pragma foreign_keys"), first("select sqrt(4), pow(2, 3), ln(1), json('[1]')")])
connection.close()
found
`);
  assert.deepEqual(JSON.parse(seen), [[0], [2, 8, 0, "[1]"]]);
});
