/** Options of loadPyodide: what is accepted and what each refusal says (JS-001 to JS-015). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkOptions } from "../../src/api/options";

test("no options at all are fine", () => {
  assert.deepEqual(checkOptions(undefined), {});
  assert.deepEqual(checkOptions({}), {});
});

test("every documented option is accepted with a value of its type", () => {
  const options = {
    indexURL: "x/", packageCacheDir: "c", lockFileURL: "l.json", packageBaseUrl: "b/", fullStdLib: true, stdLibURL: "s.zip",
    stdin: () => "", stdout: () => {}, stderr: () => {}, jsglobals: {}, args: ["-O"], env: { A: "1" }, packages: ["p"],
    pyproxyToStringRepr: true, convertNullToNone: false, toJsLiteralMap: false, checkAPIVersion: false, enableRunUntilComplete: true,
    fsInit: () => {},
  };
  assert.equal(checkOptions(options), options);
});

test("an option that is undefined counts as not given", () => {
  assert.doesNotThrow(() => checkOptions({ indexURL: undefined, env: undefined }));
});

const refusals: [string, unknown, RegExp][] = [
  ["a string instead of options", "x", /^loadPyodide: expected an object of options, not "x"\.$/],
  ["an array", [], /expected an object of options/],
  ["homedir", { homedir: "/x" }, /`homedir` was removed; pass `env: \{ HOME: \.\.\. \}` instead/],
  ["a misspelt option", { indexUrl: "x" }, /there is no option `indexUrl`; did you mean `indexURL`\?/],
  ["an unknown option", { frobnicate: 1 }, /there is no option `frobnicate`$/],
  ["a name of Object.prototype", { toString: 1 }, /there is no option `toString`/],
  ["indexURL of a number", { indexURL: 5 }, /`indexURL` must be a string, not 5/],
  ["null", { stdLibURL: null }, /`stdLibURL` must be a string, not null/],
  ["args as a string", { args: "-c" }, /`args` must be an array of strings, not "-c"/],
  ["args with a number", { args: [1] }, /`args` must be an array of strings/],
  ["env with a number", { env: { A: 1 } }, /`env` must be an object whose values are strings/],
  ["stdout that is no function", { stdout: {} }, /`stdout` must be a function, not a value of type object/],
  ["jsglobals that is no object", { jsglobals: 1 }, /`jsglobals` must be an object, not 1/],
  ["fullStdLib as text", { fullStdLib: "yes" }, /`fullStdLib` must be true or false, not "yes"/],
  ["packages of numbers", { packages: [1] }, /`packages` must be a string or an array of strings/],
  ["two lock files", { lockFileURL: "x", lockFileContents: "{}" }, /only one of `lockFileURL` and `lockFileContents`/],
];
for (const [name, options, message] of refusals) {
  test(`refused: ${name}`, () => {
    assert.throws(() => checkOptions(options), { message });
  });
}
