/** Where the members of a wheel go. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadInflater } from "../../src/environment/inflate";
import { ZipArchive } from "../../src/fs/zip";
import { layOutWheel } from "../../src/packages/wheel";
import { type Member, makeWheel, makeZip } from "./make-zip";

const inflater = await loadInflater(undefined);
const scheme = { directory: "/lib/python3.14/site-packages", prefix: "", headers: "/include/python3.14" };
const layOut = (bytes: Uint8Array, name = "foo") => layOutWheel(ZipArchive.read(bytes, inflater, "x", "x"), `${name}-1-py3-none-any.whl`, name, scheme);
const SITE = scheme.directory;

test("a wheel is unpacked into site-packages", () => {
  const layout = layOut(makeWheel("foo", "1", [{ name: "foo/_x.cpython-314-wasm32-emscripten.so" }, { name: "foo.libs/libbar.so.1.2" }]));
  assert.equal(layout.files[0]?.path, `${SITE}/foo/__init__.py`);
  assert.equal(layout.metadata, `${SITE}/foo-1.dist-info/`);
  assert.deepEqual(layout.sideModules.map(({ path }) => path), [`${SITE}/foo/_x.cpython-314-wasm32-emscripten.so`, `${SITE}/foo.libs/libbar.so.1.2`]);
});

test("what lies in .data is spread, and RECORD says where", () => {
  const data = (name: string): Member => ({ name: `foo-1.data/${name}`, content: "x" });
  const record = 'foo-1.data/data/share/foo.txt,sha256=a,1\n"foo-1.data/scripts/f,oo",,\nfoo/__init__.py,,\nfoo-1.data/purelib/bar.py,,\n';
  const layout = layOut(
    makeZip([
      data("data/share/foo.txt"), data("scripts/f,oo"), data("purelib/bar.py"), data("headers/foo.h"),
      { name: "foo/__init__.py" }, { name: "foo-1.dist-info/METADATA" }, { name: "foo-1.dist-info/RECORD", content: record },
    ]),
  );
  assert.deepEqual(layout.files.slice(0, 4).map(({ path }) => path), ["/share/foo.txt", "/bin/f,oo", `${SITE}/bar.py`, "/include/python3.14/foo/foo.h"]);
  assert.equal(layout.texts.get(`${SITE}/foo-1.dist-info/RECORD`), '../../../share/foo.txt,sha256=a,1\n"../../../bin/f,oo",,\nfoo/__init__.py,,\nbar.py,,\n');
});

test("names are compared in their normal form", () => {
  assert.equal(layOut(makeWheel("Foo.Bar", "1"), "foo_bar").metadata, `${SITE}/Foo.Bar-1.dist-info/`);
});

test("archives that are no wheels are refused", () => {
  assert.throws(() => layOut(makeZip([{ name: "foo.py" }])), { name: "WheelError", message: "The wheel foo-1-py3-none-any.whl is not valid: it has no .dist-info directory. Nothing of it was installed." });
  assert.throws(() => layOut(makeWheel("bar", "1")), /bar-1\.dist-info belongs to another package/);
  assert.throws(() => layOut(makeWheel("foobar", "1")), /foobar-1\.dist-info belongs to another package/);
  assert.throws(() => layOut(makeWheel("foo", "1", [{ name: "bar-2.dist-info/METADATA" }])), /more than one .dist-info directory/);
  assert.throws(() => layOut(makeZip([{ name: "foo-1.dist-info/METADATA" }, { name: "foo-1.dist-info/WHEEL", content: "Wheel-Version: 2.0\n" }])), /version 2 of the wheel format/);
  assert.throws(() => layOut(makeWheel("foo", "1", [{ name: "foo-1.data/elsewhere/x" }])), /belongs to no known place; expected purelib/);
});
