/**
 * Inflating: the host's own zlib in Node; in browsers a library, because what they have (`DecompressionStream`) never answers at once,
 * and that for what may take its time.
 * Not here: the format around the data (fs/zip.ts).
 * Invariant: nothing is loaded before an archive is read: the library fills tables when it is evaluated, which the bundle puts off
 * to the first `import()`.
 */

import type { Inflater } from "../fs/zip";
import { type NodeModules, loadBuiltin } from "./node";

export async function loadInflater(node: NodeModules | undefined): Promise<Inflater> {
  if (node === undefined) {
    const { inflateSync } = await import("fflate");
    const inflate = (data: Uint8Array, size: number): Uint8Array => inflateSync(data, { out: new Uint8Array(size) });
    const hasStream = typeof DecompressionStream === "function";
    return { inflate, inflateLater: hasStream ? inflateStream : async (data, size) => inflate(data, size), crc32 };
  }
  const zlib = (await loadBuiltin("node:zlib")) as typeof import("node:zlib") & { crc32?: (data: Uint8Array) => number };
  const optionsFor = (size: number): import("node:zlib").ZlibOptions => ({ maxOutputLength: Math.max(size, 1), chunkSize: Math.max(size, 64) });
  const plain = ({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array => new Uint8Array(buffer, byteOffset, byteLength);
  return {
    inflate: (data, size) => plain(zlib.inflateRawSync(data, optionsFor(size))),
    inflateLater: (data, size) =>
      new Promise((resolve, reject) => {
        zlib.inflateRaw(data, optionsFor(size), (error, content) => (error === null ? resolve(plain(content)) : reject(error)));
      }),
    // Since Node 20.15.
    crc32: typeof zlib.crc32 === "function" ? (data) => (zlib.crc32 as (data: Uint8Array) => number)(data) : crc32,
  };
}

/** Inflates with the browser's own code, in another thread. Never takes more than `size` bytes. */
async function inflateStream(data: Uint8Array, size: number): Promise<Uint8Array> {
  const content = new Uint8Array(size);
  const reader = new Blob([data as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  let filled = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    if (filled + next.value.length > size) {
      await reader.cancel();
      throw new Error(`there is more than ${size} bytes`);
    }
    content.set(next.value, filled);
    filled += next.value.length;
  }
  return content.subarray(0, filled);
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
