/**
 * Cache folder: where a user's programs keep what can be made again, in Node.
 * Not here: what is kept (code-cache.ts, packages/bytecode.ts).
 */

import type { NodeModules } from "./node";

/** A folder for one kind of thing; undefined where it is not to be known. */
export function cacheFolder({ path, process: { env, platform } }: NodeModules, kind: string): string | undefined {
  const home = env["HOME"] ?? env["USERPROFILE"];
  const ofPlatform = platform === "win32" ? env["LOCALAPPDATA"] : home === undefined ? undefined : path.join(home, platform === "darwin" ? "Library/Caches" : ".cache");
  const caches = env["XDG_CACHE_HOME"] || ofPlatform;
  return caches === undefined || !path.isAbsolute(caches) ? undefined : path.join(caches, "pyoxide", kind);
}

/** Writes a file so that nobody sees half of it, at once, because the process may be about to end. Then removes what was written longest ago. */
export function writeToCache(node: NodeModules, folder: string, name: string, bytes: Uint8Array, bytesMax: number): void {
  const { fs, path, process } = node;
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const temporary = path.join(folder, `.${name}.${process.pid}`);
  fs.writeFileSync(temporary, bytes, { mode: 0o600 });
  fs.renameSync(temporary, path.join(folder, name));
  makeRoom(node, folder, bytesMax);
}

function makeRoom({ fs, path }: NodeModules, folder: string, bytesMax: number): void {
  const files = fs.readdirSync(folder).map((name) => {
    const file = path.join(folder, name);
    const { size, mtimeMs } = fs.statSync(file);
    return { file, size, mtimeMs };
  });
  let total = files.reduce((sum, { size }) => sum + size, 0);
  for (const { file, size } of files.sort((a, b) => a.mtimeMs - b.mtimeMs)) {
    if (total <= bytesMax) {
      return;
    }
    fs.rmSync(file, { force: true });
    total -= size;
  }
}
