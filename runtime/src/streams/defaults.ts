/**
 * The standard streams a host has by itself.
 * Not here: what callers pass instead (handlers.ts).
 * Invariant: in Node bytes go straight to the file descriptors of the process; `process.stdin`, which would make its
 * descriptor non-blocking, is never looked at, and the output objects only to ask a terminal for its size.
 */

import { type NodeModules, isTerminal } from "../environment/node";
import { type ByteSink, type ByteSource, LineSink, StreamError } from "./handlers";

export interface DefaultStreams {
  readonly stdin: ByteSource;
  readonly stdout: ByteSink;
  readonly stderr: ByteSink;
}

export function defaultStreams(node: NodeModules | undefined): DefaultStreams {
  if (node !== undefined) {
    return { stdin: new DescriptorSource(node, 0), stdout: new DescriptorSink(node, 1), stderr: new DescriptorSink(node, 2) };
  }
  return {
    stdin: new PromptSource(),
    stdout: new LineSink((line) => console.log(line)),
    stderr: new LineSink((line) => console.warn(line)),
  };
}

/** The size of the terminal behind an output descriptor, where there is one. */
export function terminalSize(node: NodeModules | undefined): { columns: number; rows: number } | undefined {
  if (node === undefined) {
    return undefined;
  }
  for (const fd of [1, 2]) {
    if (isTerminal(node, fd)) {
      const [columns, rows] = (fd === 1 ? node.process.stdout : node.process.stderr).getWindowSize?.() ?? [];
      if (columns && rows) {
        return { columns, rows };
      }
    }
  }
  return undefined;
}

class DescriptorSource implements ByteSource {
  readonly isatty: boolean;
  constructor(private readonly node: NodeModules, private readonly fd: number) {
    this.isatty = isTerminal(node, fd);
  }

  read(buffer: Uint8Array): number {
    return retry(() => {
      try {
        return this.node.fs.readSync(this.fd, buffer, 0, buffer.length, null);
      } catch (error) {
        // Windows reports the end of a pipe as an error.
        if (codeOf(error) === "EOF") {
          return 0;
        }
        throw error;
      }
    });
  }
}

class DescriptorSink implements ByteSink {
  readonly isatty: boolean;
  constructor(private readonly node: NodeModules, private readonly fd: number) {
    this.isatty = isTerminal(node, fd);
  }

  write(buffer: Uint8Array): number {
    return retry(() => this.node.fs.writeSync(this.fd, buffer));
  }
}

/** A line per `prompt()`. Where there is no `prompt` (workers), reading is an I/O error. */
class PromptSource implements ByteSource {
  readonly isatty = false;
  private rest: Uint8Array = new Uint8Array(0);

  read(buffer: Uint8Array): number {
    if (this.rest.length === 0) {
      if (typeof prompt !== "function") {
        throw new StreamError("EIO");
      }
      const line = prompt();
      if (line === null) {
        return 0;
      }
      this.rest = new TextEncoder().encode(`${line}\n`);
    }
    const count = Math.min(this.rest.length, buffer.length);
    buffer.set(this.rest.subarray(0, count));
    this.rest = this.rest.subarray(count);
    return count;
  }
}

/** Repeats an operation on a descriptor that another program has made non-blocking. */
function retry(operation: () => number): number {
  let cell: Int32Array | undefined;
  for (;;) {
    try {
      return operation();
    } catch (error) {
      if (codeOf(error) !== "EAGAIN") {
        throw error;
      }
      cell ??= new Int32Array(new SharedArrayBuffer(4));
      Atomics.wait(cell, 0, 0, 10);
    }
  }
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null)?.code;
}
