"""Importing JavaScript objects as modules, and hints for modules that are not there.

Owns the registry behind ``registerJsModule``: ``js``, ``pyodide_js`` and the user's. A nested object is a submodule (JS-035).
"""

import sys
from importlib.machinery import ModuleSpec

_modules = {}

_REMOVED = frozenset(
    "_curses _dbm _gdbm _tkinter curses dbm ensurepip fcntl grp idlelib lib2to3 msvcrt pwd pty resource syslog termios tkinter tty "
    "turtle turtledemo venv winreg winsound".split()
)


def register_js_module(name, jsproxy):
    """Make a JavaScript object importable under a name. Registering again has no effect on what was imported before."""
    from _pyodide_core import JsProxy

    if not isinstance(name, str):
        raise TypeError(f"The name of a JavaScript module must be a str, not {type(name).__name__}")
    if not isinstance(jsproxy, JsProxy):
        raise TypeError(f"A JavaScript module must be a JavaScript object, not {type(jsproxy).__name__}")
    _modules[name] = jsproxy


def unregister_js_module(name):
    """Undo :func:`register_js_module`; what was imported stays in ``sys.modules``. Raises ValueError for an unknown name."""
    if name not in _modules:
        raise ValueError(f"No JavaScript module is registered under the name {name!r}")
    del _modules[name]


class _Loader:
    def __init__(self, jsproxy, is_package):
        self._jsproxy = jsproxy
        self._is_package = is_package

    def create_module(self, spec):
        from _pyodide_core import as_module

        return as_module(self._jsproxy)

    def exec_module(self, module):
        pass

    def is_package(self, fullname):
        return self._is_package


class _JsFinder:
    """Finds registered objects, and the objects inside them."""

    @staticmethod
    def find_spec(fullname, path=None, target=None):
        parent, _, child = fullname.rpartition(".")
        if not parent:
            found = _modules.get(fullname)
            if found is None:
                return None
            return ModuleSpec(fullname, _Loader(found, True), origin="javascript", is_package=True)
        if parent.partition(".")[0] not in _modules:
            return None
        from _pyodide_core import JsProxy

        owner = sys.modules.get(parent)
        if not isinstance(owner, JsProxy):
            return None
        found = getattr(owner, child, None)
        if not isinstance(found, JsProxy):
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return ModuleSpec(fullname, _Loader(found, True), origin="javascript", is_package=True)


class _HintFinder:
    """The last finder: says why a module of the standard library is missing."""

    @staticmethod
    def find_spec(fullname, path=None, target=None):
        if fullname in _REMOVED:
            raise ModuleNotFoundError(
                f"No module named {fullname!r}: it needs facilities of an operating system that WebAssembly does not offer",
                name=fullname,
            )
        return None


class _AsyncioFinder:
    """Gives asyncio its event loop when, and only when, somebody imports it."""

    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        if fullname != "asyncio":
            return None
        sys.meta_path.remove(cls)
        from importlib.util import find_spec

        spec = find_spec(fullname)
        load = spec.loader.exec_module

        class Loader:
            create_module = staticmethod(spec.loader.create_module)

            @staticmethod
            def exec_module(module):
                load(module)
                from pyodide.webloop import install

                install()

        origin = spec.loader
        spec.loader = Loader()
        spec.loader.__class__.__getattr__ = lambda self, name: getattr(origin, name)
        return spec


def install():
    """Put the finders in place; once, at start."""
    sys.meta_path.insert(0, _JsFinder)
    sys.meta_path.insert(0, _AsyncioFinder)
    sys.meta_path.append(_HintFinder)


install()
