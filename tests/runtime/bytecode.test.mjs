/**
 * Bytecode of installed packages is kept from one start to the next.
 */
import { configure, test } from "../harness/registry.mjs";

configure({ noInterpreter: true });

const inNode = typeof process === "object";
let folder;
if (inNode) {
  const [{ mkdtempSync }, { tmpdir }, { join }] = await Promise.all(["node:fs", "node:os", "node:path"].map((name) => import(name)));
  process.env.XDG_CACHE_HOME = mkdtempSync(join(tmpdir(), "pyoxide-bytecode-"));
  folder = join(process.env.XDG_CACHE_HOME, "pyoxide/bytecode");
}

/** What listens for the end of the process before any interpreter does. */
const LISTENERS = inNode ? process.listenerCount("exit") : 0;

const WHEEL = "px_kept-1.0-py3-none-any.whl";

/** Names of what is stored of the wheel. */
async function stored() {
  if (inNode) {
    const { existsSync, readdirSync } = await import("node:fs");
    return existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith(WHEEL)) : [];
  }
  const keys = await (await caches.open("pyoxide-bytecode")).keys();
  return keys.map(({ url }) => decodeURIComponent(url.split("/").pop())).filter((name) => name.startsWith(WHEEL));
}

async function contents(name) {
  if (inNode) {
    const { readFileSync } = await import("node:fs");
    return new Uint8Array(readFileSync(`${folder}/${name}`));
  }
  const cache = await caches.open("pyoxide-bytecode");
  return new Uint8Array(await (await cache.match(await keyOf(cache, name))).arrayBuffer());
}

async function keyOf(cache, name) {
  return (await cache.keys()).find(({ url }) => decodeURIComponent(url).endsWith(name));
}

async function damage(name) {
  const bytes = await contents(name);
  bytes[bytes.length - 1] ^= 1;
  if (inNode) {
    const { writeFileSync } = await import("node:fs");
    writeFileSync(`${folder}/${name}`, bytes);
    return;
  }
  const cache = await caches.open("pyoxide-bytecode");
  await cache.put(await keyOf(cache, name), new Response(bytes));
}

/** Storing happens some time after an import: waits for what `done` says. */
async function until(done, what) {
  for (let tries = 0; tries < 400; tries++) {
    if (await done()) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`not within 20 seconds: ${what}`);
}

/** A new interpreter with the package, which counts what is compiled. */
async function start(load, options = {}) {
  const py = await load(options);
  py.runPython(`
import zipfile
with zipfile.ZipFile("/tmp/${WHEEL}", "w") as z:
    for name, text in {
        "px_kept/__init__.py": "from px_kept.inner import value\\nimport px_kept.inner as here\\ndef fail(): raise ValueError(value)\\n",
        "px_kept/inner.py": "value = 42\\n",
        "px_kept-1.0.dist-info/METADATA": "Metadata-Version: 2.1\\nName: px_kept\\nVersion: 1.0\\n",
        "px_kept-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        "px_kept-1.0.dist-info/RECORD": "",
    }.items():
        z.writestr(zipfile.ZipInfo(name), text)
`);
  await py.loadPackage(`emfs:/tmp/${WHEEL}`, { messageCallback() {} });
  py.runPython(`
from importlib.machinery import SourceFileLoader
compiled = []
original = SourceFileLoader.source_to_code
def source_to_code(self, data, path, **options):
    compiled.append(path.rpartition("/")[2])
    return original(self, data, path, **options)
SourceFileLoader.source_to_code = source_to_code
`);
  return py;
}

const compiled = (py) => py.runPython("' '.join(compiled)");

test("PKG-05 What was compiled once is not compiled at the next start", async ({ load, assert }) => {
  const first = await start(load);
  assert.equal(first.runPython("import px_kept; px_kept.value"), 42);
  assert.equal(compiled(first), "__init__.py inner.py");
  await until(async () => (await stored()).length > 0, "a bundle is stored");
  assert.equal((await stored()).length, 1);
  const [bundle] = await stored();
  const before = await contents(bundle);

  const second = await start(load);
  assert.equal(second.runPython("import px_kept; px_kept.value"), 42);
  assert.equal(compiled(second), "");
  assert.throws(() => second.runPython("px_kept.fail()"), /px_kept\/__init__\.py", line 3, in fail\n\s+def fail\(\): raise/);
  assert.equal(second.runPython("import inspect; inspect.getsource(px_kept.fail)"), "def fail(): raise ValueError(value)\n");

  const edited = await start(load);
  edited.runPython("import sysconfig\nopen(sysconfig.get_path('purelib') + '/px_kept/inner.py', 'w').write('value = 43\\n')");
  assert.equal(edited.runPython("import px_kept; px_kept.value"), 43);
  assert.equal(compiled(edited), "inner.py", "only the file that changed");

  const unkept = await start(load, { env: { PYTHONDONTWRITEBYTECODE: "1" } });
  assert.equal(unkept.runPython("import px_kept; px_kept.value"), 42);
  assert.equal(compiled(unkept), "__init__.py inner.py");

  // What was compiled of the edited package is stored too: damage that came before it would be undone.
  await until(async () => String(await contents(bundle)) !== String(before), "the edited package is stored");
  await damage(bundle);
  const damaged = await start(load);
  assert.equal(damaged.runPython("import px_kept; px_kept.value"), 42);
  assert.equal(compiled(damaged), "__init__.py inner.py", "a damaged bundle is as good as none");
});

test("Many interpreters in one process, each with a package, listen for its end once: Node warns of more than ten listeners", { skip: inNode ? undefined : "pages have no such listener" }, async ({ load, assert }) => {
  const count = () => process.listenerCount("exit");
  await until(() => count() === LISTENERS, "nothing of the tests before is left to store");
  for (let times = 0; times < 3; times++) {
    const py = await start(load);
    // New to the store, so that there is something to keep.
    py.runPython(`import sysconfig\nopen(sysconfig.get_path('purelib') + '/px_kept/inner.py', 'w').write('value = ${1000 + times}\\n')`);
    assert.equal(py.runPython("import px_kept; px_kept.value"), 1000 + times);
    assert.match(compiled(py), /inner\.py$/);
  }
  assert.equal(count(), LISTENERS + 1);
  await until(() => count() === LISTENERS, "the listener is gone when everything is stored");
});
