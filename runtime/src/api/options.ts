/**
 * Options of `loadPyodide`: what there is, and checking it.
 * Not here: what the options do (load.ts).
 * Invariant: an option that is not known or has the wrong type is refused with one sentence that names it.
 */

import { describe } from "../streams/handlers";
import type { FS } from "../emscripten/module";
import type { LockfileContent } from "../packages/lockfile";

export interface LoadPyodideOptions {
  /** URL of the folder with the Pyodide files. Default: where pyodide.js or pyodide.mjs came from. */
  indexURL?: string | undefined;
  /** Node: folder for downloaded packages. Default: `indexURL`. Ignored in browsers. */
  packageCacheDir?: string | undefined;
  /** URL of the lock file. Default: `pyodide-lock.json` in `indexURL`. */
  lockFileURL?: string | undefined;
  /** The lock file itself, as text, as an object, or as a promise of either. Instead of `lockFileURL`. */
  lockFileContents?: string | LockfileContent | Promise<string | LockfileContent> | undefined;
  /** URL that file names in the lock file are relative to. Default: where the lock file came from. */
  packageBaseUrl?: string | undefined;
  /** Load the unvendored parts of the standard library too. Default: false. */
  fullStdLib?: boolean | undefined;
  /** URL of the standard library. Default: `python_stdlib.zip` in `indexURL`. */
  stdLibURL?: string | undefined;
  /** Gives one line of standard input per call, without arguments, or a promise of one. `pyodide.setStdin` can do more. */
  stdin?: (() => string | null | undefined | PromiseLike<string | null | undefined>) | undefined;
  /** Gets each line of standard output. `pyodide.setStdout` can do more. */
  stdout?: ((msg: string) => void) | undefined;
  /** Gets each line of standard error. `pyodide.setStderr` can do more. */
  stderr?: ((msg: string) => void) | undefined;
  /** The object behind the Python module `js`. Default: `globalThis`. */
  jsglobals?: object | undefined;
  /** Command line arguments for Python. Default: none. */
  args?: readonly string[] | undefined;
  /** Environment variables for Python. `HOME` defaults to `/home/pyodide`. */
  env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Packages to load, while Python starts. */
  packages?: string | readonly string[] | undefined;
  /** `PyProxy.toString` gives `repr` instead of `str`. Default: false. */
  pyproxyToStringRepr?: boolean | undefined;
  /** `null` becomes `None` in Python (default); with false it becomes `jsnull`. */
  convertNullToNone?: boolean | undefined;
  /** `toJs` makes a LiteralMap of a dict (default); with false a plain object. */
  toJsLiteralMap?: boolean | undefined;
  /**
   * PyProxies made for the arguments of a call are kept until JavaScript lets go of them, instead of being destroyed when the call
   * is done. Default: false. `with pyodide.ffi.keep_borrowed_proxies():` does it for some lines of Python.
   */
  keepBorrowedProxies?: boolean | undefined;
  /** Refuse files of another version of Pyodide. Default: true. */
  checkAPIVersion?: boolean | undefined;
  /** Let `run_until_complete` block. Here it always does where the host can suspend WebAssembly. */
  enableRunUntilComplete?: boolean | undefined;
  /**
   * What Python starts from: the bytes or the address of what `pyodide.makeMemorySnapshot` made; false for a start from nothing.
   * Default: `pyodide.snapshot` in `indexURL`, unless `args` or variables such as PYTHONHASHSEED in `env` ask for a start of their own.
   */
  snapshot?: boolean | string | Uint8Array | ArrayBuffer | Promise<Uint8Array | ArrayBuffer> | undefined;
  /** The older name of `snapshot`. */
  _loadSnapshot?: string | Uint8Array | ArrayBuffer | Promise<Uint8Array | ArrayBuffer> | undefined;
  /** Starts from nothing, so that a snapshot can be made. A snapshot can be made after any start. */
  _makeSnapshot?: boolean | undefined;
  /** JavaScript modules to register, by name: also those that a snapshot refers to. */
  jsModules?: Readonly<Record<string, object>> | undefined;
  /** Node: host directories to show inside under the same paths. */
  _node_mounts?: readonly string[] | undefined;
  /** What `sys.executable` says. Default: nothing. */
  _sysExecutable?: string | undefined;
  /** Called with the file system before Python starts. */
  fsInit?: ((FS: FS, info: { sitePackages: string }) => void | Promise<void>) | undefined;
}

type Check = (value: unknown) => string | undefined;

const text: Check = (value) => (typeof value === "string" ? undefined : "a string");
const flag: Check = (value) => (typeof value === "boolean" ? undefined : "true or false");
const callable: Check = (value) => (typeof value === "function" ? undefined : "a function");
const isObject = (value: unknown): value is object => (typeof value === "object" && value !== null) || typeof value === "function";
const texts: Check = (value) =>
  Array.isArray(value) && value.every((item) => typeof item === "string") ? undefined : "an array of strings";

const CHECKS: { readonly [K in keyof Required<LoadPyodideOptions>]: Check } = {
  indexURL: text,
  packageCacheDir: text,
  lockFileURL: text,
  lockFileContents: (value) => (typeof value === "string" || isObject(value) ? undefined : "a string, an object or a promise of one"),
  packageBaseUrl: text,
  fullStdLib: flag,
  stdLibURL: text,
  stdin: callable,
  stdout: callable,
  stderr: callable,
  jsglobals: (value) => (isObject(value) ? undefined : "an object"),
  args: texts,
  env: (value) =>
    isObject(value) && Object.values(value).every((item) => item === undefined || typeof item === "string") ? undefined : "an object whose values are strings",
  packages: (value) => (typeof value === "string" ? undefined : texts(value) && "a string or an array of strings"),
  pyproxyToStringRepr: flag,
  convertNullToNone: flag,
  toJsLiteralMap: flag,
  keepBorrowedProxies: flag,
  checkAPIVersion: flag,
  enableRunUntilComplete: flag,
  snapshot: (value) =>
    typeof value === "boolean" || typeof value === "string" || isObject(value) ? undefined : "the bytes of a snapshot, its address, true or false",
  _loadSnapshot: (value) => (typeof value === "string" || isObject(value) ? undefined : "the bytes of a snapshot or its address"),
  _makeSnapshot: flag,
  jsModules: (value) => (isObject(value) && Object.values(value).every(isObject) ? undefined : "an object whose values are objects"),
  _node_mounts: texts,
  _sysExecutable: text,
  fsInit: callable,
};

/** Checks the argument of `loadPyodide` and gives it back. */
export function checkOptions(options: unknown): LoadPyodideOptions {
  if (options === undefined || options === null) {
    return {};
  }
  if (!isObject(options) || Array.isArray(options)) {
    throw new TypeError(`loadPyodide: expected an object of options, not ${describe(options)}.`);
  }
  for (const [name, value] of Object.entries(options)) {
    if (name === "homedir") {
      throw new Error("loadPyodide: the option `homedir` was removed; pass `env: { HOME: ... }` instead.");
    }
    if (!Object.hasOwn(CHECKS, name)) {
      // Names of other versions' own affairs.
      if (name.startsWith("_")) {
        continue;
      }
      const guess = closest(name, Object.keys(CHECKS));
      throw new TypeError(`loadPyodide: there is no option \`${name}\`${guess === undefined ? "" : `; did you mean \`${guess}\`?`}`);
    }
    const wanted = value === undefined ? undefined : CHECKS[name as keyof LoadPyodideOptions](value);
    if (wanted !== undefined) {
      throw new TypeError(`loadPyodide: the option \`${name}\` must be ${wanted}, not ${describe(value)}.`);
    }
  }
  const checked = options as LoadPyodideOptions;
  if (checked.lockFileURL !== undefined && checked.lockFileContents !== undefined) {
    throw new TypeError("loadPyodide: pass only one of `lockFileURL` and `lockFileContents`.");
  }
  if (checked.snapshot !== undefined && checked._loadSnapshot !== undefined) {
    throw new TypeError("loadPyodide: pass only one of `snapshot` and `_loadSnapshot`.");
  }
  return checked;
}

/** The name that differs in case only, or in a letter or two. */
function closest(name: string, names: readonly string[]): string | undefined {
  const lower = name.toLowerCase();
  const [best] = names
    .map((candidate) => ({ candidate, distance: editDistance(lower, candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  return best !== undefined && best.distance <= 2 ? best.candidate : undefined;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
