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
