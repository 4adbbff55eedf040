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


def data_at(path: str) -> bytes | None:
    """The content of a source file by its path, which is one in the archive of the standard library (``pkgutil.get_data``)."""
    if not path.startswith(_PREFIX) or not path.endswith(".py"):
        return None
    name = path[len(_PREFIX) :]
    archive = _open()
    return archive.read(name) if archive is not None and name in archive.NameToInfo else None


def complete_linecache(linecache) -> None:
    """Let ``linecache``, which looks for files, find these lines too: by the path of a module, or as ``<frozen name>``."""
    update = linecache.updatecache

    def updatecache(filename, module_globals=None):
        lines = update(filename, module_globals)
        if lines or not isinstance(filename, str):
            return lines
        if filename.startswith("<frozen ") and filename[-1] == ">":
            paths = _paths_of_frozen(filename[8:-1])
        elif filename.startswith(_PREFIX):
            paths = (filename.removesuffix("c"),)
        else:
            return lines
        from importlib.util import decode_source

        try:
            for path in paths:
                data = data_at(path)
                if data is not None:
                    lines = decode_source(data).splitlines(keepends=True)
                    linecache.cache[filename] = (len(data), None, lines, path)
                    break
        except (MemoryError, RecursionError):
            pass
        return lines

    updatecache.__doc__ = update.__doc__
    linecache.updatecache = updatecache


def _paths_of_frozen(name):
    # `importlib._bootstrap` calls itself by its original name.
    name = {"_frozen_importlib": "importlib._bootstrap", "_frozen_importlib_external": "importlib._bootstrap_external"}.get(name, name)
    path = _PREFIX + name.replace(".", "/")
    return f"{path}.py", f"{path}/__init__.py"


_PREFIX = f"{sys.prefix}/lib/python{sys.version_info.major}{sys.version_info.minor}.zip/".replace("//", "/")


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
