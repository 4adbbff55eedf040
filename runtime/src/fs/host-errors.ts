/**
 * Errors of Node's file functions, below mounted host directories.
 * Owns: that each of them is an error of the file system. Emscripten knows those that an operating system reports, and throws all others through
 * WebAssembly, which ends the interpreter: those of a host that gives a program permissions (`node --permission`, Deno), and of wrong arguments.
 * Owns: that what the host did not make is not there; Emscripten remembers it by its name.
 * Not here: mounting (mount.ts).
 */

import type { EmscriptenModule, FileSystemType, FSNode } from "../emscripten/module";

interface HostFileSystem extends FileSystemType {
  tryFSOperation<T>(operation: () => T): T;
  readonly node_ops: { mknod(parent: FSNode, name: string, mode: number, dev: number): FSNode };
}

/** What the file system keeps of names. */
interface Names {
  lookupNode(parent: FSNode, name: string): FSNode;
  destroyNode(node: FSNode): void;
}

/** What hosts say when a program may not do something: Node's code, and the name of Deno's error. */
const REFUSALS = ["ERR_ACCESS_DENIED", "NotCapable", "PermissionDenied"];

/** Call it once for a module. */
export function translateHostErrors({ FS, ERRNO_CODES }: Pick<EmscriptenModule, "FS" | "ERRNO_CODES">): void {
  const errnoOf = (error: unknown): number => {
    const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
    // Node on Windows says UNKNOWN of what it does not know.
    const known = ERRNO_CODES[code === "UNKNOWN" ? "EINVAL" : String(code)];
    const isRefused = REFUSALS.includes(String(code)) || REFUSALS.includes(String(name));
    return known ?? (ERRNO_CODES[isRefused ? "EACCES" : "EIO"] as number);
  };
  const host = FS.filesystems.NODEFS as HostFileSystem;
  host.tryFSOperation = (operation) => {
    try {
      return operation();
    } catch (error) {
      throw error instanceof FS.ErrnoError ? error : new FS.ErrnoError(errnoOf(error));
    }
  };
  const { mknod } = host.node_ops;
  host.node_ops.mknod = (parent, name, mode, dev) => {
    try {
      return mknod(parent, name, mode, dev);
    } catch (error) {
      const names = FS as unknown as Names;
      names.destroyNode(names.lookupNode(parent, name));
      throw error;
    }
  };
}
