/**
 * Making a snapshot of a live interpreter.
 * Owns: the order of things, and refusing what cannot be saved with a sentence that names it.
 * Not here: putting a snapshot back (restore.ts).
 * Invariant: the interpreter goes on afterwards as if nothing had been made, also when it is refused.
 */

import type { Core } from "../boundary/core";
import { ARENA_BYTES } from "../boundary/generated";
import type { EmscriptenModule } from "../emscripten/module";
import type { StoredFile } from "../fs/stored-file";
import { withImport } from "../loader/python-calls";
import { firstParts } from "./archive";
import { openFile, saveFiles } from "./files";
import { type SnapshotHeader, SnapshotError, encode } from "./format";
import { endOf, readMemory } from "./memory-image";
import { type Roots, saveHandles } from "./values";

export interface MakeOptions {
  readonly core: Core;
  readonly module: EmscriptenModule;
  readonly build: string;
  readonly stdlib: string;
  /** Files that the loader places at every start. */
  readonly placed: ReadonlySet<string>;
  readonly archive: StoredFile;
  readonly roots: Roots;
  readonly loadedPackages: Readonly<Record<string, string>>;
  /** What a fresh instance has in its memory, where that can be found out. */
  readonly pristine: () => Uint8Array | undefined;
  /** Only Python's own state: no files. */
  readonly withoutFiles: boolean;
  /** No modules of the standard library but those that are imported. */
  readonly isCore: boolean;
}

export function makeSnapshot(options: MakeOptions): Uint8Array<ArrayBuffer> {
  const { core, module } = options;
  if (core.dead !== undefined) {
    throw new SnapshotError("A snapshot cannot be made after a fatal error", { cause: core.dead });
  }
  if (!core.isIdle) {
    throw new SnapshotError("A snapshot cannot be made while Python is running: call makeMemorySnapshot from JavaScript, when no call into Python is under way");
  }
  const refusal = withImport(core, "_pyodide._snapshot.prepare", (prepare) => prepare() as string | undefined);
  if (refusal !== undefined) {
    throw new SnapshotError(`A snapshot cannot hold ${refusal}`);
  }
  const open = openFile(module);
  if (open !== undefined) {
    throw new SnapshotError(`A snapshot cannot hold open files: close ${open}`);
  }
  const { saved: handles, unsavable } = saveHandles(core, options.roots);
  if (unsavable.length > 0) {
    throw new SnapshotError(explain(core, unsavable.map(({ value }) => value)));
  }
  const table = module.interpreterState.read();
  if (typeof table === "string") {
    throw new SnapshotError(`A snapshot cannot hold ${table}`);
  }
  const { files, contents } = options.withoutFiles ? { files: [], contents: [] } : saveFiles(module, options.placed);
  core.sweepMemory();
  const memory = memoryWithoutStacks(core, module);
  const pristine = options.pristine();
  const { runs, parts } = readMemory(memory, pristine ?? new Uint8Array(0));
  const archive = firstParts(options.archive, options.isCore);
  const header: SnapshotHeader = {
    build: options.build,
    stdlib: options.stdlib,
    archive: { bytes: options.archive.size, parts: archive.map(({ position, bytes }) => [position, bytes.length] as const) },
    memoryBytes: memory.length,
    baseBytes: pristine === undefined ? 0 : endOf(pristine),
    table,
    handles,
    timeZone: module.timeZone.addresses,
    nextIdentity: core.nextIdentity,
    files,
    directory: module.FS.cwd(),
    loadedPackages: { ...options.loadedPackages },
  };
  return encode(header, runs, { memory: parts, files: contents, archive: archive.map(({ bytes }) => bytes) });
}

/** A copy of linear memory; what lies on the stack and in the arena means nothing to anybody. */
function memoryWithoutStacks(core: Core, module: EmscriptenModule): Uint8Array {
  const exports = module.wasmExports as Record<string, unknown>;
  const address = (name: string): number => (exports[name] as () => number)() >>> 0;
  const end = address("emscripten_stack_get_end");
  const current = address("emscripten_stack_get_current");
  const arena = core.arenaAddress;
  const memory = new Uint8Array(module.wasmMemory.buffer).slice();
  memory.fill(0, end, current);
  memory.fill(0, arena, arena + ARENA_BYTES);
  return memory;
}

/** Names the Python objects that hold values which cannot be saved. */
function explain(core: Core, values: readonly unknown[]): string {
  const wanted = new Set(values);
  const found = withImport(core, "_pyodide._snapshot.find_holder", (find) => find((value: unknown) => wanted.has(value)) as string | undefined);
  const [first] = values;
  const kind = typeof first === "function" ? "a JavaScript function" : typeof first === "symbol" ? "a JavaScript symbol" : `a JavaScript object (${tagOf(first)})`;
  return (
    `A snapshot cannot hold ${found === undefined ? kind : `the JavaScript object at \`${found}\``}: only what is reached by attributes from \`js\`, ` +
    "`pyodide_js` or a registered JavaScript module can be found again. Delete it before, and make it again after loading the snapshot"
  );
}

function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}
