/**
 * At end: what is to be done before a Node process ends.
 * Invariant: one listener of the process for all interpreters of it, and none while there is nothing to do: Node warns of more than ten.
 */

import type { NodeModules } from "./node";

/** Of the process, as the listener is. */
const waiting = new Set<() => void>();

function doAll(): void {
  for (const work of [...waiting]) {
    work();
  }
}

/** Has `work` done when the process ends. It cannot wait for anything then. */
export function atEnd(node: NodeModules, work: () => void): void {
  if (waiting.size === 0) {
    node.process.once("exit", doAll);
  }
  waiting.add(work);
}

export function notAtEnd(node: NodeModules, work: () => void): void {
  if (waiting.delete(work) && waiting.size === 0) {
    node.process.off("exit", doAll);
  }
}
