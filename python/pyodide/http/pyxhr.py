"""A small HTTP client that blocks: ``pyxhr.get(url).json()``.

Arguments are those of the library ``requests``: ``params`` (a dict for the query), ``headers``, ``data`` (str, bytes or a dict for a form),
``json`` (any value that :func:`json.dumps` takes), ``auth`` (user and password). Not here: how a request blocks (``pyodide.http``).

Invariant: without a response there is an :class:`XHRError`, which is an OSError; an error status is a response.
"""

from __future__ import annotations

from . import HttpStatusError, _request
from . import _XhrResponse as XHRResponse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = [
    "HttpStatusError", "XHRError", "XHRNetworkError", "XHRResponse", "delete", "get", "head", "options", "patch", "post", "put", "request"
]


class XHRError(OSError):
    """A request that blocks has failed."""


class XHRNetworkError(XHRError):
    """A request that blocks got no response."""


def request(
    method: str,
    url: str,
    *,
    params: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    data: Any = None,
    json: Any = None,
    auth: tuple[str, str] | list[str] | None = None,
) -> XHRResponse:
    """Make a request with any method. Raises :class:`XHRNetworkError` if there is no response."""
    from urllib.parse import urlencode

    sent = dict(headers or {})
    given = {name.lower() for name in sent}
    if params:
        address, mark, fragment = url.partition("#")
        url = address + ("&" if "?" in address else "?") + urlencode(params, doseq=True) + mark + fragment
    if json is not None:
        from json import dumps

        data = dumps(json)
        if "content-type" not in given:
            sent["Content-Type"] = "application/json"
    elif isinstance(data, dict):
        data = urlencode(data, doseq=True)
        if "content-type" not in given:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
    if auth is not None:
        from base64 import b64encode

        sent["Authorization"] = "Basic " + b64encode(":".join(auth).encode()).decode()
    try:
        return _request(method.upper(), url, sent, data)
    except OSError as failure:
        raise XHRNetworkError(str(failure)) from failure


def get(url: str, **kwargs: Any) -> XHRResponse:
    """GET."""
    return request("GET", url, **kwargs)


def head(url: str, **kwargs: Any) -> XHRResponse:
    """HEAD."""
    return request("HEAD", url, **kwargs)


def options(url: str, **kwargs: Any) -> XHRResponse:
    """OPTIONS."""
    return request("OPTIONS", url, **kwargs)


def post(url: str, **kwargs: Any) -> XHRResponse:
    """POST."""
    return request("POST", url, **kwargs)


def put(url: str, **kwargs: Any) -> XHRResponse:
    """PUT."""
    return request("PUT", url, **kwargs)


def patch(url: str, **kwargs: Any) -> XHRResponse:
    """PATCH."""
    return request("PATCH", url, **kwargs)


def delete(url: str, **kwargs: Any) -> XHRResponse:
    """DELETE."""
    return request("DELETE", url, **kwargs)
