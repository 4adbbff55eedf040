/**
 * Format of a snapshot file: header, runs of linear memory, bytes of files, parts of the standard library, checksum.
 * Owns: the layout of the bytes, and telling a snapshot from anything else. Not here: what the parts mean (make.ts, restore.ts).
 * Invariants: everything is at a multiple of four, little-endian; nothing is compressed, because the compression of HTTP sees
 * through that and reading is a copy; a file that is cut off or damaged is refused before anything of it is used.
 *
 * Layout, in words: magic (2), version, checksum of all words after it, length of the file in bytes, length of the header in bytes,
 * number of runs; the header as JSON; for each run its address and length in bytes; the bytes of the runs; the bytes of the files;
 * the bytes of the parts of the standard library.
 */

import type { SavedTable } from "../emscripten/module";

/** How a value behind a handle is found again. */
export type SavedValue =
  | { readonly value: string | number | boolean | null }
  /** A number that JSON cannot write, or a BigInt. */
  | { readonly number: string }
  | { readonly bigint: string }
  /** A symbol of the registry, or a well-known one. */
  | { readonly symbol: string; readonly isWellKnown: boolean }
  /** Reached from a root by property names. `flags` are what JavaScript values can do: Python's types were chosen by them. */
  | { readonly path: readonly [root: string, ...names: string[]]; readonly flags: number }
  /** A PyProxy. */
  | { readonly object: number; readonly flags: number };

export type SavedHandle = SavedValue & { readonly handle: number; readonly identity?: number | undefined };

export interface SavedFile {
  readonly path: string;
  readonly mode: number;
  /** In milliseconds. */
  readonly mtime: number;
  /** A file: its length. Its bytes follow those of the file before it. */
  readonly bytes?: number;
  /** A symbolic link: where it points. */
  readonly target?: string;
}

/** What of the archive of the standard library comes with the snapshot: modules that programs import first, and the list of all. */
export interface SavedArchive {
  readonly bytes: number;
  /** Position and length of each part. None: the archive is needed from the start. */
  readonly parts: readonly (readonly [position: number, length: number])[];
}

export interface SnapshotHeader {
  /** Which main module, and which standard library. */
  readonly build: string;
  readonly stdlib: string;
  readonly archive: SavedArchive;
  readonly memoryBytes: number;
  /** Where the module's own data ends, if the runs tell what differs from it; 0 if they tell everything. */
  readonly baseBytes: number;
  readonly table: SavedTable;
  readonly handles: readonly SavedHandle[];
  /** Where the C library keeps the time zone; empty if it has not asked for it. */
  readonly timeZone: readonly number[];
  readonly nextIdentity: number;
  readonly files: readonly SavedFile[];
  readonly directory: string;
  /** What `pyodide.loadedPackages` says. */
  readonly loadedPackages: Readonly<Record<string, string>>;
}

export interface Snapshot {
  readonly header: SnapshotHeader;
  /** Address and length in bytes, in turns. */
  readonly runs: Uint32Array;
  readonly memory: Uint8Array;
  readonly files: Uint8Array;
  /** The parts of the standard library, one after another. */
  readonly archive: Uint8Array;
}

/** What has not been compared with its checksum yet. */
export interface UncheckedSnapshot extends Snapshot {
  /** The checksum that the file says. */
  readonly sum: number;
  /** Throws if it is not that of the content. */
  readonly check: () => void;
}

const MAGIC_LOW = 0x786f7970; // "pyox"
const MAGIC_HIGH = 0x70616e73; // "snap"
const VERSION = 3;
const FIXED_WORDS = 7;
const CHECKED_FROM_WORD = 4;

const padded = (bytes: number): number => (bytes + 3) & ~3;

/** Why something cannot be used as a snapshot. */
export class SnapshotError extends Error {
  override readonly name = "SnapshotError";
}

/** The bytes that follow the header and the runs, one part after another. */
export interface SnapshotBytes {
  readonly memory: readonly Uint8Array[];
  readonly files: readonly Uint8Array[];
  readonly archive: readonly Uint8Array[];
}

/** Makes the file. */
export function encode(header: SnapshotHeader, runs: Uint32Array, content: SnapshotBytes): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(JSON.stringify(header));
  const sum = (parts: readonly Uint8Array[]): number => parts.reduce((total, part) => total + part.length, 0);
  const memoryStart = FIXED_WORDS * 4 + padded(json.length) + runs.byteLength;
  const filesStart = memoryStart + padded(sum(content.memory));
  const archiveStart = filesStart + padded(sum(content.files));
  const bytes = new Uint8Array(archiveStart + padded(sum(content.archive)));
  bytes.set(json, FIXED_WORDS * 4);
  bytes.set(new Uint8Array(runs.buffer, runs.byteOffset, runs.byteLength), FIXED_WORDS * 4 + padded(json.length));
  for (const [start, parts] of [[memoryStart, content.memory], [filesStart, content.files], [archiveStart, content.archive]] as const) {
    let at = start;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
  }
  const words = new Uint32Array(bytes.buffer);
  words.set([MAGIC_LOW, MAGIC_HIGH, VERSION, 0, bytes.length, json.length, runs.length / 2]);
  words[3] = checksum(words, CHECKED_FROM_WORD);
  return bytes;
}

/** Reads a file. `name` is for the error: a path or URL. */
export function decode(given: Uint8Array, name: string): Snapshot {
  const snapshot = decodeUnchecked(given, name);
  snapshot.check();
  return snapshot;
}

/**
 * Reads a file, but for its checksum: `check` throws if it is not that of the content. What is done with the rest before must not matter.
 * PERF: so that a start can have side modules compiled meanwhile; the checksum is for when the engine has compiled the function for it.
 */
export function decodeUnchecked(given: Uint8Array, name: string): UncheckedSnapshot {
  // Words need an aligned start.
  const bytes = given.byteOffset % 4 === 0 ? given : given.slice();
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
  if (words.length < FIXED_WORDS || words[0] !== MAGIC_LOW || words[1] !== MAGIC_HIGH) {
    throw new SnapshotError(`${name} is not a memory snapshot${bytes.length === 0 ? ": it is empty" : ""}`);
  }
  if (words[2] !== VERSION) {
    throw new SnapshotError(`${name} is a memory snapshot of another format (${words[2]}, expected ${VERSION}): make it anew with this version`);
  }
  if (words[4] !== bytes.length) {
    throw new SnapshotError(`${name} is not complete: it has ${bytes.length} bytes of ${words[4]}`);
  }
  const check = (): void => {
    if (words[3] !== checksum(words, CHECKED_FROM_WORD)) {
      throw new SnapshotError(`${name} is damaged: its checksum is not that of its content`);
    }
  };
  try {
    return { ...partsOf(bytes, words), sum: words[3] as number, check };
  } catch (error) {
    check();
    throw error;
  }
}

function partsOf(bytes: Uint8Array, words: Uint32Array): Snapshot {
  const headerBytes = words[5] as number;
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(FIXED_WORDS * 4, FIXED_WORDS * 4 + headerBytes))) as SnapshotHeader;
  const firstRun = FIXED_WORDS + (padded(headerBytes) >>> 2);
  const runs = words.subarray(firstRun, firstRun + (words[6] as number) * 2);
  let memoryBytes = 0;
  for (let index = 1; index < runs.length; index += 2) {
    memoryBytes += runs[index] as number;
  }
  const memoryStart = (firstRun + runs.length) * 4;
  const filesStart = memoryStart + padded(memoryBytes);
  const archiveStart = filesStart + padded(header.files.reduce((total, file) => total + (file.bytes ?? 0), 0));
  return {
    header,
    runs,
    memory: bytes.subarray(memoryStart, memoryStart + memoryBytes),
    files: bytes.subarray(filesStart, archiveStart),
    archive: bytes.subarray(archiveStart),
  };
}

/**
 * Sum of words, each with its place, in four lanes. It finds damage, it is no proof against intent.
 * PERF: runs over some megabytes at every start; independent lanes of small integers are what compilers of JavaScript do best.
 */
export function checksum(words: Uint32Array, from: number): number {
  let a = 1;
  let b = 2;
  let c = 3;
  let d = 4;
  const end = words.length - ((words.length - from) % 4);
  let index = from;
  for (; index < end; index += 4) {
    a = Math.imul(a ^ (words[index] as number), 0x01000193);
    b = Math.imul(b ^ (words[index + 1] as number), 0x01000193);
    c = Math.imul(c ^ (words[index + 2] as number), 0x01000193);
    d = Math.imul(d ^ (words[index + 3] as number), 0x01000193);
  }
  for (; index < words.length; index++) {
    a = Math.imul(a ^ (words[index] as number), 0x01000193);
  }
  let sum = 0;
  for (const lane of [a, b, c, d]) {
    sum = Math.imul(sum ^ lane ^ (lane >>> 15), 0x85ebca6b);
  }
  return sum >>> 0;
}
