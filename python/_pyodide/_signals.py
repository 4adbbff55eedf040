"""Signals of the process for the ``python`` command: a handler that a program installs is called.

Owns telling the host which signals a program handles. Not here: how a signal gets from the host to the interpreter (its signal buffer).
Invariant: a signal without a handler does what the operating system does with it; SIGINT is always delivered.
"""

from functools import wraps


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
