/**
 * Calls of the runtime itself into Python's own modules.
 * Not here: calls that the user makes.
 * Invariant: every proxy made for such a call is destroyed when it returns.
 */

import type { Core } from "../boundary/core";
import type { PythonInstaller } from "../packages/loader";

/** A PyProxy as far as the runtime uses it. */
export interface Proxy {
  (...args: unknown[]): unknown;
  callKwargs(...args: unknown[]): unknown;
  destroy(): void;
  toJs(options?: object): unknown;
  get(key: unknown): unknown;
  readonly [attribute: string]: unknown;
}

type Importer = Pick<Core, "import" | "toPy">;

/** Imports a module or an attribute of one (`a.b.c`), uses it, and lets go of it. */
export function withImport<T>(core: Importer, name: string, use: (imported: Proxy) => T): T {
  const imported = core.import(name) as Proxy;
  try {
    return use(imported);
  } finally {
    // Not everything is a proxy: `sys.maxsize` is a number.
    if (typeof imported?.destroy === "function") {
      imported.destroy();
    }
  }
}

/** Calls a function by its dotted name; a proxy that it returns is destroyed. */
export function callPython(core: Importer, name: string, ...args: unknown[]): void {
  withImport(core, name, (imported) => discard(imported(...args)));
}

export function discard(value: unknown): void {
  const destroy = (value as { destroy?: unknown } | null | undefined)?.destroy;
  if (typeof value !== "object" && typeof value !== "function") {
    return;
  }
  if (typeof destroy === "function") {
    (value as Proxy).destroy();
  }
}

/** What the package loader needs of Python. */
export function makeInstaller(core: Importer): PythonInstaller {
  return {
    sha256(bytes) {
      return withImport(core, "hashlib.sha256", (sha256) => {
        const view = core.toPy(bytes, {}) as Proxy;
        const digest = sha256(view) as Proxy & Record<"hexdigest", Proxy>;
        try {
          return digest.hexdigest() as string;
        } finally {
          digest.destroy();
          view.destroy();
        }
      });
    },
    invalidateCaches() {
      callPython(core, "_pyodide._importhook.packages_changed");
    },
    bytecode: {
      version: () => withImport(core, "_pyodide._bytecode.code_version", (version) => version() as string),
      start(directory) {
        callPython(core, "_pyodide._bytecode.start", directory);
      },
      add(key, paths, bundle) {
        callPython(core, "_pyodide._bytecode.add", key, paths, bundle);
      },
      take() {
        return withImport(core, "_pyodide._bytecode.take", (take) => {
          const bundles = take() as Proxy;
          try {
            return bundles.toJs() as [string, Uint8Array][];
          } finally {
            bundles.destroy();
          }
        });
      },
    },
  };
}
