"""The interface to JavaScript: proxies and their lifetimes, conversions, blocking (features.md sections 3.4 and 3.5).

A JavaScript object that cannot be converted without loss appears in Python as a :class:`JsProxy`, and a Python object in JavaScript as a
PyProxy. A JsProxy keeps its JavaScript object alive like any reference. A PyProxy is freed by ``destroy()``; those that are made for the
arguments of a call live until the call returns. Callbacks that JavaScript keeps longer are made with :func:`create_proxy` or
:func:`create_once_callable`.
"""

from __future__ import annotations

from _pyodide._importhook import register_js_module, unregister_js_module
from _pyodide_core import (
    ConversionError,
    JsArray,
    JsAsyncDisposable,
    JsAsyncGenerator,
    JsAsyncIterable,
    JsAsyncIterator,
    JsBigInt,
    JsBuffer,
    JsCallable,
    JsCallableDoubleProxy,
    JsDisposable,
    JsDomElement,
    JsDoubleProxy,
    JsException,
    JsFetchResponse,
    JsGenerator,
    JsIterable,
    JsIterator,
    JsMap,
    JsMutableMap,
    JsNull,
    JsOnceCallable,
    JsPromise,
    JsProxy,
    JsTypedArray,
    JsWeakRef,
    can_run_sync,
    create_once_callable,
    create_proxy,
    destroy_proxies,
    jsnull,
    to_js,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any, Protocol

    class ToJsConverter(Protocol):
        """The type of ``default_converter`` and ``eager_converter`` of :func:`to_js`."""

        def __call__(self, value: Any, convert: Callable[[Any], JsProxy], cache_conversion: Callable[[Any, JsProxy], None], /) -> Any: ...


IN_PYODIDE = True
"""Is there JavaScript around? Libraries that are imported elsewhere too ask for it."""

__all__ = [
    "IN_PYODIDE",
    "ConversionError",
    "JsArray",
    "JsAsyncDisposable",
    "JsAsyncGenerator",
    "JsAsyncIterable",
    "JsAsyncIterator",
    "JsBigInt",
    "JsBuffer",
    "JsCallable",
    "JsCallableDoubleProxy",
    "JsDisposable",
    "JsDomElement",
    "JsDoubleProxy",
    "JsException",
    "JsFetchResponse",
    "JsGenerator",
    "JsIterable",
    "JsIterator",
    "JsMap",
    "JsMutableMap",
    "JsNull",
    "JsOnceCallable",
    "JsPromise",
    "JsProxy",
    "JsTypedArray",
    "JsWeakRef",
    "can_run_sync",
    "create_once_callable",
    "create_proxy",
    "destroy_proxies",
    "jsnull",
    "keep_borrowed_proxies",
    "register_js_module",
    "run_sync",
    "to_js",
    "unregister_js_module",
]


def run_sync[T](awaitable: Awaitable[T], /) -> T:
    """Block until a JavaScript promise or a Python awaitable is done, and return its result.

    JavaScript goes on meanwhile, and so do the other tasks of the event loop. Needs an engine with JavaScript Promise Integration, and
    a way into Python that can wait (``runPythonAsync``, ``callPromising``, a task of the event loop); :func:`can_run_sync` tells.

    Raises RuntimeError where blocking is impossible, TypeError for what is not awaitable, and whatever the awaitable raises.

    >>> run_sync(js.fetch("data.json"))  # doctest: +SKIP
    [object Response]
    """
    from _pyodide._hooks import block_on

    return block_on(awaitable)


class keep_borrowed_proxies:
    """A context manager: proxies that are made for the arguments of JavaScript functions are not destroyed when the call is done.

    For callbacks and objects that JavaScript keeps, where it cannot be told to copy them; JavaScript's garbage collector frees them. The
    option ``keepBorrowedProxies`` of ``loadPyodide`` does it everywhere. :func:`create_proxy` is the exact way.

    >>> with keep_borrowed_proxies():  # doctest: +SKIP
    ...     document.addEventListener("click", on_click)
    """

    __slots__ = ("_before",)

    def __enter__(self) -> None:
        from pyodide_js import _api

        self._before = _api.keepBorrowedProxies(True)

    def __exit__(self, *error: object) -> None:
        from pyodide_js import _api

        _api.keepBorrowedProxies(self._before)


def __getattr__(name: str) -> object:
    if name == "ToJsConverter":
        # Only annotations name it, and start-up must not pay for `typing`.
        from typing import Any, Protocol

        class ToJsConverter(Protocol):
            """The type of ``default_converter`` and ``eager_converter`` of :func:`to_js`."""

            def __call__(self, value: Any, convert: Any, cache_conversion: Any, /) -> Any: ...

        globals()[name] = ToJsConverter
        return ToJsConverter
    if name == "InternalError":

        class InternalError(Exception):
            """An error of the interface between the languages itself. Nothing raises it here: such errors are fatal and say so."""

        globals()[name] = InternalError
        return InternalError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
