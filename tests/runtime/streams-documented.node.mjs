/**
 * The documented readers and writers on file descriptors of Node.
 */
import fs from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import tty from "node:tty";
import { configure, test } from "../harness/registry.mjs";

configure({ load: { stdout: () => {}, stderr: () => {} } });

class NodeReader {
  constructor(fd) {
    this.fd = fd;
    this.isatty = tty.isatty(fd);
  }

  read(buffer) {
    return fs.readSync(this.fd, buffer);
  }
}

class NodeWriter {
  constructor(fd) {
    this.fd = fd;
    this.isatty = tty.isatty(fd);
  }

  write(buffer) {
    return fs.writeSync(this.fd, buffer);
  }
}

test("IO-08 IO-15 IO-09 The samples NodeReader and NodeWriter", async ({ py, assert }) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), "pyoxide-streams-"));
  try {
    const input = path.join(folder, "input.txt");
    fs.writeFileSync(input, "first line é\nsecond\n\nlast");
    const reader = fs.openSync(input, "r");
    const writer = fs.openSync(path.join(folder, "out.txt"), "w");
    py.setStdin(new NodeReader(reader));
    py.setStdout(new NodeWriter(writer));
    py.runPython("import sys\nprint(repr(input()))\nprint(sys.stdin.read().split('\\n'), sys.stdin.isatty())\nsys.stdout.buffer.write(bytes([0, 255]))\nsys.stdout.flush()");
    py.setStdin();
    py.setStdout({ batched: () => {} });
    fs.closeSync(reader);
    fs.closeSync(writer);
    const written = fs.readFileSync(path.join(folder, "out.txt"));
    assert.equal(written.subarray(0, -2).toString(), "'first line é'\n['second', '', 'last'] False\n");
    assert.deepEqual([...written.subarray(-2)], [0, 255]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
