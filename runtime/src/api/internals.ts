/**
 * Internals of Pyodide that published programs use (consoles, notebooks, test tools, games) although nothing documents them:
 * `pyodide._api.config`, `on_fatal`, `pyodide_code` and the like, and `pyodide._module.hiwire`.
 * Not here: the internals that the Python half of this distribution uses (pyodide.ts).
 * Invariant: nothing is made before somebody asks for it.
 */

import type { Core } from "../boundary/core";
import type { EmscriptenModule } from "../emscripten/module";
import { describe as describeEnvironment, type Environment } from "../environment/environment";
import { ProgramExit } from "../errors/errors";
import type { Scheduler } from "../event-loop/scheduler";
import type { PythonPaths } from "../fs/layout";
import { type Proxy, withImport } from "../loader/python-calls";
import type { Lockfile, LockfileContent } from "../packages/lockfile";
import type { PyProxy } from "./ffi";

/** What `loadPyodide` decided: its options with their defaults. */
export interface PyodideConfig {
  readonly indexURL: string;
  /** Where packages come from whose address in the lock file is relative. May be changed. */
  packageBaseUrl: string;
  /** The same under another name. */
  cdnUrl: string;
  readonly packageCacheDir: string | undefined;
  readonly jsglobals: object;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly packages: readonly string[];
}

/** The object behind `pyodide._api.config`. */
export function makeConfig(baseUrl: string, fixed: Omit<PyodideConfig, "packageBaseUrl" | "cdnUrl">): PyodideConfig {
  let current = baseUrl;
  const set = (url: string): void => {
    current = url.endsWith("/") ? url : `${url}/`;
  };
  return {
    ...fixed,
    get packageBaseUrl() {
      return current;
    },
    set packageBaseUrl(url) {
      set(url);
    },
    get cdnUrl() {
      return current;
    },
    set cdnUrl(url) {
      set(url);
    },
  };
}

/** Attributes of `pyodide._api` that only other people's programs use. */
export interface CompatibleInternals {
  readonly version: string;
  readonly config: PyodideConfig;
  readonly public_api: object;
  readonly runtimeEnv: Record<string, boolean>;
  readonly sitePackages: string;
  readonly sitepackages: string;
  /** Proxies of modules, made once. */
  readonly globals: PyProxy;
  readonly sys: PyProxy;
  readonly os: PyProxy;
  readonly importlib: PyProxy;
  readonly pyodide_py: PyProxy;
  readonly pyodide_base: PyProxy;
  readonly pyodide_code: PyProxy;
  readonly pyodide_ffi: PyProxy;
  readonly lockfile: LockfileContent | undefined;
  /** Settles when the lock file is there. */
  readonly packageIndexReady: Promise<void>;
  /** Name of an imported module to the name of the package that has it. */
  readonly _import_name_to_package_name: Map<string, string>;
  /** Set it to hear of the end of the interpreter. The `name` of the error is `Exit` if the program ended itself. */
  on_fatal: ((error: Error) => unknown) | undefined;
  /** Ends the interpreter. */
  fatal_error(error: unknown): never;
  isPyProxy(value: unknown): boolean;
  pyproxyIsAlive(value: unknown): boolean;
  scheduleCallback(callback: () => void, timeout?: number): void;
  setCdnUrl(url: string): void;
  /** Loads a side module. */
  loadDynlib(path: string, global?: boolean): Promise<void>;
  abortSignalAny(signals: Iterable<AbortSignal>): AbortSignal;
  /** What is imported, registered and global now; `restoreState` goes back to it. */
  saveState(): PyProxy;
  restoreState(state: PyProxy): void;
}

export interface InternalsSources {
  readonly core: Core;
  readonly module: EmscriptenModule;
  readonly scheduler: Scheduler;
  readonly environment: Environment;
  readonly paths: PythonPaths;
  readonly version: string;
  readonly config: PyodideConfig;
  readonly lockfile: () => Promise<Lockfile>;
  readonly lockfileNow: () => Lockfile | undefined;
  readonly publicApi: () => { readonly globals: PyProxy; readonly pyodide_py: PyProxy };
  readonly loadSideModule: (path: string, global: boolean) => Promise<void>;
}

/** Gives `api` the attributes that it does not have itself. */
export function addInternals<T extends object>(api: T, sources: InternalsSources): T & CompatibleInternals {
  const { core, config } = sources;
  const imported = new Map<string, PyProxy>();
  const importOnce = (name: string): PyProxy => {
    const known = imported.get(name);
    // A reset ends the proxies of what was before.
    if (known !== undefined && isAlive(core, known)) {
      return known;
    }
    const fresh = core.import(name) as PyProxy;
    imported.set(name, fresh);
    return fresh;
  };
  const internals: CompatibleInternals = {
    version: sources.version,
    config,
    get public_api() {
      return sources.publicApi();
    },
    get runtimeEnv() {
      return describeEnvironment(sources.environment);
    },
    sitePackages: sources.paths.sitePackages,
    sitepackages: sources.paths.sitePackages,
    get globals() {
      return sources.publicApi().globals;
    },
    get sys() {
      return importOnce("sys");
    },
    get os() {
      return importOnce("os");
    },
    get importlib() {
      return importOnce("importlib");
    },
    get pyodide_py() {
      return sources.publicApi().pyodide_py;
    },
    get pyodide_base() {
      return importOnce("_pyodide._base");
    },
    get pyodide_code() {
      return importOnce("pyodide.code");
    },
    get pyodide_ffi() {
      return importOnce("pyodide.ffi");
    },
    get lockfile() {
      return sources.lockfileNow()?.content;
    },
    get packageIndexReady() {
      return sources.lockfile().then(() => undefined);
    },
    get _import_name_to_package_name() {
      const packages = Object.values(sources.lockfileNow()?.content.packages ?? {});
      return new Map(packages.flatMap(({ name, imports }) => imports.map((module): [string, string] => [module, name])));
    },
    on_fatal: undefined,
    fatal_error(error) {
      throw core.setFatal(error);
    },
    isPyProxy: (value) => core.isPyProxy(value),
    pyproxyIsAlive: (value) => isAlive(core, value),
    scheduleCallback(callback, timeout = 0) {
      sources.scheduler.schedule(callback, timeout);
    },
    setCdnUrl(url) {
      config.cdnUrl = url;
    },
    loadDynlib: (path, global = false) => sources.loadSideModule(path, global),
    abortSignalAny: (signals) => AbortSignal.any([...signals]),
    saveState: () => withImport(core, "_pyodide._state.save_state", (save) => save()) as PyProxy,
    restoreState(state) {
      withImport(core, "_pyodide._state.restore_state", (restore) => restore(state));
      (state as unknown as Proxy).destroy();
    },
  };
  Object.defineProperties(api, Object.getOwnPropertyDescriptors(internals));
  const complete = api as T & CompatibleInternals;
  core.atDeath((error) => {
    if (!(error instanceof ProgramExit)) {
      showPythonStack(sources.module);
    }
    tell(complete.on_fatal, error);
  });
  return complete;
}

function isAlive(core: Core, value: unknown): boolean {
  try {
    return core.isPyProxy(value) && typeof (value as PyProxy).type === "string";
  } catch {
    return false;
  }
}

/** A handler that fails must not hide the error that it was told of. */
function tell(handler: unknown, error: Error): void {
  if (typeof handler !== "function") {
    return;
  }
  try {
    void Promise.resolve(handler(error)).catch((failure: unknown) => console.error(failure));
  } catch (failure) {
    console.error(failure);
  }
}

/** Where Python was, on standard error. After a crash there may be nothing left to tell it. */
function showPythonStack({ wasmExports }: EmscriptenModule): void {
  const dump = wasmExports["_Py_DumpTraceback"] as ((descriptor: number, state: number) => void) | undefined;
  const current = wasmExports["PyThreadState_GetUnchecked"] as (() => number) | undefined;
  try {
    const state = current?.() ?? 0;
    if (state !== 0) {
      dump?.(2, state);
    }
  } catch {
    // The memory that describes the frames is damaged.
  }
}
