"""The Python side of Pyoxide. Everything is in the submodules: ``code``, ``ffi``, ``webloop`` and more."""

from _pyodide._version import VERSION as __version__

__all__ = ["__version__"]
