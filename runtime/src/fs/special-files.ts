/**
 * Files of the host that are neither files, directories nor links: sockets, pipes, devices.
 * Owns: that a mounted host directory shows them as what they are; Emscripten's NODEFS answers EINVAL to everything that is asked of them,
 * so that a folder with one cannot be walked, copied or removed. Not here: mounting (mount.ts).
 */

import type { EmscriptenModule, FileSystemType, FSNode } from "../emscripten/module";

interface HostFileSystem extends FileSystemType {
  createNode(parent: FSNode | null, name: string, mode: number, dev?: number): FSNode & { mode: number };
}

const TYPE_BITS = 0o170000;
const REGULAR = 0o100000;

/** Makes the file systems of a module that show directories of Node show such files. Call it once for a module. */
export function showSpecialFiles({ FS }: Pick<EmscriptenModule, "FS">): void {
  const host = FS.filesystems.NODEFS as HostFileSystem;
  const createNode = host.createNode.bind(host);
  host.createNode = (parent, name, mode, dev) => {
    if (FS.isDir(mode) || FS.isFile(mode) || FS.isLink(mode)) {
      return createNode(parent, name, mode, dev);
    }
    const node = createNode(parent, name, (mode & ~TYPE_BITS) | REGULAR, dev);
    node.mode = mode;
    return node;
  };
}
