/**
 * The classes of `pyodide.ffi` that PyProxies are instances of.
 * They cannot be constructed; `instanceof` asks the proxy's capabilities, and only proxies of this interpreter count (TT-076).
 */
import {
  PY_HAS_AITER,
  PY_HAS_ANEXT,
  PY_HAS_ASYNC_GENERATOR,
  PY_HAS_AWAIT,
  PY_HAS_BUFFER,
  PY_HAS_CALL,
  PY_HAS_CONTAINS,
  PY_HAS_DICT,
  PY_HAS_GENERATOR,
  PY_HAS_GET,
  PY_HAS_ITER,
  PY_HAS_LENGTH,
  PY_HAS_MUTABLE_SEQUENCE,
  PY_HAS_NEXT,
  PY_HAS_SEQUENCE,
  PY_HAS_SET,
} from "../boundary/generated";
import { PythonError } from "../errors/errors";
import { PyBufferView } from "./buffer";
import type { ProxyRegistry } from "./registry";

/** Something to put on the right of `instanceof`. */
export interface CapabilityClass {
  new (): never;
  readonly name: string;
  readonly prototype: object;
  [Symbol.hasInstance](value: unknown): boolean;
}

/** The prototypes that PyProxies report. Both are named PyProxy. */
export function makePrototypes(): { readonly base: object; readonly callable: object } {
  class PyProxy {
    constructor() {
      throw new TypeError("A PyProxy cannot be constructed: proxies are made when Python objects come to JavaScript");
    }
  }
  const callable = Object.create(Function.prototype, { constructor: { value: PyProxy, writable: true, configurable: true } }) as object;
  return { base: PyProxy.prototype, callable };
}

/** The namespace `pyodide.ffi`, as far as it is made here. */
export function makeFfi(find: () => ProxyRegistry) {
  const capability = (name: string, flag: number): CapabilityClass => {
    const made = class {
      constructor() {
        throw new TypeError(`A ${name} cannot be constructed: proxies are made when Python objects come to JavaScript`);
      }
      static [Symbol.hasInstance](value: unknown): boolean {
        const state = find().find(value);
        return state !== undefined && (flag === 0 || (state.flags & flag) !== 0);
      }
    };
    Object.defineProperty(made, "name", { value: name });
    return made as unknown as CapabilityClass;
  };
  return {
    PyProxy: capability("PyProxy", 0),
    PyProxyWithLength: capability("PyProxyWithLength", PY_HAS_LENGTH),
    PyProxyWithGet: capability("PyProxyWithGet", PY_HAS_GET),
    PyProxyWithSet: capability("PyProxyWithSet", PY_HAS_SET),
    PyProxyWithHas: capability("PyProxyWithHas", PY_HAS_CONTAINS),
    PyDict: capability("PyDict", PY_HAS_DICT),
    PyIterable: capability("PyIterable", PY_HAS_ITER),
    PyAsyncIterable: capability("PyAsyncIterable", PY_HAS_AITER),
    PyIterator: capability("PyIterator", PY_HAS_NEXT),
    PyAsyncIterator: capability("PyAsyncIterator", PY_HAS_ANEXT),
    PyGenerator: capability("PyGenerator", PY_HAS_GENERATOR),
    PyAsyncGenerator: capability("PyAsyncGenerator", PY_HAS_ASYNC_GENERATOR),
    PyAwaitable: capability("PyAwaitable", PY_HAS_AWAIT),
    PyCallable: capability("PyCallable", PY_HAS_CALL),
    PyBuffer: capability("PyBuffer", PY_HAS_BUFFER),
    PySequence: capability("PySequence", PY_HAS_SEQUENCE),
    PyMutableSequence: capability("PyMutableSequence", PY_HAS_MUTABLE_SEQUENCE),
    PyBufferView,
    PythonError,
    isPyProxy: (value: unknown): boolean => find().find(value) !== undefined,
  };
}

/** The type of that namespace. */
export type Ffi = ReturnType<typeof makeFfi>;
