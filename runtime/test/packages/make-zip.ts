/** Makes zip archives for tests: well-formed ones, and ones that are wrong in one way. */
import { deflateRawSync } from "node:zlib";
import { crc32 } from "../../src/environment/inflate";

export interface Member {
  readonly name: string;
  readonly content?: string;
  /** Unix mode; 0o100644 unless given. */
  readonly mode?: number;
  readonly stored?: boolean;
  /** Lies. */
  readonly crc?: number;
  readonly size?: number;
  readonly packed?: number;
  readonly localName?: string;
  readonly method?: number;
  readonly flags?: number;
}

export function makeZip(members: readonly Member[], comment = ""): Uint8Array {
  const chunks: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  const push = (chunk: Uint8Array): void => {
    chunks.push(chunk);
    offset += chunk.length;
  };
  for (const member of members) {
    const content = new TextEncoder().encode(member.content ?? "");
    const data = member.stored ? content : deflateRawSync(content);
    const name = new TextEncoder().encode(member.name);
    const localName = new TextEncoder().encode(member.localName ?? member.name);
    const method = member.method ?? (member.stored ? 0 : 8);
    const common = (view: DataView, at: number, nameLength: number): void => {
      view.setUint16(at, member.flags ?? 0x800, true);
      view.setUint16(at + 2, method, true);
      view.setUint32(at + 8, member.crc ?? crc32(content), true);
      view.setUint32(at + 12, member.packed ?? data.length, true);
      view.setUint32(at + 16, member.size ?? content.length, true);
      view.setUint16(at + 20, nameLength, true);
    };
    const local = new DataView(new ArrayBuffer(30));
    local.setUint32(0, 0x04034b50, true);
    common(local, 6, localName.length);
    const central = new DataView(new ArrayBuffer(46));
    central.setUint32(0, 0x02014b50, true);
    central.setUint8(5, 3);
    common(central, 8, name.length);
    central.setUint32(38, (member.mode ?? 0o100644) * 0x10000, true);
    central.setUint32(42, offset, true);
    directory.push(new Uint8Array(central.buffer), name);
    push(new Uint8Array(local.buffer));
    push(localName);
    push(data);
  }
  const start = offset;
  directory.forEach(push);
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true);
  end.setUint16(8, members.length, true);
  end.setUint16(10, members.length, true);
  end.setUint32(12, offset - start, true);
  end.setUint32(16, start, true);
  end.setUint16(20, comment.length, true);
  push(new Uint8Array(end.buffer));
  push(new TextEncoder().encode(comment));
  return Buffer.concat(chunks);
}

/** A wheel with a module of its own name. */
export function makeWheel(name: string, version: string, more: readonly Member[] = []): Uint8Array {
  const metadata = `${name}-${version}.dist-info`;
  return makeZip([
    { name: `${name}/__init__.py`, content: `VERSION = "${version}"\n` },
    ...more,
    { name: `${metadata}/METADATA`, content: `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n` },
    { name: `${metadata}/WHEEL`, content: "Wheel-Version: 1.0\n" },
    { name: `${metadata}/RECORD`, content: `${name}/__init__.py,,\n` },
  ]);
}
