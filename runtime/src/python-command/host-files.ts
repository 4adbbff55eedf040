/**
 * Host files: shows the file system of the host inside the interpreter, under the same paths.
 * Not here: Python's own files (fs/layout.ts).
 * Invariants: /dev, /lib and /proc stay the interpreter's own; everything else at the top of the host's tree is the
 * host's. Files directly in the root directory of the host are not visible: only directories can be mounted.
 */

import type { NodeModules } from "../environment/node";
import type { EmscriptenModule } from "../emscripten/module";

const OWN_DIRECTORIES = new Set(["dev", "lib", "proc"]);

/** Mounts the top-level directories of the host and goes to its working directory. */
export function showHostFiles(module: EmscriptenModule, node: NodeModules): void {
  const { FS } = module;
  const { fs, path, process } = node;
  // On Windows this is the drive of the working directory.
  const { root } = path.parse(process.cwd());
  FS.rmdir("/home/web_user");
  // These are not the terminal: nobody would see what is written there.
  for (const name of ["/dev/tty", "/dev/tty1"]) {
    FS.unlink(name);
  }
  for (const entry of fs.readdirSync(root, { withFileTypes: true })) {
    if (OWN_DIRECTORIES.has(entry.name)) {
      continue;
    }
    const target = `/${entry.name}`;
    const hostPath = path.join(root, entry.name);
    if (entry.isSymbolicLink()) {
      if (FS.analyzePath(target).exists) {
        FS.rmdir(target);
      }
      FS.symlink(fs.readlinkSync(hostPath), target);
    } else if (entry.isDirectory()) {
      FS.mkdirTree(target);
      FS.mount(FS.filesystems.NODEFS, { root: hostPath }, target);
    }
  }
  enter(FS, insidePath(process.cwd(), root));
}

/** The path inside the interpreter of an absolute host path. */
export function insidePath(hostPath: string, root: string): string {
  return `/${hostPath.slice(root.length).replaceAll("\\", "/")}`;
}

function enter(FS: EmscriptenModule["FS"], directory: string): void {
  try {
    FS.chdir(directory);
  } catch {
    // A working directory under /dev, /lib or /proc, or one that was removed: start where a daemon would.
    FS.chdir("/");
  }
}
