/** Lock files: checking, names, order of dependencies (PKG-02, PKG-12, PKG-29). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Lockfile, normalizeName } from "../../src/packages/lockfile";
import { isWheelAddress, parseWheelAddress } from "../../src/packages/wheel-name";

const entry = (name: string, depends: string[] = [], more: object = {}): object => ({
  name, version: "1", file_name: `${name}-1-py3-none-any.whl`, sha256: "00", depends, imports: [name.toLowerCase()], ...more,
});
const lockfile = (...entries: object[]): Lockfile =>
  Lockfile.parse({ info: {}, packages: Object.fromEntries(entries.map((item) => [(item as { name: string }).name, item])) }, "lock.json");
const names = (found: { name: string }[]): string[] => found.map((item) => item.name);

test("names are compared as the packaging standards say", () => {
  assert.equal(normalizeName("A_b.-C"), "a-b-c");
  const lock = lockfile(entry("Ruamel.Yaml"));
  assert.equal(lock.find("ruamel_yaml")?.name, "Ruamel.Yaml");
});

test("dependencies come first, each once, and a cycle ends", () => {
  const lock = lockfile(entry("a", ["B", "c"]), entry("B", ["c", "a"]), entry("c"));
  assert.deepEqual(names(lock.resolve(["a"], () => false)), ["c", "B", "a"]);
  assert.deepEqual(names(lock.resolve(["c", "a"], (name) => name === "b")), ["c", "a"]);
});

test("PKG-02: a chain of any length is followed, and a package may need itself", () => {
  const count = 50_000;
  const chain = Array.from({ length: count }, (_, index) => entry(`p${index}`, index + 1 < count ? [`p${index + 1}`] : ["p0"]));
  const found = names(lockfile(...chain).resolve(["p0"], () => false));
  assert.equal(found.length, count);
  assert.deepEqual([found[0], found.at(-1)], [`p${count - 1}`, "p0"]);
  assert.deepEqual(names(lockfile(entry("a", ["a"])).resolve(["a"], () => false)), ["a"]);
});

test("PKG-29: places and kinds that nobody knows are refused", () => {
  assert.throws(() => lockfile(entry("a", [], { install_dir: "constructor" })), { message: 'lock.json: package "a": `install_dir` is "constructor"; expected one of site, dynlib, stdlib.' });
  assert.throws(() => lockfile(entry("a", [], { package_type: "virus" })), /package "a": `package_type` is "virus"; expected one of package, cpython_module, shared_library, static_library\./);
});

test("PKG-28: a lock file for another ABI is refused, one that names none is not", () => {
  const read = (info: unknown): Lockfile => Lockfile.parse({ info, packages: {} }, "lock.json");
  assert.throws(() => read({ abi_version: "2024_0" }), { message: /^lock\.json is a lock file for another version of the distribution: its `abi_version` is "2024_0", expected 2026_5\.$/ });
  for (const info of [{ abi_version: "2026_5" }, {}, undefined]) {
    assert.ok(read(info));
  }
});

test("PKG-23: a package that does not say what it is imported as is found by its name, unless another one says so", () => {
  const lock = lockfile(entry("Foo-Bar", [], { imports: [] }), entry("taken", [], { imports: [] }), entry("other", [], { imports: ["taken"] }), entry("lib", [], { imports: [], package_type: "shared_library" }));
  assert.deepEqual(["Foo_Bar", "foo_bar", "taken", "lib", "Foo-Bar"].map((module) => lock.findImport(module)), ["foo-bar", "foo-bar", "other", undefined, undefined]);
});

test("PKG-29: an entry without a hash is read, so that the others are of use", () => {
  assert.deepEqual([undefined, null, ""].map((sha256) => lockfile(entry("a", [], { sha256 })).find("a")?.sha256), ["", "", ""]);
  assert.throws(() => lockfile(entry("a", [], { sha256: 5 })), { message: 'lock.json: package "a": `sha256` must be a string.' });
});

test("what is missing is named, with what needs it", () => {
  const lock = lockfile(entry("a", ["gone"]));
  assert.throws(() => lock.resolve(["nope"], () => false), { message: /No known package with name 'nope': it is not in the lock file lock\.json\. .*micropip/ });
  assert.throws(() => lock.resolve(["a"], () => false), { message: /The package "gone", which a needs, is not in/ });
});

test("modules lead to their packages, and the standard library leaves `test` out", () => {
  const lock = lockfile(entry("PyYAML", [], { imports: ["yaml", "_yaml"] }), entry("ssl", [], { package_type: "cpython_module" }), entry("test", [], { package_type: "cpython_module" }));
  assert.equal(lock.findImport("_yaml"), "pyyaml");
  assert.equal(lock.findImport("numpy"), undefined);
  assert.deepEqual(lock.standardLibrary(), ["ssl"]);
});

test("a file that is no lock file says what is wrong", () => {
  for (const value of [null, [], "x", {}, { packages: [] }]) {
    assert.throws(() => Lockfile.parse(value, "lock.json"), /lock\.json is not a lock file/);
  }
  assert.throws(() => lockfile({ ...entry("a"), sha256: 1 }), /lock\.json: package "a": `sha256` must be a string/);
  assert.throws(() => lockfile({ ...entry("a"), depends: "b" }), /`depends` must be a list of strings/);
  assert.throws(() => lockfile(entry("a-b"), entry("a.B")), /the package a-b is listed twice/);
});

test("addresses of wheels", () => {
  assert.equal(isWheelAddress("numpy"), false);
  assert.equal(isWheelAddress("x-1-py3-none-any.whl"), true);
  assert.deepEqual(parseWheelAddress("https://h/a%2Bb/my_pkg-1.0%2Blocal-1-py3-none-any.whl?x=1#y"), {
    fileName: "my_pkg-1.0+local-1-py3-none-any.whl", name: "my_pkg", version: "1.0+local",
    pythons: ["py3"], abis: ["none"], platforms: ["any"],
  });
  for (const bad of ["https://h/x.zip", "https://h/x-1.whl", "a/", "-1-py3-none-any.whl"]) {
    assert.throws(() => parseWheelAddress(bad), /does not end with the name of a wheel/);
  }
});
