/**
 * Node's built-in modules, for hosts that have them.
 * Not here: deciding whether this is Node (environment.ts).
 * Invariant: bundlers for browsers never see an import of a `node:` module, and nothing is loaded before it is needed.
 */

export interface NodeModules {
  readonly fs: typeof import("node:fs");
  readonly path: typeof import("node:path");
  readonly url: typeof import("node:url");
  /** Loaded when it is first used. */
  readonly tty: typeof import("node:tty");
  readonly vm: typeof import("node:vm");
  /** Undefined in Node before 20.16. */
  readonly v8: typeof import("node:v8") | undefined;
  readonly process: NodeJS.Process;
  /** Loaded beforehand where it could not be loaded later without waiting (Node before 20.16). */
  readonly threads: NodeThreads | undefined;
  /** `WebAssembly` of the realm in which imported modules run: another than this script's in Jest and other `vm` contexts. */
  readonly WebAssembly: typeof WebAssembly;
}

/** What the network uses of Node's threads. */
export type NodeThreads = Pick<typeof import("node:worker_threads"), "Worker" | "MessageChannel" | "receiveMessageOnPort">;

/** Node's threads, loaded when they are first used. */
export function nodeThreads(node: NodeModules): NodeThreads {
  return (node.threads ?? (node.process as NodeJS.Process & BuiltinLoader).getBuiltinModule?.("node:worker_threads")) as NodeThreads;
}

interface BuiltinLoader {
  getBuiltinModule?(name: string): unknown;
}

/** Loads one of Node's modules. */
export async function loadBuiltin(name: string): Promise<unknown> {
  const host = (globalThis as unknown as { process: BuiltinLoader }).process;
  // `getBuiltinModule` is in Node 20.16 and later, and works in Jest and other `vm` contexts, where `import()` does not.
  const found = host.getBuiltinModule?.(name);
  if (found !== undefined) {
    return found;
  }
  const imported = (await import(/* webpackIgnore: true */ /* @vite-ignore */ name)) as { default?: unknown };
  return imported.default ?? imported;
}

/** Loads the modules that the runtime uses in Node. */
export async function loadNodeModules(): Promise<NodeModules> {
  const host = (globalThis as unknown as { process: NodeJS.Process & BuiltinLoader }).process;
  const [fs, path, url, vm] = await Promise.all(["node:fs", "node:path", "node:url", "node:vm"].map(loadBuiltin));
  const hasNone = host.getBuiltinModule === undefined;
  const threads = hasNone ? ((await loadBuiltin("node:worker_threads")) as NodeThreads) : undefined;
  const tty = hasNone ? ((await loadBuiltin("node:tty")) as NodeModules["tty"]) : undefined;
  const webAssembly = (vm as NodeModules["vm"]).runInThisContext("WebAssembly") as typeof WebAssembly;
  const v8 = host.getBuiltinModule?.("node:v8");
  const found = { fs, path, url, vm, v8, process: host, threads, WebAssembly: webAssembly };
  // PERF: it brings Node's network and streams along, a fortieth of the start (load: import + loadPyodide).
  return Object.defineProperty(found, "tty", { get: () => tty ?? host.getBuiltinModule?.("node:tty") }) as unknown as NodeModules;
}

/** `/dev/null` on Linux. */
const NULL_DEVICE = 0x103;

/** Is a descriptor a terminal? Most that are not are known by their kind. */
export function isTerminal(node: NodeModules, fd: number): boolean {
  try {
    const found = node.fs.fstatSync(fd);
    return found.isCharacterDevice() && found.rdev !== NULL_DEVICE && node.tty.isatty(fd);
  } catch {
    return false; // it is closed
  }
}

/** Imports an ES module by URL, also from inside a `vm` context that has no importer of its own (Jest). */
export async function importModule(url: string, node: NodeModules | undefined): Promise<unknown> {
  try {
    return await import(/* webpackIgnore: true */ /* @vite-ignore */ url);
  } catch (error) {
    const code = (error as { code?: unknown } | null)?.code;
    if (node === undefined || typeof code !== "string" || !code.startsWith("ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING")) {
      throw error;
    }
    const constants = (node.vm as unknown as { constants?: { USE_MAIN_CONTEXT_DEFAULT_LOADER?: never } }).constants;
    const importer = new node.vm.Script("(url) => import(url)", {
      importModuleDynamically: constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER as never,
    });
    return await (importer.runInThisContext() as (url: string) => Promise<unknown>)(url);
  }
}
