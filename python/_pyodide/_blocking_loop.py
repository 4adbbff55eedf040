"""The event loop of the ``python`` command, which gives JavaScript no turn until it ends.

Owns loops that block, as those of other Pythons do: nothing is running until ``asyncio.run``. Not here: the loop of pages and programs
(``pyodide.webloop``).

Invariant: waiting for something that cannot happen is an error, not a program that hangs.
"""

from __future__ import annotations

import time
from asyncio import events

from _pyodide._sockets import BlockingSelector
from pyodide.webloop import _Threadless


class _Selector(BlockingSelector):
    """Waits for sockets and for time; there is nothing else to wait for."""

    def select(self, timeout=None):
        if self._keys:
            return super().select(timeout)
        if timeout is None:
            raise RuntimeError(
                "The event loop waits for something that cannot happen: no callback and no timer is left, and JavaScript promises "
                "do not settle while the `python` command runs"
            )
        if timeout > 0:
            time.sleep(timeout)
        return ()


class BlockingLoop(_Threadless):
    """An event loop that runs in ``run_forever`` and ``run_until_complete``, and sleeps between timers."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _Selector()


class BlockingLoopPolicy(events._BaseDefaultEventLoopPolicy):
    """The policy that gives asyncio a :class:`BlockingLoop`."""

    _loop_factory = BlockingLoop


def install() -> None:
    """Make the BlockingLoop the event loop of asyncio."""
    events._set_event_loop_policy(BlockingLoopPolicy())
