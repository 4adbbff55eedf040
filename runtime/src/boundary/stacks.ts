/**
 * Suspendable stacks (JavaScript Promise Integration): knows whether the stack that is running may be suspended.
 * A stack may be suspended while no JavaScript frame lies between its start (`WebAssembly.promising`) and the call that
 * suspends. Every plain call from JavaScript into wasm reserves room in the arena, so that is so exactly when the arena's top
 * is where it was when the stack was entered or resumed.
 */
import type { Memory } from "./memory";

/** No stack that could be suspended is running. */
const NONE = -1;

/** The state of suspension of one interpreter. */
export class Stacks {
  #floor = NONE;
  readonly #outer: number[] = [];

  constructor(readonly memory: Memory) {}

  /** May the running stack be suspended? */
  get canSuspend(): boolean {
    return this.memory.top === this.#floor;
  }

  /** A promising call begins. */
  entered(): void {
    this.#outer.push(this.#floor);
    this.#floor = this.memory.top;
  }

  /** The promising call has returned to its caller: with its result, or suspended. */
  left(): void {
    this.#floor = this.#outer.pop() ?? NONE;
  }

  /** A suspended stack goes on, from the event loop: nothing else is running. */
  resumed(): void {
    this.#floor = this.memory.top;
  }
}
