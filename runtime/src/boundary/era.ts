/**
 * Era: the time between two resets of one interpreter.
 * Owns: whether what was made in it may still be used, and the promises that Python has not settled in it.
 * Not here: what a reset does (loader/reset.ts).
 * Invariant: an era that is over never begins again; its promises are rejected exactly once, and nobody is told of a rejection that
 * nobody waits for.
 */

/** Something that waits for Python. */
export interface Waiter {
  /** What was given to the program, if that is known by now. */
  promise: Promise<unknown> | undefined;
  reject: ((error: Error) => void) | undefined;
}

const nothing = (): void => undefined;

export class Era {
  /** PERF: read at every use of a PyProxy. */
  isOver = false;
  #reason: Error | undefined;
  readonly #waiters = new Set<Waiter>();

  /** Notes something that waits; `forget` must follow when it has been settled. */
  await(promise?: Promise<unknown>, reject?: (error: Error) => void): Waiter {
    const waiter = { promise, reject };
    this.#waiters.add(waiter);
    return waiter;
  }

  forget(waiter: Waiter): void {
    this.#waiters.delete(waiter);
  }

  /** Of a fatal error: nobody will settle what waits now. Returns whether something did. */
  tell(reason: Error): boolean {
    const waiters = [...this.#waiters].filter(({ reject }) => reject !== undefined);
    for (const waiter of waiters) {
      this.#waiters.delete(waiter);
      waiter.reject?.(reason);
    }
    return waiters.length > 0;
  }

  /** Ends the era. `rejectAll` must follow. */
  end(reason: Error): void {
    this.isOver = true;
    this.#reason = reason;
  }

  /** What waits is rejected: when the interpreter can be used again, so that whoever hears of it can go on. */
  rejectAll(): void {
    const reason = this.#reason ?? new Error(this.reason);
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const { promise, reject } of waiters) {
      // A task that nobody awaited ends silently, as it would have done when the program ended.
      promise?.catch(nothing);
      reject?.(reason);
    }
  }

  /** Why nothing of it can be used any more. */
  get reason(): string {
    return this.#reason?.message ?? "the interpreter is another one now";
  }
}
