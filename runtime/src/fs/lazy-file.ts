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
  contents: Uint8Array;
  usedBytes: number;
  stream_ops: StreamOperations;
}

interface MemoryDirectory extends FSNode {
  readonly contents: Record<string, FSNode>;
  readonly node_ops: { mknod(parent: FSNode, name: string, mode: number, device: number): FSNode };
}

type Host = Pick<EmscriptenModule, "FS" | "ERRNO_CODES">;

const ACCESS_MODE = 3;
const TYPE_MASK = 0o170000;
const FILE = 0o100000;
const LINK = 0o120000;
const DIRECTORY = 0o040000;

/** Puts members of archives into the file system. */
export class LazyFiles {
  /** What was read last: files are read in several pieces, one after the other. */
  private last: { readonly node: FSNode; readonly content: Uint8Array } | undefined;
  /** Paths are looked up once: doing it for every file took most of the time. */
  private readonly directories = new Map<string, FSNode>();
  private operations: StreamOperations | undefined;

  constructor(private readonly host: Host) {}

  /** Forgets which directories there are: Python may remove some between two calls. */
  begin(): void {
    this.directories.clear();
  }

  /** What is where a file of this path would go and could not be replaced by one. */
  inTheWay(path: string): "a directory" | "a device" | undefined {
    const { FS } = this.host;
    const [directory, name] = split(path);
    const parent = this.known(directory);
    if (parent === undefined || (this.isInMemory(parent) && !Object.hasOwn(parent.contents, name))) {
      return undefined;
    }
    const mode = this.isInMemory(parent) ? parent.contents[name]?.mode : FS.analyzePath(path).object?.mode;
    const type = mode === undefined ? FILE : mode & TYPE_MASK;
    if (type === FILE || type === LINK) {
      return undefined;
    }
    return type === DIRECTORY ? "a directory" : "a device";
  }

  /** The file that is in the way of a directory, if there is one: the directory itself or one above it. */
  fileInTheWay(directory: string): string | undefined {
    // From the outside: where one is missing, all below it are, and need not be looked for.
    for (let slash = 1; slash > 0 && slash <= directory.length; ) {
      const next = directory.indexOf("/", slash);
      const path = next < 0 ? directory : directory.slice(0, next);
      const node = this.known(path);
      if (node === undefined) {
        return undefined;
      }
      if (!this.host.FS.isDir(node.mode)) {
        return path;
      }
      slash = next + 1;
    }
    return undefined;
  }

  /** Is there a file of this path? */
  isFile(path: string): boolean {
    const { FS } = this.host;
    const [directory, name] = split(path);
    const parent = this.known(directory);
    if (parent === undefined || (this.isInMemory(parent) && !Object.hasOwn(parent.contents, name))) {
      return false;
    }
    const existing = FS.analyzePath(path).object;
    return existing !== null && !FS.isDir(existing.mode);
  }

  /** Makes a file; one of the same name is replaced. Gives the directories that were not there before, outermost first. */
  place(path: string, archive: ZipArchive, member: ZipMember): string[] {
    const { FS } = this.host;
    const made: string[] = [];
    const [directory, name] = split(path);
    const parent = this.directory(directory, made);
    if (!this.isInMemory(parent)) {
      FS.writeFile(path, archive.content(member), { mode: member.executable ? 0o755 : 0o644 });
      return made;
    }
    if (Object.hasOwn(parent.contents, name)) {
      FS.unlink(path);
    }
    const node = parent.node_ops.mknod(parent, name, FILE | (member.executable ? 0o755 : 0o644), 0) as MemoryNode;
    if (member.size > 0) {
      this.makeLazy(node, archive, member);
    }
    return made;
  }

  /** The node of a directory that exists. */
  private known(path: string): FSNode | undefined {
    const known = this.directories.get(path);
    if (known !== undefined) {
      return known;
    }
    const { FS } = this.host;
    if (path !== "/") {
      const [directory, name] = split(path);
      const parent = this.known(directory);
      // Most directories of a package are new: their parents know that they are not there.
      if (parent === undefined || (this.isInMemory(parent) && !Object.hasOwn(parent.contents, name))) {
        return undefined;
      }
    }
    const existing = FS.analyzePath(path).object;
    if (existing !== null) {
      this.directories.set(path, existing);
    }
    return existing ?? undefined;
  }

  private directory(path: string, made: string[]): FSNode {
    const known = path === "/" ? this.known(path) : this.directories.get(path);
    if (known !== undefined) {
      return known;
    }
    const { FS } = this.host;
    const [directory, name] = split(path);
    const parent = this.directory(directory, made);
    const isNew = this.isInMemory(parent) && !Object.hasOwn(parent.contents, name);
    let node = isNew ? null : FS.analyzePath(path).object;
    if (node === null) {
      if (this.isInMemory(parent)) {
        node = parent.node_ops.mknod(parent, name, DIRECTORY | 0o755, 0);
      } else {
        FS.mkdir(path);
        node = FS.lookupPath(path).node;
      }
      made.push(path);
    }
    this.directories.set(path, node);
    return node;
  }

  private isInMemory(node: FSNode): node is MemoryDirectory {
    return node.mount.type === this.host.FS.filesystems.MEMFS;
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
          node.contents = node.contents.slice();
          if (this.last?.node === node) {
            this.last = undefined;
          }
        }
      },
    };
  }
}

/** Directory and last name of an absolute path. */
function split(path: string): [directory: string, name: string] {
  const slash = path.lastIndexOf("/");
  return [path.slice(0, slash) || "/", path.slice(slash + 1)];
}
