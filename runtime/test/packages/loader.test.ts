/** The package loader, with a file system that only remembers (PKG-02 to PKG-06, JS-027, JS-028). */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { EmscriptenModule } from "../../src/emscripten/module";
import { DownloadError, Downloader } from "../../src/environment/download";
import { loadNodeModules } from "../../src/environment/node";
import { pythonPaths } from "../../src/fs/layout";
import { PackageLoader } from "../../src/packages/loader";
import { Lockfile } from "../../src/packages/lockfile";
import { makeWheel } from "./make-zip";

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

async function setUp(packages: Record<string, object>, members: Record<string, string[]> = {}) {
  const node = await loadNodeModules();
  const directory = mkdtempSync(join(tmpdir(), "pyoxide-packages-"));
  const log: string[] = [];
  const messages: string[] = [];
  const files = new Map<string, unknown>();
  const content: Record<string, object> = {};
  for (const [name, more] of Object.entries(packages)) {
    const fileName = `${name}-1-py3-none-any.whl`;
    const wheel = makeWheel(name, "1", (members[name] ?? []).map((member) => ({ name: member, content: "\0asm\x01\0\0\0" })));
    writeFileSync(join(directory, fileName), wheel);
    content[name] = { name, version: "1", file_name: fileName, sha256: sha256(wheel), imports: [name], depends: [], ...more };
  }
  // A file system that is not in memory: files are written at once.
  const folder = { mode: 0o40755, mount: { type: "elsewhere" } };
  const directories = new Set([""]);
  const FS = {
    filesystems: { MEMFS: "memory" },
    isDir: (mode: number) => mode === folder.mode,
    mkdir: (path: string) => directories.add(path),
    rmdir: (path: string) => directories.delete(path),
    lookupPath: () => ({ node: folder }),
    analyzePath: (path: string) => ({ exists: files.has(path) || directories.has(path), object: files.has(path) ? { mode: 0o100644 } : directories.has(path) || path === "/" ? folder : null }),
    writeFile: (path: string, data: unknown) => files.set(path, data),
    unlink: (path: string) => files.delete(path),
    readFile: (path: string) => files.get(path),
    stat: () => ({ mode: 0o100600 }),
    chmod: (path: string, mode: number) => log.push(`mode ${mode.toString(8)} ${path}`),
  };
  const module = {
    FS,
    LDSO: { loadedLibsByName: {} },
    loadDynamicLibrary: async (path: string, flags: { global: boolean }) => {
      log.push(`load ${path}${flags.global ? " globally" : ""}`);
      if (path.includes("bad")) {
        throw new Error("no such symbol");
      }
    },
  } as unknown as EmscriptenModule;
  const loader = new PackageLoader({
    module,
    downloader: new Downloader(node),
    node,
    paths: pythonPaths("3.14.7"),
    isMainThread: false,
    python: {
      sha256: () => "unused",
      invalidateCaches: () => log.push("invalidate"),
      bytecode: { version: () => "0", start: () => undefined, add: () => undefined, take: () => [] },
    },
    lockfile: async () => Lockfile.parse({ info: {}, packages: content }, "lock.json"),
    baseUrl: `${directory}/`,
    cacheDirectory: undefined,
    prefetch: undefined,
  });
  const callbacks = { messageCallback: (text: string) => messages.push(text), errorCallback: (text: string) => messages.push(`! ${text}`) };
  return { loader, log, messages, callbacks, files, directories, directory };
}

const SITE = "/lib/python3.14/site-packages";

test("PKG-02: dependencies come too, side modules are loaded, the origin is written down", async () => {
  const { loader, log, messages, callbacks, files } = await setUp(
    { a: { depends: ["b"] }, b: { package_type: "shared_library", install_dir: "dynlib" } },
    { b: ["libb.so"], a: ["a/_x.cpython-314-wasm32-emscripten.so"] },
  );
  const loaded = await loader.load(["a"], callbacks);
  assert.deepEqual(loaded, [
    { name: "b", version: "1", fileName: "b-1-py3-none-any.whl", packageType: "shared_library" },
    { name: "a", version: "1", fileName: "a-1-py3-none-any.whl", packageType: "package" },
  ]);
  // The extension module of `a` waits until it is imported.
  assert.deepEqual(log, ["load /usr/lib/libb.so globally", "invalidate"]);
  assert.deepEqual([...(loader as unknown as { options: { module: EmscriptenModule } }).options.module.compiledSideModules?.keys() ?? []], [`${SITE}/a/_x.cpython-314-wasm32-emscripten.so`]);
  assert.deepEqual(messages, ["Loading a, b", "Loaded a, b"]);
  assert.deepEqual({ ...loader.loadedPackages }, { a: "default channel", b: "default channel" });
  assert.equal(files.get(`${SITE}/a-1.dist-info/PYODIDE_SOURCE`), "pyodide");
  assert.equal(files.get(`${SITE}/a-1.dist-info/INSTALLER`), "pyodide.loadPackage");
  assert.equal(new TextDecoder().decode(files.get(`${SITE}/a/__init__.py`) as Uint8Array), 'VERSION = "1"\n');
});

test("what is loaded is not loaded again, however its name is spelled", async () => {
  const { loader, messages, callbacks } = await setUp({ Foo_Bar: {} });
  await loader.load(["foo-bar"], callbacks);
  assert.deepEqual({ ...loader.loadedPackages }, { Foo_Bar: "default channel" });
  assert.deepEqual(await loader.load(["FOO.bar"], callbacks), []);
  assert.deepEqual(messages.slice(-2), ["FOO.bar already loaded from default channel", "No new packages to load"]);
  // As micropip does when it uninstalls something.
  assert.ok("foo-bar" in loader.loadedPackages);
  delete loader.loadedPackages["foo.bar"];
  assert.equal((await loader.load(["foo-bar"], callbacks)).length, 1);
});

test("PKG-04: a wrong hash refuses the whole call, and nothing is installed", async () => {
  const { loader, files, messages, callbacks } = await setUp({ good: {}, wrong: { sha256: "00".repeat(32) } });
  await assert.rejects(loader.load(["good", "wrong"], callbacks), { name: "IntegrityError", message: /SHA-256 is [0-9a-f]{64}, expected 0000.*Nothing of it was installed/ });
  assert.equal(files.size, 0);
  assert.deepEqual({ ...loader.loadedPackages }, {});
  assert.match(messages[1] as string, /^! The following error occurred while loading wrong: The file of wrong/);
  assert.equal(messages[2], "Failed to load good, wrong");
  assert.equal((await loader.load(["wrong"], { ...callbacks, checkIntegrity: false })).length, 1);
});

test("JS-028: a wheel by address stands in for the package of its name", async () => {
  const { loader, callbacks, directory, files } = await setUp({ a: { depends: ["b"] }, b: {} });
  const address = join(directory, "b-2-py3-none-any.whl");
  writeFileSync(address, makeWheel("b", "2"));
  const loaded = await loader.load(["a", address], callbacks);
  assert.deepEqual(loaded.map(({ name, version }) => [name, version]), [["b", "2"], ["a", "1"]]);
  assert.equal(loader.loadedPackages["b"], address);
  assert.equal(files.get(`${SITE}/b-2.dist-info/PYODIDE_SOURCE`), address);
  assert.equal(JSON.parse(files.get(`${SITE}/b-2.dist-info/direct_url.json`) as string).url, address);
});

test("PKG-03: another wheel of a package that is loaded is left out, and that is said", async () => {
  const { loader, callbacks, directory, messages } = await setUp({ a: {} });
  await loader.load(["a"], callbacks);
  const address = join(directory, "a-2-py3-none-any.whl");
  writeFileSync(address, makeWheel("a", "2"));
  assert.deepEqual(await loader.load([address], callbacks), []);
  assert.equal(
    messages.at(-2),
    `! URI mismatch, attempting to load package a from ${address} while it is already loaded from default channel. To override a dependency, load the custom package first.`,
  );
});

test("a side module that does not load is named, and all of the call is undone", async () => {
  const { loader, callbacks, files, directories } = await setUp({ a: { depends: ["b"] }, b: { package_type: "shared_library", install_dir: "dynlib" } }, { b: ["bad.so"] });
  await assert.rejects(loader.load(["a"], callbacks), { message: "Could not load the side module /usr/lib/bad.so: no such symbol" });
  assert.equal(files.size, 0);
  assert.deepEqual([...directories], [""]);
  assert.deepEqual({ ...loader.loadedPackages }, {});
});

test("PKG-06: files that a call which failed has replaced are what they were", async () => {
  const { loader, callbacks, files, directories, log } = await setUp({ a: { depends: ["b"] }, b: { package_type: "shared_library", install_dir: "dynlib" } }, { a: ["shared/x.so"], b: ["bad.so"] });
  const mine = new TextEncoder().encode("mine");
  files.set(`${SITE}/shared/x.so`, mine);
  ["/lib", "/lib/python3.14", SITE, `${SITE}/shared`].forEach((path) => directories.add(path));
  await assert.rejects(loader.load(["a"], callbacks), /no such symbol/);
  assert.deepEqual([...files], [[`${SITE}/shared/x.so`, mine]]);
  assert.ok(log.includes(`mode 600 ${SITE}/shared/x.so`));
});

test("calls run one after another, and one that fails does not stop the next", async () => {
  const { loader, callbacks } = await setUp({ a: {}, b: {} });
  const results = await Promise.allSettled([loader.load(["nope"], callbacks), loader.load(["a"], callbacks), loader.load(["a", "b"], callbacks)]);
  assert.deepEqual(results.map((result) => (result.status === "fulfilled" ? result.value.map(({ name }) => name) : "failed")), ["failed", ["a"], ["b"]]);
  assert.match((results[0] as PromiseRejectedResult).reason.message as string, /^No known package with name 'nope': it is not in the lock file lock\.json/);
});

test("JS-027: wheels for another platform are refused before anything is fetched", async () => {
  const { loader, callbacks } = await setUp({});
  await assert.rejects(loader.load(["https://h.example/x-1-cp314-cp314-win_amd64.whl"], callbacks), { name: "IncompatibleWheelError" });
});

/** A loader whose packages come from the network, as `answer` gives them. */
async function overNetwork(answer: (url: string, call: number) => Uint8Array) {
  const { loader, callbacks, directory } = await setUp({ a: {} });
  const wheel = readFileSync(join(directory, "a-1-py3-none-any.whl"));
  const cache = join(mkdtempSync(join(tmpdir(), "pyoxide-cache-")), "new");
  const requests: string[] = [];
  const downloads = (loader as unknown as { downloads: { options: { cacheDirectory: string; downloader: unknown } } }).downloads.options;
  downloads.cacheDirectory = cache;
  downloads.downloader = { bytes: async (url: string) => answer(url, requests.push(url)) };
  (loader as unknown as { options: { baseUrl: string } }).options.baseUrl = "https://packages.example/";
  return { loader, callbacks, cache, requests, wheel };
}

test("ENV-28: a download is kept in the cache folder, taken from there, and fetched again when it is damaged", async () => {
  let bytes = new Uint8Array();
  const { loader, callbacks, cache, requests, wheel } = await overNetwork(() => bytes);
  bytes = wheel as Uint8Array<ArrayBuffer>;
  const again = async (): Promise<void> => {
    delete loader.loadedPackages["a"];
    await loader.load(["a"], callbacks);
  };
  await loader.load(["a"], callbacks);
  assert.deepEqual(requests, ["https://packages.example/a-1-py3-none-any.whl"]);
  assert.deepEqual(readdirSync(cache), ["a-1-py3-none-any.whl"]);
  await again();
  assert.equal(requests.length, 1);
  writeFileSync(join(cache, "a-1-py3-none-any.whl"), "damaged");
  await again();
  assert.equal(requests.length, 2);
  assert.deepEqual(readFileSync(join(cache, "a-1-py3-none-any.whl")), wheel);
});

test("JS-027: a download that fails for a moment is tried again, one that is not there is not", async () => {
  const moment = await overNetwork((url, call) => {
    if (call < 3) {
      throw new DownloadError(url, 503, "the server answered 503");
    }
    return moment.wheel;
  });
  assert.equal((await moment.loader.load(["a"], moment.callbacks)).length, 1);
  assert.equal(moment.requests.length, 3);
  const gone = await overNetwork((url) => {
    throw new DownloadError(url, 404, "the server answered 404");
  });
  await assert.rejects(gone.loader.load(["a"], gone.callbacks), /404/);
  assert.equal(gone.requests.length, 1);
});
