/** Telling a zip archive from something else. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkZip } from "../../src/fs/zip";

const end = [0x50, 0x4b, 5, 6, ...new Array<number>(18).fill(0)];
const check = (bytes: readonly number[] | Uint8Array): void => checkZip(Uint8Array.from(bytes), "the standard library", "https://h/x.zip");

test("an archive is accepted, an empty one and one with a comment too", () => {
  check([0x50, 0x4b, 3, 4, 1, 2, 3, ...end]);
  check(end);
  check([0x50, 0x4b, 3, 4, ...end, ...new TextEncoder().encode("a comment")]);
});

test("a web page says what it is", () => {
  assert.throws(() => check(new TextEncoder().encode("<!DOCTYPE html>\n<title>x</title>")), {
    message: 'Could not load the standard library from https://h/x.zip: it is not a zip archive: it begins with "<!DOCTYPE html> <title>x</title>"',
  });
});

test("an empty file and half an archive are told apart", () => {
  assert.throws(() => check([]), /not a zip archive but empty/);
  assert.throws(() => check([0x50, 0x4b, 3, 4, 1, 2, 3, 4]), /not complete \(8 bytes, no end record\)/);
});
