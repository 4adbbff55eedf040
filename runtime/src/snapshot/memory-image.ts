/**
 * Memory image: linear memory as runs of bytes that differ from what a fresh instance has.
 * Not here: the file (format.ts). Invariant: what was read, written into a fresh instance, gives the same memory, byte for byte.
 */

/** Runs this close together are one: fewer copies, and the zeros between compress to nothing. */
const GAP_WORDS_MAX = 64;

export interface MemoryImage {
  readonly runs: Uint32Array;
  readonly parts: readonly Uint8Array[];
}

/** What of `memory` differs from `base`, behind whose end there are zeros. */
export function readMemory(memory: Uint8Array, base: Uint8Array, gapWords = GAP_WORDS_MAX): MemoryImage {
  const words = new Uint32Array(memory.buffer, memory.byteOffset, memory.length >>> 2);
  const baseWords = new Uint32Array(base.buffer, base.byteOffset, base.length >>> 2);
  const runs: number[] = [];
  const parts: Uint8Array[] = [];
  let start = -1;
  let last = -1;
  const close = (): void => {
    if (start >= 0) {
      runs.push(start * 4, (last + 1 - start) * 4);
      parts.push(memory.subarray(start * 4, (last + 1) * 4));
    }
  };
  for (let index = 0; index < words.length; index++) {
    if (words[index] === (index < baseWords.length ? baseWords[index] : 0)) {
      continue;
    }
    if (start < 0 || index - last > gapWords) {
      close();
      start = index;
    }
    last = index;
  }
  close();
  return { runs: Uint32Array.from(runs), parts };
}

/** Where the last byte that is not zero ends, rounded up to words. */
export function endOf(memory: Uint8Array): number {
  const words = new Uint32Array(memory.buffer, memory.byteOffset, memory.length >>> 2);
  let end = words.length;
  while (end > 0 && words[end - 1] === 0) {
    end--;
  }
  return end * 4;
}

/** Writes runs into memory that is as the base was. */
export function writeMemory(memory: Uint8Array, runs: Uint32Array, bytes: Uint8Array): void {
  let at = 0;
  for (let index = 0; index < runs.length; index += 2) {
    const length = runs[index + 1] as number;
    memory.set(bytes.subarray(at, at + length), runs[index]);
    at += length;
  }
}
