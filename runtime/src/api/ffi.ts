/**
 * Types of `pyodide.ffi` and of `pyodide/ffi`: what Python objects look like in JavaScript.
 * Types only: the proxies themselves are made in `proxy`, and what each can do depends on its Python object.
 * Invariant: a method that is declared here exists on every proxy for which the `instanceof` test of its class holds.
 */

/**
 * A value that came from Python or goes there. The documented API says `any`: what it is, only the program knows.
 * This is the one place where the type is allowed.
 */
export type Any = any;

/** What `PyBufferView.data` may be, besides a DataView. */
export type TypedArray =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Uint8ClampedArray
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

/** Options of `PyProxy.toJs`. */
export interface ToJsOptions {
  /** How many levels to convert; -1 (default) for all. */
  depth?: number | undefined;
  /** Gets every PyProxy that the conversion makes. */
  pyproxies?: PyProxy[] | undefined;
  /** With false, what has no conversion is a ConversionError instead of a PyProxy. */
  create_pyproxies?: boolean | undefined;
  createPyproxies?: boolean | undefined;
  /** Makes the result for a dict out of its items. */
  dict_converter?: ((items: Iterable<[key: string, value: Any]>) => Any) | undefined;
  dictConverter?: ((items: Iterable<[key: string, value: Any]>) => Any) | undefined;
  /** Converts what has no conversion of its own. */
  default_converter?: ((object: PyProxy, convert: (object: PyProxy) => Any, cacheConversion: (object: PyProxy, result: Any) => void) => Any) | undefined;
  defaultConverter?: ((object: PyProxy, convert: (object: PyProxy) => Any, cacheConversion: (object: PyProxy, result: Any) => void) => Any) | undefined;
  /** Asked first about every object that is no immediate value; `convert` gives the object's usual conversion. */
  eager_converter?: ((object: PyProxy, convert: (object: PyProxy) => Any, cacheConversion: (object: PyProxy, result: Any) => void) => Any) | undefined;
  eagerConverter?: ((object: PyProxy, convert: (object: PyProxy) => Any, cacheConversion: (object: PyProxy, result: Any) => void) => Any) | undefined;
}

/** A Python object. Attributes of the object are properties of the proxy; `$name` reaches one that a method hides. */
export interface PyProxy {
  /** Name of the Python type, with its module unless it is a built-in. */
  readonly type: string;
  /** Lets go of the Python object. Every later use throws. */
  destroy(options?: { message?: string; destroyRoundtrip?: boolean }): void;
  /** A second proxy for the same object, with a lifetime of its own. */
  copy(): this;
  toJs(options?: ToJsOptions): Any;
  /** `str(object)`. */
  toString(): string;
  [Symbol.dispose](): void;
  [attribute: string]: Any;
}

/** Of an object with `__len__`. */
export interface PyProxyWithLength extends PyProxy {
  readonly length: number;
}

/** Of an object with `__getitem__`. */
export interface PyProxyWithGet extends PyProxy {
  /** `object[key]`, or undefined where there is no such key. */
  get(key: Any): Any;
  /** A view whose properties are the items, for JSON.stringify and the like. */
  asJsJson(): Any;
  asJsonAdaptor(): Any;
}

/** Of an object with `__setitem__` or `__delitem__`. */
export interface PyProxyWithSet extends PyProxy {
  set(key: Any, value: Any): void;
  delete(key: Any): void;
}

/** Of an object with `__contains__`. */
export interface PyProxyWithHas extends PyProxy {
  has(key: Any): boolean;
}

/** Of a dict. */
export interface PyDict extends PyProxyWithLength, PyProxyWithGet, PyProxyWithSet, PyProxyWithHas, PyIterable {}

/** Of an object with `__iter__`. */
export interface PyIterable extends PyProxy {
  [Symbol.iterator](): Iterator<Any, Any, Any>;
}

/** Of an object with `__next__`. */
export interface PyIterator extends PyIterable {
  next(value?: Any): IteratorResult<Any, Any>;
}

/** Of a generator. */
export interface PyGenerator extends PyIterator {
  throw(error: Any): IteratorResult<Any, Any>;
  return(value?: Any): IteratorResult<Any, Any>;
}

/** Of an object with `__aiter__`. */
export interface PyAsyncIterable extends PyProxy {
  [Symbol.asyncIterator](): AsyncIterator<Any, Any, Any>;
}

/** Of an object with `__anext__`. */
export interface PyAsyncIterator extends PyAsyncIterable {
  next(value?: Any): Promise<IteratorResult<Any, Any>>;
}

/** Of an async generator. */
export interface PyAsyncGenerator extends PyAsyncIterator {
  throw(error: Any): Promise<IteratorResult<Any, Any>>;
  return(value?: Any): Promise<IteratorResult<Any, Any>>;
}

/** Of an awaitable. */
export interface PyAwaitable extends PyProxy, Promise<Any> {
  readonly [Symbol.toStringTag]: string;
}

/** Of an object with `__call__`. */
export interface PyCallable extends PyProxy {
  (...args: Any[]): Any;
  apply(thisArg: Any, args?: ArrayLike<Any> | null): Any;
  call(thisArg: Any, ...args: Any[]): Any;
  bind(thisArg: Any, ...args: Any[]): PyCallable;
  /** The last argument is an object of keyword arguments. */
  callKwargs(...args: Any[]): Any;
  /** Leaves out arguments that the function does not take. */
  callRelaxed(...args: Any[]): Any;
  callKwargsRelaxed(...args: Any[]): Any;
  /** Lets the Python function block on promises, where the host can suspend WebAssembly. */
  callPromising(...args: Any[]): Promise<Any>;
  callPromisingKwargs(...args: Any[]): Promise<Any>;
  callSyncifying(...args: Any[]): Promise<Any>;
  callSyncifyingKwargs(...args: Any[]): Promise<Any>;
  /** A proxy that passes `this` as the first argument. */
  captureThis(): PyCallable;
}

/** The typed array that `PyBuffer.getBuffer` is asked for. */
export type BufferType = "i8" | "u8" | "u8clamped" | "i16" | "u16" | "i32" | "u32" | "i64" | "u64" | "f16" | "f32" | "f64" | "dataview";

/** Of an object with the buffer protocol. */
export interface PyBuffer extends PyProxy {
  getBuffer(type?: BufferType): PyBufferView;
}

/** A view of the memory of a Python object, until it is released. */
export interface PyBufferView {
  readonly data: Any;
  readonly offset: number;
  readonly readonly: boolean;
  readonly format: string;
  readonly itemsize: number;
  readonly ndim: number;
  readonly nbytes: number;
  readonly shape: readonly number[];
  /** Counted in elements. */
  readonly strides: readonly number[];
  readonly c_contiguous: boolean;
  readonly f_contiguous: boolean;
  release(): void;
  [Symbol.dispose](): void;
}

/** Of a `collections.abc.Sequence`: the reading methods of Array. */
export interface PySequence extends PyProxyWithLength, PyProxyWithGet, PyProxyWithHas, PyIterable {
  [index: number]: Any;
  at(index: number): Any;
  concat(...rest: Any[]): Any[];
  entries(): IterableIterator<[index: number, value: Any]>;
  every(predicate: (value: Any, index: number, array: Any) => unknown, thisArg?: Any): boolean;
  filter(predicate: (value: Any, index: number, array: Any) => unknown, thisArg?: Any): Any[];
  find(predicate: (value: Any, index: number, array: Any) => unknown, thisArg?: Any): Any;
  findIndex(predicate: (value: Any, index: number, array: Any) => unknown, thisArg?: Any): number;
  forEach(callback: (value: Any, index: number, array: Any) => void, thisArg?: Any): void;
  includes(element: Any, fromIndex?: number): boolean;
  indexOf(element: Any, fromIndex?: number): number;
  join(separator?: string): string;
  keys(): IterableIterator<number>;
  lastIndexOf(element: Any, fromIndex?: number): number;
  map<U>(callback: (value: Any, index: number, array: Any) => U, thisArg?: Any): U[];
  reduce(callback: (previous: Any, value: Any, index: number, array: Any) => Any, initialValue?: Any): Any;
  reduceRight(callback: (previous: Any, value: Any, index: number, array: Any) => Any, initialValue?: Any): Any;
  slice(start?: number, stop?: number): Any[];
  some(predicate: (value: Any, index: number, array: Any) => unknown, thisArg?: Any): boolean;
  toJSON(this: Any): unknown[];
  values(): IterableIterator<Any>;
}

/** Of a `collections.abc.MutableSequence`: all methods of Array. */
export interface PyMutableSequence extends PySequence, PyProxyWithSet {
  copyWithin(target: number, start?: number, end?: number): this;
  fill(value: Any, start?: number, end?: number): this;
  pop(): Any;
  push(...elements: Any[]): number;
  reverse(): this;
  shift(): Any;
  sort(compare?: (a: Any, b: Any) => number): this;
  splice(start: number, deleteCount?: number, ...items: Any[]): Any[];
  unshift(...elements: Any[]): number;
}

/** A Python exception in JavaScript. Its message is the formatted traceback. */
export interface PythonError extends Error {
  /** Name of the Python class. */
  readonly type: string;
}

/** A class for `instanceof`; there is nothing to construct. */
export interface ProxyClass<T> {
  [Symbol.hasInstance](value: unknown): value is T;
}

/** `pyodide.ffi`. */
export interface Ffi {
  readonly PyProxy: ProxyClass<PyProxy>;
  readonly PyProxyWithLength: ProxyClass<PyProxyWithLength>;
  readonly PyProxyWithGet: ProxyClass<PyProxyWithGet>;
  readonly PyProxyWithSet: ProxyClass<PyProxyWithSet>;
  readonly PyProxyWithHas: ProxyClass<PyProxyWithHas>;
  readonly PyDict: ProxyClass<PyDict>;
  readonly PyIterable: ProxyClass<PyIterable>;
  readonly PyIterator: ProxyClass<PyIterator>;
  readonly PyGenerator: ProxyClass<PyGenerator>;
  readonly PyAsyncIterable: ProxyClass<PyAsyncIterable>;
  readonly PyAsyncIterator: ProxyClass<PyAsyncIterator>;
  readonly PyAsyncGenerator: ProxyClass<PyAsyncGenerator>;
  readonly PyAwaitable: ProxyClass<PyAwaitable>;
  readonly PyCallable: ProxyClass<PyCallable>;
  readonly PyBuffer: ProxyClass<PyBuffer>;
  readonly PyBufferView: ProxyClass<PyBufferView>;
  readonly PySequence: ProxyClass<PySequence>;
  readonly PyMutableSequence: ProxyClass<PyMutableSequence>;
  readonly PythonError: ProxyClass<PythonError>;
}
