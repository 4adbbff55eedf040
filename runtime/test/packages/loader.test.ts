/** The package loader, with a file system that only remembers (PKG-02 to PKG-06, JS-027, JS-028). */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { EmscriptenModule } from "../../src/emscripten/module";
import { Downloader } from "../../src/environment/download";
import { loadNodeModules } from "../../src/environment/node";
import { pythonPaths } from "../../src/fs/layout";
import { PackageLoader } from "../../src/packages/loader";
import { Lockfile } from "../../src/packages/lockfile";

const ARCHIVE = Uint8Array.of(0x50, 0x4b, 5, 6, ...new Array<number>(18).fill(0));
const SHA256 = createHash("sha256").update(ARCHIVE).digest("hex");

async function setUp(packages: Record<string, object>, members: Record<string, string[]> = {}) {
  const node = await loadNodeModules();
  const directory = mkdtempSync(join(tmpdir(), "pyoxide-packages-"));
  const log: string[] = [];
  const messages: string[] = [];
  const files = new Map<string, unknown>();
  const content: Record<string, object> = {};
  for (const [name, more] of Object.entries(packages)) {
    const fileName = `${name}-1-py3-none-any.whl`;
    writeFileSync(join(directory, fileName), ARCHIVE);
    content[name] = { name, version: "1", file_name: fileName, sha256: SHA256, imports: [name], depends: [], ...more };
  }
  const FS = {
    mkdirTree: () => undefined,
    analyzePath: (path: string) => ({ exists: files.has(path) }),
    writeFile: (path: string, data: unknown) => files.set(path, data),
    unlink: (path: string) => files.delete(path),
  };
  const module = {
    FS,
    loadDynamicLibrary: async (path: string, flags: { global: boolean }) => {
      log.push(`load ${path}${flags.global ? " globally" : ""}`);
      if (path.includes("bad")) {
        throw new Error("no such symbol");
      }
    },
  } as unknown as EmscriptenModule;
  let unpacked = 0;
  const loader = new PackageLoader({
    module,
    downloader: new Downloader(node),
    node,
    paths: pythonPaths("3.14.7"),
    python: {
      unpack: (_archive, target) => {
        const name = Object.keys(members)[unpacked++] ?? "";
        log.push(`unpack to ${target}`);
        return (members[name] ?? []).map((member) => `${target}/${member}`);
      },
      sha256: () => "unused",
      invalidateCaches: () => log.push("invalidate"),
    },
    lockfile: async () => Lockfile.parse({ info: {}, packages: content }, "lock.json"),
    baseUrl: `${directory}/`,
    cacheDirectory: undefined,
  });
  const callbacks = { messageCallback: (text: string) => messages.push(text), errorCallback: (text: string) => messages.push(`! ${text}`) };
  return { loader, log, messages, callbacks, files, directory };
}

const SITE = "/lib/python3.14/site-packages";

test("dependencies are installed first, side modules are loaded, the origin is written down", async () => {
  const { loader, log, messages, callbacks, files } = await setUp(
    { a: { depends: ["b"] }, b: { package_type: "shared_library", install_dir: "dynlib" } },
    { b: ["libb.so"], a: ["a/_x.cpython-314-wasm32-emscripten.so", "a-1.dist-info/METADATA"] },
  );
  const loaded = await loader.load(["a"], callbacks);
  assert.deepEqual(loaded.map(({ name, packageType }) => [name, packageType]), [["b", "shared_library"], ["a", "package"]]);
  assert.deepEqual(log, ["unpack to /usr/lib", "load /usr/lib/libb.so globally", `unpack to ${SITE}`, `load ${SITE}/a/_x.cpython-314-wasm32-emscripten.so`, "invalidate"]);
  assert.deepEqual(messages, ["Loading b, a", "Loaded b, a"]);
  assert.deepEqual(loader.loadedPackages, { a: "default channel", b: "default channel" });
  assert.equal(files.get(`${SITE}/a-1.dist-info/PYODIDE_SOURCE`), "pyodide\n");
  // The archives themselves do not stay in memory.
  assert.deepEqual([...files.keys()].filter((path) => path.startsWith("/tmp/")), []);
});

test("what is loaded is not loaded again", async () => {
  const { loader, log, messages, callbacks } = await setUp({ a: {} });
  await loader.load(["a"], callbacks);
  assert.deepEqual(await loader.load(["A"], callbacks), []);
  assert.equal(log.filter((line) => line.startsWith("unpack")).length, 1);
  assert.equal(messages.at(-1), "Already loaded: A");
});

test("PKG-04: a wrong hash refuses the whole call, and nothing is installed", async () => {
  const { loader, log, messages, callbacks } = await setUp({ good: {}, wrong: { sha256: "00".repeat(32) } });
  await assert.rejects(loader.load(["good", "wrong"], callbacks), new RegExp(`SHA-256 is ${SHA256}, expected 0000.*Nothing of it was installed`));
  assert.deepEqual(log, []);
  assert.deepEqual(loader.loadedPackages, {});
  assert.match(messages.at(-1) as string, /^! The file of wrong/);
  assert.equal((await loader.load(["wrong"], { ...callbacks, checkIntegrity: false })).length, 1);
});

test("JS-028: a wheel by address stands in for the package of its name", async () => {
  const { loader, callbacks, directory } = await setUp({ a: { depends: ["b"] }, b: {} });
  const address = join(directory, "b-2-py3-none-any.whl");
  writeFileSync(address, ARCHIVE);
  const loaded = await loader.load(["a", address], callbacks);
  assert.deepEqual(loaded.map(({ name, version }) => [name, version]), [["b", "2"], ["a", "1"]]);
  assert.equal(loader.loadedPackages["b"], address);
});

test("a side module that does not load is named", async () => {
  const { loader, callbacks } = await setUp({ a: {} }, { a: ["bad.so"] });
  await assert.rejects(loader.load(["a"], callbacks), { message: `Could not load the side module ${SITE}/bad.so: no such symbol` });
});

test("calls run one after another, and one that fails does not stop the next", async () => {
  const { loader, callbacks } = await setUp({ a: {}, b: {} });
  const results = await Promise.allSettled([loader.load(["nope"], callbacks), loader.load(["a"], callbacks), loader.load(["a", "b"], callbacks)]);
  assert.deepEqual(results.map((result) => (result.status === "fulfilled" ? result.value.map(({ name }) => name) : "failed")), ["failed", ["a"], ["b"]]);
});

test("ENV-28: a download is kept in the cache folder, and taken from there", async () => {
  const node = await loadNodeModules();
  const { loader, callbacks } = await setUp({ a: {} });
  const cache = join(mkdtempSync(join(tmpdir(), "pyoxide-cache-")), "new");
  const requests: string[] = [];
  const options = (loader as unknown as { options: { cacheDirectory: string; baseUrl: string; downloader: unknown } }).options;
  options.cacheDirectory = cache;
  options.baseUrl = "https://packages.example/";
  options.downloader = { bytes: async (url: string) => requests.push(url) && ARCHIVE };
  await loader.load(["a"], callbacks);
  assert.deepEqual(requests, ["https://packages.example/a-1-py3-none-any.whl"]);
  assert.deepEqual(readdirSync(cache), ["a-1-py3-none-any.whl"]);
  assert.deepEqual(new Uint8Array(readFileSync(join(cache, "a-1-py3-none-any.whl"))), ARCHIVE);
  delete loader.loadedPackages["a"];
  await loader.load(["a"], callbacks);
  assert.equal(requests.length, 1);
  assert.ok(node);
});
