/**
 * Zip: the members of a zip archive, checked before any of them is used.
 * Owns: telling an archive from what a server sends instead of one; the central directory; refusing what is hostile or damaged.
 * Not here: where members go (packages/wheel.ts), how they get into the file system (lazy-file.ts), inflating itself
 * (environment/inflate.ts).
 * Invariants: the names of an archive that was read stay inside the directory it is unpacked to, no two are the same, none
 * is a link; the data of every member lies inside the archive and overlaps no other.
 */

import { quote } from "../environment/download";

const END_RECORD_BYTES = 22;
const COMMENT_BYTES_MAX = 0xffff;
const STORED = 0;
const DEFLATED = 8;
/** Deflate cannot do better: what claims to is no deflated data. */
const DEFLATE_RATIO_MAX = 1040;
/** What linear memory could ever hold. */
const UNPACKED_BYTES_MAX = 2 ** 32;
const NOT_ASCII = /[^\x00-\x7f]/;
/** Of the name of a member: what a path may have elsewhere. Directories in directories take time for each of them. */
const NAME_LENGTH_MAX = 4096;
/** What no plain path has: empty parts, `.` and `..`, a drive, backslashes, characters that are none. */
const NOT_PLAIN = /^$|^\/|\/\/|(?:^|\/)\.{1,2}(?:\/|$)|^[a-z]:|[\\\0\uFFFD]/i;
const FLAG_ENCRYPTED = 1;
const TYPE_MASK = 0o170000;
const TYPE_LINK = 0o120000;
const TYPE_DIRECTORY = 0o040000;
const TYPE_FILE = 0o100000;

/** What a zip archive needs of its host. */
export interface Inflater {
  /** Raw deflated data whose length afterwards is known. Throws if it is damaged. */
  inflate(data: Uint8Array, size: number): Uint8Array;
  /** The same, away from the thread of the caller where the host can: for large members. */
  inflateLater(data: Uint8Array, size: number): Promise<Uint8Array>;
  crc32(data: Uint8Array): number;
}

/** One file of an archive. */
export interface ZipMember {
  readonly name: string;
  readonly size: number;
  readonly crc32: number;
  readonly executable: boolean;
  /** Where its data is in the archive. */
  readonly start: number;
  readonly compressedSize: number;
  readonly deflated: boolean;
}

/** An archive that cannot be used: damaged, or made to do harm. */
export class ZipError extends Error {
  override readonly name = "ZipError";
}

/** Throws one sentence if `bytes` are no complete zip archive. `what` and `url` are for that sentence. */
export function checkZip(bytes: Uint8Array, what: string, url: string): void {
  if (!startsLikeZip(bytes)) {
    const start = new TextDecoder().decode(bytes.subarray(0, 64));
    throw new ZipError(`Could not load ${what} from ${url}: it is not a zip archive${bytes.length === 0 ? " but empty" : `: it begins with ${quote(start)}`}`);
  }
  if (findEndRecord(bytes) === undefined) {
    throw new ZipError(`Could not load ${what} from ${url}: the zip archive is not complete (${bytes.length} bytes, no end record)`);
  }
}

export class ZipArchive {
  private constructor(
    private readonly bytes: Uint8Array,
    readonly members: readonly ZipMember[],
    private readonly inflater: Inflater,
    private readonly fail: (problem: string) => never,
  ) {}

  /** Reads the list of members. `what` and `url` say in an error message what the archive is and where it came from. */
  static read(bytes: Uint8Array, inflater: Inflater, what: string, url: string): ZipArchive {
    checkZip(bytes, what, url);
    const fail = (problem: string): never => {
      throw new ZipError(`Could not load ${what} from ${url}: ${problem}`);
    };
    return new ZipArchive(bytes, readMembers(bytes, fail), inflater, fail);
  }

  /** The content of a member. Throws if it is damaged. */
  content(member: ZipMember): Uint8Array {
    const data = this.packed(member);
    if (!member.deflated) {
      return data;
    }
    let content: Uint8Array;
    try {
      content = this.inflater.inflate(data, member.size);
    } catch (error) {
      return this.damaged(member, error);
    }
    return this.ofSize(member, content);
  }

  /** The same, without keeping the caller's thread busy. */
  async contentLater(member: ZipMember): Promise<Uint8Array> {
    const data = this.packed(member);
    if (!member.deflated) {
      return data;
    }
    let content: Uint8Array;
    try {
      content = await this.inflater.inflateLater(data, member.size);
    } catch (error) {
      return this.damaged(member, error);
    }
    return this.ofSize(member, content);
  }

  private packed(member: ZipMember): Uint8Array {
    return this.bytes.subarray(member.start, member.start + member.compressedSize);
  }

  private ofSize(member: ZipMember, content: Uint8Array): Uint8Array {
    return content.length === member.size ? content : this.fail(`${JSON.stringify(member.name)} in the archive is damaged: expected ${member.size} bytes, found ${content.length}`);
  }

  private damaged(member: ZipMember, error: unknown): never {
    return this.fail(`the data of ${JSON.stringify(member.name)} in the archive is damaged (${String((error as { message?: unknown } | null)?.message ?? error)})`);
  }

  /** The content of a member as text. */
  text(member: ZipMember): string {
    return new TextDecoder().decode(this.content(member));
  }

  /** Reads every member and compares it with its checksum: for archives whose own hash nobody knows. */
  verify(): void {
    for (const member of this.members) {
      if (this.inflater.crc32(this.content(member)) !== member.crc32) {
        this.fail(`${JSON.stringify(member.name)} in the archive is damaged: its checksum is wrong`);
      }
    }
  }
}

function startsLikeZip(bytes: Uint8Array): boolean {
  // A local file header, or the end record of an empty archive.
  return bytes[0] === 0x50 && bytes[1] === 0x4b && ((bytes[2] === 3 && bytes[3] === 4) || (bytes[2] === 5 && bytes[3] === 6));
}

function findEndRecord(bytes: Uint8Array): number | undefined {
  const first = Math.max(0, bytes.length - END_RECORD_BYTES - COMMENT_BYTES_MAX);
  for (let at = bytes.length - END_RECORD_BYTES; at >= first; at--) {
    if (bytes[at] === 0x50 && bytes[at + 1] === 0x4b && bytes[at + 2] === 5 && bytes[at + 3] === 6) {
      return at;
    }
  }
  return undefined;
}

/** Where the central directory is and how many entries it has; archives with more than 65535 members say so elsewhere. */
function readEndRecord(view: DataView, end: number, fail: (problem: string) => never): { count: number; size: number; offset: number } {
  const count = view.getUint16(end + 10, true);
  const size = view.getUint32(end + 12, true);
  const offset = view.getUint32(end + 16, true);
  if (count !== 0xffff && size !== 0xffffffff && offset !== 0xffffffff) {
    return { count, size, offset };
  }
  const locator = end - 20;
  const at = locator >= 0 && view.getUint32(locator, true) === 0x07064b50 ? Number(view.getBigUint64(locator + 8, true)) : -1;
  if (at < 0 || at + 56 > locator || view.getUint32(at, true) !== 0x06064b50) {
    return fail("the list of its members is damaged");
  }
  return {
    count: Number(view.getBigUint64(at + 32, true)),
    size: Number(view.getBigUint64(at + 40, true)),
    offset: Number(view.getBigUint64(at + 48, true)),
  };
}

function readMembers(bytes: Uint8Array, fail: (problem: string) => never): ZipMember[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = findEndRecord(bytes) as number;
  const directory = readEndRecord(view, end, fail);
  if (directory.offset + directory.size > end) {
    fail("the zip archive is not complete: the list of its members is not where its end says");
  }
  // In one go, because most names are ASCII: one call per name takes longer than all else here.
  const listed = new TextDecoder("latin1").decode(bytes.subarray(directory.offset, directory.offset + directory.size));
  const names = new Set<string>();
  const members: ZipMember[] = [];
  let at = directory.offset;
  let unpacked = 0;
  for (let index = 0; index < directory.count; index++) {
    if (at + 46 > end || view.getUint32(at, true) !== 0x02014b50) {
      fail("the list of its members is damaged");
    }
    const nameLength = view.getUint16(at + 28, true);
    const rawName = bytes.subarray(at + 46, at + 46 + nameLength);
    const short = listed.slice(at + 46 - directory.offset, at + 46 - directory.offset + nameLength);
    const name = NOT_ASCII.test(short) ? new TextDecoder().decode(rawName) : short;
    const mode = view.getUint8(at + 5) === 3 ? view.getUint16(at + 40, true) : 0;
    const header = view.getUint32(at + 42, true);
    const method = view.getUint16(at + 10, true);
    const compressedSize = view.getUint32(at + 20, true);
    const size = view.getUint32(at + 24, true);
    const problem = problemOfName(name) ?? problemOfMode(mode);
    if (problem !== undefined) {
      fail(`it has a member that is not allowed: ${shown(name)} ${problem}. Nothing of it was installed`);
    }
    if (!name.endsWith("/")) {
      if ((view.getUint16(at + 8, true) & FLAG_ENCRYPTED) !== 0) {
        fail(`${JSON.stringify(name)} in the archive is encrypted`);
      }
      if (method !== STORED && method !== DEFLATED) {
        fail(`${JSON.stringify(name)} in the archive is packed with method ${method}; expected stored (0) or deflated (8)`);
      }
      if (names.has(name)) {
        fail(`it has two members of the name ${JSON.stringify(name)}. Nothing of it was installed`);
      }
      names.add(name);
      const start = dataStart(bytes, view, header, rawName);
      if (start === undefined || start + compressedSize > directory.offset) {
        fail(`the zip archive is not complete: the data of ${JSON.stringify(name)} is missing`);
      }
      if (method === STORED ? size !== compressedSize : size > compressedSize * DEFLATE_RATIO_MAX) {
        fail(`the size of ${JSON.stringify(name)} in the archive cannot be right (${compressedSize} bytes packed, ${size} unpacked)`);
      }
      unpacked += size;
      if (unpacked > UNPACKED_BYTES_MAX) {
        fail(`its members take more than ${UNPACKED_BYTES_MAX / 2 ** 30} GiB when they are unpacked, more than WebAssembly has memory for. Nothing of it was installed`);
      }
      const executable = (mode & 0o111) !== 0;
      members.push({ name, size, crc32: view.getUint32(at + 16, true), executable, start: start as number, compressedSize, deflated: method === DEFLATED });
    }
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  checkOverlaps(members, fail);
  checkParents(names, fail);
  return members;
}

/** A name in an error message. */
function shown(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);
}

/** Why a name is refused. */
function problemOfName(name: string): string | undefined {
  if (name.length > NAME_LENGTH_MAX) {
    return `is longer than a path may be (${name.length} characters, at most ${NAME_LENGTH_MAX})`;
  }
  if (!NOT_PLAIN.test(name)) {
    return undefined;
  }
  if (name === "" || name.includes("\0") || name.includes("\uFFFD")) {
    return "is no name of a file";
  }
  if (name.startsWith("/") || /^[a-z]:/i.test(name)) {
    return "is an absolute path";
  }
  if (name.includes("\\")) {
    return "has a backslash in its name";
  }
  const parts = name.replace(/\/$/, "").split("/");
  if (parts.includes("..")) {
    return "leads out of the directory it is unpacked to";
  }
  return parts.some((part) => part === "" || part === ".") ? "is no plain path" : undefined;
}

function problemOfMode(mode: number): string | undefined {
  const type = mode & TYPE_MASK;
  if (type === 0 || type === TYPE_FILE || type === TYPE_DIRECTORY) {
    return undefined;
  }
  return type === TYPE_LINK ? "is a symbolic link" : "is a device";
}

/** Where the data of a member begins, if its local header says what the central directory says. */
function dataStart(bytes: Uint8Array, view: DataView, header: number, name: Uint8Array): number | undefined {
  if (header + 30 > bytes.length || view.getUint32(header, true) !== 0x04034b50 || view.getUint16(header + 26, true) !== name.length) {
    return undefined;
  }
  for (let index = 0; index < name.length; index++) {
    if (bytes[header + 30 + index] !== name[index]) {
      return undefined;
    }
  }
  return header + 30 + name.length + view.getUint16(header + 28, true);
}

/** Members that share their data are how a small archive becomes a huge one. */
function checkOverlaps(members: readonly ZipMember[], fail: (problem: string) => never): void {
  let previous: ZipMember | undefined;
  for (const member of [...members].sort((a, b) => a.start - b.start)) {
    if (previous !== undefined && previous.start + previous.compressedSize > member.start) {
      fail(`the data of ${JSON.stringify(previous.name)} and ${JSON.stringify(member.name)} in the archive overlaps`);
    }
    previous = member;
  }
}

/** A file cannot be a directory too. */
function checkParents(names: ReadonlySet<string>, fail: (problem: string) => never): void {
  const checked = new Set<string>();
  for (const name of names) {
    for (let slash = name.lastIndexOf("/"); slash > 0; slash = name.lastIndexOf("/", slash - 1)) {
      const parent = name.slice(0, slash);
      if (checked.has(parent)) {
        break;
      }
      checked.add(parent);
      if (names.has(parent)) {
        fail(`${JSON.stringify(parent)} in the archive is a file and a directory`);
      }
    }
  }
}
