/**
 * Inflating: the host's own zlib in Node, a library elsewhere (browsers have none that answers at once).
 * Not here: the format around the data (fs/zip.ts).
 * Invariant: nothing is loaded before an archive is read: the library fills tables when it is evaluated, which the bundle puts off
 * to the first `import()`.
 */

import type { Inflater } from "../fs/zip";
import { type NodeModules, loadBuiltin } from "./node";

export async function loadInflater(node: NodeModules | undefined): Promise<Inflater> {
  if (node === undefined) {
    const { inflateSync } = await import("fflate");
    return { inflate: (data, size) => inflateSync(data, { out: new Uint8Array(size) }), crc32 };
  }
  const zlib = (await loadBuiltin("node:zlib")) as typeof import("node:zlib") & { crc32?: (data: Uint8Array) => number };
  return {
    inflate(data, size) {
      const result = zlib.inflateRawSync(data, { maxOutputLength: Math.max(size, 1), chunkSize: Math.max(size, 64) });
      return new Uint8Array(result.buffer, result.byteOffset, result.byteLength);
    },
    // Since Node 20.15.
    crc32: typeof zlib.crc32 === "function" ? (data) => (zlib.crc32 as (data: Uint8Array) => number)(data) : crc32,
  };
}

let table: Uint32Array | undefined;

/** The checksum of zip archives. */
export function crc32(data: Uint8Array): number {
  table ??= Uint32Array.from({ length: 256 }, (_, index) => {
    let value = index;
    for (let bit = 0; bit < 8; bit++) {
      value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
    }
    return value;
  });
  let crc = 0xffffffff;
  for (const byte of data) {
    crc = (table[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
