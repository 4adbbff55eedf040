"""Snapshots of linear memory: what Python does before one is made and after one was put back.

Owns the contract with ``runtime/src/snapshot``. Not here: reading and writing memory, files and JavaScript objects.

Invariants: ``refresh`` leaves nothing of the process in which the snapshot was made that the user of another process could see: its
environment, time zone and random numbers; it imports nothing.
"""

import sys

_TICKS_MAX = 100


def prepare() -> str | None:
    """Make the heap fit to be saved. Returns what cannot be saved, as the end of a sentence, or None."""
    threading = sys.modules.get("threading")
    if threading is not None and threading.active_count() > 1:
        return "threads: join them first"
    webloop = sys.modules.get("pyodide.webloop")
    if webloop is not None:
        loop = webloop.main_loop()
        # What is ready would run before any later call into Python.
        for _ in range(_TICKS_MAX):
            if loop._tick_id is None:
                break
            webloop.cancel(loop._tick_id)
            loop._tick()
        if pending := [task for task in sys.modules["asyncio"].all_tasks(loop) if not task.done()]:
            return f"tasks that are not done: {pending[0]!r}"
        if loop._ready or loop._scheduled:
            return "callbacks of the event loop that have not run: wait for them first"
    socket = sys.modules.get("socket")
    if socket is not None:
        import gc

        for thing in gc.get_objects():
            if isinstance(thing, socket.socket) and thing.fileno() >= 0:
                return f"open sockets: close {thing!r}"
    _clear_caches()
    return None


def _clear_caches():
    import gc

    for name in ("stdout", "stderr"):
        stream = getattr(sys, name, None)
        if stream is not None:
            stream.flush()
    if "linecache" in sys.modules:
        sys.modules["linecache"].clearcache()
    for finder in list(sys.path_importer_cache.values()):
        # Archives do not change; what directories hold may.
        if type(finder).__name__ == "FileFinder":
            finder.invalidate_caches()
    for _ in range(2):
        gc.collect()


def refresh(*environment: str) -> None:
    """Make fresh what belongs to this process; ``environment`` are all its variables, as ``NAME=value``."""
    import os
    import posix
    import time

    variables = dict(item.split("=", 1) for item in environment)
    home = os.environ.get("HOME")
    locale = _locale_of(os.environ)
    for name in [name for name in os.environ if name not in variables]:
        del os.environ[name]
        posix.environ.pop(os.fsencode(name), None)
    for name, value in variables.items():
        if os.environ.get(name) != value:
            os.environ[name] = value
            posix.environ[os.fsencode(name)] = os.fsencode(value)
    if _locale_of(os.environ) != locale:
        import _locale

        try:
            _locale.setlocale(_locale.LC_CTYPE, "")
        except _locale.Error:
            pass  # as at a normal start: an unknown locale is none
    _refresh_time_zone()
    modules = sys.modules
    if "site" in modules and os.environ.get("HOME") != home:
        site = modules["site"]
        site.USER_BASE = site.USER_SITE = None
    if "random" in modules:
        modules["random"].seed()
    if "tempfile" in modules:
        modules["tempfile"]._name_sequence = None
    if "logging" in modules:
        modules["logging"]._startTime = time.time_ns()


def _refresh_time_zone():
    """What ``time`` finds out when it is first imported: the zone in the middle of this winter and of this summer."""
    import time

    year = (365 * 24 + 6) * 3600
    january = time.localtime(int(time.time()) // year * year)
    july = time.localtime(int(time.time()) // year * year + year // 2)
    # South of the equator summer is in January.
    standard, summer = (january, july) if january.tm_gmtoff <= july.tm_gmtoff else (july, january)
    time.timezone = -standard.tm_gmtoff
    time.altzone = -summer.tm_gmtoff
    time.daylight = int(standard.tm_gmtoff != summer.tm_gmtoff)
    time.tzname = (standard.tm_zone, summer.tm_zone)


def _locale_of(environ):
    return environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG")


# ---- who holds a JavaScript object ----

_OBJECTS_MAX = 200_000


def find_holder(is_wanted) -> str | None:
    """The path, from a module on, of a proxy of a JavaScript object for which ``is_wanted`` says yes."""
    from _pyodide_core import JsProxy

    seen = set()
    pending = [(name, module) for name, module in list(sys.modules.items()) if module is not None]
    # The user's own names first.
    pending.sort(key=lambda item: item[0] != "__main__")
    for path, thing in pending:
        if len(seen) > _OBJECTS_MAX:
            return None
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, JsProxy):
            if is_wanted(thing):
                return path
            continue
        pending.extend((path + step, member) for step, member in _members(thing))
    return None


def _members(thing):
    if isinstance(thing, dict):
        for key, value in list(thing.items()):
            yield f"[{key!r}]", value
        return
    if isinstance(thing, (list, tuple)):
        for index, value in enumerate(thing):
            yield f"[{index}]", value
        return
    if isinstance(thing, (set, frozenset)):
        for value in list(thing):
            yield "{...}", value
        return
    names = getattr(thing, "__dict__", None)
    if names is not None:
        for name, value in list(names.items()):
            yield f".{name}", value
    for index, cell in enumerate(getattr(thing, "__closure__", None) or ()):
        try:
            yield f".__closure__[{index}]", cell.cell_contents
        except ValueError:
            pass  # an empty cell
    function = getattr(thing, "__func__", None)
    if function is not None:
        yield ".__func__", function
    owner = getattr(thing, "__self__", None)
    if owner is not None and not isinstance(owner, type(sys)):
        yield ".__self__", owner
