"""What the core calls in Python: tracebacks, imports by dotted name, and whatever waits.

Owns the contract with the core's ``exports.rs``, ``error.rs`` and ``promise.rs``. Not here: the event loop itself (``pyodide.webloop``).

Invariants: asyncio is imported only when something asynchronous happens; ``format_exception`` never raises; who watches an awaitable
is told exactly once.
"""

import sys

# ---- tracebacks ----


def _internal_files() -> tuple[str, ...]:
    here = _internal_files.__code__.co_filename.rpartition("/")[0]
    package = here.rpartition("/")[0] + "/pyodide/"
    ours = [package + name for name in ("code.py", "console.py", "webloop.py", "ffi/__init__.py")]
    # SystemExit and KeyboardInterrupt pass this one on their way out of a task.
    libraries = {here.rpartition("/")[0], getattr(sys, "_stdlib_dir", None) or here}
    return (here + "/", *ours, *[f"{library}/asyncio/events.py" for library in libraries])


# Frames of these files say nothing about the user's program. `sys.last_exc` has them all.
_INTERNAL = _internal_files()

# CPython prints more than a line for these: the place of the error, suggestions, members.
_ELABORATE = (SyntaxError, NameError, AttributeError, ImportError, BaseExceptionGroup)
_FRAMES_MAX = 20
_THREAD_REFUSED = ("can't start new thread",)
_NO_THREADS = (
    "Python in WebAssembly has one thread. Do the work in it, or with asyncio; many libraries have an option for that "
    "(`auto_refresh=False` of rich, `n_jobs=1` of joblib, `httpx.ASGITransport` instead of a TestClient).\n"
)


def format_exception(exc: BaseException) -> str:
    """The traceback of an exception as CPython prints it, without the frames of Pyoxide itself. Ends with a newline."""
    try:
        text = _format_plain(exc) or _format_elaborate(exc)
        return text + _NO_THREADS if type(exc) is RuntimeError and exc.args == _THREAD_REFUSED else text
    except Exception as failure:
        return f"{type(exc).__qualname__}: <the traceback cannot be printed: {type(failure).__qualname__}>\n"


def _format_plain(exc):
    """As ``traceback`` formats it, for exceptions without context whose frames have no source to show; else None.

    PERF: most errors that cross into JavaScript are of this kind (bench `throw_py_js`), and need no further module.
    """
    if (
        isinstance(exc, _ELABORATE)
        or exc.__cause__ is not None
        or not (exc.__context__ is None or exc.__suppress_context__)
        or getattr(exc, "__notes__", None)
    ):
        return None
    text = "Traceback (most recent call last):\n"
    frames, last, repeated = 0, None, 0
    # Some front ends give the lines of `<...>` files to linecache.
    shown = sys.modules["linecache"].cache if "linecache" in sys.modules else ()
    tb = exc.__traceback__
    while tb is not None:
        code = tb.tb_frame.f_code
        filename = code.co_filename
        if not filename.startswith(_INTERNAL):
            # A frame of JavaScript has empty globals; its source is not shown.
            if tb.tb_frame.f_globals and (
                filename[:1] != "<" or filename.startswith("<frozen") or filename in shown or tb.tb_lineno is None
            ):
                return None
            line = f'  File "{filename}", line {tb.tb_lineno}, in {code.co_name}\n'
            # Long or recursive tracebacks are shortened elsewhere.
            repeated = repeated + 1 if line == last else 0
            frames += 1
            if repeated > 2 or frames > _FRAMES_MAX:
                return None
            last = line
            text += line
        tb = tb.tb_next
    kind = type(exc)
    name = kind.__qualname__
    if kind.__module__ not in ("builtins", "__main__"):
        name = f"{kind.__module__}.{name}"
    try:
        message = str(exc)
    except Exception:
        message = "<exception str() failed>"
    last = f"{name}: {message}\n" if message else f"{name}\n"
    return text + last if frames else last


def _format_elaborate(exc):
    from traceback import TracebackException

    report = TracebackException.from_exception(exc, compact=True)
    pending, seen = [report], set()
    while pending:
        part = pending.pop()
        if part is None or id(part) in seen:
            continue
        seen.add(id(part))
        part.stack[:] = [frame for frame in part.stack if not frame.filename.startswith(_INTERNAL)]
        if not part.stack:
            part.stack = None
        pending += [part.__cause__, part.__context__, *(part.exceptions or ())]
    text = "".join(report.format())
    if isinstance(exc, ModuleNotFoundError):
        from ._importhook import hint_for

        text += hint_for(exc.name)
    return text


# ---- imports ----


def import_dotted(name: str) -> object:
    """What ``pyimport(name)`` gives: a module, or for ``a.b.c`` what ``from a.b import c`` binds.

    Raises TypeError if the name is no str, ModuleNotFoundError or ImportError as the import statement does.
    """
    if not isinstance(name, str):
        raise TypeError(f"The name of a module must be a str, not {type(name).__name__!r}")
    stem, _, last = name.rpartition(".")
    if not stem:
        return __import__(name)
    module = __import__(stem, None, None, (last,))
    try:
        return getattr(module, last)
    except AttributeError:
        pass
    if name in sys.modules:
        return sys.modules[name]
    raise ImportError(f"cannot import name {last!r} from {stem!r}", name=stem, path=getattr(module, "__file__", None))


# ---- waiting ----


def new_future():
    """A pending future of the running event loop, for ``await`` on a JavaScript promise."""
    import pyodide.webloop  # which puts a faster function here

    return pyodide.webloop._new_future()


class Completion:
    """Awaitable for JavaScript only: says that a future is done, not with what, so that nothing is converted."""

    __slots__ = ("future",)

    def __init__(self, future):
        self.future = future

    def __await__(self):
        yield from ()


def watch_awaitable(awaitable, settle) -> None:
    """Await in the event loop, then call ``settle(True, result)`` or ``settle(False, error)``, once.

    ``settle`` is a JavaScript function; ``error`` is a proxy of a PythonError.
    """
    if type(awaitable) is Completion:
        awaitable.future.add_done_callback(lambda future: settle(True, None))
        return
    from asyncio import ensure_future

    from pyodide.webloop import running_loop

    future = ensure_future(awaitable, loop=None if hasattr(awaitable, "get_loop") else running_loop())
    _awaited[future] = None
    future.add_done_callback(lambda future: _settle(future, settle))


# What JavaScript awaits, and for what was cancelled the exception that JavaScript gets.
_awaited = {}


def _settle(future, settle):
    from asyncio import CancelledError

    from _pyodide_core import js_error

    instead = _awaited.pop(future, None)
    error = (instead or CancelledError()) if future.cancelled() else future.exception()
    if isinstance(error, _TimeIsOver):
        limited = TimeoutError(*error.args).with_traceback(error.__traceback__)
        limited.__context__ = error.__context__
        error, limited = limited, None
    try:
        if error is None:
            settle(True, future.result())
        else:
            settle(False, js_error(error))
    finally:
        error = None  # an exception and the frame that it passed keep each other alive


def last_awaited():
    """The task of what JavaScript began to await last."""
    return next(reversed(_awaited))


class _TimeIsOver(BaseException):
    """What is thrown into code that computes; JavaScript gets a TimeoutError.

    No TimeoutError itself, which is an OSError: programs go on after those, and imports, which ask the file system, take them for a file that is missing.
    """


def expire(task, seconds: float) -> None:
    """End a task with a TimeoutError, whatever it is doing. To be called again for code that catches everything."""
    from _pyodide_core import throw_into_task

    text = f"The code did not end within {seconds:g} seconds"
    # What is thrown is a class, which is called without arguments.
    members = {"__module__": "builtins", "__init__": lambda self: BaseException.__init__(self, text)}
    if not task.done() and not throw_into_task(task, type("TimeoutError", (_TimeIsOver,), members)):
        if task in _awaited:
            _awaited[task] = TimeoutError(text)
        task.cancel()


def write_null_in_json() -> None:
    """Make ``json`` write ``jsnull`` as ``null``, for an interpreter that keeps null apart from undefined."""
    from json import encoder

    from _pyodide_core import jsnull

    def writing_null(make):
        if make is None or hasattr(make, "_writes_null"):
            return make

        def make_encoder(markers, default, *others):
            return make(markers, lambda value: None if value is jsnull else default(value), *others)

        make_encoder._writes_null = True
        return make_encoder

    encoder.c_make_encoder = writing_null(encoder.c_make_encoder)
    encoder._make_iterencode = writing_null(encoder._make_iterencode)


def interrupt_tasks(number: int) -> bool:
    """A signal arrived while no Python code runs or blocks: handle it in place of the code that JavaScript awaits. False if there is none."""
    from signal import default_int_handler, getsignal

    if not _awaited:
        return False
    handler = getsignal(number)
    if not callable(handler):
        return False
    if handler is not default_int_handler:
        handler(number, None)
        return True
    for future in list(_awaited):
        _awaited[future] = KeyboardInterrupt()
        future.cancel()
    return True


def block_on_promise(promise):
    """Suspend this stack until a JavaScript promise settles; the result, or the error as an exception.

    Everything that blocks goes through here: the loop whose callback waits has to run the others meanwhile. What else belongs to a
    stack, the core takes care of.
    """
    from _pyodide_core import run_sync

    before_suspension()
    return run_sync(promise)


def before_suspension():
    """Tell the loop that is running on this stack that the stack is about to be suspended."""
    asyncio = sys.modules.get("_asyncio")
    if asyncio is not None:
        prepare = getattr(asyncio._get_running_loop(), "_before_suspension", None)
        if prepare is not None:
            prepare()


def block_on(awaitable):
    """Suspend this stack until an awaitable of either language is done (``pyodide.ffi.run_sync``)."""
    from _pyodide_core import JsPromise, can_run_sync, create_proxy

    if isinstance(awaitable, JsPromise) and can_run_sync():
        return block_on_promise(awaitable)
    if not hasattr(type(awaitable), "__await__"):
        from inspect import isawaitable  # generator-based coroutines

        if not isawaitable(awaitable):
            raise TypeError(f"run_sync() needs an awaitable, not {type(awaitable).__name__!r}")
    if not can_run_sync():
        if hasattr(awaitable, "close"):
            awaitable.close()  # it will never run: no warning that nobody awaited it
        raise RuntimeError(
            "Cannot block here: this JavaScript engine has no stack switching (JSPI), or a JavaScript function that cannot wait is "
            "between Python and the host (as in calls through ctypes and cffi). Use `await`, or enter Python with runPythonAsync or callPromising"
        )
    from asyncio import ensure_future

    from pyodide.webloop import running_loop

    future = ensure_future(awaitable, loop=None if hasattr(awaitable, "get_loop") else running_loop())
    if not future.done():
        signal = create_proxy(Completion(future))
        try:
            block_on_promise(signal)
        except BaseException:
            future.cancel()  # interrupted: nobody waits for it any more
            raise
        finally:
            signal.destroy()
    return future.result()
