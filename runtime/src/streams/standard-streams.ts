/**
 * Standard streams: the devices behind file descriptors 0, 1 and 2.
 * Not here: what handlers look like (handlers.ts), what a host has by default (defaults.ts).
 * Invariants: the three descriptors exist before Python starts and keep their devices for good, only what is behind
 * them changes; an exception of a handler never passes through WebAssembly: Python sees an OSError.
 */

import type { EmscriptenModule, FSStream, StreamOperations } from "../emscripten/module";
import type { DefaultStreams } from "./defaults";
import { type ByteSink, type ByteSource, InputPending, StreamError } from "./handlers";

/** Major device number of the standard streams. Emscripten uses 1, 5, 6 and from 64 on. */
const DEVICE_MAJOR = 40;

/** There is something to read; as the C library numbers it. */
const POLLIN = 0x41;

interface TerminalOperations {
  ioctl_tiocgwinsz(): [rows: number, columns: number];
}

/** What the devices need from the module. */
export type StreamHost = Pick<EmscriptenModule, "FS" | "ERRNO_CODES">;

export interface StandardStreamsOptions {
  readonly defaults: DefaultStreams;
  /** Size of the terminal, if any. */
  readonly terminalSize: () => { columns: number; rows: number } | undefined;
  /** Makes SIGINT pending again: called when a handler let a KeyboardInterrupt through. */
  readonly interrupt: () => void;
  /** Lets Python wait for a promise when the system call has ended. */
  readonly wait: (promise: Promise<void>) => void;
  /** Gets exceptions of handlers that Python can only see as an I/O error. */
  readonly report: (error: unknown) => void;
}

export class StandardStreams {
  private source: ByteSource;
  private readonly sinks: [ByteSink, ByteSink];

  constructor(private readonly options: StandardStreamsOptions) {
    this.source = options.defaults.stdin;
    this.sinks = [options.defaults.stdout, options.defaults.stderr];
  }

  /** Makes the devices and opens descriptors 0, 1 and 2. Call once, before anything is open. */
  install(host: StreamHost): void {
    const { FS } = host;
    const tty: { ops: TerminalOperations } = {
      ops: {
        ioctl_tiocgwinsz: () => {
          const { rows, columns } = this.options.terminalSize() ?? { rows: 24, columns: 80 };
          return [rows, columns];
        },
      },
    };
    const device = (minor: number, path: string, isatty: () => boolean, operations: StreamOperations): void => {
      const mark = (stream: FSStream): void => {
        stream.seekable = false;
        // Emscripten takes a stream for a terminal if it has a `tty`. Not enumerable: a duplicated stream gets its own.
        Object.defineProperty(stream, "tty", { get: () => (isatty() ? tty : undefined), configurable: true });
      };
      const dev = FS.makedev(DEVICE_MAJOR, minor);
      FS.registerDevice(dev, { open: mark, dup: mark, ...operations });
      FS.mkdev(path, dev);
    };
    device(0, "/dev/stdin", () => this.source.isatty, {
      read: (_stream, buffer, offset, length) => this.guard(host, () => this.readInto(buffer, offset, length)),
      poll: () => (this.source.poll === undefined || this.source.poll() ? POLLIN : 0),
      fsync: () => this.guard(host, () => this.sync(this.source)),
    });
    this.sinks.forEach((_sink, index) => {
      device(index + 1, index === 0 ? "/dev/stdout" : "/dev/stderr", () => this.sink(index).isatty, {
        write: (_stream, buffer, offset, length) =>
          this.guard(host, () => this.sink(index).write(new Uint8Array(buffer.buffer, buffer.byteOffset + offset, length))),
        fsync: () => this.guard(host, () => this.sync(this.sink(index))),
      });
    });
    FS.open("/dev/stdin", 0);
    FS.open("/dev/stdout", 1);
    FS.open("/dev/stderr", 1);
    FS.initialized = true;
  }

  /** Replaces what is behind standard input; undefined restores the default. */
  setSource(source: ByteSource | undefined): void {
    this.source = source ?? this.options.defaults.stdin;
  }

  /** Replaces what is behind standard output (1) or error (2); undefined restores the default. */
  setSink(fd: 1 | 2, sink: ByteSink | undefined): void {
    // What the old one holds back belongs to it.
    this.sinks[fd - 1]?.fsync?.();
    this.sinks[fd - 1] = sink ?? (fd === 1 ? this.options.defaults.stdout : this.options.defaults.stderr);
  }

  /** Is this a descriptor of standard input? */
  isInput({ FS }: Pick<EmscriptenModule, "FS">, fd: number): boolean {
    return FS.streams[fd]?.node?.rdev === FS.makedev(DEVICE_MAJOR, 0);
  }

  /** Passes on what the sinks hold back, whatever one of them does. */
  flush(): void {
    for (const sink of this.sinks) {
      try {
        sink.fsync?.();
      } catch (error) {
        this.options.report(error);
      }
    }
  }

  private sink(index: number): ByteSink {
    return this.sinks[index] as ByteSink;
  }

  private readInto(buffer: Int8Array | Uint8Array, offset: number, length: number): number {
    if (length === 0) {
      return 0;
    }
    // A handler gets a buffer of its own: it may keep it, and memory may move while it runs.
    const own = new Uint8Array(length);
    const count = this.source.read(own);
    if (buffer.byteLength > 0) {
      buffer.set(own.subarray(0, count), offset);
    }
    return count;
  }

  private sync(stream: ByteSource | ByteSink): number {
    stream.fsync?.();
    return 0;
  }

  /** Runs a handler; whatever it throws becomes an error number. */
  private guard(host: StreamHost, run: () => number): number {
    try {
      return run();
    } catch (error) {
      throw new host.FS.ErrnoError(this.errnoOf(host, error));
    }
  }

  private errnoOf({ ERRNO_CODES }: StreamHost, error: unknown): number {
    const io = ERRNO_CODES["EIO"] as number;
    if (error instanceof InputPending) {
      // CPython looks for pending signals when a system call was interrupted, and then repeats it: one of these waits.
      this.options.wait(error.promise);
      return ERRNO_CODES["EINTR"] ?? io;
    }
    if (error instanceof StreamError) {
      return ERRNO_CODES[error.code] ?? io;
    }
    const { name, errno, type, code } = (typeof error === "object" && error !== null ? error : {}) as Record<string, unknown>;
    if (name === "ErrnoError" && typeof errno === "number") {
      return errno;
    }
    if (name === "PythonError" && type === "KeyboardInterrupt") {
      // CPython looks for pending signals when a system call was interrupted, and raises it again from there.
      this.options.interrupt();
      return ERRNO_CODES["EINTR"] ?? io;
    }
    // Errors of Node's file functions carry the POSIX name.
    if (typeof code === "string" && ERRNO_CODES[code] !== undefined) {
      return ERRNO_CODES[code] as number;
    }
    this.options.report(error);
    return io;
  }
}
