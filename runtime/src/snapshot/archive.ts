/**
 * The archive of the standard library, as far as snapshots know it: which one it is, and which parts of it they hold.
 * Not here: what is in it (xtask), how its parts become a file again (fs/stored-file.ts).
 * Invariant: the list of members is always among the parts: finding out that a module is not there needs no other bytes.
 */

import type { FilePart, StoredFile } from "../fs/stored-file";
import { type SavedArchive, checksum } from "./format";

const END_RECORD = 0x06054b50;
const END_RECORD_BYTES = 22;
/** The comment of the archive of the distribution says how much of it programs need first. */
const COMMENT = /^first=(\d+)$/;
const COMMENT_BYTES_MAX = 64;
/** Where `zipimport` looks for the end of the list: the longest comment and three kinds of records. */
const END_SEARCH_BYTES = 0xffff + END_RECORD_BYTES + 56 + 20;

interface EndRecord {
  /** Where the list of members begins and ends. */
  readonly start: number;
  readonly end: number;
  readonly comment: string;
}

/** Says which standard library a zip archive is: its size and its list of members, in which every one has its checksum. */
export function identityOfArchive(archive: StoredFile): string {
  const record = endRecord(archive);
  if (record === undefined) {
    return `${archive.size}`;
  }
  const directory = new Uint8Array((record.end - record.start + 3) & ~3);
  directory.set(archive.read(record.start, record.end - record.start));
  return `${archive.size}-${checksum(new Uint32Array(directory.buffer), 0).toString(16)}`;
}

/** The parts that a snapshot holds, or the list of members alone. None of an archive that is not made for it. */
export function firstParts(archive: StoredFile, isListOnly = false): FilePart[] {
  const record = endRecord(archive);
  const found = COMMENT.exec(record?.comment ?? "");
  if (record === undefined || found === null) {
    return [];
  }
  const tail = Math.max(0, Math.min(record.start, archive.size - END_SEARCH_BYTES));
  const list = { position: tail, bytes: archive.read(tail, archive.size - tail) };
  return isListOnly ? [list] : [{ position: 0, bytes: archive.read(0, Number(found[1])) }, list];
}

/** The parts that a snapshot brings. Copies: the snapshot is not kept. */
export function savedParts({ parts }: SavedArchive, bytes: Uint8Array): FilePart[] {
  let at = 0;
  return parts.map(([position, length]) => ({ position, bytes: bytes.slice(at, (at += length)) }));
}

function endRecord(archive: StoredFile): EndRecord | undefined {
  const base = Math.max(0, archive.size - END_RECORD_BYTES - COMMENT_BYTES_MAX);
  const bytes = archive.read(base, archive.size - base);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = bytes.length - END_RECORD_BYTES; at >= 0; at--) {
    if (view.getUint32(at, true) === END_RECORD) {
      return { start: view.getUint32(at + 16, true), end: base + at, comment: new TextDecoder().decode(bytes.subarray(at + END_RECORD_BYTES)) };
    }
  }
  return undefined;
}
