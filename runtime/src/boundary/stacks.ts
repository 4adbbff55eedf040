/**
 * Suspendable stacks (JavaScript Promise Integration): knows whether the stack that is running may be suspended, which ones wait, and
 * what their promises settled with.
 * A stack may be suspended while no JavaScript frame lies between its start (`WebAssembly.promising`) and the call that
 * suspends. Every plain call from JavaScript into wasm reserves room in the arena, so that is so exactly when the arena's top
 * is where it was when the stack was entered or resumed. What JavaScript of the dynamic linker calls has no arena, and is counted: functions
 * that C++ libraries find in each other at their first call, constructors of a library that is being loaded.
 *
 * A stack that computes for long is suspended now and then for one turn of the host's event loop, so that it can be interrupted. It has not
 * asked for that: until it ends or waits by itself, no other stack goes on and no callback of Python runs, only what JavaScript calls.
 * A stack that is suspended leaves the pointer of the stack in linear memory where its own part begins: whoever started it, and the event loop when it has
 * ended, put the pointer back, or that stack would fill up.
 * Not here: what of Python belongs to a stack (`stacks.rs`).
 * Invariant: suspended stacks have nothing in the arena, so that they can wait and go on in any order.
 */
import type { Address } from "./generated";
import type { Memory } from "./memory";

/** No stack that could be suspended is running. */
const NONE = -1;

/** What came of a wait: the promise settled, or a signal has to be handled first. */
export type Settlement = { readonly ok: boolean; readonly value: unknown } | "signal";

const SIGNAL: Settlement = "signal";

/** How often shared memory is looked at for a signal while a stack waits. */
const SIGNAL_CHECK_MS = 20;

type Schedule = (callback: () => void, delayMs: number) => unknown;

/** The pointer of the stack in linear memory. */
export interface StackPointer {
  readonly get: () => number;
  readonly set: (address: number) => void;
  /** Where it is when nothing runs; known once the memory is there. */
  readonly getBase: () => number;
}

/** The state of suspension of one interpreter. */
export class Stacks {
  #floor = NONE;
  readonly #settlements = new Map<Address, Settlement>();
  /** Stacks that wait, in the order in which they began to, and what wakes them before their promise settles. */
  readonly #waiting = new Map<Address, () => void>();
  /** Stacks that had a turn of the host in the middle of a computation. */
  readonly #computing = new Set<Address>();
  #hasSignalArrived: (() => boolean) | undefined;
  #isWatching = false;
  #pointer: StackPointer | undefined;
  #libraryCalls: () => number = () => 0;
  /** What has to wait for them. */
  #postponed: (() => void)[] = [];

  constructor(
    readonly memory: Memory,
    readonly schedule: Schedule,
  ) {}

  /** May the running stack be suspended? */
  get canSuspend(): boolean {
    return this.memory.top === this.#floor && this.#libraryCalls() === 0;
  }

  /** Is there a stack that will go on? */
  get isWaiting(): boolean {
    return this.#waiting.size > 0 || this.#computing.size > 0;
  }

  /** Takes over an instance: its stack pointer, and how many calls into side modules are running in it. */
  attach(pointer: StackPointer, libraryCalls: () => number): void {
    this.#pointer = pointer;
    this.#libraryCalls = libraryCalls;
  }

  /** A stack that was started by Python's own calls has ended, and the event loop runs. */
  ended(): void {
    if (this.memory.isIdle) this.#pointer?.set(this.#pointer.getBase());
  }

  /** Makes a promising call: it returns when it has ended, or when it has suspended. */
  enter<T>(call: () => T): T {
    const outer = this.#floor;
    const address = this.#pointer?.get();
    this.#floor = this.memory.top;
    try {
      return call();
    } finally {
      this.#floor = outer;
      if (address !== undefined) this.#pointer?.set(address);
    }
  }

  /** Waits for a promise on behalf of a stack, which then asks for the settlement. `alive` throws when the stack must not go on. */
  wait(stack: Address, promise: unknown, alive: () => void): Promise<number> {
    this.free(stack);
    return new Promise<number>((resume, fail) => {
      const goOn = (settlement: Settlement): void => {
        // Not if it was woken before, even if it waits again.
        if (this.#waiting.get(stack) !== wake) return;
        this.#waiting.delete(stack);
        this.whenFree(() => {
          try {
            alive();
            this.#resume(stack, settlement);
            resume(0);
          } catch (error) {
            fail(error);
          }
        });
      };
      const wake = (): void => goOn(SIGNAL);
      this.#waiting.set(stack, wake);
      this.#watchSignals();
      Promise.resolve(promise).then(
        (value) => goOn({ ok: true, value }),
        (error: unknown) => goOn({ ok: false, value: error }),
      );
    });
  }

  /** Begins a turn of the host in the middle of a computation. */
  beginTurn(stack: Address): void {
    this.#computing.add(stack);
  }

  /** Gives the host one turn. */
  turn(stack: Address, alive: () => void): Promise<number> {
    return new Promise<number>((resume, fail) => {
      this.schedule(() => {
        try {
          alive();
          this.#resume(stack, SIGNAL);
          resume(0);
        } catch (error) {
          fail(error);
        }
      }, 0);
    });
  }

  /** The stack has ended, or waits by itself: what had to wait for its computation can run. */
  free(stack: Address): void {
    if (!this.#computing.delete(stack) || this.#computing.size > 0) return;
    const postponed = this.#postponed;
    this.#postponed = [];
    for (const callback of postponed) this.schedule(() => this.whenFree(callback), 0);
  }

  /** Forgets every stack: what is suspended never goes on. Timers that were set are the scheduler's. */
  clear(): void {
    this.#floor = NONE;
    this.#settlements.clear();
    this.#waiting.clear();
    this.#computing.clear();
    this.#postponed = [];
    this.#hasSignalArrived = undefined;
    this.#isWatching = false;
  }

  /** Runs a callback of Python now, or when no computation is interrupted by it. */
  whenFree(callback: () => void): void {
    if (this.#computing.size === 0) callback();
    else this.#postponed.push(callback);
  }

  /** A settlement that is there at once: the stack is not suspended. */
  setSettlement(stack: Address, settlement: Settlement): void {
    this.#settlements.set(stack, settlement);
  }

  /** Takes what a stack has waited for. */
  takeSettlement(stack: Address): Settlement {
    const settlement = this.#settlements.get(stack);
    if (settlement === undefined) throw new Error("Pyoxide has a bug: a stack was resumed that did not wait");
    this.#settlements.delete(stack);
    return settlement;
  }

  /** Lets somebody handle a signal that was raised: the stack that computes, else the one that began to wait last. False if there is none. */
  wake(): boolean {
    if (this.#computing.size > 0) return true; // its turn ends anyway
    const last = [...this.#waiting.values()].at(-1);
    last?.();
    return last !== undefined;
  }

  /** Lets one stack go on before its promise settles, when nothing else runs: it may be another stack that asks for it. */
  wakeStack(stack: Address): void {
    const wake = this.#waiting.get(stack);
    if (wake !== undefined) queueMicrotask(wake);
  }

  /** Sets what tells whether a signal has arrived in shared memory, which only Python that runs would notice. */
  setSignalCheck(hasArrived: (() => boolean) | undefined): void {
    this.#hasSignalArrived = hasArrived;
    this.#watchSignals();
  }

  #watchSignals(): void {
    if (this.#hasSignalArrived === undefined || this.#waiting.size === 0 || this.#isWatching) return;
    this.#isWatching = true;
    this.schedule(() => {
      this.#isWatching = false;
      if (this.#hasSignalArrived?.() === true) this.wake();
      this.#watchSignals();
    }, SIGNAL_CHECK_MS);
  }

  /** A stack goes on, from the event loop, where nothing else is running. */
  #resume(stack: Address, settlement: Settlement): void {
    this.#floor = this.memory.top;
    this.#settlements.set(stack, settlement);
  }
}
