/** Files of which only parts are here. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PartlyPresentFile, type StoredFile, wholeFile } from "../../src/fs/stored-file";

const ALL = Uint8Array.from({ length: 100 }, (_, index) => index);

function partly(): { file: PartlyPresentFile; asked: [number, number][] } {
  const asked: [number, number][] = [];
  const whole = wholeFile(ALL);
  const rest: StoredFile = {
    size: whole.size,
    read(position, length) {
      asked.push([position, length]);
      return whole.read(position, length);
    },
  };
  return { file: new PartlyPresentFile([{ position: 0, bytes: ALL.slice(0, 40) }, { position: 90, bytes: ALL.slice(90) }], rest), asked };
}

test("what is here is read without asking for the rest, also by who reads ahead", () => {
  const { file, asked } = partly();
  assert.deepEqual([...file.read(0, 3)], [0, 1, 2]);
  assert.deepEqual([...file.read(38, 50)], [38, 39], "a short read, not a wait");
  assert.deepEqual([...file.read(95, 1000)], [95, 96, 97, 98, 99]);
  assert.equal(file.read(100, 10).length, 0, "nothing behind the end");
  assert.deepEqual(asked, []);
});

test("the rest, and the whole, come from elsewhere", () => {
  const { file, asked } = partly();
  assert.deepEqual([...file.read(40, 2)], [40, 41]);
  assert.deepEqual(file.read(0, 100), ALL);
  assert.deepEqual(asked, [[40, 2], [0, 100]]);
});
