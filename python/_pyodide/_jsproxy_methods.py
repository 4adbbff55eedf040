"""Bodies of the JsProxy methods that are best said in Python.

The core calls ``<class>_<method>(self, ...)`` from here (crates/pyoxide-core/src/jsproxy/methods.rs); the module is imported when such a
method is first used. Indices and wording of errors are those of ``list`` and ``dict``.
"""

from collections.abc import ItemsView, KeysView, ValuesView

from _pyodide_core import JsProxy

_MISSING = object()


# ---- JsDoubleProxy ----


def double_proxy_destroy(self):
    from _pyodide_core import destroy_proxy

    destroy_proxy(self)


def double_proxy_unwrap(self):
    from _pyodide_core import unwrap_proxy

    return unwrap_proxy(self)


def double_proxy___enter__(self):
    return self


def double_proxy___exit__(self, *_error):
    from _pyodide_core import destroy_proxy

    destroy_proxy(self)


# ---- JsDisposable, JsAsyncDisposable ----


def disposable___enter__(self):
    return self


def disposable___exit__(self, *_error):
    from _pyodide_core import js_method

    js_method(self, "@@dispose")


async def async_disposable___aenter__(self):
    return self


async def async_disposable___aexit__(self, *_error):
    from _pyodide_core import js_method

    # A method that returns nothing has nothing to wait for.
    waiting = js_method(self, "@@asyncDispose")
    if waiting is not None:
        await waiting


# ---- JsArray ----


def _same(a, b):
    return a is b or a == b


def _clamp(index, length):
    if index < 0:
        index += length
    return min(max(index, 0), length)


def array_append(self, object, /):
    length = len(self)
    self[length:length] = [object]


def array_extend(self, iterable, /):
    length = len(self)
    self[length:length] = iterable


def array_insert(self, index, object, /):
    index = _clamp(index, len(self))
    self[index:index] = [object]


def array_pop(self, index=-1, /):
    length = len(self)
    if not length:
        raise IndexError("pop from empty JsArray")
    if not -length <= index < length:
        raise IndexError("pop index out of range")
    value = self[index]
    del self[index]
    return value


def array_remove(self, object, /):
    for index, value in enumerate(self):
        if _same(value, object):
            del self[index]
            return
    raise ValueError(f"{object!r} is not in the JsArray")


def array_index(self, value, start=0, stop=9223372036854775807, /):
    length = len(self)
    for index in range(_clamp(start, length), _clamp(min(stop, length) if stop >= 0 else stop, length)):
        if _same(self[index], value):
            return index
    raise ValueError(f"{value!r} is not in the JsArray")


def array_count(self, value, /):
    return sum(1 for item in self if _same(item, value))


def array_reverse(self):
    from _pyodide_core import js_method

    len(self)  # refuses an Array that says it has billions of elements
    # Not item by item: null would become undefined on its way through Python.
    js_method(self, "reverse")


def array_clear(self):
    del self[:]


def array_copy(self):
    return self[:]


def array___reversed__(self):
    for index in range(len(self) - 1, -1, -1):
        yield self[index]


def array_concat(self, other, /):
    if not isinstance(other, (list, tuple, JsProxy)):
        raise TypeError(f"can only concatenate a list, tuple or JsArray (not {type(other).__name__!r}) to a JsArray")
    result = self[:]
    array_extend(result, other)
    return result


def array_inplace_concat(self, other, /):
    array_extend(self, other)
    return self


def array_repeat(self, count, /):
    values = list(self)
    result = self[:0]
    for _ in range(count):
        array_extend(result, values)
    return result


def array_inplace_repeat(self, count, /):
    if count <= 0:
        del self[:]
    else:
        values = list(self)
        for _ in range(count - 1):
            array_extend(self, values)
    return self


# ---- JsMap, JsMutableMap ----


def map_get(self, key, default=None, /):
    try:
        return self[key]
    except KeyError:
        return default


def map_keys(self):
    return KeysView(self)


def map_values(self):
    return ValuesView(self)


def map_items(self):
    return ItemsView(self)


def mutable_map_clear(self):
    for key in list(self):
        del self[key]


def mutable_map_pop(self, key, default=_MISSING, /):
    try:
        value = self[key]
    except KeyError:
        if default is _MISSING:
            raise
        return default
    del self[key]
    return value


def mutable_map_popitem(self):
    for key in self:
        value = self[key]
        del self[key]
        return key, value
    raise KeyError("popitem(): the map is empty")


def mutable_map_setdefault(self, key, default=None, /):
    try:
        return self[key]
    except KeyError:
        self[key] = default
        return default


def mutable_map_update(self, other=(), /, **kwargs):
    if hasattr(type(other), "keys") or hasattr(other, "keys"):
        for key in other.keys():
            self[key] = other[key]
    elif other is not None:
        for key, value in other:
            self[key] = value
    for key, value in kwargs.items():
        self[key] = value


# ---- JsAsyncIterator, JsAsyncGenerator ----


async def _step(self, method, *args):
    from _pyodide_core import js_method

    result = await js_method(self, method, *args)
    if result.done:
        raise StopAsyncIteration
    return result.value


def async_iterator_anext(self):
    return _step(self, "next")


def async_generator_asend(self, value, /):
    return _step(self, "next", value)


def async_generator_athrow(self, error, value=None, traceback=None, /):
    if isinstance(error, type):
        error = error() if value is None else value if isinstance(value, BaseException) else error(value)
    if not isinstance(error, JsProxy):
        from _pyodide_core import js_error

        error = js_error(error)
    return _step(self, "throw", error)


async def async_generator_aclose(self):
    from _pyodide_core import js_method

    result = await js_method(self, "return")
    if not result.done:
        raise RuntimeError("JavaScript async generator ignored return")


# ---- JsProxy, JsException ----


def object_signatures_bind_sig(self, signature, /):
    from _pyodide._signatures import bind_function

    return bind_function(self, signature)


def object_signatures_bind_class(self, cls, /):
    from _pyodide._signatures import bind_class

    return bind_class(self, cls)


def callable_bind(self, *args):
    if len(args) == 1 and isinstance(args[0], type):
        return object_signatures_bind_class(self, args[0])
    from _pyodide_core import js_method

    return js_method(self, "bind", *args)


def object_as_py_json(_self):
    """Lets ``json.dumps`` take the views that ``as_py_json()`` makes: it asks ``default`` for what is neither dict nor list."""
    from json import JSONEncoder

    from _pyodide_core import is_json

    usual = JSONEncoder.default
    if getattr(usual, "takes_views", False):
        return

    def default(self, o):
        return o.to_py() if is_json(o) else usual(self, o)

    default.takes_views = True
    default.__doc__ = usual.__doc__
    JSONEncoder.default = default


def object_map_iter(self):
    return iter(self.object_keys())


def object_all(self):
    return [name for name in self.object_keys() if not name.startswith("_")]


def exception_reduce(self):
    parts = [getattr(self, name, None) for name in ("name", "message", "stack")]
    return rebuild_exception, (*parts, self.args)


_ERROR_CLASSES = ("EvalError", "RangeError", "ReferenceError", "SyntaxError", "TypeError", "URIError")


def rebuild_exception(name, message, stack, args):
    """What copying and unpickling make of a JsException: a new JavaScript error that says the same. Of what Python made, another one of its kind."""
    import js
    from pyodide.ffi import JsException

    constructor = getattr(js, name if name in _ERROR_CLASSES else "Error", None)
    if isinstance(message, str) and constructor is not None:
        error = constructor.new(message)
        if error.name != name and isinstance(name, str):
            error.name = name
        if isinstance(stack, str):
            error.stack = stack
        return error
    exception = JsException(*(args or (f"{name}: {message}",)))
    exception.name, exception.message, exception.stack = name, message, stack
    return exception


def _rename_as_called():
    """Errors about arguments name the function: as the method that was called, not as the body that it has here."""
    prefixes = {"double_proxy_": "JsDoubleProxy", "array_": "JsArray", "mutable_map_": "JsMutableMap", "map_": "JsMap", "async_generator_": "JsAsyncGenerator", "async_iterator_": "JsAsyncIterator"}
    for name, value in list(globals().items()):
        for prefix, owner in prefixes.items():
            if name.startswith(prefix):
                value.__name__ = name.removeprefix(prefix)
                value.__qualname__ = f"{owner}.{value.__name__}"
                break


_rename_as_called()
