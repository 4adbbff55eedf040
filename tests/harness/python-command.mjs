/**
 * Starting `dist/python` and folders of files for it.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { start } from "./processes.mjs";

/** The launcher, started with the Node under test: its first line asks for the `node` on PATH. */
export function launcher(dist) {
  return [process.execPath, path.join(dist, "python.mjs")];
}

/** Runs the command to its end. */
export function runPython(dist, args, { input = "", cwd, env = {}} = {}) {
  const [program, ...first] = launcher(dist);
  return new Promise((resolve, reject) => {
    const child = start(program, [...first, ...args], { cwd, env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
    let out = Buffer.alloc(0);
    let err = "";
    child.stdout.on("data", (data) => {
      out = Buffer.concat([out, data]);
    });
    child.stderr.on("data", (data) => {
      err += data;
    });
    child.on("error", reject);
    child.stdin.on("error", () => {});
    child.stdin.end(input);
    child.on("close", (code, killedBy) => resolve({ code, signal: killedBy, out: out.toString(), err, bytes: out }));
  });
}

/** Calls `work` with a temporary folder that holds `files`. */
export async function inFolder(files, work) {
  const folder = await mkdtemp(path.join(os.tmpdir(), "pyoxide-cli-"));
  try {
    for (const [name, content] of Object.entries(files)) {
      await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
      await writeFile(path.join(folder, name), content);
    }
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
