"""Imports: JavaScript objects as modules, asyncio with its event loop, and hints for modules that are missing.

Owns the registry behind ``registerJsModule`` (``js``, ``pyodide_js`` and the user's modules) and the finders in ``sys.meta_path``.
Importing this module, which the loader does once at start, puts them there and makes proxies instances of the abstract base classes
that a Python programmer expects.

Invariants: a module is a JsProxy, so that its attributes are read from and written to the JavaScript object; what the import
system wants to know of a module (``__spec__``, ``__path__``...) is kept in the proxy (``as_module``) and is never written to the object.
"""

import sys
from _frozen_importlib import ModuleSpec
from zipimport import zipimporter

from _pyodide_core import JsProxy, as_module

_registered: dict[str, JsProxy] = {}


# ---- the registry ----


def register_js_module(name: str, jsproxy: JsProxy) -> None:
    """Make a JavaScript object importable under a name; its objects are submodules (JS-035, FFI-074).

    Registering a name again replaces the object, but a module that was imported before stays in ``sys.modules``.
    Raises TypeError if ``name`` is no str or ``jsproxy`` no JavaScript object.

    >>> register_js_module("shop", run_js("({prices: {tea: 3}})"))  # doctest: +SKIP
    >>> from shop.prices import tea  # doctest: +SKIP
    """
    if not isinstance(name, str):
        raise TypeError(f"The name of a JavaScript module must be a str, not {type(name).__name__!r}")
    if not isinstance(jsproxy, JsProxy):
        raise TypeError(f"A JavaScript module must be a JavaScript object, not {type(jsproxy).__name__!r}")
    _registered[name] = jsproxy


def unregister_js_module(name: str) -> None:
    """Undo :func:`register_js_module`. A module that was imported stays in ``sys.modules``.

    Raises ValueError if no JavaScript module is registered under that name.
    """
    if not isinstance(name, str):
        raise TypeError(f"The name of a JavaScript module must be a str, not {type(name).__name__!r}")
    if name not in _registered:
        raise ValueError(f"No JavaScript module is registered under the name {name!r}")
    del _registered[name]


# ---- finding and loading ----


class _JsLoader:
    """Loads one JavaScript object as a module."""

    def __init__(self, jsproxy):
        self._jsproxy = jsproxy

    def create_module(self, spec):
        return as_module(self._jsproxy)

    def exec_module(self, module):
        pass

    def is_package(self, fullname):
        return True

    def get_source(self, fullname):
        return None

    def __repr__(self):
        return "<JavaScript module loader>"


class _JsFinder:
    """The finder for registered objects and for the objects inside them."""

    @staticmethod
    def find_spec(fullname, path=None, target=None):
        found = _registered.get(fullname)
        parent, _, child = fullname.rpartition(".")
        if found is None:
            if not parent:
                return None
            owner = sys.modules.get(parent)
            if not isinstance(owner, JsProxy):
                return None
            found = getattr(owner, child, None)
            if not isinstance(found, JsProxy):
                return None
        return ModuleSpec(fullname, _JsLoader(found), origin="javascript", is_package=True)


# Standard modules that stand in for parts of the distribution which are not loaded: name, where its substitute is.
# None: there is none, and nobody but the error says so (of what leaves Python for JavaScript the report has the hint).
_SUBSTITUTES: dict[str, str | None] = {"_ssl": "_pyodide._ssl"}


class _SubstituteFinder:
    """The last finder: a module that no other finder has may have a substitute."""

    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        return ModuleSpec(fullname, cls, origin="substitute") if fullname in _SUBSTITUTES else None

    @staticmethod
    def create_module(spec):
        if _SUBSTITUTES[spec.name] is None:
            raise ModuleNotFoundError(f"No module named {spec.name!r}. {hint_for(spec.name).rstrip()}", name=spec.name)
        from importlib import import_module

        return import_module(_SUBSTITUTES[spec.name])

    @staticmethod
    def exec_module(module):
        pass


class _Completions:
    """Completes modules as soon as somebody imports them, and costs nothing as long as nobody does: asyncio gets its event loop,
    ``_socket``, ``select`` and ``ssl`` the sockets of the host."""

    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        complete = _completions.pop(fullname, None)
        if complete is None:
            return None
        for finder in sys.meta_path:
            if finder is not cls and (spec := finder.find_spec(fullname, path, target)) is not None:
                if spec.loader is not None:
                    spec.loader = _CompletingLoader(spec.loader, complete)
                    return spec
        # Not there yet: it may be installed later.
        _completions[fullname] = complete
        return None


_own_loop = False


def use_host() -> None:
    """For the ``python`` command, which leaves JavaScript's event loop only when it ends: asyncio has loops that block, as in other Pythons,
    signals of the process and its terminal are there."""
    global _own_loop
    _own_loop = True
    _SUBSTITUTES["termios"] = "_pyodide._termios"
    _SUBSTITUTES["_multiprocessing"] = None
    # Before the built-in one, which knows of no terminal.
    sys.meta_path.remove(_SubstituteFinder)
    sys.meta_path.insert(0, _SubstituteFinder)
    for name, complete in {"signal": _install_signals, "_pyrepl.unix_console": _LendFcntl()}.items():
        if name in sys.modules:
            complete(sys.modules[name])
        else:
            _completions[name] = complete


def _install_signals(module):
    from _pyodide._signals import install

    install(module)


def _install_pause(module):
    from _pyodide._signals import install_pause

    install_pause(module)


class _LendFcntl:
    """The line editor asks ``fcntl`` for the size of the terminal; nobody else is to believe that it is there."""

    def prepare(self):
        from _pyodide import _termios

        sys.modules["fcntl"] = _termios

    def __call__(self, module):
        sys.modules.pop("fcntl", None)


def _install_loop(module=None):
    if _own_loop:
        from _pyodide._blocking_loop import install
    else:
        from pyodide.webloop import install
    install()


def _install_sockets(module):
    from _pyodide._sockets import install

    install(module)


def _install_select(module):
    from _pyodide._select import install

    install(module)


def _install_tls(module):
    from _pyodide._tls import install

    install(module)


def _install_urllib3(module):
    # The library would replace its connections by some on `fetch` and XMLHttpRequest. With sockets it needs none of that, and its own
    # connections know more: which timeout it was, redirections, streaming, Node.
    module.inject_into_urllib3 = lambda: None


def _install_socketserver(module):
    # There are no threads: a request has been answered before the next connection is accepted.
    module.ThreadingMixIn.process_request = module.ThreadingMixIn.process_request_thread


def _install_source_lines(module):
    from _pyodide._sources import complete_linecache

    complete_linecache(module)


_completions = {"asyncio": _install_loop}
# Elsewhere (tests of this package) there are sockets.
if sys.platform == "emscripten":
    _completions |= {
        "_socket": _install_sockets,
        "linecache": _install_source_lines,
        "select": _install_select,
        "signal": _install_pause,
        "socketserver": _install_socketserver,
        "ssl": _install_tls,
        "urllib3.contrib.emscripten": _install_urllib3,
    }


class _CompletingLoader:
    def __init__(self, loader, complete):
        self._loader = loader
        self._complete = complete

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self._loader
        if hasattr(self._complete, "prepare"):
            self._complete.prepare()
        self._loader.exec_module(module)
        self._complete(module)

    def __getattr__(self, name):
        return getattr(self._loader, name)


# ---- sources ----


def _get_source(self, fullname, _get_source=zipimporter.get_source):
    """Source code of a module; for the standard library it is in another file than the compiled code."""
    source = _get_source(self, fullname)
    if source is None:
        from _pyodide._sources import source_of

        source = source_of(self, fullname)
    return source


zipimporter.get_source = _get_source


def _get_data(self, pathname, _get_data=zipimporter.get_data):
    """Content of a file in an archive, also of a source of the standard library."""
    try:
        return _get_data(self, pathname)
    except OSError:
        from _pyodide._sources import data_at

        data = data_at(pathname)
        if data is None:
            raise
        return data


zipimporter.get_data = _get_data


# ---- hints ----

_TERMINAL = "it needs a terminal of an operating system"
_USERS = "it needs the user database of an operating system"
_WINDOWS = "it is for Windows only"
_TK = "it needs the Tk toolkit"
_MISSING = {
    "_curses": _TERMINAL,
    "_tkinter": _TK,
    "curses": _TERMINAL,
    "dbm": "its database libraries are not part of this distribution; `sqlite3` is",
    "ensurepip": "packages are installed with micropip",
    "grp": _USERS,
    "idlelib": _TK,
    "lib2to3": "Python itself removed it",
    "msvcrt": _WINDOWS,
    "pwd": _USERS,
    "resource": "it needs the resource limits of an operating system",
    "syslog": "it needs the system log of an operating system",
    "tkinter": _TK,
    "turtle": _TK,
    "turtledemo": _TK,
    "venv": "it needs a file system with a Python program in it, and processes",
    "winreg": _WINDOWS,
    "winsound": _WINDOWS,
    "_multiprocessing": "WebAssembly has no processes; `asyncio` does many things at a time in one interpreter, workers of JavaScript have one each",
    "_posixsubprocess": "WebAssembly has no processes",
}

_package_of_import = None


def set_package_lookup(function) -> None:
    """Registers what knows the packages of the lock file: called with the name of a module, it returns the name of the package
    that holds it, or None. ``None`` instead of a function removes it."""
    global _package_of_import
    _package_of_import = function


def hint_for(name: str | None) -> str:
    """Why a module cannot be imported and what to do, as lines that end with a newline; empty when there is nothing to say."""
    if not isinstance(name, str):
        return ""
    top = name.partition(".")[0]
    package = _package_of_import(top) if _package_of_import is not None else None
    if isinstance(package, str) and top not in sys.modules:
        return (
            f"The package '{package}' of this distribution has this module, but it is not loaded yet.\n"
            f'Load it with `await pyodide.loadPackage("{package}")` in JavaScript, '
            f'or with `import micropip; await micropip.install("{package}")` in Python.\n'
        )
    if top in sys.modules:
        return ""
    if top in _MISSING:
        return f"The module '{top}' of the standard library is not available in WebAssembly: {_MISSING[top]}.\n"
    if top in sys.stdlib_module_names:
        return f"The module '{top}' of the standard library is not part of this distribution.\n"
    if _package_of_import is None:
        return ""
    # Not with a name: packages are often called otherwise than their modules, and somebody else may have that name.
    return f"No package of this distribution has the module '{top}'. A package of PyPI that has it: `import micropip; await micropip.install(...)`.\n"


# ---- packages ----


def packages_changed() -> None:
    """Let imports and ``importlib.metadata`` see files that were installed or removed.

    ``importlib.invalidate_caches`` would make Python read the whole list of the standard library's archive again, which does not
    change: here it is left out, and from now on there, too.
    """
    for path, finder in list(sys.path_importer_cache.items()):
        if finder is None:
            # The directory was not there.
            del sys.path_importer_cache[path]
        elif hasattr(finder, "archive"):
            if finder.archive == _STDLIB_ARCHIVE:
                finder.invalidate_caches = _nothing
        elif hasattr(finder, "invalidate_caches"):
            finder.invalidate_caches()
    metadata = sys.modules.get("importlib.metadata")
    if metadata is not None:
        metadata.MetadataPathFinder.invalidate_caches()


_STDLIB_ARCHIVE = f"/lib/python{sys.version_info.major}{sys.version_info.minor}.zip"


def _nothing() -> None:
    pass


# ---- installation ----


def _register_abstract_bases():
    """Lets isinstance, and with it pattern matching, see proxies as what they are (FFI-070, TT-048)."""
    import _collections_abc as abc

    import _pyodide_core as core

    for base, name in (
        (abc.Iterable, "JsIterable"),
        (abc.Iterator, "JsIterator"),
        (abc.Generator, "JsGenerator"),
        (abc.AsyncIterable, "JsAsyncIterable"),
        (abc.AsyncIterator, "JsAsyncIterator"),
        (abc.AsyncGenerator, "JsAsyncGenerator"),
        (abc.Awaitable, "JsPromise"),
        (abc.Callable, "JsCallable"),
        (abc.MutableSequence, "JsArray"),
        (abc.Mapping, "JsMap"),
        (abc.MutableMapping, "JsMutableMap"),
    ):
        base.register(getattr(core, name))


def _install():
    _register_abstract_bases()
    sys.meta_path.append(_JsFinder)
    sys.meta_path.append(_SubstituteFinder)
    for name in [name for name in _completions if name in sys.modules]:
        _completions.pop(name)(sys.modules[name])
    sys.meta_path.insert(0, _Completions)


_install()
