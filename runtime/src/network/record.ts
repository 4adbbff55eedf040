/**
 * What is known of one socket, and what has to move bytes for it.
 * Owns: the queue of bytes that have arrived, the phase of a connection, who waits for a change.
 * Not here: file descriptors (network.ts), where bytes come from (node-thread.ts, gateway.ts).
 * Invariant: what has arrived is delivered in order, and before an end or an error that came after it.
 */

/** An address as Node tells it; `path` is that of a Unix socket. */
export interface Address {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly path?: string | undefined;
}

/** Why something failed: the name of an errno or of an error of TLS, and a sentence. */
export interface Failure {
  readonly code: string;
  readonly message: string;
}

/** What a TLS handshake has agreed on. */
export interface TlsInfo {
  readonly version: string | null;
  readonly cipher: string | null;
  readonly bits: number;
  readonly alpn: string | null;
  /** The certificate of the other side in DER; absent where the host shows none. */
  readonly certificate: Uint8Array | undefined;
  /** What the certificate says, as JSON. */
  readonly details: string | undefined;
}

/** Settings of a TLS handshake. Certificates and keys are PEM. */
export interface TlsOptions {
  readonly serverSide: boolean;
  readonly serverName: string | null;
  readonly verify: boolean;
  readonly checkName: boolean;
  readonly authorities: string | null;
  readonly certificate: string | null;
  readonly key: string | null;
  readonly passphrase: string | null;
  readonly alpn: readonly string[];
  readonly minimum: string | null;
  readonly maximum: string | null;
}

export type Phase = "new" | "connecting" | "open" | "listening" | "closed";

/** One socket. */
export class SocketRecord {
  phase: Phase = "new";
  local: Address | undefined;
  peer: Address | undefined;
  /** Nothing more will arrive. */
  ended = false;
  error: Failure | undefined;
  /** Bytes handed over and not yet on their way. */
  inFlight = 0;
  /** Connections that wait for `accept`. */
  readonly accepted: SocketRecord[] = [];
  securing = false;
  secured: TlsInfo | undefined;
  /** What the program reads when the handshake has ended, before anything else. */
  reply: Uint8Array | undefined;
  /** The other end of a connection inside this program. */
  partner: SocketRecord | undefined;
  /** How many file descriptors name it. */
  references = 0;

  readonly #chunks: Uint8Array[] = [];
  #queued = 0;
  #waiters: (() => void)[] = [];

  constructor(
    readonly id: number,
    readonly changed: (record: SocketRecord) => void,
  ) {}

  get queued(): number {
    return this.#queued;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#queued += chunk.length;
  }

  /** Forgets what has arrived. */
  discard(): void {
    this.#chunks.length = 0;
    this.#queued = 0;
  }

  /** Takes up to `most` bytes. Without `remove` they stay for the next call. */
  take(most: number, remove: boolean): Uint8Array {
    const first = this.#chunks[0];
    if (first === undefined || most <= 0) return new Uint8Array(0);
    if (remove && first.length <= most) {
      // PERF: a whole chunk, as it came.
      this.#chunks.shift();
      this.#queued -= first.length;
      return first;
    }
    const part = first.subarray(0, most);
    if (remove) {
      this.#chunks[0] = first.subarray(most);
      this.#queued -= part.length;
    }
    return part;
  }

  /** The handshake has ended well. */
  secure(info: TlsInfo): void {
    this.secured = info;
    this.#endHandshake();
  }

  #endHandshake(): void {
    if (this.securing && this.reply !== undefined) this.push(this.reply);
    this.reply = undefined;
    this.securing = false;
  }

  fail(failure: Failure): void {
    this.error ??= failure;
    this.ended = true;
    this.#endHandshake();
    if (this.phase === "connecting") this.phase = "closed";
  }

  /** Calls `done` at the next change. */
  onChange(done: () => void): void {
    this.#waiters.push(done);
  }

  forget(done: () => void): void {
    this.#waiters = this.#waiters.filter((other) => other !== done);
  }

  /** Tells whoever waits. */
  notify(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter();
    this.changed(this);
  }
}

/** Moves bytes for sockets: a thread of Node, or `fetch`. */
export interface Backend {
  /** "sockets" are those of the operating system; with "requests" a connection carries HTTP only. */
  readonly kind: "sockets" | "requests";
  /** Whether `wait` can block a stack that cannot be suspended. */
  readonly canBlock: boolean;
  /** Whether bytes were handed over that are not on their way yet. */
  readonly isSending: boolean;
  connect(record: SocketRecord, to: Address, from: Address | undefined): void;
  listen(record: SocketRecord, at: Address, backlog: number): void;
  /** `blockMs`: the caller can neither come back later nor be suspended, and waits so long (0: for ever); -1: it can. */
  write(record: SocketRecord, bytes: Uint8Array, blockMs: number): void;
  /** Room has become free in the queue of a socket. */
  consumed(record: SocketRecord, count: number): void;
  /** Nothing more will be written. */
  end(record: SocketRecord): void;
  close(record: SocketRecord): void;
  option(record: SocketRecord, name: "noDelay" | "keepAlive", value: boolean): void;
  startTls(record: SocketRecord, options: TlsOptions): void;
  lookup(host: string, done: (addresses: readonly string[], failure?: Failure) => void): void;
  /** Whether a request is on its way whose answer has not begun. */
  isAsking(record: SocketRecord): boolean;
  /** Blocks until something happens, for `milliseconds` at most. */
  wait(milliseconds: number): void;
  /** Whether somebody waits for this, so that the process must not end. */
  setAwaited(isAwaited: boolean): void;
}
