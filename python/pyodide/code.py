"""Running source text: Python, and JavaScript from Python (features.md PY-04 to PY-21).

The functions here are looked up at every ``pyodide.runPython``, ``runPythonAsync`` and ``loadPackagesFromImports``: replace one of them
in this module to change what those do.
"""

from _pyodide._base import (
    CodeRunner,
    eval_code,
    eval_code_async,
    find_imports,
    relaxed_call,
    relaxed_wrap,
    should_quiet,
)
from _pyodide_core import js_eval

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "CodeRunner",
    "eval_code",
    "eval_code_async",
    "find_imports",
    "relaxed_call",
    "relaxed_wrap",
    "run_js",
    "should_quiet",
]


def run_js(code: str, /) -> "Any":
    """Run JavaScript source with ``eval`` in the global scope, and return its value.

    Raises TypeError if ``code`` is no str, and JsException for what the source throws. A page whose content security policy has no
    ``unsafe-eval`` throws an EvalError.

    >>> run_js("[1, 2].length")  # doctest: +SKIP
    2
    """
    if not isinstance(code, str):
        raise TypeError(f"run_js() needs a str, not {type(code).__name__!r}")
    return js_eval(code)
