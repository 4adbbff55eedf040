"""FFI-002 FFI-050 FFI-078 CODE-01: a program as users write them passes a type checker. Nothing here runs.

A comment `type: ignore[...]` marks what must be refused: a checker that accepts it complains about the comment.
"""

from collections.abc import Iterable
from typing import Any, assert_type

import js
import pyodide_js
from js import document, fetch
from pyodide import __version__
from pyodide.code import eval_code, eval_code_async, find_imports, relaxed_call, run_js, should_quiet
from pyodide.console import Console, PyodideConsole, repr_shorten
from pyodide.ffi import (
    ConversionError,
    JsArray,
    JsCallable,
    JsDoubleProxy,
    JsException,
    JsFetchResponse,
    JsMutableMap,
    JsOnceCallable,
    JsPromise,
    JsProxy,
    JsTypedArray,
    can_run_sync,
    create_once_callable,
    create_proxy,
    destroy_proxies,
    jsnull,
    register_js_module,
    run_sync,
    to_js,
    unregister_js_module,
)
from pyodide.ffi.wrappers import add_event_listener, clear_interval, clear_timeout, remove_event_listener, set_interval, set_timeout
from pyodide.http import FetchResponse, open_url, pyfetch
from pyodide.webloop import PyodideFuture, WebLoop


class Point:
    x: int = 0


def elements(array: JsArray[int], names: JsMutableMap[str, float]) -> int:
    array.append(4)
    array.extend([1, 2])
    assert_type(array[0], int)
    assert_type(array[1:], JsArray[int])
    array.append("x")  # type: ignore[arg-type]
    del array[0]
    names["a"] = 1.5
    assert_type(names.get("a"), float | None)
    total: float = sum(value for _, value in names.items())
    converted: list[int] = array.to_py(depth=1)
    return len(array) + len(converted) + int(total) + array.index(4) + sum(array)


def objects(value: JsProxy) -> str:
    value.anything = 5
    value.list.push(1)
    made = js.Object.new(a=1)
    view: JsMutableMap[str, Any] = made.as_object_map(hereditary=True)
    assert_type(value.js_id, int)
    assert_type(value.object_keys(), JsArray[str])
    if isinstance(value, JsCallable):
        value(1, option=2)
    if isinstance(value, JsTypedArray):
        value.assign(b"abc")
        assert_type(value.to_bytes(), bytes)
    return value.typeof + str(len(view)) + str(value.nothing is jsnull)


def conversions(point: Point) -> Any:
    proxies: JsArray[JsProxy] = js.Array.new()
    result = to_js({"p": point}, depth=2, pyproxies=proxies, dict_converter=js.Object.fromEntries)
    destroy_proxies(proxies)
    to_js(point, default_converter=lambda value, convert, cache: convert([value.x]))
    to_js([], depth="deep")  # type: ignore[arg-type]
    try:
        to_js({(1, 2): 3}, create_pyproxies=False)
    except ConversionError as error:
        print(error.args)
    return result


def lifetimes(callback: Any) -> None:
    proxy = create_proxy(Point())
    assert_type(proxy, JsDoubleProxy[Point])
    assert_type(proxy.unwrap(), Point)
    with create_proxy(callback) as kept:
        document.addEventListener("click", kept)
    assert_type(create_proxy(len).unwrap()([]), int)
    once: JsOnceCallable = create_once_callable(lambda: None)
    once.destroy()
    proxy.destroy()
    proxy.destroy(1)  # type: ignore[call-arg]
    add_event_listener(document, "click", callback)
    remove_event_listener(document, "click", callback)
    clear_timeout(set_timeout(lambda: None, 10))
    clear_interval(set_interval(lambda: None, 10))


async def waiting(numbers: JsPromise[int]) -> int:
    response = await fetch("data.json", method="GET")
    assert_type(response, JsFetchResponse)
    own: FetchResponse = await pyfetch("data.json", headers={"a": "b"})
    data: Any = await own.json()
    text: str = await own.string()
    raw: bytes = await own.bytes()
    assert_type(await numbers, int)
    number = run_sync(numbers) if can_run_sync() else 0
    assert_type(number, int)
    chained = numbers.then(lambda value: str(value))
    assert_type(await chained, str)
    future: PyodideFuture = PyodideFuture(loop=WebLoop())
    await pyodide_js.loadPackage("micropip")
    return number + len(raw) + len(text) + bool(await future) + bool(data)


async def code(lines: Iterable[str]) -> None:
    source = "\n".join(lines)
    value: Any = eval_code(source, {"a": 1}, return_mode="last_expr", filename="mine.py")
    value = await eval_code_async(source)
    names: list[str] = find_imports(source)
    eval_code(5)  # type: ignore[arg-type]
    relaxed_call(print, 1, 2)
    register_js_module("mine", js.Object.new(value=value))
    unregister_js_module("mine")
    console: Console = PyodideConsole({"names": names}, persistent_stream_redirection=False)
    console.push(source)
    print(repr_shorten(value, 100), should_quiet(source), open_url("data.txt").read(), run_js("1 + 1"), __version__)


def errors() -> str:
    try:
        js.missing()
    except JsException as error:
        assert_type(error.name, str)
        return error.message + error.stack
    raise js.Error.new("mine")
