"""For ``proxyReport``: what Python objects lead to (runtime/src/proxy/report.ts). Imported only when somebody asks for a report."""

import gc
from types import BuiltinFunctionType, ModuleType

_OBJECTS_MAX = 20_000
# Everything leads to everything through these.
_SHARED = (ModuleType, type, BuiltinFunctionType)


def javascript_objects_of(start):
    """A JavaScript Array of the JavaScript objects that an object refers to, itself or through other objects."""
    from _pyodide_core import JsProxy, to_js

    found, seen, pending = [], {id(start)}, [start]
    namespaces = {id(module.__dict__) for module in list(__import__("sys").modules.values()) if isinstance(module, ModuleType)}
    while pending and len(seen) < _OBJECTS_MAX:
        for referred in gc.get_referents(pending.pop()):
            if id(referred) in seen or id(referred) in namespaces or isinstance(referred, _SHARED):
                continue
            seen.add(id(referred))
            if isinstance(referred, JsProxy):
                found.append(referred)
            else:
                pending.append(referred)
    return to_js(found, depth=1)
