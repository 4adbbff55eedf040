/** Host paths inside the interpreter. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { insidePath } from "../../src/python-command/host-files";

test("paths are the same on POSIX and lose their drive on Windows", () => {
  assert.equal(insidePath("/home/me/x", "/"), "/home/me/x");
  assert.equal(insidePath("/", "/"), "/");
  assert.equal(insidePath("C:\\Users\\me", "C:\\"), "/Users/me");
});
