"""Snapshots of linear memory: what Python does before one is made.

Owns the contract with ``runtime/src/snapshot``. Not here: reading and writing memory, files and JavaScript objects; what is made fresh after
a start from one (``crates/pyoxide-core/src/refresh.rs``).

Invariants: what cannot be saved is told, and nothing is changed by asking.
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


# ---- who holds a JavaScript object ----

_OBJECTS_MAX = 500_000
_LEAVES = (str, bytes, int, float, complex, type(None), type(Ellipsis), type((lambda: 0).__code__))


def find_holder(is_wanted) -> str | None:
    """The path, from a module on, of a proxy of a JavaScript object for which ``is_wanted`` says yes."""
    from _pyodide_core import JsProxy

    # Breadth first; each entry knows the one that it was reached from. The user's own names come first.
    entries = [(None, None, name, module) for name, module in sorted(sys.modules.items(), key=lambda item: item[0] != "__main__")]
    seen = {id(entries)}
    for index, (_, _, _, thing) in enumerate(entries):
        if isinstance(thing, JsProxy):
            if is_wanted(thing):
                return _path_of(entries, index)
            continue
        for form, key, member in _members(thing):
            if not isinstance(member, _LEAVES) and id(member) not in seen and len(seen) < _OBJECTS_MAX:
                seen.add(id(member))
                entries.append((index, form, key, member))
    return None


def _path_of(entries, index):
    steps = []
    while index is not None:
        index, form, key, _ = entries[index]
        if form is None:
            steps.append(key)
        elif form == "attribute":
            steps.append(f".{key}")
        else:
            text = repr(key)
            steps.append(f"[{text if len(text) <= 60 else text[:57] + '...'}]")
    return "".join(reversed(steps))


def _members(thing):
    """The objects that an object refers to, and how; nothing of it runs code of the user."""
    kind = type(thing)
    if issubclass(kind, dict):
        for key, value in list(dict.items(thing)):
            yield "item", key, value
            yield "item", key, key
    elif issubclass(kind, (list, tuple)):
        for index, value in enumerate((list if issubclass(kind, list) else tuple).__iter__(thing)):
            yield "item", index, value
    elif issubclass(kind, (set, frozenset)):
        for value in list((set if issubclass(kind, set) else frozenset).__iter__(thing)):
            yield "item", value, value
    elif kind is _FunctionType:
        names = thing.__code__.co_freevars
        for name, cell in zip(names, thing.__closure__ or ()):
            yield "attribute", f"__closure__[{name!r}]", cell
        for name in ("__defaults__", "__kwdefaults__", "__dict__"):
            if (value := getattr(thing, name)) is not None:
                yield "attribute", name, value
    else:
        # Whatever else it is: what its type's own traversal shows, under the names that its namespace has for it.
        import gc

        namespace = None
        try:
            namespace = object.__getattribute__(thing, "__dict__")
        except (AttributeError, TypeError):
            pass
        if namespace is not None:
            for name, value in list(namespace.items()):
                yield "attribute", name, value
        for value in gc.get_referents(thing):
            if value is not namespace and not isinstance(value, type):
                yield "attribute", f"<{type(value).__name__}>", value


_FunctionType = type(find_holder)
