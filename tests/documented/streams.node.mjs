/**
 * The documented readers and writers on file descriptors of Node, word for word from samples.txt.
 */
import fs from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { start } from "../harness/processes.mjs";
import { configure, test } from "../harness/registry.mjs";
import { parseSamples, runSample } from "./samples.mjs";

configure({ load: { stdout: () => {}, stderr: () => {} } });

const sample = parseSamples(fs.readFileSync(new URL("samples.txt", import.meta.url), "utf8"));
const require = createRequire(import.meta.url);

test("IO-08 IO-15 IO-09 The samples NodeReader and NodeWriter with input.txt and out.txt", async ({ py, assert }) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), "pyoxide-streams-"));
  const before = process.cwd();
  const opened = [];
  try {
    process.chdir(folder);
    fs.writeFileSync("input.txt", "first line é\nsecond\n\nlast");
    const NodeReader = runSample(sample("stdin: NodeReader"), { require }, "NodeReader");
    const NodeWriter = runSample(sample("stdout: NodeWriter"), { require }, "NodeWriter");
    opened.push(runSample(sample("stdin: file"), { fs, py, NodeReader }, "fd"));
    opened.push(runSample(sample("stdout: file"), { fs, py, NodeWriter }, "fd"));
    py.runPython("import sys\nprint(repr(input()))\nprint(sys.stdin.read().split('\\n'), sys.stdin.isatty())\nsys.stdout.buffer.write(bytes([0, 255]))\nsys.stdout.flush()");
    py.setStdin();
    py.setStdout({ batched: () => {} });
    const written = fs.readFileSync("out.txt");
    assert.equal(written.subarray(0, -2).toString(), "'first line é'\n['second', '', 'last'] False\n");
    assert.deepEqual([...written.subarray(-2)], [0, 255]);
  } finally {
    for (const descriptor of opened) fs.closeSync(descriptor);
    process.chdir(before);
    await rm(folder, { recursive: true, force: true });
  }
});

test("IO-01 IO-08 IO-12 IO-15 /dev/stdin and process.stdout are the default behaviour", async ({ dist, assert }) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), "pyoxide-streams-"));
  // The sample of /dev/stdin goes on from another one, which has declared `fd`.
  const program = (samples) => `
const { loadPyodide } = require(${JSON.stringify(path.join(dist, "pyodide.js"))});
loadPyodide().then((py) => {
  ${samples.map((body) => `(function () {\n${body}\n})();`).join("\n")}
  py.runPython("import sys\\nprint(repr(input('? ')), sys.stdin.read().encode(), sys.stdin.isatty(), sys.stdout.isatty())");
});`;
  const run = async (samples) => {
    const file = path.join(folder, "program.cjs");
    fs.writeFileSync(file, program(samples));
    const input = fs.openSync(path.join(folder, "input.txt"), "r");
    const child = start(process.execPath, [file], { cwd: folder, stdio: [input, "pipe", "pipe"] });
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    fs.closeSync(input);
    assert.equal(err, "");
    return out;
  };
  try {
    // A file, not a pipe: those that Node makes are sockets, which nobody can open by name.
    fs.writeFileSync(path.join(folder, "input.txt"), "first é\nsecond\nrest");
    const plain = await run([]);
    assert.equal(plain, "? 'first é' b'second\\nrest' False False\n");
    assert.equal(await run([`${sample("stdin: NodeReader")}\nlet fd;\n${sample("stdin: /dev/stdin")}`, `${sample("stdout: NodeWriter")}\n${sample("stdout: process.stdout")}`]), plain);
    assert.equal(fs.readFileSync(path.join(folder, "out.txt"), "utf8"), "");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
