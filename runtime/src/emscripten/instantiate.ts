/**
 * Instantiate: makes one Emscripten module out of `pyodide.asm.mjs` and a compiled `pyodide.asm.wasm`.
 * Not here: what the imports do (boundary), what is in the file system (fs), starting Python (api).
 * Invariants: Emscripten prints nothing, adds no listeners and does not set the exit code of the process; whatever
 * fails on the way rejects the promise; an abort or exit later is reported once, as an Error with its reason.
 */

import { ProgramExit } from "../errors/errors";
import type { CreateModule, EmscriptenModule, ModuleSettings } from "./module";

export interface InstantiateOptions {
  readonly createModule: CreateModule;
  readonly wasm: Promise<WebAssembly.Module>;
  /** The namespace object that compiled it. */
  readonly WebAssembly: typeof WebAssembly;
  /** Functions to connect, by the name under which the WebAssembly module imports them. */
  readonly imports: object;
  /** Prepares file system and environment, before constructors run. */
  readonly prepare: (module: EmscriptenModule) => void;
  /** The program ended by itself (`exit`) or aborted. Called when it happens, from inside WebAssembly. */
  readonly onEnd: (error: Error) => void;
  readonly programName: string;
  /** From a snapshot, which brings linear memory too: nothing of C runs. */
  readonly symbolAddresses?: Readonly<Record<string, number>> | undefined;
}

/** The global under which a service worker finds the pre-imported `pyodide.asm.mjs`. */
const PRELOADED_GLOBAL = "_createPyodideModule";

/** The Emscripten module that was loaded beforehand, where nothing can be imported at run time (service workers). */
export function preloadedModule(): CreateModule | undefined {
  const found = (globalThis as Record<string, unknown>)[PRELOADED_GLOBAL];
  return typeof found === "function" ? (found as CreateModule) : undefined;
}

export async function instantiate(options: InstantiateOptions): Promise<EmscriptenModule> {
  // What Emscripten would print: the reason of an abort is better told in the error that follows it.
  const messages: string[] = [];
  const remember = (text: string): void => {
    messages.push(text);
    if (messages.length > 50) {
      messages.shift();
    }
  };
  let failed: (error: unknown) => void = () => {};
  const failure = new Promise<never>((_resolve, reject) => {
    failed = reject;
  });
  // Emscripten's own functions would set the exit code of the whole Node process.
  const end = (status: number): never => {
    const error = new ProgramExit(status);
    options.onEnd(error);
    throw error;
  };
  const timeZone = new TimeZone();
  let compiled: WebAssembly.Module | undefined;
  const settings: ModuleSettings = {
    instantiateWasm(imports, receive) {
      connect(imports.env, options.imports);
      connect(imports.env, { exit: end, proc_exit: end });
      guardHostCalls(imports.env);
      timeZone.watch(imports.env);
      connect(imports.env, { __maybe_poll_async: neverWait });
      options.wasm
        .then(async (module) => {
          compiled = module;
          const instance = await options.WebAssembly.instantiate(module, imports);
          receive(instance, module);
        })
        .catch((error: unknown) => failed(explainLinkError(error)));
      return {};
    },
    preRun: [options.prepare],
    print: remember,
    printErr: remember,
    onAbort(reason) {
      const why = reason === undefined || reason === "" ? messages.at(-1) : String(reason);
      options.onEnd(new Error(`abort was called${why === undefined ? "" : ` (${why})`}`));
    },
    thisProgram: options.programName,
    arguments: [],
    noInitialRun: true,
    noFSInit: true,
    symbolAddresses: options.symbolAddresses,
    mainSymbols: () => symbolsOf(compiled, options.WebAssembly),
    skipConstructors: options.symbolAddresses !== undefined,
    locateFile: (name) => name,
  };
  const module = await Promise.race([options.createModule(settings), failure]);
  module.timeZone = timeZone;
  return module;
}

/** The C library asks for the time zone once and keeps it: remembers where, so that it can be told again in another process. */
class TimeZone {
  /** Addresses in linear memory. */
  addresses: readonly number[] = [];
  private tell: (...addresses: number[]) => void = () => undefined;

  watch(environment: Record<string, WebAssembly.ImportValue>): void {
    const tell = environment["_tzset_js"] as ((...addresses: number[]) => void) | undefined;
    if (tell === undefined) {
      return;
    }
    this.tell = tell;
    const remember = (...addresses: number[]): void => {
      this.addresses = addresses;
      tell(...addresses);
    };
    connect(environment, { _tzset_js: remember });
  }

  /** Writes the zone of this process to where the C library keeps it. */
  tellAgain(addresses: readonly number[]): void {
    this.addresses = addresses;
    if (addresses.length > 0) {
      this.tell(...addresses);
    }
  }
}

/** Name of the section that says which build a module is of. Written by `cargo xtask`. */
const BUILD_SECTION = "pyoxide.build";

/** Name of the section that says where in the main module its symbols are. Written by `cargo xtask`. */
const SYMBOLS_SECTION = "pyoxide.symbols";

function symbolsOf(wasm: WebAssembly.Module | undefined, api: typeof WebAssembly): ArrayBuffer {
  const [section] = wasm === undefined ? [] : api.Module.customSections(wasm, SYMBOLS_SECTION);
  if (section === undefined) {
    throw new Error("pyodide.asm.wasm has no list of its symbols: use the file as it is in the distribution");
  }
  return section;
}

/** The build of a compiled main module; throws if the JavaScript beside it is of another one. */
export function buildOf(createModule: CreateModule, wasm: WebAssembly.Module, api: typeof WebAssembly): string {
  const [section] = api.Module.customSections(wasm, BUILD_SECTION);
  const build = section === undefined ? "" : new TextDecoder().decode(section);
  if (createModule.build !== undefined && build !== createModule.build) {
    throw new Error(
      "pyodide.asm.wasm and pyodide.asm.mjs are of different builds: use files of one distribution, and clear caches that may hold older ones",
    );
  }
  return build;
}

/**
 * Linear memory of the main module as the linker wrote it; nothing of it runs. Undefined where the engine makes no instance of a large
 * module at once (the main thread of a page).
 */
export function pristineMemory(wasm: WebAssembly.Module, api: typeof WebAssembly): Uint8Array | undefined {
  try {
    return memoryOf(new api.Instance(wasm, lifelessImports(wasm, api)));
  } catch (error) {
    if ((error as { name?: unknown } | null)?.name === "RangeError") {
      return undefined;
    }
    throw error;
  }
}

/** The same, everywhere. */
export async function pristineMemoryLater(wasm: WebAssembly.Module, api: typeof WebAssembly): Promise<Uint8Array> {
  return memoryOf(await api.instantiate(wasm, lifelessImports(wasm, api)));
}

function memoryOf({ exports }: WebAssembly.Instance): Uint8Array {
  return new Uint8Array((exports["memory"] as WebAssembly.Memory).buffer);
}

/** Imports for an instance of which nothing runs. */
function lifelessImports(wasm: WebAssembly.Module, api: typeof WebAssembly): WebAssembly.Imports {
  const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
  for (const { module, name, kind } of api.Module.imports(wasm)) {
    const group = (imports[module] ??= {});
    if (kind === "function") {
      group[name] = () => 0;
    } else if (kind === "global") {
      group[name] = new api.Global({ value: "i32", mutable: true }, 0);
    } else if (kind === ("tag" as string)) {
      group[name] = makeTag(api);
    }
  }
  return imports;
}

function makeTag(api: typeof WebAssembly): WebAssembly.ImportValue {
  const { Tag } = api as unknown as { Tag: new (type: { parameters: readonly string[] }) => WebAssembly.ImportValue };
  return new Tag({ parameters: ["i32"] });
}

/** Puts the real functions in the place of the stubs that the linker saw. */
function connect(environment: Record<string, WebAssembly.ImportValue>, imports: object): void {
  for (const [name, value] of Object.entries(imports) as [string, WebAssembly.ImportValue][]) {
    const stub = environment[name] as { sig?: string } | undefined;
    // Emscripten needs the signature when the address of an import is taken.
    if (typeof value === "function" && stub?.sig !== undefined && !("sig" in value)) {
      Object.defineProperty(value, "sig", { value: stub.sig });
    }
    environment[name] = value;
  }
}

/** System calls whose Emscripten implementation makes WebSockets, which throws where there are none. */
const SOCKET_CALLS = ["__syscall_connect", "__syscall_bind", "__syscall_listen", "__syscall_accept4", "__syscall_sendto", "__syscall_sendmsg"];

/** `ENETUNREACH`, as Emscripten numbers it. */
const NETWORK_UNREACHABLE = 40;

/** `EACCES`, as Emscripten numbers it. */
const NOT_PERMITTED = 2;

/** System calls that the host may refuse, by throwing, with the error that says so. */
const REFUSED_CALLS: readonly (readonly [string, number])[] = [
  ...SOCKET_CALLS.map((name) => [name, NETWORK_UNREACHABLE] as const),
  // `os.system` in a Node or Deno that may start no other programs.
  ["_emscripten_system", NOT_PERMITTED],
];

/** Lets a system call that throws report an error, instead of tearing the interpreter down. */
function guardHostCalls(environment: Record<string, WebAssembly.ImportValue>): void {
  for (const [name, errno] of REFUSED_CALLS) {
    const call = environment[name];
    if (typeof call !== "function") {
      continue;
    }
    const guarded = (...args: unknown[]): unknown => {
      try {
        return (call as (...args: unknown[]) => unknown)(...args);
      } catch {
        return -errno;
      }
    };
    connect(environment, { [name]: guarded });
  }
}

/**
 * CPython's `poll` and `select` would suspend the stack for whatever they are asked: the core does not know of it, and a stack that
 * cannot be suspended is torn down. Null makes them ask what is ready now; who waits is `_pyodide._select`.
 */
function neverWait(): null {
  return null;
}

function explainLinkError(error: unknown): unknown {
  // By name: the error may be of another realm.
  if ((error as { name?: unknown } | null)?.name === "LinkError") {
    return new Error(
      `pyodide.asm.wasm does not fit the JavaScript files beside it (${(error as Error).message}): all files must come from the same distribution.`,
      { cause: error },
    );
  }
  return error;
}
