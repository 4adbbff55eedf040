"""What the core calls: tracebacks, dotted imports, watching, blocking (TT-109 to TT-112, JS-032, ASYNC-07, ASYNC-08, ASYNC-13, FFI-077)."""

import asyncio
import subprocess
import sys
import unittest
import warnings

from _pyodide import _hooks
from _pyodide._base import eval_code, eval_code_async

from .fake_core import JsPromise, Undefined, core, host


def raised_by(source, namespace=None, **options):
    try:
        eval_code(source, namespace, **options)
    except BaseException as error:
        # Without the frame of this function: JavaScript has none.
        return error.with_traceback(error.__traceback__.tb_next)
    raise AssertionError("nothing was raised")


class Tracebacks(unittest.TestCase):
    def check(self, source, expected, **options):
        self.assertEqual(_hooks.format_exception(raised_by(source, **options)), expected)

    def test_plain(self):
        """TT-109: no frame of Pyoxide itself."""
        head = "Traceback (most recent call last):\n"
        self.check("1/0", head + '  File "<exec>", line 1, in <module>\nZeroDivisionError: division by zero\n')
        self.check(
            "def f():\n  raise ValueError\nf()",
            head + '  File "<exec>", line 3, in <module>\n  File "<exec>", line 2, in f\nValueError\n',
        )
        self.check(
            "class E(Exception):\n  __module__ = 'm'\n  __str__ = lambda self: 1/0\nraise E",
            head + '  File "<exec>", line 4, in <module>\nm.E: <exception str() failed>\n',
        )

    def test_plain_is_what_cpython_prints(self):
        """The fast way and the module `traceback` agree."""
        for source in [
            "1/0",
            "raise KeyError('a')",
            "raise ValueError('two\\nlines')",
            "raise StopIteration",
            "class E(Exception): pass\nraise E(1, 2)",
            "class A:\n  class E(Exception): pass\nraise A.E('x')",
            "[].pop()",
            "raise OSError(2, 'gone')",
            "raise ValueError(1) from None",
            "def f(): 1/0\nlist(map(lambda x: f(), [1]))",
        ]:
            error = raised_by(source)
            with self.subTest(source=source):
                plain = _hooks._format_plain(error)
                self.assertIsNotNone(plain)
                self.assertEqual(plain, _hooks._format_elaborate(error))

    def test_elaborate(self):
        for source, fragments in [
            ("abs.foo", ["AttributeError: 'builtin_function_or_method' object has no attribute 'foo'"]),
            ("prin", ["NameError: name 'prin' is not defined. Did you mean: 'print'?"]),
            (
                "try:\n  1/0\nexcept Exception as e:\n  raise ValueError('x') from e",
                ["ZeroDivisionError: division by zero\n\nThe above exception was the direct cause", "ValueError: x\n"],
            ),
            ("try:\n  1/0\nexcept Exception:\n  raise ValueError", ["During handling of the above exception, another"]),
            ("e = ValueError('x')\ne.add_note('a note')\nraise e", ["ValueError: x\na note\n"]),
            ("raise ExceptionGroup('g', [ValueError(1)])", ["+ Exception Group Traceback", "ValueError: 1"]),
            ("def f(): f()\nf()", ["[Previous line repeated", "RecursionError"]),
        ]:
            with self.subTest(source=source):
                text = _hooks.format_exception(raised_by(source))
                for fragment in fragments:
                    self.assertIn(fragment, text)
                self.assertNotIn("_base.py", text)
                self.assertTrue(text.endswith("\n"))

    def test_source_lines(self):
        """JS-036: a file name of its own shows the lines, with the place marked."""
        text = _hooks.format_exception(raised_by("x = 1\n(x + 1) / 0", filename="mine.py"))
        self.assertIn('  File "mine.py", line 2, in <module>\n    (x + 1) / 0\n    ~~~~~~~~^~~\n', text)

    def test_syntax_error(self):
        """A SyntaxError has no frames at all."""
        self.check("1 +", '  File "<exec>", line 1\n    1 +\n       ^\nSyntaxError: invalid syntax\n')

    def test_errors_of_our_own_functions(self):
        self.assertEqual(
            _hooks.format_exception(raised_by(5)), "TypeError: The source must be a str, not 'int'\n"
        )

    def test_async(self):
        namespace = {}
        eval_code("async def g():\n  raise ValueError(3)", namespace)

        async def main():
            try:
                await eval_code_async("await g()", namespace)
            except ValueError as error:
                return _hooks.format_exception(error.with_traceback(error.__traceback__.tb_next))

        try:
            main().send(None)
        except StopIteration as stop:
            text = stop.value
        self.assertNotIn("_base.py", text)
        self.assertTrue(text.endswith('  File "<exec>", line 1, in <module>\n  File "<exec>", line 2, in g\nValueError: 3\n'), text)

    def test_never_raises(self):
        class Hostile(Exception):
            @property
            def __notes__(self):
                raise KeyError

        self.assertIn("Hostile", _hooks.format_exception(Hostile("x")))
        self.assertEqual(_hooks.format_exception(ValueError("no traceback")), "ValueError: no traceback\n")

    def test_import_hint(self):
        """PKG-07."""
        self.assertIn("has one thread", _hooks.format_exception(RuntimeError("can't start new thread")))
        self.assertNotIn("has one thread", _hooks.format_exception(RuntimeError("something else")))
        text = _hooks.format_exception(ModuleNotFoundError("No module named 'winreg'", name="winreg"))
        self.assertEqual(
            text,
            "ModuleNotFoundError: No module named 'winreg'\n"
            "The module 'winreg' of the standard library is not available in WebAssembly: it is for Windows only.\n",
        )


class DottedImports(unittest.TestCase):
    def test_found(self):
        """JS-032."""
        import os.path
        import xml.dom.minidom

        self.assertIs(_hooks.import_dotted("sys"), sys)
        self.assertIs(_hooks.import_dotted("os.path"), os.path)
        self.assertIs(_hooks.import_dotted("xml.dom.minidom"), xml.dom.minidom)
        self.assertEqual(_hooks.import_dotted("math.comb")(4, 2), 6)

    def test_not_found(self):
        for name, kind, message in [
            ("missing", ModuleNotFoundError, "No module named 'missing'"),
            ("missing.x", ModuleNotFoundError, "No module named 'missing'"),
            ("math.missing", ImportError, "cannot import name 'missing' from 'math'"),
            ("math.comb.x", ModuleNotFoundError, "No module named 'math.comb'; 'math' is not a package"),
            ("", ValueError, "Empty module name"),
            (5, TypeError, "must be a str, not 'int'"),
        ]:
            with self.subTest(name=name), self.assertRaisesRegex(kind, message):
                _hooks.import_dotted(name)


class Watching(unittest.TestCase):
    def watch(self, awaitable):
        calls = []
        _hooks.watch_awaitable(awaitable, lambda *call: calls.append(call))
        self.assertEqual(calls, [], "nothing happens before the next macrotask (ASYNC-03)")
        host.run()
        self.assertEqual(len(calls), 1)
        return calls[0]

    def test_results(self):
        """ASYNC-08, TT-102."""

        async def give(value):
            return value

        class Awaitable:
            def __await__(self):
                yield from asyncio.sleep(0).__await__()
                return 7

        self.assertEqual(self.watch(give(5)), (True, 5))
        self.assertEqual(self.watch(Awaitable()), (True, 7))
        future = asyncio.get_running_loop().create_future()
        future.set_result(6)
        self.assertEqual(self.watch(future), (True, 6))

    def test_errors(self):
        async def fail():
            raise KeyError("k")

        ok, error = self.watch(fail())
        self.assertFalse(ok)
        self.assertIsInstance(error, Undefined)
        self.assertIsInstance(error.exception, KeyError)
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        self.assertIsInstance(self.watch(future)[1].exception, asyncio.CancelledError)

    def test_interrupts_reach_the_promise_only(self):
        """ASYNC-16: KeyboardInterrupt in a task does not end the host."""
        for kind in (KeyboardInterrupt, SystemExit):

            async def fail(kind=kind):
                raise kind

            self.assertIsInstance(self.watch(fail())[1].exception, kind)

    def test_promises(self):
        """ASYNC-07."""
        promise = JsPromise(None)

        async def main():
            return await promise

        task = asyncio.ensure_future(main())
        host.run()
        self.assertFalse(task.done())
        promise.settle(True, 9)
        self.assertEqual(host.finish(task), 9)


class Blocking(unittest.TestCase):
    def setUp(self):
        host.can_suspend = True

    def tearDown(self):
        host.can_suspend = False
        self.assertEqual(host.live, [])

    def test_results(self):
        """FFI-077, ASYNC-13."""
        from pyodide.ffi import run_sync

        async def give(value):
            await asyncio.sleep(0.001)
            return value

        self.assertEqual(run_sync(give(5)), 5)
        self.assertEqual(run_sync(asyncio.ensure_future(give(6))), 6)
        promise = JsPromise(None)
        asyncio.get_running_loop().call_later(0.001, promise.settle, True, 8)
        self.assertEqual(run_sync(promise), 8)

    def test_errors(self):
        from pyodide.ffi import run_sync

        async def fail():
            raise KeyError("k")

        with self.assertRaises(KeyError):
            run_sync(fail())
        for wrong in (5, None, "x"):
            with self.assertRaisesRegex(TypeError, "needs an awaitable"):
                run_sync(wrong)

    def test_impossible(self):
        from pyodide.ffi import run_sync

        host.can_suspend = False
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with self.assertRaisesRegex(RuntimeError, "Cannot block here"):
                run_sync(asyncio.sleep(0))

    def test_inside_of_tasks(self):
        """ASYNC-14 as far as asyncio is concerned: the current task belongs to the stack."""
        from pyodide.ffi import run_sync

        seen = []

        async def worker(number):
            task = asyncio.current_task()
            for _ in range(3):
                run_sync(asyncio.sleep(0.001))
                seen.append(number)
                self.assertIs(asyncio.current_task(), task)
            await asyncio.sleep(0)
            return number

        async def main():
            return await asyncio.gather(*map(worker, range(4)))

        self.assertEqual(host.finish(main()), [0, 1, 2, 3])
        self.assertEqual(sorted(seen), [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3])

    def test_interrupted(self):
        from pyodide.ffi import run_sync

        future = asyncio.get_running_loop().create_future()

        def interrupt(promise):
            raise KeyboardInterrupt

        original, core.run_sync = core.run_sync, interrupt
        try:
            with self.assertRaises(KeyboardInterrupt):
                run_sync(future)
        finally:
            core.run_sync = original
        self.assertTrue(future.cancelled())
        host.run()


# A core of two classes is enough to import what start-up imports.
START = """
import sys
class Core(type(sys)):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})
sys.modules["_pyodide_core"] = Core("_pyodide_core")
version = type(sys)("_pyodide._version")
version.VERSION = "1"
sys.modules["_pyodide._version"] = version
import _pyodide._importhook, _pyodide._hooks, pyodide.code
pyodide.code.eval_code("x = 1\\nx + 1", {})
try:
    pyodide.code.eval_code("1/0")
except ZeroDivisionError as error:
    _pyodide._hooks.format_exception(error)
print(sorted({"asyncio", "traceback", "ast", "tokenize", "typing", "inspect", "re", "__future__"} & set(sys.modules)))
"""


class Start(unittest.TestCase):
    def test_few_modules(self):
        """Start-up, running source and plain errors need no module that start-up would have to load."""
        done = subprocess.run([sys.executable, "-S", "-c", START], capture_output=True, text=True)
        self.assertEqual((done.stdout, done.stderr), ("[]\n", ""))
