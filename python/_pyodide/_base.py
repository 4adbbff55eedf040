"""Running source text: parse, compile and run as separate steps, with the value of the last expression.

Owns ``CodeRunner`` and ``eval_code`` (features.md section 3.2). Invariant: importing this module imports nothing that start-up does not
need anyway: node classes come from ``_ast``, tokens are looked at only where a semicolon may matter.
"""

import _ast

_ONLY_AST = _ast.PyCF_ONLY_AST
_TOP_LEVEL_AWAIT = _ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_COROUTINE = 0x80  # inspect.CO_COROUTINE
_RETURN_MODES = ("last_expr", "last_expr_or_assign", "none")

# Source that is run again, as pages and notebooks do, is compiled once. Bounded, oldest out first.
_cache = {}
_CACHE_MAX = 256
_CACHED_SOURCE_MAX = 20_000


def _dedent(source):
    """Take off the indentation that all lines share, if the first line of code is indented."""
    for line in source.splitlines():
        stripped = line.strip()
        if stripped:
            if not line[0].isspace():
                return source
            break
    from textwrap import dedent

    return dedent(source)


def should_quiet(source, /):
    """Whether the last token of the source is a semicolon, so that its value is not wanted.

    >>> should_quiet("1;")
    True
    >>> should_quiet("1 # ;")
    False
    """
    if ";" not in source:
        return False
    from io import StringIO
    from tokenize import COMMENT, DEDENT, ENDMARKER, INDENT, NEWLINE, NL, TokenError, generate_tokens

    skipped = {COMMENT, DEDENT, ENDMARKER, INDENT, NEWLINE, NL}
    last = None
    try:
        for token in generate_tokens(StringIO(source).readline):
            if token.type not in skipped:
                last = token
    except (TokenError, SyntaxError):
        return False
    return last is not None and last.string == ";"


def _register_source(filename, source):
    """Let tracebacks show the lines of source that has a name of its own."""
    if filename.startswith("<") and filename.endswith(">"):
        return
    import linecache

    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)


def _last_target(statement):
    """The expression that gives the value of an assignment, or None."""
    if isinstance(statement, _ast.Assign):
        target = statement.targets[-1]
    elif isinstance(statement, (_ast.AnnAssign, _ast.AugAssign)):
        if isinstance(statement, _ast.AnnAssign) and statement.value is None:
            return None
        target = statement.target
    else:
        return None
    if not isinstance(target, _ast.Name):
        return None
    name = _ast.Name(id=target.id, ctx=_ast.Load())
    for place in ("lineno", "col_offset", "end_lineno", "end_col_offset"):
        setattr(name, place, getattr(target, place))
    return name


class CodeRunner:
    """Source that is parsed now, compiled and run later.

    Parameters: ``source``; ``return_mode`` (``"last_expr"``, ``"last_expr_or_assign"`` or ``"none"``); ``mode`` and ``flags`` as for
    :func:`compile`; ``quiet_trailing_semicolon``: whether a semicolon at the end suppresses the value; ``filename``: unless it has
    the form ``<...>``, the source is registered so that tracebacks show it.

    Raises SyntaxError when the source cannot be parsed.

    >>> CodeRunner("1 + 1").compile().run()
    2
    """

    def __init__(
        self,
        source,
        *,
        return_mode="last_expr",
        mode="exec",
        quiet_trailing_semicolon=True,
        filename="<exec>",
        flags=0,
    ):
        if return_mode not in _RETURN_MODES:
            raise ValueError(f"return_mode must be one of {', '.join(map(repr, _RETURN_MODES))}, not {return_mode!r}")
        self._compiled = False
        self._last = None
        self._mode = mode
        self._flags = flags
        self._filename = filename
        source = _dedent(source)
        self._return = mode == "exec" and return_mode
        self.ast = compile(source, filename, mode, flags | _ONLY_AST, True)
        if self._return and quiet_trailing_semicolon and should_quiet(source):
            self._return = "none"
        self.code = None
        _register_source(filename, source)

    def compile(self):
        """Compile ``self.ast`` into ``self.code``; once. Returns the runner itself."""
        if self._compiled:
            raise RuntimeError("Already compiled")
        self._compiled = True
        body = self.ast.body
        expression = None
        if self._return in ("last_expr", "last_expr_or_assign") and body:
            if isinstance(body[-1], _ast.Expr):
                expression = body[-1].value
                body = body[:-1]
            elif self._return == "last_expr_or_assign":
                expression = _last_target(body[-1])
        if expression is None:
            self.code = compile(self.ast, self._filename, self._mode, self._flags, True)
            return self
        flags = self._flags
        rest = _ast.Module(body=body, type_ignores=[])
        self.code = compile(rest, self._filename, "exec", flags, True)
        # What `from __future__ import ...` turned on holds for the last expression too.
        flags |= self.code.co_flags & _FUTURE_FLAGS
        self._last = compile(_ast.Expression(expression), self._filename, "eval", flags, True)
        return self

    def _check(self, globals, locals):
        if not self._compiled:
            raise RuntimeError("Not yet compiled")
        if globals is None:
            globals = {}
        return globals, globals if locals is None else locals

    def run(self, globals=None, locals=None):
        """Run the compiled code and return the value, or None.

        ``globals`` defaults to a new dict, ``locals`` to ``globals``. Raises RuntimeError before ``compile``.
        """
        globals, locals = self._check(globals, locals)
        value = eval(self.code, globals, locals)
        if self._last is not None:
            value = eval(self._last, globals, locals)
        return value

    async def run_async(self, globals=None, locals=None):
        """As ``run``; awaits what top-level ``await`` makes of the code."""
        globals, locals = self._check(globals, locals)
        value = eval(self.code, globals, locals)
        if self.code.co_flags & _COROUTINE:
            value = await value
        if self._last is not None:
            value = eval(self._last, globals, locals)
            if self._last.co_flags & _COROUTINE:
                value = await value
        return value


_FUTURE_FLAGS = 0x1FF0000  # the CO_FUTURE_* bits


def _runner(source, return_mode, quiet_trailing_semicolon, filename, flags):
    if not isinstance(source, str):
        raise TypeError(f"source must be a str, not {type(source).__name__}")
    key = (source, return_mode, quiet_trailing_semicolon, filename, flags)
    runner = _cache.get(key)
    if runner is None:
        runner = CodeRunner(
            source,
            return_mode=return_mode,
            quiet_trailing_semicolon=quiet_trailing_semicolon,
            filename=filename,
            flags=flags,
        ).compile()
        if len(source) <= _CACHED_SOURCE_MAX:
            if len(_cache) >= _CACHE_MAX:
                del _cache[next(iter(_cache))]
            _cache[key] = runner
    return runner


def eval_code(
    source,
    globals=None,
    locals=None,
    *,
    return_mode="last_expr",
    quiet_trailing_semicolon=True,
    filename="<exec>",
    flags=0,
):
    """Run source and return the value of its last expression.

    ``globals`` defaults to a new dict, ``locals`` to ``globals``; the other parameters are those of :class:`CodeRunner`.

    >>> eval_code("x = 2; x + 1")
    3
    >>> eval_code("1 + 1;")
    """
    return _runner(source, return_mode, quiet_trailing_semicolon, filename, flags).run(globals, locals)


async def eval_code_async(
    source,
    globals=None,
    locals=None,
    *,
    return_mode="last_expr",
    quiet_trailing_semicolon=True,
    filename="<exec>",
    flags=0,
):
    """As :func:`eval_code`, with ``await`` allowed at the top level. A value that is awaitable itself is not awaited."""
    flags |= _TOP_LEVEL_AWAIT
    runner = _runner(source, return_mode, quiet_trailing_semicolon, filename, flags)
    return await runner.run_async(globals, locals)


def find_imports(source):
    """The top-level names of the modules that the source imports, in order; empty when it cannot be parsed.

    >>> find_imports("import numpy as np, os.path")
    ['numpy', 'os']
    """
    try:
        tree = compile(_dedent(source), "<find_imports>", "exec", _ONLY_AST, True)
    except SyntaxError:
        return []
    found = {}
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, _ast.Import):
            for alias in node.names:
                found.setdefault(alias.name.partition(".")[0], node.lineno)
        elif isinstance(node, _ast.ImportFrom):
            if node.module and not node.level:
                found.setdefault(node.module.partition(".")[0], node.lineno)
        children = []
        for field in node._fields:
            value = getattr(node, field, None)
            if isinstance(value, list):
                children += [item for item in value if isinstance(item, _ast.AST)]
            elif isinstance(value, _ast.AST):
                children.append(value)
        pending += reversed(children)
    return list(found)


def _relaxed_arguments(func, args, kwargs):
    from inspect import Parameter, signature

    parameters = signature(func).parameters.values()
    kinds = {parameter.kind for parameter in parameters}
    if Parameter.VAR_POSITIONAL not in kinds:
        positional = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
        args = args[: sum(1 for parameter in parameters if parameter.kind in positional)]
    if Parameter.VAR_KEYWORD not in kinds:
        named = (Parameter.KEYWORD_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
        names = {parameter.name for parameter in parameters if parameter.kind in named}
        kwargs = {name: value for name, value in kwargs.items() if name in names}
    return args, kwargs


def relaxed_call(func, *args, **kwargs):
    """Call ``func`` without the arguments that it has no parameters for."""
    args, kwargs = _relaxed_arguments(func, args, kwargs)
    return func(*args, **kwargs)


def relaxed_wrap(func):
    """A function that ignores arguments that ``func`` has no parameters for."""
    from functools import wraps

    @wraps(func)
    def wrapper(*args, **kwargs):
        return relaxed_call(func, *args, **kwargs)

    return wrapper
