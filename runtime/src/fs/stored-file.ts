/**
 * Stored files: files of the distribution that look like files of the virtual file system and whose bytes come when somebody reads them.
 * Owns: files of which only parts are here, and the nodes of such files. Not here: where the other bytes are read from
 * (loader/on-demand.ts), members of archives (lazy-file.ts).
 * Invariants: what is here is read without asking anybody for the rest; a file that was opened for writing is an ordinary file from then on.
 */

import type { EmscriptenModule, FSNode, FSStream, StreamOperations } from "../emscripten/module";

export interface StoredFile {
  readonly size: number;
  /** Bytes from `position` on: at most `length`, perhaps fewer, none only at the end. The caller does not change them. */
  read(position: number, length: number): Uint8Array;
}

/** A file that is here. */
export function wholeFile(bytes: Uint8Array): StoredFile {
  return { size: bytes.length, read: (position, length) => bytes.subarray(position, position + length) };
}

/** A piece of a file that is here. */
export interface FilePart {
  readonly position: number;
  readonly bytes: Uint8Array;
}

/** A file of which some parts are here, and the rest is in another. */
export class PartlyPresentFile implements StoredFile {
  constructor(
    readonly parts: readonly FilePart[],
    private readonly rest: StoredFile,
  ) {}

  get size(): number {
    return this.rest.size;
  }

  read(position: number, length: number): Uint8Array {
    if (position >= this.size) {
      return new Uint8Array(0);
    }
    // Who reads ahead gets what is here; who wants the whole file gets it.
    if (position > 0 || length < this.size) {
      for (const { position: start, bytes } of this.parts) {
        if (position >= start && position < start + bytes.length) {
          return bytes.subarray(position - start, position - start + length);
        }
      }
    }
    return this.rest.read(position, length);
  }
}

interface MemoryNode extends FSNode {
  contents: Uint8Array;
  usedBytes: number;
  stream_ops: StreamOperations;
}

type Host = Pick<EmscriptenModule, "FS" | "ERRNO_CODES">;

const ACCESS_MODE = 3;

/** Makes a file of the virtual file system. `report` is told why bytes could not be read; Python sees a disk that fails. */
export function placeStoredFile({ FS, ERRNO_CODES }: Host, path: string, file: StoredFile, mode: number, report: (error: unknown) => void): void {
  const read = (position: number, length: number): Uint8Array => {
    try {
      return file.read(position, length);
    } catch (error) {
      report(error);
      throw Object.assign(new FS.ErrnoError(ERRNO_CODES["EIO"] as number), { cause: error });
    }
  };
  FS.writeFile(path, new Uint8Array(0), { mode });
  const node = FS.lookupPath(path).node as MemoryNode;
  const ordinary = node.stream_ops;
  const keep = (content: Uint8Array): void => {
    node.stream_ops = ordinary;
    Object.defineProperty(node, "contents", { configurable: true, enumerable: true, writable: true, value: content });
  };
  Object.defineProperty(node, "contents", { configurable: true, enumerable: true, get: () => read(0, file.size), set: keep });
  node.usedBytes = file.size;
  node.stream_ops = {
    ...ordinary,
    open(stream: FSStream) {
      if ((stream.flags & ACCESS_MODE) !== 0) {
        keep(read(0, file.size).slice());
        stream.stream_ops = ordinary;
      }
    },
    read(_stream: FSStream, buffer, offset, length, position) {
      const bytes = read(position, Math.min(length, Math.max(0, file.size - position)));
      (buffer as Uint8Array).set(bytes, offset);
      return bytes.length;
    },
  };
}
