"""Running source text: parse, compile and run, with the value of the last expression.

Owns ``CodeRunner``, ``eval_code`` and their relatives (features.md PY-04 to PY-20). Not here: JavaScript source (``pyodide.code``), reading
input line by line (``pyodide.console``).

Invariants: importing this module imports nothing that is not loaded anyway when Python has started; compiled code never depends on
the state of this module, so that it may be kept and run any number of times; a name that holds a value for a moment never survives
the call that made it.
"""

from _ast import (
    AnnAssign,
    Assign,
    Attribute,
    AugAssign,
    Del,
    Delete,
    Expr,
    Import,
    ImportFrom,
    Interactive,
    Load,
    Module,
    Name,
    PyCF_ALLOW_TOP_LEVEL_AWAIT,
    PyCF_ONLY_AST,
    Store,
    Subscript,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
    from typing import Any, Literal

    ReturnMode = Literal["last_expr", "last_expr_or_assign", "none"]

_COROUTINE = 0x80  # inspect.CO_COROUTINE
_VARARGS = 0x04  # inspect.CO_VARARGS
_VARKEYWORDS = 0x08  # inspect.CO_VARKEYWORDS
_RETURN_MODES = ("last_expr", "last_expr_or_assign", "none")
_MODES = ("exec", "single", "eval")

# Names that no source can spell. The value of the last statement travels through the first one: a single code object does
# everything in one frame, so `global` statements, `__future__` imports and tracebacks need no special care.
_RESULT = "<result>"
_OWNER = "<owner>"
_KEY = "<key>"


# ---- source text ----


def _dedent(source: str) -> str:
    """Take off the indentation that all lines with text in them share.

    Unlike :func:`textwrap.dedent` it leaves blank lines inside of string literals alone, and costs nothing in the usual case.
    """
    if not source or source[0] not in " \t\n\r\f":
        return source
    lines = source.splitlines(keepends=True)
    margin = None
    for line in lines:
        text = line.lstrip()
        if not text:
            continue
        indentation = line[: len(line) - len(text)]
        if margin is None:
            margin = indentation
        while not indentation.startswith(margin):
            margin = margin[:-1]
        if not margin:
            return source
    if not margin:
        return source
    size = len(margin)
    return "".join([line[size:] if line.startswith(margin) else line.lstrip(" \t") for line in lines])


def should_quiet(source: str, /) -> bool:
    """Whether the last token of the source is a semicolon, which says that the value is not wanted.

    Source that cannot be split into tokens gives False.

    >>> should_quiet('1 + 1')
    False
    >>> should_quiet('1 + 1 ;')
    True
    >>> should_quiet('1 + 1 # comment ;')
    False
    """
    if ";" not in source:
        return False
    # Lines at the end that hold nothing but a comment are no part of a string: it would not be closed.
    end = len(source)
    while True:
        start = max(source.rfind("\n", 0, end), source.rfind("\r", 0, end)) + 1
        line = source[start:end].strip()
        if line and line[0] != "#":
            break
        if start == 0:
            return False
        end = start - 1
    if "#" not in line:
        return line[-1] == ";"
    if ";" not in line:
        return False
    from io import StringIO
    from tokenize import COMMENT, DEDENT, ENDMARKER, INDENT, NEWLINE, NL, TokenError, generate_tokens

    last = None
    try:
        for token in generate_tokens(StringIO(source).readline):
            if token.type not in (COMMENT, DEDENT, ENDMARKER, INDENT, NEWLINE, NL):
                last = token.string
    except (TokenError, SyntaxError):
        return False
    return last == ";"


def _show_in_tracebacks(filename: str, source: str) -> None:
    """Give the lines of source with a name of its own to ``linecache`` (PY-07)."""
    if filename[:1] == "<" and filename[-1:] == ">":
        return
    import linecache

    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)


def _check_text(source: object) -> None:
    if not isinstance(source, str):
        raise TypeError(f"The source must be a str, not {type(source).__name__!r}")


def _check_return_mode(return_mode: object) -> None:
    if return_mode not in _RETURN_MODES:
        raise ValueError(f"return_mode must be 'last_expr', 'last_expr_or_assign' or 'none', not {return_mode!r}")


# ---- the value of the last statement ----


def _at(node, place):
    """Gives a new node, and the new nodes in it, the position of an old one."""
    node.lineno, node.col_offset = place.lineno, place.col_offset
    node.end_lineno, node.end_col_offset = place.end_lineno, place.end_col_offset
    for field in node._fields:
        value = getattr(node, field, None)
        for item in value if isinstance(value, list) else (value,):
            if getattr(item, "_attributes", ()) and not hasattr(item, "lineno"):
                _at(item, place)
    return node


def _store(value, place):
    """``<result> = value``."""
    return _at(Assign(targets=[Name(_RESULT, Store())], value=value), place)


def _keep_value(statement, assignments: bool):
    """Statements that do what ``statement`` does and store its value; None when it has none."""
    if isinstance(statement, Expr):
        return [_store(statement.value, statement.value)]
    if not assignments:
        return None
    if isinstance(statement, Assign):
        return [_at(Assign(targets=[*statement.targets, Name(_RESULT, Store())], value=statement.value), statement)]
    if not isinstance(statement, (AnnAssign, AugAssign)) or statement.value is None:
        return None
    # Owner and key of the target are evaluated once, before the value, as in the statement itself.
    target, before, temporaries = statement.target, [], []

    def once(name, value):
        before.append(_at(Assign(targets=[Name(name, Store())], value=value), value))
        temporaries.append(name)
        return lambda: Name(name, Load())

    if isinstance(target, Attribute):
        owner = once(_OWNER, target.value)
        make = lambda ctx: Attribute(owner(), target.attr, ctx)  # noqa: E731
    elif isinstance(target, Subscript):
        owner, key = once(_OWNER, target.value), once(_KEY, target.slice)
        make = lambda ctx: Subscript(owner(), key(), ctx)  # noqa: E731
    else:
        make = lambda ctx: Name(target.id, ctx)  # noqa: E731
    clean = [_at(Delete([Name(name, Del()) for name in temporaries]), statement)] if temporaries else []
    if isinstance(statement, AugAssign):
        change = _at(AugAssign(_at(make(Store()), target), statement.op, statement.value), statement)
        return [*before, change, _store(make(Load()), target), *clean]
    if not temporaries:
        return [statement, _store(make(Load()), target)]
    # Here Python evaluates the value first.
    value = _store(statement.value, statement)
    change = _at(AnnAssign(make(Store()), statement.annotation, Name(_RESULT, Load()), simple=0), statement)
    return [value, *before, change, *clean]


def _with_result(tree, return_mode: str):
    """The tree to compile, and whether running it stores a result. The given tree stays as it is."""
    body = tree.body
    if return_mode == "none" or not body:
        return tree, False
    last = _keep_value(body[-1], return_mode == "last_expr_or_assign")
    if last is None:
        return tree, False
    body = [*body[:-1], *last]
    return (Module(body, tree.type_ignores) if isinstance(tree, Module) else Interactive(body)), True


def _forget(namespace) -> None:
    """Take the temporary names out of a namespace after a failure."""
    for name in (_RESULT, _OWNER, _KEY):
        try:
            del namespace[name]
        except KeyError:
            pass


def _run(code, stores: bool, globals, locals):
    if globals is None:
        globals = {}
    if locals is None:
        locals = globals
    if code.co_flags & _COROUTINE:
        raise RuntimeError("The code uses top-level await: use eval_code_async() or CodeRunner.run_async()")
    if not stores:
        return eval(code, globals, locals)
    try:
        eval(code, globals, locals)
        value = locals[_RESULT]
        del locals[_RESULT]
        return value
    except BaseException:
        _forget(locals)
        raise


async def _run_async(code, stores: bool, globals, locals):
    if globals is None:
        globals = {}
    if locals is None:
        locals = globals
    try:
        value = eval(code, globals, locals)
        if code.co_flags & _COROUTINE:
            value = await value
        if stores:
            # Nothing else runs between the statement that stored it and this one.
            value = locals[_RESULT]
            del locals[_RESULT]
        return value
    except BaseException:
        if stores:
            _forget(locals)
        raise


class CodeRunner:
    """Source that is parsed at once, compiled and run when you say so.

    For consoles and other programs that look at or change the syntax tree or the code in between. Where that is not needed,
    :func:`eval_code` and :func:`eval_code_async` are simpler, and faster for source that is run repeatedly.

    Parameters
    ----------
    source
        Python source.
    return_mode
        What running gives: ``"last_expr"`` the value of the last statement if it is an expression, ``"last_expr_or_assign"`` also
        if it is an assignment, ``"none"`` always None.
    mode
        ``"exec"``, ``"single"`` or ``"eval"``, as for :func:`compile`. Of ``"single"`` source, the expression that is returned is not
        shown; ``"eval"`` has a value whatever ``return_mode`` says.
    quiet_trailing_semicolon
        Whether a semicolon at the very end means that the value is not wanted.
    filename
        Named in errors. Unless it has the form ``<...>``, tracebacks show lines of the source.
    flags
        As for :func:`compile`; ``ast.PyCF_ALLOW_TOP_LEVEL_AWAIT`` allows ``await`` outside of functions.
    dont_inherit
        Accepted as :func:`compile` does: there are no ``__future__`` imports around the code that could be inherited.
    optimize
        Level of optimization, as for :func:`compile`.
    dedent
        Whether indentation that all lines share is taken off.

    Raises SyntaxError for source that cannot be parsed, TypeError or ValueError for wrong arguments.

    >>> source = "1 + 1"
    >>> code_runner = CodeRunner(source)
    >>> code_runner.compile() # doctest: +ELLIPSIS
    <_pyodide._base.CodeRunner object at 0x...>
    >>> code_runner.run()
    2
    >>> my_globals = {"x": 20}
    >>> my_locals = {"y": 5}
    >>> CodeRunner("x + y").compile().run(globals=my_globals, locals=my_locals)
    25
    """

    ast: "Any"
    """The syntax tree. Change it, or put another one here, before :meth:`compile`."""

    code: "CodeType | None"
    """What :meth:`compile` made, None before. Change it before :meth:`run`."""

    def __init__(
        self,
        source: str,
        *,
        return_mode: "ReturnMode" = "last_expr",
        mode: str = "exec",
        quiet_trailing_semicolon: bool = True,
        filename: str = "<exec>",
        flags: int = 0,
        dont_inherit: bool = False,
        optimize: int = -1,
        dedent: bool = True,
    ) -> None:
        _check_text(source)
        _check_return_mode(return_mode)
        if mode not in _MODES:
            raise ValueError(f"mode must be 'exec', 'single' or 'eval', not {mode!r}")
        if dedent:
            source = _dedent(source)
        self._mode = mode
        self._optimize = optimize
        self._flags = flags
        self._filename = filename
        self._compiled = False
        self._stores = False
        self._return_mode = return_mode if mode != "eval" else "none"
        if quiet_trailing_semicolon and should_quiet(source):
            self._return_mode = "none"
        self.ast = compile(source, filename, mode, flags | PyCF_ONLY_AST, True, optimize)
        self.code = None
        _show_in_tracebacks(filename, source)

    def compile(self) -> "CodeRunner":
        """Compile :attr:`ast` and put the result into :attr:`code`. Returns the runner itself.

        Raises RuntimeError the second time, SyntaxError for errors that the parser does not see (``return`` outside of a
        function, for instance).
        """
        if self._compiled:
            raise RuntimeError("This source is compiled already: make a new CodeRunner to compile it again")
        tree = self.ast
        if self._mode != "eval":
            tree, self._stores = _with_result(tree, self._return_mode)
        self.code = compile(tree, self._filename, self._mode, self._flags, True, self._optimize)
        self._compiled = True
        return self

    def _ready(self) -> bool:
        if not self._compiled or self.code is None:
            raise RuntimeError("This source is not compiled yet: call compile() first")
        # Code that somebody else has put here stores a result only if it was made from ours.
        return self._stores and _RESULT in self.code.co_names

    def run(self, globals: "dict[str, Any] | None" = None, locals: "Any" = None) -> "Any":
        """Run the code and return its value, or None (see ``return_mode``).

        ``globals`` defaults to a new dict, ``locals`` (any mapping) to ``globals``.
        Raises RuntimeError before :meth:`compile`, and for code with top-level ``await``.
        """
        return _run(self.code, self._ready(), globals, locals)

    async def run_async(self, globals: "dict[str, Any] | None" = None, locals: "Any" = None) -> "Any":
        """As :meth:`run`, for code that may use top-level ``await``."""
        return await _run_async(self.code, self._ready(), globals, locals)


# ---- eval_code ----

# Pages and notebooks run the same source again and again: what was compiled is kept. Bounded; the oldest goes first.
_cache: dict = {}
_CACHE_MAX = 256
_CACHED_CHARACTERS_MAX = 20_000


def _compile(source, return_mode, quiet_trailing_semicolon, filename, flags, optimize, dedent):
    """Compiled source and whether running it stores a result; also puts both into the cache."""
    _check_text(source)
    _check_return_mode(return_mode)
    text = _dedent(source) if dedent else source
    mode = return_mode
    if quiet_trailing_semicolon and mode != "none" and should_quiet(text):
        mode = "none"
    stores, code = False, None
    if mode == "none":
        code = compile(text, filename, "exec", flags, True, optimize)
    elif "\n" not in text and not any(mark in text for mark in ";\\=\r"):
        # PERF: most short snippets are one expression, which needs no syntax tree in Python objects (bench `run_1`). Those
        # that cannot be one, or would warn twice, do not come here.
        try:
            code = compile(text, filename, "eval", flags, True, optimize)
        except SyntaxError:
            code = None
    if code is None:
        tree = compile(text, filename, "exec", flags | PyCF_ONLY_AST, True, optimize)
        tree, stores = _with_result(tree, mode)
        code = compile(tree, filename, "exec", flags, True, optimize)
    # The text that was compiled, where tracebacks are to show it.
    shown = None if filename[:1] == "<" and filename[-1:] == ">" else text
    entry = (code, stores, shown)
    if len(source) <= _CACHED_CHARACTERS_MAX:
        if len(_cache) >= _CACHE_MAX:
            del _cache[next(iter(_cache))]
        _cache[source, return_mode, quiet_trailing_semicolon, filename, flags, optimize, dedent] = entry
    return entry


def eval_code(
    source: str,
    globals: "dict[str, Any] | None" = None,
    locals: "Any" = None,
    *,
    return_mode: "ReturnMode" = "last_expr",
    quiet_trailing_semicolon: bool = True,
    filename: str = "<exec>",
    flags: int = 0,
    dont_inherit: bool = False,
    optimize: int = -1,
    dedent: bool = True,
) -> "Any":
    """Run Python source and return the value of its last expression, or None.

    ``globals`` defaults to a new dict, ``locals`` (any mapping) to ``globals``. The other parameters are those of
    :class:`CodeRunner`. Raises SyntaxError, or whatever the source raises.

    >>> source = "1 + 1"
    >>> eval_code(source)
    2
    >>> source = "1 + 1;"
    >>> eval_code(source, quiet_trailing_semicolon=True)
    >>> eval_code(source, quiet_trailing_semicolon=False)
    2
    >>> my_globals = { "y": "100" }
    >>> my_locals = { "y": "200" }
    >>> source = "print(locals()['y'], globals()['y'])"
    >>> eval_code(source, globals=my_globals, locals=my_locals)
    200 100
    >>> source = "test = 1 + 1"
    >>> eval_code(source, return_mode="last_expr_or_assign")
    2
    >>> eval_code(source, return_mode="last_expr")
    >>> eval_code(source, return_mode="none")
    """
    try:
        entry = _cache.get((source, return_mode, quiet_trailing_semicolon, filename, flags, optimize, dedent))
    except TypeError:
        entry = None  # an argument that cannot be right: the compiler says which
    code, stores, shown = entry or _compile(source, return_mode, quiet_trailing_semicolon, filename, flags, optimize, dedent)
    if shown is not None:
        _show_in_tracebacks(filename, shown)
    return _run(code, stores, globals, locals)


async def eval_code_async(
    source: str,
    globals: "dict[str, Any] | None" = None,
    locals: "Any" = None,
    *,
    return_mode: "ReturnMode" = "last_expr",
    quiet_trailing_semicolon: bool = True,
    filename: str = "<exec>",
    flags: int = 0,
    dont_inherit: bool = False,
    optimize: int = -1,
    dedent: bool = True,
) -> "Any":
    """As :func:`eval_code`, for source that may use ``await``, ``async for`` and ``async with`` outside of functions.

    A value that is itself awaitable is returned, not awaited.
    """
    flags |= PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        entry = _cache.get((source, return_mode, quiet_trailing_semicolon, filename, flags, optimize, dedent))
    except TypeError:
        entry = None  # an argument that cannot be right: the compiler says which
    code, stores, shown = entry or _compile(source, return_mode, quiet_trailing_semicolon, filename, flags, optimize, dedent)
    if shown is not None:
        _show_in_tracebacks(filename, shown)
    return await _run_async(code, stores, globals, locals)


# ---- imports in a source ----


def find_imports(source: str) -> list[str]:
    """The modules that the source imports, anywhere in it: top-level names, each once, in the order of appearance.

    Relative imports are left out. Source that is not valid Python gives an empty list.

    >>> source = "import numpy as np; import scipy.stats"
    >>> find_imports(source)
    ['numpy', 'scipy']
    """
    _check_text(source)
    if "import" not in source:
        return []
    from warnings import catch_warnings, simplefilter

    # Who runs the source gets its warnings.
    with catch_warnings():
        simplefilter("ignore")
        try:
            tree = compile(_dedent(source), "<find_imports>", "exec", PyCF_ONLY_AST, True)
        except (SyntaxError, ValueError):
            return []
    found = {}
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, Import):
            for alias in node.names:
                found[alias.name.partition(".")[0]] = None
        elif isinstance(node, ImportFrom):
            if node.level == 0:
                found[node.module.partition(".")[0]] = None
        else:
            # Statements hold statements in these fields, and nowhere else.
            for field in ("cases", "finalbody", "orelse", "handlers", "body"):
                inner = getattr(node, field, None)
                if isinstance(inner, list):
                    pending += reversed(inner)
    return list(found)


# ---- calls with surplus arguments ----


def _accepted(func) -> tuple[int | None, frozenset[str] | None]:
    """How many positional arguments a callable takes, and which keywords; None for any. Unknown is any, too."""
    inner = getattr(func, "__func__", func)
    code = getattr(inner, "__code__", None)
    if code is not None and not hasattr(func, "__wrapped__") and not hasattr(func, "__signature__"):
        # PERF: a function in Python says it all without `inspect`.
        count = code.co_argcount - (inner is not func)
        names = code.co_varnames[code.co_posonlyargcount : code.co_argcount + code.co_kwonlyargcount]
        if inner is not func and code.co_posonlyargcount == 0:
            names = names[1:]
        return None if code.co_flags & _VARARGS else count, None if code.co_flags & _VARKEYWORDS else frozenset(names)
    from inspect import Parameter, signature

    try:
        parameters = signature(func).parameters.values()
    except (TypeError, ValueError):
        return None, None
    kinds = [parameter.kind for parameter in parameters]
    names = [p.name for p in parameters if p.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)]
    count = sum(kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD) for kind in kinds)
    return (
        None if Parameter.VAR_POSITIONAL in kinds else count,
        None if Parameter.VAR_KEYWORD in kinds else frozenset(names),
    )


def _call_relaxed(func, accepted, args, kwargs):
    count, names = accepted
    if count is not None:
        args = args[:count]
    if names is not None and kwargs:
        kwargs = {name: value for name, value in kwargs.items() if name in names}
    return func(*args, **kwargs)


def relaxed_call(func: "Callable", *args: "Any", **kwargs: "Any") -> "Any":
    """Call ``func`` without the arguments that it has no parameters for.

    Positional arguments are dropped from the end. A callable that does not tell its parameters gets all arguments.

    >>> relaxed_call(lambda a: a, 1, 2, b=3)
    1
    """
    return _call_relaxed(func, _accepted(func), args, kwargs)


def relaxed_wrap(func: "Callable") -> "Callable[..., Any]":
    """A function that calls ``func`` and drops the arguments that it has no parameters for (see :func:`relaxed_call`)."""
    from functools import wraps

    accepted = _accepted(func)

    @wraps(func)
    def relaxed(*args, **kwargs):
        return _call_relaxed(func, accepted, args, kwargs)

    return relaxed
