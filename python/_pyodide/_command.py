"""The ``python`` command, started from a snapshot: what of a process is in Python before its program runs.

Owns ``sys.argv``, the path of the program and the standard streams, as CPython makes them when it starts. Not here: the environment
(``crates/pyoxide-core/src/refresh.rs``), what the program is (``Py_RunMain``).

Invariant: the streams are those that CPython makes in UTF-8 mode, which is always on here; a descriptor that is not open is None.
"""

import os
import sys

import _io
import posix


def begin(executable: str, orig_argv: list[str], argv: list[str], unbuffered: bool) -> None:
    """Called by the core once, before the program runs."""
    sys.executable = sys._base_executable = executable
    sys.orig_argv = orig_argv
    sys.argv = argv
    sys.stdin = sys.__stdin__ = _stream(0, "<stdin>", "r", "surrogateescape", unbuffered)
    sys.stdout = sys.__stdout__ = _stream(1, "<stdout>", "w", "surrogateescape", unbuffered)
    sys.stderr = sys.__stderr__ = _stream(2, "<stderr>", "w", "backslashreplace", unbuffered)
    path = os.environ.get("PYTHONPATH")
    if path:
        sys.path[:0] = [directory for directory in path.split(":") if directory]
        site = sys.modules["site"]
        site.removeduppaths()
        site.execsitecustomize()


def _stream(fd, name, mode, errors, unbuffered):
    try:
        posix.fstat(fd)
    except OSError:
        return None
    # Input is buffered in any case: reading text needs it.
    is_raw = unbuffered and mode == "w"
    buffer = _io.open(fd, mode + "b", 0 if is_raw else -1, None, None, None, False)
    raw = buffer if is_raw else buffer.raw
    raw.name = name
    lines = not unbuffered and (raw.isatty() or fd == 2)
    stream = _io.TextIOWrapper(buffer, "utf-8", errors, "\n", lines, unbuffered)
    stream.mode = mode
    return stream
