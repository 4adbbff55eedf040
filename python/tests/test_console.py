"""Consoles: CONSOLE-01 to CONSOLE-22."""

import doctest
import sys
import types
import unittest

from pyodide import console
from pyodide.console import Console, PyodideConsole, repr_shorten, shorten

from .fake_core import host


class Case(unittest.TestCase):
    def run_lines(self, shell, *lines):
        """Pushes lines: the syntax check of each, and the outcome of the last one."""
        checks = []
        for line in lines:
            future = shell.push(line)
            checks.append(future.syntax_check)
        host.run()
        self.assertTrue(future.done())
        outcome = future.formatted_error if future.exception() else future.result()
        return " ".join(checks), outcome


class Commands(Case):
    def test_values(self):
        """CONSOLE-10, CONSOLE-13, CONSOLE-19, REPL-03."""
        shell = Console()
        for lines, checks, outcome in [
            (["1 + 1"], "complete", 2),
            (["1;"], "complete", None),
            (["x = 5"], "complete", None),
            (["x"], "complete", 5),
            (["def f(a):", "    return a + 1", ""], "incomplete incomplete complete", None),
            (["f(1)"], "complete", 2),
            (["if True:", "    3", ""], "incomplete incomplete complete", None),
            (["(", "4", ")"], "incomplete incomplete complete", 4),
            (["'''a", "b'''"], "incomplete complete", "a\nb"),
            (["[1,", "2]"], "incomplete complete", [1, 2]),
            (["@repr", "class A: pass", ""], "incomplete incomplete complete", None),
            (["a = 1\nb = 2\na + b"], "complete", 3),
            (["for i in range(2):\n    pass\ni"], "complete", 1),
            (["import asyncio; await asyncio.sleep(0, 8)"], "complete", 8),
            (["# comment"], "complete", None),
            ([""], "complete", None),
            (["x \\", "+ 1"], "incomplete complete", 6),
        ]:
            with self.subTest(lines=lines):
                self.assertEqual(self.run_lines(shell, *lines), (checks, outcome))
                self.assertEqual(shell.buffer, [])

    def test_future_features_stay(self):
        shell = Console()
        self.run_lines(shell, "from __future__ import annotations")
        self.run_lines(shell, "def g(a: missing): pass", "")
        self.assertEqual(self.run_lines(shell, "g.__annotations__")[1], {"a": "missing"})

    def test_buffer(self):
        """CONSOLE-02."""
        shell = Console()
        shell.push("def f():")
        self.assertEqual(shell.buffer, ["def f():"])
        shell.push("    return 1")
        shell.push("")
        self.assertEqual(shell.buffer, [])
        host.run()

    def test_incomplete_is_done(self):
        """CONSOLE-19."""
        future = Console().push("(")
        self.assertTrue(future.done())
        self.assertIsNone(future.result())

    def test_errors(self):
        """CONSOLE-05, CONSOLE-06, CONSOLE-18, CHG-418: clean tracebacks."""
        shell = Console()
        self.run_lines(shell, "def f():", "    return 1/0", "")
        _, text = self.run_lines(shell, "f()")
        self.assertEqual(
            text,
            'Traceback (most recent call last):\n  File "<console>", line 1, in <module>\n  File "<console>", line 2, in f\n'
            "ZeroDivisionError: division by zero\n",
        )
        self.assertIsInstance(sys.last_value, ZeroDivisionError)
        self.assertIs(sys.last_exc, sys.last_value)
        check, text = self.run_lines(shell, "1 +")
        self.assertEqual((check, text), ("syntax-error", '  File "<console>", line 1\n    1 +\n       ^\nSyntaxError: invalid syntax\n'))
        self.assertIsInstance(sys.last_value, SyntaxError)
        self.assertEqual(self.run_lines(shell, "return")[0], "syntax-error")
        _, text = self.run_lines(shell, "raise SystemExit(3)")
        self.assertEqual(text, 'Traceback (most recent call last):\n  File "<console>", line 1, in <module>\nSystemExit: 3\n')

    def test_order(self):
        """Commands run one after the other."""
        shell = Console()
        shell.globals["seen"] = seen = []
        first = shell.push("import asyncio; await asyncio.sleep(0.003); seen.append(1)")
        second = shell.push("seen.append(2)")
        host.run()
        self.assertTrue(first.done() and second.done())
        self.assertEqual(seen, [1, 2])

    def test_cancel(self):
        shell = Console()
        future = shell.push("import asyncio; await asyncio.sleep(100)")
        host.step()
        future.cancel()
        host.run()
        self.assertTrue(future.cancelled())
        self.assertEqual(self.run_lines(shell, "1")[1], 1)

    def test_namespace(self):
        """CONSOLE-07."""
        namespace = {"x": 4}
        self.assertEqual(self.run_lines(Console(namespace), "x + 1")[1], 5)
        self.assertEqual(Console().globals["__name__"], "__console__")


class Streams(Case):
    def test_redirection(self):
        """CONSOLE-01, CONSOLE-11, CONSOLE-14 to CONSOLE-16, CHG-334."""
        written, errors, asked = [], [], []

        def read(size):
            asked.append(size)
            return "a line\nand more"

        before = sys.stdin, sys.stdout, sys.stderr
        shell = Console(stdin_callback=read, stdout_callback=written.append, stderr_callback=errors.append)
        self.assertEqual(self.run_lines(shell, "import sys; print(5); print(6, file=sys.stderr)")[1], None)
        self.assertEqual(("".join(written), "".join(errors)), ("5\n", "6\n"))
        self.assertEqual(self.run_lines(shell, "input('? ')")[1], "a line")
        self.assertEqual(written[-1], "? ")
        self.assertEqual(asked, [-1])
        self.assertEqual(self.run_lines(shell, "[s.isatty() for s in (sys.stdin, sys.stdout, sys.stderr)]")[1], [True] * 3)
        self.assertEqual((sys.stdin, sys.stdout, sys.stderr), before)
        shell.stdout_callback = lambda text: written.append(text.upper())
        self.run_lines(shell, "print('later')")
        self.assertIn("LATER", written)
        with shell.redirect_streams(), shell.redirect_streams():
            print("nested")
        self.assertIn("NESTED", written)
        self.assertEqual((sys.stdin, sys.stdout, sys.stderr), before)

    def test_reading(self):
        lines = iter(["ab", "c\nd", "", "e\n"])
        shell = Console(stdin_callback=lambda size: next(lines))
        _, value = self.run_lines(shell, "import sys; sys.stdin.readline(), sys.stdin.readline(), sys.stdin.read(1), sys.stdin.readline()")
        self.assertEqual(value, ("abc\n", "d", "e", "\n"))
        shell = Console(stdin_callback=lambda size: "")
        self.assertIn("EOFError: EOF when reading a line", self.run_lines(shell, "input()")[1])
        shell = Console(stdin_callback=lambda size: 5)
        self.assertIn("TypeError: stdin_callback must return a str, not int", self.run_lines(shell, "input()")[1])

    def test_persistent(self):
        """CONSOLE-08, CONSOLE-09."""
        written = []
        before = sys.stdout
        shell = Console(stdout_callback=written.append, persistent_stream_redirection=True)
        try:
            print("now")
            shell.persistent_redirect_streams()
            self.run_lines(shell, "print('command')")
            print("after")
        finally:
            shell.persistent_restore_streams()
            shell.persistent_restore_streams()
        self.assertIs(sys.stdout, before)
        self.assertEqual("".join(written), "now\ncommand\nafter\n")


class Completion(Case):
    def test_examples(self):
        """CONSOLE-03, CONSOLE-21: the examples of the documentation are in the docstrings."""
        failed, tried = doctest.testmod(console)
        self.assertEqual(failed, 0)
        self.assertGreater(tried, 6)

    def test_complete(self):
        """CONSOLE-03, CONSOLE-04, REPL-04."""
        shell = Console({"variable": 1, "__builtins__": {}})
        self.assertEqual(shell.complete("f(vari"), (["variable"], 2))
        self.assertEqual(shell.complete(""), ([], 0))
        self.assertEqual(shell.complete("x "), ([], 2))
        shell.completer_word_break_characters = ";"
        self.assertEqual(shell.complete("a ;vari")[1], 3)


class Packages(Case):
    def test_packages_are_loaded_first(self):
        """CONSOLE-20, REPL-02."""
        seen = []

        async def load(source):
            seen.append(source)

        sys.modules["pyodide_js"] = types.SimpleNamespace(loadPackagesFromImports=load)
        try:
            self.assertEqual(self.run_lines(PyodideConsole(), "1 + 1")[1], 2)
        finally:
            del sys.modules["pyodide_js"]
        self.assertEqual(seen, ["1 + 1"])


class Shorten(unittest.TestCase):
    def test_shorten(self):
        """CONSOLE-21, CONSOLE-22."""
        self.assertEqual(shorten("abcdefgh", 4), "ab...gh")
        self.assertEqual(shorten("abcdefgh", 8), "abcdefgh")
        self.assertEqual(shorten("abcdefgh", 4, split=1, separator="-"), "a-h")
        self.assertEqual(shorten("abcdefgh", 4, split=0, separator="-"), "-")
        self.assertRaises(ValueError, repr_shorten, "x", 3)
        self.assertRaises(ValueError, shorten, "x", 3)
