/** Tests of conversion options. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toJsArguments, toPyArguments, type ToJsOptions } from "../../src/convert/options";

test("defaults are passed on as nothing", () => {
  assert.deepEqual(toJsArguments({}), { depth: -1, forwarded: undefined });
  assert.deepEqual(toPyArguments({}), { depth: -1, converter: undefined });
  assert.equal(toJsArguments({ depth: 2 }).depth, 2);
  assert.equal(toJsArguments({ depth: Infinity }).depth, -1);
});

test("both spellings are taken", () => {
  const converter = (): number => 1;
  for (const options of [{ create_pyproxies: false }, { create_proxies: false }, { createPyproxies: false }]) {
    assert.equal(toJsArguments(options).forwarded?.create_pyproxies, false);
  }
  assert.equal(toJsArguments({ dictConverter: converter }).forwarded?.dict_converter, converter);
  assert.equal(toJsArguments({ dict_converter: converter }).forwarded?.dict_converter, converter);
  assert.equal(toJsArguments({ defaultConverter: converter }).forwarded?.default_converter, converter);
  assert.equal(toPyArguments({ default_converter: converter }).converter, converter);
});

const wrong: readonly (readonly [unknown, RegExp])[] = [
  [1, /Options must be an object/],
  [null, /Options must be an object/],
  [{ depth: "deep" }, /`depth` must be a number/],
  [{ depth: NaN }, /`depth` must be a number/],
  [{ pyproxies: {} }, /`pyproxies` must be an Array/],
  [{ dict_converter: 1 }, /`dict_converter` must be a function/],
  [{ default_converter: "f" }, /`default_converter` must be a function/],
];
for (const [options, message] of wrong) {
  test(`refused: ${JSON.stringify(options)}`, () => {
    assert.throws(() => toJsArguments(options as ToJsOptions), (error) => error instanceof TypeError && message.test(error.message));
  });
}
