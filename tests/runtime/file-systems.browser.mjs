/**
 * File systems of a browser: IDBFS over a reload, WORKERFS, and directory handles (those of the origin's private file system, which need
 * no user to pick one).
 */
import { test } from "../harness/registry.mjs";

const skip = (env) => (env.name === "webkit" ? "FS-07: WebKitGTK has no private file system of the origin" : undefined);

const PAGE = `<!doctype html><script src="/dist/pyodide.js"></script>`;

test("FS-04 FS-03 IDBFS as documented keeps files over a reload", async ({ open, server, assert }) => {
  const { page } = await open(server.add("idbfs.html", PAGE));
  const run = (work) =>
    page.evaluate(async (source) => {
      const pyodide = await loadPyodide();
      let mountDir = "/mnt";
      pyodide.FS.mkdirTree(mountDir);
      pyodide.FS.mount(pyodide.FS.filesystems.IDBFS, {}, mountDir);
      const sync = (populate) => new Promise((resolve, reject) => pyodide.FS.syncfs(populate, (error) => (error ? reject(error) : resolve())));
      await sync(true);
      const result = pyodide.runPython(source);
      await sync(false);
      return result;
    }, work);
  await run("import os\nos.makedirs('/mnt/a/b')\nopen('/mnt/a/b/kept.txt', 'w').write('kept é')\nopen('/mnt/gone.txt', 'w').write('x')");
  await page.reload();
  assert.equal(await run("import os\ntext = open('/mnt/a/b/kept.txt').read()\nos.remove('/mnt/gone.txt')\ntext"), "kept é");
  await page.reload();
  assert.equal(await run("import os\nrepr(sorted(os.listdir('/mnt')))"), "['a']");
});

test("FS-06 WORKERFS shows files of the user in a worker without copying them", async ({ open, server, assert }) => {
  server.add("workerfs.js", `importScripts("/dist/pyodide.js");
self.onmessage = async ({ data }) => {
  try {
    const pyodide = await loadPyodide();
    pyodide.FS.mkdirTree("/input");
    pyodide.FS.mount(pyodide.FS.filesystems.WORKERFS, { files: data.files, blobs: data.blobs }, "/input");
    self.postMessage(pyodide.runPython(\`
import os
facts = [sorted(os.listdir("/input")), open("/input/big.bin", "rb").read()[-3:], open("/input/b.txt").read()]
try:
    open("/input/new", "w")
except OSError as error:
    facts.append(error.strerror != "")
repr(facts)\`));
  } catch (error) {
    self.postMessage(error.message);
  }
};`);
  const { page } = await open(server.add("workerfs.html", "<!doctype html>"));
  const result = await page.evaluate(
    () =>
      new Promise((resolve) => {
        const worker = new Worker("workerfs.js");
        worker.onmessage = ({ data }) => resolve(data);
        const big = new File([new Uint8Array(1_000_000), new Uint8Array([1, 2, 3])], "big.bin");
        worker.postMessage({ files: [big], blobs: [{ name: "b.txt", data: new Blob(["of a blob"]) }] });
      }),
  );
  assert.equal(result, "[['b.txt', 'big.bin'], b'\\x01\\x02\\x03', 'of a blob', True]");
});

test("FS-07 FS-08 JS-030 mountNativeFS: what is there, and what syncfs writes", { skip }, async ({ open, server, assert }) => {
  const { page } = await open(server.add("native.html", PAGE));
  const result = await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const dirHandle = await root.getDirectoryHandle("chosen", { create: true });
    const write = async (folder, name, text) => {
      const writable = await (await folder.getFileHandle(name, { create: true })).createWritable();
      await writable.write(text);
      await writable.close();
    };
    const read = async (folder, name) => (await (await folder.getFileHandle(name)).getFile()).text();
    const names = async (folder) => {
      const found = [];
      for await (const name of folder.keys()) found.push(name);
      return found.sort();
    };
    await write(dirHandle, "there.txt", "was there");
    const sub = await dirHandle.getDirectoryHandle("sub", { create: true });
    await write(sub, "deep.txt", "deep");
    const facts = {};
    const pyodide = await loadPyodide();
    const nativefs = await pyodide.mountNativeFS("/mount_dir", dirHandle);
    facts.listed = pyodide.runPython(`
  import os
  sorted(os.listdir('/mount_dir'))
`).toJs();
    facts.read = pyodide.runPython("open('/mount_dir/there.txt').read() + open('/mount_dir/sub/deep.txt').read()");
    // nativefs is the returned from: await pyodide.mountNativeFS('/mount_dir', dirHandle)
    pyodide.runPython(`
  with open('/mount_dir/new_file.txt', 'w') as f:
    f.write("hello");
`);
    facts.before = await names(dirHandle);
    await nativefs.syncfs();
    facts.after = await names(dirHandle);
    facts.written = await read(dirHandle, "new_file.txt");

    pyodide.runPython("import shutil\nshutil.rmtree('/mount_dir/sub'); os.makedirs('/mount_dir/made/inner'); open('/mount_dir/made/inner/ünï code', 'wb').write(bytes(range(256)) * 1000); open('/mount_dir/there.txt', 'a').write(', and more'); open('/mount_dir/empty', 'w').close()");
    await new Promise((resolve, reject) => pyodide.FS.syncfs(false, (error) => (error ? reject(error) : resolve())));
    facts.later = await names(dirHandle);
    facts.appended = await read(dirHandle, "there.txt");
    const inner = await (await dirHandle.getDirectoryHandle("made")).getDirectoryHandle("inner");
    const bytes = new Uint8Array(await (await (await inner.getFileHandle("ünï code")).getFile()).arrayBuffer());
    facts.bytes = [bytes.length, bytes[255], bytes[256]];

    // A file that did not change is not written again.
    const modified = async () => (await (await dirHandle.getFileHandle("there.txt")).getFile()).lastModified;
    const time = await modified();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await nativefs.syncfs();
    facts.untouched = (await modified()) === time;

    // What the host changes arrives with a sync the other way.
    await write(dirHandle, "from_host.txt", "host");
    await dirHandle.removeEntry("empty");
    await new Promise((resolve, reject) => pyodide.FS.syncfs(true, (error) => (error ? reject(error) : resolve())));
    facts.fromHost = pyodide.runPython("open('/mount_dir/from_host.txt').read() + str(os.path.exists('/mount_dir/empty'))");
    facts.second = await (async () => {
      const other = await loadPyodide();
      await other.mountNativeFS("/d", dirHandle);
      return other.runPython("import os\nsorted(os.path.relpath(os.path.join(d, n), '/d') for d, _, ns in os.walk('/d') for n in ns)").toJs();
    })();
    return facts;
  });
  assert.deepEqual(result, {
    listed: ["sub", "there.txt"],
    read: "was theredeep",
    before: ["sub", "there.txt"],
    after: ["new_file.txt", "sub", "there.txt"],
    written: "hello",
    later: ["empty", "made", "new_file.txt", "there.txt"],
    appended: "was there, and more",
    bytes: [256000, 255, 0],
    untouched: true,
    fromHost: "hostFalse",
    second: ["from_host.txt", "made/inner/ünï code", "new_file.txt", "there.txt"],
  });
});

test("FS-09 JS-030 mountNativeFS says what is wrong, and mounts nothing then", { skip }, async ({ open, server, assert }) => {
  const { page } = await open(server.add("native-errors.html", PAGE));
  const messages = await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const file = await root.getFileHandle("a file", { create: true });
    const pyodide = await loadPyodide();
    pyodide.FS.mkdirTree("/full/x");
    const messages = [];
    for (const [path, handle] of [["/full", root], ["relative", root], ["/new", file], ["/new", undefined], ["/new", {}], [5, root]]) {
      messages.push(await pyodide.mountNativeFS(path, handle).then(() => "mounted", (error) => error.message));
    }
    messages.push(pyodide.FS.analyzePath("/new").exists);
    await pyodide.mountNativeFS("/once", root);
    messages.push(await pyodide.mountNativeFS("/once", root).then(() => "mounted", (error) => error.message));
    // A directory that is gone by the time it is read.
    const gone = await root.getDirectoryHandle("gone", { create: true });
    await root.removeEntry("gone");
    messages.push(await pyodide.mountNativeFS("/gone", gone).then(() => "mounted", (error) => `${error.message} ${pyodide.FS.analyzePath("/gone").exists}`));
    messages.push((() => { try { pyodide.mountNodeFS("/n", "/"); return "mounted"; } catch (error) { return error.message; } })());
    return messages;
  });
  const patterns = [/\/full is not empty/, /must be absolute/, /FileSystemDirectoryHandle, not the handle of a file/, /FileSystemDirectoryHandle, not undefined/, /FileSystemDirectoryHandle, not object/, /must be a string/, false, /mount point already/, /^mountNativeFS: .* false$/, /works only in Node/];
  messages.forEach((message, index) => {
    if (typeof message === "string" && index < 9) assert.match(message, /^mountNativeFS: /);
    if (typeof patterns[index] === "boolean") assert.equal(message, patterns[index]);
    else assert.match(message, patterns[index]);
  });
});

test("FS-07 FS-18 In a worker: files of the origin's private file system, and a handle that comes from the page", { skip }, async ({ open, server, assert }) => {
  server.add("native-worker.mjs", `import { loadPyodide } from "/dist/pyodide.mjs";
self.onmessage = async ({ data: handle }) => {
  const pyodide = await loadPyodide();
  const { syncfs } = await pyodide.mountNativeFS("/kept", handle);
  pyodide.runPython("import sqlite3\\nc = sqlite3.connect('/kept/data.db')\\nc.execute('create table if not exists t (x)')\\nc.execute('insert into t values (42)')\\nc.commit()\\nc.close()");
  await syncfs();
  self.postMessage("done");
};`);
  const { page } = await open(server.add("native-worker.html", PAGE));
  const result = await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const handle = await root.getDirectoryHandle("db", { create: true });
    for (let i = 0; i < 2; i++) {
      await new Promise((resolve) => {
        const worker = new Worker("native-worker.mjs", { type: "module" });
        worker.onmessage = () => (worker.terminate(), resolve());
        worker.postMessage(handle);
      });
    }
    const pyodide = await loadPyodide();
    await pyodide.mountNativeFS("/db", handle);
    return pyodide.runPython("import sqlite3\nrepr(sqlite3.connect('/db/data.db').execute('select x from t').fetchall())");
  });
  assert.equal(result, "[(42,), (42,)]");
});
