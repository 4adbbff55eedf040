"""Standard streams of a Python that a page or program talks to: a flush reaches the handler.

Owns what ``sys.stdout`` and ``sys.stderr`` are there (IO-13), that a program which ends leaves them open, and waiting for input that a handler has
promised. Not here: the handlers and the devices they stand behind.
Invariant: nothing that was written before is lost, and the streams keep their encoding and their way of buffering.
"""

import os
import sys
from _io import TextIOWrapper
from errno import EINVAL


class _Stream(TextIOWrapper):
    """Text to a device whose handler wants to know when a line is not going to be finished soon."""

    def flush(self):
        super().flush()
        try:
            os.fsync(self.fileno())
        except OSError as error:
            # Files and pipes that cannot be synchronised have nothing to pass on.
            if error.errno != EINVAL:
                raise


def install():
    """Replace ``sys.stdout`` and ``sys.stderr``; once, at start."""
    for name in ("stdout", "stderr"):
        old = getattr(sys, name)
        if type(old) is not TextIOWrapper:
            continue
        settings = {"encoding": old.encoding, "errors": old.errors, "line_buffering": True, "newline": "\n"}
        mode = getattr(old, "mode", "w")
        stream = _Stream(old.detach(), **settings)
        stream.mode = mode
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    builtins = sys.modules.get("_sitebuiltins")
    if builtins is not None:
        builtins.Quitter.__call__ = _quit


def _quit(self, code=None):
    """``exit()`` and ``quit()``, which close standard input: the page's next program would have none."""
    raise SystemExit(code)


_SIGIO = 29
_promised = None


def wait_for(promise) -> int:
    """Called while Python reads, when a handler of standard input has given a promise: the signal whose handler waits for it.

    The read is interrupted by that signal, and repeated when the handler has returned; then there is no JavaScript on the stack.
    """
    global _promised
    import _signal

    _promised = promise
    if _signal.getsignal(_SIGIO) is not _wait:
        _signal.signal(_SIGIO, _wait)
    return _SIGIO


def _wait(signum, frame):
    global _promised
    from _pyodide_core import can_run_sync

    promise, _promised = _promised, None
    if promise is None:
        return
    if not can_run_sync():
        raise RuntimeError(
            "The handler of standard input is asynchronous, and Python cannot wait for it here: this JavaScript engine has no stack switching "
            "(JSPI), or Python was not entered with runPythonAsync or callPromising"
        )
    from _pyodide._hooks import block_on_promise

    block_on_promise(promise)
