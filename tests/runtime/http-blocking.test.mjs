/**
 * Blocking HTTP with the standard library as it is: `urllib.request` and `http.client`, each from code that can be suspended
 * (runPythonAsync, where there is JSPI) and from code that cannot (runPython).
 * In Node this goes through sockets of the operating system; in a page through `fetch` or XMLHttpRequest.
 */
import { test } from "../harness/registry.mjs";

function python(name, body, options = {}) {
  for (const how of ["runPython", "runPythonAsync"]) {
    test(`${name} (${how})`, options, async ({ py, env }) => {
      const addresses = py.toPy({ ...env.network, isNode: env.isNode, canSuspend: env.hasJspi && how === "runPythonAsync" });
      py.globals.set("net", addresses);
      addresses.destroy();
      await py[how](`import urllib.request, urllib.error, http.client, json\nfrom urllib.request import urlopen, Request\n${body}`);
    });
  }
}

python(
  "HTTP-21 ROAD-07 urllib.request: text, headers, status",
  `
with urlopen(net["open"] + "text") as response:
    assert (response.status, response.reason) == (200, "OK")
    assert response.headers.get_content_type() == "text/plain" and response.headers.get_content_charset() == "utf-8"
    assert response.url == net["open"] + "text"
    assert response.read() == "Hello, Wörld\\n".encode()
with urlopen(net["open"] + "bytes?n=300000") as response:
    expected = bytes((i * 31 + (i >> 8)) & 0xff for i in range(300_000))
    assert response.read(10) == expected[:10]
    assert response.read() == expected[10:]
with urlopen(net["open"] + "chunked") as response:
    assert [line for line in response] == [b"one\\n", b"two\\n", b"three\\n"]
with urlopen(net["open"] + "bytes?n=0") as response:
    assert response.read() == b""
`,
);

python(
  "HTTP-21 urllib.request: methods, bodies, headers of the request",
  `
request = Request(net["open"] + "echo?q=a%20b", data=b"\\x00\\xffbody", headers={"X-Test": "one", "Content-Type": "application/x"})
said = json.load(urlopen(request))
assert said["method"] == "POST" and said["url"] == "/open/echo?q=a%20b", said
assert said["headers"]["x-test"] == "one" and said["headers"]["content-type"] == "application/x"
assert said["body"].encode("latin-1") == b"\\x00\\xffbody"
for method in ("PUT", "PATCH", "DELETE"):
    assert json.load(urlopen(Request(net["open"] + "echo", method=method, data=b"x")))["method"] == method
response = urlopen(Request(net["open"] + "text", method="HEAD"))
assert response.status == 200 and response.read() == b""
big = bytes(range(256)) * 2000
assert json.load(urlopen(Request(net["open"] + "echo", data=big)))["body"].encode("latin-1") == big
`,
);

python(
  "HTTP-21 urllib.request: redirections end at another address",
  `
with urlopen(net["open"] + "redirect?n=3") as response:
    assert response.url == net["open"] + "text" and response.read() == "Hello, Wörld\\n".encode()
with urlopen(Request(net["open"] + "redirect?to=echo", data=b"posted")) as response:
    assert response.url == net["open"] + "echo" and json.load(response)["method"] == "GET"
`,
);

python(
  "HTTP-21 urllib.request: an error status is an HTTPError with its body",
  `
for code in (404, 500):
    try:
        urlopen(net["open"] + f"status?code={code}")
    except urllib.error.HTTPError as error:
        assert error.code == code and error.read() == f"status {code}".encode()
        error.close()
    else:
        raise AssertionError(code)
with urlopen(net["open"] + "status?code=204") as response:
    assert response.status == 204 and response.read() == b""
opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(passwords := urllib.request.HTTPPasswordMgrWithDefaultRealm()))
passwords.add_password(None, net["origin"], "user", "secret")
if net["isNode"]:
    assert opener.open(net["open"] + "basic").read() == b"welcome"
`,
);

python(
  "HTTP-21 urllib.request: no connection is a URLError",
  `
for address in (net["refused"], net["open"] + "fail"):
    try:
        urlopen(address)
    except urllib.error.URLError as error:
        assert isinstance(error.reason, ConnectionError), repr(error.reason)
        if not net["isNode"]:
            assert address in str(error) and "CORS" in str(error), error
    except http.client.RemoteDisconnected:
        assert net["isNode"] and address.endswith("fail")
    else:
        raise AssertionError(address)
with _raises_("URLError", "no such host"):
    urlopen("http://no-such-host.invalid/")
with _raises_("URLError", "protocol"):
    urlopen("nonsense://x")
`,
);

python(
  "HTTP-21 http.client: a connection serves several requests",
  `
host = net["origin"].removeprefix("http://")
connection = http.client.HTTPConnection(host)
for number in range(3):
    connection.request("POST", "/open/echo", body=f"body {number}", headers={"X-Number": str(number)})
    response = connection.getresponse()
    said = json.load(response)
    assert (said["body"], said["headers"]["x-number"]) == (f"body {number}", str(number))
connection.request("GET", "/open/redirect")
response = connection.getresponse()
assert response.status in (302, 303) and response.getheader("location").endswith("/open/text"), response.status
response.read()
connection.request("PUT", "/open/echo", body=iter([b"in ", b"chunks"]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
assert json.load(connection.getresponse())["body"] == "in chunks"
connection.request("GET", "/open/gzip", headers={"Accept-Encoding": "identity"})
response = connection.getresponse()
body = response.read()
if response.getheader("content-encoding") == "gzip":
    import gzip
    body = gzip.decompress(body)
assert body == b"compressed text\\n" * 100
connection.close()
with _raises_("CannotSendRequest", "order"):
    connection.request("GET", "/open/text")
    connection.request("GET", "/open/text")
connection.close()
`,
);

python(
  "HTTP-21 Timeouts are TimeoutErrors",
  `
import socket
if net["isNode"] or net["canSuspend"]:
    for address in (net["open"] + "hang?id=a", net["open"] + "hang-body?id=b"):
        try:
            urlopen(address, timeout=0.1).read()
        except TimeoutError as error:
            assert isinstance(error, socket.timeout)
        else:
            raise AssertionError(address)
`,
);

test(
  "HTTP-21 A body arrives while the server still writes it",
  { skip: (env) => (env.hasJspi ? undefined : "one interpreter cannot read and ask for the next part without JSPI") },
  async ({ py, env, assert }) => {
    py.globals.set("address", env.network.open);
    const read = py.runPythonAsync(`
from urllib.request import urlopen
response = urlopen(address + "chunked?id=stream")
lines = []
for line in response:
    lines.append(line)
    # The server sends the next part only when it is asked to.
    urlopen(address + "next?id=stream").read()
str(lines)
`);
    assert.equal(await read, "[b'one\\n', b'two\\n', b'three\\n']");
  },
);

test(
  "HTTP-21 Streaming with a plain call in Node",
  { skip: (env) => (env.isNode ? undefined : "a page that cannot suspend the stack gets whole answers") },
  ({ py, env, assert }) => {
    py.globals.set("address", env.network.open);
    const lines = py.runPython(`
from urllib.request import urlopen
response = urlopen(address + "chunked?id=plain")
lines = []
for line in response:
    lines.append(line)
    urlopen(address + "next?id=plain").read()
str(lines)
`);
    assert.equal(lines, "[b'one\\n', b'two\\n', b'three\\n']");
  },
);

test("HTTP-02 open_url and pyxhr block", {}, async ({ py, env }) => {
  for (const how of ["runPython", "runPythonAsync"]) {
    py.globals.set("address", env.network.open);
    py.globals.set("refused", env.network.refused);
    await py[how](`
from pyodide.http import open_url, pyxhr, HttpStatusError
text = open_url(address + "text")
assert type(text).__name__ == "StringIO" and text.read() == "Hello, Wörld\\n"
assert open_url(address + "status?code=404").read() == "status 404"
assert open_url(address + "latin").read() == "café"
response = pyxhr.get(address + "bytes?n=1000")
assert response.content == bytes((i * 31 + (i >> 8)) & 0xff for i in range(1000)) and response.status_code == 200
said = pyxhr.post(address + "echo?a=1", json={"k": [1, None]}, params={"b": "x y"}, headers={"X-A": "b"}).json()
assert said["url"] == "/open/echo?a=1&b=x+y" and said["body"] == '{"k": [1, null]}'
assert said["headers"]["content-type"] == "application/json" and said["headers"]["x-a"] == "b"
assert pyxhr.get(address + "basic", auth=("user", "secret")).text == "welcome"
with _raises_("HttpStatusError: 401", "status"):
    pyxhr.get(address + "basic").raise_for_status()
for bad in (refused, "http://["):
    for ask in (open_url, pyxhr.get):
        try:
            ask(bad)
        except OSError as error:
            assert ask is open_url or isinstance(error, pyxhr.XHRNetworkError)
        else:
            raise AssertionError(bad)
from pyodide.http.pyxhr import put
assert put(address + "echo", data=b"x").json()["method"] == "PUT"
`);
  }
});

test("HTTP-22 What a page may not read is a URLError", { skip: (env) => (env.isNode ? "CORS is of browsers" : undefined) }, async ({ py, env }) => {
  for (const how of ["runPython", "runPythonAsync"]) {
    py.globals.set("address", env.network.closed);
    await py[how](`
from urllib.request import urlopen
with _raises_("URLError", "CORS"):
    urlopen(address + "text")
`);
  }
});

test("PKG-41 W-19 In a page a socket that speaks something else says what to do", { skip: (env) => (env.isNode ? "Node has sockets" : undefined) }, async ({ py }) => {
  for (const how of ["runPython", "runPythonAsync"]) {
    await py[how](`
import socket
with socket.create_connection(("localhost", 5432)) as s:
    with _raises_("WebSocket", "no HTTP"):
        s.sendall(b"\\x00\\x00\\x00\\x08\\x04\\xd2\\x16\\x2f")
with socket.create_connection(("localhost", 25)) as s:
    with _raises_("HTTP requests only", "nothing sent"):
        s.recv(100)
`);
  }
});
