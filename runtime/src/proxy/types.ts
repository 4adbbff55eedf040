/**
 * The public types of PyProxies: what TypeScript programs see of `pyodide.ffi`.
 * Not here: how any of it works. The declarations follow the API tables of `api.ts`.
 */
import type { ToJsOptions } from "../convert/options";
import type { Ffi } from "./classes";
import type { PyBufferView } from "./buffer";
import type { DestroyOptions } from "./registry";

export type { ToJsOptions, ToPyOptions, DefaultConverter } from "../convert/options";
export type { LiteralMap } from "../convert/literal-map";
export type { PythonError } from "../errors/errors";
export type { PyBufferView } from "./buffer";
export type { DestroyOptions } from "./registry";

/** The namespace `pyodide.ffi`. */
export declare const ffi: Ffi;

/** A Python object in JavaScript. Attributes are properties; `$name` is the attribute `name` even where a method has that name. */
export interface PyProxy {
  readonly [attribute: string]: unknown;
  /** Name of the object's type: `module.name`, only `name` for built-in types and those of `__main__`. */
  readonly type: string;
  /** `str(obj)`; `repr(obj)` with the option `pyproxyToStringRepr`. */
  toString(): string;
  /** A proxy of the same object with a lifetime of its own. */
  copy(): this;
  /** Lets the Python object go. Using the proxy afterwards throws. */
  destroy(options?: DestroyOptions): void;
  /** Converts to JavaScript, deep unless `depth` says otherwise. */
  toJs(options?: ToJsOptions): unknown;
}

/** Has `__len__`. */
export interface PyProxyWithLength extends PyProxy {
  /** `len(obj)`. */
  readonly length: number;
}

/** Has `__getitem__`. */
export interface PyProxyWithGet extends PyProxy {
  /** `obj[key]`, undefined when there is no such key or index. */
  get(key: unknown): unknown;
  /** The object with its items as properties, as JSON libraries expect them. */
  asJsJson(): object;
  /** The same under its older name. */
  asJsonAdaptor(): object;
}

/** Has `__setitem__` or `__delitem__`. */
export interface PyProxyWithSet extends PyProxy {
  /** `obj[key] = value`. */
  set(key: unknown, value: unknown): void;
  /** `del obj[key]`. */
  delete(key: unknown): void;
}

/** Has `__contains__`. */
export interface PyProxyWithHas extends PyProxy {
  /** `key in obj`. */
  has(key: unknown): boolean;
}

/** Has `__iter__`. */
export interface PyIterable extends PyProxy {
  [Symbol.iterator](): Iterator<unknown, unknown, unknown>;
}

/** Has `__next__`. */
export interface PyIterator extends PyIterable {
  /** `next(obj)`, or `obj.send(value)`. */
  next(value?: unknown): IteratorResult<unknown, unknown>;
}

/** A generator. */
export interface PyGenerator extends PyIterator {
  /** Throws GeneratorExit in; the value is the result unless the generator catches it. */
  return(value?: unknown): IteratorResult<unknown, unknown>;
  /** Throws an error in. */
  throw(error: unknown): IteratorResult<unknown, unknown>;
}

/** Has `__aiter__`. */
export interface PyAsyncIterable extends PyProxy {
  [Symbol.asyncIterator](): AsyncIterator<unknown, unknown, unknown>;
}

/** Has `__anext__`. */
export interface PyAsyncIterator extends PyAsyncIterable {
  /** `anext(obj)`, or `obj.asend(value)`. */
  next(value?: unknown): Promise<IteratorResult<unknown, unknown>>;
}

/** An async generator. */
export interface PyAsyncGenerator extends PyAsyncIterator {
  /** Throws GeneratorExit in; the value is the result unless the generator catches it. */
  return(value?: unknown): Promise<IteratorResult<unknown, unknown>>;
  /** Throws an error in. */
  throw(error: unknown): Promise<IteratorResult<unknown, unknown>>;
}

/** Has `__await__`: `await proxy` works. */
export interface PyAwaitable extends PyProxy, Promise<unknown> {
  readonly [Symbol.toStringTag]: string;
}

/** Has the buffer protocol. */
export interface PyBuffer extends PyProxy {
  /** A view of the memory, without a copy. Release it when done. */
  getBuffer(
    type?: "i8" | "u8" | "u8clamped" | "i16" | "u16" | "i32" | "u32" | "i64" | "u64" | "f16" | "f32" | "f64" | "dataview",
  ): PyBufferView;
}

/** Has `__call__`. */
export interface PyCallable extends PyProxy {
  (...args: unknown[]): unknown;
  /** As `Function.prototype.apply`; `self` counts only after `captureThis`. */
  apply(self?: unknown, args?: ArrayLike<unknown> | null): unknown;
  /** As `Function.prototype.call`. */
  call(self?: unknown, ...args: unknown[]): unknown;
  /** A function with arguments in front. Shares this proxy's lifetime. */
  bind(self?: unknown, ...args: unknown[]): PyCallable;
  /** A function that passes `this` as the first argument. Shares this proxy's lifetime. */
  captureThis(): PyCallable;
  /** Calls with keyword arguments, which are the last argument, an object. */
  callKwargs(...args: unknown[]): unknown;
  /** Calls with as many of the arguments as the function takes. */
  callRelaxed(...args: unknown[]): unknown;
  /** Both. */
  callKwargsRelaxed(...args: unknown[]): unknown;
  /** Calls on a stack that Python may suspend to wait for promises. */
  callPromising(...args: unknown[]): Promise<unknown>;
  /** The same, with keyword arguments in a last object. */
  callPromisingKwargs(...args: unknown[]): Promise<unknown>;
  /** The same under its older name. */
  callSyncifying(...args: unknown[]): Promise<unknown>;
  /** The same under its older name. */
  callSyncifyingKwargs(...args: unknown[]): Promise<unknown>;
}

/** A `collections.abc.Sequence`: works like an Array that is only read. */
export interface PySequence
  extends PyProxyWithLength,
    PyProxyWithGet,
    PyProxyWithHas,
    PyIterable,
    Pick<
      unknown[],
      | "at"
      | "concat"
      | "entries"
      | "every"
      | "filter"
      | "find"
      | "findIndex"
      | "forEach"
      | "includes"
      | "indexOf"
      | "join"
      | "keys"
      | "lastIndexOf"
      | "map"
      | "reduce"
      | "reduceRight"
      | "slice"
      | "some"
      | "values"
    > {
  [Symbol.iterator](): ArrayIterator<unknown>;
  /** For `JSON.stringify`. */
  toJSON(): unknown[];
}

/** A `collections.abc.MutableSequence`: works like an Array. */
export interface PyMutableSequence
  extends PySequence,
    PyProxyWithSet,
    Pick<unknown[], "pop" | "push" | "shift" | "splice" | "unshift"> {
  copyWithin(target: number, start?: number, end?: number): this;
  fill(value: unknown, start?: number, end?: number): this;
  reverse(): this;
  sort(compare?: (a: never, b: never) => number): this;
}

/** A dict. */
export interface PyDict extends PyProxyWithLength, PyProxyWithGet, PyProxyWithSet, PyProxyWithHas, PyIterable {}
