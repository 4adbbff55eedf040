"""HTTP on top of fetch and XMLHttpRequest (HTTP-01 to HTTP-20)."""

import io
import json
import os
import sys
import tempfile
import types
import unittest
import zipfile

from pyodide import http
from pyodide.http import AbortError, BodyUsedError, FetchResponse, HttpStatusError, open_url, pyfetch, pyxhr

from .fake_core import JsException, JsProxy, host


class Buffer:
    def __init__(self, data):
        self.data = data

    def to_bytes(self):
        return self.data

    def to_memoryview(self):
        return memoryview(self.data)

    def to_file(self, stream):
        stream.write(self.data)


class Response:
    """A Response of fetch."""

    def __init__(self, body=b"", status=200, url="http://host/file.txt"):
        self.body = body
        self.status = status
        self.statusText = "Text"
        self.ok = status < 300
        self.redirected = False
        self.type = "basic"
        self.url = url
        self.bodyUsed = False
        self.headers = types.SimpleNamespace(entries=lambda: Pairs([["content-type", "text/plain"]]))

    def clone(self):
        return Response(self.body, self.status, self.url)

    async def arrayBuffer(self):
        self.bodyUsed = True
        return Buffer(self.body)

    async def text(self):
        self.bodyUsed = True
        return self.body.decode()


class Pairs(JsProxy):
    def __iter__(self):
        return iter(self.target)


def response(*args, **kwargs):
    # The fake proxies give what their targets have; methods stay methods.
    return FetchResponse("http://host/asked", Response(*args, **kwargs))


class Case(unittest.TestCase):
    def setUp(self):
        self.js = types.SimpleNamespace(Object=types.SimpleNamespace(fromEntries=dict))
        sys.modules["js"] = self.js
        self.addCleanup(sys.modules.pop, "js")

    def finish(self, coroutine):
        return host.finish(coroutine)


class Responses(Case):
    def test_properties(self):
        """HTTP-04, HTTP-08, HTTP-11 to HTTP-16."""
        r = response()
        self.assertEqual(
            (r.body_used, r.headers, r.ok, r.redirected, r.status, r.status_text, r.type, r.url),
            (False, {"content-type": "text/plain"}, True, False, 200, "Text", "basic", "http://host/file.txt"),
        )
        self.assertEqual(response(url="").url, "http://host/asked")

    def test_bodies(self):
        """HTTP-03, HTTP-05, HTTP-06, HTTP-09, HTTP-10, HTTP-19: also those of error pages."""
        self.assertEqual(self.finish(response(b"abc", 404).text()), "abc")
        self.assertEqual(self.finish(response(b"abc").bytes()), b"abc")
        self.assertEqual(self.finish(response(b"abc").memoryview()), memoryview(b"abc"))
        self.assertIsInstance(self.finish(response(b"abc").buffer()), Buffer)
        self.assertEqual(self.finish(response(b'{"a": 1.5}').json(parse_float=str)), {"a": "1.5"})

    def test_body_is_read_once(self):
        """HTTP-04, HTTP-07."""
        r = response(b"abc")
        copy = r.clone()
        self.assertEqual(self.finish(r.text()), "abc")
        self.assertTrue(r.body_used)
        with self.assertRaises(OSError) as caught:
            self.finish(r.bytes())
        self.assertIsInstance(caught.exception, BodyUsedError)
        self.assertRaises(BodyUsedError, r.clone)
        self.assertEqual(self.finish(copy.text()), "abc")

    def test_raise_for_status(self):
        """HTTP-17."""
        response().raise_for_status()
        for status, kind in ((404, "Client"), (503, "Server")):
            with self.assertRaises(OSError) as caught:
                response(status=status).raise_for_status()
            self.assertIsInstance(caught.exception, HttpStatusError)
            self.assertEqual(str(caught.exception), f"{status} {kind} Error: Text for url: http://host/file.txt")
            self.assertEqual(caught.exception.status, status)

    def test_string_is_deprecated(self):
        """HTTP-18."""
        with self.assertWarns(DeprecationWarning):
            self.assertEqual(self.finish(response(b"abc").string()), "abc")

    def test_unpack_archive(self):
        """HTTP-20, ENV-38."""
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            archive.writestr("folder/a.txt", "content")
        with tempfile.TemporaryDirectory() as folder:
            for number, (url, format) in enumerate(
                [("http://host/x.zip?query=1#part", None), ("http://host/anything", "zip"), ("http://host/a%20b.zip", None)]
            ):
                target = os.path.join(folder, str(number))
                r = response(data.getvalue(), url=url)
                self.finish(r.unpack_archive(extract_dir=target, format=format))
                self.assertEqual(os.listdir(target), ["folder"])
        for url, format in (("http://host/x.unknown", None), ("http://host/x.zip", "unknown")):
            with self.assertRaisesRegex(ValueError, "Unknown archive format '(x.)?unknown'"):
                self.finish(response(url=url).unpack_archive(format=format))


class Requests(Case):
    def test_options(self):
        """HTTP-01."""
        asked = []

        async def fetch(url, options):
            asked.append((url, options))
            return Response(b"abc")

        self.js.fetch = fetch
        r = self.finish(pyfetch("http://host/x", method="POST", headers={"a": "b"}, body="text"))
        self.assertEqual(self.finish(r.text()), "abc")
        self.assertEqual(asked, [("http://host/x", {"method": "POST", "headers": {"a": "b"}, "body": "text"})])
        with self.assertRaisesRegex(ValueError, "abort signal of its own"):
            r.abort()

    def test_abort(self):
        aborted = []

        class AbortController:
            def __init__(self):
                self.signal = "signal"

            def abort(self, *reason):
                aborted.append(reason)

        async def fetch(url, options):
            self.assertEqual(options["signal"], "signal")
            return Response(b"abc")

        self.js.AbortController = types.SimpleNamespace(new=AbortController)
        self.js.fetch = fetch
        r = self.finish(pyfetch("http://host/x"))
        r.abort()
        r.abort("why")
        self.assertEqual(aborted, [(), ("why",)])

    def test_failures_are_os_errors(self):
        """HTTP-01, CHG-235."""
        for error, kind, message in [
            (JsException("TypeError", "Failed to fetch"), OSError, "Request for http://host/x failed: TypeError: Failed to fetch"),
            (JsException("AbortError", "stop"), AbortError, "AbortError: stop"),
            (JsException("TypeError", "failed", types.SimpleNamespace(message="refused")), OSError, r"failed \(refused\)$"),
        ]:

            async def fetch(url, options, error=error):
                raise error

            self.js.fetch = fetch
            with self.assertRaisesRegex(kind, message) as caught:
                self.finish(pyfetch("http://host/x"))
            self.assertIs(caught.exception.__cause__, error)


class Xhr:
    """An XMLHttpRequest."""

    sent = []

    def open(self, method, url, asynchronous):
        self.request = [method, url, asynchronous, {}]

    def overrideMimeType(self, kind):
        assert "x-user-defined" in kind

    def setRequestHeader(self, name, value):
        self.request[3][name] = value

    def send(self, body):
        Xhr.sent.append([*self.request, body])
        self.status, self.statusText, self.responseURL = 200, "OK", ""
        # Bytes above 127 come as characters of a private area.
        self.responseText = "\uf7c3\uf7a4"

    def getAllResponseHeaders(self):
        return "Content-Type: text/plain\r\nX-A: b: c\r\n"


class BlockingRequests(Case):
    def test_without_any_means(self):
        with self.assertRaisesRegex(OSError, "use pyfetch"):
            open_url("http://host/x")

    def test_by_xhr(self):
        """HTTP-02."""
        self.js.XMLHttpRequest = types.SimpleNamespace(new=Xhr)
        Xhr.sent.clear()
        self.assertEqual(open_url("http://host/x").read(), "ä")
        r = pyxhr.post("http://host/x?a=1#f", params={"q": [1, 2]}, json={"k": 1}, auth=("u", "p"), headers={"h": "v"})
        self.assertEqual(r.headers, {"content-type": "text/plain", "x-a": "b: c"})
        self.assertEqual((r.content, r.text, r.ok, r.status_code, r.url), ("ä".encode(), "ä", True, 200, "http://host/x?a=1&q=1&q=2#f"))
        pyxhr.put("http://host/y", data={"a": "b c"})
        self.assertEqual(
            Xhr.sent,
            [
                ["GET", "http://host/x", False, {}, None],
                [
                    "POST",
                    "http://host/x?a=1&q=1&q=2#f",
                    False,
                    {"h": "v", "Content-Type": "application/json", "Authorization": "Basic dTpw"},
                    json.dumps({"k": 1}),
                ],
                ["PUT", "http://host/y", False, {"Content-Type": "application/x-www-form-urlencoded"}, "a=b+c"],
            ],
        )

    def test_by_suspending(self):
        async def fetch(url, options):
            return Response(b'{"a": 1}')

        self.js.fetch = fetch
        host.can_suspend = True
        try:
            self.assertEqual(pyxhr.get("http://host/x").json(), {"a": 1})
        finally:
            host.can_suspend = False
        self.assertEqual(host.live, [])

    def test_status(self):
        with self.assertRaises(HttpStatusError):
            http._XhrResponse("http://host/x", 404, "Not Found", {}, b"").raise_for_status()

    def test_charsets(self):
        for header, expected in [("text/plain; charset=latin-1", "Ã¤"), ("text/plain; charset=nonsense", "ä"), ("text/plain", "ä")]:
            self.assertEqual(http._XhrResponse("u", 200, "", {"content-type": header}, "ä".encode()).text, expected)
