"""Types of the module `js`, JavaScript's global scope; for type checkers only.

What is named here has a type of its own. Everything else that the scope may have is there too, as `Any`.
"""

from typing import Any

from _pyodide_core import JsArray, JsCallable, JsDomElement, JsException, JsFetchResponse, JsMutableMap, JsPromise, JsProxy

globalThis: JsProxy
self: JsProxy
window: JsProxy
document: JsDomElement
navigator: JsProxy
location: JsProxy
console: JsProxy
localStorage: JsProxy
sessionStorage: JsProxy

Object: JsCallable
Function: JsCallable
Symbol: JsCallable
Promise: JsCallable
Reflect: JsProxy
JSON: JsProxy
Math: JsProxy

class Array:
    @staticmethod
    def new(*elements: Any) -> JsArray[Any]: ...
    @staticmethod
    def of(*elements: Any) -> JsArray[Any]: ...

class Map:
    @staticmethod
    def new(entries: Any = None, /) -> JsMutableMap[Any, Any]: ...

class Error:
    @staticmethod
    def new(message: str = "", /, **options: Any) -> JsException: ...

def fetch(resource: Any, /, *args: Any, **options: Any) -> JsPromise[JsFetchResponse]: ...
def setTimeout(callback: Any, delay: float = 0, /, *args: Any) -> Any: ...
def clearTimeout(timer: Any, /) -> None: ...
def setInterval(callback: Any, delay: float = 0, /, *args: Any) -> Any: ...
def clearInterval(timer: Any, /) -> None: ...
def __getattr__(name: str) -> Any: ...
