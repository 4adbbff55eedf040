/** Side modules of a snapshot: the same bytes are compiled once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { SavedLibrary } from "../../src/emscripten/module";
import { type UncheckedSnapshot } from "../../src/snapshot/format";
import { compileLibraries } from "../../src/snapshot/restore";

const WASM = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

/** As much of a snapshot as is looked at. */
function snapshot(files: Uint8Array, sum: number): UncheckedSnapshot {
  const table = { libraries: [{ name: "/lib.so" } as SavedLibrary] };
  return { files, sum, header: { table, files: [{ path: "/lib.so", mode: 0, mtime: 0, bytes: WASM.length }] } } as unknown as UncheckedSnapshot;
}

test("Starts from the same bytes share the compiled side modules; other bytes in the same place do not", async () => {
  const files = WASM.slice();
  const compiled = async (sum: number, from = files): Promise<WebAssembly.Module | undefined> => compileLibraries(snapshot(from, sum), WebAssembly, Promise.resolve()).get("/lib.so");
  const first = await compiled(1);
  assert.ok(first instanceof WebAssembly.Module);
  assert.equal(await compiled(1), first);
  assert.notEqual(await compiled(2), first, "another checksum");
  assert.notEqual(await compiled(1, WASM.slice()), first, "another buffer");
});

test("Nothing is compiled before the main module is, and a main module that fails leaves it to who places the library", async () => {
  let begin = (): void => undefined;
  let asked = 0;
  const api = { compile: async () => void asked++ } as unknown as typeof WebAssembly;
  const library = compileLibraries(snapshot(WASM.slice(), 1), api, new Promise<void>((resolve) => (begin = resolve))).get("/lib.so");
  assert.equal(asked, 0);
  begin();
  await library;
  assert.equal(asked, 1);
  assert.equal(await compileLibraries(snapshot(WASM.slice(), 1), api, Promise.reject(new Error("broken"))).get("/lib.so"), undefined);
  assert.equal(asked, 1);
});
