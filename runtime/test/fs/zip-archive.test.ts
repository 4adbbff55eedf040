/** Reading zip archives: what is in them, and what is refused (PKG-06). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32, loadInflater } from "../../src/environment/inflate";
import { loadNodeModules } from "../../src/environment/node";
import { ZipArchive, type ZipMember } from "../../src/fs/zip";
import { type Member, makeZip } from "../packages/make-zip";

const inflaters = [await loadInflater(await loadNodeModules()), await loadInflater(undefined)];
const read = (members: readonly Member[] | Uint8Array, inflater = inflaters[0] as (typeof inflaters)[0]) =>
  ZipArchive.read(members instanceof Uint8Array ? members : makeZip(members), inflater, "the package x", "x.whl");

test("members have their content, packed and stored, with both ways of inflating", () => {
  for (const inflater of inflaters) {
    const text = "hello ".repeat(1000);
    const archive = read([{ name: "a/b.txt", content: text }, { name: "c", content: text, stored: true }, { name: "d/", content: "" }, { name: "run", mode: 0o100755 }], inflater);
    archive.verify();
    assert.deepEqual(archive.members.map((member) => [member.name, member.size, member.executable]), [["a/b.txt", 6000, false], ["c", 6000, false], ["run", 0, true]]);
    assert.deepEqual(archive.members.map((member) => archive.text(member)), [text, text, ""]);
  }
});

test("content that comes later is the same, and its damage is found, with every way of inflating", async () => {
  const text = Array.from({ length: 30_000 }, (_, index) => `line ${index * 7919}`).join("\n");
  // The stream of browsers is there in Node, too.
  for (const inflater of inflaters) {
    const archive = read([{ name: "a", content: text }, { name: "b", content: text, stored: true }], inflater);
    for (const member of archive.members) {
      assert.equal(new TextDecoder().decode(await archive.contentLater(member)), text);
    }
    const [short] = read([{ name: "a", content: text, size: 100 }], inflater).members;
    const [long] = read([{ name: "a", content: text, size: text.length + 1 }], inflater).members;
    await assert.rejects(read([{ name: "a", content: text, size: 100 }], inflater).contentLater(short as ZipMember), /"a" in the archive is damaged/);
    await assert.rejects(read([{ name: "a", content: text, size: text.length + 1 }], inflater).contentLater(long as ZipMember), /"a" in the archive is damaged: expected \d+ bytes, found \d+/);
    const broken = read([{ name: "a", content: text, stored: true, method: 8 }], inflater);
    await assert.rejects(broken.contentLater(broken.members[0] as ZipMember), /the data of "a" in the archive is damaged/);
  }
});

test("the checksum is that of zip archives", () => {
  assert.equal(crc32(new TextEncoder().encode("123456789")), 0xcbf43926);
});

test("a comment behind the archive does no harm", () => {
  assert.equal(read(makeZip([{ name: "a", content: "x" }], "PK comment")).members.length, 1);
});

for (const [what, member, message] of [
  ["a path that leads out", { name: "../evil.py" }, /"\.\.\/evil\.py" leads out of the directory.*Nothing of it was installed/],
  ["a path that leads out later", { name: "a/../../evil.py" }, /leads out/],
  ["an absolute path", { name: "/etc/passwd" }, /absolute/],
  ["a drive", { name: "C:evil" }, /absolute/],
  ["a backslash", { name: "a\\..\\b" }, /backslash/],
  ["a zero byte", { name: "a\0b" }, /no name of a file/],
  ["a dot", { name: "a/./b" }, /no plain path/],
  ["an empty part", { name: "a//b" }, /no plain path/],
  ["a symbolic link", { name: "link", content: "/etc/passwd", mode: 0o120777 }, /symbolic link/],
  ["a device", { name: "zero", mode: 0o020666 }, /is a device/],
  ["encryption", { name: "a", flags: 1 }, /encrypted/],
  ["an unknown method", { name: "a", method: 14 }, /packed with method 14; expected stored \(0\) or deflated \(8\)/],
  ["two names for one member", { name: "a.py", localName: "b.py" }, /data of "a\.py" is missing/],
  ["a size that is not possible", { name: "a", content: "x", size: 1e9 }, /cannot be right/],
] as const) {
  test(`PKG-06: ${what} is refused`, () => {
    assert.throws(() => read([{ name: "fine.py", content: "1" }, member]), message);
  });
}

test("PKG-06: an archive that unpacks to more than there is memory is refused at once", () => {
  // Each member alone is possible; none is unpacked to find out.
  const content = "x".repeat(1_100_000);
  const members = Array.from({ length: 5 }, (_, index) => ({ name: `large${index}`, content, stored: true, method: 8, size: 2 ** 30 }));
  assert.throws(() => read(members), /take more than 4 GiB when they are unpacked, .*Nothing of it was installed/);
  assert.equal(read(members.slice(1)).members.length, 4);
});

test("two members of one name are refused, and a file that is a directory too", () => {
  assert.throws(() => read([{ name: "a", content: "1" }, { name: "a", content: "2" }]), /two members of the name "a"/);
  assert.throws(() => read([{ name: "a", content: "1" }, { name: "a/b", content: "2" }]), /"a" in the archive is a file and a directory/);
});

test("damage is found: cut off, wrong checksum, broken data, wrong size", () => {
  const whole = makeZip([{ name: "a", content: "hello ".repeat(100) }, { name: "b", content: "x" }]);
  assert.throws(() => read(whole.subarray(0, whole.length - 30)), /not complete/);
  assert.throws(() => read(Buffer.concat([whole.subarray(0, 40), whole.subarray(60)])), /not complete|damaged/);
  assert.throws(() => read([{ name: "a", content: "x", crc: 1 }]).verify(), /"a" in the archive is damaged: its checksum is wrong/);
  for (const inflater of inflaters) {
    assert.throws(() => read([{ name: "a", content: "hello", size: 4 }], inflater).verify(), /damaged/);
    assert.throws(() => read([{ name: "a", content: "hello", size: 6 }], inflater).verify(), /damaged/);
  }
});

test("members that share data are refused", () => {
  assert.throws(
    () => read([{ name: "a", content: "x", stored: true, size: 60, packed: 60 }, { name: "b", content: "y".repeat(100), stored: true }]),
    /the data of "a" and "b" in the archive overlaps/,
  );
});
