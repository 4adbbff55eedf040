"""Compiled code of installed packages, kept from one start to the next.

Python compiles a module when it is imported first, and ordinarily keeps the result in ``__pycache__``. Here files live in memory and
are gone with the interpreter, so a page or a script would compile sympy again at every start. This module takes the place of
``__pycache__`` for files of installed packages: their code is kept in *bundles*, one for each wheel, which the loader stores where
the host can (JavaScript: ``packages/bytecode.ts``).

Invariants: code is used only if the 64-bit hash of the source it was compiled from is the hash of the source that is there now, so an
edited file is compiled again; a damaged bundle is as good as none; with ``PYTHONDONTWRITEBYTECODE`` nothing is kept. Nothing here is
imported before the first package is installed.
"""

import _imp
import json
import marshal
import os
import sys
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder, SourceFileLoader, SourcelessFileLoader
from zlib import crc32

_SIGNATURE = b"pyoxide bundle 1"
_HEAD = len(_SIGNATURE) + 8
_HASH = 8

# Path of a source file: key of its wheel.
_wheels: dict[str, str] = {}
# Key of a wheel: path: hash of the source and marshalled code.
_bundles: dict[str, dict[str, memoryview]] = {}
# Keys of wheels that have code which is not stored yet.
_changed: set[str] = set()
_started = False


def code_version() -> str:
    """What code depends on besides its source: part of the name that a bundle is stored under."""
    return f"{_imp.pyc_magic_number_token:08x}-{sys.flags.optimize}"


def start(directory: str) -> None:
    """Look after the packages below ``directory``. Again, as after a snapshot was restored, changes nothing."""
    global _started
    if _started or os.environ.get("PYTHONDONTWRITEBYTECODE"):
        return
    _started = True
    below = directory + "/"
    details = [
        (ExtensionFileLoader, EXTENSION_SUFFIXES),
        (_Loader, [".py"]),
        (SourcelessFileLoader, [".pyc"]),
    ]

    def hook(path):
        if path == directory or path.startswith(below):
            return FileFinder(path, *details)
        raise ImportError(f"Only for paths below {directory}", path=path)

    sys.path_hooks.insert(0, hook)
    for path in list(sys.path_importer_cache):
        if path == directory or path.startswith(below):
            del sys.path_importer_cache[path]


def add(key: str, paths, bundle) -> None:
    """A wheel has been installed: ``paths`` are its source files, ``bundle`` what was stored for it, both of JavaScript."""
    _wheels.update(dict.fromkeys(paths, key))
    _bundles[key] = {} if bundle is None else _read(bundle.to_bytes())


def take() -> list[tuple[str, bytes]]:
    """The bundles that have to be stored, by key. Counts as done."""
    changed = [(key, _write(_bundles[key])) for key in sorted(_changed)]
    _changed.clear()
    return changed


class _Loader(SourceFileLoader):
    def get_code(self, fullname):
        path = self.get_filename(fullname)
        key = _wheels.get(path)
        if key is None:
            return super().get_code(fullname)
        source = self.get_data(path)
        digest = _imp.source_hash(_imp.pyc_magic_number_token, source)
        kept = _bundles[key].get(path)
        if kept is not None and kept[:_HASH] == digest:
            return marshal.loads(kept[_HASH:])
        code = self.source_to_code(source, path)
        _bundles[key][path] = memoryview(digest + marshal.dumps(code))
        first = not _changed
        _changed.add(key)
        if first:
            # By name, so that nothing of JavaScript lives in this module.
            from pyodide_js import _api

            _api.bytecode_changed()
        return code


def _write(entries: dict[str, memoryview]) -> bytes:
    index = {}
    offset = 0
    for path, data in entries.items():
        index[path] = offset, len(data)
        offset += len(data)
    text = json.dumps(index).encode()
    body = b"".join([len(text).to_bytes(4, "little"), text, *entries.values()])
    return b"".join([_SIGNATURE, crc32(body).to_bytes(8, "little"), body])


def _read(bundle: bytes) -> dict[str, memoryview]:
    view = memoryview(bundle)
    body = view[_HEAD:]
    if view[: len(_SIGNATURE)] != _SIGNATURE or int.from_bytes(view[len(_SIGNATURE) : _HEAD], "little") != crc32(body):
        return {}
    begin = 4 + int.from_bytes(body[:4], "little")
    return {path: body[begin + offset : begin + offset + size] for path, (offset, size) in json.loads(bytes(body[4:begin])).items()}
