/**
 * PySequence and PyMutableSequence: drop-ins for JavaScript Arrays (JS-103 to JS-134).
 * Methods that read take one look at all elements, through one crossing, and then do what Array's method does. Proxies among
 * the elements that cannot have left a method are freed before it returns; others belong to whoever got them.
 */
import { PY_HAS_BUFFER, PY_HAS_SEQUENCE, PYPROXY_ROUNDTRIP } from "../boundary/generated";
import { PythonError } from "../errors/errors";
import type { Lifetime } from "./lifetime";
import type { ProxyRegistry } from "./registry";
import type { PyProxyState } from "./state";

type Callback<T> = (value: unknown, index: number, sequence: unknown) => T;
type Reducer = (accumulator: unknown, value: unknown, index: number, sequence: unknown) => unknown;

const PASSED = "Object has already been destroyed";

/** Methods that read. */
export function sequenceMethods(registry: ProxyRegistry) {
  const { operations } = registry;

  /** What `toJSON` gave last: JSON.stringify knows a circle by the arrays that it is in, not by what made them. */
  const lastJson = new WeakMap<PyProxyState, unknown[]>();
  const enclosingJson = (state: PyProxyState, item: unknown): unknown[] | undefined => {
    const found = registry.find(item);
    if (found === undefined) return undefined;
    for (let outer: PyProxyState | undefined = state; outer !== undefined; outer = registry.find(outer.root)) {
      if (outer === found) return lastJson.get(outer);
    }
    return undefined;
  };
  /** The elements; nested containers are PyProxies. */
  const elements = (proxy: unknown, method: string): unknown[] => elementsOf(registry, registry.require(proxy, method));
  /** Runs a method on the elements whose result is none of them, and frees them. */
  const peek = <T>(proxy: unknown, method: string, body: (list: unknown[]) => T): T => {
    const list = elements(proxy, method);
    try {
      return body(list);
    } finally {
      free(registry, list);
    }
  };
  /** Looks for a value among the elements: PyProxies are the same when their objects are. */
  const search = (proxy: unknown, method: string, value: unknown, body: (list: unknown[], wanted: unknown) => number | boolean) =>
    peek(proxy, method, (list) => {
      const wanted = registry.find(value);
      if (wanted === undefined) return body(list, value);
      const { object } = wanted.lifetime;
      const marks = list.map((element) => (registry.find(element)?.lifetime.objectOrNone === object ? value : NO_MATCH));
      return body(marks, value);
    });
  /** Array passes itself as the last argument of callbacks: here the proxy. */
  const withProxy = <T>(proxy: unknown, callback: Callback<T>, self: unknown): ((value: unknown, index: number) => T) => {
    checkCallback(callback);
    return (value, index) => callback.call(self, value, index, proxy);
  };

  return {
    /** The element at an index, negative ones counting from the end. */
    at(this: unknown, index: number = 0): unknown {
      const state = registry.require(this, "at");
      const at = Math.trunc(Number(index)) || 0;
      const position = at < 0 ? at + lengthOf(state) : at;
      return position < 0 ? undefined : operations.getItem(state.lifetime.object, position);
    },
    /** A new Array of these elements and those of the arguments. */
    concat(this: unknown, ...rest: unknown[]): unknown[] {
      const others = rest.map((value) => {
        const state = registry.find(value);
        return state !== undefined && state.flags & PY_HAS_SEQUENCE ? elementsOf(registry, state) : value;
      });
      return elements(this, "concat").concat(...others);
    },
    entries(this: unknown): IterableIterator<[number, unknown]> {
      return elements(this, "entries").entries();
    },
    every(this: unknown, predicate: Callback<unknown>, self?: unknown): boolean {
      const step = withProxy(this, predicate, self);
      return elements(this, "every").every(step);
    },
    filter(this: unknown, predicate: Callback<unknown>, self?: unknown): unknown[] {
      const step = withProxy(this, predicate, self);
      return elements(this, "filter").filter(step);
    },
    find(this: unknown, predicate: Callback<unknown>, self?: unknown): unknown {
      const step = withProxy(this, predicate, self);
      return elements(this, "find").find(step);
    },
    findIndex(this: unknown, predicate: Callback<unknown>, self?: unknown): number {
      const step = withProxy(this, predicate, self);
      return elements(this, "findIndex").findIndex(step);
    },
    forEach(this: unknown, callback: Callback<void>, self?: unknown): void {
      const step = withProxy(this, callback, self);
      elements(this, "forEach").forEach(step);
    },
    includes(this: unknown, value: unknown, ...from: [number?]): boolean {
      return search(this, "includes", value, (list, wanted) => list.includes(wanted, ...from)) as boolean;
    },
    indexOf(this: unknown, value: unknown, ...from: [number?]): number {
      return search(this, "indexOf", value, (list, wanted) => list.indexOf(wanted, ...from)) as number;
    },
    join(this: unknown, separator?: string): string {
      return peek(this, "join", (list) => list.join(separator));
    },
    keys(this: unknown): IterableIterator<number> {
      return new Array(lengthOf(registry.require(this, "keys"))).keys();
    },
    lastIndexOf(this: unknown, value: unknown, ...from: [number?]): number {
      const last = (list: unknown[], wanted: unknown) =>
        from.length === 0 ? list.lastIndexOf(wanted) : list.lastIndexOf(wanted, from[0]);
      return search(this, "lastIndexOf", value, last) as number;
    },
    map(this: unknown, callback: Callback<unknown>, self?: unknown): unknown[] {
      const step = withProxy(this, callback, self);
      return elements(this, "map").map(step);
    },
    reduce(this: unknown, callback: Reducer, ...initial: [unknown?]): unknown {
      checkCallback(callback);
      const step = (accumulator: unknown, value: unknown, index: number) => callback(accumulator, value, index, this);
      const list = elements(this, "reduce");
      return initial.length === 0 ? list.reduce(step) : list.reduce(step, initial[0]);
    },
    reduceRight(this: unknown, callback: Reducer, ...initial: [unknown?]): unknown {
      checkCallback(callback);
      const step = (accumulator: unknown, value: unknown, index: number) => callback(accumulator, value, index, this);
      const list = elements(this, "reduceRight");
      return initial.length === 0 ? list.reduceRight(step) : list.reduceRight(step, initial[0]);
    },
    slice(this: unknown, start?: number, stop?: number): unknown[] {
      const list = elements(this, "slice");
      const slice = list.slice(start, stop);
      const kept = new Set(slice);
      free(
        registry,
        list.filter((value) => !kept.has(value)),
      );
      return slice;
    },
    some(this: unknown, predicate: Callback<unknown>, self?: unknown): boolean {
      const step = withProxy(this, predicate, self);
      return elements(this, "some").some(step);
    },
    /** For JSON.stringify, which keeps nothing: proxies in it live as long as this one. What contains itself gives the array that it gave before. */
    toJSON(this: unknown): unknown[] {
      const state = registry.require(this, "toJSON");
      const list = elementsOf(registry, state);
      lastJson.set(state, list);
      const proxies = [...list.keys()].filter((index) => registry.find(list[index]) !== undefined);
      free(registry, list);
      for (const index of proxies) {
        const item = operations.getItem(state.lifetime.object, index, { borrower: state, name: `[${index}` });
        list[index] = enclosingJson(state, item) ?? item;
      }
      return list;
    },
    values(this: unknown): IterableIterator<unknown> {
      return elements(this, "values").values();
    },
    [Symbol.isConcatSpreadable]: true,
  };
}

/** Methods that change the sequence. */
export function mutableSequenceMethods(registry: ProxyRegistry) {
  const { operations } = registry;
  // The object is asked for at each step: what runs between two of them (`__len__`, `__del__`, `valueOf`) may destroy the proxy.
  const require = (proxy: unknown, method: string): { readonly lifetime: Lifetime; readonly length: number } => {
    const state = registry.require(proxy, method);
    return { lifetime: state.lifetime, length: lengthOf(state) };
  };
  /** Writes elements back over the whole sequence. */
  const replaceAll = (proxy: unknown, method: string, change: (list: unknown[]) => void): unknown => {
    const state = registry.require(proxy, method);
    const list = elementsOf(registry, state);
    try {
      change(list);
      endResult(registry, operations.splice(state.lifetime.object, 0, list.length, list));
    } finally {
      free(registry, list);
    }
    return proxy;
  };
  const removeAt = (proxy: unknown, method: string, fromEnd: boolean): unknown => {
    const { lifetime, length } = require(proxy, method);
    if (length === 0) return undefined;
    const index = fromEnd ? length - 1 : 0;
    const removed = operations.getItem(lifetime.object, index);
    operations.deleteItem(lifetime.object, index);
    return removed;
  };

  return {
    copyWithin(this: unknown, target: number, start: number = 0, end?: number): unknown {
      return replaceAll(this, "copyWithin", (list) => list.copyWithin(target, start, end));
    },
    fill(this: unknown, value?: unknown, start?: number, end?: number): unknown {
      const { lifetime, length } = require(this, "fill");
      const last = relativeIndex(end ?? length, length);
      for (let index = relativeIndex(start ?? 0, length); index < last; index++) operations.setItem(lifetime.object, index, value);
      return this;
    },
    pop(this: unknown): unknown {
      return removeAt(this, "pop", true);
    },
    push(this: unknown, ...values: unknown[]): number {
      const { lifetime, length } = require(this, "push");
      endResult(registry, operations.splice(lifetime.object, length, length, values));
      return length + values.length;
    },
    reverse(this: unknown): unknown {
      return replaceAll(this, "reverse", (list) => list.reverse());
    },
    shift(this: unknown): unknown {
      return removeAt(this, "shift", false);
    },
    sort(this: unknown, compare?: (a: never, b: never) => number): unknown {
      return replaceAll(this, "sort", (list) => list.sort(compare as ((a: unknown, b: unknown) => number) | undefined));
    },
    splice(this: unknown, ...args: [start?: number, deleteCount?: number, ...values: unknown[]]): unknown[] {
      const { lifetime, length } = require(this, "splice");
      const [start, deleteCount, ...values] = args;
      const from = relativeIndex(start ?? 0, length);
      // SPEC: Array.prototype.splice: no argument deletes nothing, one argument all that follows.
      const wanted = args.length === 0 ? 0 : args.length === 1 ? length - from : Math.trunc(Number(deleteCount)) || 0;
      const count = Math.max(0, Math.min(wanted, length - from));
      const removed = registry.require(operations.splice(lifetime.object, from, from + count, values), "splice");
      try {
        return elementsOf(registry, removed);
      } finally {
        registry.end(removed, PASSED);
      }
    },
    unshift(this: unknown, ...values: unknown[]): number {
      const { lifetime, length } = require(this, "unshift");
      endResult(registry, operations.splice(lifetime.object, 0, 0, values));
      return length + values.length;
    },
  };
}

/** As for Array, also when there are no elements; before any is made. */
function checkCallback(callback: unknown): void {
  if (typeof callback === "function") return;
  throw new TypeError(`${typeof callback === "object" && callback !== null ? "An object" : String(callback)} is not a function`);
}

/** Is equal to nothing that a sequence can hold. */
const NO_MATCH: unique symbol = Symbol("no match");

function elementsOf(registry: ProxyRegistry, state: PyProxyState): unknown[] {
  const { operations } = registry;
  let converted: unknown;
  try {
    converted = operations.toJs(state.lifetime.object, 1, undefined);
  } catch (error) {
    // Buffers of a format that no typed array has (characters, structs) still have elements.
    if ((state.flags & PY_HAS_BUFFER) === 0 || !(error instanceof PythonError) || error.type !== "ConversionError") throw error;
  }
  if (Array.isArray(converted)) return converted;
  // bytes become a typed array, other sequences nothing at all: element by element then.
  const unconverted = registry.find(converted);
  if (unconverted !== undefined && unconverted !== state) registry.end(unconverted, PASSED);
  return Array.from({ length: lengthOf(state) }, (_, index) => operations.getItem(state.lifetime.object, index));
}

function lengthOf({ registry, lifetime, flags }: PyProxyState): number {
  return registry.operations.length(lifetime.object, flags);
}

function endResult(registry: ProxyRegistry, result: unknown): void {
  free(registry, [result]);
}

function free(registry: ProxyRegistry, list: readonly unknown[]): void {
  for (const value of list) {
    const state = registry.find(value);
    // What `create_proxy` made is somebody's: it came through Python as it was.
    if (state !== undefined && (state.flags & PYPROXY_ROUNDTRIP) === 0) registry.end(state, PASSED);
  }
}

function relativeIndex(index: number, length: number): number {
  const whole = Math.trunc(Number(index)) || 0;
  return whole < 0 ? Math.max(0, length + whole) : Math.min(whole, length);
}
