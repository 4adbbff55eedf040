"""Tests of the Python packages in plain CPython, against a small stand-in for the core (``fake_core``)."""

from . import fake_core as fake_core
