"""Tests of the Python packages in plain CPython, against a small stand-in for the core (``fake_core``)."""

from . import fake_core as fake_core

# As at start: before anything imports asyncio, or after.
import _pyodide._importhook as _importhook  # noqa: E402
