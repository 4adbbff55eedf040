/**
 * Bytecode of installed packages, kept from one start to the next: importing a large package is mostly compiling it.
 * Owns: where bundles of compiled code are stored (a folder in Node, the Cache API in browsers) and when.
 * Not here: what is in a bundle, and whether it still belongs to its source (python/_pyodide/_bytecode.py).
 * Invariants: nothing is stored or read before the first package is installed; a host that can store nothing, or a store
 * that fails, costs time and nothing else; nothing here keeps a process from ending.
 */

import { atEnd, notAtEnd } from "../environment/at-end";
import { writeToCache } from "../environment/cache-folder";
import type { NodeModules } from "../environment/node";

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
        notAtEnd(node, save);
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
      atEnd(node, save);
    }
  }

  private nameOf(key: string): string {
    this.version ??= this.options.python.version();
    return `${key.replace(/[^\w.+-]/g, "_")}-${this.version}`;
  }
}

function folderStore(node: NodeModules, folder: string): Store {
  const { fs, path } = node;
  return {
    read: (name) => fs.promises.readFile(path.join(folder, name)),
    write: (name, bytes) => writeToCache(node, folder, name, bytes, MOST_BYTES),
  };
}

/** Pages that are not served over https, and some privacy modes, have no Cache API. */
function browserStore(): Store | undefined {
  const { caches, location } = globalThis as { caches?: CacheStorage; location?: { origin?: string } };
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
