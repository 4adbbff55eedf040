/**
 * Sockets: of the operating system in Node, inside the program everywhere. Each test runs from code that can be suspended
 * (runPythonAsync, where there is JSPI) and, unless it awaits, from code that cannot (runPython).
 */
import { test } from "../harness/registry.mjs";

const NODE_ONLY = { skip: (env) => (env.isNode ? undefined : "browsers give programs no sockets") };

function python(name, body, options = {}) {
  for (const how of body.includes("await ") ? ["runPythonAsync"] : ["runPython", "runPythonAsync"]) {
    test(`${name} (${how})`, options, async ({ py, env }) => {
      const addresses = py.toPy({ ...env.network });
      py.globals.set("net", addresses);
      addresses.destroy();
      await py[how](`import asyncio, errno, os, select, selectors, socket\n${body}`);
    });
  }
}

python(
  "W-19 PKG-41 A connection: sending, receiving, the end",
  `
with socket.create_connection(("127.0.0.1", net["echoPort"])) as s:
    assert s.getpeername() == ("127.0.0.1", net["echoPort"]) and s.getsockname()[0] == "127.0.0.1" and s.getsockname()[1] > 0
    s.sendall(b"hello")
    assert s.recv(3, socket.MSG_PEEK) == b"hel"
    buffer = bytearray(10)
    assert s.recv_into(buffer) == 5 and buffer[:5] == b"hello"
    assert s.send(bytearray(b"abc")) == 3 and s.recv(100, socket.MSG_WAITALL | socket.MSG_PEEK) in (b"a", b"ab", b"abc")
    assert s.recv(3, socket.MSG_WAITALL) == b"abc"
    s.sendmsg([b"one", b"two"])
    assert s.recvfrom(6, socket.MSG_WAITALL) == (b"onetwo", None)
    s.shutdown(socket.SHUT_WR)
    assert s.recv(1) == b"" and s.recv(1) == b""
    with _raises_("BrokenPipeError", "shut"):
        s.send(b"more")
assert s.fileno() == -1
with _raises_("Bad file descriptor", "closed"):
    s.recv(1)
`,
  NODE_ONLY,
);

python(
  "PKG-41 select and poll are functions of C to those who have them as attributes, and ask an object for its descriptor once",
  `
class Mine:
    _select = select.select
    _poll = select.poll
    def run(self):
        return self._select([], [1], [], 0), self._poll().poll(0)
assert Mine().run() == (([], [1], []), [])
with selectors.SelectSelector() as selector:
    selector.register(1, selectors.EVENT_WRITE, "data")
    [(key, events)] = selector.select(0)
    assert key.data == "data" and events == selectors.EVENT_WRITE
with _raises_("cannot create 'select.poll' instances", "type"):
    type(select.poll())()
class Shrinking:
    def fileno(self):
        del items[-1]
        return 1
items = [Shrinking() for _ in range(10)]
before = items[:5]
assert select.select([], items, [], 0) == ([], before, []) and len(items) == 5
with socket.socket() as s:
    asked = []
    class Asked:
        def fileno(self):
            asked.append(s.fileno())
            return s.fileno()
    select.select([Asked()], [], [], 0)
    assert len(asked) == 1
`,
  NODE_ONLY,
);

python(
  "W-19 PKG-41 A socket that is closed says so, whoever closed it; one that nobody closes is named in the warning",
  `
import gc, warnings
s = socket.socket()
s.close()
for use in (lambda: s.settimeout(1), lambda: s.setblocking(False), lambda: socket.close(-1)):
    with _raises_("Bad file descriptor", "closed"):
        use()
s = socket.socket()
socket.close(s.fileno())
with _raises_("Bad file descriptor", "closed by number"):
    s.close()
s = socket.socket()
text = repr(s)
assert f"fd={s.fileno()}" in text
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    del s
    gc.collect()
assert [str(warning.message) for warning in caught] == [f"unclosed {text}"], caught
`,
  NODE_ONLY,
);

python(
  "W-19 A program that only ever asks gets its bytes",
  `
import time
def until(ask):
    end = time.monotonic() + 60
    while not (answer := ask()):
        assert time.monotonic() < end, "nothing has come"
    return answer
def received():
    try:
        return s.recv(10)
    except BlockingIOError:
        return b""
poll = select.poll()
with socket.create_connection(("127.0.0.1", net["echoPort"])) as s:
    s.setblocking(False)
    poll.register(s, select.POLLIN)
    s.send(b"one")
    assert until(received) == b"one"
    s.send(b"two")
    assert until(lambda: select.select([s], [], [], 0)[0]) == [s] and received() == b"two"
    s.send(b"three")
    assert until(lambda: poll.poll(0)) == [(s.fileno(), select.POLLIN)] and received() == b"three"
with socket.socket() as s:
    s.setblocking(False)
    assert until(lambda: s.connect_ex(("127.0.0.1", net["echoPort"])) == errno.EISCONN)
`,
  NODE_ONLY,
);

python(
  "W-19 A large transfer both ways, with select",
  `
data = bytes(range(256)) * 8192
with socket.create_connection(("localhost", net["echoPort"])) as s:
    s.setblocking(False)
    view, got = memoryview(data), bytearray()
    while len(got) < len(data):
        readable, writable, _ = select.select([s], [s] if view else [], [], 20)
        assert readable or writable
        if writable:
            view = view[s.send(view):]
        if readable:
            got += s.recv(1 << 16)
    assert got == data
`,
  NODE_ONLY,
);

python(
  "W-19 Timeouts and sockets that do not block",
  `
with socket.create_connection(("127.0.0.1", net["echoPort"]), timeout=20) as s:
    assert s.gettimeout() == 20 and s.getblocking()
    s.settimeout(0.05)
    try:
        s.recv(1)
    except TimeoutError as error:
        assert isinstance(error, socket.timeout) and str(error) == "timed out"
    else:
        raise AssertionError("no timeout")
    s.setblocking(False)
    with _raises_("BlockingIOError", "not blocking"):
        s.recv(1)
    s.settimeout(None)
    s.sendall(b"x")
    assert s.recv(1) == b"x"
assert select.select([], [], [], 0) == ([], [], [])
for nonsense, error in ((-1, "ValueError"), (float("nan"), "ValueError"), ("1", "TypeError")):
    with socket.socket() as s, _raises_(error, repr(nonsense)):
        s.settimeout(nonsense)
socket.setdefaulttimeout(3)
try:
    with socket.socket() as s:
        assert s.gettimeout() == 3
finally:
    socket.setdefaulttimeout(None)
`,
  NODE_ONLY,
);

python(
  "W-19 Connections that fail",
  `
with _raises_("ConnectionRefusedError", "refused"):
    socket.create_connection(("127.0.0.1", net["refusedPort"]))
with socket.socket() as s:
    assert s.connect_ex(("127.0.0.1", net["refusedPort"])) == errno.ECONNREFUSED
    # The same socket can be used again.
    s.connect(("127.0.0.1", net["echoPort"]))
    with _raises_("OSError", "connected already"):
        s.connect(("127.0.0.1", net["echoPort"]))
    assert s.connect_ex(("127.0.0.1", net["echoPort"])) == errno.EISCONN
with _raises_("gaierror", "no such host"):
    socket.create_connection(("no-such-host.invalid", 80))
with socket.socket() as s:
    with _raises_("OSError", "not connected"):
        s.send(b"x")
    for nonsense, error in ((("127.0.0.1", 70000), "OverflowError"), (("127.0.0.1",), "TypeError"), ("127.0.0.1:80", "TypeError"), ((1, 2), "TypeError")):
        with _raises_(error, repr(nonsense)):
            s.connect(nonsense)
with _raises_("OSError", "datagrams"):
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
`,
  NODE_ONLY,
);

python(
  "W-19 A server and its client",
  `
with socket.create_server(("127.0.0.1", 0)) as server:
    address = server.getsockname()
    assert address[0] == "127.0.0.1" and address[1] > 0
    with socket.socket() as other, _raises_("OSError", "taken"):
        other.bind(address)
    server.settimeout(0.02)
    with _raises_("TimeoutError", "nobody"):
        server.accept()
    server.settimeout(20)
    clients = [socket.create_connection(address) for _ in range(3)]
    for number, client in enumerate(clients):
        client.sendall(b"%d" % number)
    seen = set()
    for _ in clients:
        connection, peer = server.accept()
        with connection:
            assert peer[0] == "127.0.0.1" and connection.getsockname() == address
            seen.add(connection.recv(1))
            connection.sendall(b"welcome")
    assert seen == {b"0", b"1", b"2"}
    for client in clients:
        assert client.recv(100, socket.MSG_WAITALL) == b"welcome"
        client.close()
`,
  NODE_ONLY,
);

python(
  "W-19 Files, descriptors, duplicates",
  `
with socket.create_connection(("127.0.0.1", net["echoPort"])) as s:
    with s.makefile("rwb") as file:
        file.write(b"line one\\nline two\\n")
        file.flush()
        assert file.readline() == b"line one\\n" and file.readline() == b"line two\\n"
    copy = s.dup()
    assert copy.fileno() != s.fileno()
    copy.sendall(b"copy")
    copy.close()
    assert s.recv(4, socket.MSG_WAITALL) == b"copy"
    assert os.fstat(s.fileno()).st_mode & 0o170000 == 0o140000
    assert os.write(s.fileno(), b"os") == 2
    poller = select.poll()
    poller.register(s, select.POLLIN)
    assert poller.poll(20_000) == [(s.fileno(), select.POLLIN)]
    assert os.read(s.fileno(), 10) == b"os"
    with selectors.DefaultSelector() as selector:
        selector.register(s, selectors.EVENT_READ | selectors.EVENT_WRITE, "data")
        ((key, events),) = selector.select(20)
        assert key.data == "data" and events == selectors.EVENT_WRITE
    fd = s.detach()
    assert s.fileno() == -1
    again = socket.socket(fileno=fd)
    assert (again.family, again.type) == (socket.AF_INET, socket.SOCK_STREAM)
    again.sendall(b"again")
    assert again.recv(5, socket.MSG_WAITALL) == b"again"
    os.close(again.fileno())
    with _raises_("Bad file descriptor", "closed by os.close"):
        again.send(b"x")
    again.detach()
with _raises_("OSError", "no socket"):
    socket.socket(fileno=0)
`,
  NODE_ONLY,
);

python(
  "W-19 Options",
  `
with socket.create_connection(("127.0.0.1", net["echoPort"])) as s:
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, True)
    assert s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
    assert s.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    assert s.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == socket.SOCK_STREAM
    assert s.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) > 0
`,
  NODE_ONLY,
);

python(
  "W-19 Names and addresses",
  `
infos = socket.getaddrinfo("127.0.0.1", "http", type=socket.SOCK_STREAM)
assert infos == [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 80))], infos
infos = socket.getaddrinfo("::1", 443, type=socket.SOCK_STREAM)
assert infos == [(socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("::1", 443, 0, 0))], infos
assert ("127.0.0.1", 5) in [info[4] for info in socket.getaddrinfo("localhost", 5, socket.AF_INET)]
assert socket.getaddrinfo(None, 8080, flags=socket.AI_PASSIVE, type=socket.SOCK_STREAM)[0][4] == ("0.0.0.0", 8080)
assert socket.inet_pton(socket.AF_INET6, "::1") == bytes(15) + b"\\x01" and socket.inet_ntop(socket.AF_INET6, bytes(16)) == "::"
assert socket.gethostbyname("localhost") == "127.0.0.1" and socket.gethostbyname("10.1.2.3") == "10.1.2.3"
assert socket.getservbyname("https") == 443 and socket.getservbyport(80) == "http"
assert socket.getnameinfo(("127.0.0.1", 443), socket.NI_NUMERICHOST) == ("127.0.0.1", "https")
for arguments, error in (((None, None), "gaierror"), (("localhost", "nonsense"), "gaierror"), ((1, 2), "TypeError"), (("a\\0b", 1), "ValueError")):
    with _raises_(error, repr(arguments)):
        socket.getaddrinfo(*arguments)
`,
);

python(
  "W-19 socketpair: a connection inside the program",
  `
one, other = socket.socketpair()
with one, other:
    one.sendall(b"there")
    assert other.recv(100) == b"there"
    other.sendall(b"and back")
    assert select.select([one], [], [], 0)[0] == [one] and one.recv(3) == b"and" and one.recv(100) == b" back"
    one.setblocking(False)
    with _raises_("BlockingIOError", "empty"):
        one.recv(1)
    total = 0
    while True:
        try:
            total += one.send(bytes(1 << 18))
        except BlockingIOError:
            break
    assert total >= 1 << 20 and not select.select([], [one], [], 0)[1]
    while total:
        total -= len(other.recv(1 << 20))
    assert select.select([], [one], [], 0)[1] == [one]
    one.shutdown(socket.SHUT_WR)
    assert other.recv(1) == b""
    other.close()
    assert one.recv(1) == b""
    with _raises_("BrokenPipeError", "gone"):
        one.send(b"x")
`,
);

python(
  "ROAD-17 asyncio: streams",
  `
reader, writer = await asyncio.open_connection("127.0.0.1", net["echoPort"])
writer.write(b"one\\ntwo\\n")
await writer.drain()
assert await reader.readline() == b"one\\n" and await reader.readline() == b"two\\n"
data = bytes(range(256)) * 8192
reading = asyncio.create_task(reader.readexactly(len(data)))
writer.write(data)
await writer.drain()
assert await reading == data
with _raises_("TimeoutError", "nothing comes"):
    async with asyncio.timeout(0.02):
        await reader.read(1)
writer.write_eof()
assert await reader.read() == b""
assert writer.get_extra_info("peername") == ("127.0.0.1", net["echoPort"])
writer.close()
await writer.wait_closed()
with _raises_("ConnectionRefusedError", "refused"):
    await asyncio.open_connection("127.0.0.1", net["refusedPort"])
with _raises_("gaierror", "no such host"):
    await asyncio.open_connection("no-such-host.invalid", 80)
`,
  NODE_ONLY,
);

python(
  "ROAD-17 asyncio: a server and many clients in one program",
  `
async def shout(reader, writer):
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()
    writer.close()

async def talk(number):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for turn in range(5):
        writer.write(b"client %d, %d\\n" % (number, turn))
        assert await reader.readline() == b"CLIENT %d, %d\\n" % (number, turn)
    writer.close()
    await writer.wait_closed()

async with await asyncio.start_server(shout, "127.0.0.1", 0) as server:
    port = server.sockets[0].getsockname()[1]
    await asyncio.gather(*map(talk, range(20)))
await server.wait_closed()
`,
);

python(
  "ROAD-17 asyncio: sockets of the loop, readers and writers",
  `
loop = asyncio.get_running_loop()
one, other = socket.socketpair()
with one, other:
    one.setblocking(False)
    other.setblocking(False)
    receiving = asyncio.create_task(loop.sock_recv(other, 100))
    await asyncio.sleep(0)
    await loop.sock_sendall(one, b"there")
    assert await receiving == b"there"
    events = []
    readable = asyncio.Event()
    loop.add_reader(one, readable.set)
    other.send(b"x")
    await readable.wait()
    assert loop.remove_reader(one) and not loop.remove_reader(one)
    assert one.recv(10) == b"x"
    writable = asyncio.Event()
    loop.add_writer(one, writable.set)
    await writable.wait()
    assert loop.remove_writer(one)
    cancelled = asyncio.create_task(loop.sock_recv(other, 100))
    await asyncio.sleep(0)
    cancelled.cancel()
    with _raises_("CancelledError", "cancelled"):
        await cancelled
    one.send(b"still there")
    assert await loop.sock_recv(other, 100) == b"still there"
    with _raises_("PermissionError", "a file"):
        loop.add_reader(0, print)
transport, protocol = await loop.create_connection(asyncio.Protocol, sock=(pair := socket.socketpair())[0])
transport.close()
await asyncio.sleep(0.01)
pair[1].close()
`,
);

python(
  "ENV-43 select and poll without sockets ask what is ready now",
  `
import tempfile, time
assert select.select([], [], [], 0) == ([], [], [])
started = time.monotonic()
assert select.select([], [], [], 0.02) == ([], [], [])
assert time.monotonic() - started >= 0.015
with tempfile.TemporaryFile() as file:
    assert select.select([file], [file], [], 1) == ([file], [file], [])
    poller = select.poll()
    poller.register(file)
    assert poller.poll(0) == [(file.fileno(), select.POLLIN | select.POLLOUT)]
    poller.unregister(file)
    assert poller.poll(0) == []
with _raises_("TypeError", "no file"):
    select.select(["x"], [], [])
`,
);

for (const how of ["runPython", "runPythonAsync"]) {
  test(`ASYNC-15 A blocked receive and a blocked request can be interrupted (${how})`, NODE_ONLY, async ({ py, env, assert }) => {
    const { Worker } = await import("node:worker_threads");
    const buffer = new Int32Array(new SharedArrayBuffer(4));
    py.setInterruptBuffer(buffer);
    for (const code of [`socket.create_connection(("127.0.0.1", ${env.network.echoPort})).recv(1)`, `urllib.request.urlopen("${env.network.open}hang")`]) {
      // Another thread: this one is blocked.
      const worker = new Worker('const { workerData } = require("node:worker_threads"); setTimeout(() => { workerData[0] = 2; }, 50);', { eval: true, workerData: buffer });
      await assert.rejects(async () => await py[how](`import socket, urllib.request, warnings\nwarnings.simplefilter("ignore", ResourceWarning)\n${code}`), "KeyboardInterrupt");
      await worker.terminate();
    }
    py.setInterruptBuffer(undefined);
  });
}

test("W-19 A socket that nobody closes warns, and is closed", ({ py, assert }) => {
  assert.equal(
    py.runPython(`
import gc, socket, warnings
from pyodide_js import _api
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    before = _api.network.liveSockets
    left = socket.socketpair()
    assert _api.network.liveSockets == before + 2
    del left
    gc.collect()
    assert _api.network.liveSockets == before
str([w.category.__name__ for w in caught])
`),
    "['ResourceWarning', 'ResourceWarning']",
  );
});

test("W-19 ENV-43 Node ends when nobody waits for a socket any more", NODE_ONLY, async ({ env, dist, assert }) => {
  const { start } = await import("../harness/processes.mjs");
  const program = `
    const { loadPyodide } = await import(${JSON.stringify(`${new URL(`file://${dist}/`).href}pyodide.mjs`)});
    const py = await loadPyodide();
    py.runPython(\`
import socket
left_open = socket.create_connection(("127.0.0.1", ${env.network.echoPort}))
left_open.sendall(b"x")
print(left_open.recv(1))
\`);`;
  const child = start(process.execPath, ["--input-type=module", "-e", program], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (data) => (output += data));
  const code = await new Promise((resolve) => child.on("close", resolve));
  assert.equal(code, 0);
  assert.equal(output, "b'x'\n");
});
