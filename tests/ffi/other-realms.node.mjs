/**
 * Objects of another realm are recognised by what they are, not by `instanceof`. Here: contexts of Node's `vm`. Iframes: runtime/pages.browser.mjs.
 */
import vm from "node:vm";
import { test } from "../harness/registry.mjs";

const inContext = (source) => vm.runInContext(source, vm.createContext({}));

test("ENV-35 TT-012 Values of another realm convert as those of this one", ({ py, own, assert }) => {
  const kind = own(py.runPython("lambda x: type(x).__name__"));
  assert.equal(kind(inContext("5")), "int");
  assert.equal(kind(inContext("'text'")), "str");
  assert.equal(kind(inContext("2n ** 70n")), "JsBigInt");
});

test("ENV-35 TT-041 FFI-012 Arrays, maps, sets, buffers and errors of another realm", ({ py, own, assert }) => {
  const f = own(
    py.runPython(`
import pyodide.ffi as ffi
def f(x):
    names = ["JsArray", "JsMap", "JsMutableMap", "JsBuffer", "JsTypedArray", "JsException", "JsPromise", "JsCallable", "JsGenerator"]
    return " ".join(name for name in names if isinstance(x, getattr(ffi, name)))
f
`),
  );
  assert.equal(f(inContext("[1, 2]")), "JsArray");
  assert.equal(f(inContext("new Map()")), "JsMap JsMutableMap");
  assert.equal(f(inContext("new Uint8Array(2)")), "JsArray JsBuffer JsTypedArray");
  assert.equal(f(inContext("new ArrayBuffer(2)")), "JsBuffer");
  assert.equal(f(inContext("new Error('x')")), "JsException");
  assert.equal(f(inContext("Promise.resolve(1)")), "JsPromise");
  assert.equal(f(inContext("() => 1")), "JsCallable");
  assert.equal(f(inContext("(function* () {})()")), "JsGenerator");
});

test("ENV-35 TT-087 TT-088 Explicit conversion of objects of another realm", ({ py, own, assert }) => {
  const toText = own(py.runPython("lambda x: repr(x.to_py())"));
  assert.equal(toText(inContext("[1, [2]]")), "[1, [2]]");
  assert.equal(toText(inContext("({a: {b: 1}})")), "{'a': {'b': 1}}");
  assert.equal(toText(inContext("new Map([[1, new Set([2])]])")), "{1: {2}}");
  assert.equal(own(py.toPy(inContext("({a: [1]})"))).toString(), "{'a': [1]}");
});

test("ENV-35 TT-109 Errors thrown in another realm", ({ py, own, assert }) => {
  const f = own(
    py.runPython(`
from pyodide.ffi import JsException
def f(g):
    try:
        g()
    except JsException as error:
        return error.name + " " + error.message
f
`),
  );
  assert.equal(f(inContext("() => { throw new RangeError('there'); }")), "RangeError there");
});

test("ENV-35 TT-036 Promises of another realm can be awaited", async ({ py, own, assert }) => {
  const f = own(py.runPython("async def f(p): return await p\nf"));
  assert.equal(await own(f(inContext("Promise.resolve(5)"))), 5);
});

test("ENV-35 TT-097 Functions of another realm: arguments, keywords, new", ({ py, own, assert }) => {
  const f = own(py.runPython("lambda g: g([1, 2], key='v')"));
  assert.equal(f(inContext("(list, options) => list.length + options.key")), "2v");
  const construct = own(py.runPython("lambda C: C.new(3).x"));
  assert.equal(construct(inContext("(class C { constructor(x) { this.x = x; } })")), 3);
});

test("JS-010 ENV-35 A vm context can be the js module", async ({ load, assert }) => {
  const context = vm.createContext({ answer: 42 });
  const other = await load({ jsglobals: vm.runInContext("globalThis", context) });
  assert.equal(other.runPython("import js; js.answer"), 42);
  other.runPython("js.fresh = [1][0]");
  assert.equal(context.fresh, 1);
});
