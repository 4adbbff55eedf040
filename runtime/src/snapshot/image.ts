/**
 * Image: all of linear memory at the start from a snapshot, kept for resets.
 * Owns: making it, and writing it over whatever is in memory. Not here: when that may be done (loader/reset.ts).
 * Invariant: after `overwrite` every byte that a program can have written is what it was at the start.
 */

import { pristineMemory, pristineMemoryLater } from "../emscripten/instantiate";
import type { EmscriptenModule } from "../emscripten/module";
import type { Snapshot, SnapshotHeader } from "./format";

export interface Image {
  readonly header: SnapshotHeader;
  /** The module's own data, from address 0 on; what follows is zero or in the runs. */
  readonly base: Uint8Array;
  /** What differs from it: address and length in bytes, in turns, in the order of the addresses, and the bytes. */
  readonly runs: Uint32Array;
  readonly memory: Uint8Array;
  readonly files: Uint8Array;
}

/**
 * `isOwn` if nobody else has the bytes of the snapshot: they are kept.
 * PERF: nothing is searched or copied here, and nothing waits for another thread, because the first reset waits for it (reset: fresh state for
 * the first time): just after a start the engine's compiler takes what there is of processors.
 */
export async function makeImage({ header, runs, memory, files }: Snapshot, isOwn: boolean, wasm: WebAssembly.Module, api: typeof WebAssembly): Promise<Image> {
  const pristine = header.baseBytes === 0 ? new Uint8Array(0) : (pristineMemory(wasm, api) ?? (await pristineMemoryLater(wasm, api)));
  const base = pristine.slice(0, header.baseBytes);
  // Copies of parts: what they are parts of is larger, and is not kept.
  const own = (bytes: Uint8Array): Uint8Array => (isOwn ? bytes : bytes.slice());
  return { header, base, memory: own(memory), runs: isOwn ? runs : runs.slice(), files: own(files) };
}

/** Puts linear memory back. `isWhole` for a program that may have written behind the end of its heap. */
export function overwrite({ wasmMemory, interpreterState: state }: EmscriptenModule, { base, runs, memory }: Image, isWhole: boolean): void {
  const linear = new Uint8Array(wasmMemory.buffer);
  const heapEnd = isWhole ? linear.length : state.heapEnd();
  state.keepingOwn(() => {
    linear.set(base);
    let end = base.length;
    let from = 0;
    for (let index = 0; index < runs.length; index += 2) {
      const start = runs[index] as number;
      const length = runs[index + 1] as number;
      if (start > end) {
        linear.fill(0, end, start);
      }
      linear.set(memory.subarray(from, from + length), start);
      from += length;
      end = Math.max(end, start + length);
    }
    if (heapEnd > end) {
      linear.fill(0, end, heapEnd);
    }
  });
}
