"""Event listeners and timers (FFI-079 to FFI-084), `pyodide.ffi`, `pyodide.code` and the root package (PY-03, PY-19, FFI-078)."""

import subprocess
import sys
import types
import unittest

import pyodide
from pyodide.ffi import wrappers

from .fake_core import JsProxy, core, host


class Target:
    """An EventTarget."""

    def __init__(self):
        self.listeners = []
        self.broken = False

    def addEventListener(self, event, proxy):
        if self.broken:
            raise ValueError
        self.listeners.append((event, proxy))

    def removeEventListener(self, event, proxy):
        self.listeners.remove((event, proxy))


class Listeners(unittest.TestCase):
    def tearDown(self):
        self.assertEqual((host.live, wrappers._listeners), ([], {}))

    def listener(self, event):
        pass

    def test_add_and_remove(self):
        """FFI-079, FFI-080."""
        target = Target()
        elements = [JsProxy(target), JsProxy(target)]
        unhashable = type("Listener", (), {"__call__": lambda self, event: None, "__eq__": lambda self, other: self is other})()
        for listener in (self.listener, print, unhashable):
            wrappers.add_event_listener(elements[0], "click", listener)
            wrappers.add_event_listener(elements[1], "click", listener)
        self.assertEqual(len(target.listeners), 3)
        self.assertEqual(len(host.live), 3)
        for listener in (self.listener, print, unhashable):
            wrappers.remove_event_listener(elements[1], "click", listener)
        self.assertEqual(target.listeners, [])

    def test_not_added(self):
        element = JsProxy(Target())
        with self.assertRaisesRegex(KeyError, "was not added for 'click'"):
            wrappers.remove_event_listener(element, "click", print)
        element.target.broken = True
        self.assertRaises(ValueError, wrappers.add_event_listener, element, "click", print)


class Timers(unittest.TestCase):
    def setUp(self):
        self.timers = {}
        numbers = iter(range(1, 100))

        def start(callback, delay):
            number = next(numbers)
            self.timers[number] = callback
            return number if delay < 100 else JsProxy(types.SimpleNamespace(number=number))

        def clear(timer):
            self.timers.pop(timer if isinstance(timer, int) else timer.number, None)

        sys.modules["js"] = types.SimpleNamespace(setTimeout=start, setInterval=start, clearTimeout=clear, clearInterval=clear)
        self.addCleanup(sys.modules.pop, "js")

    def tearDown(self):
        self.assertEqual((host.live, wrappers._timeouts, wrappers._intervals), ([], {}, {}))

    def test_timeouts(self):
        """FFI-081, FFI-082: numbers, and objects as in Node."""
        for delay in (1, 100):
            called = []
            timer = wrappers.set_timeout(lambda: called.append(1), delay)
            self.assertEqual(len(host.live), 1)
            self.timers.popitem()[1]()
            self.assertEqual(called, [1])
            self.assertEqual(host.live, [])
            wrappers.clear_timeout(timer)
            wrappers.clear_timeout(wrappers.set_timeout(called.append, delay))
            self.assertEqual(self.timers, {})

    def test_intervals(self):
        """FFI-083, FFI-084."""
        for delay in (1, 100):
            timer = wrappers.set_interval(print, delay)
            self.assertEqual(len(host.live), 1)
            wrappers.clear_interval(timer)
            self.assertEqual(host.live, [])

    def test_failures_leave_nothing(self):
        def fail(callback, delay):
            raise ValueError

        sys.modules["js"].setTimeout = sys.modules["js"].setInterval = fail
        self.assertRaises(ValueError, wrappers.set_timeout, print, 1)
        self.assertRaises(ValueError, wrappers.set_interval, print, 1)


class Packages(unittest.TestCase):
    def test_star_import(self):
        """FFI-078."""
        namespace = {}
        exec("from pyodide.ffi import *\nfrom pyodide.code import *\nfrom pyodide.console import *\nfrom pyodide.http import *", namespace)
        for name in "JsProxy to_js create_proxy run_sync register_js_module eval_code run_js Console repr_shorten pyfetch".split():
            self.assertIn(name, namespace)

    def test_root(self):
        """PY-03: nothing but the submodules at the root."""
        self.assertEqual(pyodide.__version__, "1.2.3")
        for name in ("code", "console", "ffi", "http", "webloop"):
            self.assertIsInstance(getattr(pyodide, name), types.ModuleType)
            self.assertIn(name, dir(pyodide))
        for name in ("eval_code", "to_js", "open_url", "missing"):
            self.assertFalse(hasattr(pyodide, name))

    def test_run_js(self):
        """PY-19."""
        from pyodide.code import run_js

        self.assertEqual(run_js("1"), "evaluated 1")
        with self.assertRaisesRegex(TypeError, "needs a str, not 'int'"):
            run_js(5)

    def test_bigint_and_null(self):
        from pyodide.ffi import JsBigInt, jsnull

        self.assertIs(jsnull, core.jsnull)
        self.assertIs(JsBigInt, core.JsBigInt)


class Streams(unittest.TestCase):
    def test_flush_reaches_the_device(self):
        """IO-13."""
        script = (
            "import os, sys\nsynced = []\nos.fsync = synced.append\nfrom _pyodide import _streams\n"
            "sys.stdout.write('before ')\n_streams.install()\n_streams.install()\n"
            "print('part', end='')\nassert not synced\nsys.stdout.flush()\nprint('', synced, sys.stdout is sys.__stdout__, sys.stdout.mode)\n"
            "def fail(fd): raise OSError(5, 'I/O error')\nos.fsync = fail\n"
            "try: sys.stdout.flush()\nexcept OSError as e: print(e)\n"
            "def fail(fd): raise OSError(22, 'cannot')\nos.fsync = fail\nsys.stdout.flush()\n"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        self.assertEqual(done.stdout, "before part [1] True w\n[Errno 5] I/O error\n", done.stderr)
