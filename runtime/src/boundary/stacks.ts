/**
 * Suspendable stacks (JavaScript Promise Integration): knows whether the stack that is running may be suspended.
 * A stack may be suspended while no JavaScript frame lies between its start (`WebAssembly.promising`) and the call that
 * suspends. Every plain call from JavaScript into wasm reserves room in the arena, so that is so exactly when the arena's top
 * is where it was when the stack was entered or resumed.
 * Invariant: one stack at a time is suspended. Plain calls that run meanwhile lie above it, on the interpreter's own stacks
 * too, and end before it goes on; a second suspended stack would need a second set of the interpreter's stacks.
 */
import type { Memory } from "./memory";

/** No stack that could be suspended is running. */
const NONE = -1;

/** The state of suspension of one interpreter. */
export class Stacks {
  #floor = NONE;
  #isWaiting = false;

  constructor(readonly memory: Memory) {}

  /** May the running stack be suspended? */
  get canSuspend(): boolean {
    return this.memory.top === this.#floor && !this.#isWaiting;
  }

  /** Does a suspended stack wait? */
  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /** The running stack is suspended. */
  suspended(): void {
    this.#isWaiting = true;
  }

  /** Makes a promising call: it returns when it has ended, or when it has suspended. */
  enter<T>(call: () => T): T {
    const outer = this.#floor;
    this.#floor = this.memory.top;
    try {
      return call();
    } finally {
      this.#floor = outer;
    }
  }

  /** A suspended stack goes on, from the event loop: nothing else is running. */
  resumed(): void {
    this.#isWaiting = false;
    this.#floor = this.memory.top;
  }
}
