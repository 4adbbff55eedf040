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

/** Makes the files. What is there already is replaced. */
export function placeFiles({ FS }: Host, files: readonly SavedFile[], bytes: Uint8Array): void {
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
    } else {
      // A copy: programs write into it, and the snapshot may be used again.
      FS.writeFile(path, bytes.slice(at, at + length), { canOwn: true, mode });
      at += length;
    }
    FS.utime(path, mtime, mtime);
  }
}

/** The path of a file that is open beside the standard streams, if any. */
export function openFile({ FS }: Host): string | undefined {
  return FS.streams.find((stream) => stream !== null && stream !== undefined && (stream.fd ?? 0) > 2)?.path;
}
