/** HTTP/1.1 as bytes: requests in parts of any size, what is no HTTP, heads and chunks of answers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { NoHttpError, RequestReader, chunk, responseHead, toLatin1 } from "../../src/network/http-text";

const POST = "POST /a?b=c HTTP/1.1\r\nHost: example.com\r\nContent-Length: 5\r\nX-Empty:\r\n\r\nhello";
const CHUNKED = "PUT /up HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n";
const OLD = "GET /old HTTP/1.0\r\n\r\n";

/** All requests in bytes that come in parts of a size. */
function read(text: string, size: number): { method: string; target: string; body: string; keepsAlive: boolean; knowsChunks: boolean }[] {
  const reader = new RequestReader();
  const bytes = toLatin1(text);
  const found = [];
  for (let at = 0; at < bytes.length; at += size) {
    reader.push(bytes.slice(at, at + size));
    for (let request = reader.next(); request !== undefined; request = reader.next()) {
      const { method, target, body, keepsAlive, knowsChunks } = request;
      found.push({ method, target, body: String.fromCharCode(...body), keepsAlive, knowsChunks });
    }
  }
  assert.equal(reader.isInside, false);
  return found;
}

test("requests are the same however they are cut", () => {
  const whole = read(POST + CHUNKED + OLD, 10_000);
  assert.deepEqual(whole, [
    { method: "POST", target: "/a?b=c", body: "hello", keepsAlive: true, knowsChunks: true },
    { method: "PUT", target: "/up", body: "abc0123456789", keepsAlive: true, knowsChunks: true },
    { method: "GET", target: "/old", body: "", keepsAlive: false, knowsChunks: false },
  ]);
  for (let size = 1; size < 60; size++) assert.deepEqual(read(POST + CHUNKED + OLD, size), whole, `parts of ${size}`);
});

test("headers keep their order and their values", () => {
  const reader = new RequestReader();
  reader.push(toLatin1("GET http://host/x HTTP/1.1\r\nA: 1\r\na:  2 \r\nConnection: close\r\n\r\n"));
  const request = reader.next();
  assert.deepEqual(request?.headers, [["A", "1"], ["a", "2"], ["Connection", "close"]]);
  assert.equal(request?.keepsAlive, false);
  assert.equal(request?.target, "http://host/x");
});

test("a client that waits for leave is told once", () => {
  const reader = new RequestReader();
  reader.push(toLatin1("POST / HTTP/1.1\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n"));
  assert.equal(reader.next(), undefined);
  assert.equal(reader.wantsContinue, true);
  assert.equal(reader.isInside, true);
});

test("what is no HTTP is refused at its first bytes", () => {
  for (const text of [
    "\x00\x00\x00\x08\x04\xd2\x16\x2f", "\x16\x03\x01\x02", "*1\r\n$4\r\nPING\r\n", "EHLO me\r\n", "GET / HTTP/2\r\n\r\n", "GET /\r\n",
    "GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
  ]) {
    const reader = new RequestReader();
    reader.push(toLatin1(text));
    assert.throws(() => reader.next(), NoHttpError, JSON.stringify(text));
  }
});

test("a response cannot be split by a header", () => {
  const text = String.fromCharCode(...responseHead(200, "OK", [["a", "b\r\nSet-Cookie: c=d"], ["e", "f"]]));
  assert.equal(text, "HTTP/1.1 200 OK\r\na: b Set-Cookie: c=d\r\ne: f\r\n\r\n");
});

test("chunks", () => {
  assert.equal(String.fromCharCode(...chunk(toLatin1("0123456789abcdef"))), "10\r\n0123456789abcdef\r\n");
  assert.equal(String.fromCharCode(...chunk(new Uint8Array(0))), "0\r\n\r\n");
});
