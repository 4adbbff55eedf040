/**
 * Servers on the loopback interface for the tests of the network: HTTP with every kind of trouble, and plain TCP.
 * Owns: what the paths below answer, ports, the end of all connections.
 *
 *     /open/...    answers with headers that let other origins in (CORS)        /closed/...  the same without them
 *
 * It runs in the process that runs the tests, never in the one of the interpreter under test, which may block.
 * Invariant: every answer that hangs ends when its connection does; `close` ends everything.
 */
import { readFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { createServer as createTcpServer } from "node:net";
import { servePostgres, serveRedis } from "./databases.mjs";
import { crc32, deflateRawSync, gzipSync } from "node:zlib";

const CORS = {
  "access-control-allow-origin": "*",
  "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
  "access-control-allow-headers": "*, authorization",
  "access-control-expose-headers": "*",
};

const TEXT = { "content-type": "text/plain; charset=utf-8" };
const BINARY = { "content-type": "application/octet-stream" };

/** Bytes of a file that follow from its length alone. */
export function pattern(length) {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8)) & 0xff;
  return bytes;
}

function readAll(request) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => resolve(Buffer.concat(chunks)));
    request.on("error", reject);
  });
}

/** A zip with one file, `folder/a.txt`. */
function makeZip() {
  const name = Buffer.from("folder/a.txt");
  const content = Buffer.from("content");
  const body = deflateRawSync(content);
  const common = Buffer.alloc(26);
  [20, 0, 8, 0, 33].forEach((value, i) => common.writeUInt16LE(value, i * 2));
  common.writeUInt32LE(crc32?.(content) ?? 0x0, 10);
  common.writeUInt32LE(body.length, 14);
  common.writeUInt32LE(content.length, 18);
  common.writeUInt16LE(name.length, 22);
  const local = Buffer.concat([Buffer.from("PK\x03\x04"), common, name, body]);
  const central = Buffer.concat([Buffer.from("PK\x01\x02\x14\x00"), common, Buffer.alloc(14), name]);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06");
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(local.length, 16);
  return Buffer.concat([local, central, end]);
}

/** A tar with one file, `folder/a.txt`. */
function makeTar() {
  const header = Buffer.alloc(512);
  header.write("folder/a.txt", 0);
  header.write("0000644\0" + "0000000\0" + "0000000\0" + "00000000007\0" + "00000000000\0" + "        " + "0", 100);
  header.write("ustar\0" + "00", 257);
  let sum = 0;
  for (const byte of header) sum += byte;
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  const content = Buffer.alloc(512);
  content.write("content");
  return Buffer.concat([header, content, Buffer.alloc(1024)]);
}

/** The paths. Each gets `{ request, response, query, body, base, wait }`. */
const PATHS = {
  text: ({ response }) => response.writeHead(200, TEXT).end("Hello, W\u00f6rld\n"),
  latin: ({ response }) => response.writeHead(200, { "content-type": "text/plain; charset=latin-1" }).end(Buffer.from("caf\u00e9", "latin1")),
  bytes: ({ response, query }) => response.writeHead(200, BINARY).end(pattern(Number(query.get("n") ?? 256))),
  json: ({ response }) => response.writeHead(200, { "content-type": "application/json" }).end('{"a": 1.5, "b": ["x", null]}'),
  /** Says what was asked. */
  echo: ({ request, response, body }) => {
    const text = JSON.stringify({ method: request.method, url: request.url, headers: request.headers, body: body.toString("latin1") });
    response.writeHead(200, { "content-type": "application/json" }).end(text);
  },
  status: ({ response, query }) => {
    const code = Number(query.get("code"));
    response.writeHead(code, TEXT).end(code === 204 || code === 304 ? undefined : `status ${code}`);
  },
  /** To `to` (a path below the same root, or an address), after `n` steps. */
  redirect: ({ response, query, base }) => {
    const steps = Number(query.get("n") ?? 1);
    const to = query.get("to") ?? "text";
    const next = steps > 1 ? `${base}redirect?n=${steps - 1}&to=${encodeURIComponent(to)}` : /^https?:/.test(to) ? to : `${base}${to}`;
    response.writeHead(Number(query.get("code") ?? 302), { location: next }).end("moved");
  },
  /** Three parts, each sent when the client has asked for it with `/next?id=`, or at once without `id`. */
  chunked: async ({ response, query, wait }) => {
    response.writeHead(200, TEXT);
    for (const part of ["one\n", "two\n", "three\n"]) {
      response.write(part);
      if (query.has("id")) await wait(`next ${query.get("id")}`);
    }
    response.end();
  },
  next: ({ response, query, tell }) => {
    tell(`next ${query.get("id")}`);
    response.writeHead(200, TEXT).end("ok");
  },
  gzip: ({ response }) => {
    const body = gzipSync("compressed text\n".repeat(100));
    response.writeHead(200, { ...TEXT, "content-encoding": "gzip", "content-length": body.length }).end(body);
  },
  /** No answer at all. */
  hang: ({ response, query, tell }) => {
    response.on("close", () => tell(`ended ${query.get("id")}`));
  },
  /** Headers and some bytes, and then nothing. */
  "hang-body": ({ response, query, tell }) => {
    response.writeHead(200, TEXT).write("start\n");
    response.on("close", () => tell(`ended ${query.get("id")}`));
  },
  /** Answers when the connection of `/hang?id=` has ended. */
  ended: async ({ response, query, wait }) => {
    await wait(`ended ${query.get("id")}`);
    response.writeHead(200, TEXT).end("ended");
  },
  /** Closes the connection instead of an answer. */
  fail: ({ request }) => request.socket.destroy(),
  /** Closes the connection in the middle of the body. */
  half: ({ request, response }) => {
    response.writeHead(200, { ...TEXT, "content-length": 100 }).write("0123456789", () => request.socket.destroy());
  },
  cookie: ({ request, response }) => {
    response.writeHead(200, { ...TEXT, "set-cookie": ["a=1; Path=/", "b=2; Path=/"] }).end(request.headers.cookie ?? "none");
  },
  basic: ({ request, response }) => {
    const expected = `Basic ${Buffer.from("user:secret").toString("base64")}`;
    if (request.headers.authorization === expected) response.writeHead(200, TEXT).end("welcome");
    else response.writeHead(401, { ...TEXT, "www-authenticate": 'Basic realm="test"' }).end("who?");
  },
  "archive.zip": ({ response }) => response.writeHead(200, BINARY).end(makeZip()),
  "archive.tar": ({ response }) => response.writeHead(200, BINARY).end(makeTar()),
  "archive.tar.gz": ({ response }) => response.writeHead(200, BINARY).end(gzipSync(makeTar())),
  "archive.unknown": ({ response }) => response.writeHead(200, BINARY).end("?"),
};

/** A meeting point for requests that wait for others. What was told before somebody waits is not lost. */
function makeMeetings() {
  const told = new Map();
  const waiting = new Map();
  return {
    tell(what) {
      const next = waiting.get(what)?.shift();
      if (next) next();
      else told.set(what, (told.get(what) ?? 0) + 1);
    },
    wait(what) {
      const count = told.get(what) ?? 0;
      if (count > 0) {
        told.set(what, count - 1);
        return Promise.resolve();
      }
      return new Promise((resolve) => {
        waiting.set(what, [...(waiting.get(what) ?? []), resolve]);
      });
    },
  };
}

/** Answers requests for `/open/...` and `/closed/...`; false if the request is for something else. */
function makeHandler() {
  const meetings = makeMeetings();
  return (request, response) => {
    const url = new URL(request.url, "http://localhost");
    const [, root, name] = url.pathname.split("/");
    const answer = PATHS[name];
    if ((root !== "open" && root !== "closed") || answer === undefined) return false;
    if (root === "open") for (const [header, value] of Object.entries(CORS)) response.setHeader(header, value);
    if (request.method === "OPTIONS" && request.headers["access-control-request-method"] !== undefined) {
      response.writeHead(root === "open" ? 204 : 403).end();
      return true;
    }
    response.on("error", () => undefined);
    readAll(request)
      .then((body) => answer({ request, response, query: url.searchParams, body, base: `/${root}/`, ...meetings }))
      .catch(() => response.destroy());
    return true;
  };
}

function listen(server) {
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));
}

/** Gives back whatever it gets; ends its half when the client has ended its own. */
function echo(socket) {
  socket.on("error", () => undefined);
  socket.pipe(socket);
}

/**
 * A certificate for `localhost` and 127.0.0.1, its key, and that of the authority that signed it. For tests on the loopback interface only;
 * made with `openssl req -x509`, `openssl req` and `openssl x509 -req`, for a hundred years.
 */
export function certificate(name) {
  return readFileSync(new URL(`certificates/${name}.pem`, import.meta.url), "utf8");
}

/** Starts all of it. `addresses` can be handed to another process. */
export async function startNetwork() {
  const connections = new Set();
  const track = (server) => {
    server.on("connection", (socket) => {
      connections.add(socket);
      socket.on("close", () => connections.delete(socket));
    });
    return server;
  };
  const handle = makeHandler();
  const http = track(
    createHttpServer((request, response) => {
      if (!handle(request, response)) response.writeHead(404, CORS).end("not found");
    }),
  );
  const https = track(
    createHttpsServer({ key: certificate("localhost.key"), cert: certificate("localhost"), ALPNProtocols: ["http/1.1"] }, (request, response) => {
      if (!handle(request, response)) response.writeHead(404, CORS).end("not found");
    }),
  );
  // A client that waits must not be disconnected while its test still runs.
  http.keepAliveTimeout = https.keepAliveTimeout = 60_000;
  const tcp = track(createTcpServer({ allowHalfOpen: true }, echo));
  const redis = track(createTcpServer(serveRedis()));
  const postgres = track(createTcpServer(servePostgres()));
  // A port where nobody listens: taken, and given back at once.
  const unused = createTcpServer();
  const refusedPort = await listen(unused);
  await new Promise((resolve) => unused.close(resolve));
  const httpPort = await listen(http);
  return {
    handle,
    addresses: {
      origin: `http://127.0.0.1:${httpPort}`,
      open: `http://127.0.0.1:${httpPort}/open/`,
      closed: `http://127.0.0.1:${httpPort}/closed/`,
      refused: `http://127.0.0.1:${refusedPort}/`,
      httpPort,
      securePort: await listen(https),
      authority: certificate("authority"),
      certificate: certificate("localhost"),
      key: certificate("localhost.key"),
      refusedPort,
      echoPort: await listen(tcp),
      redisPort: await listen(redis),
      postgresPort: await listen(postgres),
    },
    close() {
      for (const socket of connections) socket.destroy();
      http.close();
      https.close();
      for (const server of [tcp, redis, postgres]) server.close();
    },
  };
}
