"""A stand-in for the built-in module ``_pyodide_core``, enough to run the Python packages without WebAssembly.

Owns a JavaScript world of Python objects: proxies of namespaces, macrotasks in a list, promises that are settled by hand. What the real
core does is tested in the distribution (tests/); here it is the code on top of it.
"""

from __future__ import annotations

import sys
import time
import types
from heapq import heappop, heappush
from itertools import count

core = types.ModuleType("_pyodide_core")
core.__doc__ = __doc__


def _public(thing):
    thing.__module__ = "pyodide.ffi"
    setattr(core, thing.__name__, thing)
    return thing


@_public
class JsProxy:
    """A proxy of a namespace, dict or function that plays a JavaScript object."""

    def __init__(self, target):
        object.__setattr__(self, "target", target)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return wrap(getattr(self.target, name))

    def __setattr__(self, name, value):
        if name.startswith("__"):
            object.__setattr__(self, name, value)
        else:
            host.assignments.append(name)
            setattr(self.target, name, value)

    def __eq__(self, other):
        return isinstance(other, JsProxy) and self.target is other.target

    __hash__ = None

    @property
    def js_id(self):
        return id(self.target)

    def __repr__(self):
        return "[object Object]"


@_public
class JsCallable(JsProxy):
    def __call__(self, *args):
        return wrap(self.target(*args))

    def new(self, *args):
        return wrap(self.target(*args))


@_public
class JsException(JsProxy, Exception):
    def __init__(self, name, message, cause=None):
        object.__setattr__(self, "target", types.SimpleNamespace(name=name, message=message, cause=cause))

    def __str__(self):
        return f"{self.name}: {self.message}"


@_public
class JsDoubleProxy(JsProxy):
    def destroy(self):
        host.live.remove(self)

    def __eq__(self, other):
        return self is other


@_public
class JsOnceCallable(JsCallable):
    def destroy(self):
        host.live.remove(self)

    def __call__(self, *args):
        self.destroy()
        return self.target(*args)

    def __eq__(self, other):
        return self is other


@_public
class JsPromise(JsProxy):
    """A promise, made with ``JsPromise(None)`` and settled with ``settle(ok, value)``."""

    settled = None

    def __await__(self):
        from _pyodide import _hooks

        future = _hooks.new_future()
        if self.settled is None:
            object.__setattr__(self, "waiting", [*getattr(self, "waiting", ()), future])
        else:
            _give(future, *self.settled)
        return future.__await__()

    def settle(self, ok, value):
        object.__setattr__(self, "settled", (ok, value))
        for future in getattr(self, "waiting", ()):
            _give(future, ok, value)


def _give(future, ok, value):
    (future.set_result if ok else future.set_exception)(value)


for name in (
    "JsArray JsAsyncGenerator JsAsyncIterable JsAsyncIterator JsBuffer JsDomElement JsFetchResponse JsGenerator JsIterable JsIterator "
    "JsMap JsMutableMap JsNull JsTypedArray JsWeakRef JsDisposable JsAsyncDisposable JsCallableDoubleProxy"
).split():
    _public(type(name, (JsProxy,), {}))

core.JsMutableMap = _public(type("JsMutableMap", (core.JsMap,), {}))
core.JsBigInt = _public(type("JsBigInt", (int,), {}))
core.ConversionError = _public(type("ConversionError", (Exception,), {}))
core.jsnull = core.JsNull(None)


class Undefined:
    """Stands for a PythonError that was made for an exception."""

    def __init__(self, exception):
        self.exception = exception


def wrap(value):
    """A value as Python gets it from JavaScript."""
    if isinstance(value, JsProxy) or value is None or isinstance(value, (bool, int, float, str, bytes)):
        return value
    return JsCallable(value) if callable(value) else JsProxy(value)


class Host:
    """The event loop of JavaScript, and what is alive in it."""

    def __init__(self):
        self.queue = []
        self.ids = count(1)
        self.cancelled = set()
        self.can_suspend = False
        self.live = []
        self.assignments = []
        self.scheduled = 0

    def schedule(self, callback, delay_ms, /):
        self.scheduled += 1
        number = next(self.ids)
        heappush(self.queue, (time.monotonic() + delay_ms / 1000 if delay_ms > 0 else 0, number, callback))
        return number

    def step(self):
        """Runs one macrotask; False if there is none."""
        while self.queue:
            due, number, callback = heappop(self.queue)
            if number in self.cancelled:
                self.cancelled.discard(number)
                continue
            time.sleep(max(0, due - time.monotonic()))
            callback()
            return True
        return False

    def run(self):
        """Runs macrotasks until there is none left."""
        while self.step():
            pass

    def finish(self, awaitable):
        """Runs macrotasks until an awaitable is done; its result."""
        import asyncio

        future = asyncio.ensure_future(awaitable)
        while not future.done():
            if not self.step():
                raise AssertionError("the event loop has nothing left to do, but the awaitable is not done")
        return future.result()


host = Host()


@_public
def run_sync(promise, /):
    """Suspends: lets the event loop go on until the promise is settled."""
    import _asyncio  # which imports asyncio

    from _pyodide import _hooks

    assert host.can_suspend
    outcome = []
    if not isinstance(promise, JsPromise):
        _hooks.watch_awaitable(promise.target, lambda *settled: outcome.extend(settled))
    # The running loop and task belong to the stack that is suspended.
    loop = _asyncio._get_running_loop()
    task = None if loop is None else _asyncio._swap_current_task(loop, None)
    webloop = sys.modules.get("pyodide.webloop")
    if webloop is not None:
        _asyncio._set_running_loop(webloop.main_loop())
    try:
        while not (promise.settled if isinstance(promise, JsPromise) else outcome):
            assert host.step(), "nothing settles the promise"
    finally:
        _asyncio._set_running_loop(loop)
        if loop is not None:
            _asyncio._swap_current_task(loop, task)
    if isinstance(promise, JsPromise):
        outcome = promise.settled
    if outcome[0]:
        return outcome[1]
    raise outcome[1]


@_public
def create_proxy(obj, /, *, capture_this=False, roundtrip=True):
    proxy = JsDoubleProxy(obj)
    host.live.append(proxy)
    return proxy


@_public
def create_once_callable(obj, /, *, _may_syncify=False):
    proxy = JsOnceCallable(obj)
    host.live.append(proxy)
    return proxy


@_public
def to_js(obj, /, *, depth=-1, pyproxies=None, create_pyproxies=True, dict_converter=None, default_converter=None):
    return obj


core.schedule = host.schedule
core.cancel = lambda number, /: host.cancelled.add(number)
core.can_run_sync = lambda: host.can_suspend
core.share_running_loop = lambda: None
core.throw_into_task = lambda task, exception_class, /: False
core.as_module = lambda proxy, /: proxy
core.js_error = Undefined
core.js_eval = lambda source, /: f"evaluated {source}"
core.destroy_proxies = lambda proxies, /: None

version = types.ModuleType("_pyodide._version")
version.VERSION = "1.2.3"

sys.modules["_pyodide_core"] = core
sys.modules["_pyodide._version"] = version
