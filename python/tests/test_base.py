"""Running source text: PY-04 to PY-18, PY-20, TT-113 as far as Python decides it."""

import doctest
import linecache
import traceback
import types
import unittest
import warnings

from _pyodide import _base
from _pyodide._base import (
    CodeRunner,
    eval_code,
    eval_code_async,
    find_imports,
    relaxed_call,
    relaxed_wrap,
    should_quiet,
)

ASSIGN = "last_expr_or_assign"


def hidden(namespace):
    return [name for name in namespace if name.startswith("<")]


def raised_by(source, **options):
    """What running source raises, with its traceback (which ``assertRaises`` would drop)."""
    try:
        eval_code(source, **options)
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


class Documentation(unittest.TestCase):
    def test_examples_of_the_documentation(self):
        """PY-12, PY-14, PY-16, PY-20: the examples are in the docstrings, word for word."""
        failed, tried = doctest.testmod(_base)
        self.assertEqual(failed, 0)
        self.assertGreater(tried, 20)

    def test_traceback_example(self):
        """PY-07: a filename without angle brackets shows its lines."""
        error = raised_by("print(pyodide)", filename="example_of_filename.py")
        text = "".join(traceback.format_exception(error))
        self.assertIn('  File "example_of_filename.py", line 1, in <module>\n    print(pyodide)\n          ^^^^^^^\n', text)


class Values(unittest.TestCase):
    def test_return_modes(self):
        """PY-05, PY-14."""
        for source, last_expr, last_assign in [
            ("1 + 1", 2, 2),
            ("x = 5", None, 5),
            ("x: int = 5", None, 5),
            ("x: int", None, None),
            ("a = b = 3", None, 3),
            ("a, b = 7, 8", None, (7, 8)),
            ("x = 1\nx += 4", None, 5),
            ("x = [0]\nx[0] = 6", None, 6),
            ("x = [1]\nx[0] += 9", None, 10),
            ("x = {}\nx['q']: int = 4", None, 4),
            ("n.a = 7", None, 7),
            ("n.b += 1", None, 3),
            ("n.c: int = 6", None, 6),
            ("def f(): pass", None, None),
            ("'text'", "text", "text"),
            ("# nothing", None, None),
            ("", None, None),
            ("x = 1; x", 1, 1),
            ("(y := 4)", 4, 4),
            ("if True:\n    3", None, None),
            ("f(\n  1)", [1], [1]),
        ]:
            for mode, expected in [("last_expr", last_expr), (ASSIGN, last_assign), ("none", None)]:
                with self.subTest(source=source, mode=mode):
                    namespace = {"n": types.SimpleNamespace(b=2), "f": lambda x: [x]}
                    self.assertEqual(eval_code(source, namespace, return_mode=mode), expected)
                    self.assertEqual(hidden(namespace), [])
                    runner = CodeRunner(source, return_mode=mode).compile()
                    self.assertEqual(runner.run({"n": types.SimpleNamespace(b=2), "f": lambda x: [x]}), expected)

    def test_owner_of_a_target_is_evaluated_once(self):
        """PY-05."""
        calls = []

        def f():
            calls.append(1)
            return [10]

        self.assertEqual(eval_code("f()[0] += 1", {"f": f}, return_mode=ASSIGN), 11)
        self.assertEqual(len(calls), 1)

    def test_semicolon(self):
        """PY-06, PY-20."""
        for source, quiet in [
            ("1", False),
            ("1;", True),
            ("1 ;  ", True),
            ("1;\n\n# comment\n", True),
            ("1; # comment", True),
            ("1 # comment ;", False),
            ("'a;#'", False),
            ("'''\n# ;'''", False),
            ("x = '''\n#'''\n;", True),
            ("# ;", False),
            (";", True),
            ("", False),
            ("'unfinished ;# ", False),
        ]:
            with self.subTest(source=source):
                self.assertIs(should_quiet(source), quiet)
        self.assertIsNone(eval_code("1 + 1;"))
        self.assertEqual(eval_code("1 + 1;", quiet_trailing_semicolon=False), 2)
        self.assertIsNone(eval_code("x = 1;", return_mode=ASSIGN))

    def test_namespaces(self):
        """PY-12, PY-14: globals default to a new dict, locals to globals."""
        namespace, local = {"x": 1}, {}
        self.assertEqual(eval_code("y = x + 1; y", namespace), 2)
        self.assertEqual(namespace["y"], 2)
        self.assertEqual(eval_code("global z\nz = 3\nw = 4\nz", namespace, local), 3)
        self.assertEqual((namespace["z"], local), (3, {"w": 4}))
        self.assertRaises(NameError, eval_code, "y")
        with self.assertRaisesRegex(TypeError, "globals must be a real dict"):
            eval_code("1", [])

    def test_locals_may_be_any_mapping(self):
        class Names(dict):
            pass

        local = Names()
        self.assertEqual(eval_code("a = 1\na", {}, local), 1)
        self.assertEqual(dict(local), {"a": 1})

    def test_failure_leaves_no_trace_in_the_namespace(self):
        namespace = {"n": types.SimpleNamespace()}
        for source in ("1 / 0", "x = 1\n1 / 0", "n.missing += 1", "n[0] += 1"):
            with self.subTest(source=source), self.assertRaises(Exception) as caught:
                eval_code(source, namespace, return_mode=ASSIGN)
            self.assertEqual(hidden(namespace), [])
            self.assertIsNone(caught.exception.__context__)

    def test_nested_runs_in_one_namespace(self):
        """TT-113: a run inside of an expression has a value of its own."""
        namespace = {"eval_code": eval_code}
        self.assertEqual(eval_code("[eval_code('x = 1\\nx', globals()), 2]", namespace), [1, 2])
        self.assertEqual(hidden(namespace), [])

    def test_source_is_dedented(self):
        """PY-16: also for running."""
        self.assertEqual(eval_code("\n    if True:\n        x = 3\n\n    x + 1\n"), 4)
        self.assertEqual(eval_code("\tx = 1\n\tx"), 1)
        self.assertEqual(eval_code("   1"), 1)
        self.assertEqual(eval_code("    x = '''a\n\n    b'''\n    x"), "a\n\nb")
        self.assertRaises(IndentationError, eval_code, "    x = 1\n  x")

    def test_future_features_hold_for_the_last_expression(self):
        source = "from __future__ import annotations\ndef f(a: missing): pass\nf.__annotations__"
        self.assertEqual(eval_code(source), {"a": "missing"})

    def test_our_own_features_are_not_inherited(self):
        self.assertEqual(eval_code("def f(a: int): pass\nf.__annotations__"), {"a": int})

    def test_arguments_are_checked(self):
        with self.assertRaisesRegex(TypeError, "source must be a str, not 'int'"):
            eval_code(5)
        with self.assertRaisesRegex(TypeError, "source must be a str, not 'list'"):
            eval_code([])
        with self.assertRaisesRegex(ValueError, "return_mode must be .* not 'all'"):
            eval_code("1", return_mode="all")
        with self.assertRaisesRegex(ValueError, "mode must be"):
            CodeRunner("1", mode="module")

    def test_syntax_errors(self):
        with self.assertRaises(SyntaxError) as caught:
            eval_code("1 +", filename="mine.py")
        error = caught.exception
        self.assertEqual((error.filename, error.lineno, error.__context__), ("mine.py", 1, None))
        self.assertRaises(SyntaxError, eval_code, "return 1")
        self.assertRaises(SyntaxError, eval_code, "await x")
        self.assertRaises(SyntaxError, eval_code, "a\0b")

    def test_warnings_come_once(self):
        for source in ("'\\d'", "1 is 1", "x = '\\d'\nx"):
            with self.subTest(source=source), warnings.catch_warnings(record=True) as seen:
                warnings.simplefilter("always")
                eval_code(source)
                self.assertEqual([w.category for w in seen], [SyntaxWarning])


class Cache(unittest.TestCase):
    def test_compiled_once_and_bounded(self):
        _base._cache.clear()
        for index in range(_base._CACHE_MAX + 10):
            eval_code(f"{index}")
        self.assertEqual(len(_base._cache), _base._CACHE_MAX)
        eval_code("#" + "x" * _base._CACHED_CHARACTERS_MAX)
        self.assertEqual(len(_base._cache), _base._CACHE_MAX)
        entry = next(reversed(_base._cache.values()))
        eval_code(f"{_base._CACHE_MAX + 9}")
        self.assertIs(next(reversed(_base._cache.values())), entry)

    def test_keys_hold_every_argument(self):
        self.assertEqual(eval_code("x = 1", return_mode=ASSIGN), 1)
        self.assertIsNone(eval_code("x = 1"))
        self.assertIsNone(eval_code("1;"))
        self.assertEqual(eval_code("1;", quiet_trailing_semicolon=False), 1)
        for name in ("one.py", "two.py"):
            error = raised_by("1/0", filename=name)
            self.assertEqual(traceback.extract_tb(error.__traceback__)[-1].filename, name)

    def test_lines_follow_the_source_that_runs(self):
        """PY-07: two sources may use one filename in turn."""
        eval_code("first = 1", filename="shared.py")
        eval_code("second = 2", filename="shared.py")
        eval_code("first = 1", filename="shared.py")
        self.assertEqual(linecache.getline("shared.py", 1), "first = 1")
        eval_code("third = 3", filename="<exec>")
        self.assertNotIn("<exec>", linecache.cache)


class Runner(unittest.TestCase):
    def test_steps(self):
        """PY-04, PY-11, PY-12."""
        runner = CodeRunner("1 + 1")
        self.assertIsNone(runner.code)
        with self.assertRaisesRegex(RuntimeError, "not compiled"):
            runner.run()
        self.assertIs(runner.compile(), runner)
        self.assertEqual([runner.run(), runner.run()], [2, 2])
        with self.assertRaisesRegex(RuntimeError, "compiled already"):
            runner.compile()

    def test_tree_may_be_changed(self):
        """PY-09."""
        import ast

        runner = CodeRunner("x = 1\nx + 1")
        for node in ast.walk(runner.ast):
            if isinstance(node, ast.Constant):
                node.value = 20
        self.assertEqual(runner.compile().run(), 40)
        self.assertIsInstance(runner.ast.body[-1], ast.Expr)

    def test_code_may_be_changed(self):
        """PY-10."""
        runner = CodeRunner("1 + 1").compile()
        runner.code = compile("40 + 2", "<other>", "eval")
        self.assertEqual(runner.run(), 42)

    def test_modes(self):
        """PY-08."""
        self.assertEqual(CodeRunner("1 + 1", mode="eval").compile().run(), 2)
        self.assertIsNone(CodeRunner("x = 1", mode="single").compile().run())
        self.assertRaises(SyntaxError, CodeRunner, "x = 1", mode="eval")

    def test_await_needs_run_async(self):
        runner = CodeRunner("await x", flags=0x2000).compile()
        with self.assertRaisesRegex(RuntimeError, "run_async"):
            runner.run({"x": None})

    def test_run_async(self):
        """PY-13."""

        async def main():
            async def give(value):
                return value

            runner = CodeRunner("x = await give(20)\nx + await give(1)", flags=0x2000).compile()
            self.assertEqual(await runner.run_async({"give": give}), 21)
            self.assertEqual(await CodeRunner("1 + 1").compile().run_async(), 2)

        _drive(main())


def _drive(coroutine):
    """Runs a coroutine that never really waits."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("the coroutine waits")


class Async(unittest.TestCase):
    def test_eval_code_async(self):
        """PY-15, CHG-358: a value that is awaitable is not awaited."""

        async def give(value):
            return value

        namespace = {"give": give}
        self.assertEqual(_drive(eval_code_async("await give(5)", namespace)), 5)
        self.assertEqual(_drive(eval_code_async("x = await give(5)\nx + 1", namespace)), 6)
        self.assertEqual(_drive(eval_code_async("7")), 7)
        self.assertIsNone(_drive(eval_code_async("await give(5);", namespace)))
        coroutine = _drive(eval_code_async("give(5)", namespace))
        self.assertEqual(_drive(coroutine), 5)
        self.assertEqual(_drive(eval_code_async("[y async for y in z()]", {"z": _numbers})), [0, 1])
        self.assertEqual(hidden(namespace), [])

    def test_failure(self):
        async def fail():
            raise KeyError("k")

        namespace = {"fail": fail}
        with self.assertRaises(KeyError):
            _drive(eval_code_async("x = 1\nawait fail()", namespace))
        self.assertEqual(hidden(namespace), [])
        with self.assertRaises(SyntaxError):
            _drive(eval_code_async("1 +"))


async def _numbers():
    yield 0
    yield 1


class Imports(unittest.TestCase):
    def test_find_imports(self):
        """PY-16."""
        source = """
            import scipy, numpy as np
            import os.path
            from a.b import c
            from . import d
            from .e import f
            import scipy
            if x:
                import in_if
            else:
                import in_else
            try:
                import in_try
            except E:
                import in_except
            finally:
                import in_finally
            match m:
                case 1:
                    import in_match
            class C:
                async def f():
                    async with g:
                        import in_with
        """
        expected = "scipy numpy os a in_if in_else in_try in_except in_finally in_match in_with"
        self.assertEqual(find_imports(source), expected.split())

    def test_nothing_found(self):
        """CHG-293: source that is no Python gives nothing."""
        for source in ("import x\n1 +", "x = 'import y'", "", "import a\0", "1"):
            with self.subTest(source=source):
                self.assertEqual(find_imports(source), [])
        self.assertRaises(TypeError, find_imports, 5)

    def test_no_warnings(self):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            self.assertEqual(find_imports("import x\n'\\d'"), ["x"])
        self.assertEqual(seen, [])


class Relaxed(unittest.TestCase):
    def test_surplus_arguments_are_dropped(self):
        """PY-17, PY-18, TT-104."""

        class Class:
            def method(self, a):
                return a

            @classmethod
            def of_class(cls, a, /):
                return a

            def __call__(self, a):
                return a

        def keywords(a, b=2, *, c=3):
            return a, b, c

        cases = [
            (lambda: 0, (1, 2), {"x": 1}, 0),
            (lambda a: a, (1, 2), {}, 1),
            (keywords, (1, 5, 6), {"c": 9, "d": 8}, (1, 5, 9)),
            (lambda *a: a, (1, 2), {"x": 1}, (1, 2)),
            (lambda **k: k, (1,), {"x": 1}, {"x": 1}),
            (Class().method, (1, 2), {"self": 5}, 1),
            (Class().of_class, (1, 2), {"a": 3}, 1),
            (Class(), (1, 2), {}, 1),
            ("abc".upper, (1,), {}, "ABC"),
            (max, (1, 2), {}, 2),
        ]
        for function, args, kwargs, expected in cases:
            with self.subTest(function=function):
                self.assertEqual(relaxed_call(function, *args, **kwargs), expected)
                self.assertEqual(relaxed_wrap(function)(*args, **kwargs), expected)

    def test_missing_arguments_are_still_missing(self):
        with self.assertRaisesRegex(TypeError, "missing 1 required positional argument: 'b'"):
            relaxed_call(lambda a, b: 0, 1)

    def test_wrappers_are_seen_through(self):
        from functools import wraps

        def inner(a):
            return a

        @wraps(inner)
        def outer(*args):
            return inner(*args)

        self.assertEqual(relaxed_call(outer, 1, 2), 1)
        self.assertEqual(relaxed_wrap(inner).__name__, "inner")
