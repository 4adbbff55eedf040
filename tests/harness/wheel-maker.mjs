/**
 * Makes wheels for tests: small ones with metadata of one's own.
 * Not here: serving them (index-server.mjs).
 * Invariant: the same arguments give the same bytes.
 */
import { createHash } from "node:crypto";

const table = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function crc32(data) {
  let crc = 0xffffffff;
  for (const byte of data) crc = table[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** A zip archive of `[name, text]` pairs, not compressed. */
export function makeZip(members) {
  const chunks = [];
  const directory = [];
  let offset = 0;
  for (const [name, text] of members) {
    const data = Buffer.from(text);
    const rawName = Buffer.from(name);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x800, 2);
    common.writeUInt32LE(0x00210000, 6);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(rawName.length, 22);
    const local = Buffer.concat([Buffer.from([0x50, 0x4b, 3, 4]), common, rawName, data]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE((0o100644 << 16) >>> 0, 6);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from([0x50, 0x4b, 1, 2, 20, 3]), common, rest, rawName]));
    chunks.push(local);
    offset += local.length;
  }
  const list = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...chunks, list, end]);
}

/** A wheel: `{ file, name, version, bytes, sha256, metadata }`. */
export function makeWheel({ name, version, requires = [], extras = [], files = {}, tag = "py3-none-any" }) {
  const stem = name.replaceAll("-", "_");
  const info = `${stem}-${version}.dist-info`;
  const metadata = [
    "Metadata-Version: 2.1", `Name: ${name}`, `Version: ${version}`,
    ...extras.map((extra) => `Provides-Extra: ${extra}`), ...requires.map((line) => `Requires-Dist: ${line}`), "",
  ].join("\n");
  const content = { [`${stem}/__init__.py`]: `__version__ = "${version}"\n`, ...files };
  const all = [
    ...Object.entries(content), [`${info}/METADATA`, metadata], [`${info}/WHEEL`, `Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: ${tag}\n`],
    [`${info}/top_level.txt`, `${stem}\n`],
  ];
  const record = [...all.map(([path]) => `${path},,`), `${info}/RECORD,,`, ""].join("\n");
  const bytes = makeZip([...all, [`${info}/RECORD`, record]]);
  return { file: `${stem}-${version}-${tag}.whl`, name, version, bytes, metadata, sha256: createHash("sha256").update(bytes).digest("hex") };
}
