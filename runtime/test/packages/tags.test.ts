/** Which wheels fit (PKG-25). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkTags } from "../../src/packages/tags";
import { fileNameOf, parseWheelAddress } from "../../src/packages/wheel-name";

const target = { python: "3.14.7", platforms: ["pyemscripten_2026_5_wasm32", "pyemscripten_2026_0_wasm32"] };
const check = (tags: string): void => checkTags(parseWheelAddress(`x-1-${tags}.whl`), target);

test("PKG-25: wheels that fit", () => {
  for (const tags of [
    "py3-none-any", "py2.py3-none-any", "py310-none-any", "py314-none-any", "cp314-none-any", "cp3-none-any",
    "cp314-cp314-pyemscripten_2026_0_wasm32", "cp314-cp314-pyemscripten_2026_5_wasm32", "cp39-abi3-pyemscripten_2026_0_wasm32",
    "cp312.cp314-abi3-pyemscripten_2026_0_wasm32", "py3-none-pyemscripten_2026_0_wasm32", "cp314-cp314-pyodide_2026_0_wasm32",
    "cp314-cp314-manylinux_2_17_x86_64.pyemscripten_2026_0_wasm32",
  ]) {
    assert.doesNotThrow(() => check(tags), tags);
  }
});

test("PKG-25: wheels that do not fit say what they are for and what is accepted", () => {
  assert.throws(() => check("cp314-cp314-manylinux_2_17_x86_64"), {
    name: "IncompatibleWheelError",
    message:
      "The wheel x-1-cp314-cp314-manylinux_2_17_x86_64.whl is for the platform manylinux_2_17_x86_64; this is Python 3.14 on WebAssembly, which accepts wheels for any platform (`any`) and for `pyemscripten_2026_5_wasm32` or `pyemscripten_2026_0_wasm32`.",
  });
  assert.throws(() => check("cp312-cp312-pyemscripten_2026_0_wasm32"), {
    message:
      "The wheel x-1-cp312-cp312-pyemscripten_2026_0_wasm32.whl is for cp312 with the ABI cp312; this is Python 3.14 on WebAssembly, which accepts `py3` with `none`, `cp314` with `cp314`, and earlier ones with `abi3`.",
  });
  for (const tags of ["py2-none-any", "py315-none-any", "cp315-abi3-pyemscripten_2026_0_wasm32", "cp313-none-any", "cp314-cp314t-pyemscripten_2026_0_wasm32", "cp314-cp314-pyodide_2024_0_wasm32", "pp311-pypy311_pp73-any"]) {
    assert.throws(() => check(tags), { name: "IncompatibleWheelError" }, tags);
  }
});

test("PKG-06: the name of a file never leads out of the folder it is put into", () => {
  for (const [address, name] of [
    ["https://h.example/a/x-1-py3-none-any.whl?b=/c#/d", "x-1-py3-none-any.whl"],
    ["https://h.example/x-1%2Bcpu-py3-none-any.whl", "x-1+cpu-py3-none-any.whl"],
    ["https://h.example/..%2F..%2Fx-1-py3-none-any.whl", "x-1-py3-none-any.whl"],
    ["https://h.example/..%5C..%5Cx-1-py3-none-any.whl", "x-1-py3-none-any.whl"],
    ["emfs:/tmp/x-1-py3-none-any.whl", "x-1-py3-none-any.whl"],
    ["emfs:x-1-py3-none-any.whl", "x-1-py3-none-any.whl"],
    ["a/%zz.whl", "%zz.whl"],
  ] as const) {
    assert.equal(fileNameOf(address), name);
  }
});
