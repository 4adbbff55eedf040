/**
 * `loadPyodide`: from its options to the `pyodide` object.
 * Not here: checking options (options.ts), booting (loader), the functions of the result (pyodide.ts).
 * Invariant: a call leaves nothing behind when it fails, so that it can be repeated.
 */

import type { Core } from "../boundary/core";
import { Downloader } from "../environment/download";
import { detect } from "../environment/environment";
import { type ScriptOrigin, detectIndexUrl, normalizeIndexUrl } from "../environment/index-url";
import { loadNodeModules } from "../environment/node";
import { NotStarted } from "../errors/errors";
import { enterHome, pythonPaths } from "../fs/layout";
import { mountNodeFS } from "../fs/mount";
import { type BootOptions, type Restored, type SnapshotSource, boot } from "../loader/boot";
import { PYTHON_VERSION, VERSION } from "../loader/constants";
import { makeReset } from "../loader/reset";
import { makeSourcesReader } from "../loader/sources";
import { callPython, withImport } from "../loader/python-calls";
import { IntegrityError, sha256Of, splitAddress } from "../packages/download";
import { Lockfile } from "../packages/lockfile";
import { Prefetch } from "../packages/prefetch";
import { bytesOf, describe, makeSink, makeSource } from "../streams/handlers";
import { type LoadPyodideOptions, checkOptions } from "./options";
import { makeConfig } from "./internals";
import { type PyodideInterface, type ResetApi, makePyodide } from "./pyodide";

const DEFAULT_HOME = "/home/pyodide";
/** Where libraries are looked for by their names: those of packages of shared libraries, and those in wheels. */
const LIBRARY_PATH = `/usr/lib:${pythonPaths(PYTHON_VERSION).sitePackages}`;

/** Makes the function `loadPyodide` of a script that came from `origin`. */
export function makeLoadPyodide(origin: ScriptOrigin): (options?: LoadPyodideOptions) => Promise<PyodideInterface> {
  return async function loadPyodide(given?: LoadPyodideOptions): Promise<PyodideInterface> {
    const options = checkOptions(given);
    if (typeof WebAssembly !== "object") {
      throw new Error(
        "loadPyodide: Python needs WebAssembly, which is not there. Some browsers switch it off for the sake of security (Lockdown Mode of iOS and macOS, for instance): allow it for this site.",
      );
    }
    const environment = detect();
    const node = environment.node ? await loadNodeModules() : undefined;
    const downloader = new Downloader(node);
    const indexUrl =
      options.indexURL === undefined ? detectIndexUrl(origin, environment, node) : normalizeIndexUrl(options.indexURL, environment, node);
    const lockfile = new LockfileSource(options, downloader, indexUrl);
    const packageCacheDirectory = node === undefined ? undefined : (options.packageCacheDir ?? localDirectory(indexUrl));
    const prefetch = new Prefetch(downloader, node, packageCacheDirectory);
    const packages = typeof options.packages === "string" ? [options.packages] : [...(options.packages ?? [])];
    prefetch.start(packages, lockfile.get(), lockfile.baseUrl);
    const home = options.env?.["HOME"] ?? DEFAULT_HOME;

    // An import of a package that is not loaded says how to load it (PKG-07).
    const packageLookup = (name: string): unknown => lockfile.now()?.findImport(name);
    const roots: Record<string, object> = { globals: options.jsglobals ?? globalThis, packageLookup };
    for (const [name, module] of Object.entries(options.jsModules ?? {})) {
      roots[`module:${name}`] = module;
    }

    const rootsAtStart = { ...roots };
    const streams = () => ({
      stdin: makeSource(options.stdin && { stdin: options.stdin }),
      stdout: makeSink("setStdout", options.stdout && { batched: options.stdout }),
      stderr: makeSink("setStderr", options.stderr && { batched: options.stderr }),
    });

    let pyodide: PyodideInterface | undefined;
    const bootOptions: BootOptions = {
      environment,
      node,
      downloader,
      indexUrl,
      stdLibUrl: options.stdLibURL === undefined ? `${indexUrl}python_stdlib.zip` : downloader.resolve(options.stdLibURL),
      isStdLibChosen: options.stdLibURL !== undefined,
      jsglobals: options.jsglobals ?? globalThis,
      argv: ["python", ...(options.args ?? [])],
      // `_` is the path of a program that does not exist here.
      env: { PWD: home, _: undefined, LD_LIBRARY_PATH: LIBRARY_PATH, ...options.env, HOME: home },
      ...streams(),
      convertNullToNone: options.convertNullToNone ?? true,
      toJsLiteralMap: options.toJsLiteralMap ?? true,
      pyproxyToStringRepr: options.pyproxyToStringRepr ?? false,
      keepBorrowedProxies: options.keepBorrowedProxies ?? false,
      isCommand: false,
      isToBeSaved: options._makeSnapshot === true,
      roots,
      snapshot: snapshotSource(options, downloader, indexUrl),
      prepareFiles: (module) => enterHome(module, home),
      beforeStart: async (module, paths) => {
        for (const directory of options._node_mounts ?? []) {
          mountNodeFS(module, node, directory, directory);
        }
        await options.fsInit?.(module.FS, { sitePackages: paths.sitePackages });
      },
      makeApi(interpreter) {
        const resetInterpreter = makeReset(interpreter, bootOptions);
        const reset: ResetApi = async (parts) => {
          await resetInterpreter({
            streams,
            get roots() {
              for (const name of Object.keys(roots)) {
                delete roots[name];
              }
              return Object.assign(roots, rootsAtStart, { api: ready });
            },
            ...parts,
            settle,
          });
        };
        pyodide = makePyodide(interpreter, {
          lockfile: () => lockfile.get(),
          lockfileNow: () => lockfile.now(),
          config: makeConfig(lockfile.baseUrl, {
            indexURL: indexUrl,
            packageCacheDir: packageCacheDirectory,
            jsglobals: options.jsglobals ?? globalThis,
            args: options.args ?? [],
            env: options.env ?? {},
            packages,
          }),
          packageCacheDirectory,
          prefetch,
          standardLibrarySources: makeSourcesReader({ environment, node, downloader, indexUrl }),
          reset,
        });
        return pyodide;
      },
    };
    const { core, restored: restoredAtStart } = await bootWithArguments(options, bootOptions);
    const ready = pyodide as unknown as PyodideInterface;
    if (options.fullStdLib) {
      packages.push(...(await lockfile.get()).standardLibrary());
    }
    /** What follows a start and a reset: what the options ask for. */
    const settle = async (restored: Restored | undefined): Promise<void> => {
      if (restored === undefined || restored.changed.has("globals")) {
        registerModule(core, "js", roots["globals"] as object);
      }
      if (options.convertNullToNone === false) callPython(core, "_pyodide._hooks.write_null_in_json");
      if (restored === undefined) {
        registerModule(core, "pyodide_js", ready);
        callPython(core, "_pyodide._importhook.set_package_lookup", packageLookup);
        // Programs ask `"pyodide" in sys.modules` to find out where they run (ENV-40).
        void ready.pyodide_py;
        if (options.checkAPIVersion ?? true) {
          checkVersion(core);
        }
      } else {
        Object.assign(ready.loadedPackages, restored.loadedPackages);
      }
      for (const [name, module] of Object.entries(options.jsModules ?? {})) {
        if (restored === undefined || restored.changed.has(`module:${name}`)) {
          registerModule(core, name, module);
        }
      }
      if (options._sysExecutable !== undefined) {
        withImport(core, "sys", (sys) => Object.assign(sys, { executable: options._sysExecutable }));
      }
      await lockfile.arrived();
      if (packages.length > 0) {
        await ready.loadPackage(packages, { messageCallback: () => undefined });
      }
    };
    await settle(restoredAtStart);
    return ready;
  };
}

async function bootWithArguments({ args }: LoadPyodideOptions, options: BootOptions): ReturnType<typeof boot> {
  try {
    return await boot(options);
  } catch (error) {
    if (!(error instanceof NotStarted)) {
      throw error;
    }
    const why = error.status === 0 ? "they ask for something that needs no interpreter" : "Python said on standard error what is wrong with them";
    throw new Error(`loadPyodide: Python does not start with the arguments ${JSON.stringify(args)} of the option \`args\`: ${why} (exit status ${error.status}).`);
  }
}

function registerModule(core: Core, name: string, module: object): void {
  callPython(core, "_pyodide._importhook.register_js_module", name, module);
}

/** Which snapshot to start from, if any. */
function snapshotSource(options: LoadPyodideOptions, downloader: Downloader, indexUrl: string): SnapshotSource | undefined {
  const given = options.snapshot ?? options._loadSnapshot;
  if (given === false || options._makeSnapshot === true) {
    return undefined;
  }
  const fileSource = (url: string, isRequired: boolean): SnapshotSource => {
    const what = "the memory snapshot";
    const readNow = downloader.localPath(url) === undefined ? undefined : () => downloader.bytesNow(url, what);
    return { name: url, read: () => downloader.bytes(url, what), readNow, isPrivate: true, isRequired };
  };
  if (typeof given === "string") {
    return fileSource(downloader.resolve(given), true);
  }
  if (given !== undefined && given !== true) {
    const read = async (): Promise<Uint8Array> => {
      const value: unknown = await given;
      const found = bytesOf(value);
      if (found === undefined) {
        throw new TypeError(`loadPyodide: the option \`snapshot\` must be the bytes of a snapshot, its address, true or false, not ${describe(value)}.`);
      }
      return found;
    };
    return { name: "The snapshot given to loadPyodide", read, isPrivate: false, isRequired: true };
  }
  // What Python reads only while it starts calls for a start of its own.
  if ((options.args ?? []).length > 0 || Object.keys(options.env ?? {}).some((name) => name.startsWith("PYTHON"))) {
    return undefined;
  }
  return fileSource(`${indexUrl}pyodide.snapshot`, given === true);
}

/** The lock file: asked for at once, waited for when it is needed. */
class LockfileSource {
  readonly baseUrl: string;
  private readonly promise: Promise<Lockfile>;
  private readonly required: boolean;
  private value: Lockfile | undefined;

  constructor(options: LoadPyodideOptions, downloader: Downloader, indexUrl: string) {
    const { url: address, sha256 } = splitAddress(options.lockFileURL ?? `${indexUrl}pyodide-lock.json`);
    const url = options.lockFileURL === undefined ? address : downloader.resolve(address);
    const base = options.packageBaseUrl ?? (options.lockFileURL === undefined ? indexUrl : url.slice(0, url.search(/[^/\\]*$/)));
    this.baseUrl = base.endsWith("/") ? base : `${base}/`;
    // Python runs without the default lock file; one that the caller named has to be there.
    this.required = options.lockFileURL !== undefined || options.lockFileContents !== undefined;
    this.promise = read(options, downloader, url, sha256);
    this.promise.then(
      (lockfile) => {
        this.value = lockfile;
      },
      () => undefined,
    );
  }

  get(): Promise<Lockfile> {
    return this.promise;
  }

  now(): Lockfile | undefined {
    return this.value;
  }

  async arrived(): Promise<void> {
    if (this.required) {
      await this.promise;
    } else {
      await this.promise.catch(() => undefined);
    }
  }
}

async function read(options: LoadPyodideOptions, downloader: Downloader, url: string, sha256: string | undefined): Promise<Lockfile> {
  if (options.lockFileContents === undefined) {
    return Lockfile.parse(await downloader.json(url, "the lock file", sha256 === undefined ? undefined : (bytes) => checkLockfile(bytes, url, sha256)), url);
  }
  const contents = await options.lockFileContents;
  if (typeof contents !== "string") {
    return Lockfile.parse(contents, "lockFileContents");
  }
  let value: unknown;
  try {
    value = JSON.parse(contents);
  } catch (error) {
    throw new Error(`loadPyodide: the text in \`lockFileContents\` is not JSON: ${(error as Error).message}`, { cause: error });
  }
  return Lockfile.parse(value, "lockFileContents");
}

/** Throws if a lock file is not the one that its address names with `#sha256=`. */
async function checkLockfile(bytes: Uint8Array, url: string, expected: string): Promise<void> {
  const actual = await sha256Of(bytes);
  if (actual !== expected) {
    const problem = actual === undefined ? "cannot be checked, because this page has no `crypto.subtle`; serve it over https" : `is not the one its address names: its SHA-256 is ${actual}, expected ${expected}`;
    throw new IntegrityError(`The lock file ${url} ${problem}.`);
  }
}

function localDirectory(indexUrl: string): string | undefined {
  return /^[a-z][a-z0-9+.-]+:/i.test(indexUrl) ? undefined : indexUrl;
}

function checkVersion(core: Core): void {
  const found = withImport(core, "_pyodide._version.VERSION", (version) => String(version));
  if (found !== VERSION) {
    throw new Error(
      `The standard library is of Pyodide ${found}, but pyodide.js is of version ${VERSION}: all files must come from the same distribution (check indexURL and stdLibURL).`,
    );
  }
}
