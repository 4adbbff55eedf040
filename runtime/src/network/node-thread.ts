/**
 * Sockets in Node: the main thread's side of the thread that holds them (node-worker.ts).
 * Owns: starting the thread, the port to it, and blocking until it reports something.
 * Not here: descriptors and readiness (network.ts).
 * Invariants: the thread starts with the first socket; a report is taken once, by the event loop or by whoever blocks, in the order
 * in which it was sent; the thread alone keeps no process alive.
 *
 * A thread, because Python code that blocks gives Node's event loop no turn, while a thread goes on; where the stack can be
 * suspended the same sockets are waited for without blocking anything.
 */
import type * as Threads from "node:worker_threads";
import type { NodeThreads } from "../environment/node";
import type { Network } from "./network";
import { type Command, type Report, type WorkerScope, runNetworkThread } from "./node-worker";
import type { Address, Backend, Failure, SocketRecord, TlsOptions } from "./record";

type Found = (addresses: readonly string[], failure?: Failure) => void;

export class NodeBackend implements Backend {
  readonly kind = "sockets";
  readonly canBlock = true;
  readonly #network: Network;
  readonly #threads: NodeThreads;
  readonly #records = new Map<number, SocketRecord>();
  readonly #lookups = new Map<number, Found>();
  /** What arrives for these still is part of a handshake that the thread will do. */
  readonly #rewinding = new Set<SocketRecord>();
  readonly #count = new Int32Array(new SharedArrayBuffer(4));
  #port: Threads.MessagePort | undefined;
  #inFlight = 0;
  #isAwaited = false;
  #isReferenced = false;
  #lastLookup = 0;

  constructor(network: Network, threads: NodeThreads) {
    this.#network = network;
    this.#threads = threads;
  }

  get isSending(): boolean {
    return this.#inFlight > 0;
  }

  connect(record: SocketRecord, to: Address, from: Address | undefined): void {
    this.#records.set(record.id, record);
    this.#send({ op: "connect", id: record.id, to, from });
  }

  listen(record: SocketRecord, at: Address, backlog: number): void {
    this.#records.set(record.id, record);
    this.#send({ op: "listen", id: record.id, at, backlog });
  }

  write(record: SocketRecord, bytes: Uint8Array): void {
    record.inFlight += bytes.length;
    this.#inFlight += bytes.length;
    // Only memory that holds nothing else can be handed over.
    const own = bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
    this.#send({ op: "write", id: record.id, bytes: own }, [own.buffer as ArrayBuffer]);
  }

  consumed(record: SocketRecord, count: number): void {
    if (!record.ended) this.#send({ op: "consumed", id: record.id, count });
  }

  end(record: SocketRecord): void {
    this.#send({ op: "end", id: record.id });
  }

  close(record: SocketRecord): void {
    this.#rewinding.delete(record);
    if (this.#records.delete(record.id)) this.#send({ op: "close", id: record.id });
  }

  option(record: SocketRecord, name: "noDelay" | "keepAlive", value: boolean): void {
    if (this.#records.has(record.id)) this.#send({ op: "option", id: record.id, name, value });
  }

  startTls(record: SocketRecord, options: TlsOptions): void {
    // The thread goes on with what was not read.
    record.discard();
    this.#rewinding.add(record);
    this.#send({ op: "tls", id: record.id, options });
  }

  lookup(host: string, done: Found): void {
    const id = ++this.#lastLookup;
    this.#lookups.set(id, done);
    this.#send({ op: "lookup", id, host });
  }

  isAsking(): boolean {
    return false;
  }

  wait(milliseconds: number): void {
    // Whoever waits has sent something before.
    if (this.#port === undefined) return;
    const seen = Atomics.load(this.#count, 0);
    if (this.#drain()) return;
    Atomics.wait(this.#count, 0, seen, milliseconds);
    this.#drain();
  }

  setAwaited(isAwaited: boolean): void {
    this.#isAwaited = isAwaited;
    this.#updateReference();
  }

  #updateReference(): void {
    const wanted = this.#isAwaited || this.#inFlight > 0;
    if (this.#port === undefined || wanted === this.#isReferenced) return;
    this.#isReferenced = wanted;
    if (wanted) this.#port.ref();
    else this.#port.unref();
  }

  #start(): Threads.MessagePort {
    if (this.#port !== undefined) return this.#port;
    const { Worker, MessageChannel } = this.#threads;
    const { port1, port2 } = new MessageChannel();
    const program = `
      const { workerData } = require('node:worker_threads');
      (${runNetworkThread.toString()})({ ...workerData, net: require("node:net"), tls: require("node:tls"), dns: require("node:dns") });
    `;
    const data: Pick<WorkerScope, "port" | "count"> = { port: port2, count: this.#count };
    const worker = new Worker(program, { eval: true, workerData: data, transferList: [port2], execArgv: [] });
    worker.unref();
    worker.on("error", (error) => this.#fail({ code: "EIO", message: `The thread of the network ended: ${error.message}` }));
    port1.on("message", (report: Report) => this.#take(report));
    port1.unref();
    this.#port = port1;
    this.#updateReference();
    return port1;
  }

  #send(command: Command, transfer: ArrayBuffer[] = []): void {
    let port: Threads.MessagePort;
    try {
      port = this.#start();
    } catch (error) {
      // A host that gives programs permissions may refuse threads.
      this.#fail({ code: "EACCES", message: `The host refuses the thread that holds the sockets: ${(error as Error).message}` });
      return;
    }
    port.postMessage(command, transfer);
    this.#updateReference();
  }

  /** Nothing comes from the thread. */
  #fail(failure: Failure): void {
    for (const record of [...this.#records.values()]) {
      record.fail(failure);
      record.notify();
    }
    const lookups = [...this.#lookups.values()];
    this.#lookups.clear();
    lookups.forEach((done) => done([], failure));
  }

  /** Takes every report that has arrived; false if there was none. */
  #drain(): boolean {
    let some = false;
    for (;;) {
      const received = this.#threads.receiveMessageOnPort(this.#start()) as { readonly message: Report } | undefined;
      if (received === undefined) return some;
      some = true;
      this.#take(received.message);
    }
  }

  #take(report: Report): void {
    if (report.what === "addresses") {
      const done = this.#lookups.get(report.id);
      this.#lookups.delete(report.id);
      done?.(report.addresses, report.failure);
      return;
    }
    if (report.what === "written") {
      this.#inFlight -= report.count;
      this.#updateReference();
    }
    const record = this.#records.get(report.id);
    if (record === undefined) {
      // Its descriptor was closed meanwhile.
      if (report.what === "accepted") this.#send({ op: "close", id: report.connection });
      return;
    }
    switch (report.what) {
      case "open":
        record.phase = "open";
        record.local = report.local;
        record.peer = report.peer;
        break;
      case "listening":
        record.phase = "listening";
        record.local = report.local;
        break;
      case "accepted": {
        const connection = this.#network.record(report.connection);
        connection.phase = "open";
        connection.local = report.local;
        connection.peer = report.peer;
        this.#records.set(connection.id, connection);
        record.accepted.push(connection);
        break;
      }
      case "data":
        if (!this.#rewinding.has(record)) record.push(report.bytes);
        break;
      case "rewound":
        this.#rewinding.delete(record);
        break;
      case "written":
        record.inFlight -= report.count;
        break;
      case "end":
        record.ended = true;
        break;
      case "closed":
        record.ended = true;
        if (record.securing) record.fail({ code: "ECONNRESET", message: "The connection was closed during the TLS handshake" });
        break;
      case "failed":
        record.fail(report.failure);
        break;
      case "secure":
        record.secure(report.info);
        break;
    }
    record.notify();
  }
}
