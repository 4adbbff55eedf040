"""Python signatures for JavaScript functions and classes: ``bind_sig``, ``bind_class`` and ``bind`` of JsProxy (features.md ROAD-22 to ROAD-24).

A signature says what JavaScript cannot tell: which arguments are options. Keyword-only parameters become one object, the last argument;
dicts and lists in it are converted, at every depth, because JavaScript takes options apart. Positional parameters are passed as usual;
those annotated as ``dict``, ``list`` or ``Json`` are converted too.

Invariants: a call that does not fit the signature raises TypeError before JavaScript sees anything of it; what the function, class or
object is to JavaScript does not change.
"""

from inspect import Parameter, Signature, signature

from _pyodide_core import JsCallable, JsProxy, bound, js_eval, to_js

_CONVERTED = (dict, list, tuple)
_from_entries = None


def _plain(value):
    """Containers as JavaScript's own, with plain objects for dicts; anything else as it is."""
    global _from_entries
    if not isinstance(value, _CONVERTED):
        return value
    if _from_entries is None:
        import js

        try:
            _from_entries = js.Object.fromEntries
        except AttributeError:  # a global object of the embedder's own
            _from_entries = js_eval("Object.fromEntries")
    return to_js(value, dict_converter=_from_entries)


def _is_json(annotation) -> bool:
    if isinstance(annotation, str):
        annotation = annotation.partition("[")[0].rpartition(".")[2]
        return annotation in ("Json", "dict", "list", "Mapping", "Sequence")
    origin = getattr(annotation, "__origin__", annotation)
    return origin in (dict, list) or getattr(origin, "__name__", None) in ("Json", "Mapping", "Sequence")


class _Shape:
    """How the arguments of a Python signature become those of a JavaScript function."""

    __slots__ = ("converted", "keywords", "positional", "signature")

    def __init__(self, function, skips_self: bool):
        given = signature(function)
        parameters = list(given.parameters.values())
        if skips_self and parameters and parameters[0].name in ("self", "cls"):
            parameters = parameters[1:]
        self.signature = Signature(parameters, return_annotation=given.return_annotation)
        fixed = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
        self.positional = [parameter for parameter in parameters if parameter.kind in fixed]
        self.keywords = [parameter for parameter in parameters if parameter.kind is Parameter.KEYWORD_ONLY]
        self.converted = {parameter.name for parameter in parameters if _is_json(parameter.annotation)}

    def arguments(self, args, kwargs):
        """Positional arguments and options. Raises TypeError for what does not fit."""
        given = self.signature.bind(*args, **kwargs).arguments
        options = {}
        for parameter in self.keywords:
            value = given.get(parameter.name, parameter.default)
            if value is not Parameter.empty and (value is not None or parameter.name in given):
                options[parameter.name] = _plain(value)
        rest = []
        for parameter in self.signature.parameters.values():
            if parameter.kind is Parameter.VAR_KEYWORD:
                options.update((name, _plain(value)) for name, value in given.get(parameter.name, {}).items())
            elif parameter.kind is Parameter.VAR_POSITIONAL:
                rest = given.get(parameter.name, ())
        values = []
        last = len(self.positional) if options or rest else max((i + 1 for i, p in enumerate(self.positional) if p.name in given), default=0)
        for parameter in self.positional[:last]:
            default = None if parameter.default is Parameter.empty else parameter.default
            value = given.get(parameter.name, default)
            values.append(_plain(value) if parameter.name in self.converted else value)
        return [*values, *rest], options


class _Through:
    """What a proxy with signatures works through: called, constructed and asked for attributes in its place."""

    __slots__ = ("call", "construct", "members", "target")

    def __init__(self, target, call=None, construct=None, members=None):
        self.target = target
        self.call = call
        self.construct = construct
        self.members = members or {}

    def __call__(self, *args, **kwargs):
        if self.call is None:
            return self.target(*args, **kwargs)
        args, options = self.call.arguments(args, kwargs)
        return self.target(*args, **options)

    def new(self, *args, **kwargs):
        if self.construct is not None:
            args, kwargs = self.construct.arguments(args, kwargs)
        made = self.target.new(*args, **kwargs)
        return bound(made, _Through(made, members=self.members)) if self.members else made

    def attribute(self, _owner, name, value):
        if not isinstance(value, JsCallable):
            return value
        method = value.__get__(self.target)
        shape = self.members.get(name)
        return method if shape is None else bound(method, _Through(method, call=shape))


def _require(proxy, signature, name):
    if not isinstance(proxy, JsProxy) or not callable(signature):
        raise TypeError(f"{name}() needs a function or class with the signature, not {type(signature).__name__!r}")


def bind_function(proxy, signature):
    """``proxy.bind_sig(signature)``: a function, or a class or object with ``__call__``."""
    _require(proxy, signature, "bind_sig")
    if isinstance(signature, type):
        shape = _Shape(signature.__call__, skips_self=True)
    else:
        shape = _Shape(signature, skips_self=False)
    return bound(proxy, _Through(proxy, call=shape))


def bind_class(proxy, cls):
    """``proxy.bind_class(cls)``: ``__init__`` is for ``new``, ``__call__`` for a call, the others for methods of those names."""
    _require(proxy, cls, "bind_class")
    if not isinstance(cls, type):
        raise TypeError(f"bind_class() needs a class, not {type(cls).__name__!r}")
    shapes = {}
    for base in reversed(cls.__mro__[:-1]):
        for name, member in vars(base).items():
            function = member.__func__ if isinstance(member, (staticmethod, classmethod)) else member
            if callable(function) and not isinstance(function, type):
                shapes[name] = _Shape(function, skips_self=not isinstance(member, staticmethod))
    call, construct = shapes.pop("__call__", None), shapes.pop("__init__", None)
    return bound(proxy, _Through(proxy, call=call, construct=construct, members=shapes))
