"""Signals of the process for the ``python`` command: a handler that a program installs is called.

Owns telling the host which signals a program handles, and waiting for one. Not here: how a signal gets from the host to the interpreter (its signal buffer).
Invariant: a signal without a handler does what the operating system does with it; SIGINT is always delivered.
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

    @wraps(module.pause)
    def pause():
        import os

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

    module.signal = signal
    module.pause = pause
