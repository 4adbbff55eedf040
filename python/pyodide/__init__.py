"""The Python side of Pyoxide. Everything is in the submodules: ``code``, ``ffi``, ``webloop`` and more."""

from _pyodide._version import VERSION as __version__

__all__ = ["__version__"]


def __getattr__(name):
    """Submodules that are imported when they are first used, so that start-up does not pay for them."""
    if name in ("console", "http", "webloop"):
        from importlib import import_module

        return import_module(f"pyodide.{name}")
    raise AttributeError(f"module 'pyodide' has no attribute {name!r}")


from pyodide import code as code, ffi as ffi  # noqa: E402  (ffi needs this package to exist)
