/**
 * Image: all of linear memory at the start from a snapshot, kept for resets.
 * Owns: making it, and writing it over whatever is in memory. Not here: when that may be done (loader/reset.ts).
 * Invariant: after `overwrite` every byte that a program can have written is what it was at the start.
 */

import { pristineMemoryLater } from "../emscripten/instantiate";
import type { EmscriptenModule } from "../emscripten/module";
import type { Snapshot, SnapshotHeader } from "./format";
import { readMemory, writeMemory } from "./memory-image";

/** Runs this close together are one: a copy of zeros costs less than another copy. */
const GAP_WORDS = 512;

export interface Image {
  readonly header: SnapshotHeader;
  /** What is not zero: address and length in bytes, in turns, and the bytes. */
  readonly runs: Uint32Array;
  readonly parts: readonly Uint8Array[];
  readonly files: Uint8Array;
}

export async function makeImage({ header, runs, memory, files }: Snapshot, wasm: WebAssembly.Module, api: typeof WebAssembly): Promise<Image> {
  let end = 0;
  for (let index = 0; index < runs.length; index += 2) {
    end = Math.max(end, (runs[index] as number) + (runs[index + 1] as number));
  }
  const base = header.isDifference ? await pristineMemoryLater(wasm, api) : new Uint8Array(0);
  const length = Math.max(end, base.length);
  const image = new Uint8Array(length);
  image.set(base);
  for (const { memoryBase, memoryBytes } of header.table.libraries) {
    image.fill(0, memoryBase, Math.min(memoryBase + memoryBytes, length));
  }
  writeMemory(image, runs, memory);
  // Copies: what they are parts of is much larger, and is not kept.
  const { runs: kept, parts } = readMemory(image, new Uint8Array(0), GAP_WORDS);
  return { header, runs: kept, parts: parts.map((part) => part.slice()), files: files.slice() };
}

/** Puts linear memory back. `isWhole` for a program that may have written behind the end of its heap. */
export function overwrite({ wasmMemory, interpreterState: state }: EmscriptenModule, { runs, parts }: Image, isWhole: boolean): void {
  const linear = new Uint8Array(wasmMemory.buffer);
  const heapEnd = isWhole ? linear.length : state.heapEnd();
  state.keepingOwn(() => {
    let at = 0;
    for (const [index, part] of parts.entries()) {
      const start = runs[2 * index] as number;
      linear.fill(0, at, start);
      linear.set(part, start);
      at = start + part.length;
    }
    if (heapEnd > at) {
      linear.fill(0, at, heapEnd);
    }
  });
}
