"""The event loop of asyncio on top of JavaScript's, which never stops running (features.md sections 3.8 and 5).

Invariant: all callbacks that are ready run in one JavaScript task; one task at most is scheduled. Nothing here blocks.
"""

import asyncio
from asyncio import events

from _pyodide_core import can_run_sync, cancel, schedule

__all__ = ["PyodideFuture", "PyodideTask", "WebLoop", "WebLoopPolicy"]


class PyodideFuture(asyncio.Future):
    """A future with the methods of a JavaScript promise."""

    def then(self, onfulfilled, onrejected=None):
        """A new future for what ``onfulfilled(result)``, or ``onrejected(exception)``, gives, awaited as often as needed."""
        result = PyodideFuture(loop=self.get_loop())

        async def settle(future):
            try:
                if future.cancelled():
                    raise asyncio.CancelledError
                error = future.exception()
                if error is None:
                    value = onfulfilled(future.result()) if onfulfilled is not None else future.result()
                elif onrejected is not None:
                    value = onrejected(error)
                else:
                    raise error
                while asyncio.isfuture(value) or hasattr(value, "__await__"):
                    value = await value
            except asyncio.CancelledError:
                result.cancel()
            except Exception as error:
                if not result.done():
                    result.set_exception(error)
            else:
                if not result.done():
                    result.set_result(value)

        self.add_done_callback(lambda future: asyncio.ensure_future(settle(future), loop=self.get_loop()))
        return result

    def catch(self, onrejected):
        """``then(None, onrejected)``."""
        return self.then(None, onrejected)

    def finally_(self, onfinally):
        """Calls ``onfinally()`` in either case, then has the same outcome."""

        async def fulfilled(result):
            value = onfinally()
            if hasattr(value, "__await__"):
                await value
            return result

        async def rejected(error):
            value = onfinally()
            if hasattr(value, "__await__"):
                await value
            raise error

        return self.then(fulfilled, rejected)

    def syncify(self):
        """Block until done (needs JavaScript Promise Integration)."""
        from pyodide.ffi import run_sync

        return run_sync(self)


class PyodideTask(asyncio.Task, PyodideFuture):
    """A task with the methods of a JavaScript promise; made by the loop."""


class _NoSelector:
    """There is nothing to wait for: JavaScript calls when something has happened."""

    @staticmethod
    def select(timeout):
        return ()

    @staticmethod
    def close():
        pass


class WebLoop(asyncio.BaseEventLoop):
    """An event loop that JavaScript drives. It is always running."""

    def __init__(self):
        super().__init__()
        self._selector = _NoSelector
        self._tick_id = None
        self._tick_time = None
        self.set_task_factory(_make_task)

    def _process_events(self, event_list):
        pass

    def _write_to_self(self):
        pass

    def is_running(self):
        return True

    def is_closed(self):
        return False

    def close(self):
        """Does nothing: the loop is needed as long as the page lives."""

    def stop(self):
        """Does nothing: JavaScript's loop cannot be stopped."""

    def create_future(self):
        return PyodideFuture(loop=self)

    def _call_soon(self, callback, args, context):
        handle = super()._call_soon(callback, args, context)
        self._want_tick(0)
        return handle

    def call_at(self, when, callback, *args, context=None):
        handle = super().call_at(when, callback, *args, context=context)
        self._want_tick(when)
        return handle

    def _want_tick(self, when):
        """Make sure that ``_tick`` runs at ``when`` (loop time) at the latest."""
        if self._tick_time is not None:
            if self._tick_time <= when:
                return
            cancel(self._tick_id)
        self._tick_time = when
        delay = max(0.0, (when - self.time()) * 1000) if when else 0.0
        self._tick_id = schedule(self._tick, delay)

    def _tick(self):
        self._tick_id = self._tick_time = None
        events._set_running_loop(self)
        try:
            self._run_once()
        finally:
            if self._ready:
                self._want_tick(0)
            elif self._scheduled:
                self._want_tick(self._scheduled[0]._when)

    def run_forever(self):
        """Returns at once: the loop is running already, and goes on when Python returns to JavaScript."""

    def run_until_complete(self, future):
        """Block until the future is done where that is possible, else schedule it and return it."""
        future = asyncio.ensure_future(future, loop=self)
        if can_run_sync():
            from pyodide.ffi import run_sync

            return run_sync(future)
        return future

    async def shutdown_default_executor(self, timeout=None):
        pass

    def run_in_executor(self, executor, func, *args):
        """Calls at once: there are no threads."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future


def _make_task(loop, coro, **kwargs):
    return PyodideTask(coro, loop=loop, **kwargs)


class WebLoopPolicy(events._AbstractEventLoopPolicy):
    """The policy whose only loop is the WebLoop."""

    def get_event_loop(self):
        return get_loop()

    def new_event_loop(self):
        return get_loop()

    def set_event_loop(self, loop):
        pass


_loop = None


def get_loop():
    """The one WebLoop."""
    global _loop
    if _loop is None:
        install()
    return _loop


def install():
    """Make the WebLoop the loop of asyncio; called when asyncio is imported."""
    global _loop
    if _loop is None:
        _loop = WebLoop()
        events._set_event_loop_policy(WebLoopPolicy())
        events._set_running_loop(_loop)
