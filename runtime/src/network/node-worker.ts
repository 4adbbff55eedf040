/**
 * What runs in the thread that holds the sockets of a Node process.
 * Owns: the sockets of the operating system, TLS on them, name lookups.
 * Not here: the other side of the port (node-thread.ts).
 * Invariants: the function is self-contained, because the thread gets its text; a socket is read no further ahead than
 * `ahead` bytes; every message is followed by a count that a blocked main thread waits for.
 */
import type * as Dns from "node:dns";
import type * as Net from "node:net";
import type * as Tls from "node:tls";
import type * as Threads from "node:worker_threads";
import type { Address, Failure, TlsInfo, TlsOptions } from "./record";

/** From the main thread. */
export type Command =
  | { readonly op: "connect"; readonly id: number; readonly to: Address; readonly from: Address | undefined }
  | { readonly op: "listen"; readonly id: number; readonly at: Address; readonly backlog: number }
  | { readonly op: "write"; readonly id: number; readonly bytes: Uint8Array }
  | { readonly op: "consumed"; readonly id: number; readonly count: number }
  | { readonly op: "end" | "close"; readonly id: number }
  | { readonly op: "option"; readonly id: number; readonly name: "noDelay" | "keepAlive"; readonly value: boolean }
  | { readonly op: "tls"; readonly id: number; readonly options: TlsOptions }
  | { readonly op: "lookup"; readonly id: number; readonly host: string };

/** To the main thread. */
export type Report =
  | { readonly what: "open"; readonly id: number; readonly local: Address; readonly peer: Address }
  | { readonly what: "listening"; readonly id: number; readonly local: Address }
  | { readonly what: "accepted"; readonly id: number; readonly connection: number; readonly local: Address; readonly peer: Address }
  | { readonly what: "data"; readonly id: number; readonly bytes: Uint8Array }
  | { readonly what: "written"; readonly id: number; readonly count: number }
  | { readonly what: "end" | "closed" | "rewound"; readonly id: number }
  | { readonly what: "failed"; readonly id: number; readonly failure: Failure }
  | { readonly what: "secure"; readonly id: number; readonly info: TlsInfo }
  | { readonly what: "addresses"; readonly id: number; readonly addresses: readonly string[]; readonly failure?: Failure };

/** What the thread needs: its port, the count, and Node's modules. */
export interface WorkerScope {
  readonly port: Threads.MessagePort;
  readonly count: Int32Array;
  readonly net: typeof Net;
  readonly tls: typeof Tls;
  readonly dns: typeof Dns;
}

/** The whole program of the thread. */
export function runNetworkThread({ port, count, net, tls, dns }: WorkerScope): void {
  interface Connection {
    socket: Net.Socket;
    /** How much the program has not read yet, and what: TLS may have to begin with it. */
    waiting: number;
    unread: Buffer[];
  }
  const connections = new Map<number, Connection>();
  const servers = new Map<number, Net.Server>();
  const ahead = 1 << 20;
  // Numbers of connections that come in: apart from those that the main thread gives.
  let lastAccepted = 1 << 30;

  const send = (report: Report, transfer: ArrayBuffer[] = []): void => {
    port.postMessage(report, transfer);
    Atomics.add(count, 0, 1);
    Atomics.notify(count, 0);
  };
  const failureOf = (error: NodeJS.ErrnoException): Failure => ({ code: error.code ?? "EIO", message: error.message });
  const addressOf = (host: string | undefined, portNumber: number | undefined): Address => ({ host, port: portNumber });

  const receive = (id: number, bytes: Buffer): void => {
    const connection = connections.get(id);
    if (connection === undefined) return;
    // A copy of its own: buffers of Node share memory, which cannot be handed over.
    const copy = new Uint8Array(bytes);
    connection.waiting += copy.length;
    connection.unread.push(bytes);
    if (connection.waiting > ahead) connection.socket.pause();
    send({ what: "data", id, bytes: copy }, [copy.buffer as ArrayBuffer]);
  };

  const consumed = (connection: Connection, length: number): void => {
    connection.waiting -= length;
    let rest = length;
    while (rest > 0) {
      const first = connection.unread[0];
      if (first === undefined) break;
      if (first.length > rest) connection.unread[0] = first.subarray(rest);
      else connection.unread.shift();
      rest -= first.length;
    }
    if (connection.waiting <= ahead) connection.socket.resume();
  };

  const attach = (id: number, socket: Net.Socket): void => {
    connections.set(id, { socket, waiting: 0, unread: [] });
    socket.on("data", (bytes: Buffer) => receive(id, bytes));
    socket.on("end", () => send({ what: "end", id }));
    socket.on("error", (error) => send({ what: "failed", id, failure: failureOf(error) }));
    socket.on("close", () => {
      if (connections.get(id)?.socket === socket) connections.delete(id);
      send({ what: "closed", id });
    });
  };

  const connect = ({ id, to, from }: Extract<Command, { op: "connect" }>): void => {
    const target =
      to.path !== undefined
        ? { path: to.path }
        : {
            host: to.host as string,
            port: to.port as number,
            ...(from?.host === undefined ? {} : { localAddress: from.host }),
            ...(from?.port ? { localPort: from.port } : {}),
          };
    const socket = net.connect({ ...target, allowHalfOpen: true } as Net.NetConnectOpts);
    attach(id, socket);
    socket.on("connect", () =>
      send({
        what: "open",
        id,
        local: to.path === undefined ? addressOf(socket.localAddress, socket.localPort) : { path: "" },
        peer: to.path === undefined ? addressOf(socket.remoteAddress, socket.remotePort) : to,
      }),
    );
  };

  const listen = ({ id, at, backlog }: Extract<Command, { op: "listen" }>): void => {
    const server = net.createServer({ allowHalfOpen: true }, (socket) => {
      const connection = ++lastAccepted;
      attach(connection, socket);
      const local = at.path === undefined ? addressOf(socket.localAddress, socket.localPort) : at;
      const peer = at.path === undefined ? addressOf(socket.remoteAddress, socket.remotePort) : { path: "" };
      send({ what: "accepted", id, connection, local, peer });
    });
    servers.set(id, server);
    server.on("error", (error) => send({ what: "failed", id, failure: failureOf(error) }));
    server.on("listening", () => {
      const found = server.address();
      const local = typeof found === "string" || found === null ? at : addressOf(found.address, found.port);
      send({ what: "listening", id, local });
    });
    server.listen({ ...(at.path === undefined ? { host: at.host, port: at.port } : { path: at.path }), backlog } as Net.ListenOptions);
  };

  const startTls = ({ id, options }: Extract<Command, { op: "tls" }>): void => {
    const connection = connections.get(id);
    if (connection === undefined) return;
    const raw = connection.socket;
    raw.removeAllListeners("data");
    raw.removeAllListeners("end");
    raw.removeAllListeners("close");
    raw.removeAllListeners("error");
    // What has arrived and was not read is the beginning of the handshake: a client does not wait for the server to be ready.
    raw.pause();
    if (connection.unread.length > 0) raw.unshift(Buffer.concat(connection.unread));
    send({ what: "rewound", id });
    const settings = {
      ...(options.authorities === null ? {} : { ca: options.authorities }),
      ...(options.certificate === null ? {} : { cert: options.certificate }),
      ...(options.key === null ? {} : { key: options.key }),
      ...(options.passphrase === null ? {} : { passphrase: options.passphrase }),
      ...(options.alpn.length === 0 ? {} : { ALPNProtocols: [...options.alpn] }),
      ...(options.minimum === null ? {} : { minVersion: options.minimum as Tls.SecureVersion }),
      ...(options.maximum === null ? {} : { maxVersion: options.maximum as Tls.SecureVersion }),
    };
    let socket: Tls.TLSSocket;
    try {
      if (options.serverSide) {
        socket = new tls.TLSSocket(raw, {
          ...settings,
          isServer: true,
          secureContext: tls.createSecureContext(settings as Tls.SecureContextOptions),
          requestCert: options.verify,
          rejectUnauthorized: options.verify,
        });
      } else {
        const name = options.serverName;
        socket = tls.connect({
          ...settings,
          socket: raw,
          ...(name === null ? {} : net.isIP(name) === 0 ? { servername: name } : { host: name }),
          rejectUnauthorized: options.verify,
          ...(options.checkName && name !== null
            ? { checkServerIdentity: (_: string, certificate: Tls.PeerCertificate) => tls.checkServerIdentity(name, certificate) }
            : { checkServerIdentity: () => undefined }),
        });
      }
    } catch (error) {
      send({ what: "failed", id, failure: failureOf(error as NodeJS.ErrnoException) });
      return;
    }
    attach(id, socket);
    socket.on(options.serverSide ? "secure" : "secureConnect", () => {
      const certificate = socket.getPeerCertificate();
      const cipher = socket.getCipher();
      send({
        what: "secure",
        id,
        info: {
          version: socket.getProtocol(),
          cipher: cipher?.standardName ?? cipher?.name ?? null,
          bits: /256|CHACHA20/.test(cipher?.name ?? "") ? 256 : 128,
          alpn: typeof socket.alpnProtocol === "string" ? socket.alpnProtocol : null,
          certificate: certificate?.raw === undefined ? undefined : new Uint8Array(certificate.raw),
          details:
            certificate?.raw === undefined
              ? undefined
              : JSON.stringify({
                  subject: certificate.subject,
                  issuer: certificate.issuer,
                  serialNumber: certificate.serialNumber,
                  validFrom: certificate.valid_from,
                  validTo: certificate.valid_to,
                  names: certificate.subjectaltname ?? "",
                }),
        },
      });
    });
  };

  port.on("message", (command: Command) => {
    const { id } = command;
    const connection = connections.get(id);
    try {
      switch (command.op) {
        case "connect":
          return connect(command);
        case "listen":
          return listen(command);
        case "write": {
          const { bytes } = command;
          const { length } = bytes;
          const written = (): void => send({ what: "written", id, count: length });
          if (connection === undefined || connection.socket.destroyed) return written();
          connection.socket.write(bytes, written);
          return;
        }
        case "consumed":
          if (connection !== undefined) consumed(connection, command.count);
          return;
        case "end":
          connection?.socket.end();
          return;
        case "close":
          servers.get(id)?.close();
          servers.delete(id);
          // What was written before still goes out; what arrives goes nowhere.
          if (connection !== undefined) {
            connection.socket.removeAllListeners("data");
            connection.socket.resume();
            connection.socket.destroySoon();
          }
          return;
        case "option":
          if (command.name === "noDelay") connection?.socket.setNoDelay(command.value);
          else connection?.socket.setKeepAlive(command.value);
          return;
        case "tls":
          return startTls(command);
        case "lookup":
          dns.lookup(command.host, { all: true }, (error, found) => {
            if (error !== null) send({ what: "addresses", id, addresses: [], failure: failureOf(error) });
            else send({ what: "addresses", id, addresses: found.map(({ address }) => address) });
          });
          return;
      }
    } catch (error) {
      send({ what: "failed", id, failure: failureOf(error as NodeJS.ErrnoException) });
    }
  });
}
