"""The event loop of the ``python`` command: loops that block, as those of other Pythons do.

Owns waiting for the next callback: on a stack that is suspended, so that JavaScript's promises and timers go on, or where the engine cannot
suspend stacks, by sleeping. Not here: the loop of pages and programs (``pyodide.webloop``).

Invariants: nothing is running until ``asyncio.run``; waiting for something that cannot happen is an error, not a program that hangs.
"""

from __future__ import annotations

import time
from asyncio import events

from _pyodide._sockets import BlockingSelector
from _pyodide_core import can_run_sync, js_eval
from pyodide.webloop import _Threadless

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# JavaScript has a turn at least so often, however much is ready.
_TURN_S = 0.01

# How long to sleep before a handler of a signal can have changed what there is to do.
_SLICE_S = 0.05

# A promise that a timer resolves, or somebody who calls `wake`.
_WAIT = """(ms) => {
  let wake, timer;
  const promise = new Promise((resolve) => { wake = resolve; });
  if (ms >= 0) timer = setTimeout(wake, ms);
  return { promise, wake: () => { clearTimeout(timer); wake(); } };
}"""

# Timers take 32 bits of milliseconds.
_WAIT_S_MAX = 1_000_000


class _Selector(BlockingSelector):
    """Waits for sockets, or until it is time, or until JavaScript has called back."""

    def __init__(self) -> None:
        super().__init__()
        self._make_wait: Any = None
        self._waiting: Any = None
        self._last_turn = time.monotonic()

    def _select(self, timeout):
        if self._keys:
            return super()._select(timeout)
        if not can_run_sync():
            return self._sleep(timeout)
        if timeout is not None and timeout <= 0 and time.monotonic() - self._last_turn < _TURN_S:
            return ()
        if self._make_wait is None:
            self._make_wait = js_eval(_WAIT)
        from _pyodide._hooks import block_on_promise

        ms = -1 if timeout is None else min(max(timeout, 0), _WAIT_S_MAX) * 1000
        self._waiting = self._make_wait(ms)
        try:
            # From here on `wake` ends the wait; before, it left this mark.
            if self._woken:
                self._waiting.wake()
            block_on_promise(self._waiting.promise)
        finally:
            self._waiting = None
            self._last_turn = time.monotonic()
        return ()

    def _sleep(self, timeout):
        if timeout is None:
            raise RuntimeError(
                "The event loop waits for something that cannot happen: no callback and no timer is left, and JavaScript promises do "
                "not settle while Python runs, because this engine has no stack switching (JSPI)"
            )
        end = time.monotonic() + timeout
        while not self._woken and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _SLICE_S))
        return ()

    def wake(self):
        super().wake()
        if self._waiting is not None:
            self._waiting.wake()

    def close(self):
        self._make_wait = None
        super().close()


class BlockingLoop(_Threadless):
    """An event loop that runs in ``run_forever`` and ``run_until_complete``."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _Selector()

    def call_soon(self, callback, *args, context=None):
        """Call ``callback(*args)`` as soon as possible."""
        handle = super().call_soon(callback, *args, context=context)
        self._selector.wake()
        return handle

    def call_at(self, when, callback, *args, context=None):
        """Call ``callback(*args)`` at a time of the loop's clock."""
        handle = super().call_at(when, callback, *args, context=context)
        self._selector.wake()
        return handle

    def _write_to_self(self):
        if self._selector is not None:  # it is None once the loop is closed
            self._selector.wake()


class BlockingLoopPolicy(events._BaseDefaultEventLoopPolicy):
    """The policy that gives asyncio a :class:`BlockingLoop`."""

    _loop_factory = BlockingLoop


def install() -> None:
    """Make the BlockingLoop the event loop of asyncio."""
    events._set_event_loop_policy(BlockingLoopPolicy())
