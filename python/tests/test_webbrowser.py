"""The module `webbrowser` on browser APIs (PKG-38)."""

import sys
import types
import unittest
import webbrowser
from pathlib import Path


class Webbrowser(unittest.TestCase):
    def setUp(self):
        self.opened = []
        self.window = object()

        def open_window(*args):
            self.opened.append(args)
            return self.window

        sys.modules["js"] = types.SimpleNamespace(open=open_window)
        self.addCleanup(sys.modules.pop, "js")

    def test_this_is_ours(self):
        self.assertEqual(Path(webbrowser.__file__).parent, Path(__file__).parent.parent)

    def test_open(self):
        self.assertIs(webbrowser.open("http://a"), True)
        self.assertIs(webbrowser.open_new("http://b"), True)
        self.assertIs(webbrowser.open_new_tab("http://c"), True)
        self.assertEqual(self.opened, [("http://a", "_blank"), ("http://b", "_blank", "popup"), ("http://c", "_blank")])
        self.window = None  # blocked
        self.assertIs(webbrowser.open("http://a"), False)
        self.assertRaises(TypeError, webbrowser.open, 5)

    def test_no_window(self):
        sys.modules["js"] = types.SimpleNamespace()
        self.assertIs(webbrowser.open("http://a"), False)

    def test_controllers(self):
        self.assertIs(webbrowser.get().open("http://a"), True)
        self.assertRaises(webbrowser.Error, webbrowser.get, "nonsense")
        before = webbrowser.get()
        webbrowser.register("Mine", webbrowser.GenericBrowser, preferred=True)
        self.addCleanup(setattr, webbrowser, "_default", before)
        self.assertIs(webbrowser.get(), webbrowser.get("mine"))
