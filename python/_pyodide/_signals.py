"""Signals: waiting for one, and for the ``python`` command those of the process, so that a handler that a program installs is called.

Owns ``signal.pause`` and telling the host which signals a program handles. Not here: how a signal gets from the host to the interpreter (its signal buffer).
Invariant: in the command a signal without a handler does what the operating system does with it; SIGINT is always delivered.
"""

from functools import wraps
from time import sleep

_SLICE_S = 0.05


def install(module) -> None:
    """Let ``signal.signal`` of the module ``signal`` tell the host."""
    plain = module.signal

    @wraps(plain)
    def signal(signalnum, handler):
        before = plain(signalnum, handler)
        if signalnum != module.SIGINT:
            import _pyodide_host

            # What is ignored has to be caught, too, so that the process lives on.
            _pyodide_host.listen(int(signalnum), handler is not module.SIG_DFL)
        return before

    module.signal = signal
    if not hasattr(module.pause, "__wrapped__"):
        install_pause(module)


def _check_can_wait() -> None:
    from _pyodide_core import can_run_sync

    if can_run_sync():
        return
    try:
        from js import document  # noqa: F401
    except ImportError:
        return  # A thread of its own may block.
    import errno

    raise OSError(
        errno.EDEADLK,
        "signal.pause() would block this page for ever: the stack cannot be suspended here. Enter Python with `runPythonAsync`",
    )


def install_pause(module) -> None:
    """Let ``signal.pause`` of the module ``signal`` wait, which that of the C library does not."""

    @wraps(module.pause)
    def pause():
        import os

        _check_can_wait()
        # CPython writes there whenever a signal with a handler arrives.
        reader, writer = os.pipe()
        before = None
        try:
            os.set_blocking(reader, False)
            os.set_blocking(writer, False)
            before = module.set_wakeup_fd(writer, warn_on_full_buffer=False)
            while True:
                sleep(_SLICE_S)  # which handles signals
                try:
                    if os.read(reader, 1):
                        return
                except BlockingIOError:
                    pass
        finally:
            if before is not None:
                module.set_wakeup_fd(before)
            os.close(reader)
            os.close(writer)

    # As of the module's other functions that are no builtins.
    pause.__module__ = module.__name__
    module.pause = pause
