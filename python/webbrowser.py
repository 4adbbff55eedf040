"""The module ``webbrowser`` of the standard library for a Python that may itself run in a browser (PKG-38).

``open`` and its relatives open a window or tab of the browser. There is no browser to choose: every name gives the same one. Where there
is no ``window.open`` (Node, workers), they return False, as the standard module does when nothing could be opened.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Error", "get", "open", "open_new", "open_new_tab", "register"]


class Error(Exception):
    """No such browser."""


class BaseBrowser:
    """A browser: the one that Python runs in."""

    args = ["%s"]

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.basename = name

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
        """Open a URL in a new tab, or in a new window if ``new`` is 1. True if one appeared.

        Browsers block windows that do not come from a click or key press.
        """
        if not isinstance(url, str):
            raise TypeError(f"The URL must be a str, not {type(url).__name__!r}")
        sys.audit("webbrowser.open", url)
        import js

        open_window = getattr(js, "open", None)
        if open_window is None:
            return False
        # A feature list makes a window of what would be a tab.
        return bool(open_window(url, "_blank", "popup") if new == 1 else open_window(url, "_blank"))

    def open_new(self, url: str) -> bool:
        """``open(url, 1)``."""
        return self.open(url, 1)

    def open_new_tab(self, url: str) -> bool:
        """``open(url, 2)``."""
        return self.open(url, 2)


class GenericBrowser(BaseBrowser):
    """As :class:`BaseBrowser`."""


_browsers: dict[str, tuple[Callable[[], BaseBrowser] | None, BaseBrowser | None]] = {}
_default = BaseBrowser("default")


def register(name: str, klass: Callable[[], BaseBrowser] | None, instance: BaseBrowser | None = None, *, preferred: bool = False) -> None:
    """Make a controller available to :func:`get` under a name; a preferred one is used by :func:`open` too."""
    global _default
    _browsers[name.lower()] = (klass, instance)
    if preferred:
        _default = get(name)


def get(using: str | None = None) -> BaseBrowser:
    """The controller with a name, or the default one. Raises :class:`Error` for a name that nobody registered."""
    if using is None or using == "default":
        return _default
    if using.lower() not in _browsers:
        raise Error("could not locate runnable browser")
    klass, instance = _browsers[using.lower()]
    if instance is None:
        instance = klass()
        _browsers[using.lower()] = (klass, instance)
    return instance


def open(url: str, new: int = 0, autoraise: bool = True) -> bool:
    """Open a URL in a tab, or in a window if ``new`` is 1. True if one appeared."""
    return _default.open(url, new, autoraise)


def open_new(url: str) -> bool:
    """Open a URL in a new window."""
    return open(url, 1)


def open_new_tab(url: str) -> bool:
    """Open a URL in a new tab."""
    return open(url, 2)
