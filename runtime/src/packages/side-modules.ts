/**
 * Side modules: the `.so` files of packages.
 * Owns: compiling them while other packages are still on their way; loading shared libraries into the program.
 * Not here: relocating and resolving symbols, loading a module when Python imports it (Emscripten's dynamic linker and
 * `emscripten/library_side_modules.js`, which take what was compiled here).
 * Invariants: a file that is no side module is refused before its package is installed; a module costs its compilation only,
 * until somebody imports it, unless the host could not instantiate it then.
 */

import type { EmscriptenModule } from "../emscripten/module";
import { keepBeginning } from "../emscripten/side-module";
import { keepingAlive } from "../environment/keep-alive";
import type { ZipArchive } from "../fs/zip";
import type { PlacedMember } from "./wheel";

/** What was compiled for one package. */
export interface CompiledModules {
  /** Modules that are instantiated when they are imported, by their paths. */
  readonly lazy: ReadonlyMap<string, WebAssembly.Module>;
  /** Paths of modules that have to be loaded at once. */
  readonly eager: readonly string[];
}

/** What browsers instantiate on their main thread without a promise; measured in bytes of the file. */
const SYNCHRONOUS_BYTES_MAX = 8_000_000;
/** Files that Python would import. A `.so` of another name may be data for another system. */
export const IS_EXTENSION = /\.(cpython-\d+-wasm32-emscripten|abi3)\.so$/;

export class SideModules {
  constructor(
    private readonly module: EmscriptenModule,
    private readonly compiler: Pick<typeof WebAssembly, "compile">,
    private readonly isMainThread: boolean,
  ) {}

  /** Compiles the side modules of an archive. `isShared`: others link to them, so that they are loaded at once. */
  async compile(archive: ZipArchive, members: readonly PlacedMember[], isShared: boolean): Promise<CompiledModules> {
    const lazy = new Map<string, WebAssembly.Module>();
    const eager: string[] = [];
    await Promise.all(
      members.map(async ({ path, member }) => {
        const bytes = await archive.contentLater(member);
        if (!isWebAssembly(bytes)) {
          if (isShared || IS_EXTENSION.test(path)) {
            throw new Error(`The side module ${path} is no WebAssembly module. Nothing of its package was installed.`);
          }
          return;
        }
        if (isShared || (this.isMainThread && bytes.length > SYNCHRONOUS_BYTES_MAX)) {
          eager.push(path);
          return;
        }
        try {
          const compiled = await keepingAlive(this.compiler.compile(bytes as Uint8Array<ArrayBuffer>));
          keepBeginning(this.module, compiled, bytes);
          lazy.set(path, compiled);
        } catch (error) {
          throw new Error(`The side module ${path} could not be compiled: ${textOf(error)}. Nothing of its package was installed.`, { cause: error });
        }
      }),
    );
    return { lazy, eager };
  }

  /** Keeps compiled modules for the moment when they are imported. Their files are there. */
  keep(modules: CompiledModules): void {
    const kept = (this.module.compiledSideModules ??= new Map());
    for (const [path, compiled] of modules.lazy) {
      kept.set(path, compiled);
    }
  }

  forget(modules: CompiledModules): void {
    for (const path of modules.lazy.keys()) {
      this.module.compiledSideModules?.delete(path);
    }
  }

  /** Loads one. `global` makes its symbols visible to all that are loaded later. */
  async load(path: string, global: boolean): Promise<void> {
    const { module } = this;
    try {
      await keepingAlive(module.loadDynamicLibrary(path, { loadAsync: true, nodelete: true, global, allowUndefined: true, fs: module.FS }, {}) as Promise<unknown>);
    } catch (error) {
      throw new Error(`Could not load the side module ${path}: ${textOf(error)}`, { cause: error });
    }
  }
}

function isWebAssembly(bytes: Uint8Array): boolean {
  return bytes[0] === 0 && bytes[1] === 0x61 && bytes[2] === 0x73 && bytes[3] === 0x6d;
}

function textOf(error: unknown): string {
  return String((error as { message?: unknown } | null)?.message ?? error);
}
