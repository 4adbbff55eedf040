"""What the Rust core calls: futures, awaiting for JavaScript, formatting of exceptions, dotted imports.

Invariant: asyncio is imported only when something asynchronous happens.
"""

_INTERNAL = ("/_pyodide/", "/pyodide/code.py")


def _is_internal(filename):
    return filename.startswith("/lib/python") and any(part in filename for part in _INTERNAL)


def format_exception(exc):
    """The traceback of an exception as CPython prints it, without the frames that only Pyoxide has put below the user's."""
    import traceback

    tb = exc.__traceback__
    while tb is not None and _is_internal(tb.tb_frame.f_code.co_filename):
        tb = tb.tb_next
    # An error in this package itself has nothing but internal frames; a SyntaxError of the user's source needs none.
    if tb is None and not isinstance(exc, SyntaxError):
        tb = exc.__traceback__
    return "".join(traceback.format_exception(type(exc), exc, tb))


def import_dotted(name):
    """``a.b.c`` as a module, or as the attribute ``c`` of the module ``a.b`` (pyimport)."""
    from importlib import import_module

    stem, _, attribute = name.rpartition(".")
    if not stem:
        return import_module(name)
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        # Only the last part may be an attribute; a module that misses one of its own imports is an error of its own.
        if error.name is None or not (name == error.name or name.startswith(error.name + ".")):
            raise
        if error.name != name and error.name != stem:
            return getattr(import_dotted(stem), attribute)
        if error.name == stem and "." not in stem:
            raise
        owner = import_dotted(stem)
        if not hasattr(owner, attribute):
            raise
        return getattr(owner, attribute)


def new_future():
    """A pending future of the event loop."""
    from pyodide.webloop import get_loop

    return get_loop().create_future()


def watch_awaitable(awaitable, settle):
    """Await in the event loop, then call ``settle(True, result)`` or ``settle(False, error)`` once."""
    import asyncio

    from _pyodide_core import js_error
    from pyodide.webloop import get_loop

    future = asyncio.ensure_future(awaitable, loop=get_loop())

    def done(future):
        if future.cancelled():
            settle(False, js_error(asyncio.CancelledError()))
            return
        error = future.exception()
        if error is None:
            settle(True, future.result())
        else:
            settle(False, js_error(error))

    future.add_done_callback(done)
