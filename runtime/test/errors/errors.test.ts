/** Tests of errors. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FatalError, PythonError, describeThrown, fatalError, tearsDownWasm } from "../../src/errors/errors";

test("a PythonError has type, message and cause, and its number only for its interpreter", () => {
  const origin = {};
  const cause = new Error("behind it");
  const error = new PythonError("KeyError", "Traceback...\nKeyError: 'x'\n", { origin, serial: 7, cause });
  assert.equal(error.name, "PythonError");
  assert.equal(error.type, "KeyError");
  assert.equal(error.cause, cause);
  assert.equal(PythonError.serialOf(error, origin), 7);
  assert.equal(PythonError.serialOf(error, {}), 0);
  assert.equal(PythonError.serialOf(new Error(), origin), 0);
  assert.equal(PythonError.serialOf(null, origin), 0);
  assert.deepEqual(Object.keys(error), ["type"]);
  assert.ok(!("cause" in new PythonError("A", "b", { origin })));
});

test("what tears wasm down is fatal, other errors are not", () => {
  assert.ok(tearsDownWasm(new WebAssembly.RuntimeError("unreachable")));
  assert.ok(tearsDownWasm(new RangeError("Maximum call stack size exceeded")));
  assert.ok(tearsDownWasm("unwind"));
  assert.ok(tearsDownWasm({ name: "ExitStatus", status: 1 }));
  assert.ok(!tearsDownWasm(new RangeError("Invalid string length")));
  assert.ok(!tearsDownWasm(new TypeError("x")));
  assert.ok(!tearsDownWasm(new PythonError("ValueError", "x")));
});

test("a fatal error says what happened and what to do", () => {
  const error = fatalError(new WebAssembly.RuntimeError("unreachable"));
  assert.match(error.message, /RuntimeError: unreachable/);
  assert.match(error.message, /loadPyodide\(\)/);
  assert.equal(fatalError(error), error);
  assert.ok(error instanceof FatalError);
});

test("anything thrown can be described", () => {
  assert.equal(describeThrown(new TypeError("x")), "TypeError: x");
  assert.equal(describeThrown("text"), "text");
  assert.equal(describeThrown(undefined), "undefined");
  assert.match(describeThrown(Object.create(null)), /cannot be shown/);
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  assert.match(describeThrown(revoked.proxy), /cannot be shown/);
});
