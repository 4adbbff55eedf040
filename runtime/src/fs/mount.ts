/**
 * Mounts: host directories in the virtual file system.
 * Not here: the file system type for browser directory handles (native-fs.ts).
 * Invariant: nothing that exists is hidden by a mount: the mount point is a new or an empty directory.
 */

import type { NodeModules } from "../environment/node";
import type { EmscriptenModule } from "../emscripten/module";
import { type DirectoryHandle, makeNativeFileSystem } from "./native-fs";

type Host = Pick<EmscriptenModule, "FS" | "PATH" | "ERRNO_CODES">;

/** `pyodide.mountNodeFS`. */
export function mountNodeFS(host: Host, node: NodeModules | undefined, path: string, hostPath: string): void {
  if (node === undefined) {
    throw new Error("mountNodeFS: there is no host file system here, it works only in Node.js.");
  }
  checkPath("mountNodeFS", path);
  if (typeof hostPath !== "string") {
    throw new TypeError("mountNodeFS: `hostPath` must be a string.");
  }
  const stat = node.fs.statSync(hostPath, { throwIfNoEntry: false });
  if (stat === undefined) {
    throw new Error(`mountNodeFS: the host directory ${hostPath} does not exist.`);
  }
  if (!stat.isDirectory()) {
    throw new Error(`mountNodeFS: ${hostPath} is not a directory of the host.`);
  }
  prepareMountPoint("mountNodeFS", host, path);
  host.FS.mount(host.FS.filesystems.NODEFS, { root: node.path.resolve(hostPath) }, path);
}

/** `pyodide.mountNativeFS`. */
export async function mountNativeFS(host: Host, path: string, handle: DirectoryHandle): Promise<{ syncfs: () => Promise<void> }> {
  checkPath("mountNativeFS", path);
  const kind = (handle as { kind?: unknown } | null | undefined)?.kind;
  if (kind !== "directory") {
    throw new TypeError(
      `mountNativeFS: \`fileSystemHandle\` must be a FileSystemDirectoryHandle, not ${kind === "file" ? "the handle of a file" : typeof handle}.`,
    );
  }
  const forget = prepareMountPoint("mountNativeFS", host, path);
  const type = makeNativeFileSystem(host);
  host.FS.mount(type, { handle }, path);
  const sync = (populate: boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const mount = host.FS.lookupPath(path).node.mount;
      type.syncfs?.(mount, populate, (error) => (error === null || error === undefined ? resolve() : reject(error)));
    });
  try {
    await sync(true);
  } catch (error) {
    host.FS.unmount(path);
    forget();
    const { name, message } = error as Error;
    throw new Error(`mountNativeFS: the directory could not be read: ${name}: ${message}`, { cause: error });
  }
  return { syncfs: () => sync(false) };
}

function checkPath(name: string, path: unknown): asserts path is string {
  if (typeof path !== "string") {
    throw new TypeError(`${name}: the path to mount at must be a string.`);
  }
  if (!path.startsWith("/")) {
    throw new Error(`${name}: the path to mount at must be absolute, which ${JSON.stringify(path)} is not.`);
  }
}

/** Makes or checks the directory to mount at. The result removes the directories that were made. */
function prepareMountPoint(name: string, { FS, PATH, ERRNO_CODES }: Host, path: string): () => void {
  const made: string[] = [];
  for (let above = PATH.normalize(path); above !== "/" && !FS.analyzePath(above).exists; above = PATH.dirname(above)) {
    made.push(above);
  }
  try {
    FS.mkdirTree(path);
  } catch (error) {
    const errno = (error as { errno?: unknown } | null)?.errno;
    if (errno === ERRNO_CODES["ENOTDIR"] || errno === ERRNO_CODES["EEXIST"]) {
      throw new Error(`${name}: ${path} cannot be made a directory: a file of that name is in the way.`);
    }
    throw error;
  }
  const { node } = FS.lookupPath(path, { follow_mount: false });
  if (FS.isMountpoint(node)) {
    throw new Error(`${name}: ${path} is a mount point already.`);
  }
  if (!FS.isDir(node.mode)) {
    throw new Error(`${name}: ${path} is a file; a directory is needed to mount at.`);
  }
  if (FS.readdir(path).some((entry) => entry !== "." && entry !== "..")) {
    throw new Error(`${name}: the directory ${path} is not empty; mount at a new or an empty one.`);
  }
  return () => made.forEach((directory) => FS.rmdir(directory));
}
