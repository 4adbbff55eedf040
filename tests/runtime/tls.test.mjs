/**
 * HTTPS and TLS with Python's `ssl`, without OpenSSL: the host encrypts and verifies.
 */
import { test } from "../harness/registry.mjs";

const NODE_ONLY = { skip: (env) => (env.isNode ? undefined : "a page has no say in certificates") };

function python(name, body, options = {}) {
  for (const how of body.includes("await ") ? ["runPythonAsync"] : ["runPython", "runPythonAsync"]) {
    test(`${name} (${how})`, options, async ({ py, env }) => {
      const addresses = py.toPy({ ...env.network });
      py.globals.set("net", addresses);
      addresses.destroy();
      await py[how](`
import asyncio, http.client, json, os, socket, ssl, tempfile, urllib.error
from urllib.request import urlopen
address = f"https://localhost:{net['securePort']}/open/"
trusting = ssl.create_default_context(cadata=net["authority"])
${body}`);
    });
  }
}

python(
  "HTTP-21 HTTPS with urllib and http.client",
  `
with urlopen(address + "text", context=trusting) as response:
    assert response.status == 200 and response.read() == "Hello, Wörld\\n".encode()
with urlopen(address + "redirect?n=2", context=trusting) as response:
    assert response.url == address + "text"
connection = http.client.HTTPSConnection("localhost", net["securePort"], context=trusting)
for number in range(2):
    connection.request("POST", "/open/echo", body=f"body {number}")
    assert json.load(connection.getresponse())["body"] == f"body {number}"
connection.close()
`,
);

python(
  "HTTP-21 A certificate that does not fit is a verification error",
  `
try:
    urlopen(address + "text")
except urllib.error.URLError as error:
    assert isinstance(error.reason, ssl.SSLCertVerificationError) and "unable to get local issuer certificate" in str(error), error
else:
    raise AssertionError("an unknown authority")
with socket.create_connection(("127.0.0.1", net["securePort"])) as s:
    with _raises_("SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Hostname mismatch", "name"):
        trusting.wrap_socket(s, server_hostname="example.com")
careless = ssl._create_unverified_context()
assert urlopen(address + "text", context=careless).status == 200
lenient = ssl.create_default_context(cadata=net["authority"])
lenient.check_hostname = False
with socket.create_connection(("127.0.0.1", net["securePort"])) as s, lenient.wrap_socket(s, server_hostname="example.com"):
    pass
with socket.create_connection(("127.0.0.1", net["httpPort"])) as s:
    with _raises_("SSLError", "no TLS"):
        trusting.wrap_socket(s, server_hostname="localhost")
with socket.create_connection(("127.0.0.1", net["echoPort"])) as s:
    s.settimeout(20)
    with _raises_("SSLError", "echo of the handshake"):
        trusting.wrap_socket(s, server_hostname="localhost")
`,
  NODE_ONLY,
);

python(
  "HTTP-21 What a TLS socket knows and does",
  `
trusting.set_alpn_protocols(["http/1.1"])
with socket.create_connection(("127.0.0.1", net["securePort"])) as plain:
    with trusting.wrap_socket(plain, server_hostname="localhost") as s:
        assert plain.fileno() == -1 and s.version() in ("TLSv1.2", "TLSv1.3") and len(s.cipher()) == 3
        assert s.selected_alpn_protocol() == "http/1.1"
        certificate = s.getpeercert()
        assert certificate["subject"] == ((("commonName", "localhost"),),)
        assert certificate["subjectAltName"] == (("DNS", "localhost"), ("IP Address", "127.0.0.1"))
        assert s.getpeercert(True) == ssl.PEM_cert_to_DER_cert(net["certificate"])
        s.settimeout(0.02)
        with _raises_("TimeoutError: The read operation timed out", "nothing"):
            s.recv(1)
        s.setblocking(False)
        with _raises_("SSLWantReadError", "not blocking"):
            s.recv(1)
        s.settimeout(20)
        s.sendall(b"GET /open/text HTTP/1.0\\r\\n\\r\\n")
        answer = b""
        while part := s.recv(4096):
            answer += part
        assert answer.endswith("Hello, Wörld\\n".encode())
old = ssl.create_default_context(cadata=net["authority"])
old.maximum_version = ssl.TLSVersion.TLSv1_2
with socket.create_connection(("127.0.0.1", net["securePort"])) as s, old.wrap_socket(s, server_hostname="localhost") as t:
    assert t.version() == "TLSv1.2"
`,
  NODE_ONLY,
);

python(
  "ROAD-17 HTTP-21 asyncio with TLS, client and server",
  `
reader, writer = await asyncio.open_connection("localhost", net["securePort"], ssl=trusting)
writer.write(b"GET /open/text HTTP/1.0\\r\\nHost: localhost:%d\\r\\n\\r\\n" % net["securePort"])
assert (await reader.read()).endswith("Hello, Wörld\\n".encode())
assert writer.get_extra_info("ssl_object").version() in ("TLSv1.2", "TLSv1.3")
writer.close()
await writer.wait_closed()
`,
);

python(
  "ROAD-17 HTTP-21 asyncio: a server with TLS, and certificates that do not fit",
  `
with _raises_("SSLCertVerificationError", "unknown authority"):
    await asyncio.open_connection("localhost", net["securePort"], ssl=True)
serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
with tempfile.TemporaryDirectory() as folder:
    with open(folder + "/certificate", "w") as file:
        file.write(net["certificate"])
    with open(folder + "/key", "w") as file:
        file.write(net["key"])
    serving.load_cert_chain(folder + "/certificate", folder + "/key")

async def echo(reader, writer):
    writer.write(await reader.readline())
    await writer.drain()
    writer.close()

async with await asyncio.start_server(echo, "127.0.0.1", 0, ssl=serving) as server:
    port = server.sockets[0].getsockname()[1]
    async def talk(number):
        reader, writer = await asyncio.open_connection("localhost", port, ssl=trusting)
        writer.write(b"line %d\\n" % number)
        assert await reader.readline() == b"line %d\\n" % number
        writer.close()
        await writer.wait_closed()
    await asyncio.gather(*map(talk, range(5)))
`,
  NODE_ONLY,
);
