"""HTTP through what the host offers: ``fetch``, and XMLHttpRequest for requests that block (features.md section 3.7).

Owns ``pyfetch`` and its response, ``open_url``, and requests that block, which ``pyodide.http.pyxhr`` is made of. Not here: ``urllib``,
sockets.

Invariants: a request that fails is an OSError, whatever the host threw; a response with an error status is a response
(``raise_for_status`` makes an error of it); bodies are copied once.
"""

from __future__ import annotations

from io import StringIO

from _pyodide_core import JsException, to_js

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from pyodide.ffi import JsBuffer, JsFetchResponse, JsProxy

__all__ = ["AbortError", "BodyUsedError", "FetchResponse", "HttpStatusError", "RequestError", "open_url", "pyfetch", "pyxhr"]


class HttpStatusError(OSError):
    """A response has an error status: 400 or more."""

    def __init__(self, status: int, status_text: str, url: str) -> None:
        self.status = status
        self.status_text = status_text
        self.url = url
        kind = "Client" if status < 500 else "Server"
        reason = f" {status_text}" if status_text else ""
        super().__init__(f"{status} {kind} Error:{reason} for url: {url}")

    def __reduce__(self):
        return type(self), (self.status, self.status_text, self.url)


class BodyUsedError(OSError):
    """The body of a response was read before; it can be read once (``clone()`` the response first)."""


class AbortError(OSError):
    """A request was aborted."""


class RequestError(AbortError):
    """A request got no answer: no connection, no such host, not allowed by CORS.

    An :class:`AbortError` as well, because Pyodide raises that one for both.
    """


def _host():
    import js

    return js


def _error(failure: JsException, url: object, controller: JsProxy | None = None) -> OSError:
    """The OSError for what a request threw. ``controller`` is that of the request, which says whether it was aborted."""
    aborted = getattr(failure, "name", "") == "AbortError" or (controller is not None and controller.signal.aborted)
    kind = AbortError if aborted else RequestError
    cause = getattr(failure, "cause", None)
    detail = getattr(cause, "message", None) or getattr(cause, "code", None)
    detail = f" ({detail})" if isinstance(detail, str) else ""
    return kind(f"Request for {url} failed: {failure}{detail}")


def _to_init(options: Mapping[str, Any]) -> JsProxy:
    """Options of ``fetch`` as a plain JavaScript object, nested dicts too."""
    return to_js(options, dict_converter=_host().Object.fromEntries)


class FetchResponse:
    """A response of :func:`pyfetch`. Its methods give Python objects; the body can be read once.

    Parameters: the URL that was asked for; the ``Response`` of JavaScript; the AbortController of the request, if there is one.
    """

    def __init__(self, url: str, js_response: JsFetchResponse, abort_controller: JsProxy | None = None) -> None:
        self._url = url
        self.js_response = js_response
        self._abort_controller = abort_controller

    def __repr__(self) -> str:
        return f"<FetchResponse [{self.status}] {self.url}>"

    @property
    def body_used(self) -> bool:
        """Whether the body was read already (``Response.bodyUsed``)."""
        return self.js_response.bodyUsed

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the response; names are in lower case."""
        return dict(list(pair) for pair in self.js_response.headers.entries())

    @property
    def ok(self) -> bool:
        """Whether the status is one of success (``Response.ok``)."""
        return self.js_response.ok

    @property
    def redirected(self) -> bool:
        """Whether the response came after a redirection (``Response.redirected``)."""
        return self.js_response.redirected

    @property
    def status(self) -> int:
        """The status code (``Response.status``)."""
        return self.js_response.status

    @property
    def status_text(self) -> str:
        """The text of the status (``Response.statusText``); empty with HTTP/2."""
        return self.js_response.statusText

    @property
    def type(self) -> str:
        """``"basic"``, ``"cors"``, ``"opaque"`` and so on (``Response.type``)."""
        return self.js_response.type

    @property
    def url(self) -> str:
        """Where the response came from (``Response.url``), which redirections may have changed."""
        return self.js_response.url or self._url

    def raise_for_status(self) -> None:
        """Raises :class:`HttpStatusError`, an OSError, if the status is 400 or more."""
        if 400 <= self.status < 600:
            raise HttpStatusError(self.status, self.status_text, self.url)

    def abort(self, reason: object = None) -> None:
        """Stop the transfer of the body. Whoever is reading it gets an :class:`AbortError`.

        Raises ValueError if the request was made with a ``signal`` of its own: abort that one.
        """
        if self._abort_controller is None:
            raise ValueError("This request has an abort signal of its own: abort that one")
        if reason is None:
            self._abort_controller.abort()
        else:
            self._abort_controller.abort(to_js(reason))

    def clone(self) -> FetchResponse:
        """A copy of the response, to read the body more than once. Raises :class:`BodyUsedError` if it was read."""
        self._check_unused()
        return FetchResponse(self._url, self.js_response.clone(), self._abort_controller)

    def _check_unused(self) -> None:
        if self.js_response.bodyUsed:
            raise BodyUsedError("The body of this response was read already: clone() the response before you read it twice")

    async def _read(self, method: str) -> Any:
        self._check_unused()
        controller = self._abort_controller
        try:
            return await getattr(self.js_response, method)()
        except JsException as failure:
            raise _error(failure, self.url, controller) from failure
        except BaseException:
            _give_up(controller)
            raise

    async def buffer(self) -> JsBuffer:
        """The body as a JavaScript ArrayBuffer."""
        return await self._read("arrayBuffer")

    async def bytes(self) -> bytes:
        """The body as bytes."""
        return (await self._read("arrayBuffer")).to_bytes()

    async def memoryview(self) -> memoryview:
        """The body as a memoryview."""
        return (await self._read("arrayBuffer")).to_memoryview()

    async def text(self) -> str:
        """The body as a str, decoded as UTF-8."""
        return await self._read("text")

    async def string(self) -> str:
        """As :meth:`text`, which replaces it."""
        from warnings import warn

        warn("FetchResponse.string() is deprecated: use text()", DeprecationWarning, stacklevel=2)
        return await self.text()

    async def json(self, **kwargs: Any) -> Any:
        """The body as what :func:`json.loads` makes of it; keyword arguments are passed on."""
        from json import loads

        return loads(await self.text(), **kwargs)

    async def unpack_archive(self, *, extract_dir: str | None = None, format: str | None = None) -> None:
        """Unpack the body, an archive, into a folder: the current one unless ``extract_dir`` is given.

        ``format`` is one that :func:`shutil.unpack_archive` knows ("zip", "tar", "gztar", "bztar"...), or "wheel"; without it the
        extension of the URL decides. Raises ValueError if neither is known, and shutil.ReadError for an archive that is damaged or
        wants to write outside of the folder; then nothing was written.
        """
        from os import path
        from tempfile import TemporaryDirectory
        from urllib.parse import unquote, urlsplit

        from _pyodide._archive import check_format, format_of_name, unpack_archive

        name = unquote(urlsplit(self.url).path).rpartition("/")[2]
        if format is None:
            format = format_of_name(name)
            if format is None:
                name = name if len(name) <= 80 else f"{name[:80]}..."
                raise ValueError(f"Unknown archive format {name!r}: pass `format`, or use a URL that ends like an archive")
        else:
            format = check_format(format)
        data = await self._read("arrayBuffer")
        with TemporaryDirectory() as folder:
            file = path.join(folder, "archive")
            with open(file, "wb") as stream:
                data.to_file(stream)
            unpack_archive(file, extract_dir, format)


def _give_up(controller):
    """Nobody waits any more: the task was cancelled or has timed out, and the transfer would go on without a reader."""
    if controller is not None:
        controller.abort()


async def pyfetch(request: str | JsProxy, /, *, signal: JsProxy | None = None, fetcher: Any = None, **kwargs: Any) -> FetchResponse:
    """Make a request with the host's ``fetch``, or with ``fetcher``, a function that takes the same arguments.

    ``request`` is a URL or a ``Request`` of JavaScript. Keyword arguments are the options of ``fetch``: ``method``, ``headers`` (a dict),
    ``body``, ``mode`` and so on. The abort signal ``signal`` ends the request, as the method ``abort`` of the response does.
    Raises OSError if there is no response: no connection, no such host, not allowed by CORS.

    >>> response = await pyfetch("https://example.com/data.json")  # doctest: +SKIP
    >>> response.status  # doctest: +SKIP
    200
    """
    js = _host()
    url = request if isinstance(request, str) else getattr(request, "url", request)
    controller = None
    if hasattr(js, "AbortController"):
        if signal is None:
            controller = js.AbortController.new()
            kwargs["signal"] = controller.signal
        elif hasattr(js.AbortSignal, "any"):
            controller = js.AbortController.new()
            kwargs["signal"] = js.AbortSignal.any(to_js([controller.signal, signal]))
    if controller is None and signal is not None:
        kwargs["signal"] = signal
    try:
        response = await (js.fetch if fetcher is None else fetcher)(request, _to_init(kwargs))
    except JsException as failure:
        raise _error(failure, url, controller) from failure
    except BaseException:
        _give_up(controller)
        raise
    return FetchResponse(str(url), response, controller)


class _XhrResponse:
    """A response of :class:`pyxhr`: the body is there in full."""

    def __init__(self, url: str, status: int, status_text: str, headers: dict[str, str], content: bytes) -> None:
        self.url = url
        self.status_code = self.status = status
        self.status_text = status_text
        self.headers = headers
        self.content = content

    def __repr__(self) -> str:
        return f"<Response [{self.status}] {self.url}>"

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status < 400

    @property
    def text(self) -> str:
        """The body, decoded with the charset of the header Content-Type, else as UTF-8."""
        return self.content.decode(_charset(self.headers), "replace")

    def json(self, **kwargs: Any) -> Any:
        """The body as what :func:`json.loads` makes of it."""
        from json import loads

        return loads(self.content, **kwargs)

    def raise_for_status(self) -> None:
        """Raises :class:`HttpStatusError`, an OSError, if the status is 400 or more."""
        if 400 <= self.status < 600:
            raise HttpStatusError(self.status, self.status_text, self.url)


def _charset(headers: Mapping[str, str]) -> str:
    from codecs import lookup

    _, found, rest = headers.get("content-type", "").lower().partition("charset=")
    name = rest.partition(";")[0].strip(" \"'")
    if found:
        try:
            return lookup(name).name
        except LookupError:
            pass
    return "utf-8"


def _request_by_fetch(method, url, headers, body):
    from _pyodide._hooks import block_on

    async def request():
        options = {"method": method, "headers": dict(headers)}
        if body is not None:
            options["body"] = body
        response = await pyfetch(url, **options)
        content = await response.bytes()
        return _XhrResponse(response.url, response.status, response.status_text, response.headers, content)

    return block_on(request())


def _request_by_xhr(js, method, url, headers, body):
    request = js.XMLHttpRequest.new()
    try:
        request.open(method, url, False)
        # On a main thread a blocking request gives text only: this charset passes every byte through as one character.
        request.overrideMimeType("text/plain; charset=x-user-defined")
        for name, value in headers.items():
            request.setRequestHeader(name, value)
        request.send(None if body is None else to_js(body))
    except JsException as failure:
        raise _error(failure, url) from failure
    received = {}
    for line in (request.getAllResponseHeaders() or "").splitlines():
        name, _, value = line.partition(":")
        received[name.strip().lower()] = value.strip()
    # A table that leaves the low byte of each character.
    content = (request.responseText or "").translate(_LOW_BYTES).encode("latin-1")
    return _XhrResponse(request.responseURL or url, request.status, request.statusText, received, content)


class _LowBytes(dict):
    def __missing__(self, character):
        self[character] = low = character & 0xFF
        return low


_LOW_BYTES = _LowBytes()


def _request_by_socket(method, url, headers, body):
    """With ``urllib``, in Node: its sockets can block where nothing else can."""
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    data = body.encode() if isinstance(body, str) else body
    try:
        try:
            response = urlopen(Request(url, data, headers, method=method))
        except HTTPError as failure:
            response = failure
        with response:
            received = {}
            for name, value in response.headers.items():
                name = name.lower()
                received[name] = f"{received[name]}, {value}" if name in received else value
            return _XhrResponse(response.url, response.status or 200, getattr(response, "reason", "OK"), received, response.read())
    except (OSError, ValueError, HTTPException) as failure:
        raise OSError(f"Request for {url} failed: {failure}") from failure


def _request(method: str, url: str, headers: Mapping[str, str] = {}, body: Any = None) -> _XhrResponse:
    """A request that blocks: by suspending the stack where that is possible, else with XMLHttpRequest, else with sockets."""
    from _pyodide_core import can_run_sync

    js = _host()
    if can_run_sync():
        return _request_by_fetch(method, url, headers, body)
    if hasattr(js, "XMLHttpRequest"):
        return _request_by_xhr(js, method, url, headers, body)
    if hasattr(js, "process"):
        return _request_by_socket(method, url, headers, body)
    raise OSError(
        f"Request for {url} failed: a request that blocks needs XMLHttpRequest or a JavaScript engine with stack switching (JSPI); "
        "use pyfetch(), which does not block"
    )


def open_url(url: str) -> StringIO:
    """Get a URL and return its content, which must be text. Blocks; see :func:`pyfetch` for a request that does not.

    Raises OSError if there is no response. An error status is none: the content is then that of the error page.
    """
    return StringIO(_request("GET", url).text)


def __getattr__(name):
    if name == "pyxhr":
        from importlib import import_module

        return import_module("pyodide.http.pyxhr")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
