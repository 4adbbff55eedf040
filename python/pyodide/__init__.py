"""The Python side of Pyoxide.

Everything is in the submodules: ``code`` (running source), ``ffi`` (JavaScript objects), ``console``, ``http`` and ``webloop``.
"""

from _pyodide._version import VERSION as __version__

__all__ = ["__version__"]

_SUBMODULES = ("code", "console", "ffi", "http", "webloop")


def __getattr__(name: str):
    # Start-up pays only for the submodules that somebody uses.
    if name in _SUBMODULES:
        return __import__(f"pyodide.{name}", None, None, (name,))
    raise AttributeError(f"module 'pyodide' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_SUBMODULES})
