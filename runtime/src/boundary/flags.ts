/**
 * Capabilities of JavaScript values: what Python may do with them.
 * Invariant: never throws, whatever the value does when looked at: revoked proxies, throwing getters, null prototypes,
 * objects of other realms. What throws when looked at has no capability. Nothing is recognised by `instanceof`.
 */
import {
  JS_IS_ARRAY,
  JS_IS_ASYNC_DISPOSABLE,
  JS_IS_ASYNC_GENERATOR,
  JS_IS_ASYNC_ITERABLE,
  JS_IS_ASYNC_ITERATOR,
  JS_IS_BUFFER,
  JS_IS_CALLABLE,
  JS_IS_CONTAINER,
  JS_IS_DELETABLE,
  JS_IS_DISPOSABLE,
  JS_IS_DOM_ELEMENT,
  JS_IS_DOUBLE_PROXY,
  JS_IS_ERROR,
  JS_IS_FETCH_RESPONSE,
  JS_IS_GENERATOR,
  JS_IS_GETTABLE,
  JS_IS_INCLUDER,
  JS_IS_ITERABLE,
  JS_IS_ITERATOR,
  JS_IS_NODE_LIST,
  JS_IS_PLAIN_OBJECT,
  JS_IS_PROMISE,
  JS_IS_SETTABLE,
  JS_IS_SIZED,
  JS_IS_TYPED_ARRAY,
  JS_IS_WEAK_REF,
  PY_HAS_AITER,
  PY_HAS_ANEXT,
  PY_HAS_AWAIT,
  PY_HAS_CALL,
  PY_HAS_CONTAINS,
  PY_HAS_GET,
  PY_HAS_ITER,
  PY_HAS_LENGTH,
  PY_HAS_NEXT,
  PY_HAS_SEQUENCE,
  PY_HAS_SET,
} from "./generated";

type Bag = Record<PropertyKey, unknown>;

const objectToString = Object.prototype.toString;
const arrayBufferByteLength = getter(ArrayBuffer.prototype, "byteLength");
const sharedByteLength =
  typeof SharedArrayBuffer === "undefined" ? undefined : getter(SharedArrayBuffer.prototype, "byteLength");
const mapSize = getter(Map.prototype, "size");
const setSize = getter(Set.prototype, "size");
// TypeScript's `lib` may not know these symbols yet, and engines may not have them.
const disposeSymbol = (Symbol as { readonly dispose?: symbol }).dispose;
const asyncDisposeSymbol = (Symbol as { readonly asyncDispose?: symbol }).asyncDispose;

/** The `JS_IS_*` flags of an Array with the usual prototype. */
const ARRAY_FLAGS = JS_IS_ARRAY | JS_IS_ITERABLE | JS_IS_SIZED | JS_IS_INCLUDER;

/** The `JS_IS_*` flags of a value. */
export function valueFlags(value: unknown): number {
  if (typeof value === "function") return probe(value, JS_IS_CALLABLE);
  if (typeof value !== "object" || value === null) return 0;
  try {
    if (Array.isArray(value)) {
      // PERF: most arrays are plain ones, and a look at each capability costs more than the rest of the crossing.
      if (Object.getPrototypeOf(value) === Array.prototype) return ARRAY_FLAGS;
      return probe(value, JS_IS_ARRAY);
    }
  } catch {
    return 0; // a revoked proxy
  }
  return probe(value, 0);
}

/** The flags of a PyProxy that goes to Python as a JavaScript object, from its `PY_HAS_*` flags. */
export function doubleProxyFlags(py: number): number {
  let flags = JS_IS_DOUBLE_PROXY;
  if (py & PY_HAS_CALL) flags |= JS_IS_CALLABLE;
  if (py & PY_HAS_ITER) flags |= JS_IS_ITERABLE;
  if (py & PY_HAS_NEXT) flags |= JS_IS_ITERATOR;
  if (py & PY_HAS_LENGTH) flags |= JS_IS_SIZED;
  if (py & PY_HAS_GET) flags |= JS_IS_GETTABLE;
  if (py & PY_HAS_SET) flags |= JS_IS_SETTABLE | JS_IS_DELETABLE;
  if (py & PY_HAS_CONTAINS) flags |= JS_IS_CONTAINER;
  if (py & PY_HAS_SEQUENCE) flags |= JS_IS_INCLUDER;
  if (py & PY_HAS_AWAIT) flags |= JS_IS_PROMISE;
  if (py & PY_HAS_AITER) flags |= JS_IS_ASYNC_ITERABLE;
  if (py & PY_HAS_ANEXT) flags |= JS_IS_ASYNC_ITERATOR;
  return flags;
}

/** Is it a plain object: prototype `Object.prototype` of some realm, or none? Throws what a proxy's trap throws. */
export function isPlainObject(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === Object.prototype || prototype === null) return true;
  // Another realm's Object.prototype: the end of its chain, with what only that object has.
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, "__lookupGetter__") && Object.hasOwn(prototype, "isPrototypeOf");
}

/** Is it a Map, of whatever realm? By its internal slot. */
export function isMap(value: object): value is Map<unknown, unknown> {
  return mayBe(value, Map, "[object Map]") && hasSlot(mapSize, value);
}

/** Is it a Set, of whatever realm? By its internal slot. */
export function isSet(value: object): value is Set<unknown> {
  return mayBe(value, Set, "[object Set]") && hasSlot(setSize, value);
}

/** PERF: asking for an internal slot that is not there costs an exception, so what looks like something else is not asked. */
function mayBe(value: object, constructor: abstract new (...args: never) => object, tag: string): boolean {
  try {
    return value instanceof constructor || objectToString.call(value) === tag;
  } catch {
    return false;
  }
}

/** Is it an ArrayBuffer, shared or not, of whatever realm? By its internal slot. */
export function isAnyArrayBuffer(value: object): value is ArrayBuffer {
  if (mayBe(value, ArrayBuffer, "[object ArrayBuffer]")) return hasSlot(arrayBufferByteLength, value);
  return sharedByteLength !== undefined && mayBe(value, SharedArrayBuffer, "[object SharedArrayBuffer]") && hasSlot(sharedByteLength, value);
}

/** Has it a callable `then`? Never throws. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== "object" || value === null) && typeof value !== "function") return false;
  try {
    return typeof (value as { then?: unknown }).then === "function";
  } catch {
    return false;
  }
}

function probe(object: object, initial: number): number {
  let flags = initial;
  const bag = object as Bag;
  const isFunction = initial === JS_IS_CALLABLE;
  try {
    const iterable = Symbol.iterator in bag;
    const asyncIterable = Symbol.asyncIterator in bag;
    if (iterable) flags |= JS_IS_ITERABLE;
    if (asyncIterable) flags |= JS_IS_ASYNC_ITERABLE;
    if ("next" in bag && isCallable(bag, "next")) {
      if (iterable || !asyncIterable) flags |= JS_IS_ITERATOR;
      if (asyncIterable || !iterable) flags |= JS_IS_ASYNC_ITERATOR;
    }
    if (!isFunction && (isNumber(bag, "size") || isNumber(bag, "length"))) flags |= JS_IS_SIZED;
    if ("get" in bag && isCallable(bag, "get")) flags |= JS_IS_GETTABLE;
    if ("set" in bag && isCallable(bag, "set")) flags |= JS_IS_SETTABLE;
    if ("has" in bag && isCallable(bag, "has")) flags |= JS_IS_CONTAINER;
    if ("delete" in bag && isCallable(bag, "delete")) flags |= JS_IS_DELETABLE;
    if ("includes" in bag && isCallable(bag, "includes")) flags |= JS_IS_INCLUDER;
    if ("then" in bag && isCallable(bag, "then")) flags |= JS_IS_PROMISE;
    if (disposeSymbol !== undefined && disposeSymbol in bag) flags |= JS_IS_DISPOSABLE;
    if (asyncDisposeSymbol !== undefined && asyncDisposeSymbol in bag) flags |= JS_IS_ASYNC_DISPOSABLE;
  } catch {
    // A proxy whose `has` trap throws. What was found stays true; the rest is left out.
  }
  try {
    if (!isFunction && isPlainObject(object)) {
      if ((flags & (JS_IS_ITERABLE | JS_IS_SIZED)) === (JS_IS_ITERABLE | JS_IS_SIZED) && isArguments(object)) return flags | JS_IS_NODE_LIST;
      // Its tag is its own doing, so only what behaviour shows counts.
      return flags | JS_IS_PLAIN_OBJECT | (isErrorByBehaviour(bag) ? JS_IS_ERROR : 0);
    }
  } catch {
    return flags;
  }
  return flags | flagsByTag(object, flags);
}

function flagsByTag(object: object, flags: number): number {
  let tag: string;
  try {
    tag = objectToString.call(object).slice(8, -1);
  } catch {
    return 0;
  }
  if (ArrayBuffer.isView(object)) {
    return JS_IS_BUFFER | (tag === "DataView" ? 0 : JS_IS_TYPED_ARRAY);
  }
  switch (tag) {
    case "ArrayBuffer":
    case "SharedArrayBuffer":
      return isAnyArrayBuffer(object) ? JS_IS_BUFFER : 0;
    case "NodeList":
    case "HTMLCollection":
      return JS_IS_NODE_LIST;
    case "Generator":
      return isGeneratorLike(object) ? JS_IS_GENERATOR : 0;
    case "AsyncGenerator":
      return isGeneratorLike(object) ? JS_IS_ASYNC_GENERATOR : 0;
    case "WeakRef":
      return isCallableQuietly(object, "deref") ? JS_IS_WEAK_REF : 0;
    case "Error":
    case "DOMException":
      return JS_IS_ERROR;
    case "Response":
      return (flags & JS_IS_CALLABLE) === 0 && isCallableQuietly(object, "arrayBuffer") ? JS_IS_FETCH_RESPONSE : 0;
  }
  let result = isErrorByBehaviour(object as Bag) ? JS_IS_ERROR : 0;
  if (isElementTag(tag) && isNodeOfTypeElement(object as Bag)) {
    result |= JS_IS_DOM_ELEMENT;
  }
  return result;
}

/** PERF: no regular expression; and V8 11 ends the process when it has to compile one where hardly any stack is left. */
function isElementTag(tag: string): boolean {
  if (!tag.endsWith("Element")) return false;
  return tag === "Element" || tag === "MathMLElement" || tag.startsWith("HTML") || tag.startsWith("SVG");
}

/** The object `arguments` of a function. */
export function isArguments(object: object): boolean {
  return objectToString.call(object) === "[object Arguments]";
}

function isErrorByBehaviour(bag: Bag): boolean {
  try {
    return "stack" in bag && typeof bag["name"] === "string" && typeof bag["message"] === "string" && typeof bag["stack"] === "string";
  } catch {
    return false;
  }
}

function isNodeOfTypeElement(bag: Bag): boolean {
  try {
    return bag["nodeType"] === 1;
  } catch {
    return false;
  }
}

function isGeneratorLike(object: object): boolean {
  return isCallableQuietly(object, "next") && isCallableQuietly(object, "return") && isCallableQuietly(object, "throw");
}

function isCallable(bag: Bag, key: string): boolean {
  try {
    return typeof bag[key] === "function";
  } catch {
    return false;
  }
}

function isCallableQuietly(object: object, key: string): boolean {
  return isCallable(object as Bag, key);
}

function isNumber(bag: Bag, key: string): boolean {
  try {
    return typeof bag[key] === "number";
  } catch {
    return false;
  }
}

function getter(prototype: object, name: string): (this: unknown) => unknown {
  const found = Object.getOwnPropertyDescriptor(prototype, name)?.get;
  if (found === undefined) throw new Error(`This JavaScript engine has no getter \`${name}\``);
  return found as (this: unknown) => unknown;
}

function hasSlot(read: (this: unknown) => unknown, value: object): boolean {
  try {
    read.call(value);
    return true;
  } catch {
    return false;
  }
}
