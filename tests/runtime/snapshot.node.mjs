/**
 * The snapshot among the files of a distribution: what happens when it is missing, damaged or of another build; snapshots in files.
 */
import { mkdtemp, readFile, readdir, rm, symlink, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { outputOf, start } from "../harness/processes.mjs";
import { configure, test } from "../harness/registry.mjs";

configure({ noInterpreter: true });

/** A copy of the distribution in which the snapshot is what `change` makes of it; undefined leaves it out. */
async function inCopy(dist, change, work) {
  const folder = await mkdtemp(path.join(os.tmpdir(), "pyoxide-snapshot-"));
  try {
    for (const name of await readdir(dist)) {
      if (name !== "pyodide.snapshot") await symlink(path.join(dist, name), path.join(folder, name));
    }
    const changed = change(new Uint8Array(await readFile(path.join(dist, "pyodide.snapshot"))));
    if (changed !== undefined) await writeFile(path.join(folder, "pyodide.snapshot"), changed);
    return await work(`${folder}/`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs a module in a Node process of its own. */
function run(source, cwd = os.tmpdir()) {
  return outputOf(process.execPath, ["--input-type=module", "-e", source], { cwd });
}

const program = (dist, options) => `
const { loadPyodide } = await import(${JSON.stringify(pathToFileURL(path.join(dist, "pyodide.mjs")).href)});
const py = await loadPyodide(${JSON.stringify(options)});
console.log(py.runPython("import asyncio; 6 * 7"));`;

for (const [what, change, pattern] of [
  ["missing", () => undefined, /no such file/],
  ["damaged", (bytes) => ((bytes[bytes.length >> 1] ^= 1), bytes), /is damaged/],
  ["cut off", (bytes) => bytes.subarray(0, 100_000), /is not complete/],
  ["a page of a server", () => "<html>404</html>", /is not a memory snapshot/],
]) {
  test(`ROAD-19 Without a usable snapshot (${what}) Python starts all the same, and one warning says why`, async ({ dist, assert }) => {
    await inCopy(dist, change, async (indexURL) => {
      const { code, out, err } = await run(program(dist, { indexURL }));
      assert.deepEqual({ code, out }, { code: 0, out: "42\n" });
      assert.match(err, /^Python starts without a memory snapshot, which takes longer: /);
      assert.match(err, pattern);
      assert.match(err, /snapshot: false/);
      assert.equal(err.trim().split("\n").length, 1, err);
      assert.deepEqual(await run(program(dist, { indexURL, snapshot: false })), { code: 0, out: "42\n", err: "" });
      const asked = await run(program(dist, { indexURL, snapshot: true }));
      assert.equal(asked.code, 1);
      assert.match(asked.err, pattern);
    });
  });
}

test("ROAD-19 The snapshot holds nothing of what was read at its making and is of no use any more", async ({ dist, assert }) => {
  const bytes = await readFile(path.join(dist, "pyodide.snapshot"));
  const [, , , , , headerBytes, runCount] = new Uint32Array(bytes.buffer, bytes.byteOffset, 7);
  const runsAt = 28 + ((headerBytes + 3) & ~3);
  const lengths = new Uint32Array(bytes.buffer, bytes.byteOffset + runsAt, runCount * 2).filter((_, index) => index % 2 === 1);
  const memoryAt = runsAt + runCount * 8;
  const memory = bytes.subarray(memoryAt, memoryAt + lengths.reduce((sum, length) => sum + length, 0)).toString("latin1");
  assert.ok(memory.includes("PK\x01\x02"), "what zipimport looks for is a constant of its code");
  // Members of the archive of the standard library, with their headers, once lay in the buffer of standard input.
  assert.equal(memory.search(/PK\x03\x04[\x0a\x14]\0/), -1);
});

test("ROAD-19 What the first calls use is compiled with the module, not when it is called", { skip: Number.parseInt(process.versions.v8, 10) <= 14 ? undefined : "this engine is told nothing" }, async ({ dist, assert }) => {
  /** How many functions the engine compiles in a process that makes these calls. It says so when it likes: only the sum of a whole process is certain. */
  const compiled = async (calls, ...flags) => {
    const source = `
const { loadPyodide } = await import(${JSON.stringify(pathToFileURL(path.join(dist, "pyodide.mjs")).href)});
const py = await loadPyodide();
for (const call of ${JSON.stringify(calls)}) py.runPython(call);
process.exit(0);`;
    const child = start(process.execPath, ["--trace-wasm-compilation-times", ...flags, "--input-type=module", "-e", source], { stdio: ["ignore", "pipe", "inherit"] });
    let out = "";
    child.stdout.on("data", (data) => {
      out += data;
    });
    assert.equal(await new Promise((resolve) => child.on("close", resolve)), 0);
    return new Set(out.match(/#\d+ using Liftoff/g)).size;
  };
  const first = "import json, re, dataclasses, asyncio, datetime";
  const [start0, start1, start2] = [await compiled([]), await compiled([first]), await compiled([first, "import decimal, fractions"])];
  assert.ok(start1 - start0 <= 20, `${start1 - start0} functions were compiled by the first call`);
  assert.ok(start2 - start1 > 20, `${start2 - start1} functions were compiled by a later one: more than was hinted at is compiled beforehand`);
  // With the options chosen otherwise there are no hints: then it is the call that compiles.
  const flags = ["--wasm-lazy-compilation", "--no-experimental-wasm-compilation-hints"];
  const lazily = (await compiled([first], ...flags)) - (await compiled([], ...flags));
  assert.ok(lazily > 100, `${lazily} functions`);
});

for (const variant of ["", "core", "command"]) {
  test(`ROAD-19 A snapshot${variant && ` (${variant})`} that is made twice is the same, bit by bit`, async ({ dist, tests, assert }) => {
    const folder = await mkdtemp(path.join(os.tmpdir(), "pyoxide-snapshot-twice-"));
    try {
      const make = async (name) => {
        const file = path.join(folder, name);
        const child = start(process.execPath, ["--no-warnings", path.join(tests, "../xtask/src/scripts/make_snapshot.mjs"), dist, file, variant], { cwd: folder, env: { ...process.env, TZ: "UTC" }, stdio: ["ignore", "ignore", "pipe"] });
        let err = "";
        child.stderr.on("data", (data) => {
          err += data;
        });
        const code = await new Promise((resolve) => child.on("close", resolve));
        assert.deepEqual({ code, err }, { code: 0, err: "" });
        return readFile(file);
      };
      const first = await make("first");
      assert.ok(first.equals(await make("second")), "two makings differ");
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

test("ROAD-19 A snapshot of another build is refused", async ({ dist, assert }) => {
  const otherBuild = (bytes) => {
    // The header is JSON; the checksum is made right again by the format's own function, as another build would.
    const text = Buffer.from(bytes);
    const at = text.indexOf('"build":"') + 9;
    text.write(text[at] === 0x30 ? "1" : "0", at);
    const words = new Uint32Array(text.buffer, text.byteOffset, text.length >>> 2);
    words[3] = checksumOf(words);
    return text;
  };
  await inCopy(dist, otherBuild, async (indexURL) => {
    const { out, err } = await run(program(dist, { indexURL }));
    assert.equal(out, "42\n");
    assert.match(err, /was made with another build of pyodide\.asm\.wasm/);
  });
});

/** As `runtime/src/snapshot/format.ts` has it. */
function checksumOf(words) {
  const lanes = [1, 2, 3, 4];
  const end = words.length - ((words.length - 4) % 4);
  for (let index = 4; index < words.length; index++) {
    const lane = index < end ? index % 4 : 0;
    lanes[lane] = Math.imul(lanes[lane] ^ words[index], 0x01000193);
  }
  let sum = 0;
  for (const lane of lanes) sum = Math.imul(sum ^ lane ^ (lane >>> 15), 0x85ebca6b);
  return sum >>> 0;
}

test("ROAD-19 JS-002 A snapshot in a file is loaded by its path, its URL and its bytes", async ({ dist, loadPyodide, assert }) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), "pyoxide-snapshot-"));
  try {
    const py = await loadPyodide();
    py.runPython("kept = 'in the file'");
    const file = path.join(folder, "mine.snapshot");
    await writeFile(file, py.makeMemorySnapshot());
    for (const snapshot of [file, pathToFileURL(file).href, await readFile(file), readFile(file)]) {
      const restored = await loadPyodide({ snapshot });
      assert.equal(restored.runPython("kept"), "in the file");
    }
    const missing = await assert.rejects(() => loadPyodide({ snapshot: path.join(folder, "other.snapshot") }));
    assert.match(missing.message, /Could not load the memory snapshot from .*other\.snapshot/);
    void dist;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("ROAD-19 The files are found beside the module, wherever Node was started", async ({ dist, assert }) => {
  const { code, out, err } = await run(program(dist, {}), "/");
  assert.deepEqual({ code, out, err }, { code: 0, out: "42\n", err: "" });
});

test("ROAD-19 A mounted directory of the host is not saved", async ({ loadPyodide, assert }) => {
  const py = await loadPyodide();
  py.FS.mkdirTree("/host");
  py.mountNodeFS("/host", os.tmpdir());
  assert.throws(() => py.makeMemorySnapshot(), /mounted at \/host/);
  py.FS.unmount("/host");
  assert.ok(py.makeMemorySnapshot().length > 0);
});
