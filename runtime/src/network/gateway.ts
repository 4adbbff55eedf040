/**
 * Connections where there are no sockets, as in browsers: each speaks HTTP with the program, and asks the host's `fetch` (or a
 * blocking XMLHttpRequest) for what the program requests. So every client library works as it is: it believes to talk to a server.
 * Servers of the program are found by clients of the same program.
 * Owns: requests and their answers, redirections, TLS in name (the host encrypts), addresses that stand for host names.
 * Not here: the text of HTTP (http-text.ts), descriptors and readiness (network.ts).
 * Invariants: a connection answers its requests in order; the host follows redirections, and the program is told of them by
 * one redirection to where they ended, whose request is answered with what was fetched; a body is read no further ahead than
 * `AHEAD_BYTES`; closing a connection ends its transfer.
 */
import { NoHttpError, RequestReader, chunk, responseHead, toLatin1, type HttpRequest } from "./http-text";
import { link } from "./linked";
import type { Network } from "./network";
import type { Address, Backend, Failure, SocketRecord, TlsOptions } from "./record";

const AHEAD_BYTES = 1 << 20;

/** Headers that a page cannot set, or that speak of a connection which is not the host's. */
const NOT_SENT =
  /^(accept-charset|accept-encoding|access-control-.*|connection|content-length|cookie2?|date|dnt|expect|host|keep-alive|origin|permissions-policy|proxy-.*|referer|sec-.*|te|trailer|transfer-encoding|upgrade|user-agent|via)$/i;
/** Headers that speak of bytes which the host has decoded already. */
const NOT_RECEIVED = /^(connection|content-encoding|keep-alive|proxy-connection|transfer-encoding|upgrade)$/i;

const ONLY_HTTP =
  "A connection can carry HTTP requests only here, because browsers give programs no sockets, and this is none: use WebSocket " +
  "(`js.WebSocket`) and a gateway for other protocols, or Node, where sockets work";
const NO_TLS_SERVER = "Browsers give programs no sockets, so that nobody but this program can connect to it, and without TLS";

/** What has arrived for a request, whichever way it was made. */
interface Answer {
  readonly url: string;
  readonly status: number;
  readonly reason: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly redirected: boolean;
  /** Whether Content-Length counts the bytes of `body`. */
  readonly knowsLength: boolean;
  readonly body: ReadableStreamDefaultReader<Uint8Array> | Uint8Array | undefined;
  readonly abort: () => void;
}

interface Connection {
  readonly reader: RequestReader;
  readonly queue: HttpRequest[];
  host: Address;
  secure: boolean;
  /** A request whose answer has not begun. */
  asking: boolean;
  /** A request whose answer has not ended. */
  busy: boolean;
  closed: boolean;
  abort: (() => void) | undefined;
  /** Goes on reading a body that was read far ahead. */
  resume: (() => void) | undefined;
}

export class GatewayBackend implements Backend {
  readonly kind = "requests";
  readonly canBlock = false;
  readonly isSending = false;
  readonly #connections = new Map<SocketRecord, Connection>();
  readonly #names = new Map<string, string>();
  /** Servers of this program, for clients of this program. */
  readonly #servers = new Map<number, SocketRecord>();
  readonly #network: Pick<Network, "record">;
  #lastPort = 32767;
  /** What the host has fetched at the end of redirections, for the request that asks for it. */
  #fetched: Answer | undefined;

  constructor(network: Pick<Network, "record">) {
    this.#network = network;
  }

  connect(record: SocketRecord, to: Address): void {
    const server = /^(127\.|0\.0\.0\.0$|::1?$)/.test(to.host ?? "") ? this.#servers.get(to.port ?? 0) : undefined;
    if (server !== undefined) {
      const accepted = this.#network.record();
      link(record, accepted);
      record.local = accepted.peer = { host: "127.0.0.1", port: ++this.#lastPort };
      record.peer = accepted.local = to;
      server.accepted.push(accepted);
      server.notify();
      record.notify();
      return;
    }
    if (to.path !== undefined) {
      record.fail({ code: "EAFNOSUPPORT", message: ONLY_HTTP });
      return;
    }
    this.#connections.set(record, {
      reader: new RequestReader(),
      queue: [],
      host: { host: this.#names.get(to.host ?? "") ?? to.host, port: to.port },
      secure: false,
      asking: false,
      busy: false,
      closed: false,
      abort: undefined,
      resume: undefined,
    });
    record.phase = "open";
    record.local = { host: "127.0.0.1", port: 0 };
    record.peer = to;
    record.notify();
  }

  listen(record: SocketRecord, at: Address): void {
    let port = at.port ?? 0;
    if (port === 0) for (port = 49152; this.#servers.has(port); port++);
    if (this.#servers.has(port)) {
      record.fail({ code: "EADDRINUSE", message: "listen EADDRINUSE" });
      return;
    }
    this.#servers.set(port, record);
    record.phase = "listening";
    record.local = { host: at.host, port };
  }

  write(record: SocketRecord, bytes: Uint8Array, blockMs: number): void {
    const connection = this.#connections.get(record);
    if (connection === undefined) return;
    connection.reader.push(bytes);
    try {
      for (let request = connection.reader.next(); request !== undefined; request = connection.reader.next()) {
        connection.queue.push(request);
      }
      if (connection.reader.wantsContinue && !connection.busy) {
        connection.reader.wantsContinue = false;
        if (connection.reader.isInside) record.push(toLatin1("HTTP/1.1 100 Continue\r\n\r\n"));
      }
    } catch (error) {
      if (!(error instanceof NoHttpError)) throw error;
      record.fail({ code: "EPROTONOSUPPORT", message: ONLY_HTTP });
    }
    this.#next(record, connection, blockMs);
    record.notify();
  }

  consumed(record: SocketRecord): void {
    if (record.queued < AHEAD_BYTES) this.#connections.get(record)?.resume?.();
  }

  end(): void {
    // The program sends nothing more; answers still come.
  }

  close(record: SocketRecord): void {
    const { port } = record.local ?? {};
    if (port !== undefined && this.#servers.get(port) === record) this.#servers.delete(port);
    const connection = this.#connections.get(record);
    if (connection === undefined) return;
    this.#connections.delete(record);
    connection.closed = true;
    connection.abort?.();
    connection.resume?.();
  }

  option(): void {
    // The connections are the host's.
  }

  startTls(record: SocketRecord, options: TlsOptions): void {
    const connection = this.#connections.get(record);
    if (connection === undefined || options.serverSide) {
      record.fail({ code: "EOPNOTSUPP", message: NO_TLS_SERVER });
      return;
    }
    connection.secure = true;
    // The host has encrypted and verified; what it agreed on, it does not tell. A client that offers HTTP/1.1 gets it.
    const alpn = options.alpn.includes("http/1.1") ? "http/1.1" : null;
    record.secure({ version: "TLSv1.3", cipher: null, bits: 0, alpn, certificate: undefined, details: undefined });
    record.notify();
  }

  lookup(host: string, done: (addresses: readonly string[], failure?: Failure) => void): void {
    if (host.toLowerCase() === "localhost") {
      this.#names.set("127.0.0.1", "localhost");
      done(["127.0.0.1"]);
      return;
    }
    for (const [address, name] of this.#names) {
      if (name === host) {
        done([address]);
        return;
      }
    }
    // Addresses of a network that is reserved for tests (RFC 2544): they mean the name and nothing else.
    const number = this.#names.size + 1;
    const address = `198.${18 + ((number >> 16) & 1)}.${(number >> 8) & 255}.${number & 255}`;
    this.#names.set(address, host);
    done([address]);
  }

  isAsking(record: SocketRecord): boolean {
    return this.#connections.get(record)?.asking ?? false;
  }

  wait(): void {
    throw new Error("Nothing can be waited for by blocking here");
  }

  setAwaited(): void {
    // A page lives as long as it is open.
  }

  // ---- requests ----

  #next(record: SocketRecord, connection: Connection, blockMs: number): void {
    const request = connection.busy || connection.closed ? undefined : connection.queue.shift();
    if (request === undefined) return;
    if (request.method === "CONNECT") {
      // A tunnel through a proxy: the host has proxies of its own.
      const [, host, port] = /^\[?(.*?)\]?:(\d+)$/.exec(request.target) ?? [];
      connection.host = { host, port: Number(port) };
      record.push(responseHead(200, "Connection established", []));
      return;
    }
    const url = addressOf(request, connection);
    connection.busy = true;
    connection.asking = true;
    if (blockMs >= 0) {
      try {
        this.#answerAtOnce(record, connection, request, this.#takeFetched(request, url) ?? requestBlocking(request, url, blockMs));
      } catch (error) {
        this.#failed(record, connection, url, error);
      }
      return;
    }
    this.#answer(record, connection, request, url).catch((error: unknown) => this.#failed(record, connection, url, error));
  }

  #failed(record: SocketRecord, connection: Connection, url: string, error: unknown): void {
    connection.asking = false;
    connection.abort = undefined;
    if (connection.closed) return;
    const message = (error as { message?: unknown } | null)?.message ?? error;
    if ((error as { name?: unknown } | null)?.name === "TimeoutError") {
      record.fail({ code: "ETIMEDOUT", message: `Request for ${url} timed out` });
      record.notify();
      return;
    }
    record.fail({
      code: record.queued > 0 ? "ECONNRESET" : "ECONNREFUSED",
      message:
        `Request for ${url} failed: ${String(message).trim().replace(/\.$/, "")}. The browser does not say why: no connection, no such host, a certificate ` +
        "that does not fit, or a server that does not let this page in (CORS)",
    });
    record.notify();
  }

  /** What the host has fetched for this request already. */
  #takeFetched(request: HttpRequest, url: string): Answer | undefined {
    const fetched = this.#fetched;
    this.#fetched = undefined;
    if (fetched === undefined) return undefined;
    if (fetched.url === url && (request.method === "GET" || request.method === "HEAD")) return { ...fetched, redirected: false };
    fetched.abort();
    return undefined;
  }

  /** The head of an answer; false if there is no body to follow. */
  #begin(record: SocketRecord, connection: Connection, request: HttpRequest, answer: Answer): "none" | "plain" | "chunks" {
    connection.asking = false;
    if (answer.redirected) {
      this.#fetched?.abort();
      this.#fetched = answer;
      connection.abort = undefined;
      // 303 makes a GET of any other method, which is what the host has ended with or may as well have.
      const status = request.method === "GET" || request.method === "HEAD" ? 302 : 303;
      record.push(responseHead(status, "Found", [["location", answer.url], ["content-length", "0"], ...closing(request)]));
      return "none";
    }
    const isEmpty = request.method === "HEAD" || answer.status === 204 || answer.status === 304;
    const hasLength = answer.knowsLength && answer.headers.some(([name]) => name.toLowerCase() === "content-length");
    const framing = isEmpty || hasLength ? "plain" : request.knowsChunks ? "chunks" : "plain";
    const headers = answer.headers.filter(([name]) => !NOT_RECEIVED.test(name) && (hasLength || isEmpty || name.toLowerCase() !== "content-length"));
    record.push(
      responseHead(answer.status, answer.reason, [
        ...headers,
        ...(framing === "chunks" ? ([["transfer-encoding", "chunked"]] as const) : []),
        ...closing(request),
      ]),
    );
    return isEmpty ? "none" : framing;
  }

  #finish(record: SocketRecord, connection: Connection, request: HttpRequest, framing: "none" | "plain" | "chunks", hasLength: boolean): void {
    connection.busy = false;
    connection.abort = undefined;
    if (framing === "chunks") record.push(chunk(new Uint8Array(0)));
    if (!request.keepsAlive || (framing === "plain" && !hasLength)) record.ended = true;
    this.#next(record, connection, -1);
    record.notify();
  }

  #answerAtOnce(record: SocketRecord, connection: Connection, request: HttpRequest, answer: Answer): void {
    const framing = this.#begin(record, connection, request, answer);
    const { body } = answer;
    if (framing !== "none" && body !== undefined) {
      if (!(body instanceof Uint8Array)) {
        // Begun with `fetch` by code that could wait, and asked for by code that cannot.
        answer.abort();
        throw new Error("the answer began while the program could wait, and goes on where it cannot");
      }
      if (body.length > 0) record.push(framing === "chunks" ? chunk(body) : body);
    }
    this.#finish(record, connection, request, framing, answer.knowsLength);
  }

  async #answer(record: SocketRecord, connection: Connection, request: HttpRequest, url: string): Promise<void> {
    const answer = this.#takeFetched(request, url) ?? (await this.#fetch(connection, request, url));
    if (connection.closed) {
      answer.abort();
      return;
    }
    connection.abort = answer.abort;
    const framing = this.#begin(record, connection, request, answer);
    record.notify();
    const { body } = answer;
    if (framing === "none") {
      if (!answer.redirected) answer.abort();
    } else if (body instanceof Uint8Array) {
      if (body.length > 0) record.push(framing === "chunks" ? chunk(body) : body);
    } else if (body !== undefined) {
      for (;;) {
        const { done, value } = await body.read();
        if (connection.closed) return;
        if (done) break;
        record.push(framing === "chunks" ? chunk(value) : value);
        record.notify();
        if (record.queued >= AHEAD_BYTES) {
          await new Promise<void>((resolve) => {
            connection.resume = resolve;
          });
          connection.resume = undefined;
          if (connection.closed) return;
        }
      }
    }
    const hasLength = answer.knowsLength && answer.headers.some(([name]) => name.toLowerCase() === "content-length");
    this.#finish(record, connection, request, framing, hasLength);
  }

  async #fetch(connection: Connection, request: HttpRequest, url: string): Promise<Answer> {
    const controller = new AbortController();
    connection.abort = () => controller.abort();
    const { method, body } = request;
    const response = await fetch(url, {
      method,
      headers: sent(request).map(([name, value]) => [name, value] as [string, string]),
      signal: controller.signal,
      ...(body.length > 0 && method !== "GET" && method !== "HEAD" ? { body: body as Uint8Array<ArrayBuffer> } : {}),
    });
    const headers = [...response.headers];
    return {
      url: withoutFragment(response.url || url),
      status: response.status,
      reason: response.statusText,
      headers,
      redirected: response.redirected,
      // Another origin may hide that its bytes were encoded.
      knowsLength: response.type !== "cors" && !headers.some(([name]) => name.toLowerCase() === "content-encoding"),
      body: (response.body?.getReader() as ReadableStreamDefaultReader<Uint8Array> | undefined) ?? new Uint8Array(0),
      abort: () => controller.abort(),
    };
  }
}

function closing(request: HttpRequest): readonly (readonly [string, string])[] {
  return request.keepsAlive ? [] : [["connection", "close"]];
}

function sent(request: HttpRequest): readonly (readonly [string, string])[] {
  return request.headers.filter(([name]) => !NOT_SENT.test(name));
}

function withoutFragment(url: string): string {
  const hash = url.indexOf("#");
  return hash < 0 ? url : url.slice(0, hash);
}

/** The address that a request is for. */
function addressOf(request: HttpRequest, { host, secure }: Connection): string {
  // A client that uses a proxy sends whole addresses.
  if (/^https?:\/\//i.test(request.target)) return new URL(request.target).href;
  const scheme = secure ? "https" : "http";
  const named = request.headers.find(([name]) => name.toLowerCase() === "host")?.[1];
  const shown = host.host?.includes(":") ? `[${host.host}]` : host.host;
  try {
    return new URL(request.target, `${scheme}://${named || `${shown}:${host.port}`}`).href;
  } catch {
    return `${scheme}://${named || `${shown}:${host.port}`}${request.target}`;
  }
}

/** A request that blocks the whole page or worker until all of its answer is there. */
function requestBlocking(request: HttpRequest, url: string, limitMs: number): Answer {
  if (typeof XMLHttpRequest !== "function") {
    throw new Error(
      "a request cannot block here: there is no XMLHttpRequest, and the stack cannot be suspended; use `runPythonAsync`, or `await pyfetch()`",
    );
  }
  const xhr = new XMLHttpRequest();
  xhr.open(request.method, url, false);
  // On a main thread a blocking request gives text only: this character set passes every byte through as one character.
  const givesText = typeof document === "object";
  if (givesText) xhr.overrideMimeType("text/plain; charset=x-user-defined");
  else {
    xhr.responseType = "arraybuffer";
    // Pages must not set it.
    xhr.timeout = limitMs;
  }
  for (const [name, value] of sent(request)) xhr.setRequestHeader(name, value);
  xhr.send(request.body.length > 0 ? (request.body as Uint8Array<ArrayBuffer>) : null);
  let body: Uint8Array;
  if (givesText) {
    const text = xhr.responseText;
    body = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) body[i] = text.charCodeAt(i) & 0xff;
  } else {
    body = new Uint8Array((xhr.response as ArrayBuffer | null) ?? new ArrayBuffer(0));
  }
  const headers = xhr
    .getAllResponseHeaders()
    .split("\r\n")
    .filter((line) => line.includes(":"))
    .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()] as const)
    .filter(([name]) => request.method === "HEAD" || name.toLowerCase() !== "content-length");
  const found = withoutFragment(xhr.responseURL || url);
  return {
    url: found,
    status: xhr.status,
    reason: xhr.statusText,
    headers: request.method === "HEAD" ? headers : [...headers, ["content-length", String(body.length)]],
    redirected: found !== withoutFragment(url),
    knowsLength: true,
    body,
    abort: () => undefined,
  };
}
