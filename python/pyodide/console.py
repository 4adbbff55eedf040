"""Consoles: source that comes line by line, runs asynchronously, and talks to callbacks instead of the standard streams.

Owns ``Console``, ``PyodideConsole`` and what they return (features.md section 3.3). Not here: how a console looks (console.html).

Invariants: a line is complete exactly when CPython's own console would run it; commands run one after the other, in the order in which
they came; streams are redirected while a command runs, also when it awaits, and restored whatever happens.
"""

from __future__ import annotations
import __future__

import sys
from _ast import PyCF_ALLOW_TOP_LEVEL_AWAIT, PyCF_ONLY_AST
from asyncio import CancelledError, Lock
from builtins import _IncompleteInputError
from codeop import PyCF_ALLOW_INCOMPLETE_INPUT
from contextlib import ExitStack, contextmanager
from io import TextIOBase
from platform import python_build, python_version

from _pyodide._base import CodeRunner
from _pyodide._hooks import format_exception
from pyodide.webloop import PyodideFuture, running_loop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any, Literal

__all__ = ["Console", "ConsoleFuture", "PyodideConsole", "repr_shorten", "shorten", "BANNER"]

BANNER = (
    f"Python {python_version()} ({', '.join(python_build())}) on WebAssembly/Emscripten\n"
    'Type "help", "copyright", "credits" or "license" for more information.'
)

_FUTURES = [getattr(__future__, name) for name in __future__.all_feature_names]


class ConsoleFuture(PyodideFuture):
    """What becomes of a line: a future for the value of the command, and what is known of the line at once."""

    syntax_check: Literal["incomplete", "syntax-error", "complete"]
    """``"incomplete"``: more lines are needed, the future is done and its result is None. ``"syntax-error"``: the future has failed
    with the SyntaxError. ``"complete"``: the command was started, and the future gets its outcome."""

    formatted_error: str | None
    """The traceback as text if the future has failed, so that JavaScript need not hold the exception; else None."""

    def __init__(self, syntax_check: Literal["incomplete", "syntax-error", "complete"]) -> None:
        super().__init__(loop=running_loop())
        self.syntax_check = syntax_check
        self.formatted_error = None


class _Stream(TextIOBase):
    """One redirected stream."""

    encoding = "utf-8"
    errors = "strict"

    # There is no `fileno`: input() and others would go past the stream to the descriptor.

    def __init__(self, name: str, mode: str) -> None:
        super().__init__()
        self.name = name
        self.mode = mode

    def isatty(self) -> bool:
        return True


class _WriteStream(_Stream):
    def __init__(self, name, write):
        super().__init__(name, "w")
        self._write = write

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._write(text)
        return len(text)


class _ReadStream(_Stream):
    def __init__(self, name, read):
        super().__init__(name, "r")
        self._read = read
        self._rest = ""

    def readable(self) -> bool:
        return True

    def _more(self, size: int) -> bool:
        text = self._read(size)
        if text is not None and not isinstance(text, str):
            raise TypeError(f"stdin_callback must return a str, not {type(text).__name__}")
        self._rest += text or ""
        return bool(text)

    def read(self, size: int | None = -1) -> str:
        if size is None or size < 0:
            while self._more(-1):
                pass
            size = len(self._rest)
        elif not self._rest and size:
            self._more(size)
        text, self._rest = self._rest[:size], self._rest[size:]
        return text

    def readline(self, size: int | None = -1) -> str:
        while "\n" not in self._rest and (size is None or size < 0 or len(self._rest) < size):
            if not self._more(-1 if size is None else size):
                break
        end = self._rest.find("\n") + 1 or len(self._rest)
        if size is not None and 0 <= size < end:
            end = size
        text, self._rest = self._rest[:end], self._rest[end:]
        return text


class Console:
    """An interactive console: push lines, get futures.

    Code may use top-level ``await``; every command has the value of its last expression.

    Parameters
    ----------
    globals
        The namespace of the commands; by default a new one.
    stdin_callback, stdout_callback, stderr_callback
        Stand for the standard streams while a command runs: what ``sys.stdin`` needs is asked for (an empty str means end of file),
        and what is written to the other two is handed over. May be assigned later, unless the redirection is persistent.
    persistent_stream_redirection
        Whether the streams are redirected from now on rather than while commands run.
    filename
        Named in tracebacks.
    dont_inherit, optimize
        As for :func:`compile`.
    """

    globals: dict[str, Any]
    """The namespace of the commands."""

    stdin_callback: Callable[[int], str] | None
    """Called at each read from ``sys.stdin`` with the number of characters wanted, or -1."""

    stdout_callback: Callable[[str], None] | None
    """Called at each write to ``sys.stdout``."""

    stderr_callback: Callable[[str], None] | None
    """Called at each write to ``sys.stderr``."""

    buffer: list[str]
    """The lines of a command that is not complete yet."""

    completer_word_break_characters: str
    """What separates words for :meth:`complete`."""

    def __init__(
        self,
        globals: dict[str, Any] | None = None,
        *,
        stdin_callback: Callable[[int], str] | None = None,
        stdout_callback: Callable[[str], None] | None = None,
        stderr_callback: Callable[[str], None] | None = None,
        persistent_stream_redirection: bool = False,
        filename: str = "<console>",
        dont_inherit: bool = False,
        optimize: int = -1,
    ) -> None:
        self.globals = {"__name__": "__console__", "__doc__": None} if globals is None else globals
        self.stdin_callback = stdin_callback
        self.stdout_callback = stdout_callback
        self.stderr_callback = stderr_callback
        self.filename = filename
        self.buffer = []
        self.completer_word_break_characters = " \t\n`~!@#$%^&*()-=+[{]}\\|;:'\",<>/?"
        self._lock = Lock()
        self._completer = None
        # Features that `from __future__ import ...` of earlier commands turned on.
        self._flags = PyCF_ALLOW_TOP_LEVEL_AWAIT
        self._optimize = optimize
        self._persistent: ExitStack | None = None
        self._redirections = 0
        self._redirected: ExitStack | None = None
        if persistent_stream_redirection:
            self.persistent_redirect_streams()

    # ---- streams ----

    def _streams(self):
        # Callbacks are looked up at each use: they may be assigned.
        if self.stdin_callback:
            yield "stdin", _ReadStream("<stdin>", lambda size: self.stdin_callback(size))
        if self.stdout_callback:
            yield "stdout", _WriteStream("<stdout>", lambda text: self.stdout_callback(text))
        if self.stderr_callback:
            yield "stderr", _WriteStream("<stderr>", lambda text: self.stderr_callback(text))

    def _redirect(self) -> ExitStack:
        restore = ExitStack()
        for name, stream in self._streams():
            restore.callback(_restore_stream, name, getattr(sys, name), stream)
            setattr(sys, name, stream)
        return restore

    def persistent_redirect_streams(self) -> None:
        """Redirect the standard streams until :meth:`persistent_restore_streams`. No effect if they are."""
        if self._persistent is None:
            self._persistent = self._redirect()

    def persistent_restore_streams(self) -> None:
        """Undo :meth:`persistent_redirect_streams`. No effect if that was not called."""
        if self._persistent is not None:
            persistent, self._persistent = self._persistent, None
            persistent.close()

    @contextmanager
    def redirect_streams(self) -> Generator[None]:
        """A context manager that redirects the standard streams. May be nested."""
        if self._persistent is not None:
            yield
            return
        self._redirections += 1
        try:
            if self._redirections == 1:
                self._redirected = self._redirect()
            yield
        finally:
            self._redirections -= 1
            if self._redirections == 0:
                redirected, self._redirected = self._redirected, None
                if redirected is not None:
                    redirected.close()

    # ---- commands ----

    def push(self, line: str) -> ConsoleFuture:
        """Add a line (without newline at its end; there may be some inside) to the buffer, and run what the buffer holds.

        If the command is incomplete, the buffer stays for the next line; else it is emptied.
        """
        self.buffer.append(line)
        result = self.runsource("\n".join(self.buffer), self.filename)
        if result.syntax_check != "incomplete":
            self.buffer.clear()
        return result

    def runsource(self, source: str, filename: str = "<console>") -> ConsoleFuture:
        """Compile source and start it, if it is complete. Errors are in the future that is returned."""
        try:
            code = self._compile(source, filename)
        except (SyntaxError, ValueError, OverflowError) as error:
            result = ConsoleFuture("syntax-error")
            result.formatted_error = self.formatsyntaxerror(error)
            # Nobody may be interested in the exception itself.
            result.set_exception(error.with_traceback(None))
            result.exception()
            return result
        if code is None:
            result = ConsoleFuture("incomplete")
            result.set_result(None)
            return result
        result = ConsoleFuture("complete")

        def done(task):
            if result.cancelled():
                return
            if task.cancelled():
                error = CancelledError()
            else:
                error = task.exception()
            if error is None:
                result.set_result(task.result())
            else:
                result.formatted_error = self.formattraceback(error)
                result.set_exception(error)
                result.exception()

        task = running_loop().create_task(self._run_in_turn(source, code))
        task.add_done_callback(done)
        result.add_done_callback(lambda result: result.cancelled() and task.cancel())
        return result

    async def _run_in_turn(self, source, code):
        async with self._lock:
            return await self.runcode(source, code)

    async def runcode(self, source: str, code: CodeRunner) -> Any:
        """Run a compiled command and return its value, with the streams redirected."""
        with self.redirect_streams():
            try:
                return await code.run_async(self.globals)
            finally:
                for stream in (sys.stdout, sys.stderr):
                    if stream is not None:
                        stream.flush()

    def _compile(self, source: str, filename: str) -> CodeRunner | None:
        """A compiled command; None if more lines are needed."""
        if not self._is_complete(source, filename):
            return None
        runner = CodeRunner(source, filename=filename, flags=self._flags, optimize=self._optimize).compile()
        for feature in _FUTURES:
            if runner.code.co_flags & feature.compiler_flag:
                self._flags |= feature.compiler_flag
        return runner

    def _is_complete(self, source: str, filename: str) -> bool:
        """As CPython's console decides it: a block ends with an empty line."""
        if all(not line.strip() or line.strip()[0] == "#" for line in source.split("\n")):
            return True
        from warnings import catch_warnings, simplefilter

        flags = self._flags | PyCF_ONLY_AST | PyCF_ALLOW_INCOMPLETE_INPUT
        with catch_warnings():
            simplefilter("ignore")
            try:
                last = compile(source, filename, "exec", flags, True).body[-1]
            except SyntaxError:
                try:
                    compile(source + "\n", filename, "exec", flags, True)
                except _IncompleteInputError:
                    return False
                except SyntaxError:
                    return True  # complete enough for the error
                return False
        # A block may go on in the next line. Lines that were pasted together may hold several commands.
        is_block = isinstance(getattr(last, "body", None), list) or hasattr(last, "cases")
        return not is_block or ("\n" in source and not source.rpartition("\n")[2].strip())

    # ---- errors ----

    def formatsyntaxerror(self, e: BaseException) -> str:
        """The text of a syntax error, without a traceback. Keeps the exception as ``sys.last_exc`` (and ``sys.last_value``)."""
        from traceback import format_exception_only

        _remember(e, None)
        return "".join(format_exception_only(e))

    def formattraceback(self, e: BaseException) -> str:
        """The traceback of an exception, from the command on. Keeps it as ``sys.last_exc`` (and ``sys.last_value``)."""
        _remember(e, e.__traceback__)
        return format_exception(e)

    # ---- completion ----

    def complete(self, source: str) -> tuple[list[str], int]:
        """What the last word of the source may become, and where that word starts.

        >>> shell = Console()
        >>> shell.complete("str.isa")
        (['str.isalnum(', 'str.isalpha(', 'str.isascii('], 0)
        >>> shell.complete("a = 5 ; str.isa")
        (['str.isalnum(', 'str.isalpha(', 'str.isascii('], 8)
        """
        start = max(map(source.rfind, self.completer_word_break_characters)) + 1
        word = source[start:]
        if self._completer is None:
            from rlcompleter import Completer

            self._completer = Completer(self.globals)
        self._completer.namespace = self.globals
        find = self._completer.attr_matches if "." in word else self._completer.global_matches
        return (find(word) if word else []), start


class PyodideConsole(Console):
    """A console that first loads the packages of the distribution that a command imports."""

    async def runcode(self, source: str, code: CodeRunner) -> Any:
        from pyodide_js import loadPackagesFromImports

        await loadPackagesFromImports(source)
        return await super().runcode(source, code)


def _restore_stream(name, before, stream):
    # Somebody else's redirection, made while a command ran, stays.
    if getattr(sys, name) is stream:
        setattr(sys, name, before)


def _remember(error, traceback):
    sys.last_exc = sys.last_value = error
    sys.last_type = type(error)
    sys.last_traceback = traceback


def shorten(text: str, limit: int = 1000, split: int | None = None, separator: str = "...") -> str:
    """Text of more than ``limit`` characters, shortened: its first and last ``split`` ones, and the separator between.

    ``split`` is half of the limit by default.
    """
    if limit < 4:
        raise ValueError("limit must be at least 4")
    if len(text) <= limit:
        return text
    if split is None:
        split = limit // 2
    return f"{text[:split]}{separator}{text[len(text) - split :]}"


def repr_shorten(value: Any, limit: int = 1000, split: int | None = None, separator: str = "...") -> str:
    """``shorten(repr(value), limit, split, separator)``. Raises ValueError if the limit is less than 4.

    >>> from pyodide.console import repr_shorten
    >>> sep = "_"
    >>> repr_shorten("abcdefg", limit=8, separator=sep)
    "'abc_efg'"
    >>> repr_shorten("abcdefg", limit=12, separator=sep)
    "'abcdefg'"
    >>> for i in range(4, 10):
    ...     repr_shorten(123456789, limit=i, separator=sep)
    '12_89'
    '12_89'
    '123_789'
    '123_789'
    '1234_6789'
    '123456789'
    """
    if limit < 4:
        raise ValueError("limit must be at least 4")
    return shorten(repr(value), limit, split, separator)
