/**
 * HTTP/1.1 as bytes: reads requests as they come in, writes the head of responses and chunks.
 * Not here: making requests (gateway.ts).
 * Invariant: input of any kind gives requests or one failure; nothing is read twice.
 */

export interface HttpRequest {
  readonly method: string;
  /** As it was sent: a path, an absolute address, or `host:port` for CONNECT. */
  readonly target: string;
  /** In order, names as they were sent. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
  /** Whether the connection stays open afterwards. */
  readonly keepsAlive: boolean;
  /** HTTP/1.0 knows no chunks. */
  readonly knowsChunks: boolean;
}

/** Bytes that are no HTTP request. */
export class NoHttpError extends Error {}

const HEAD_BYTES_MAX = 1 << 20;
const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S+) HTTP\/1\.([01])$/;

function latin1(bytes: Uint8Array): string {
  let text = "";
  // Parts, because functions take a limited number of arguments.
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return text;
}

export function toLatin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

function join(left: Uint8Array, right: Uint8Array): Uint8Array {
  if (left.length === 0) return right;
  const both = new Uint8Array(left.length + right.length);
  both.set(left);
  both.set(right, left.length);
  return both;
}

type Head = Omit<HttpRequest, "body"> & { readonly length: number | "chunked"; readonly expectsContinue: boolean };

/** Reads the requests of one connection. */
export class RequestReader {
  #rest: Uint8Array = new Uint8Array(0);
  #head: Head | undefined;
  #body: Uint8Array[] = [];
  #received = 0;
  /** In the middle of a chunk: how much of it is still to come. */
  #chunk = 0;
  #isLastChunk = false;

  /** Does the client wait for `100 Continue` before it sends the body? True once per request. */
  wantsContinue = false;

  /** Is a request begun and not complete? */
  get isInside(): boolean {
    return this.#head !== undefined || this.#rest.length > 0;
  }

  push(bytes: Uint8Array): void {
    this.#rest = join(this.#rest, bytes);
  }

  /** The next complete request. Throws NoHttpError if the bytes are none. */
  next(): HttpRequest | undefined {
    this.#head ??= this.#readHead();
    const head = this.#head;
    if (head === undefined) return undefined;
    const isComplete = head.length === "chunked" ? this.#readChunks() : this.#readPlain(head.length);
    if (!isComplete) return undefined;
    const body = new Uint8Array(this.#received);
    let at = 0;
    for (const part of this.#body) {
      body.set(part, at);
      at += part.length;
    }
    this.#head = undefined;
    this.#body = [];
    this.#received = 0;
    const { method, target, headers, keepsAlive, knowsChunks } = head;
    return { method, target, headers, body, keepsAlive, knowsChunks };
  }

  #readHead(): Head | undefined {
    // Empty lines before a request are allowed (RFC 9112, 2.2).
    while (this.#rest[0] === 13 && this.#rest[1] === 10) this.#rest = this.#rest.subarray(2);
    const first = this.#rest.indexOf(10);
    const line = latin1(this.#rest.subarray(0, first < 0 ? Math.min(this.#rest.length, 64) : first)).replace(/\r$/, "");
    if (first >= 0 ? !REQUEST_LINE.test(line) : !/^[!#$%&'*+.^_`|~0-9A-Za-z-]{0,32}( |$)/.test(line)) {
      throw new NoHttpError(line.slice(0, 40));
    }
    const text = latin1(this.#rest.subarray(0, HEAD_BYTES_MAX));
    const end = /\r?\n\r?\n/.exec(text);
    if (end === null) {
      if (this.#rest.length >= HEAD_BYTES_MAX) throw new NoHttpError("headers of more than a megabyte");
      return undefined;
    }
    this.#rest = this.#rest.subarray(end.index + end[0].length);
    const [requestLine = "", ...lines] = text.slice(0, end.index).split(/\r?\n/);
    const [, method = "", target = "", minor] = REQUEST_LINE.exec(requestLine) ?? [];
    const headers: [string, string][] = [];
    for (const one of lines) {
      const colon = one.indexOf(":");
      if (colon <= 0) throw new NoHttpError(one.slice(0, 40));
      headers.push([one.slice(0, colon), one.slice(colon + 1).trim()]);
    }
    const value = (name: string): string => headers.filter(([other]) => other.toLowerCase() === name).map(([, found]) => found).join(", ").toLowerCase();
    const length = Number(value("content-length") || 0);
    if (!Number.isSafeInteger(length) || length < 0) throw new NoHttpError(`content-length: ${value("content-length").slice(0, 20)}`);
    const expectsContinue = value("expect") === "100-continue";
    this.wantsContinue = expectsContinue;
    return {
      method,
      target,
      headers,
      length: /(^|,\s*)chunked$/.test(value("transfer-encoding")) ? "chunked" : length,
      expectsContinue,
      keepsAlive: minor === "1" ? !/\bclose\b/.test(value("connection")) : /\bkeep-alive\b/.test(value("connection")),
      knowsChunks: minor === "1",
    };
  }

  #readPlain(length: number): boolean {
    const part = this.#rest.subarray(0, length - this.#received);
    this.#rest = this.#rest.subarray(part.length);
    if (part.length > 0) this.#body.push(part);
    this.#received += part.length;
    return this.#received === length;
  }

  #readChunks(): boolean {
    for (;;) {
      if (this.#chunk > 0) {
        const part = this.#rest.subarray(0, this.#chunk);
        if (part.length === 0) return false;
        this.#rest = this.#rest.subarray(part.length);
        this.#body.push(part);
        this.#received += part.length;
        this.#chunk -= part.length;
        continue;
      }
      const end = this.#rest.indexOf(10);
      if (end < 0) return false;
      const line = latin1(this.#rest.subarray(0, end)).replace(/\r$/, "");
      this.#rest = this.#rest.subarray(end + 1);
      if (this.#isLastChunk) {
        // Trailers, and the empty line behind them.
        if (line !== "") continue;
        this.#isLastChunk = false;
        return true;
      }
      // The end of a chunk before the size of the next one.
      if (line === "") continue;
      const size = Number.parseInt(line, 16);
      if (!/^[0-9a-fA-F]+\s*(;.*)?$/.test(line) || !Number.isSafeInteger(size)) throw new NoHttpError(line.slice(0, 40));
      if (size === 0) this.#isLastChunk = true;
      else this.#chunk = size;
    }
  }
}

/** The head of a response. */
export function responseHead(status: number, reason: string, headers: readonly (readonly [string, string])[]): Uint8Array {
  const lines = headers.map(([name, value]) => `${name}: ${value.replace(/[\r\n]+/g, " ")}\r\n`);
  // What is no Latin-1 cannot be in a header; a host that decodes them as UTF-8 is encoded back.
  const text = `HTTP/1.1 ${status} ${reason}\r\n${lines.join("")}\r\n`;
  return /^[\0-\xff]*$/.test(text) ? toLatin1(text) : new TextEncoder().encode(text);
}

/** One chunk of a body; the empty one is the last. */
export function chunk(bytes: Uint8Array): Uint8Array {
  return join(join(toLatin1(`${bytes.length.toString(16)}\r\n`), bytes), toLatin1("\r\n"));
}
