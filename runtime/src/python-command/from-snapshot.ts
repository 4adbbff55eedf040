/**
 * From a snapshot or from nothing: which start of the `python` command can begin with the saved memory of another.
 * Not here: starting (thread.ts), what of a process is put into the saved memory (`_pyodide._command`, `crates/pyoxide-core/src/refresh.rs`).
 * Invariant: whatever Python decides only while it starts, options and `PYTHON*` variables, is left to a start from nothing.
 */

import type { NodeModules } from "../environment/node";

/** Options that a running interpreter can still obey (`crates/pyoxide-core/src/command.rs`). */
const LATE_OPTIONS = /^-[uBs]+$/;
const LATE_VARIABLES = new Set(["PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONNOUSERSITE", "PYTHONPATH"]);

/** `args` are those behind the name of the command. */
export function startsFromSnapshot(args: readonly string[], { fs, process }: NodeModules): boolean {
  if (Object.entries(process.env).some(([name, value]) => name.startsWith("PYTHON") && value !== "" && !LATE_VARIABLES.has(name))) {
    return false;
  }
  try {
    // Python refuses to start with it, and says so.
    if (fs.fstatSync(0).isDirectory()) {
      return false;
    }
  } catch {
    // Standard input is closed: it is None.
  }
  const at = args.findIndex((argument) => !LATE_OPTIONS.test(argument));
  const [first, second] = at < 0 ? [] : args.slice(at);
  if (first === "-c" || first === "-m") {
    return second !== undefined;
  }
  return first === undefined || first === "-" || (first !== "" && !first.startsWith("-"));
}
