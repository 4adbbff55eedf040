/**
 * Channel: what the two threads of the `python` command share. One runs Python and may block; the other has the signals, the terminal and
 * standard input of the process, which Node gives to its main thread only.
 * Not here: what either thread does with it (launch.ts, thread.ts).
 * Invariants: a cell is written by one side until it gives it to the other: SIGNAL from 0 by the main thread, to 0 by Python; the state of the
 * input from NOTHING by Python, from WANTED by the main thread, from THERE by Python. Every change by the main thread is counted.
 */

/** Cells of `control`. The first is where the interpreter looks for signals. */
export const SIGNAL = 0;
export const CHANGES = 1;
export const INPUT_STATE = 2;
export const INPUT_LENGTH = 3;
export const COLUMNS = 4;
export const ROWS = 5;
/** Counts the messages about signals that have been carried out. */
export const LISTENED = 6;
const CELLS = 7;

/** States of the input. */
export const NOTHING = 0;
export const WANTED = 1;
export const THERE = 2;

/** The length of input that could not be read. */
export const FAILED = -1;

const INPUT_BYTES = 1 << 16;

export interface Channel {
  readonly control: Int32Array<SharedArrayBuffer>;
  readonly input: Uint8Array<SharedArrayBuffer>;
}

export function makeChannel(): Channel {
  return {
    control: new Int32Array(new SharedArrayBuffer(4 * CELLS)),
    input: new Uint8Array(new SharedArrayBuffer(INPUT_BYTES)),
  };
}

/** Tells the thread of Python that something has changed. */
export function announce({ control }: Channel): void {
  Atomics.add(control, CHANGES, 1);
  Atomics.notify(control, CHANGES);
}

/** From the thread of Python. */
export type Message =
  /** Input is wanted. */
  | { readonly what: "input" }
  /** A signal is to be delivered, or is left to the operating system again. */
  | { readonly what: "listen"; readonly signal: number; readonly isWanted: boolean }
  /** The terminal is not as it was: how to make it so again. */
  | { readonly what: "terminal"; readonly original: string }
  /** The program has ended; with `signal` because of it. */
  | { readonly what: "end"; readonly status: number; readonly signal: "SIGINT" | undefined }
  /** Python could not be started, or broke down. */
  | { readonly what: "failed"; readonly status: number; readonly message: string };

/** What the thread of Python is given. */
export interface ThreadData {
  readonly channel: Channel;
  /** Whether standard input is a terminal, a pipe or a socket, which the main thread reads. */
  readonly isInputShared: boolean;
  /** For the build: saves the memory of an interpreter that has imported these modules, instead of running a program. */
  readonly snapshotToMake?: { readonly file: string; readonly modules: readonly string[] } | undefined;
}
