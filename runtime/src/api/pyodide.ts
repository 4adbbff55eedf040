/**
 * The `pyodide` object: every documented attribute and function, on top of one interpreter.
 * Not here: making the interpreter (loader), the proxies (proxy), loading packages (packages).
 * Invariant: functions of Python that users may replace (`pyodide.code.eval_code`, `find_imports`) are looked up at every call.
 */

import type { DirectoryHandle } from "../fs/native-fs";
import type { EmscriptenModule, FS, PATH } from "../emscripten/module";
import { describe as describeEnvironment } from "../environment/environment";
import { mountNativeFS, mountNodeFS } from "../fs/mount";
import type { Interpreter } from "../loader/boot";
import type { ResetHooks } from "../loader/reset";
import { VERSION } from "../loader/constants";
import { makeNetwork } from "../network/index";
import type { Network } from "../network/network";
import { type Proxy, callPython, discard, makeInstaller, withImport } from "../loader/python-calls";
import { type LoadOptions, type PackageData, PackageLoader } from "../packages/loader";
import type { Prefetch } from "../packages/prefetch";
import type { Lockfile, LockfileContent } from "../packages/lockfile";
import { type StdinOptions, type StdwriteOptions, bytesOf, describe, makeSink, makeSource } from "../streams/handlers";
import { type CanvasInterface, makeCanvas } from "./canvas";
import { pristineMemory } from "../emscripten/instantiate";
import { type CompatibleInternals, type PyodideConfig, addInternals } from "./internals";
import type { ProxyReport } from "../proxy/report";
import { makeSnapshot } from "../snapshot/make";
import type { Any, Ffi, PyDict, PyProxy } from "./ffi";

/** Options of `runPython` and `runPythonAsync`. */
export interface RunOptions {
  /** Dictionary of global names. Default: `pyodide.globals`. */
  globals?: PyProxy | undefined;
  /** Dictionary of local names. Default: the same as `globals`. */
  locals?: PyProxy | undefined;
  /** Name of the code in tracebacks. Default: `<exec>`. */
  filename?: string | undefined;
}

/** Options of `runPythonAsync`. */
export interface RunAsyncOptions extends RunOptions {
  /**
   * Milliseconds after which the code is stopped by a `TimeoutError`. It ends an `await` anywhere; a computation or a blocking call only where
   * the JavaScript engine can suspend WebAssembly (JSPI).
   */
  timeout?: number | undefined;
}

/** Options of `toPy`. */
export interface ToPyOptions {
  depth?: number | undefined;
  defaultConverter?:
    | ((value: unknown, converter: (value: unknown) => unknown, cacheConversion: (input: unknown, output: unknown) => void) => unknown)
    | undefined;
}

/** What Python, the build and the tests use of the runtime. */
interface OwnInternals {
  /** SDL programs start main loops that never return: with this flag the call returns all the same, and the loop runs beside Python. */
  _skip_unwind_fatal_error: boolean;
  /** Whether PyProxies made for arguments are kept as long as JavaScript has them; returns what was. */
  readonly keepBorrowedProxies: (keep: boolean) => boolean;
  /** The lock file, as installers written in Python want it. */
  readonly lockfile_info: LockfileContent["info"];
  readonly lockfile_packages: LockfileContent["packages"];
  /** Installs a wheel that was fetched and checked. `metadata` are files for its `.dist-info` directory. */
  install(buffer: unknown, filename: string, installDir: string, metadata?: unknown): Promise<void>;
  /** Reads a file of the host (Node), or an address. */
  loadBinaryFile(path: string): Promise<Uint8Array>;
  /** The file of the standard library's sources, if it can be had now. */
  readonly standardLibrarySources: () => Uint8Array | undefined;
  /** Called when there is new bytecode of packages to store. */
  readonly bytecode_changed: () => void;
  /** Numbers for leak checks. */
  readonly liveHandles: () => number;
  readonly liveProxies: () => number;
  /** Sockets, as Python's module `_socket` uses them. Nothing of it exists before it is asked for. */
  readonly network: object;
  /** For the build: imports modules, then saves memory without files. */
  readonly makeStartSnapshot: (modules: readonly string[], isCore: boolean) => Uint8Array<ArrayBuffer>;
}

/** `pyodide._api`. */
export interface InternalApi extends OwnInternals, CompatibleInternals {}

/** What `loadPyodide` gives. */
export interface PyodideInterface {
  readonly version: string;
  readonly FS: FS;
  readonly PATH: PATH;
  readonly ERRNO_CODES: Readonly<Record<string, number>>;
  readonly ffi: Ffi;
  readonly globals: PyDict;
  readonly pyodide_py: PyProxy;
  readonly loadedPackages: Record<string, string>;
  readonly canvas: CanvasInterface;
  readonly lockfile: LockfileContent | undefined;
  readonly lockfileBaseUrl: string;
  runPython(code: string, options?: RunOptions): Any;
  runPythonAsync(code: string, options?: RunAsyncOptions): Promise<Any>;
  pyimport(mod_name: string): Any;
  toPy(obj: unknown, options?: ToPyOptions): Any;
  registerJsModule(name: string, module: object): void;
  unregisterJsModule(name: string): void;
  registerComlink(Comlink: unknown): void;
  loadPackage(names: string | readonly string[] | PyProxy, options?: LoadOptions): Promise<PackageData[]>;
  loadPackagesFromImports(code: string, options?: LoadOptions): Promise<PackageData[]>;
  unpackArchive(buffer: ArrayBuffer | ArrayBufferView, format: string, options?: { extractDir?: string | undefined }): void;
  mountNodeFS(emscriptenPath: string, hostPath: string): void;
  mountNativeFS(path: string, fileSystemHandle: FileSystemDirectoryHandle): Promise<{ syncfs: () => Promise<void> }>;
  setStdin(options?: StdinOptions): void;
  setStdout(options?: StdwriteOptions): void;
  setStderr(options?: StdwriteOptions): void;
  setInterruptBuffer(interrupt_buffer: InterruptBuffer | undefined): void;
  checkInterrupt(): void;
  /**
   * Interrupts the Python code that computes or waits, as Ctrl-C does (or another signal, by number). No shared memory and no worker is
   * needed where the JavaScript engine can suspend WebAssembly (JSPI) and the code was started with `runPythonAsync` or `callPromising`.
   * Returns false if there is nothing to interrupt.
   */
  interrupt(signal?: number): boolean;
  scheduleCallback(callback: () => void, timeout?: number): void;
  setDebug(debug: boolean): boolean;
  /**
   * The PyProxies that are alive, as far as they were made in debug mode (`setDebug(true)`): what they stand for, where they were made,
   * and which of them keep each other alive through both languages.
   */
  proxyReport(): ProxyReport;
  detectEnvironment(): Record<string, boolean>;
  makeMemorySnapshot(): Uint8Array<ArrayBuffer>;
  /**
   * Puts the interpreter back to the memory snapshot that it was started from, as if `loadPyodide` had just been called with the same options;
   * also after a fatal error. What was made of it before is gone: PyProxies throw when they are used, promises of Python code that has not ended
   * are rejected, timers and suspended calls are forgotten, files and sockets are closed, host directories are unmounted, packages are not loaded.
   * Handlers and everything else that was set with functions of this object are what they were at the start.
   */
  reset(): Promise<void>;
  readonly _module: EmscriptenModule;
  readonly _api: InternalApi;
}

/** An integer array on shared memory. */
export type InterruptBuffer = Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array;

/** Resets the interpreter; what the API has to do with it is in its argument. */
export type ResetApi = (parts: Pick<ResetHooks, "underWay" | "forget">) => Promise<void>;

/** What the API needs beside the interpreter. */
export interface ApiSettings {
  readonly lockfile: () => Promise<Lockfile>;
  /** The lock file if it has arrived. */
  readonly lockfileNow: () => Lockfile | undefined;
  readonly config: PyodideConfig;
  readonly packageCacheDirectory: string | undefined;
  readonly standardLibrarySources: () => Uint8Array | undefined;
  readonly prefetch: Prefetch;
  readonly reset?: ResetApi | undefined;
}

/** What Ctrl-C sends. */
const SIGINT = 2;
/** What `finally` clauses have after a time limit, before they are ended, too. */
const CLEANUP_MS = 1000;
/** How often code is ended then that catches everything, until it is somewhere where it does not. */
const AGAIN_MS = 50;
const SIGNAL_MAX = 64;

export function makePyodide(interpreter: Interpreter, settings: ApiSettings): PyodideInterface {
  const { core, module, streams, scheduler, node } = interpreter;
  const makePackages = (loaded?: Record<string, string>): PackageLoader => new PackageLoader({
    loadedPackages: loaded,
    module,
    downloader: interpreter.downloader,
    node,
    paths: interpreter.paths,
    isMainThread: interpreter.environment.mainThread,
    python: makeInstaller(core),
    lockfile: settings.lockfile,
    get baseUrl() {
      return settings.config.packageBaseUrl;
    },
    cacheDirectory: settings.packageCacheDirectory,
    prefetch: settings.prefetch,
  });
  let packages = makePackages();
  const { loadedPackages } = packages;
  /** The reset that was asked for last; `isBegun` when what is now is not what it undoes. */
  let reset: { readonly done: Promise<void>; isBegun: boolean } | undefined;
  let globals: PyDict | undefined;
  let pyodidePackage: PyProxy | undefined;
  let interruptBuffer: InterruptBuffer | undefined;
  let debug = false;
  let network: Network | undefined;

  /** Calls `pyodide.code.<name>`, whatever it is now. */
  const evaluate = (name: "eval_code" | "eval_code_async", caller: string, code: unknown, options: unknown): unknown => {
    if (typeof code !== "string") {
      throw new TypeError(`${caller}: the code must be a string, not ${describe(code)}.`);
    }
    const run = checkRunOptions(caller, options, (value) => core.isPyProxy(value));
    const names = run.globals ?? pyodide.globals;
    const evaluator = (pyodide.pyodide_py as unknown as { code: Record<string, Proxy> }).code[name] as Proxy;
    const args = run.locals === undefined && run.filename === undefined ? [code, names] : [code, names, run.locals];
    const kwargs = run.filename === undefined ? {} : { filename: run.filename };
    // A coroutine that the code gives is not started: it may be meant for Python. The one that runs the code is.
    return name === "eval_code" ? core.callPlainly(evaluator, args, kwargs) : evaluator.callKwargs(...args, kwargs);
  };

  const snapshot = (withoutFiles: boolean, isCore: boolean): Uint8Array<ArrayBuffer> =>
    makeSnapshot({
      core,
      module,
      build: interpreter.build,
      stdlib: interpreter.stdlib,
      placed: new Set([interpreter.paths.stdlibZip, ...interpreter.standardLibrary.sideModules.keys()]),
      archive: interpreter.standardLibrary.file,
      roots: interpreter.roots,
      loadedPackages,
      pristine: () => pristineMemory(interpreter.wasm, interpreter.WebAssembly),
      withoutFiles,
      isCore,
    });

  /** Awaits a coroutine, which is running as a task since it was returned, for a limited time. */
  const awaitLimited = async (coroutine: unknown, timeoutMs: number): Promise<unknown> => {
    const task = withImport(core, "_pyodide._hooks.last_awaited", (last) => last()) as Proxy;
    let cancel = (): void => undefined;
    const endAfter = (delayMs: number, nextMs: number): void => {
      cancel = scheduler.schedule(() => {
        callPython(core, "_pyodide._hooks.expire", task, timeoutMs / 1000);
        endAfter(nextMs, AGAIN_MS);
      }, delayMs);
    };
    endAfter(timeoutMs, CLEANUP_MS);
    try {
      return await coroutine;
    } finally {
      cancel();
      task.destroy();
    }
  };

  const runAsync = async (code: string, options: RunAsyncOptions | undefined, done: () => void): Promise<Any> => {
    try {
      const timeoutMs = options?.timeout;
      if (timeoutMs !== undefined) {
        if (typeof timeoutMs !== "number" || !(timeoutMs >= 0)) {
          throw new TypeError(`runPythonAsync: \`timeout\` must be a number of milliseconds, not ${describe(timeoutMs)}.`);
        }
        const { timeout: _timeout, ...others } = options as RunAsyncOptions;
        const coroutine = evaluate("eval_code_async", "runPythonAsync", code, others);
        return await awaitLimited(coroutine, timeoutMs);
      }
      // Awaiting a coroutine ends its proxy (TT-103).
      return await evaluate("eval_code_async", "runPythonAsync", code, options);
    } finally {
      done();
    }
  };

  const resetAfter = async (resetInterpreter: ResetApi, before: Promise<void> | undefined): Promise<void> => {
    try {
      await before?.catch(() => undefined);
      await resetInterpreter({ forget, underWay: () => packages.putting });
    } finally {
      if (reset !== undefined) {
        reset.isBegun = true;
      }
    }
  };

  /** Of a reset: everything of the state that ends. */
  const forget = (reason: Error): void => {
    if (reset !== undefined) {
      reset.isBegun = true;
    }
    packages.end(reason);
    for (const name of Object.keys(loadedPackages)) {
      delete loadedPackages[name];
    }
    packages = makePackages(loadedPackages);
    globals = undefined;
    pyodidePackage = undefined;
    interruptBuffer = undefined;
    watchInterrupts(module, undefined);
    core.setSignalCheck(undefined);
    debug = false;
    network?.forget();
    pyodide._api._skip_unwind_fatal_error = false;
  };

  const pyodide: PyodideInterface = {
    version: VERSION,
    get globals() {
      return (globals ??= core.globals() as PyDict);
    },
    get pyodide_py() {
      if (pyodidePackage === undefined) {
        // Importing a submodule makes it an attribute of its package.
        withImport(core, "pyodide.code", () => undefined);
        pyodidePackage = core.import("pyodide") as PyProxy;
      }
      return pyodidePackage;
    },
    FS: module.FS,
    PATH: module.PATH,
    ERRNO_CODES: module.ERRNO_CODES,
    ffi: core.ffi as unknown as Ffi,
    canvas: makeCanvas(module),
    loadedPackages,
    get lockfile() {
      return settings.lockfileNow()?.content;
    },
    get lockfileBaseUrl() {
      return settings.config.packageBaseUrl;
    },

    runPython(code, options) {
      return evaluate("eval_code", "runPython", code, options);
    },
    runPythonAsync(code, options) {
      const { era } = core;
      const waiter = era.await();
      const promise = runAsync(code, options, () => era.forget(waiter));
      waiter.promise = promise;
      return promise;
    },
    pyimport(mod_name) {
      if (typeof mod_name !== "string") {
        throw new TypeError(`pyimport: the name of the module must be a string, not ${describe(mod_name)}.`);
      }
      return core.import(mod_name);
    },
    toPy(obj, options) {
      return core.toPy(obj, options ?? {});
    },
    registerJsModule(name, jsModule) {
      if (typeof name !== "string") {
        throw new TypeError(`registerJsModule: the name must be a string, not ${describe(name)}.`);
      }
      if ((typeof jsModule !== "object" || jsModule === null) && typeof jsModule !== "function") {
        throw new TypeError(`registerJsModule: the module must be an object, not ${describe(jsModule)}.`);
      }
      callPython(core, "_pyodide._importhook.register_js_module", name, jsModule);
      interpreter.roots[`module:${name}`] = jsModule;
    },
    unregisterJsModule(name) {
      callPython(core, "_pyodide._importhook.unregister_js_module", name);
      delete interpreter.roots[`module:${name}`];
    },
    registerComlink(Comlink) {
      core.setComlink(Comlink);
    },

    async loadPackage(names, options) {
      const loaded = await packages.load(packageNames(names, (value) => core.isPyProxy(value)), checkLoadOptions("loadPackage", options));
      if (loaded.some(({ packageType }) => packageType === "cpython_module")) {
        // Who asks for parts of the standard library gets them now instead of when they are imported.
        await interpreter.standardLibrary.fetch();
      }
      return loaded;
    },
    async loadPackagesFromImports(code, options) {
      const checked = checkLoadOptions("loadPackagesFromImports", options);
      const findImports = (pyodide.pyodide_py as unknown as { code: { find_imports: Proxy } }).code.find_imports;
      const found = findImports(code) as Proxy | string[];
      const imports = Array.isArray(found) ? found : (found.toJs() as string[]);
      discard(found);
      if (imports.length === 0) {
        return [];
      }
      const lockfile = await settings.lockfile();
      const wanted = imports
        .map((name) => lockfile.findImport(name) ?? lockfile.findImport(name.split(".")[0] as string))
        .filter((name) => name !== undefined && !(name in loadedPackages)) as string[];
      return wanted.length === 0 ? [] : await packages.load([...new Set(wanted)], checked);
    },
    unpackArchive(buffer, format, options) {
      const bytes = bytesOf(buffer);
      if (bytes === undefined) {
        throw new TypeError(`unpackArchive: the buffer must be an ArrayBuffer or a view of one, not ${describe(buffer)}.`);
      }
      if (typeof format !== "string") {
        throw new TypeError(`unpackArchive: the format must be a string, not ${describe(format)}.`);
      }
      if (options !== undefined && options !== null && typeof options !== "object") {
        throw new TypeError("unpackArchive: the third argument is an object of options: pass the directory as `{ extractDir }`.");
      }
      unpackArchive(interpreter, bytes, format, options?.extractDir);
    },
    mountNodeFS(emscriptenPath, hostPath) {
      mountNodeFS(module, node, emscriptenPath, hostPath);
    },
    mountNativeFS(path, fileSystemHandle) {
      return mountNativeFS(module, path, fileSystemHandle as unknown as DirectoryHandle);
    },

    setStdin(options) {
      streams.setSource(makeSource(options));
    },
    setStdout(options) {
      streams.setSink(1, makeSink("setStdout", options));
    },
    setStderr(options) {
      streams.setSink(2, makeSink("setStderr", options));
    },

    setInterruptBuffer(buffer) {
      if (buffer !== undefined && buffer !== null && !canHoldSignal(buffer)) {
        throw new TypeError(`setInterruptBuffer: expected a typed array of integers on a SharedArrayBuffer, or undefined, not ${describe(buffer)}.`);
      }
      interruptBuffer = buffer ?? undefined;
      watchInterrupts(module, interruptBuffer);
      core.lookForSignalsSoon();
      core.setSignalCheck(interruptBuffer === undefined ? undefined : () => interruptBuffer?.[0] !== 0);
    },
    checkInterrupt() {
      const signal = interruptBuffer === undefined ? 0 : takeSignal(interruptBuffer);
      core.checkSignals(signal > 0 && signal < 65 ? signal : 0);
    },
    interrupt(signal = SIGINT) {
      if (!Number.isInteger(signal) || signal < 1 || signal > SIGNAL_MAX) {
        throw new TypeError(`interrupt: the signal must be a number from 1 to ${SIGNAL_MAX}, not ${describe(signal)}.`);
      }
      return core.interrupt(signal) || (withImport(core, "_pyodide._hooks.interrupt_tasks", (interrupt) => interrupt(signal)) as boolean);
    },
    scheduleCallback(callback, timeout = 0) {
      if (typeof callback !== "function") {
        throw new TypeError(`scheduleCallback: the callback must be a function, not ${describe(callback)}.`);
      }
      scheduler.schedule(callback, timeout);
    },
    setDebug(value) {
      const before = debug;
      debug = Boolean(value);
      core.setDebug(debug);
      return before;
    },
    proxyReport() {
      return core.proxyReport();
    },
    detectEnvironment() {
      return describeEnvironment(interpreter.environment);
    },
    makeMemorySnapshot() {
      return snapshot(false, false);
    },
    reset() {
      if (settings.reset === undefined) {
        return Promise.reject(new Error("reset: this interpreter belongs to the `python` command, which has no state to go back to."));
      }
      // Calls at the same time share one.
      if (reset === undefined || reset.isBegun) {
        reset = { done: resetAfter(settings.reset, reset?.done), isBegun: false };
      }
      return reset.done;
    },
    _module: withCNames(module, {
      get API() {
        return pyodide._api;
      },
      hiwire: { num_keys: () => core.liveHandles() },
    }),
    _api: addInternals<OwnInternals>({
      get _skip_unwind_fatal_error() {
        return module.goesOnBesideMainLoop ?? false;
      },
      set _skip_unwind_fatal_error(skip: boolean) {
        module.goesOnBesideMainLoop = Boolean(skip);
      },
      keepBorrowedProxies: (keep: boolean) => core.setKeepBorrowed(keep),
      get lockfile_info() {
        return settings.lockfileNow()?.content.info ?? {};
      },
      get lockfile_packages() {
        return settings.lockfileNow()?.content.packages ?? {};
      },
      async install(buffer: unknown, filename: string, installDir: string, metadata?: unknown) {
        const bytes = bytesOf(buffer);
        if (bytes === undefined || typeof filename !== "string" || typeof installDir !== "string") {
          throw new TypeError("install: expected the bytes of a wheel, its file name and a directory.");
        }
        await packages.install(bytes, filename, installDir, textEntries(metadata, (value) => core.isPyProxy(value)));
      },
      async loadBinaryFile(path: string) {
        return await interpreter.downloader.bytes(path, "the file");
      },
      standardLibrarySources: settings.standardLibrarySources,
      bytecode_changed: () => packages.bytecode.changed(),
      liveHandles: () => core.liveHandles(),
      liveProxies: () => core.liveProxies(),
      get network() {
        return (network ??= makeNetwork(module, node));
      },
      makeStartSnapshot(modules: readonly string[], isCore: boolean) {
        for (const name of modules) {
          withImport(core, name, () => undefined);
        }
        // Made anew when somebody asks for it.
        pyodidePackage?.destroy();
        pyodidePackage = undefined;
        return snapshot(true, isCore);
      },
    }, {
      core,
      module,
      scheduler,
      environment: interpreter.environment,
      paths: interpreter.paths,
      version: VERSION,
      config: settings.config,
      lockfile: settings.lockfile,
      lockfileNow: settings.lockfileNow,
      publicApi: () => pyodide,
      loadSideModule: (path, global) => packages.loadSideModule(path, global),
    }),
  };
  return pyodide;
}

function checkRunOptions(caller: string, options: unknown, isPyProxy: (value: unknown) => boolean): RunOptions {
  if (options === undefined || options === null) {
    return {};
  }
  // The namespace as second argument is the oldest form of the call.
  if (isPyProxy(options)) {
    return { globals: options as PyProxy };
  }
  if (typeof options !== "object") {
    throw new TypeError(`${caller}: the second argument must be an object of options, not ${describe(options)}.`);
  }
  const { globals, locals, filename } = options as { globals?: unknown; locals?: unknown; filename?: unknown };
  for (const [name, value] of [["globals", globals], ["locals", locals]] as const) {
    if (value !== undefined && value !== null && !isPyProxy(value)) {
      throw new TypeError(`${caller}: \`${name}\` must be a Python dictionary (see pyodide.toPy), not ${describe(value)}.`);
    }
  }
  if (filename !== undefined && filename !== null && typeof filename !== "string") {
    throw new TypeError(`${caller}: \`filename\` must be a string, not ${describe(filename)}.`);
  }
  return {
    globals: (globals ?? undefined) as PyProxy | undefined,
    locals: (locals ?? undefined) as PyProxy | undefined,
    filename: (filename ?? undefined) as string | undefined,
  };
}

function packageNames(names: unknown, isPyProxy: (value: unknown) => boolean): string[] {
  let list = names;
  if (isPyProxy(names)) {
    const proxy = names as Proxy;
    list = proxy.toJs();
    proxy.destroy();
  }
  if (typeof list === "string") {
    return [list];
  }
  if (Array.isArray(list) && list.every((name) => typeof name === "string")) {
    return list as string[];
  }
  throw new TypeError("loadPackage: expected the name of a package, the address of a wheel, or a list of them.");
}

/** A dictionary of strings, from Python or from JavaScript. */
function textEntries(value: unknown, isPyProxy: (value: unknown) => boolean): Record<string, string> {
  if (value === undefined || value === null) {
    return {};
  }
  const plain = isPyProxy(value) ? (value as Proxy).toJs({ dict_converter: Object.fromEntries }) : value;
  const entries = plain instanceof Map ? [...(plain as Map<string, unknown>)] : Object.entries(plain as object);
  return Object.fromEntries(entries.map(([name, text]) => [name, String(text)]));
}

function checkLoadOptions(caller: string, options: unknown): LoadOptions {
  if (options === undefined || options === null) {
    return {};
  }
  if (typeof options === "function") {
    throw new TypeError(`${caller}: pass callbacks as options: \`{ messageCallback, errorCallback }\`.`);
  }
  if (typeof options !== "object") {
    throw new TypeError(`${caller}: expected an object of options, not ${describe(options)}.`);
  }
  const { messageCallback, errorCallback } = options as LoadOptions;
  for (const [name, value] of Object.entries({ messageCallback, errorCallback })) {
    if (value !== undefined && typeof value !== "function") {
      throw new TypeError(`${caller}: \`${name}\` must be a function, not ${describe(value)}.`);
    }
  }
  return options as LoadOptions;
}

function unpackArchive({ core, module }: Interpreter, bytes: Uint8Array, format: string, directory: string | undefined): void {
  const { FS } = module;
  let number = 0;
  while (FS.analyzePath(`/tmp/.archive-${number}`).exists) {
    number++;
  }
  const path = `/tmp/.archive-${number}`;
  FS.writeFile(path, bytes);
  try {
    withImport(core, "_pyodide._archive.unpack_archive", (unpack) => unpack(path, directory, format));
  } finally {
    FS.unlink(path);
  }
}

/** Is this an array, of any realm, whose first element the other thread can set and this one take? */
function canHoldSignal(buffer: unknown): buffer is InterruptBuffer {
  return ArrayBuffer.isView(buffer) && /^(Int|Uint)(8|16|32)Array$/.test((buffer as InterruptBuffer)[Symbol.toStringTag]) && (buffer as InterruptBuffer).length > 0;
}

/** The signal in the buffer, which is empty then: 0 if there is none. In one step, or a signal that comes in between would be lost. */
function takeSignal(buffer: InterruptBuffer): number {
  return buffer[0] === 0 ? 0 : Atomics.exchange(buffer, 0, 0);
}

/** CPython's own hook: it reads the first element now and then when its switch is on, and then writes 0 there. */
function watchInterrupts(module: EmscriptenModule, buffer: InterruptBuffer | undefined): void {
  const hooked = module as EmscriptenModule & { Py_EmscriptenSignalBuffer?: { 0: number } | undefined };
  hooked.Py_EmscriptenSignalBuffer = buffer && {
    get 0() {
      return takeSignal(buffer);
    },
    set 0(_) {
      // It is taken.
    },
  };
  const address = module.wasmExports["Py_EMSCRIPTEN_SIGNAL_HANDLING"] as WebAssembly.Global | undefined;
  if (address !== undefined) {
    module.HEAPU8[Number(address.value)] = buffer === undefined ? 0 : 1;
  }
}

/** The module with every function and variable of C as a property: the one that C names `f` is `_f` (JS-049). */
function withCNames(module: EmscriptenModule, more: Readonly<Record<string, unknown>>): EmscriptenModule {
  const find = (name: string | symbol): unknown => {
    if (typeof name !== "string") {
      return undefined;
    }
    return name.startsWith("_") ? module.wasmExports[name.slice(1)] : Object.hasOwn(more, name) ? more[name] : undefined;
  };
  return new Proxy(module, {
    get: (target, name) => (name in target ? (target as unknown as Record<string | symbol, unknown>)[name] : find(name)),
    has: (target, name) => name in target || find(name) !== undefined,
  });
}
