"""The interface to JavaScript: proxies, their lifetimes, and conversions (features.md sections 3.4 and 3.5)."""

from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    MutableSequence,
)

from _pyodide._importhook import register_js_module, unregister_js_module
from _pyodide_core import (
    ConversionError,
    JsArray,
    JsAsyncGenerator,
    JsAsyncIterable,
    JsAsyncIterator,
    JsBigInt,
    JsBuffer,
    JsCallable,
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
    can_run_sync,
    create_once_callable,
    create_proxy,
    destroy_proxies,
    jsnull,
    to_js,
)

__all__ = [
    "ConversionError",
    "JsArray",
    "JsAsyncGenerator",
    "JsAsyncIterable",
    "JsAsyncIterator",
    "JsBigInt",
    "JsBuffer",
    "JsCallable",
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
    "can_run_sync",
    "create_once_callable",
    "create_proxy",
    "destroy_proxies",
    "jsnull",
    "register_js_module",
    "run_sync",
    "to_js",
    "unregister_js_module",
]

MutableSequence.register(JsArray)
Mapping.register(JsMap)
MutableMapping.register(JsMutableMap)
Iterable.register(JsIterable)
Iterator.register(JsIterator)
Generator.register(JsGenerator)
AsyncIterable.register(JsAsyncIterable)
AsyncIterator.register(JsAsyncIterator)
AsyncGenerator.register(JsAsyncGenerator)
Awaitable.register(JsPromise)


def run_sync(awaitable, /):
    """Block until an awaitable or JavaScript promise is done, and return its result.

    Needs JavaScript Promise Integration, and a call from JavaScript that allows it (``runPythonAsync``, ``callPromising``);
    :func:`can_run_sync` tells. Raises RuntimeError where blocking is impossible, or what the awaitable raises.
    """
    from _pyodide_core import run_sync

    if not can_run_sync():
        raise RuntimeError(
            "Cannot block here: it needs an engine with JavaScript Promise Integration, and a call from JavaScript that may be "
            "suspended (runPythonAsync, callPromising)"
        )
    if isinstance(awaitable, JsPromise):
        return run_sync(awaitable)
    import asyncio

    from pyodide.webloop import get_loop

    proxy = create_proxy(asyncio.ensure_future(awaitable, loop=get_loop()))
    try:
        return run_sync(proxy)
    finally:
        proxy.destroy()
