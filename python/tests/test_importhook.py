"""JavaScript objects as modules, and hints for missing ones (PY-01, JS-035, JS-046, FFI-074, FFI-076, TT-119, PKG-07, PKG-40)."""

import collections.abc
import importlib.util
import sys
import types
import unittest

from _pyodide import _importhook
from _pyodide._importhook import hint_for, register_js_module, set_package_lookup, unregister_js_module

from .fake_core import JsProxy, core


class JavaScriptModules(unittest.TestCase):
    def setUp(self):
        inner = types.SimpleNamespace(c=2, f=lambda x: x + 1)
        self.target = types.SimpleNamespace(a=1, b=inner)
        register_js_module("shop", JsProxy(self.target))
        self.addCleanup(self.forget)

    def forget(self):
        _importhook._registered.pop("shop", None)
        for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
            del sys.modules[name]

    def test_import(self):
        """PY-01, TT-119: attributes are read and written through."""
        import shop
        from shop import a

        self.assertIsInstance(shop, JsProxy)
        self.assertEqual((a, shop.b.c), (1, 2))
        shop.a = 5
        self.assertEqual(self.target.a, 5)
        self.assertEqual(shop.__spec__.origin, "javascript")

    def test_submodules(self):
        """JS-035: nested objects are submodules."""
        import shop.b
        from shop.b import c, f

        self.assertEqual((c, f(1), shop.b.c), (2, 2, 2))
        self.assertIn("shop.b", sys.modules)

    def test_missing(self):
        with self.assertRaises(ImportError) as caught:
            from shop import nothing
        self.assertIn("cannot import name 'nothing' from 'shop'", str(caught.exception))
        for name in ("shop.nothing", "shop.a"):
            with self.assertRaisesRegex(ModuleNotFoundError, f"No module named '{name}'"):
                importlib.import_module(name)

    def test_not_a_package(self):
        """The text of section D: an object that is in sys.modules directly has no submodules."""
        sys.modules["mymodule"] = JsProxy(types.SimpleNamespace(obj=types.SimpleNamespace(value=7)))
        self.addCleanup(sys.modules.pop, "mymodule")
        from mymodule import obj

        self.assertEqual(obj.value, 7)
        with self.assertRaises(ModuleNotFoundError) as caught:
            from mymodule.obj import value
        self.assertEqual(str(caught.exception), "No module named 'mymodule.obj'; 'mymodule' is not a package")

    def test_registering_again(self):
        import shop

        register_js_module("shop", JsProxy(types.SimpleNamespace(a=9)))
        self.assertIs(sys.modules["shop"], shop)
        del sys.modules["shop"]
        from shop import a

        self.assertEqual(a, 9)

    def test_unregistering(self):
        """JS-046, FFI-076: sys.modules keeps what was imported."""
        import shop

        unregister_js_module("shop")
        self.assertIs(sys.modules["shop"], shop)
        del sys.modules["shop"]
        with self.assertRaises(ModuleNotFoundError):
            import shop
        with self.assertRaisesRegex(ValueError, "No JavaScript module is registered under the name 'shop'"):
            unregister_js_module("shop")

    def test_wrong_arguments(self):
        for name, module in [(5, JsProxy(None)), ("x", {}), ("x", None)]:
            with self.subTest(name=name), self.assertRaises(TypeError):
                register_js_module(name, module)
        self.assertRaises(TypeError, unregister_js_module, 5)

    def test_find_spec(self):
        self.assertEqual(importlib.util.find_spec("shop").origin, "javascript")
        self.assertIsNone(importlib.util.find_spec("surely_missing"))

    def test_python_modules_come_first(self):
        register_js_module("colorsys", JsProxy(types.SimpleNamespace()))
        self.addCleanup(unregister_js_module, "colorsys")
        import colorsys

        self.assertIsInstance(colorsys, types.ModuleType)


class AbstractBases(unittest.TestCase):
    def test_proxies_are_what_they_look_like(self):
        """FFI-012, FFI-054, FFI-059, FFI-070."""
        abc = collections.abc
        for name, bases in [
            ("JsArray", (abc.MutableSequence, abc.Sequence, abc.Iterable)),
            ("JsMap", (abc.Mapping,)),
            ("JsMutableMap", (abc.MutableMapping, abc.Mapping)),
            ("JsIterator", (abc.Iterator, abc.Iterable)),
            ("JsGenerator", (abc.Generator, abc.Iterator)),
            ("JsAsyncGenerator", (abc.AsyncGenerator, abc.AsyncIterator)),
            ("JsPromise", (abc.Awaitable,)),
            ("JsCallable", (abc.Callable,)),
        ]:
            for base in bases:
                self.assertTrue(issubclass(getattr(core, name), base), (name, base))
        self.assertFalse(issubclass(core.JsProxy, abc.Iterable))

    def test_patterns(self):
        """TT-048: a match statement knows sequences and mappings by their type's flags."""
        match core.JsArray([]):
            case [*_]:
                pass
            case _:
                self.fail("no sequence")


class Hints(unittest.TestCase):
    def tearDown(self):
        set_package_lookup(None)

    def test_standard_library(self):
        """PKG-07, PKG-40."""
        for name in "_curses dbm ensurepip grp idlelib lib2to3 msvcrt pwd resource syslog tkinter turtle venv winreg".split():
            if name not in sys.modules:
                self.assertRegex(hint_for(name), rf"^The module '{name}' of the standard library is not .*\.\n$")
        self.assertIn("'tkinter'", hint_for("tkinter.ttk"))
        self.assertEqual(hint_for("surely_missing"), "")
        self.assertEqual(hint_for("sys"), "")
        self.assertEqual(hint_for(None), "")

    def test_packages(self):
        set_package_lookup({"skimage": "scikit-image"}.get)
        self.assertIn('pyodide.loadPackage("scikit-image")', hint_for("skimage.io"))
        self.assertRegex(hint_for("surely_missing.part"), "has the module 'surely_missing'.*micropip.install")


class Asyncio(unittest.TestCase):
    def test_loop_is_there_after_the_import(self):
        """ASYNC-01."""
        import asyncio

        from pyodide.webloop import WebLoop

        self.assertIsInstance(asyncio.get_running_loop(), WebLoop)
        self.assertIs(asyncio.get_event_loop(), asyncio.get_running_loop())
        self.assertEqual(type(asyncio.__spec__.loader).__module__.partition(".")[0], "_frozen_importlib_external")
