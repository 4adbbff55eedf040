/**
 * Bytecode of installed packages, kept from one start to the next: importing a large package is mostly compiling it.
 * Owns: where bundles of compiled code are stored (a folder in Node, the Cache API in browsers) and when.
 * Not here: what is in a bundle, and whether it still belongs to its source (python/_pyodide/_bytecode.py).
 * Invariants: nothing is stored or read before the first package is installed; a host that can store nothing, or a store
 * that fails, costs time and nothing else; nothing here keeps a process from ending.
 */

import type { NodeModules } from "../environment/node";
import { isGranted } from "../environment/permissions";

/** What Python does for it: the functions of `_pyodide._bytecode`. */
export interface BytecodePython {
  /** What compiled code depends on besides its source. */
  version(): string;
  start(directory: string): void;
  add(key: string, paths: readonly string[], bundle: Uint8Array | undefined): void;
  take(): [string, Uint8Array][];
}

/** One installed wheel. */
export interface InstalledWheel {
  /** Tells wheels apart: not more, because the code in a bundle is checked against its source. */
  readonly key: string;
  /** Paths of its files. */
  readonly sources: readonly string[];
}

interface Store {
  read(name: string): Promise<Uint8Array | undefined>;
  write(name: string, bytes: Uint8Array): Promise<void> | void;
}

/** Long enough for the imports that follow a `loadPackage` to be over. */
const PAUSE_MS = 2000;
/** What the folder in Node may hold. */
const MOST_BYTES = 256 * 1024 * 1024;
/** How many bundles a browser keeps for a site. */
const MOST_ENTRIES = 256;
const CACHE_NAME = "pyoxide-bytecode";

export interface BytecodeOptions {
  readonly node: NodeModules | undefined;
  readonly python: BytecodePython;
  /** Node: where the bundles go; undefined stores nothing. */
  readonly folder: string | undefined;
  /** Directory whose packages are looked after. */
  readonly directory: string;
}

/**
 * What is to be stored before the process ends, with one listener for all interpreters of it: Node warns of more than ten. It is of the
 * process, as the listener is, and empty but for two seconds after an import.
 */
const unsaved = new Set<() => void>();

function saveAtExit(node: NodeModules, save: () => void): void {
  if (unsaved.size === 0) {
    node.process.once("exit", saveAll);
  }
  unsaved.add(save);
}

function saved(node: NodeModules, save: () => void): void {
  if (unsaved.delete(save) && unsaved.size === 0) {
    node.process.off("exit", saveAll);
  }
}

function saveAll(): void {
  for (const save of [...unsaved]) {
    save();
  }
}

export class Bytecode {
  private version: string | undefined;
  private store: Store | undefined;

  constructor(private readonly options: BytecodeOptions) {
    const { node, folder } = options;
    this.store = node === undefined ? browserStore() : folder === undefined ? undefined : folderStore(node, folder);
  }

  /** Hands over what is stored of wheels that have just been installed. */
  async add(wheels: readonly InstalledWheel[]): Promise<void> {
    const { python, directory } = this.options;
    const { store } = this;
    if (store === undefined) {
      return;
    }
    try {
      python.start(directory);
      const own = wheels.map(({ key, sources }) => ({ key, sources: sources.filter((path) => path.startsWith(`${directory}/`) && path.endsWith(".py")) }));
      for (const { key, sources } of own.filter(({ sources: found }) => found.length > 0)) {
        python.add(key, sources, await store.read(this.nameOf(key)).catch(() => undefined));
      }
    } catch {
      // The packages are installed and work; that is not to be undone because something is wrong with their bytecode.
      this.store = undefined;
    }
  }

  /** Called from Python when there is something new to store. */
  changed(): void {
    const { store } = this;
    if (store === undefined) {
      return;
    }
    const { node } = this.options;
    const save = (): void => {
      clearTimeout(timer);
      if (node !== undefined) {
        saved(node, save);
      }
      try {
        for (const [key, bundle] of this.options.python.take()) {
          Promise.resolve(store.write(this.nameOf(key), bundle)).catch(() => undefined);
        }
      } catch {
        // The interpreter or the disk is at its end: what is not stored is compiled again.
      }
    };
    const timer = setTimeout(save, PAUSE_MS);
    if (node !== undefined) {
      (timer as unknown as { unref(): void }).unref();
      // A script may be over before that.
      saveAtExit(node, save);
    }
  }

  private nameOf(key: string): string {
    this.version ??= this.options.python.version();
    return `${key.replace(/[^\w.+-]/g, "_")}-${this.version}`;
  }
}

/** Where the bundles go in Node; undefined where that is not to be known. */
export function bytecodeFolder({ path, process: { env, platform } }: NodeModules): string | undefined {
  if (!isGranted({ name: "env" })) {
    return undefined;
  }
  const home = env["HOME"] ?? env["USERPROFILE"];
  const ofPlatform = platform === "win32" ? env["LOCALAPPDATA"] : home === undefined ? undefined : path.join(home, platform === "darwin" ? "Library/Caches" : ".cache");
  const caches = env["XDG_CACHE_HOME"] || ofPlatform;
  const folder = caches === undefined || !path.isAbsolute(caches) ? undefined : path.join(caches, "pyoxide", "bytecode");
  const mayKeep = folder !== undefined && isGranted({ name: "read", path: folder }) && isGranted({ name: "write", path: folder });
  return mayKeep ? folder : undefined;
}

function folderStore(node: NodeModules, folder: string): Store {
  const { fs, path, process } = node;
  return {
    read: (name) => fs.promises.readFile(path.join(folder, name)),
    // At once, because the process may be about to end.
    write(name, bytes) {
      fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
      const temporary = path.join(folder, `.${name}.${process.pid}`);
      fs.writeFileSync(temporary, bytes);
      fs.renameSync(temporary, path.join(folder, name));
      makeRoom(node, folder);
    },
  };
}

/** Removes what was written longest ago. */
function makeRoom({ fs, path }: NodeModules, folder: string): void {
  const files = fs.readdirSync(folder).map((name) => {
    const file = path.join(folder, name);
    const { size, mtimeMs } = fs.statSync(file);
    return { file, size, mtimeMs };
  });
  let total = files.reduce((sum, { size }) => sum + size, 0);
  for (const { file, size } of files.sort((a, b) => a.mtimeMs - b.mtimeMs)) {
    if (total <= MOST_BYTES) {
      return;
    }
    fs.rmSync(file, { force: true });
    total -= size;
  }
}

/** Pages that are not served over https, and some privacy modes, have no Cache API; in sandboxed frames it throws when one looks at it. */
function findCaches(): CacheStorage | undefined {
  try {
    return (globalThis as { caches?: CacheStorage }).caches;
  } catch {
    return undefined;
  }
}

function browserStore(): Store | undefined {
  const caches = findCaches();
  const { location } = globalThis as { location?: { origin?: string } };
  if (caches === undefined || location?.origin === undefined) {
    return undefined;
  }
  // Keys of the Cache API are addresses; nothing is ever fetched from this one.
  const addressOf = (name: string): string => `${location.origin}/.pyoxide-bytecode/${encodeURIComponent(name)}`;
  return {
    async read(name) {
      const found = await (await caches.open(CACHE_NAME)).match(addressOf(name));
      return found === undefined ? undefined : new Uint8Array(await found.arrayBuffer());
    },
    async write(name, bytes) {
      const cache = await caches.open(CACHE_NAME);
      await cache.put(addressOf(name), new Response(bytes as Uint8Array<ArrayBuffer>));
      const keys = await cache.keys();
      await Promise.all(keys.slice(0, Math.max(0, keys.length - MOST_ENTRIES)).map((key) => cache.delete(key)));
    },
  };
}
