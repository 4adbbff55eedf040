/**
 * `pyodide.http` against a real server: `pyfetch`, its responses, and requests that block.
 */
import { test } from "../harness/registry.mjs";

/** The servers of harness/network.mjs as `net` in Python, and code that may await. */
const inPython = (body) => async (context) => {
  const { py, env } = context;
  const addresses = py.toPy({ ...env.network });
  py.globals.set("net", addresses);
  addresses.destroy();
  await py.runPythonAsync(body);
};

const python = (name, body, options = {}) => test(name, options, inPython(`from pyodide.http import *\n${body}`));

python(
  "HTTP-01 HTTP-03 HTTP-08 HTTP-11 HTTP-12 HTTP-13 HTTP-14 HTTP-15 HTTP-16 pyfetch and what a response says",
  `
response = await pyfetch(net["open"] + "text")
assert isinstance(response, FetchResponse)
assert (response.ok, response.status, response.redirected, response.status_text) == (True, 200, False, "OK"), response
assert response.url == net["open"] + "text"
assert response.type in ("basic", "cors", "default"), response.type
assert isinstance(response.headers, dict) and response.headers["content-type"] == "text/plain; charset=utf-8"
assert not response.body_used
assert await response.text() == "Hello, Wörld\\n"
assert response.body_used
`,
);

python(
  "HTTP-01 Keyword arguments are the options of fetch",
  `
import json
response = await pyfetch(net["open"] + "echo?q=1", method="POST", headers={"X-Test": "a b", "Content-Type": "text/x"}, body="späte")
said = await response.json()
assert said["method"] == "POST" and said["url"].endswith("/open/echo?q=1")
assert said["headers"]["x-test"] == "a b" and said["headers"]["content-type"] == "text/x"
assert said["body"].encode("latin-1").decode() == "späte"
response = await pyfetch(net["open"] + "echo", method="PUT", body=b"\\x00\\xff\\x80")
assert (await response.json())["body"].encode("latin-1") == b"\\x00\\xff\\x80"
`,
);

python(
  "HTTP-01 A Request of JavaScript, and a function instead of fetch",
  `
import js
request = js.Request.new(net["open"] + "echo", method="PUT", body="x")
response = await pyfetch(request)
assert (await response.json())["method"] == "PUT" and response.url == net["open"] + "echo"
asked = []
async def fetcher(url, options):
    asked.append((url, options.method))
    return await js.fetch(url, options)
assert (await (await pyfetch(net["open"] + "echo", method="DELETE", fetcher=fetcher)).json())["method"] == "DELETE"
assert asked == [(net["open"] + "echo", "DELETE")]
`,
);

python(
  "HTTP-05 HTTP-06 HTTP-10 HTTP-19 Bodies as buffer, bytes, memoryview and text",
  `
expected = bytes((i * 31 + (i >> 8)) & 0xff for i in range(100_000))
address = net["open"] + "bytes?n=100000"
assert await (await pyfetch(address)).bytes() == expected
view = await (await pyfetch(address)).memoryview()
assert isinstance(view, memoryview) and view == expected
buffer = await (await pyfetch(address)).buffer()
assert buffer.byteLength == 100_000 and buffer.to_bytes() == expected
assert await (await pyfetch(net["open"] + "bytes?n=0")).bytes() == b""
assert await (await pyfetch(net["open"] + "gzip")).text() == "compressed text\\n" * 100
assert await (await pyfetch(net["open"] + "chunked")).text() == "one\\ntwo\\nthree\\n"
`,
);

python(
  "HTTP-09 json() passes its arguments on",
  `
assert await (await pyfetch(net["open"] + "json")).json() == {"a": 1.5, "b": ["x", None]}
assert await (await pyfetch(net["open"] + "json")).json(parse_float=str) == {"a": "1.5", "b": ["x", None]}
with _raises_("JSONDecodeError", "json"):
    await (await pyfetch(net["open"] + "text")).json()
`,
);

python(
  "HTTP-04 HTTP-07 A body is read once, a clone again",
  `
response = await pyfetch(net["open"] + "text")
copy = response.clone()
assert await response.text() == await copy.text() == "Hello, Wörld\\n"
for again in (response.text, response.bytes, response.buffer, response.memoryview, response.json):
    try:
        await again()
    except OSError as error:
        assert isinstance(error, BodyUsedError) and "clone()" in str(error)
    else:
        raise AssertionError("read twice")
with _raises_("BodyUsedError", "clone"):
    response.clone()
`,
);

python(
  "HTTP-18 string() is deprecated",
  `
import warnings
response = await pyfetch(net["open"] + "text")
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    assert await response.string() == "Hello, Wörld\\n"
assert [w.category for w in caught] == [DeprecationWarning]
`,
);

python(
  "HTTP-03 HTTP-17 An error status is a response; raise_for_status makes an OSError of it",
  `
for code, kind in ((404, "Client"), (503, "Server")):
    response = await pyfetch(net["open"] + f"status?code={code}")
    assert (response.ok, response.status) == (False, code)
    try:
        response.raise_for_status()
    except OSError as error:
        assert isinstance(error, HttpStatusError)
        assert str(error) == f"{code} {kind} Error: {response.status_text} for url: {net['open']}status?code={code}", error
        assert (error.status, error.url) == (code, response.url)
    else:
        raise AssertionError(code)
    assert await response.text() == f"status {code}"
(await pyfetch(net["open"] + "status?code=204")).raise_for_status()
`,
);

python(
  "HTTP-12 HTTP-16 Redirections",
  `
response = await pyfetch(net["open"] + "redirect?n=3")
assert response.redirected and response.url == net["open"] + "text"
assert await response.text() == "Hello, Wörld\\n"
with _raises_("RequestError", "too many"):
    await pyfetch(net["open"] + "redirect?n=30")
`,
);

python(
  "HTTP-01 CHG-235 A request that fails is an OSError that names the address",
  `
for address in (net["refused"], net["open"] + "fail"):
    try:
        await pyfetch(address)
    except OSError as error:
        assert isinstance(error, RequestError) and f"Request for {address} failed" in str(error), error
        assert error.__cause__.name == "TypeError"
    else:
        raise AssertionError(address)
for nonsense in ("http://", "nonsense://x"):
    with _raises_("RequestError", nonsense):
        await pyfetch(nonsense)
response = await pyfetch(net["open"] + "half")
assert response.status == 200
with _raises_("RequestError", "half"):
    await response.bytes()
`,
);

test("HTTP-01 HTTP-22 A request that CORS forbids is an OSError", { skip: (env) => (env.isNode ? "CORS is of browsers" : undefined) }, inPython(`
from pyodide.http import pyfetch
try:
    await pyfetch(net["closed"] + "text")
except OSError as error:
    assert type(error).__name__ == "RequestError", error
else:
    raise AssertionError("CORS")
response = await pyfetch("/closed/text")
assert response.type == "basic" and await response.text() == "Hello, Wörld\\n"
response = await pyfetch(net["closed"] + "text", mode="no-cors")
assert (response.type, response.status) == ("opaque", 0)
`));

python(
  "HTTP-01 abort() ends the transfer, and whoever reads gets an AbortError",
  `
import asyncio
response = await pyfetch(net["open"] + "hang-body?id=abort")
reading = asyncio.ensure_future(response.text())
await asyncio.sleep(0)
response.abort()
with _raises_("AbortError", "abort"):
    await reading
assert await (await pyfetch(net["open"] + "ended?id=abort")).text() == "ended"
response = await pyfetch(net["open"] + "hang-body")
response.abort("a reason")
with _raises_("AbortError", "reason"):
    await response.text()
`,
);

python(
  "HTTP-01 A cancelled task ends its request",
  `
import asyncio
task = asyncio.ensure_future(pyfetch(net["open"] + "hang?id=cancel"))
await asyncio.sleep(0.05)
task.cancel()
with _raises_("CancelledError", "cancel"):
    await task
assert await (await pyfetch(net["open"] + "ended?id=cancel")).text() == "ended"
with _raises_("TimeoutError", "timeout"):
    async with asyncio.timeout(0.05):
        await pyfetch(net["open"] + "hang?id=timeout")
assert await (await pyfetch(net["open"] + "ended?id=timeout")).text() == "ended"
response = await pyfetch(net["open"] + "hang-body?id=body")
with _raises_("TimeoutError", "body"):
    async with asyncio.timeout(0.05):
        await response.text()
assert await (await pyfetch(net["open"] + "ended?id=body")).text() == "ended"
`,
);

python(
  "HTTP-01 A signal of the caller's own",
  `
import asyncio, js
controller = js.AbortController.new()
task = asyncio.ensure_future(pyfetch(net["open"] + "hang?id=own", signal=controller.signal))
await asyncio.sleep(0.01)
controller.abort()
with _raises_("AbortError", "own"):
    await task
response = await pyfetch(net["open"] + "hang-body", signal=js.AbortController.new().signal)
response.abort()
with _raises_("AbortError", "both"):
    await response.text()
`,
);

python(
  "HTTP-20 ENV-38 unpack_archive",
  `
import os, tempfile
with tempfile.TemporaryDirectory() as folder:
    for name, format in (("archive.zip", None), ("archive.tar", None), ("archive.tar.gz", None), ("archive.tar.gz", "gztar"), ("archive.zip?x=1#y", "zip")):
        target = os.path.join(folder, name.partition("?")[0] + str(format))
        await (await pyfetch(net["open"] + name)).unpack_archive(extract_dir=target, format=format)
        with open(target + "/folder/a.txt") as file:
            assert file.read() == "content"
    before = os.getcwd()
    os.chdir(folder)
    try:
        await (await pyfetch(net["open"] + "archive.zip")).unpack_archive()
        assert os.path.exists("folder/a.txt")
    finally:
        os.chdir(before)
with _raises_("ValueError: Unknown archive format 'archive.unknown'", "unknown"):
    await (await pyfetch(net["open"] + "archive.unknown")).unpack_archive()
with _raises_("ValueError: Unknown archive format 'nonsense'", "nonsense"):
    await (await pyfetch(net["open"] + "archive.zip")).unpack_archive(format="nonsense")
with _raises_("ReadError", "no archive"):
    await (await pyfetch(net["open"] + "archive.zip")).unpack_archive(format="tar")
`,
);

python(
  "HTTP-23 js.fetch with options",
  `
import js
from pyodide.ffi import to_js
response = await js.fetch(net["open"] + "echo", method="POST", body="x")
assert (await response.json()).method == "POST"
response = await js.fetch(net["open"] + "echo", to_js({"method": "POST", "body": "x"}))
assert (await response.json()).method == "POST"
response = await js.fetch(net["open"] + "echo", to_js({"method": "PUT", "body": "x"}, dict_converter=js.Object.fromEntries))
assert (await response.json()).method == "PUT"
`,
);
