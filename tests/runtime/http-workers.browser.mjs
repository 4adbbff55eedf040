/**
 * Blocking HTTP and asyncio's streams in workers and pages, with stack switching and in engines without it.
 */
import { test } from "../harness/registry.mjs";

const PROGRAM = `
import json, urllib.error
from urllib.request import Request, urlopen
expected = bytes((i * 31 + (i >> 8)) & 0xff for i in range(70_000))
assert urlopen(origin + "/open/bytes?n=70000").read() == expected
said = json.load(urlopen(Request(origin + "/open/echo", data=expected[:1000], headers={"X-Test": "one"})))
assert said["method"] == "POST" and said["body"].encode("latin-1") == expected[:1000] and said["headers"]["x-test"] == "one"
assert urlopen(origin + "/open/redirect?n=2").url == origin + "/open/text"
assert urlopen(origin + "/open/gzip").read() == b"compressed text\\n" * 100
try:
    urlopen(origin + "/open/status?code=404")
except urllib.error.HTTPError as error:
    assert error.code == 404 and error.read() == b"status 404"
try:
    urlopen(origin + "/open/fail")
except urllib.error.URLError as error:
    assert isinstance(error.reason, ConnectionError)
else:
    raise AssertionError("no answer")
import js
if not hasattr(js, "document"):
    try:
        urlopen(origin + "/open/hang", timeout=0.1)
    except TimeoutError as error:
        assert str(error) == "timed out"
    else:
        raise AssertionError("no timeout")
from pyodide.http import open_url
assert open_url(origin + "/open/text").read() == "Hello, Wörld\\n"
"done"
`;

const ASYNC_PROGRAM = `
import asyncio
async def get(path):
    reader, writer = await asyncio.open_connection("127.0.0.1", int(origin.rpartition(":")[2]))
    writer.write(f"GET {path} HTTP/1.1\\r\\nHost: {origin[7:]}\\r\\nConnection: close\\r\\n\\r\\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer
answers = await asyncio.gather(get("/open/text"), get("/open/status?code=404"))
assert answers[0].startswith(b"HTTP/1.1 200 ") and b"Hello, W" in answers[0], answers[0]
assert answers[1].startswith(b"HTTP/1.1 404 ")
"done"
`;

const STEPS = `
const results = [];
for (const [how, code] of [["runPython", ${JSON.stringify(PROGRAM)}], ["runPythonAsync", ${JSON.stringify(PROGRAM)}], ["runPythonAsync", ${JSON.stringify(ASYNC_PROGRAM)}]]) {
  try {
    py.globals.set("origin", location.origin);
    results.push(await py[how](code));
  } catch (error) {
    results.push(String(error.message).slice(-600));
  }
}`;

const WITHOUT_JSPI = "delete WebAssembly.Suspending; delete WebAssembly.promising;";

for (const [name, before] of [["with stack switching", ""], ["without stack switching", WITHOUT_JSPI]]) {
  test(`HTTP-21 ENV-48 A module worker ${name}`, async ({ open, server, assert }) => {
    const file = `http-${before.length}`;
    server.add(`${file}.mjs`, `${before}
const { loadPyodide } = await import("/dist/pyodide.mjs");
const py = await loadPyodide();
${STEPS}
postMessage(results);`);
    const { page } = await open(server.add(`${file}.html`, "<!doctype html>"));
    const results = await page.evaluate(
      (address) =>
        new Promise((resolve, reject) => {
          const worker = new Worker(address, { type: "module" });
          worker.onmessage = ({ data }) => resolve(data);
          worker.onerror = (event) => reject(new Error(event.message));
        }),
      `${file}.mjs`,
    );
    assert.deepEqual(results, ["done", "done", "done"]);
  });
}

test("HTTP-21 ENV-48 A page without stack switching", async ({ open, server, assert }) => {
  const { page } = await open(server.add("http-page.html", `<!doctype html><script>${WITHOUT_JSPI}</script><script src="/dist/pyodide.js"></script>`));
  const results = await page.evaluate(`(async () => {
const py = await loadPyodide();
${STEPS}
return results;
})()`);
  assert.deepEqual(results, ["done", "done", "done"]);
});
