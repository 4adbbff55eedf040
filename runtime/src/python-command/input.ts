/**
 * Standard input of the `python` command when reading it may take long: the main thread reads, Python waits and can be interrupted.
 * Not here: files, which Python's thread reads itself.
 * Invariants: nothing is read before Python wants it, so that a program takes no more from a terminal than it uses; bytes that arrive after a
 * read was interrupted are there for the next one.
 */

import type { ReadStream } from "node:tty";
import { type ByteSource, StreamError } from "../streams/handlers";
import { type Channel, CHANGES, FAILED, INPUT_LENGTH, INPUT_STATE, type Message, NOTHING, SIGNAL, THERE, WANTED, announce } from "./channel";

/** Python's side. */
export class SharedInput implements ByteSource {
  #taken = 0;

  constructor(
    private readonly channel: Channel,
    readonly isatty: boolean,
    private readonly send: (message: Message) => void,
  ) {}

  read(buffer: Uint8Array): number {
    const { control } = this.channel;
    for (;;) {
      const seen = Atomics.load(control, CHANGES);
      this.#want();
      if (this.isReady()) {
        return this.#take(buffer);
      }
      if (Atomics.load(control, SIGNAL) !== 0) {
        // CPython handles the signal, and reads again if that raised nothing.
        throw new StreamError("EINTR");
      }
      Atomics.wait(control, CHANGES, seen);
    }
  }

  /** Is there input, its end, or an error? */
  isReady(): boolean {
    return Atomics.load(this.channel.control, INPUT_STATE) === THERE;
  }

  poll(): boolean {
    this.#want();
    return this.isReady();
  }

  /** Waits for input or a signal. */
  wait(milliseconds: number): void {
    const { control } = this.channel;
    const seen = Atomics.load(control, CHANGES);
    if (!this.poll() && Atomics.load(control, SIGNAL) === 0) {
      Atomics.wait(control, CHANGES, seen, milliseconds);
    }
  }

  /** Forgets what was typed and not read. */
  discard(): void {
    if (this.isReady()) {
      this.#finish();
    }
  }

  #want(): void {
    if (Atomics.compareExchange(this.channel.control, INPUT_STATE, NOTHING, WANTED) === NOTHING) {
      this.send({ what: "input" });
    }
  }

  #take(buffer: Uint8Array): number {
    const { control, input } = this.channel;
    const length = Atomics.load(control, INPUT_LENGTH);
    if (length === FAILED) {
      this.#finish();
      throw new StreamError("EIO");
    }
    const count = Math.min(length - this.#taken, buffer.length);
    buffer.set(input.subarray(this.#taken, this.#taken + count));
    this.#taken += count;
    if (this.#taken === length) {
      this.#finish();
    }
    return count;
  }

  #finish(): void {
    this.#taken = 0;
    Atomics.store(this.channel.control, INPUT_STATE, NOTHING);
  }
}

type Readable = NodeJS.ReadStream | ReadStream;

/** The main thread's side. */
export class InputReader {
  #stream: Readable | undefined;
  #hasEnded = false;

  constructor(
    private readonly channel: Channel,
    /** Opens standard input, for a terminal anew after each end of input. */
    private readonly open: () => Readable,
    private readonly isTerminal: boolean,
  ) {}

  /** Reads as soon as there is something. */
  want(): void {
    if (Atomics.load(this.channel.control, INPUT_STATE) !== WANTED) {
      return; // it was given before this was asked
    }
    if (this.#hasEnded) {
      this.#give(0);
      return;
    }
    if (this.#stream === undefined) {
      this.#stream = this.open();
      this.#stream.on("readable", () => this.#next());
      this.#stream.on("end", () => this.#end(0));
      // A terminal whose other side is gone.
      this.#stream.on("error", () => this.#end(FAILED));
    }
    this.#next();
  }

  #next(): void {
    const { control, input } = this.channel;
    const stream = this.#stream;
    if (stream === undefined || Atomics.load(control, INPUT_STATE) !== WANTED) {
      return;
    }
    const chunk = stream.read(stream.readableLength > input.length ? input.length : undefined) as Uint8Array | null;
    if (chunk !== null && chunk.length > 0) {
      input.set(chunk);
      this.#give(chunk.length);
    }
  }

  #end(length: number): void {
    if (this.isTerminal && length === 0) {
      // Ctrl-D ends one read; there may be more to read afterwards.
      this.#stream = undefined;
    } else {
      this.#hasEnded = true;
    }
    if (Atomics.load(this.channel.control, INPUT_STATE) === WANTED) {
      this.#give(length);
    }
  }

  #give(length: number): void {
    const { control } = this.channel;
    Atomics.store(control, INPUT_LENGTH, length);
    Atomics.store(control, INPUT_STATE, THERE);
    announce(this.channel);
  }
}
