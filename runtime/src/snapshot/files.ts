/**
 * Files of a snapshot: what lies in the memory of the virtual file system.
 * Not here: devices, and what the loader places at every start (the standard library).
 * Invariant: a mounted host directory is never read: it is not part of the interpreter, and is refused with its name.
 */

import type { EmscriptenModule, FSNode } from "../emscripten/module";
import { type SavedFile, SnapshotError } from "./format";

type Host = Pick<EmscriptenModule, "FS">;

/** Directories that are made at every start and hold devices or descriptions of the process. */
const NOT_SAVED = new Set(["/dev", "/proc"]);
const PERMISSIONS = 0o7777;

/** All files, links and directories, parents first. */
export function saveFiles({ FS }: Host, except: ReadonlySet<string>): { files: SavedFile[]; contents: Uint8Array[] } {
  const files: SavedFile[] = [];
  const contents: Uint8Array[] = [];
  const visit = (directory: string): void => {
    for (const name of FS.readdir(directory)) {
      const path = directory === "/" ? `/${name}` : `${directory}/${name}`;
      if (name === "." || name === ".." || NOT_SAVED.has(path) || except.has(path)) {
        continue;
      }
      const { mode, mtime } = FS.lstat(path);
      const common = { path, mode: mode & PERMISSIONS, mtime: mtime.getTime() };
      if (FS.isLink(mode)) {
        files.push({ ...common, target: FS.readlink(path) });
      } else if (FS.isDir(mode)) {
        if (isMount(FS.lookupPath(path).node)) {
          throw new SnapshotError(`A directory of the host is mounted at ${path}: a snapshot cannot hold it, unmount it first (pyodide.FS.unmount)`);
        }
        files.push(common);
        visit(path);
      } else if (FS.isFile(mode)) {
        const content = FS.readFile(path);
        files.push({ ...common, bytes: content.length });
        contents.push(content);
      } else {
        throw new SnapshotError(`${path} is a device or a pipe: a snapshot cannot hold it`);
      }
    }
  };
  visit("/");
  return { files, contents };
}

function isMount(node: FSNode): boolean {
  return node.mounted !== null && node.mounted !== undefined ? true : node.mount.mountpoint !== "/";
}

/** A file or directory of the in-memory file system, as far as this file knows it. */
interface MemoryNode extends FSNode {
  contents: Uint8Array | Record<string, FSNode>;
  usedBytes: number;
  atime: number;
  mtime: number;
  ctime: number;
  readonly node_ops: { mknod(parent: FSNode, name: string, mode: number, device: number): MemoryNode };
}

const FILE = 0o100000;

/**
 * Makes the files. What is there already is replaced.
 * PERF: a snapshot with packages has hundreds of them: directories are looked up once, and all content is one copy (restore: with pydantic over plain).
 */
export function placeFiles({ FS }: Host, files: readonly SavedFile[], bytes: Uint8Array): void {
  // A copy: programs write into it, and the snapshot may be used again.
  const content = bytes.slice();
  const directories = new Map<string, MemoryNode>();
  const directoryOf = (path: string): MemoryNode => {
    let found = directories.get(path);
    if (found === undefined) {
      found = FS.lookupPath(path, { follow: true }).node as MemoryNode;
      directories.set(path, found);
    }
    return found;
  };
  const times: (() => void)[] = [];
  let at = 0;
  for (const { path, mode, mtime, bytes: length, target } of files) {
    if (target !== undefined) {
      if (!FS.analyzePath(path).exists) {
        FS.symlink(target, path);
      }
      continue;
    }
    if (length === undefined) {
      FS.mkdirTree(path, mode);
      // What is made in a directory changes its time.
      times.push(() => FS.utime(path, mtime, mtime));
      continue;
    }
    const slash = path.lastIndexOf("/");
    const parent = directoryOf(path.slice(0, slash) || "/");
    const name = path.slice(slash + 1);
    const own = content.subarray(at, (at += length));
    if (parent.mount.type !== FS.filesystems.MEMFS) {
      FS.writeFile(path, own, { mode });
      FS.utime(path, mtime, mtime);
      continue;
    }
    if (Object.hasOwn(parent.contents, name)) {
      FS.unlink(path);
    }
    const node = parent.node_ops.mknod(parent, name, FILE | mode, 0);
    node.contents = own;
    node.usedBytes = length;
    node.atime = node.mtime = node.ctime = mtime;
  }
  for (const set of times) {
    set();
  }
}

/** The bytes of a file of a snapshot, which the caller does not change; undefined if it is not among its files. */
export function savedFile(files: readonly SavedFile[], content: Uint8Array, wanted: string): Uint8Array | undefined {
  let at = 0;
  for (const { path, bytes = 0 } of files) {
    if (path === wanted) {
      return content.subarray(at, at + bytes);
    }
    at += bytes;
  }
  return undefined;
}

/** The bytes of a file, which the caller does not change: no copy where the file is in memory. */
export function peekFile({ FS }: Host, path: string): Uint8Array {
  const node = FS.lookupPath(path, { follow: true }).node as MemoryNode;
  return node.mount.type === FS.filesystems.MEMFS ? (node.contents as Uint8Array).subarray(0, node.usedBytes) : FS.readFile(path);
}

/** The path of a file that is open beside the standard streams, if any. */
export function openFile({ FS }: Host): string | undefined {
  return FS.streams.find((stream) => stream !== null && stream !== undefined && (stream.fd ?? 0) > 2)?.path;
}
