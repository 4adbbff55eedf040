/** Snapshot files: what was written is read again, and what is damaged is refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { wholeFile } from "../../src/fs/stored-file";
import { firstParts, identityOfArchive, savedParts } from "../../src/snapshot/archive";
import { type SnapshotHeader, decode, encode } from "../../src/snapshot/format";

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

const HEADER: SnapshotHeader = {
  build: "b", stdlib: "s", archive: { bytes: 12, parts: [[0, 3], [9, 3]] }, memoryBytes: 65536, baseBytes: 1024,
  table: { symbols: {}, functions: [], libraries: [], free: [], tableLength: 1 },
  handles: [], timeZone: [], nextIdentity: 1, files: [{ path: "/a", mode: 0o644, mtime: 0, bytes: 5 }], directory: "/", loadedPackages: {},
};

function write(): Uint8Array<ArrayBuffer> {
  const content = { memory: [bytes("runsrun2")], files: [bytes("hello")], archive: [bytes("PK1"), bytes("end")] };
  return encode(HEADER, Uint32Array.of(16, 4, 32, 4), content);
}

test("what was written is read again", () => {
  const { header, runs, memory, files, archive } = decode(write(), "x");
  const text = (part: Uint8Array): string => new TextDecoder().decode(part);
  assert.deepEqual(header, HEADER);
  assert.deepEqual([...runs], [16, 4, 32, 4]);
  assert.equal(text(memory), "runsrun2");
  assert.equal(text(files).slice(0, 5), "hello");
  assert.deepEqual(savedParts(header.archive, archive).map((part) => [part.position, text(part.bytes)]), [[0, "PK1"], [9, "end"]]);
});

test("what is damaged anywhere is refused", () => {
  const good = write();
  for (let at = 12; at < good.length; at++) {
    const bad = good.slice();
    bad[at] = (bad[at] as number) ^ 1;
    assert.throws(() => decode(bad, "x"), { name: "SnapshotError" }, `byte ${at}`);
  }
});

/** A zip archive as far as its end: nothing looks at its members. */
function archiveOf(content: string, comment: string): Uint8Array {
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true);
  end.setUint32(16, 6, true);
  end.setUint16(20, comment.length, true);
  return Uint8Array.from([...bytes(content), ...new Uint8Array(end.buffer), ...bytes(comment)]);
}

test("the archive says which of its parts a snapshot holds, and who it is", () => {
  const parts = firstParts(wholeFile(archiveOf("membersLIST", "first=4")));
  assert.deepEqual(parts.map((part) => [part.position, part.bytes.length]), [[0, 4], [0, 11 + 22 + 7]], "a small archive is all end");
  assert.deepEqual(firstParts(wholeFile(archiveOf("membersLIST", ""))), [], "an archive of somebody else");
  const identity = (content: string): string => identityOfArchive(wholeFile(archiveOf(content, "first=4")));
  assert.equal(identity("membersLIST"), identity("MEMBERsLIST"), "the list of members has their checksums");
  assert.notEqual(identity("membersLIST"), identity("membersLISt"));
});
