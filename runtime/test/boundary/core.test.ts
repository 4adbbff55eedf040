/** Tests of the core as a whole, without an instance. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Core } from "../../src/boundary/core";
import { JS_IMPORT_ROWS, PY_EXPORT_ROWS } from "../../src/boundary/generated";

test("imports equal the table, parameter counts included", () => {
  const imports = new Core({ jsglobals: {} }).imports as unknown as Record<string, (...args: never[]) => unknown>;
  assert.deepEqual(Object.keys(imports).sort(), JS_IMPORT_ROWS.map(([name]) => name).sort());
  for (const [name, params] of JS_IMPORT_ROWS) {
    // Where the engine can suspend stacks, that import is the engine's own object.
    if (typeof imports[name] === "function") assert.equal(imports[name].length, params, name);
  }
});

test("an instance of another version is refused with one clear message", () => {
  const exports = Object.fromEntries(PY_EXPORT_ROWS.map(([name]) => [name, () => 1]));
  const core = new Core({ jsglobals: {} });
  const memory = new WebAssembly.Memory({ initial: 1 });
  assert.throws(() => core.attach(exports as WebAssembly.Exports, memory), /are of different versions/);
  assert.throws(() => core.attach({}, memory), /has no function `pyox_py_table_hash`/);
});

test("two cores share nothing", () => {
  const one = new Core({ jsglobals: {} });
  const two = new Core({ jsglobals: {} });
  one.imports.pyox_js_value_flags(5 as never);
  const handle = one.imports.pyox_js_handle_clone(5 as never);
  assert.equal(handle, 5);
  assert.notEqual(one.ffi.PyProxy, two.ffi.PyProxy);
  assert.equal(one.setFatal(new Error("x")).name, "FatalError");
  assert.equal(two.dead, undefined);
});
