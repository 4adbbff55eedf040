/**
 * Zip: tells a zip archive from what a server sends instead of one.
 * Not here: reading its members; Python's zipimport and zipfile do.
 */

import { quote } from "../environment/download";

const END_RECORD_BYTES = 22;
const COMMENT_BYTES_MAX = 0xffff;

/** Throws one sentence if `bytes` are no complete zip archive. `what` and `url` are for that sentence. */
export function checkZip(bytes: Uint8Array, what: string, url: string): void {
  if (!startsLikeZip(bytes)) {
    const start = new TextDecoder().decode(bytes.subarray(0, 64));
    throw new Error(`Could not load ${what} from ${url}: it is not a zip archive${bytes.length === 0 ? " but empty" : `: it begins with ${quote(start)}`}`);
  }
  if (!hasEndRecord(bytes)) {
    throw new Error(`Could not load ${what} from ${url}: the zip archive is not complete (${bytes.length} bytes, no end record)`);
  }
}

function startsLikeZip(bytes: Uint8Array): boolean {
  // A local file header, or the end record of an empty archive.
  return bytes[0] === 0x50 && bytes[1] === 0x4b && ((bytes[2] === 3 && bytes[3] === 4) || (bytes[2] === 5 && bytes[3] === 6));
}

function hasEndRecord(bytes: Uint8Array): boolean {
  const first = Math.max(0, bytes.length - END_RECORD_BYTES - COMMENT_BYTES_MAX);
  for (let at = bytes.length - END_RECORD_BYTES; at >= first; at--) {
    if (bytes[at] === 0x50 && bytes[at + 1] === 0x4b && bytes[at + 2] === 5 && bytes[at + 3] === 6) {
      return true;
    }
  }
  return false;
}
