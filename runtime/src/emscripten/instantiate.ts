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
  const settings: ModuleSettings = {
    instantiateWasm(imports, receive) {
      connect(imports.env, options.imports);
      connect(imports.env, { exit: end, proc_exit: end });
      guardSockets(imports.env);
      options.wasm
        .then(async (module) => {
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
    locateFile: (name) => name,
  };
  return await Promise.race([options.createModule(settings), failure]);
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

/** Lets a socket call that throws report that there is no network, instead of tearing the interpreter down. */
function guardSockets(environment: Record<string, WebAssembly.ImportValue>): void {
  for (const name of SOCKET_CALLS) {
    const call = environment[name];
    if (typeof call !== "function") {
      continue;
    }
    const guarded = (...args: unknown[]): unknown => {
      try {
        return (call as (...args: unknown[]) => unknown)(...args);
      } catch {
        return -NETWORK_UNREACHABLE;
      }
    };
    connect(environment, { [name]: guarded });
  }
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
