/**
 * Sockets for Python's module `_socket`: numbers of files that stand for connections, and everything that can be waited for.
 * Owns: the file descriptors of sockets, readiness, waiting with a promise or by blocking.
 * Not here: moving bytes (node-thread.ts, gateway.ts), Python's classes and errors (`_pyodide._sockets`).
 * Invariants: nothing exists before the first socket does; a closed descriptor leaves nothing behind; the process is kept alive
 * only while somebody waits or bytes are on their way.
 */
import type { EmscriptenModule, FSNode, FSStream, StreamOperations } from "../emscripten/module";
import { consumedLinked, endLinked, link, writeLinked } from "./linked";
import type { Address, Backend, Failure, SocketRecord, TlsInfo, TlsOptions } from "./record";
import { SocketRecord as Socket } from "./record";

const READABLE = 1;
const WRITABLE = 2;
const FAILED = 4;

/** More than this may not be on its way for one socket: the writer waits. */
const IN_FLIGHT_MAX = 1 << 20;
const S_IFSOCK = 0o140000;
const O_RDWR = 2;

/** A node of the file system that stands for a socket. */
interface SocketNode extends FSNode {
  pyoxideSocket?: SocketRecord;
}

type Watcher = (fd: number) => void;

interface Lookup {
  addresses: readonly string[] | undefined;
  failure: Failure | undefined;
}

/** The network of one interpreter, as Python sees it. Every `fd` is that of a socket. */
export class Network {
  readonly #module: EmscriptenModule;
  readonly #backend: Backend;
  readonly #operations: StreamOperations & Record<string, unknown>;
  readonly #watched = new Map<SocketRecord, { readonly fd: number; readonly watcher: Watcher }>();
  readonly #lookups = new Map<number, Lookup>();
  #lookupWaiters: (() => void)[] = [];
  #anyWaiters: (() => void)[] = [];
  #awaiting = 0;
  #lastId = 0;
  #records = 0;

  constructor(module: EmscriptenModule, makeBackend: (network: Network) => Backend) {
    this.#module = module;
    this.#operations = this.#streamOperations();
    this.#backend = makeBackend(this);
  }

  get kind(): string {
    return this.#backend.kind;
  }

  get canBlock(): boolean {
    return this.#backend.canBlock;
  }

  /** How many sockets are open: for leak checks. */
  get liveSockets(): number {
    return this.#records;
  }

  // ---- making and ending ----

  /** A new record; with the number of a connection that the backend has made, or one of its own. */
  record(id = ++this.#lastId): SocketRecord {
    return new Socket(id, (changed) => this.#changed(changed));
  }

  open(): number {
    return this.#descriptor(this.record());
  }

  close(fd: number): void {
    const stream = this.#stream(fd);
    // Through the file system, so that its own `close` and `os.close` are the same.
    (this.#module.FS as unknown as { close(stream: FSStream): void }).close(stream);
  }

  connect(fd: number, to: Address, from?: Address): void {
    const record = this.#record(fd);
    record.phase = "connecting";
    this.#backend.connect(record, plainAddress(to), from && plainAddress(from));
  }

  listen(fd: number, at: Address, backlog: number): void {
    const record = this.#record(fd);
    record.phase = "connecting";
    this.#backend.listen(record, plainAddress(at), backlog);
  }

  /** The descriptor of a connection that has come in; 0 if there is none. */
  accept(fd: number): number {
    const accepted = this.#record(fd).accepted.shift();
    return accepted === undefined ? 0 : this.#descriptor(accepted);
  }

  /** A new socket under the same descriptor. */
  renew(fd: number): void {
    const node = this.#stream(fd).node;
    const old = node.pyoxideSocket as SocketRecord;
    const record = this.record();
    record.references = old.references;
    node.pyoxideSocket = record;
    const watched = this.#watched.get(old);
    if (watched !== undefined) {
      this.#watched.delete(old);
      this.#watched.set(record, watched);
    }
    this.#end(old);
  }

  /** Makes two new sockets the ends of one connection inside this program. */
  pair(one: number, other: number): void {
    link(this.#record(one), this.#record(other));
  }

  // ---- bytes ----

  /** What has arrived, up to `most` bytes; nothing when nothing has. */
  read(fd: number, most: number, peek: boolean): Uint8Array {
    const record = this.#record(fd);
    const bytes = record.take(most, !peek);
    if (!peek && bytes.length > 0) this.#consumed(record, bytes.length);
    return bytes;
  }

  /** How many of the bytes were taken; 0 when the socket is full. */
  write(fd: number, bytes: Uint8Array, blockMs: number): number {
    const record = this.#record(fd);
    if (record.inFlight >= IN_FLIGHT_MAX) return 0;
    // Asked now: the memory may be handed over.
    const count = bytes.length;
    if (count > 0) this.#write(record, bytes, blockMs);
    return count;
  }

  end(fd: number): void {
    const record = this.#record(fd);
    if (record.partner !== undefined) endLinked(record);
    else this.#backend.end(record);
  }

  // ---- what is known ----

  /** Bits of READABLE, WRITABLE and FAILED. */
  state(fd: number): number {
    return readiness(this.#record(fd));
  }

  phase(fd: number): string {
    return this.#record(fd).phase;
  }

  hasEnded(fd: number): boolean {
    return this.#record(fd).ended;
  }

  isAsking(fd: number): boolean {
    return this.#backend.isAsking(this.#record(fd));
  }

  failure(fd: number): Failure | undefined {
    return this.#record(fd).error;
  }

  queued(fd: number): number {
    return this.#record(fd).queued;
  }

  local(fd: number): Address | undefined {
    return this.#record(fd).local;
  }

  peer(fd: number): Address | undefined {
    return this.#record(fd).peer;
  }

  option(fd: number, name: "noDelay" | "keepAlive", value: boolean): void {
    this.#backend.option(this.#record(fd), name, value);
  }

  /** Starts TLS; `reply` is what the program reads when the handshake has ended. */
  startTls(fd: number, options: TlsOptions, reply?: Uint8Array): void {
    const record = this.#record(fd);
    record.securing = true;
    record.reply = reply;
    if (record.partner !== undefined) {
      record.fail({ code: "EOPNOTSUPP", message: "A connection inside this program is not encrypted: nobody else can read it" });
      return;
    }
    const { serverSide, serverName, verify, checkName, authorities, certificate, key, passphrase, alpn, minimum, maximum } = options;
    this.#backend.startTls(record, {
      serverSide, serverName, verify, checkName, authorities, certificate, key, passphrase, alpn: [...alpn], minimum, maximum,
    });
  }

  isSecuring(fd: number): boolean {
    return this.#record(fd).securing;
  }

  tls(fd: number): TlsInfo | undefined {
    return this.#record(fd).secured;
  }

  // ---- names ----

  /** Starts to look a name up; the number is for `found`. */
  lookup(host: string): number {
    const number = ++this.#lastId;
    const lookup: Lookup = { addresses: undefined, failure: undefined };
    this.#lookups.set(number, lookup);
    this.#backend.lookup(host, (addresses, failure) => {
      lookup.addresses = addresses;
      lookup.failure = failure;
      const waiters = this.#lookupWaiters;
      this.#lookupWaiters = [];
      for (const waiter of waiters) waiter();
    });
    return number;
  }

  /** The result of a lookup, once; undefined while there is none. */
  found(number: number): Lookup | undefined {
    const lookup = this.#lookups.get(number);
    if (lookup?.addresses === undefined) return undefined;
    this.#lookups.delete(number);
    return lookup;
  }

  /** Of a reset, after all descriptors were closed: nobody waits any more. */
  forget(): void {
    this.#lookups.clear();
    this.#watched.clear();
    for (const waiter of [...this.#anyWaiters, ...this.#lookupWaiters]) waiter();
    this.#updateAwaited();
  }

  // ---- waiting ----

  /** Resolves at the next change of a socket (0: of any; -1: of a lookup), or after some milliseconds. */
  changed(fd: number, milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const record = fd > 0 ? this.#record(fd) : undefined;
      this.#awaiting++;
      this.#updateAwaited();
      let timer: ReturnType<typeof setTimeout> | undefined;
      const done = (): void => {
        clearTimeout(timer);
        record?.forget(done);
        this.#anyWaiters = this.#anyWaiters.filter((other) => other !== done);
        this.#lookupWaiters = this.#lookupWaiters.filter((other) => other !== done);
        this.#awaiting--;
        this.#updateAwaited();
        resolve();
      };
      timer = setTimeout(done, milliseconds);
      if (record !== undefined) record.onChange(done);
      else (fd === 0 ? this.#anyWaiters : this.#lookupWaiters).push(done);
    });
  }

  /** Blocks until something happens, for `milliseconds` at most. */
  wait(milliseconds: number): void {
    this.#backend.wait(milliseconds);
  }

  /** Waits until all bytes that were written are on their way, for so many milliseconds at most. */
  finish(milliseconds: number): void {
    const end = performance.now() + milliseconds;
    for (let left = milliseconds; left > 0 && this.#backend.isSending; left = end - performance.now()) this.#backend.wait(left);
  }

  /** Calls `watcher(fd)` whenever something about a socket may have changed, until `unwatch`. */
  watch(fd: number, watcher: Watcher): void {
    this.#watched.set(this.#record(fd), { fd, watcher });
    this.#updateAwaited();
  }

  unwatch(fd: number): void {
    for (const [record, watched] of this.#watched) if (watched.fd === fd) this.#watched.delete(record);
    this.#updateAwaited();
  }

  // ---- inside ----

  #write(record: SocketRecord, bytes: Uint8Array, blockMs: number): void {
    if (record.partner !== undefined) writeLinked(record, bytes);
    else this.#backend.write(record, bytes, blockMs);
  }

  #consumed(record: SocketRecord, count: number): void {
    if (record.partner !== undefined) consumedLinked(record, count);
    else this.#backend.consumed(record, count);
  }

  #end(record: SocketRecord): void {
    for (const waiting of record.accepted) this.#end(waiting);
    endLinked(record);
    this.#backend.close(record);
    record.phase = "closed";
  }

  #changed(record: SocketRecord): void {
    const waiters = this.#anyWaiters;
    this.#anyWaiters = [];
    for (const waiter of waiters) waiter();
    this.#updateAwaited();
    const watched = this.#watched.get(record);
    watched?.watcher(watched.fd);
  }

  #updateAwaited(): void {
    this.#backend.setAwaited(this.#awaiting > 0 || this.#watched.size > 0 || this.#lookups.size > 0);
  }

  #descriptor(record: SocketRecord): number {
    const FS = this.#module.FS as unknown as {
      createNode(parent: null, name: string, mode: number, device: number): SocketNode;
      createStream(stream: object): FSStream;
    };
    const node = FS.createNode(null, `socket:[${record.id}]`, S_IFSOCK | 0o777, 0);
    node.pyoxideSocket = record;
    const stream = FS.createStream({ path: node.name, node, flags: O_RDWR, seekable: false, stream_ops: this.#operations });
    record.references++;
    this.#records++;
    return stream.fd as number;
  }

  #stream(fd: number): FSStream & { node: SocketNode } {
    const stream = this.#module.FS.streams[fd] as (FSStream & { node: SocketNode }) | null | undefined;
    if (stream?.node.pyoxideSocket === undefined) {
      throw new RangeError(`File descriptor ${fd} is no open socket`);
    }
    return stream;
  }

  #record(fd: number): SocketRecord {
    return this.#stream(fd).node.pyoxideSocket as SocketRecord;
  }

  /** Is this the number of an open socket? */
  isSocket(fd: number): boolean {
    return (this.#module.FS.streams[fd] as { node?: SocketNode } | null | undefined)?.node?.pyoxideSocket !== undefined;
  }

  /** What `os.read`, `select.poll` and the rest of the C library do with a socket: they never wait. */
  #streamOperations(): StreamOperations & Record<string, unknown> {
    const module = this.#module;
    const recordOf = (stream: FSStream): SocketRecord => (stream.node as SocketNode).pyoxideSocket as SocketRecord;
    const failWith = (name: string): never => {
      throw new module.FS.ErrnoError(module.ERRNO_CODES[name] as number);
    };
    return {
      poll: (stream: FSStream) => {
        const state = readiness(recordOf(stream));
        return (state & READABLE ? 0x41 : 0) | (state & WRITABLE ? 0x104 : 0) | (state & FAILED ? 8 : 0);
      },
      read: (stream: FSStream, buffer: Int8Array | Uint8Array, offset: number, length: number) => {
        const record = recordOf(stream);
        const bytes = record.take(length, true);
        if (bytes.length === 0 && length > 0) {
          if (record.error !== undefined) failWith(record.error.code in module.ERRNO_CODES ? record.error.code : "EIO");
          if (!record.ended) failWith("EAGAIN");
        }
        buffer.set(bytes, offset);
        if (bytes.length > 0) this.#consumed(record, bytes.length);
        return bytes.length;
      },
      write: (stream: FSStream, buffer: Int8Array | Uint8Array, offset: number, length: number) => {
        const record = recordOf(stream);
        if (record.phase !== "open") failWith("ENOTCONN");
        if (record.inFlight >= IN_FLIGHT_MAX) failWith("EAGAIN");
        // A copy: the memory belongs to Python, which goes on.
        const bytes = new Uint8Array(length);
        bytes.set(new Uint8Array(buffer.buffer, buffer.byteOffset + offset, length));
        this.#write(record, bytes, -1);
        return length;
      },
      getattr: (stream: FSStream) => ({
        dev: 1,
        ino: stream.node.id,
        mode: S_IFSOCK | 0o777,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        size: 0,
        atime: new Date(0),
        mtime: new Date(0),
        ctime: new Date(0),
        blksize: 4096,
        blocks: 0,
      }),
      dup: (stream: FSStream) => {
        recordOf(stream).references++;
        this.#records++;
      },
      close: (stream: FSStream) => {
        const record = recordOf(stream);
        this.#records--;
        if (--record.references > 0) return;
        this.#watched.delete(record);
        this.#module.FS.streams[stream.fd as number] = null;
        (this.#module.FS as unknown as { destroyNode(node: FSNode): void }).destroyNode(stream.node);
        this.#end(record);
        record.notify();
      },
    };
  }
}

/** What Python gave as a dict, as an object that can be handed to a thread. */
function plainAddress({ host, port, path }: Address): Address {
  return { host, port, path };
}

function readiness(record: SocketRecord): number {
  if (record.securing) return 0;
  const failed = record.error === undefined ? 0 : FAILED;
  const readable = failed || record.ended || record.queued > 0 || record.accepted.length > 0 || record.phase === "new" ? READABLE : 0;
  const writable = failed || (record.phase === "open" && record.inFlight < IN_FLIGHT_MAX) || record.phase === "new" ? WRITABLE : 0;
  return readable | writable | failed;
}
