/** The devices behind descriptors 0, 1 and 2, against a small file system that keeps devices only. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FS, FSStream, StreamOperations } from "../../src/emscripten/module";
import type { DefaultStreams } from "../../src/streams/defaults";
import { LineSink, makeSink, makeSource } from "../../src/streams/handlers";
import { StandardStreams } from "../../src/streams/standard-streams";

const ERRNO_CODES = { EIO: 29, EINTR: 27, EPIPE: 64, EAGAIN: 6 };

class ErrnoError extends Error {
  override readonly name = "ErrnoError";
  constructor(readonly errno: number) {
    super();
  }
}

/** As much of Emscripten's FS as devices need, with its way of duplicating streams. */
class FakeFS {
  readonly ErrnoError = ErrnoError;
  readonly streams: FSStream[] = [];
  initialized = false;
  private readonly devices = new Map<number, StreamOperations>();
  private readonly nodes = new Map<string, number>();

  makedev(major: number, minor: number): number {
    return (major << 8) | minor;
  }
  registerDevice(dev: number, operations: StreamOperations): void {
    this.devices.set(dev, operations);
  }
  mkdev(path: string, dev: number): void {
    this.nodes.set(path, dev);
  }
  open(path: string): FSStream {
    const operations = this.devices.get(this.nodes.get(path) as number) as StreamOperations;
    const stream = { fd: this.streams.length, seekable: true, stream_ops: operations } as FSStream;
    this.streams.push(stream);
    operations.open?.(stream);
    return stream;
  }
  dup(stream: FSStream): FSStream {
    const copy = Object.assign({} as FSStream, stream);
    copy.stream_ops.dup?.(copy);
    return copy;
  }
}

function setUp(): { streams: StandardStreams; fs: FakeFS; out: string[]; err: string[]; reports: unknown[]; interrupts: number[] } {
  const out: string[] = [];
  const err: string[] = [];
  const reports: unknown[] = [];
  const interrupts: number[] = [];
  const defaults: DefaultStreams = {
    stdin: { isatty: false, read: () => 0 },
    stdout: new LineSink((line) => out.push(line)),
    stderr: new LineSink((line) => err.push(line)),
  };
  const streams = new StandardStreams({
    defaults,
    wait: () => undefined,
    terminalSize: () => ({ columns: 100, rows: 30 }),
    interrupt: () => interrupts.push(2),
    report: (error) => reports.push(error),
  });
  const fs = new FakeFS();
  streams.install({ FS: fs as unknown as FS, ERRNO_CODES });
  return { streams, fs, out, err, reports, interrupts };
}

const stream = (fs: FakeFS, fd: number): FSStream => fs.streams[fd] as FSStream;
const write = (fs: FakeFS, fd: number, text: string): number => {
  // Memory of WebAssembly is an Int8Array here, and data starts somewhere inside it.
  const data = new TextEncoder().encode(text);
  const heap = new Int8Array(data.length + 10);
  heap.set(data, 5);
  return stream(fs, fd).stream_ops.write?.(stream(fs, fd), heap, 5, data.length, 0) as number;
};
const read = (fs: FakeFS, size = 100): string => {
  const heap = new Int8Array(size + 8);
  const count = stream(fs, 0).stream_ops.read?.(stream(fs, 0), heap, 8, size, 0) as number;
  return new TextDecoder().decode(new Uint8Array(heap.buffer, 8, count));
};

test("descriptors 0, 1 and 2 are opened in this order and cannot seek", () => {
  const { fs } = setUp();
  assert.deepEqual(fs.streams.map((open) => [open.fd, open.seekable]), [[0, false], [1, false], [2, false]]);
  assert.equal(fs.initialized, true);
});

test("output goes to its own sink, and handlers can change at any time", () => {
  const { streams, fs, out, err } = setUp();
  assert.equal(write(fs, 1, "a\nb"), 3);
  write(fs, 2, "e\n");
  const seen: string[] = [];
  streams.setSink(1, makeSink("setStdout", { batched: (line) => seen.push(line) }));
  // What was held back went to the handler that it was written for.
  assert.deepEqual(out, ["a", "b"]);
  write(fs, 1, "c\n");
  streams.setSink(1, undefined);
  write(fs, 1, "d\n");
  assert.deepEqual([out, seen, err], [["a", "b", "d"], ["c"], ["e"]]);
});

test("fsync passes a partial line on; flush does so for both", () => {
  const { streams, fs, out, err } = setUp();
  write(fs, 1, "x");
  stream(fs, 1).stream_ops.fsync?.(stream(fs, 1));
  assert.deepEqual(out, ["x"]);
  write(fs, 1, "y");
  write(fs, 2, "z");
  streams.flush();
  assert.deepEqual([out, err], [["x", "y"], ["z"]]);
});

test("IO-09: isatty follows the handler, for duplicated descriptors too", () => {
  const { streams, fs } = setUp();
  const copy = fs.dup(stream(fs, 0));
  assert.equal(stream(fs, 0).tty, undefined);
  streams.setSource(makeSource({ stdin: () => null, isatty: true }));
  assert.notEqual(stream(fs, 0).tty, undefined);
  assert.notEqual(copy.tty, undefined);
  const tty = copy.tty as { ops: { ioctl_tiocgwinsz(): number[] } };
  assert.deepEqual(tty.ops.ioctl_tiocgwinsz(), [30, 100]);
  streams.setSource(undefined);
  assert.equal(copy.tty, undefined);
});

test("input is placed where it was asked for, and a handler never sees the memory itself", () => {
  const { streams, fs } = setUp();
  let kept: Uint8Array | undefined;
  streams.setSource(
    makeSource({
      read(buffer) {
        kept = buffer;
        return new TextEncoder().encodeInto("hello", buffer).written;
      },
    }),
  );
  assert.equal(read(fs), "hello");
  assert.equal(kept?.byteLength, 100);
  assert.equal(kept?.buffer.byteLength, 100);
});

test("IO-10: an ErrnoError of a handler keeps its number, by behaviour and not by class", () => {
  const { streams, fs, reports } = setUp();
  streams.setSource(
    makeSource({
      read() {
        throw Object.assign(new Error(), { name: "ErrnoError", errno: 44 });
      },
    }),
  );
  assert.throws(() => read(fs), (error) => error instanceof ErrnoError && error.errno === 44);
  streams.setSource(makeSource({ error: true }));
  assert.throws(() => read(fs), (error) => error instanceof ErrnoError && error.errno === 29);
  assert.deepEqual(reports, []);
});

test("any other exception of a handler is an I/O error in Python and is reported, not swallowed", () => {
  const { streams, fs, reports } = setUp();
  const thrown = new TypeError("boo");
  streams.setSink(1, makeSink("setStdout", { write() { throw thrown; } }));
  assert.throws(() => write(fs, 1, "x"), (error) => error instanceof ErrnoError && error.errno === 29);
  assert.deepEqual(reports, [thrown]);
});

test("an error of the host keeps its POSIX name", () => {
  const { streams, fs, reports } = setUp();
  streams.setSink(1, makeSink("setStdout", { write() { throw Object.assign(new Error("broken"), { code: "EPIPE" }); } }));
  assert.throws(() => write(fs, 1, "x"), (error) => error instanceof ErrnoError && error.errno === 64);
  assert.deepEqual(reports, []);
});

test("ASYNC-19: a KeyboardInterrupt in a handler interrupts the read and is raised again", () => {
  const { streams, fs, interrupts, reports } = setUp();
  streams.setSource(
    makeSource({
      read() {
        throw Object.assign(new Error("Traceback"), { name: "PythonError", type: "KeyboardInterrupt" });
      },
    }),
  );
  assert.throws(() => read(fs), (error) => error instanceof ErrnoError && error.errno === 27);
  assert.deepEqual([interrupts, reports], [[2], []]);
});

test("flush goes on after a handler that fails", () => {
  const { streams, fs, err, reports } = setUp();
  streams.setSink(1, makeSink("setStdout", { batched() { throw new Error("no"); } }));
  write(fs, 1, "x");
  write(fs, 2, "y");
  streams.flush();
  assert.deepEqual(err, ["y"]);
  assert.equal(reports.length, 1);
});
