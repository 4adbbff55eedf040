"""The state of the interpreter that tests of libraries want back after each of them: globals, modules, JavaScript modules.

Owns what ``pyodide._api.saveState`` and ``restoreState`` do. Not here: memory snapshots (``_snapshot``).
"""

import sys

from _pyodide import _importhook


def save_state() -> dict:
    """What there is now. Pass it to :func:`restore_state`."""
    return {
        "globals": dict(sys.modules["__main__"].__dict__),
        "modules": dict(sys.modules),
        "registered": dict(_importhook._registered),
    }


def restore_state(state: dict) -> None:
    """Go back: names and modules that came later go, those that went come back."""
    namespace = sys.modules["__main__"].__dict__
    for current, before in (
        (namespace, state["globals"]),
        (sys.modules, state["modules"]),
        (_importhook._registered, state["registered"]),
    ):
        for name in [name for name in current if name not in before]:
            del current[name]
        current.update(before)
