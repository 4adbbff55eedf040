/**
 * Layout: the directories and files that Python finds at its start.
 * Not here: mounts of host directories (mount.ts), what is in packages (packages).
 * Invariant: the archive of the standard library is placed without being copied, and without being read.
 */

import type { EmscriptenModule } from "../emscripten/module";
import { type StoredFile, placeStoredFile } from "./stored-file";

/** Python version as `3.14`, and where its files are. */
export interface PythonPaths {
  readonly stdlibZip: string;
  readonly stdlib: string;
  readonly libDynload: string;
  readonly sitePackages: string;
}

export function pythonPaths(version: string, prefix = ""): PythonPaths {
  const [major = "3", minor = "0"] = version.split(".");
  const stdlib = `${prefix}/lib/python${major}.${minor}`;
  return {
    stdlibZip: `${prefix}/lib/python${major}${minor}.zip`,
    stdlib,
    libDynload: `${stdlib}/lib-dynload`,
    sitePackages: `${stdlib}/site-packages`,
  };
}

/** Makes Python's directories and puts the standard library in its place; `sideModules` are those of its modules that are files of their own. */
export function layOut(module: Pick<EmscriptenModule, "FS" | "ERRNO_CODES">, paths: PythonPaths, stdlib: StoredFile, sideModules: ReadonlyMap<string, StoredFile>): void {
  const { FS } = module;
  const report = (error: unknown): void => console.error(`Python cannot read its standard library: ${String((error as { message?: unknown } | null)?.message ?? error)}`);
  FS.mkdirTree(paths.libDynload);
  FS.mkdirTree(paths.sitePackages);
  placeStoredFile(module, paths.stdlibZip, stdlib, 0o444, report);
  for (const [path, file] of sideModules) {
    placeStoredFile(module, path, file, 0o555, report);
  }
}

/** Makes the whole file system anew, as it is when an instance begins; host directories are unmounted, and whatever was open is closed. */
export function renewFiles({ FS }: Pick<EmscriptenModule, "FS">): void {
  for (const stream of FS.streams) {
    try {
      if (stream) {
        FS.close(stream);
      }
    } catch {
      // What cannot be closed, like a file whose host is gone, is forgotten.
    }
  }
  const inside = FS as unknown as { root: null; mounts: unknown[]; devices: object; streams: unknown[]; currentPath: string; initialized: boolean; staticInit(): void };
  Object.assign(inside, { root: null, mounts: [], devices: {}, streams: [], currentPath: "/", initialized: false });
  inside.staticInit();
}

/** Makes the home directory and goes there. */
export function enterHome(module: Pick<EmscriptenModule, "FS">, home: string): void {
  const { FS } = module;
  // Emscripten's own idea of a home.
  if (home !== "/home/web_user") {
    FS.rmdir("/home/web_user");
  }
  FS.mkdirTree(home);
  FS.chdir(home);
}
