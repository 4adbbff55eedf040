"""Event listeners and timers whose Python callbacks are freed when JavaScript needs them no more (FFI-079 to FFI-084).

Invariant: every proxy made here is known by what JavaScript uses to forget the callback, and is destroyed exactly then.
"""

from __future__ import annotations

from _pyodide_core import JsProxy, create_once_callable, create_proxy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["add_event_listener", "clear_interval", "clear_timeout", "remove_event_listener", "set_interval", "set_timeout"]

# By identity of the target, event and listener. Listeners need not be hashable, but compare like the methods they may be.
_listeners: dict[tuple[int, str], list[tuple[Any, JsProxy]]] = {}
_timeouts: dict[Any, JsProxy] = {}
_intervals: dict[Any, JsProxy] = {}


def _require_callable(function: str, callback) -> None:
    # Said here, or JavaScript would find out when nobody waits for it any more.
    if not callable(callback):
        raise TypeError(f"{function}() needs a callable object, not {type(callback).__name__!r}")


def _host():
    import js

    return js


def add_event_listener(elt: JsProxy, event: str, listener: Callable[[Any], None]) -> None:
    """Call ``listener(event)`` when an event happens on an element or other event target.

    The listener stays alive until :func:`remove_event_listener`. Adding it again has no effect, as in JavaScript.
    """
    known = _listeners.setdefault((elt.js_id, event), [])
    if any(other == listener for other, _ in known):
        return
    proxy = create_proxy(listener)
    try:
        elt.addEventListener(event, proxy)
    except BaseException:
        proxy.destroy()
        if not known:
            del _listeners[elt.js_id, event]
        raise
    known.append((listener, proxy))


def remove_event_listener(elt: JsProxy, event: str, listener: Callable[[Any], None]) -> None:
    """Undo :func:`add_event_listener` and free the listener. Raises KeyError if it was not added there."""
    key = (elt.js_id, event)
    known = _listeners.get(key, [])
    for index, (other, proxy) in enumerate(known):
        if other == listener:
            break
    else:
        raise KeyError(f"This listener was not added for {event!r} with add_event_listener()")
    del known[index]
    if not known:
        del _listeners[key]
    elt.removeEventListener(event, proxy)
    proxy.destroy()


def _key(timer):
    # Node gives an object instead of a number.
    return timer.js_id if isinstance(timer, JsProxy) else timer


def set_timeout(callback: Callable[[], None], timeout: float) -> int | JsProxy:
    """Call ``callback()`` once, after a time in milliseconds. Returns what :func:`clear_timeout` takes.

    The callback is freed after the call.
    """
    _require_callable("set_timeout", callback)
    key = None

    def call():
        _timeouts.pop(key, None)
        callback()

    proxy = create_once_callable(call)
    try:
        timer = _host().setTimeout(proxy, timeout)
    except BaseException:
        proxy.destroy()
        raise
    key = _key(timer)
    _timeouts[key] = proxy
    return timer


def clear_timeout(timeout_retval: int | JsProxy) -> None:
    """Forget a callback of :func:`set_timeout` and free it. Nothing happens when it was called already."""
    _host().clearTimeout(timeout_retval)
    proxy = _timeouts.pop(_key(timeout_retval), None)
    if proxy is not None:
        proxy.destroy()


def set_interval(callback: Callable[[], None], interval: float) -> int | JsProxy:
    """Call ``callback()`` again and again, with a time in milliseconds between. Returns what :func:`clear_interval` takes.

    The callback stays alive until :func:`clear_interval`.
    """
    _require_callable("set_interval", callback)
    proxy = create_proxy(callback)
    try:
        timer = _host().setInterval(proxy, interval)
    except BaseException:
        proxy.destroy()
        raise
    _intervals[_key(timer)] = proxy
    return timer


def clear_interval(interval_retval: int | JsProxy) -> None:
    """Stop a callback of :func:`set_interval` and free it."""
    _host().clearInterval(interval_retval)
    proxy = _intervals.pop(_key(interval_retval), None)
    if proxy is not None:
        proxy.destroy()
