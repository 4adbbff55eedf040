/**
 * Side modules: the `.so` files of packages.
 * Owns: compiling them while other packages are still on their way, and loading shared libraries into the program.
 * Not here: relocating and resolving symbols (Emscripten's dynamic linker).
 * Invariants: a file that is no side module is refused before its package is installed; what failed to load can be tried again.
 */

import type { EmscriptenModule } from "../emscripten/module";

export class SideModules {
  constructor(private readonly module: EmscriptenModule) {}

  /** Loads one. `global` makes its symbols visible to all that are loaded later. */
  async load(path: string, global: boolean): Promise<void> {
    const { module } = this;
    try {
      await module.loadDynamicLibrary(path, { loadAsync: true, nodelete: true, global, allowUndefined: true, fs: module.FS }, {});
    } catch (error) {
      // Emscripten would take the next attempt for a success.
      delete module.LDSO.loadedLibsByName[path];
      throw new Error(`Could not load the side module ${path}: ${String((error as { message?: unknown } | null)?.message ?? error)}`, { cause: error });
    }
  }
}
