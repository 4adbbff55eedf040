/** Handlers of setStdin, setStdout and setStderr (IO-03 to IO-16). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ByteSource, type StdinOptions, bytesOf, makeSink, makeSource } from "../../src/streams/handlers";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);

/** What one read of `size` bytes gives. */
function read(source: ByteSource, size = 8192): string {
  const buffer = new Uint8Array(size);
  return text(buffer.subarray(0, source.read(buffer)));
}

/** Everything up to the end of input, as `sys.stdin.read()` would. */
function readAll(source: ByteSource, size = 8192): string {
  let all = "";
  for (let part = read(source, size); part !== ""; part = read(source, size)) {
    all += part;
  }
  return all;
}

/** Plays values back, then says that input has ended. */
function play(values: unknown[], options: StdinOptions = {}): ByteSource {
  let index = 0;
  return makeSource({ ...options, stdin: () => values[index++] as string }) as ByteSource;
}

test("IO-07: strings become lines, undefined ends the input until the next read", () => {
  const source = play(["a", "bcd\n", "efg", undefined, "h", "i"]);
  assert.equal(readAll(source), "a\nbcd\nefg\n");
  assert.equal(readAll(source), "h\ni\n");
});

test("IO-05: with autoEOF a read ends after each string, without it the buffer is filled", () => {
  assert.equal(read(play(["a", "b"])), "a\n");
  const source = play(["a", "b"], { autoEOF: false });
  assert.equal(read(source), "a\nb\n");
  assert.equal(read(source), "");
});

test("a string that is longer than the buffer comes in pieces and loses nothing", () => {
  for (const autoEOF of [true, false]) {
    const source = play(["0123456789", "x"], { autoEOF });
    assert.equal(readAll(source, 4), "0123456789\nx\n");
  }
});

test("a string that fills the buffer exactly is not followed by an end of input", () => {
  const source = play(["abc", "d"]);
  assert.equal(read(source, 4), "abc\n");
  assert.equal(read(source, 4), "d\n");
  assert.equal(read(source, 4), "");
});

test("IO-06: an empty string is an empty line, not the end of input", () => {
  const source = play(["", "x"]);
  assert.equal(read(source), "\n");
  assert.equal(read(source), "x\n");
});

test("IO-04: numbers are bytes; a newline ends the read, the end of input is not lost", () => {
  const source = play([0x61, 0x0a, 0x62, 0x63]);
  assert.equal(read(source), "a\n");
  assert.equal(read(source), "bc");
  assert.equal(read(source), "");
});

test("IO-04: buffers of any kind, without a newline added", () => {
  const buffer = new Uint8Array([0x78, 0x61, 0x0a, 0x62, 0x78]);
  assert.equal(read(play([buffer.subarray(1, 4)])), "a\nb");
  assert.equal(read(play([buffer.buffer])), "xa\nbx");
  assert.equal(read(play([new DataView(buffer.buffer, 1, 2)])), "a\n");
});

test("a value that is none of these is refused with its kind", () => {
  assert.throws(() => read(play([{}])), /returned a value of type object/);
  assert.throws(() => read(play([256])), /returned the number 256; a byte is between 0 and 255/);
  assert.throws(() => read(play([1.5])), /the number 1.5/);
});

test("IO-08: a read handler fills the buffer; a wrong count is refused", () => {
  const source = makeSource({ read: (buffer) => buffer.length && new TextEncoder().encodeInto("hi", buffer).written }) as ByteSource;
  assert.equal(read(source), "hi");
  for (const count of [-1, 9000, 0.5, Number.NaN, "2"]) {
    const wrong = makeSource({ read: () => count as number }) as ByteSource;
    assert.throws(() => read(wrong), /between 0 and 8192/);
  }
});

test("IO-11: handlers are called with the options as `this`, getters and class instances included", () => {
  class Handler {
    readonly lines: string[] = [];
    isatty = true;
    stdin(): string {
      return this.lines.length === 0 ? "own" : "";
    }
    raw(byte: number): void {
      this.lines.push(String(byte));
    }
  }
  const handler = new Handler();
  assert.equal(read(makeSource(handler) as ByteSource), "own\n");
  const sink = makeSink("setStdout", handler);
  assert.equal(sink?.isatty, true);
  sink?.write(bytes("A\n"));
  assert.deepEqual(handler.lines, ["65", "10"]);
});

test("IO-03: error: true makes every read fail", () => {
  assert.throws(() => read(makeSource({ error: true }) as ByteSource), { name: "StreamError", code: "EIO" });
});

test("IO-02: no handler means the default", () => {
  for (const options of [undefined, {}, { error: false }]) {
    assert.equal(makeSource(options), undefined);
  }
  assert.equal(makeSink("setStdout", undefined), undefined);
  assert.equal(makeSink("setStderr", {}), undefined);
});

test("IO-13: a batched handler gets lines without newline, and partial lines when flushed", () => {
  const lines: string[] = [];
  const sink = makeSink("setStdout", { batched: (line) => lines.push(line) });
  sink?.write(bytes("hello!\npart"));
  sink?.write(bytes("ial"));
  assert.deepEqual(lines, ["hello!"]);
  sink?.fsync?.();
  sink?.fsync?.();
  sink?.write(bytes("\n\na\n"));
  assert.deepEqual(lines, ["hello!", "partial", "", "", "a"]);
});

test("a character that is split between two writes arrives whole", () => {
  const lines: string[] = [];
  const sink = makeSink("setStdout", { batched: (line) => lines.push(line) });
  const [a, b, c, d] = bytes("\u{1f600}");
  sink?.write(Uint8Array.of(a as number, b as number));
  sink?.write(Uint8Array.of(c as number));
  sink?.write(Uint8Array.of(d as number, 10));
  assert.deepEqual(lines, ["\u{1f600}"]);
});

test("a byte order mark, null bytes and bytes that are not UTF-8 are kept or shown, not dropped", () => {
  const lines: string[] = [];
  const sink = makeSink("setStdout", { batched: (line) => lines.push(line) });
  sink?.write(bytes("\ufeffx\0y\n"));
  sink?.write(Uint8Array.of(0xff, 10));
  assert.deepEqual(lines, ["\ufeffx\0y", "\ufffd"]);
});

test("when a batched handler throws, the rest of the output is not repeated", () => {
  const lines: string[] = [];
  const sink = makeSink("setStdout", {
    batched(line) {
      if (line === "bad") {
        throw new Error("no");
      }
      lines.push(line);
    },
  });
  assert.throws(() => sink?.write(bytes("bad\n")), /no/);
  sink?.write(bytes("good\n"));
  assert.deepEqual(lines, ["good"]);
});

test("IO-15: a write handler may take less, gets its own buffer, and its fsync is called", () => {
  const kept: Uint8Array[] = [];
  let synced = 0;
  const sink = makeSink("setStdout", { write: (buffer) => kept.push(buffer) && 2, fsync: () => synced++ });
  const memory = bytes("abcdef");
  assert.equal(sink?.write(memory.subarray(0, 4)), 2);
  memory.fill(0);
  assert.equal(text(kept[0] as Uint8Array), "abcd");
  sink?.fsync?.();
  assert.equal(synced, 1);
});

const refused: [string, () => unknown, RegExp][] = [
  ["stdin with read", () => makeSource({ stdin: () => "", read: () => 0 }), /only one of `stdin`, `read` and `error`, not `stdin` and `read`/],
  ["read with error", () => makeSource({ read: () => 0, error: true }), /not `read` and `error`/],
  ["autoEOF without stdin", () => makeSource({ read: () => 0, autoEOF: true }), /`autoEOF` works only together with `stdin`/],
  ["stdin that is no function", () => makeSource({ stdin: "x" as never }), /`stdin` must be a function, not "x"/],
  ["options that are no object", () => makeSource("x" as never), /expected an object of options/],
  ["batched with raw", () => makeSink("setStderr", { batched() {}, raw() {} }), /^setStderr: pass only one of `batched`, `raw` and `write`/],
  ["IO-16: isatty with batched", () => makeSink("setStdout", { batched() {}, isatty: true }), /`isatty` can be true only together with/],
  ["write that is no function", () => makeSink("setStdout", { write: 1 as never }), /`write` must be a function, not 1/],
];
for (const [name, call, message] of refused) {
  test(`refused: ${name}`, () => {
    assert.throws(call, (error: Error) => error instanceof TypeError && message.test(error.message));
  });
}

test("bytesOf takes shared memory and buffers of other realms, and nothing else", async () => {
  const { runInNewContext } = await import("node:vm");
  assert.equal(bytesOf(new SharedArrayBuffer(3))?.length, 3);
  assert.equal(bytesOf(runInNewContext("new ArrayBuffer(2)"))?.length, 2);
  assert.equal(bytesOf(runInNewContext("new Uint16Array(2)"))?.length, 4);
  for (const value of ["x", 1, null, undefined, {}, [1]]) {
    assert.equal(bytesOf(value), undefined);
  }
});
