/**
 * Processes that tests start: each is ended with its test, whatever became of the test.
 * Owns: the list of those that live. The runner (run.mjs) ends the process group of a file besides, for what these have started in turn.
 * Not here: what the processes are.
 */
import { spawn } from "node:child_process";

const living = new Set();

/** `spawn` of node:child_process for tests. */
export function start(program, args, options) {
  const child = spawn(program, args, options);
  living.add(child);
  const forget = () => living.delete(child);
  child.on("exit", forget);
  child.on("error", forget);
  return child;
}

/** Runs a program to its end: its exit code and what it wrote. */
export function outputOf(program, args, { input, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const child = start(program, args, { ...options, stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"] });
    let out = "";
    let err = "";
    child.stdout.on("data", (data) => {
      out += data;
    });
    child.stderr.on("data", (data) => {
      err += data;
    });
    child.on("error", reject);
    child.stdin?.end(input);
    child.on("close", (code) => resolve({ code, out, err }));
  });
}

/** Ends what the last test has left running; how many those were. */
export function endAll() {
  const left = [...living];
  living.clear();
  for (const child of left) child.kill("SIGKILL");
  return left.length;
}

/** Ends a process that leads a group, and whatever it has started. */
export function endGroup(leader) {
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // Nothing of it is left.
  }
}
