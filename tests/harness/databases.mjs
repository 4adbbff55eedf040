/**
 * As much of a Redis and of a PostgreSQL server as their clients need to connect, ask and be answered: for tests of sockets.
 * Not here: anything that a client would need beyond that.
 */

/** Calls `onData(buffer)` with all bytes that were not taken yet; it returns how many it has taken. */
function consume(socket, onData) {
  let rest = Buffer.alloc(0);
  socket.on("error", () => undefined);
  socket.on("data", (data) => {
    rest = Buffer.concat([rest, data]);
    for (let taken = onData(rest); taken > 0; taken = onData(rest)) rest = rest.subarray(taken);
  });
}

// ---- Redis ----

/** Reads one command, an array of strings: `[words, length]`, or nothing if it is not complete. */
function readCommand(bytes) {
  const line = (at) => {
    const end = bytes.indexOf("\r\n", at);
    return end < 0 ? undefined : [bytes.toString("latin1", at, end), end + 2];
  };
  const first = line(0);
  if (first === undefined) return undefined;
  let at = first[1];
  const words = [];
  for (let left = Number(first[0].slice(1)); left > 0; left--) {
    const head = line(at);
    if (head === undefined) return undefined;
    const length = Number(head[0].slice(1));
    if (bytes.length < head[1] + length + 2) return undefined;
    words.push(bytes.subarray(head[1], head[1] + length).toString("latin1"));
    at = head[1] + length + 2;
  }
  return [words, at];
}

export function serveRedis() {
  const values = new Map();
  const text = (value) => (value === undefined ? "$-1\r\n" : `$${value.length}\r\n${value}\r\n`);
  const answers = {
    PING: () => "+PONG\r\n",
    ECHO: (value) => text(value),
    SET: (key, value) => (values.set(key, value), "+OK\r\n"),
    GET: (key) => text(values.get(key)),
    DEL: (key) => `:${values.delete(key) ? 1 : 0}\r\n`,
    INCRBY: (key, by) => {
      const next = Number(values.get(key) ?? 0) + Number(by);
      values.set(key, String(next));
      return `:${next}\r\n`;
    },
    CLIENT: () => "+OK\r\n",
    SELECT: () => "+OK\r\n",
  };
  return (socket) =>
    consume(socket, (bytes) => {
      const command = readCommand(bytes);
      if (command === undefined) return 0;
      const [[name, ...rest], length] = command;
      const answer = answers[name.toUpperCase()];
      socket.write(Buffer.from(answer === undefined ? `-ERR unknown command '${name}'\r\n` : answer(...rest), "latin1"));
      return length;
    });
}

// ---- PostgreSQL ----

const INT4 = 23;
const TEXT = 25;

function message(kind, ...parts) {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(5);
  head.write(kind);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const int16 = (value) => Buffer.from([(value >> 8) & 255, value & 255]);
const int32 = (value) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const string = (value) => Buffer.from(`${value}\0`);

/** Answers `select generate` with rows of a number and a text, whatever else with an error. */
export function servePostgres() {
  const columns = [["number", INT4], ["text", TEXT]];
  const rows = [["1", "one"], ["2", "zw\u00f6lf"], ["3", null]];
  const description = () =>
    message("T", int16(columns.length), ...columns.map(([name, type]) => Buffer.concat([string(name), int32(0), int16(0), int32(type), int16(4), int32(-1), int16(0)])));
  const data = () =>
    rows.map((row) => message("D", int16(row.length), ...row.map((value) => (value === null ? int32(-1) : Buffer.concat([int32(Buffer.byteLength(value)), Buffer.from(value)])))));
  const ready = message("Z", Buffer.from("I"));
  const fault = () => message("E", Buffer.from("SERROR\0C42601\0Msyntax error\0\0"));
  return (socket) => {
    let started = false;
    let query = "";
    const isKnown = () => /^\s*select generate/i.test(query);
    consume(socket, (bytes) => {
      if (!started) {
        if (bytes.length < 8 || bytes.length < bytes.readInt32BE(0)) return 0;
        const length = bytes.readInt32BE(0);
        if (bytes.readInt32BE(4) === 80877103) {
          socket.write("N"); // no TLS
          return length;
        }
        started = true;
        const setting = (name, value) => message("S", string(name), string(value));
        socket.write(Buffer.concat([message("R", int32(0)), setting("client_encoding", "UTF8"), setting("server_version", "16.0"), message("K", int32(1), int32(2)), ready]));
        return length;
      }
      if (bytes.length < 5 || bytes.length < 1 + bytes.readInt32BE(1)) return 0;
      const length = 1 + bytes.readInt32BE(1);
      const kind = String.fromCharCode(bytes[0]);
      const body = bytes.subarray(5, length);
      if (kind === "Q") {
        query = body.toString("utf8", 0, body.length - 1);
        const isEmpty = /^\s*(begin|commit|rollback)/i.test(query);
        const answer = isEmpty ? [message("C", string(query.trim().toUpperCase()))] : isKnown() ? [description(), ...data(), message("C", string("SELECT 3"))] : [fault()];
        socket.write(Buffer.concat([...answer, ready]));
      } else if (kind === "P") {
        query = body.toString("utf8", body.indexOf(0) + 1, body.indexOf(0, body.indexOf(0) + 1));
        socket.write(isKnown() ? message("1") : fault());
      } else if (kind === "D" && isKnown()) {
        socket.write(Buffer.concat([...(body[0] === 83 ? [message("t", int16(0))] : []), description()]));
      } else if (kind === "B" && isKnown()) {
        socket.write(message("2"));
      } else if (kind === "E" && isKnown()) {
        socket.write(Buffer.concat([...data(), message("C", string("SELECT 3"))]));
      } else if (kind === "C") {
        socket.write(message("3"));
      } else if (kind === "S") {
        socket.write(ready);
      } else if (kind === "X") {
        socket.end();
      }
      return length;
    });
  };
}
