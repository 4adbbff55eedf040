"""Running code: Python source, and JavaScript source from Python (features.md section 3.2)."""

from _pyodide._base import (
    CodeRunner,
    eval_code,
    eval_code_async,
    find_imports,
    relaxed_call,
    relaxed_wrap,
    should_quiet,
)
from _pyodide_core import js_eval as _js_eval

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


def run_js(code, /):
    """Run JavaScript source with ``eval`` in the global scope, and return its value.

    Raises TypeError if ``code`` is not a str, and JsException for what the source throws.
    """
    return _js_eval(code)
