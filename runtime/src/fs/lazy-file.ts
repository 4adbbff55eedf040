/**
 * Lazy files: members of an archive that look like files of the virtual file system and are unpacked when they are read.
 * Owns: making the nodes, keeping the content of the file that was read last, making a file a real one before it is written.
 * Not here: what goes where (packages).
 * Invariants: a file is never half there; a file that was opened for writing is an ordinary file from then on; where the
 * directory is not in memory (a mounted host directory) files are written at once.
 */

import type { EmscriptenModule, FSNode, FSStream, StreamOperations } from "../emscripten/module";
import type { ZipArchive, ZipMember } from "./zip";

/** A file of the in-memory file system, as far as this file knows it. */
interface MemoryNode extends FSNode {
  contents: Uint8Array | Record<string, FSNode>;
  usedBytes: number;
  stream_ops: StreamOperations;
  node_ops: { mknod(parent: FSNode, name: string, mode: number, device: number): FSNode };
}

type Host = Pick<EmscriptenModule, "FS" | "ERRNO_CODES">;

const ACCESS_MODE = 3;
const FILE = 0o100000;

/** Puts members of archives into the file system. */
export class LazyFiles {
  /** What was read last: files are read in several pieces, one after the other. */
  private last: { readonly node: FSNode; readonly content: Uint8Array } | undefined;
  private readonly directories = new Map<string, FSNode>();
  private operations: StreamOperations | undefined;

  constructor(private readonly host: Host) {}

  /** Forgets which directories there are: Python may remove some between two calls. */
  begin(): void {
    this.directories.clear();
  }

  /** Makes a file; one of the same name is replaced. Gives the directories that were not there before, outermost first. */
  place(path: string, archive: ZipArchive, member: ZipMember): string[] {
    const { FS } = this.host;
    const slash = path.lastIndexOf("/");
    const made: string[] = [];
    const parent = this.directory(path.slice(0, slash) || "/", made);
    const name = path.slice(slash + 1);
    if (parent.mount.type !== FS.filesystems.MEMFS) {
      FS.writeFile(path, archive.content(member), { mode: member.executable ? 0o755 : 0o644 });
      return made;
    }
    const there = (parent as MemoryNode).contents as Record<string, FSNode>;
    if (Object.hasOwn(there, name)) {
      FS.unlink(path);
    }
    const node = (parent as MemoryNode).node_ops.mknod(parent, name, FILE | (member.executable ? 0o755 : 0o644), 0) as MemoryNode;
    if (member.size > 0) {
      this.makeLazy(node, archive, member);
    }
    return made;
  }

  private directory(path: string, made: string[]): FSNode {
    const known = this.directories.get(path);
    if (known !== undefined) {
      return known;
    }
    const { FS } = this.host;
    const existing = FS.analyzePath(path).object;
    if (existing === null) {
      this.directory(path.slice(0, path.lastIndexOf("/")) || "/", made);
      FS.mkdir(path);
      made.push(path);
    }
    const node = existing ?? FS.lookupPath(path).node;
    this.directories.set(path, node);
    return node;
  }

  private makeLazy(node: MemoryNode, archive: ZipArchive, member: ZipMember): void {
    node.usedBytes = member.size;
    this.operations ??= this.makeOperations(node.stream_ops);
    node.stream_ops = this.operations;
    // The content can be had again, so that the memory it takes is given back when it is not needed.
    let kept: WeakRef<Uint8Array> | undefined;
    Object.defineProperty(node, "contents", {
      configurable: true,
      enumerable: true,
      get: (): Uint8Array => {
        if (this.last?.node === node) {
          return this.last.content;
        }
        let content = kept?.deref();
        if (content === undefined) {
          content = this.read(archive, member);
          kept = new WeakRef(content);
        }
        this.last = { node, content };
        return content;
      },
      set(content: Uint8Array) {
        Object.defineProperty(node, "contents", { configurable: true, enumerable: true, writable: true, value: content });
      },
    });
  }

  private read(archive: ZipArchive, member: ZipMember): Uint8Array {
    try {
      return archive.content(member);
    } catch (error) {
      // What Python gets from a disk that fails.
      throw Object.assign(new this.host.FS.ErrnoError(this.host.ERRNO_CODES["EIO"] as number), { cause: error });
    }
  }

  private makeOperations(ordinary: StreamOperations): StreamOperations {
    return {
      ...ordinary,
      open: (stream: FSStream) => {
        const node = stream.node as MemoryNode;
        if ((stream.flags & ACCESS_MODE) !== 0) {
          // A copy: the archive's own bytes, and what other readers hold, stay as they are.
          node.contents = (node.contents as Uint8Array).slice();
          if (this.last?.node === node) {
            this.last = undefined;
          }
        }
      },
    };
  }
}
