/** Reading files: from disk and over HTTP, and what each failure says. */
import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { Downloader } from "../../src/environment/download";
import { type NodeModules, loadNodeModules } from "../../src/environment/node";

const WASM = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
const FILES: Record<string, { type: string; body: Uint8Array | string }> = {
  "/right.wasm": { type: "application/wasm", body: WASM },
  "/wrong-type.wasm": { type: "text/plain", body: WASM },
  "/page.wasm": { type: "text/html", body: "<html>not here</html>" },
  "/broken.wasm": { type: "application/wasm", body: Uint8Array.of(0, 0x61, 0x73, 0x6d, 9, 9, 9, 9) },
  "/good.json": { type: "application/json", body: '{"a": 1}' },
  "/page.json": { type: "text/html", body: "<!doctype html>" },
};

let server: Server;
let base: string;
let node: NodeModules;
const directory = mkdtempSync(join(tmpdir(), "pyoxide-download-"));

before(async () => {
  node = await loadNodeModules();
  server = createServer((request, response) => {
    const file = FILES[request.url ?? ""];
    if (request.url === "/cut") {
      response.writeHead(200, { "content-length": "100" });
      response.write("abc");
      setTimeout(() => response.destroy(), 20);
    } else if (file === undefined) {
      response.writeHead(404).end("no");
    } else {
      response.writeHead(200, { "content-type": file.type }).end(file.body);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => server.close());

test("files on disk, by path and by file: URL", async () => {
  const path = join(directory, "a b.txt");
  writeFileSync(path, "text");
  const download = new Downloader(node);
  assert.equal(new TextDecoder().decode(await download.bytes(path, "it")), "text");
  assert.equal(new TextDecoder().decode(await download.bytes(pathToFileURL(path).href, "it")), "text");
});

test("relative addresses and local URLs become paths in Node, others stay", () => {
  const download = new Downloader(node);
  assert.equal(download.resolve("x/y.zip"), join(process.cwd(), "x/y.zip"));
  assert.equal(download.resolve("file:///x%20y"), "/x y");
  assert.equal(download.resolve("https://h/x"), "https://h/x");
});

// Without Node's modules the class does what it does in a browser.
test("WebAssembly is compiled whatever type the server gives", async () => {
  for (const name of ["/right.wasm", "/wrong-type.wasm"]) {
    assert.ok((await new Downloader(undefined).wasm(base + name, "it")) instanceof WebAssembly.Module);
  }
  const path = join(directory, "m.wasm");
  writeFileSync(path, WASM);
  assert.ok((await new Downloader(node).wasm(path, "it")) instanceof WebAssembly.Module);
});

const failures: [string, (download: Downloader) => Promise<unknown>, RegExp][] = [
  ["a missing file on disk", () => new Downloader(node).bytes("/no/such/file", "the library"), /^Could not load the library from \/no\/such\/file: ENOENT/],
  ["a status", (d) => d.bytes(`${base}/nope`, "the library"), /^Could not load the library from http.*\/nope: the server answered 404 Not Found$/],
  ["a server that is not there", (d) => d.bytes("http://127.0.0.1:9/x", "it"), /127\.0\.0\.1:9\/x: the request failed \(network, CORS or content security policy\): fetch failed \(/],
  ["a connection that breaks", (d) => d.bytes(`${base}/cut`, "it"), /\/cut: the connection broke: /],
  ["a page instead of WebAssembly", (d) => d.wasm(`${base}/page.wasm`, "it"), /it is not a WebAssembly module: it begins with "<html>not here<\/html>"$/],
  ["WebAssembly that does not compile", (d) => d.wasm(`${base}/broken.wasm`, "it"), /\/broken\.wasm: .*version/],
  ["a page instead of JSON", (d) => d.json(`${base}/page.json`, "it"), /it is not JSON: it begins with "<!doctype html>"$/],
];
for (const [name, run, message] of failures) {
  test(`says what went wrong: ${name}`, async () => {
    await assert.rejects(run(new Downloader(undefined)), (error: Error) => error.name === "DownloadError" && message.test(error.message));
  });
}

test("the status can be read from the error, and JSON is parsed", async () => {
  const download = new Downloader(undefined);
  await assert.rejects(download.bytes(`${base}/nope`, "it"), { status: 404, url: `${base}/nope` });
  assert.deepEqual(await download.json(`${base}/good.json`, "it"), { a: 1 });
});

test("A local module is compiled once in a process, and anew when its file was changed", async () => {
  const path = join(directory, "shared.wasm");
  writeFileSync(path, WASM);
  const first = await new Downloader(node).wasm(path, "a module");
  assert.equal(await new Downloader(node).wasm(pathToFileURL(path).href, "a module"), first);
  writeFileSync(path, Uint8Array.of(...WASM, 0, 2, 1, 0x61));
  assert.notEqual(await new Downloader(node).wasm(path, "a module"), first);
  writeFileSync(path, "no module");
  await assert.rejects(new Downloader(node).wasm(path, "a module"), /it is not a WebAssembly module/);
});

test("A page from the disk is told to be opened through a web server", async () => {
  await assert.rejects(new Downloader(undefined).bytes("file:///somewhere/pyodide.snapshot", "the memory snapshot"), /pyodide\.snapshot: a page that is opened from the disk can load nothing: open it through a web server: /);
});
