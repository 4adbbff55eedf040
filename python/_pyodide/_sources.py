"""Source code of the standard library, for tracebacks, ``inspect``, ``pdb`` and whoever else asks an importer for it.

The standard library is loaded as compiled code; its text is a file of its own, ``python_stdlib_sources.zip``, that no start waits for.
It is read when it is first asked for. Where that would stop a page until it has come over the network, it is fetched in the background
instead, and until it is there modules have no source, as if only their compiled files were there.
"""

import os
import sys

FILE = "python_stdlib_sources.zip"

_archive = None


def source_of(importer, fullname: str) -> str | None:
    """The source of a module that ``importer``, a zipimporter, has compiled."""
    if os.path.dirname(importer.archive) != os.path.join(sys.prefix, "lib"):
        return None
    path = importer.prefix + fullname.rpartition(".")[2]
    name = f"{path}/__init__.py" if importer.is_package(fullname) else f"{path}.py"
    try:
        return _read(name)
    except (MemoryError, RecursionError):
        # Whoever prints a traceback is often just out of these: it goes without the lines.
        return None


def _read(name):
    from importlib.util import decode_source

    archive = _open()
    if archive is None or name not in archive.NameToInfo:
        return None
    return decode_source(archive.read(name))


def _open():
    global _archive
    if _archive is None:
        file = _find()
        if file is not None:
            from zipfile import ZipFile

            _archive = ZipFile(file)
    return _archive


def _find():
    try:
        from pyodide_js import _api
    except ImportError:
        # The `python` command: it lies beside the file.
        path = os.path.join(os.path.dirname(sys.executable), FILE)
        return path if os.path.exists(path) else None
    data = _api.standardLibrarySources()
    if data is None:
        return None
    from io import BytesIO

    return BytesIO(data.to_bytes())
