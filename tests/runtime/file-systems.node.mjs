/**
 * File systems of Node: the documented NODEFS and mountNodeFS examples, and the options of loadPyodide that mount.
 */
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, readdir, realpath, rm, symlink, writeFile } from "node:fs/promises";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { configure, test } from "../harness/registry.mjs";

configure({ load: { stdout: () => {}, stderr: () => {} } });

async function withFolder(work) {
  const folder = await realpath(await mkdtemp(path.join(os.tmpdir(), "pyoxide-fs-")));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test("FS-05 FS-03 NODEFS as documented: the working directory of Node", async ({ load, assert }) => {
  const pyodide = await load();
  let mountDir = "/mnt";
  pyodide.FS.mkdirTree(mountDir);
  pyodide.FS.mount(pyodide.FS.filesystems.NODEFS, { root: "." }, mountDir);
  const found = pyodide.runPython("import os; sorted(os.listdir('/mnt'))");
  assert.deepEqual(found.toJs(), (await readdir(".")).sort());
  found.destroy();
});

test("FS-05 FS-10 JS-031 Both sides see every change at once; descriptors, links and modes", async ({ py, assert }) => {
  await withFolder(async (folder) => {
    py.mountNodeFS("/mnt/work", folder);
    try {
      py.runPython("import os, pathlib\nroot = pathlib.Path('/mnt/work')\n(root / 'sub').mkdir()\n(root / 'sub/a b é.txt').write_text('from python')");
      assert.equal(await readFile(path.join(folder, "sub/a b é.txt"), "utf8"), "from python");
      await writeFile(path.join(folder, "sub/a b é.txt"), "from node");
      assert.equal(py.runPython("(root / 'sub/a b é.txt').read_text()"), "from node");
      await symlink("sub", path.join(folder, "link"));
      assert.equal(py.runPython("sorted(p.name for p in (root / 'link').iterdir())[0]"), "a b é.txt");
      assert.equal(
        py.runPython(`
fd = os.open(root / "copied", os.O_CREAT | os.O_RDWR, 0o600)
copy = os.dup(fd)
os.write(fd, b"first ")
os.write(copy, b"second")
os.close(fd)
os.lseek(copy, 0, 0)
text = os.read(copy, 100).decode()
os.close(copy)
f"{text} {oct(os.stat(root / 'copied').st_mode & 0o777)}"`),
        "first second 0o600",
      );
      for (const [code, type] of [["open(root / 'none')", "FileNotFoundError"], ["os.mkdir(root / 'sub')", "FileExistsError"], ["os.rmdir(root / 'sub')", "OSError"], ["os.listdir(root / 'copied')", "NotADirectoryError"]]) {
        assert.throws(() => py.runPython(code), type);
      }
    } finally {
      py.FS.unmount("/mnt/work");
      py.runPython("del root");
    }
  });
});

test("FS-05 FS-16 Sockets and pipes of the host are seen for what they are, and can be removed", { skip: () => (process.platform === "win32" ? "they are no files there" : undefined) }, async ({ py, assert }) => {
  await withFolder(async (folder) => {
    const server = net.createServer();
    await new Promise((resolve) => server.listen(path.join(folder, "socket"), resolve));
    execFileSync("mkfifo", [path.join(folder, "pipe")]);
    await writeFile(path.join(folder, "plain"), "text");
    py.mountNodeFS("/mnt/work", folder);
    try {
      assert.equal(
        py.runPython(`
import os, pathlib, stat
root = pathlib.Path("/mnt/work")
str([(path.name, stat.filemode(path.stat().st_mode)[0], path.is_file(), path.is_dir()) for path in sorted(root.iterdir())])`),
        "[('pipe', 'p', False, False), ('plain', '-', True, False), ('socket', 's', False, False)]",
      );
      assert.equal(py.runPython("str([(root / 'socket').is_socket(), (root / 'pipe').is_fifo(), (root / 'socket').exists(), [names for _, _, names in os.walk(root)][0].__len__()])"), "[True, True, True, 3]");
      py.runPython("import shutil; shutil.rmtree(root, ignore_errors=True)");
      assert.deepEqual(await readdir(folder), []);
    } finally {
      py.FS.unmount("/mnt/work");
      py.runPython("del root");
      await new Promise((resolve) => server.close(resolve));
    }
  });
});

test("FS-10 FS-11 A package folder of the host is imported", async ({ py, assert }) => {
  await withFolder(async (folder) => {
    await writeFile(path.join(folder, "__init__.py"), "from .inner import value\n");
    await writeFile(path.join(folder, "inner.py"), "value = 'developed'\n");
    py.mountNodeFS("/home/pyodide/my_package", folder);
    try {
      assert.equal(py.runPython("\nimport my_package\nmy_package.value\n"), "developed");
      await writeFile(path.join(folder, "inner.py"), "value = 'changed'\n");
      assert.equal(py.runPython("import importlib, my_package.inner; importlib.reload(my_package.inner).value"), "changed");
    } finally {
      py.runPython("import sys; del sys.modules['my_package'], sys.modules['my_package.inner'], my_package");
      py.FS.unmount("/home/pyodide/my_package");
      py.FS.rmdir("/home/pyodide/my_package");
    }
  });
});

test("FS-09 JS-031 mountNodeFS says what is wrong, and mounts nothing then", async ({ py, assert }) => {
  await withFolder(async (folder) => {
    await mkdir(path.join(folder, "dir"));
    await writeFile(path.join(folder, "file"), "");
    py.FS.mkdirTree("/tmp/taken/x");
    py.FS.writeFile("/tmp/plain", "");
    for (const [inside, outside, pattern] of [
      ["relative", folder, /must be absolute, which "relative" is not/],
      ["/tmp/taken", folder, /\/tmp\/taken is not empty/],
      ["/tmp/plain", folder, /\/tmp\/plain/],
      ["/tmp/plain/below", folder, /\/tmp\/plain\/below/],
      ["/tmp/new", path.join(folder, "none"), /host directory .*none does not exist/],
      ["/tmp/new", path.join(folder, "file"), /file is not a directory of the host/],
      ["/tmp/new", 5, /hostPath/],
      [5, folder, /must be a string/],
    ]) {
      const error = assert.throws(() => py.mountNodeFS(inside, outside));
      assert.match(error.message, /^mountNodeFS: /);
      assert.match(error.message, pattern);
    }
    assert.equal(py.FS.analyzePath("/tmp/new").exists, false);
    py.mountNodeFS("/tmp/once", folder);
    assert.throws(() => py.mountNodeFS("/tmp/once", folder), /mount point already/);
    py.FS.unmount("/tmp/once");
    py.runPython("import shutil, os\nshutil.rmtree('/tmp/taken'); os.remove('/tmp/plain'); os.rmdir('/tmp/once')");
  });
});

test("FS-03 JS-001 Mounting before Python starts: fsInit and _node_mounts", async ({ load, assert }) => {
  await withFolder(async (folder) => {
    await writeFile(path.join(folder, "early_module.py"), "value = 'early'");
    const seen = [];
    const py = await load({
      env: { PYTHONPATH: folder },
      _node_mounts: [folder],
      async fsInit(FS, { sitePackages }) {
        seen.push(sitePackages);
        FS.writeFile(`${sitePackages}/in_site.py`, "value = 'site'");
      },
    });
    assert.deepEqual(seen, [py.runPython("import site; site.getsitepackages()[0]")]);
    assert.equal(py.runPython("import early_module, in_site; early_module.value + in_site.value"), "earlysite");
    const error = await assert.rejects(() => load({ _node_mounts: [path.join(folder, "none")] }));
    assert.match(error.message, /none does not exist/);
    const failed = await assert.rejects(() => load({ fsInit: () => { throw new Error("no disk today"); } }));
    assert.equal(failed.message, "no disk today");
  });
});
