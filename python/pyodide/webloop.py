"""The event loop of asyncio on top of JavaScript's event loop, which never stops.

Owns ``WebLoop``, its futures and tasks, and what has to change in asyncio because the loop is always running (features.md sections 3.8
and 5). Not here: blocking (``_pyodide._hooks``), network and files.

Invariants: callbacks run from JavaScript macrotasks, never from microtasks, so that the page stays responsive; all callbacks that are
ready run in one macrotask, in the order in which they were scheduled; at most one macrotask and one timer are scheduled per loop; a
callback that suspends its stack holds up none of the others.
"""

from __future__ import annotations

import asyncio
import sys
from _asyncio import _get_running_loop, _set_running_loop, _swap_current_task
from asyncio import events, log, runners, selector_events, unix_events
from heapq import heapify, heappop, heappush
from math import ceil
from weakref import WeakValueDictionary

from _pyodide import _hooks
from _pyodide._hooks import block_on
from _pyodide_core import can_run_sync, cancel, schedule, share_running_loop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

__all__ = ["PyodideFuture", "PyodideTask", "WebLoop", "WebLoopPolicy"]

# JavaScript's timers count in milliseconds: what is due within one of them is due.
_RESOLUTION_S = 0.001

_CANCELLED_TIMERS_MAX = 100

_NO_PROCESSES = "WebAssembly has no processes: a program cannot be started from Python here"


def _is_awaitable(value: object) -> bool:
    return hasattr(type(value), "__await__")


class PyodideFuture(asyncio.Future):
    """A future that can be used like a JavaScript promise too. All futures of the :class:`WebLoop` are of this class."""

    def then(
        self,
        onfulfilled: Callable[[Any], object] | None,
        onrejected: Callable[[BaseException], object] | None = None,
    ) -> PyodideFuture:
        """Call ``onfulfilled(result)`` or ``onrejected(exception)`` when this future is done.

        Returns a new future for what the callback returns; an awaitable is awaited, as often as needed. If the callback raises,
        the new future fails with that exception. Without a callback for its outcome the new future gets the same outcome.
        """
        result = self.get_loop().create_future()

        def done(future):
            try:
                if future.cancelled():
                    error = asyncio.CancelledError()
                else:
                    error = future.exception()
                if error is not None:
                    if onrejected is None:
                        raise error
                    value = onrejected(error)
                else:
                    value = future.result()
                    if onfulfilled is not None:
                        value = onfulfilled(value)
            except BaseException as failure:
                _fail(result, failure)
                return
            finally:
                error = None
            if _is_awaitable(value):
                _follow(value, result)
            elif not result.done():
                result.set_result(value)

        self.add_done_callback(done)
        return result

    def catch(self, onrejected: Callable[[BaseException], object]) -> PyodideFuture:
        """``then(None, onrejected)``."""
        return self.then(None, onrejected)

    def finally_(self, onfinally: Callable[[], object]) -> PyodideFuture:
        """Call ``onfinally()`` when this future is done, whatever its outcome.

        Returns a new future with the outcome of this one, or with the exception of ``onfinally``. If ``onfinally`` returns an
        awaitable, the new future waits for it.
        """

        async def afterwards(value):
            while _is_awaitable(value):
                value = await value
            return await self

        def done(_):
            value = onfinally()
            return afterwards(value) if _is_awaitable(value) else self

        return self.then(done, done)

    def syncify(self) -> Any:
        """Block until the future is done, and return its result. As ``pyodide.ffi.run_sync(future)``."""
        return block_on(self)


def _fail(result, failure):
    if not result.done():
        if isinstance(failure, asyncio.CancelledError):
            result.cancel()
        elif isinstance(failure, StopIteration):
            # A future cannot carry this one: it would end the coroutine that awaits it.
            error = RuntimeError("A callback of a future raised StopIteration")
            error.__cause__ = failure
            result.set_exception(error)
        else:
            result.set_exception(failure)
    if isinstance(failure, (KeyboardInterrupt, SystemExit)):
        raise failure


def _follow(awaitable, result):
    """Give ``result`` the outcome of an awaitable, or of the awaitable that is its outcome, and so on."""

    async def resolve():
        value = awaitable
        while _is_awaitable(value):
            value = await value
        return value

    def done(task):
        if result.done():
            task.cancelled() or task.exception()  # seen, though nobody is interested
        elif task.cancelled():
            result.cancel()
        elif (failure := task.exception()) is not None:
            result.set_exception(failure)
        else:
            result.set_result(task.result())

    result.get_loop().create_task(resolve()).add_done_callback(done)


class PyodideTask(asyncio.Task, PyodideFuture):
    """A task that can be used like a JavaScript promise too. The loop makes them: use :func:`asyncio.create_task`."""


class _Threadless(selector_events.BaseSelectorEventLoop):
    """What every loop in one single thread of WebAssembly has in common."""

    def __init__(self) -> None:
        # Not that of the base class, which makes a selector and sockets to wake itself up.
        asyncio.BaseEventLoop.__init__(self)
        self._transports = WeakValueDictionary()
        self._signal_handlers: dict[int, Any] = {}
        self._unix_server_sockets: dict[Any, int] = {}

    def _write_to_self(self):
        pass  # there is no other thread that could have to wake this one

    def _close_self_pipe(self):
        pass

    create_unix_connection = unix_events._UnixSelectorEventLoop.create_unix_connection
    create_unix_server = unix_events._UnixSelectorEventLoop.create_unix_server

    def _stop_serving(self, sock):
        # The path of a socket goes with its server, as in the loop of Unix.
        path = sock.getsockname() if sock in self._unix_server_sockets else None
        super()._stop_serving(sock)
        if path is not None:
            import os

            inode = self._unix_server_sockets.pop(sock)
            try:
                if os.stat(path).st_ino == inode:
                    os.unlink(path)
            except FileNotFoundError:
                pass

    async def subprocess_exec(self, protocol_factory, *args, **kwargs):
        """Raises NotImplementedError: WebAssembly has no processes."""
        raise NotImplementedError(_NO_PROCESSES)

    async def subprocess_shell(self, protocol_factory, cmd, **kwargs):
        """Raises NotImplementedError: WebAssembly has no processes."""
        raise NotImplementedError(_NO_PROCESSES)

    def create_future(self) -> PyodideFuture:
        return PyodideFuture(loop=self)

    def create_task(self, coro, **kwargs):
        """Schedule a coroutine as a :class:`PyodideTask`, or as what the task factory makes of it."""
        if self._task_factory is not None:
            return self._task_factory(self, coro, **kwargs)
        task = PyodideTask(coro, loop=self, **kwargs)
        if task._source_traceback:
            del task._source_traceback[-1]
        return task

    def run_in_executor(self, executor, func, *args):
        """Call ``func(*args)`` now, because there are no threads; returns a future that is done.

        An executor that is no ThreadPoolExecutor is asked to run it instead.
        """
        if executor is not None:
            threads = sys.modules.get("concurrent.futures.thread")
            if threads is None or not isinstance(executor, threads.ThreadPoolExecutor):
                return asyncio.wrap_future(executor.submit(func, *args), loop=self)
        if self._debug:
            self._check_callback(func, "run_in_executor")
        future = self.create_future()
        try:
            result = func(*args)
        except Exception as failure:
            _fail(future, failure)
        else:
            future.set_result(result)
        return future

    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: Any) -> None:
        """Call ``callback(*args)`` from the loop when a signal arrives (see ``pyodide.setInterruptBuffer``)."""
        from inspect import iscoroutinefunction
        from signal import signal

        if asyncio.iscoroutine(callback) or iscoroutinefunction(callback):
            raise TypeError("coroutines cannot be used with add_signal_handler()")
        previous = signal(sig, lambda signum, frame: self.call_soon(callback, *args))
        self._signal_handlers.setdefault(sig, previous)

    def remove_signal_handler(self, sig: int) -> bool:
        """Undo :meth:`add_signal_handler`; False if there was none."""
        from signal import signal

        if sig not in self._signal_handlers:
            return False
        signal(sig, self._signal_handlers.pop(sig))
        return True

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Does nothing: there is no executor."""


class WebLoop(_Threadless):
    """An event loop that JavaScript's event loop drives. It is always running and needs no care.

    The usual functions of asyncio work in code that runs at the top level too, because there is a running loop everywhere.
    ``run_forever`` and ``run_until_complete`` block where the JavaScript engine can suspend the stack (see
    :func:`pyodide.ffi.can_run_sync`), and return at once elsewhere. ``close`` does nothing.
    """

    def __init__(self) -> None:
        # Before the base class, whose set_debug() schedules a call because the loop is running.
        self._ticking = False
        self._tick_id: int | None = None
        self._timer_id: int | None = None
        self._timer_when = 0.0
        self._stop_waiters: list[asyncio.Future] = []
        self._watcher: Any = None
        super().__init__()
        self._clock_resolution = _RESOLUTION_S

    def __repr__(self) -> str:
        return f"<{type(self).__qualname__} debug={self.get_debug()}>"

    def __del__(self) -> None:
        pass  # nothing to close, so nothing to warn about

    # ---- life ----

    def is_running(self) -> bool:
        """True."""
        return True

    def is_closed(self) -> bool:
        """False."""
        return False

    def close(self) -> None:
        """Does nothing: the loop belongs to the page or process, which may need it at any time."""

    def stop(self) -> None:
        """Let :meth:`run_forever` return. The loop itself goes on."""
        waiters, self._stop_waiters = self._stop_waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def run_forever(self) -> None:
        """Block until :meth:`stop` is called; where blocking is impossible, return at once (the loop runs anyway)."""
        if can_run_sync():
            waiter = self.create_future()
            self._stop_waiters.append(waiter)
            block_on(waiter)

    def run_until_complete(self, future: Awaitable[Any]) -> Any:
        """Block until an awaitable is done, and return its result.

        Where blocking is impossible, the awaitable is scheduled and a future for its result is returned.
        """
        future = asyncio.ensure_future(future, loop=self)
        if future.done():
            return future.result()
        return block_on(future) if can_run_sync() else future

    async def shutdown_asyncgens(self) -> None:
        """Close the asynchronous generators that are not finished."""
        await super().shutdown_asyncgens()
        self._asyncgens_shutdown_called = False

    # ---- sockets ----

    @property
    def _selector(self):
        """What the base class registers files with: JavaScript calls when something has happened to one of them."""
        if self._watcher is None:
            from _pyodide._sockets import Watcher

            self._watcher = Watcher(self)
        return self._watcher

    async def getaddrinfo(self, host, port, *, family=0, type=0, proto=0, flags=0):
        """As :func:`socket.getaddrinfo`, without blocking."""
        from _pyodide._sockets import getaddrinfo_async

        return await getaddrinfo_async(host, port, family, type, proto, flags)

    # ---- callbacks ----

    def call_soon(self, callback, *args, context=None):
        """Call ``callback(*args)`` in the next macrotask."""
        if self._debug:
            self._check_callback(callback, "call_soon")
        handle = events.Handle(callback, args, self, context)
        if handle._source_traceback:
            del handle._source_traceback[-1]
        self._ready.append(handle)
        if not self._ticking and self._tick_id is None:
            self._tick_id = schedule(self._tick, 0)
        return handle

    # There is one thread.
    call_soon_threadsafe = call_soon

    def call_at(self, when, callback, *args, context=None):
        """Call ``callback(*args)`` at a time of the loop's clock (:meth:`time`, in seconds)."""
        if when is None:
            raise TypeError("when cannot be None")
        if self._debug:
            self._check_callback(callback, "call_at")
        handle = events.TimerHandle(when, callback, args, self, context)
        if handle._source_traceback:
            del handle._source_traceback[-1]
        heappush(self._scheduled, handle)
        handle._scheduled = True
        if not self._ticking:
            self._arm_timer()
        return handle

    def call_later(self, delay, callback, *args, context=None):
        """Call ``callback(*args)`` after a delay in seconds."""
        if delay is None:
            raise TypeError("delay must not be None")
        handle = self.call_at(self.time() + delay, callback, *args, context=context)
        if handle._source_traceback:
            del handle._source_traceback[-1]
        return handle

    def _timer_handle_cancelled(self, handle):
        self._timer_cancelled_count += 1
        if not self._ticking:
            # A timer that nobody waits for must not keep a Node process alive.
            self._arm_timer(handle)

    def _arm_timer(self, gone=None):
        """Make the JavaScript timer that of the first handle that is not cancelled, and of none if there is none.

        ``gone`` is a handle that is just being cancelled.
        """
        timers = self._scheduled
        if self._timer_cancelled_count > _CANCELLED_TIMERS_MAX and self._timer_cancelled_count * 2 > len(timers):
            self._scheduled = timers = [handle for handle in timers if not handle._cancelled]
            heapify(timers)
            self._timer_cancelled_count = 0
        while timers and (timers[0]._cancelled or timers[0] is gone):
            heappop(timers)._scheduled = False
            self._timer_cancelled_count = max(0, self._timer_cancelled_count - 1)
        if self._timer_id is not None:
            if timers and timers[0]._when == self._timer_when:
                return
            cancel(self._timer_id)
            self._timer_id = None
        if timers:
            self._timer_when = timers[0]._when
            self._timer_id = schedule(self._on_timer, max(0, ceil((self._timer_when - self.time()) * 1000)))

    def _on_timer(self):
        self._timer_id = None
        if self._tick_id is not None:
            cancel(self._tick_id)
        self._tick()

    def _tick(self):
        """Runs what is ready now. What becomes ready meanwhile is for the next macrotask."""
        self._tick_id = None
        ready, timers = self._ready, self._scheduled
        if timers:
            due = self.time() + _RESOLUTION_S
            while timers and timers[0]._when <= due:
                handle = heappop(timers)
                handle._scheduled = False
                if handle._cancelled:
                    self._timer_cancelled_count = max(0, self._timer_cancelled_count - 1)
                else:
                    ready.append(handle)
        count = len(ready)
        self._ticking = True
        _set_running_loop(self)
        try:
            # While a callback's stack is suspended others run from this queue: it may be shorter than it was.
            while count and ready:
                count -= 1
                handle = ready.popleft()
                if handle._cancelled:
                    continue
                if self._debug:
                    self._run_watched(handle)
                    continue
                # PERF: what `Handle._run` does, without its frame.
                try:
                    handle._context.run(handle._callback, *handle._args)
                except BaseException as error:
                    self._callback_failed(handle, error)
        finally:
            handle = None  # an exception of a callback would keep it alive
            _set_running_loop(_main)
            self._ticking = False
            if ready and self._tick_id is None:
                self._tick_id = schedule(self._tick, 0)
            if self._scheduled or self._timer_id is not None:
                self._arm_timer()

    def _run_watched(self, handle):
        """In debug mode: says which callback took long."""
        started = self.time()
        self._current_handle = handle
        try:
            handle._context.run(handle._callback, *handle._args)
        except BaseException as error:
            self._callback_failed(handle, error)
        finally:
            self._current_handle = None
        if (took := self.time() - started) >= self.slow_callback_duration:
            log.logger.warning("Executing %s took %.3f seconds", handle, took)

    def _callback_failed(self, handle, error):
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            # The step of a task has put it into the task too, and whoever awaits the task sees it. Anything else has nobody to
            # tell but the host.
            if not isinstance(getattr(handle._callback, "__self__", None), asyncio.Future):
                raise error
            return
        if error.__traceback__ is not None:
            error = error.with_traceback(error.__traceback__.tb_next)  # without the frame of the loop
        context = {"message": f"Exception in callback {handle!r}", "exception": error, "handle": handle}
        if handle._source_traceback:
            context["source_traceback"] = handle._source_traceback
        self.call_exception_handler(context)

    def _before_suspension(self):
        """The stack that is running is about to be suspended: what is ready must not wait for it."""
        self._ticking = False
        if self._ready and self._tick_id is None:
            self._tick_id = schedule(self._tick, 0)
        self._arm_timer()


class WebLoopPolicy(events._AbstractEventLoopPolicy):
    """The policy that gives asyncio the :class:`WebLoop`."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    def get_event_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop or main_loop()

    def set_event_loop(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self._loop = loop

    def new_event_loop(self) -> WebLoop:
        return WebLoop()


# ---- what changes in asyncio ----

_main: WebLoop | None = None


def main_loop() -> WebLoop:
    """The loop that is running whenever no other one is."""
    install()
    return _main


def running_loop() -> asyncio.AbstractEventLoop:
    """The loop whose callback is running, else the main loop."""
    return _get_running_loop() or main_loop()


def _new_future() -> asyncio.Future:
    """What the core calls for every promise that Python awaits. PERF: after the first time it finds this function at once."""
    return (_get_running_loop() or main_loop()).create_future()


_hooks.new_future = _new_future


def _run(main, *, debug=None, loop_factory=None):
    """As ``asyncio.run`` of CPython, in the loop that is running; its other tasks go on.

    Where blocking is impossible, ``main`` is scheduled and a task is returned (see :meth:`WebLoop.run_until_complete`).
    """
    if loop_factory is not None and can_run_sync():
        return _original_run(main, debug=debug, loop_factory=loop_factory)
    loop = running_loop()
    if debug is None:
        return loop.run_until_complete(main)
    before = loop.get_debug()
    loop.set_debug(debug)
    try:
        return loop.run_until_complete(main)
    finally:
        loop.set_debug(before)


def _run_in_runner(self, coro, *, context=None):
    """As ``asyncio.Runner.run`` of CPython: in a loop of its own, while the main loop goes on."""
    if not can_run_sync():
        if asyncio.iscoroutine(coro):
            coro.close()
        raise RuntimeError(
            "Runner.run() cannot block here: the JavaScript engine cannot suspend this stack. Await the coroutine instead"
        )
    loop = running_loop()
    task = _swap_current_task(loop, None)
    _set_running_loop(None)
    try:
        return _original_runner_run(self, coro, context=context)
    finally:
        _set_running_loop(loop)
        _swap_current_task(loop, task)


_original_run = runners.run
_original_runner_run = runners.Runner.run


def install() -> None:
    """Make a WebLoop the event loop of asyncio. Done when asyncio is imported; again it has no effect."""
    global _main
    if _main is not None:
        return
    _main = WebLoop()
    events._set_event_loop_policy(WebLoopPolicy())
    _set_running_loop(_main)
    sys.set_asyncgen_hooks(firstiter=_main._asyncgen_firstiter_hook, finalizer=_main._asyncgen_finalizer_hook)
    share_running_loop()
    asyncio.run = runners.run = _run
    runners.Runner.run = _run_in_runner
