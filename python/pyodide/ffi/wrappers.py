"""Event listeners and timers whose callbacks live as long as they are needed (features.md section 3.6)."""

from _pyodide_core import create_once_callable, create_proxy

__all__ = [
    "add_event_listener",
    "clear_interval",
    "clear_timeout",
    "remove_event_listener",
    "set_interval",
    "set_timeout",
]

# (js_id of the target, event, listener) -> proxy of the listener
_listeners = {}
# timer -> proxy of its callback; a timer is a number in browsers and an object in Node
_timers = {}


def _timer_key(timer):
    return timer if isinstance(timer, int) else timer.js_id


def add_event_listener(elt, event, listener):
    """``elt.addEventListener(event, listener)``; the listener is kept until :func:`remove_event_listener`.

    Adding the same listener again has no effect, as in JavaScript.
    """
    key = (elt.js_id, event, listener)
    if key in _listeners:
        return
    proxy = create_proxy(listener)
    try:
        elt.addEventListener(event, proxy)
    except BaseException:
        proxy.destroy()
        raise
    _listeners[key] = proxy


def remove_event_listener(elt, event, listener):
    """Undo :func:`add_event_listener`. Raises KeyError for a listener that was not added with it."""
    proxy = _listeners.pop((elt.js_id, event, listener))
    elt.removeEventListener(event, proxy)
    proxy.destroy()


def set_timeout(callback, timeout):
    """Call ``callback()`` after ``timeout`` milliseconds. Returns what JavaScript's ``setTimeout`` returns."""
    from js import setTimeout

    key = None

    def run():
        _timers.pop(key, None)
        callback()

    proxy = create_once_callable(run)
    timer = setTimeout(proxy, timeout)
    key = _timer_key(timer)
    _timers[key] = proxy
    return timer


def clear_timeout(timeout_retval):
    """Cancel a timeout and free its callback. Nothing happens when it has run."""
    from js import clearTimeout

    clearTimeout(timeout_retval)
    _forget(timeout_retval)


def set_interval(callback, interval):
    """Call ``callback()`` every ``interval`` milliseconds. Returns what JavaScript's ``setInterval`` returns."""
    from js import setInterval

    proxy = create_proxy(callback)
    timer = setInterval(proxy, interval)
    _timers[_timer_key(timer)] = proxy
    return timer


def clear_interval(interval_retval):
    """End an interval and free its callback."""
    from js import clearInterval

    clearInterval(interval_retval)
    _forget(interval_retval)


def _forget(timer):
    proxy = _timers.pop(_timer_key(timer), None)
    if proxy is not None:
        proxy.destroy()
