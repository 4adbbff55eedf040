/**
 * Putting a snapshot back into a fresh instance.
 * Owns: whether it fits, and the order of things. Not here: making one (make.ts).
 * Invariants: a snapshot is checked before anything is changed; what has to be fresh in every process (environment, time zone, random
 * numbers) is made fresh by the core (`crates/pyoxide-core/src/refresh.rs`) before anybody runs Python.
 */

import type { Core } from "../boundary/core";
import type { EmscriptenModule } from "../emscripten/module";
import { keepBeginning } from "../emscripten/side-module";
import { peekFile, placeFiles, savedFile } from "./files";
import { type Snapshot, type UncheckedSnapshot, SnapshotError } from "./format";
import { writeMemory } from "./memory-image";
import { type Roots, findValue, hasChanged } from "./values";

/** Throws if the snapshot is of another main module. */
export function checkBuild({ header }: Snapshot, name: string, build: string): void {
  if (header.build !== build) {
    throw new SnapshotError(`${name} was made with another build of pyodide.asm.wasm: make it anew with this one`);
  }
}

/** Throws if the snapshot is of another standard library. */
export function checkStandardLibrary({ header }: Snapshot, name: string, stdlib: string): void {
  if (header.stdlib !== stdlib) {
    throw new SnapshotError(`${name} was made with another python_stdlib.zip: make it anew with this one`);
  }
}

/** Side modules of a snapshot by their paths. One that could not be compiled, or is no file of the snapshot, is undefined. */
export type CompiledLibraries = ReadonlyMap<string, Promise<WebAssembly.Module | undefined>>;

/** Side modules of snapshots that somebody holds in memory, by the buffer and the checksum of what is in it. */
const compiledFor = new WeakMap<ArrayBufferLike, { readonly sum: number; readonly libraries: CompiledLibraries }>();

/**
 * Has the side modules of a snapshot compiled, beside whatever else a start does (restore: with pydantic over plain), and not before `begin`: the options
 * of the engine are of the main module until then. Who starts from the same bytes again gets the same modules.
 */
export function compileLibraries({ header, files, sum }: UncheckedSnapshot, api: typeof WebAssembly, begin: Promise<unknown>): CompiledLibraries {
  const known = compiledFor.get(files.buffer);
  if (known?.sum === sum) {
    return known.libraries;
  }
  const compile = async (path: string): Promise<WebAssembly.Module | undefined> => {
    const bytes = savedFile(header.files, files, path);
    try {
      await begin;
      return bytes && (await api.compile(bytes as Uint8Array<ArrayBuffer>));
    } catch {
      return undefined; // placing it says what is wrong
    }
  };
  try {
    const libraries = new Map(header.table.libraries.map(({ name }) => [name, compile(name)]));
    if (libraries.size > 0) {
      compiledFor.set(files.buffer, { sum, libraries });
    }
    return libraries;
  } catch {
    return new Map(); // a damaged header, as its checksum says
  }
}

/** Roots that have to be given to Python again, by name: those whose abilities differ from what Python's types were chosen by, and JavaScript modules that the snapshot does not know. */
export type Changed = ReadonlySet<string>;

export async function restore(core: Core, module: EmscriptenModule, snapshot: Snapshot, compiled: CompiledLibraries, name: string, roots: Roots): Promise<Changed> {
  const { interpreterState: state } = module;
  const { header, runs, memory, files } = snapshot;
  placeFiles(module, header.files, files);
  state.growMemory(header.memoryBytes);
  if (header.table.libraries.length > 0) {
    const found = header.table.libraries.map(async ({ name: path }) => {
      const library = await compiled.get(path);
      const bytes = savedFile(header.files, files, path);
      if (library !== undefined && bytes !== undefined) {
        keepBeginning(module, library, bytes);
      }
      return library ?? peekFile(module, path);
    });
    await state.placeLibraries(header.table, await Promise.all(found));
  }
  state.placeFunctions(header.table);
  const linear = new Uint8Array(module.wasmMemory.buffer);
  state.keepingOwn(() => {
    if (header.baseBytes === 0) {
      linear.fill(0);
    }
    for (const { memoryBase, memoryBytes } of header.table.libraries) {
      linear.fill(0, memoryBase, memoryBase + memoryBytes);
    }
    writeMemory(linear, runs, memory);
  });
  return goOn(core, module, snapshot, name, roots);
}

/** What follows when linear memory and table are there. */
export function goOn(core: Core, module: EmscriptenModule, { header }: Pick<Snapshot, "header">, name: string, roots: Roots): Changed {
  const { interpreterState: state, FS } = module;
  state.initializeGlobals();
  module.timeZone.tellAgain(header.timeZone);
  if (header.files.length > 0) {
    FS.chdir(header.directory);
  }
  const changed = new Set<string>();
  const entries = header.handles.map((saved) => {
    const value = findValue(core, saved, roots);
    if (hasChanged(saved, value) && "path" in saved) {
      if (saved.path.length > 1) {
        throw new SnapshotError(`${name} needs \`${saved.path.join(".")}\` as it was where the snapshot was made: it can do other things here`);
      }
      changed.add(saved.path[0]);
    }
    return [saved.handle, value, saved.identity] as const;
  });
  for (const root of Object.keys(roots)) {
    if (root.startsWith("module:") && !header.handles.some((saved) => "path" in saved && saved.path[0] === root)) {
      changed.add(root);
    }
  }
  core.restoreHandles(entries, header.nextIdentity);
  core.resume();
  core.refresh(state.environment());
  return changed;
}
