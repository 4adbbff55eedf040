/**
 * Promises that Python got from calls and may look at later, when it has computed something or awaited something else.
 *
 * Hosts report promises that are rejected while nobody watches them, and Node ends the process; a program may have a promise for as long as it
 * likes before it awaits it. So whatever is not awaited at once counts as watched.
 * Invariant: a promise is added before the host looks for unwatched ones, because microtasks run first, also while a stack is suspended.
 */

/** A program that never awaits and never ends must not collect more. */
const MAX = 1000;

/** The promises since the last microtask. */
export class UnwatchedPromises {
  #promises: Promise<unknown>[] = [];

  /** Python has got a promise. PERF: most are awaited at once, which takes them out again (ffi: await). */
  add(promise: Promise<unknown>): void {
    const count = this.#promises.push(promise);
    if (count === 1) queueMicrotask(() => this.#watch());
    else if (count === MAX) this.#watch();
  }

  /** Python awaits it. */
  delete(promise: unknown): void {
    const promises = this.#promises;
    if (promises.length !== 0 && promises[promises.length - 1] === promise) promises.pop();
  }

  #watch(): void {
    const promises = this.#promises;
    this.#promises = [];
    for (const promise of promises) {
      try {
        Promise.prototype.then.call(promise, undefined, ignore);
      } catch {
        // A promise of a class that does not like it.
      }
    }
  }
}

function ignore(): void {
  // Whoever awaits it gets the error.
}
