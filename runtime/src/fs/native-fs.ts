/**
 * Native file system: a file system type that mirrors a FileSystemDirectoryHandle (a directory that the user chose,
 * or the origin private file system).
 * Files live in memory, as in MEMFS, and are compared with the directory when they are synchronised.
 * Not here: asking the user for the directory and for permission.
 * Invariants: nothing is written to the directory outside `syncfs`; a file that did not change is not written.
 */

import type { EmscriptenModule, FileSystemType, FSMount } from "../emscripten/module";

/** The part of FileSystemFileHandle that is used. */
interface FileHandle {
  readonly kind: "file";
  getFile(): Promise<File>;
  createWritable(): Promise<{ write(data: Uint8Array<ArrayBuffer>): Promise<void>; close(): Promise<void> }>;
}

/** The part of FileSystemDirectoryHandle that is used. */
export interface DirectoryHandle {
  readonly kind: "directory";
  entries(): AsyncIterable<[string, FileHandle | DirectoryHandle]>;
  getDirectoryHandle(name: string, options?: { create?: boolean }): Promise<DirectoryHandle>;
  getFileHandle(name: string, options?: { create?: boolean }): Promise<FileHandle>;
  removeEntry(name: string, options?: { recursive?: boolean }): Promise<void>;
}

type Entry =
  | { readonly kind: "directory"; readonly handle?: DirectoryHandle }
  | { readonly kind: "file"; readonly mtimeMs: number; readonly handle?: FileHandle };

/** Relative paths, with `/` between names. */
type Listing = Map<string, Entry>;

type Host = Pick<EmscriptenModule, "FS" | "PATH">;

export function makeNativeFileSystem({ FS, PATH }: Host): FileSystemType {
  return {
    mount: (mount) => FS.filesystems.MEMFS.mount(mount),
    syncfs(mount, populate, done) {
      const handle = mount.opts["handle"] as DirectoryHandle;
      const work = populate ? readAll(mount, handle) : writeAll(mount, handle);
      work.then(
        () => done(null),
        (error: unknown) => done(error),
      );
    },
  };

  async function readAll(mount: FSMount, root: DirectoryHandle): Promise<void> {
    const there = await listDirectory(root);
    const here = listMemory(mount);
    for (const [path, entry] of there) {
      const target = PATH.join2(mount.mountpoint, path);
      const existing = here.get(path);
      if (existing !== undefined && existing.kind !== entry.kind) {
        removeTree(target);
      }
      if (entry.kind === "directory") {
        FS.mkdirTree(target);
      } else if (entry.handle !== undefined && !(existing?.kind === "file" && existing.mtimeMs === entry.mtimeMs)) {
        const file = await entry.handle.getFile();
        FS.writeFile(target, new Uint8Array(await file.arrayBuffer()), { canOwn: true });
        FS.utime(target, file.lastModified, file.lastModified);
      }
    }
    for (const path of here.keys()) {
      const target = PATH.join2(mount.mountpoint, path);
      if (!there.has(path) && FS.analyzePath(target).exists) {
        removeTree(target);
      }
    }
  }

  async function writeAll(mount: FSMount, root: DirectoryHandle): Promise<void> {
    const there = await listDirectory(root);
    const here = listMemory(mount);
    const removed: string[] = [];
    for (const [path, entry] of there) {
      const below = removed.some((parent) => path.startsWith(`${parent}/`));
      if (!below && here.get(path)?.kind !== entry.kind) {
        const [parent, name] = await parentOf(root, path);
        await parent.removeEntry(name, { recursive: true });
        removed.push(path);
      }
    }
    for (const [path, entry] of here) {
      const [parent, name] = await parentOf(root, path);
      if (entry.kind === "directory") {
        await parent.getDirectoryHandle(name, { create: true });
        continue;
      }
      const existing = there.get(path);
      if (existing?.kind === "file" && existing.mtimeMs === entry.mtimeMs && !removed.includes(path)) {
        continue;
      }
      const target = PATH.join2(mount.mountpoint, path);
      const handle = await parent.getFileHandle(name, { create: true });
      const writable = await handle.createWritable();
      await writable.write(new Uint8Array(FS.readFile(target)));
      await writable.close();
      // The host sets its own time: taking it over makes the next comparison find nothing to do.
      const { lastModified } = await handle.getFile();
      FS.utime(target, lastModified, lastModified);
    }
  }

  function listMemory(mount: FSMount): Listing {
    const found: Listing = new Map();
    const visit = (directory: string, prefix: string): void => {
      for (const name of FS.readdir(directory)) {
        if (name === "." || name === "..") {
          continue;
        }
        const path = PATH.join2(directory, name);
        // Links stay inside: such a directory has none, and what they point to may lie elsewhere.
        const stat = FS.lstat(path);
        if (FS.isDir(stat.mode)) {
          found.set(prefix + name, { kind: "directory" });
          visit(path, `${prefix}${name}/`);
        } else if (FS.isFile(stat.mode)) {
          found.set(prefix + name, { kind: "file", mtimeMs: stat.mtime.getTime() });
        }
      }
    };
    visit(mount.mountpoint, "");
    return found;
  }

  function removeTree(path: string): void {
    if (!FS.isDir(FS.lstat(path).mode)) {
      FS.unlink(path);
      return;
    }
    for (const name of FS.readdir(path)) {
      if (name !== "." && name !== "..") {
        removeTree(PATH.join2(path, name));
      }
    }
    FS.rmdir(path);
  }
}

/** Everything below a directory; parents come before what is in them. */
async function listDirectory(root: DirectoryHandle): Promise<Listing> {
  const found: Listing = new Map();
  const visit = async (directory: DirectoryHandle, prefix: string): Promise<void> => {
    for await (const [name, handle] of directory.entries()) {
      if (handle.kind === "directory") {
        found.set(prefix + name, { kind: "directory", handle });
        await visit(handle, `${prefix}${name}/`);
      } else {
        found.set(prefix + name, { kind: "file", mtimeMs: (await handle.getFile()).lastModified, handle });
      }
    }
  };
  await visit(root, "");
  return found;
}

async function parentOf(root: DirectoryHandle, path: string): Promise<[DirectoryHandle, string]> {
  const names = path.split("/");
  const last = names.pop() as string;
  let directory = root;
  for (const name of names) {
    directory = await directory.getDirectoryHandle(name, { create: true });
  }
  return [directory, last];
}
