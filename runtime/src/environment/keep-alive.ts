/**
 * Keep-alive: gives Node's event loop something to wait for while the engine compiles.
 * Not here: keeping a program alive for its own sake.
 * Invariant: what is waited for settles, and nothing is left behind then.
 *
 * PERF: compiling WebAssembly does not keep Node's event loop alive. A loop without anything to do ends, and Node then waits for all work of the
 * engine's other threads, again and again, and runs the program from there: whoever had waited for `loadPyodide` had every later `await` wait
 * until all hot functions were optimised (Node 20: 60 ms; reset: fresh state for the first time).
 */

/** The longest that a timer can be set to. */
const TIMER_MS_MAX = 0x7fffffff;

/** Waits for `work`, and has the event loop wait too. */
export async function keepingAlive<T>(work: Promise<T>): Promise<T> {
  // Other hosts have no end of their event loop.
  if (typeof setImmediate !== "function") {
    return work;
  }
  const timer = setInterval(() => undefined, TIMER_MS_MAX);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}
