/**
 * Directories in memory whose time of change tells two changes apart even when they come within one millisecond.
 * Owns: that rule. Not here: the file system itself (Emscripten).
 * Why: Python's importer reads a directory again when its time has changed. A module that was written within the millisecond of the
 * last reading would not be found.
 * Invariant: what somebody has seen is never the time of a later state; it is moved on by a millisecond then.
 */

import type { EmscriptenModule, FSNode } from "../emscripten/module";

interface Directory extends FSNode {
  mtime: number;
  ctime: number;
  /** The time that was last told to anybody. */
  seen?: number;
}

interface DirectoryOperations {
  getattr(node: Directory): unknown;
  mknod(parent: Directory, ...rest: unknown[]): unknown;
  symlink(parent: Directory, ...rest: unknown[]): unknown;
  unlink(parent: Directory, ...rest: unknown[]): unknown;
  rmdir(parent: Directory, ...rest: unknown[]): unknown;
  rename(node: FSNode, target: Directory, ...rest: unknown[]): unknown;
}

/** Makes directories of the in-memory file system keep the rule. Call it once for a module, when its root directory is there. */
export function keepDirectoryTimesDistinct({ FS }: Pick<EmscriptenModule, "FS">): void {
  const memory = FS.filesystems.MEMFS as unknown as { readonly ops_table: { readonly dir: { readonly node: DirectoryOperations } } };
  const operations = memory.ops_table.dir.node;
  const { getattr, rename } = operations;
  operations.getattr = (node) => {
    node.seen = node.mtime;
    return getattr(node);
  };
  for (const name of ["mknod", "symlink", "unlink", "rmdir"] as const) {
    const operation = operations[name];
    operations[name] = (parent, ...rest) => {
      const result = operation(parent, ...rest);
      moveOn(parent);
      return result;
    };
  }
  operations.rename = (node, target, ...rest) => {
    const source = node.parent as Directory;
    const result = rename(node, target, ...rest);
    moveOn(source);
    moveOn(target);
    return result;
  };
}

function moveOn(directory: Directory): void {
  if (directory.seen !== undefined && directory.mtime <= directory.seen) {
    directory.mtime = directory.ctime = directory.seen + 1;
  }
}
