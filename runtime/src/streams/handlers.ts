/**
 * Handlers: turns what callers pass to setStdin, setStdout and setStderr into byte sources and sinks.
 * Not here: file descriptors (standard-streams.ts), the defaults of a host (defaults.ts).
 * Invariants: bytes are neither lost, added nor reordered; a handler gets its options object as `this`; a buffer
 * that a handler sees is its own and never a view of WebAssembly memory.
 */

/** Where input comes from. */
export interface ByteSource {
  readonly isatty: boolean;
  /** Fills `buffer` from its beginning: the number of bytes, 0 at the end of input. */
  read(buffer: Uint8Array): number;
  /** Would a read return at once? Absent where it always would, or where nobody can tell. */
  poll?(): boolean;
  fsync?(): void;
}

/** Where output goes. */
export interface ByteSink {
  readonly isatty: boolean;
  /** Takes bytes: the number it took. The buffer is only valid during the call. */
  write(buffer: Uint8Array): number;
  /** Passes on what is held back. */
  fsync?(): void;
}

/** What a `stdin` handler gives: a line, bytes, one byte as a number, or nothing at the end of input. */
export type StdinValue = string | ArrayBuffer | ArrayBufferView | number | null | undefined;

/** Options of `setStdin`. */
export interface StdinOptions {
  /**
   * Gives a line, bytes, one byte as a number, or nothing at the end of input. It may be asynchronous where the JavaScript engine can suspend
   * WebAssembly (JSPI) and Python was entered with `runPythonAsync` or `callPromising`.
   */
  stdin?: (() => StdinValue | PromiseLike<StdinValue>) | undefined;
  /** Fills a buffer with bytes and returns how many. It may be asynchronous as `stdin` may. */
  read?: ((buffer: Uint8Array) => number | PromiseLike<number>) | undefined;
  /** Called when standard input is synchronised. Only with `read`. */
  fsync?: (() => void) | undefined;
  /** Every read is an I/O error. */
  error?: boolean | undefined;
  /** What `sys.stdin.isatty()` says. */
  isatty?: boolean | undefined;
  /** End the read after every string or buffer that `stdin` gives (default true). */
  autoEOF?: boolean | undefined;
}

/** Options of `setStdout` and `setStderr`. */
export interface StdwriteOptions {
  /** Gets whole lines without their newline, and partial lines when they are flushed. */
  batched?: ((output: string) => void) | undefined;
  /** Gets one byte at a time. */
  raw?: ((charCode: number) => void) | undefined;
  /** Gets bytes and returns how many it took. */
  write?: ((buffer: Uint8Array) => number) | undefined;
  /** Called when the stream is synchronised. Only with `write`. */
  fsync?: (() => void) | undefined;
  /** What `isatty()` says. Not with `batched`. */
  isatty?: boolean | undefined;
}

/** Thrown by sources and sinks for an error that Python is to see as OSError, by its POSIX name. */
export class StreamError extends Error {
  override readonly name = "StreamError";
  constructor(readonly code: "EIO" | "EINTR" | "ENOTSUP") {
    super(code);
  }
}

/** Thrown by sources whose input is not there yet: reading again after the promise has settled gives it. */
export class InputPending extends Error {
  override readonly name = "InputPending";
  constructor(readonly promise: Promise<void>) {
    super("The input is not there yet");
  }
}

const NEWLINE = 10;

/** What a handler gives, which may come later: then it is asked for again, and nothing is asked of the handler meanwhile. */
class Arrival<T> {
  #pending: InputPending | undefined;
  #settled: { readonly value: T } | undefined;

  /** The value that `ask` gives. Throws InputPending, or what the handler threw. */
  get(ask: () => T | PromiseLike<T>): T {
    if (this.#settled !== undefined) {
      const { value } = this.#settled;
      this.#settled = this.#pending = undefined;
      return value;
    }
    if (this.#pending !== undefined) {
      throw this.#pending;
    }
    const value = ask();
    if (typeof (value as PromiseLike<T> | null | undefined)?.["then"] !== "function") {
      return value as T;
    }
    const promise = Promise.resolve(value).then(
      (settled) => {
        this.#settled = { value: settled };
      },
      (error: unknown) => {
        this.#pending = undefined;
        throw error;
      },
    );
    // Whoever waits gets the error; nobody may wait.
    promise.catch(() => undefined);
    this.#pending = new InputPending(promise);
    throw this.#pending;
  }
}

/** The source that `options` describe, or undefined for the default. Throws TypeError when they make no sense. */
export function makeSource(options: StdinOptions | undefined): ByteSource | undefined {
  const given = checkOptions("setStdin", options, ["stdin", "read", "fsync"]);
  if (given === undefined) {
    return undefined;
  }
  const forms = (["stdin", "read", "error"] as const).filter((name) => given[name] !== undefined && given[name] !== false);
  if (forms.length > 1) {
    throw new TypeError(`setStdin: pass only one of \`stdin\`, \`read\` and \`error\`, not ${forms.map((name) => `\`${name}\``).join(" and ")}.`);
  }
  if (given.autoEOF !== undefined && given.stdin === undefined) {
    throw new TypeError("setStdin: `autoEOF` works only together with `stdin`.");
  }
  const isatty = given.isatty ?? false;
  if (given.error) {
    return { isatty, read: failWithIoError };
  }
  if (given.stdin !== undefined) {
    return new ValueSource(given, isatty);
  }
  if (given.read !== undefined) {
    return new ReadSource(given, isatty);
  }
  if (given.isatty) {
    throw new TypeError("setStdin: `isatty` needs a `stdin` or `read` handler beside it.");
  }
  return undefined;
}

/** The sink that `options` describe, or undefined for the default. `name` is the function that was called. */
export function makeSink(name: "setStdout" | "setStderr", options: StdwriteOptions | undefined): ByteSink | undefined {
  const given = checkOptions(name, options, ["batched", "raw", "write", "fsync"]);
  if (given === undefined) {
    return undefined;
  }
  const forms = (["batched", "raw", "write"] as const).filter((form) => given[form] !== undefined);
  if (forms.length > 1) {
    throw new TypeError(`${name}: pass only one of \`batched\`, \`raw\` and \`write\`, not ${forms.map((form) => `\`${form}\``).join(" and ")}.`);
  }
  if (given.isatty && given.raw === undefined && given.write === undefined) {
    throw new TypeError(`${name}: \`isatty\` can be true only together with \`raw\` or \`write\`.`);
  }
  if (given.batched !== undefined) {
    return new LineSink((line) => given.batched?.(line));
  }
  if (given.raw !== undefined) {
    return new RawSink(given);
  }
  if (given.write !== undefined) {
    return new WriteSink(given);
  }
  return undefined;
}

/** Collects bytes and passes them on as lines of text. */
export class LineSink implements ByteSink {
  readonly isatty = false;
  private pending: Uint8Array[] = [];

  constructor(private readonly print: (line: string) => void) {}

  write(buffer: Uint8Array): number {
    let start = 0;
    for (let end = buffer.indexOf(NEWLINE); end !== -1; end = buffer.indexOf(NEWLINE, start)) {
      const line = this.take(buffer.subarray(start, end));
      start = end + 1;
      // When the handler throws, the line counts as written: repeating it would repeat the failure.
      this.print(line);
    }
    if (start < buffer.length) {
      this.pending.push(buffer.slice(start));
    }
    return buffer.length;
  }

  fsync(): void {
    if (this.pending.length > 0) {
      this.print(this.take(new Uint8Array(0)));
    }
  }

  private take(tail: Uint8Array): string {
    const parts = this.pending;
    this.pending = [];
    // Not fatal: output may be any bytes. A mark at the beginning of a line is kept. `decode` refuses shared memory: copy.
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    return parts.map((part) => decoder.decode(part, { stream: true })).join("") + decoder.decode(tail.slice());
  }
}

class RawSink implements ByteSink {
  readonly isatty: boolean;
  constructor(private readonly options: StdwriteOptions) {
    this.isatty = options.isatty ?? false;
  }

  write(buffer: Uint8Array): number {
    // A copy: the handler may run Python, and memory may move.
    for (const byte of buffer.slice()) {
      this.options.raw?.(byte);
    }
    return buffer.length;
  }
}

class WriteSink implements ByteSink {
  readonly isatty: boolean;
  constructor(private readonly options: StdwriteOptions) {
    this.isatty = options.isatty ?? false;
  }

  write(buffer: Uint8Array): number {
    const length = buffer.length;
    const written = this.options.write?.(buffer.slice());
    return checkCount("write", written, length);
  }

  fsync(): void {
    this.options.fsync?.();
  }
}

class ReadSource implements ByteSource {
  readonly isatty: boolean;
  private readonly arrival = new Arrival<unknown>();
  /** What the handler is filling, or has filled. */
  private own: Uint8Array | undefined;
  private rest: Uint8Array = new Uint8Array(0);

  constructor(private readonly options: StdinOptions, isatty: boolean) {
    this.isatty = isatty;
  }

  read(buffer: Uint8Array): number {
    if (this.rest.length === 0) {
      // The buffer is the handler's until it has answered, which may be during a later read.
      const own = (this.own ??= buffer);
      const answer = this.arrival.get(() => this.options.read?.(own));
      this.own = undefined;
      const filled = checkCount("read", answer, own.length);
      if (own === buffer) {
        return filled;
      }
      this.rest = own.subarray(0, filled);
    }
    const count = Math.min(this.rest.length, buffer.length);
    buffer.set(this.rest.subarray(0, count));
    this.rest = this.rest.subarray(count);
    return count;
  }

  fsync(): void {
    this.options.fsync?.();
  }
}

/** Calls a `stdin` handler for as much as a read wants. */
class ValueSource implements ByteSource {
  private readonly stopAfterValue: boolean;
  private readonly arrival = new Arrival<StdinValue>();
  private rest: Uint8Array = new Uint8Array(0);
  private ended = false;

  constructor(private readonly options: StdinOptions, readonly isatty: boolean) {
    this.stopAfterValue = options.autoEOF ?? true;
  }

  read(buffer: Uint8Array): number {
    let filled = 0;
    while (filled < buffer.length) {
      if (this.rest.length === 0) {
        // The end of input ends this read; only a read that has nothing else to give reports it.
        if (this.ended && filled > 0) {
          break;
        }
        if (this.ended) {
          this.ended = false;
          return 0;
        }
        let value: ReturnType<ValueSource["next"]>;
        try {
          value = this.next();
        } catch (error) {
          // What there is comes first.
          if (error instanceof InputPending && filled > 0) {
            break;
          }
          throw error;
        }
        if (value === undefined) {
          this.ended = true;
          continue;
        }
        this.rest = value.bytes;
        const count = Math.min(this.rest.length, buffer.length - filled);
        buffer.set(this.rest.subarray(0, count), filled);
        this.rest = this.rest.subarray(count);
        filled += count;
        if (value.endsRead) {
          break;
        }
        continue;
      }
      const count = Math.min(this.rest.length, buffer.length - filled);
      buffer.set(this.rest.subarray(0, count), filled);
      this.rest = this.rest.subarray(count);
      filled += count;
      if (this.rest.length === 0 && this.stopAfterValue) {
        break;
      }
    }
    return filled;
  }

  /** The next value as bytes; undefined at the end of input. */
  private next(): { bytes: Uint8Array; endsRead: boolean } | undefined {
    const value = this.arrival.get(() => this.options.stdin?.());
    if (value === undefined || value === null) {
      return undefined;
    }
    if (typeof value === "number") {
      if (!Number.isInteger(value) || value < 0 || value > 255) {
        throw new TypeError(`setStdin: the \`stdin\` handler returned the number ${value}; a byte is between 0 and 255.`);
      }
      // A handler of bytes may block for the next one: a line is delivered as soon as it is complete.
      return { bytes: Uint8Array.of(value), endsRead: value === NEWLINE };
    }
    if (typeof value === "string") {
      const line = value.endsWith("\n") ? value : `${value}\n`;
      return { bytes: new TextEncoder().encode(line), endsRead: this.stopAfterValue };
    }
    const bytes = bytesOf(value);
    if (bytes === undefined) {
      throw new TypeError(
        `setStdin: the \`stdin\` handler returned ${describe(value)}; expected a string, an ArrayBuffer, a Uint8Array, a number, null or undefined.`,
      );
    }
    return { bytes, endsRead: this.stopAfterValue };
  }
}

/** The bytes of an ArrayBuffer or a view, whatever realm it comes from. */
export function bytesOf(value: unknown): Uint8Array | undefined {
  if (ArrayBuffer.isView(value)) {
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  }
  const tag = Object.prototype.toString.call(value);
  if (tag === "[object ArrayBuffer]" || tag === "[object SharedArrayBuffer]") {
    return new Uint8Array(value as ArrayBuffer);
  }
  return undefined;
}

function failWithIoError(): never {
  throw new StreamError("EIO");
}

function checkCount(what: "read" | "write", count: unknown, length: number): number {
  // A handler without a result has dealt with all of it; a reader cannot mean that.
  if (count === undefined && what === "write") {
    return length;
  }
  if (typeof count !== "number" || !Number.isInteger(count) || count < 0 || count > length) {
    throw new TypeError(
      `The \`${what}\` handler of a standard stream returned ${describe(count)}; expected the number of bytes, between 0 and ${length}.`,
    );
  }
  return count;
}

function checkOptions<T extends object>(name: string, options: T | undefined, functions: readonly (keyof T & string)[]): T | undefined {
  if (options === undefined || options === null) {
    return undefined;
  }
  if (typeof options !== "object" && typeof options !== "function") {
    throw new TypeError(`${name}: expected an object of options, not ${describe(options)}.`);
  }
  for (const key of functions) {
    if (options[key] !== undefined && typeof options[key] !== "function") {
      throw new TypeError(`${name}: \`${key}\` must be a function, not ${describe(options[key])}.`);
    }
  }
  return options;
}

/** A value in an error message. */
export function describe(value: unknown): string {
  if (value === null || value === undefined || typeof value === "number" || typeof value === "boolean") {
    return String(value);
  }
  return typeof value === "string" ? JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value) : `a value of type ${typeof value}`;
}
