/**
 * HTTP clients and clients of databases from the package index, unchanged, against servers on the loopback interface.
 * Each runs from code that can be suspended (runPythonAsync, where there is JSPI) and from code that cannot (runPython).
 */
import { test } from "../harness/registry.mjs";

function works(name, packages, code, options = {}) {
  test(name, { noLeakCheck: "packages stay loaded", timeout: 240, ...options }, async ({ load, index, env }) => {
    const py = await load({ lockFileURL: `${index.origin}/lock.json`, packages });
    const canSuspend = env.hasJspi;
    for (const how of code.includes("await ") ? ["runPythonAsync"] : ["runPython", "runPythonAsync"]) {
      const settings = py.toPy({ ...env.network, isNode: env.isNode, canWait: env.isNode || (canSuspend && how === "runPythonAsync") });
      py.globals.set("net", settings);
      settings.destroy();
      await py[how](`
from contextlib import contextmanager
@contextmanager
def raises(kind):
    try:
        yield
    except kind:
        return
    raise AssertionError(f"{kind} was not raised")
${code}`);
    }
  });
}

const NODE_ONLY = { skip: (env) => (env.isNode ? undefined : "browsers give programs no sockets") };

works("HTTP-21 requests", "requests", `
import requests
open = net["open"]
response = requests.get(open + "text")
assert (response.status_code, response.text, response.url) == (200, "Hello, Wörld\\n", open + "text")
assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
response = requests.post(open + "echo", json={"a": [1, None]}, params={"q": "a b"}, headers={"X-Test": "one"})
said = response.json()
assert (said["method"], said["url"], said["body"]) == ("POST", "/open/echo?q=a+b", '{"a": [1, null]}'), said
assert said["headers"]["x-test"] == "one" and said["headers"]["content-type"] == "application/json"
assert requests.put(open + "echo", data=b"\\x00\\xff").json()["body"].encode("latin-1") == b"\\x00\\xff"
assert len(requests.get(open + "bytes?n=300000").content) == 300_000
assert requests.get(open + "gzip").text == "compressed text\\n" * 100
assert requests.get(open + "basic", auth=("user", "secret")).text == "welcome"
response = requests.get(open + "status?code=404")
assert not response.ok and response.text == "status 404"
with raises(requests.HTTPError):
    response.raise_for_status()
with requests.get(open + "bytes?n=100000", stream=True) as response:
    assert sum(map(len, response.iter_content(4096))) == 100_000
with requests.Session() as session:
    session.headers["X-Session"] = "yes"
    for _ in range(3):
        assert session.get(open + "echo").json()["headers"]["x-session"] == "yes"
with raises(requests.ConnectionError):
    requests.get(net["refused"])
if net["canWait"]:
    with raises(requests.Timeout):
        requests.get(open + "hang", timeout=0.1)
response = requests.get(open + "redirect?n=2")
assert response.url == open + "text" and response.history[0].is_redirect
if net["isNode"]:
    assert [r.status_code for r in response.history] == [302, 302]
    with requests.Session() as session:
        session.get(open + "cookie")
        assert session.get(open + "cookie").text == "a=1; b=2"
    import tempfile
    secure = f"https://localhost:{net['securePort']}/open/text"
    with raises(requests.exceptions.SSLError):
        requests.get(secure)
    with tempfile.NamedTemporaryFile("w") as authority:
        authority.write(net["authority"])
        authority.flush()
        assert requests.get(secure, verify=authority.name).text == "Hello, Wörld\\n"
`);

works("HTTP-21 urllib3", "urllib3", `
import urllib3
http = urllib3.PoolManager()
response = http.request("GET", net["open"] + "text")
assert (response.status, response.data.decode()) == (200, "Hello, Wörld\\n")
assert http.request("POST", net["open"] + "echo", json={"a": 1}).json()["body"] == '{"a":1}'
response = http.request("GET", net["open"] + "bytes?n=100000", preload_content=False)
assert sum(map(len, response.stream(4096))) == 100_000
with raises(urllib3.exceptions.HTTPError):
    http.request("GET", net["refused"], retries=False)
`);

works("HTTP-21 httpx, blocking", "httpx", `
import httpx
open = net["open"]
response = httpx.get(open + "text")
assert (response.status_code, response.text) == (200, "Hello, Wörld\\n")
with httpx.Client(base_url=open, headers={"X-Client": "yes"}) as client:
    said = client.post("echo", json={"a": 1}, params={"q": "x"}).json()
    assert (said["method"], said["body"], said["headers"]["x-client"]) == ("POST", '{"a":1}', "yes")
    assert client.get("gzip").text == "compressed text\\n" * 100
    with client.stream("GET", "chunked") as response:
        assert list(response.iter_lines()) == ["one", "two", "three"]
    response = client.get("redirect?n=2", follow_redirects=True)
    assert str(response.url) == open + "text" and response.history
    assert client.get("redirect").is_redirect
    with raises(httpx.HTTPStatusError):
        client.get("status?code=500").raise_for_status()
with raises(httpx.NetworkError):
    httpx.get(net["refused"])
if net["canWait"]:
    with raises(httpx.TimeoutException):
        httpx.get(open + "hang", timeout=0.1)
`);

works("HTTP-21 httpx, with asyncio", ["httpx", "typing-extensions"], `
import asyncio, httpx, ssl
open = net["open"]
async with httpx.AsyncClient(base_url=open) as client:
    response = await client.get("text")
    assert response.text == "Hello, Wörld\\n"
    lengths = await asyncio.gather(*[client.get(f"bytes?n={n}") for n in range(0, 5000, 500)])
    assert [len(response.content) for response in lengths] == list(range(0, 5000, 500))
    async with client.stream("GET", "chunked") as response:
        assert [line async for line in response.aiter_lines()] == ["one", "two", "three"]
    with raises(httpx.TimeoutException):
        await client.get("hang", timeout=0.1)
    with raises(httpx.NetworkError):
        await client.get(net["refused"])
    with raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await client.get("hang?id=httpx", timeout=None)
    assert (await client.get("ended?id=httpx")).text == "ended"
async with httpx.AsyncClient(verify=ssl.create_default_context(cadata=net["authority"])) as client:
    assert (await client.get(f"https://localhost:{net['securePort']}/open/text")).status_code == 200
`);

works("W-19 redis", "redis", `
import redis
with redis.Redis(port=net["redisPort"], protocol=2) as client:
    assert client.ping()
    client.set("key", "wört")
    assert client.get("key") == "wört".encode() and client.get("none") is None
    client.delete("count")
    assert [client.incr("count") for _ in range(5)] == [1, 2, 3, 4, 5]
    with client.pipeline(transaction=False) as pipe:
        for number in range(100):
            pipe.echo(str(number))
        assert pipe.execute() == [b"%d" % number for number in range(100)]
    with raises(redis.ResponseError):
        client.execute_command("NONSENSE")
`, NODE_ONLY);

works("W-19 redis, with asyncio", "redis", `
import asyncio, redis.asyncio
client = redis.asyncio.Redis(port=net["redisPort"], protocol=2)
assert await client.ping()
await client.set("akey", "value")
assert await client.get("akey") == b"value"
assert await asyncio.gather(*[client.echo(str(n)) for n in range(20)]) == [b"%d" % n for n in range(20)]
await client.aclose()
`, NODE_ONLY);

works("W-19 PostgreSQL, with pg8000", "pg8000", `
import pg8000.native
with pg8000.native.Connection("user", host="127.0.0.1", port=net["postgresPort"], password="x", timeout=30) as connection:
    for _ in range(3):
        assert connection.run("select generate") == [[1, "one"], [2, "zwölf"], [3, None]]
        assert [column["name"] for column in connection.columns] == ["number", "text"]
    with raises(pg8000.native.DatabaseError):
        connection.run("nonsense")
`, NODE_ONLY);

works("HTTP-21 httpx2, which is made for JavaScript's fetch (the clients of language models are built on it)", ["httpx2", "httpx2-jsfetch", "idna"], `
import httpx2
open = net["open"]
async with httpx2.AsyncClient(timeout=5) as client:
    response = await client.get(open + "text")
    assert (response.status_code, response.text) == (200, "Hello, Wörld\\n")
    response = await client.post(open + "echo", json={"a": [1, None]}, params={"q": "a b"}, headers={"X-Test": "one"})
    said = response.json()
    assert (said["method"], said["body"], said["headers"]["x-test"]) == ("POST", '{"a":[1,null]}', "one"), said
    async with client.stream("GET", open + "bytes?n=300000") as response:
        assert sum([len(part) async for part in response.aiter_bytes()]) == 300_000
    assert (await client.get(open + "status?code=404")).status_code == 404
    with raises(httpx2.ConnectError):
        await client.get(net["refused"])
    with raises(httpx2.TimeoutException):
        await client.get(open + "hang", timeout=0.1)
`);

works("HTTP-21 httpx2 without await", ["httpx2", "httpx2-jsfetch", "idna"], `
import httpx2
from pyodide.ffi import can_run_sync
if can_run_sync():
    assert httpx2.get(net["open"] + "text").text == "Hello, Wörld\\n"
    assert httpx2.post(net["open"] + "echo", content=b"abc").json()["body"] == "abc"
    with raises(httpx2.ConnectError):
        httpx2.get(net["refused"])
`);
