/**
 * What a PyProxy is inside, and the handler of its traps.
 *
 * A PyProxy is a `Proxy` whose handler, a `PyProxyState`, holds lifetime and flags. The state is found through a private
 * symbol that only the `get` trap answers.
 * Lookup order of a string key (TT-069): properties defined on the proxy by `Object.defineProperty`; the API of the object's
 * capabilities; indices of a sequence; the Python attribute; the item of a dict; what every JavaScript object has. `$name`
 * skips the API.
 * Own properties are the items of a dict and the elements of a sequence, so that a dict serves as an object of options
 * (ROAD-23). Attributes are not: asking what a Python object has must not run its properties.
 * Invariants: ECMAScript's rules for traps hold, because only what is on the target is ever reported as not configurable;
 * one class of handler and two kinds of target serve all proxies, so that no new shape appears while calls are hot.
 * SPEC: ECMA-262, 10.5 Proxy Object Internal Methods.
 */
import {
  PY_HAS_LENGTH,
  PY_HAS_SEQUENCE,
  PY_IS_PLAIN_DICT,
  PYPROXY_CAPTURE_THIS,
  type PyPtr,
} from "../boundary/generated";
import type { ProxyState } from "../boundary/wire";
import type { Borrower } from "../boundary/operations";
import { PythonError } from "../errors/errors";
import type { Api } from "./api";
import type { Lifetime } from "./lifetime";
import type { ProxyRegistry } from "./registry";

/** Answered by the `get` trap of PyProxies with their state, by everything else with undefined. */
export const STATE: unique symbol = Symbol("pyoxide.state");

/** What `bind` has fixed. */
export interface Binding {
  readonly self: unknown;
  readonly hasSelf: boolean;
  readonly args: readonly unknown[];
}

/** State of a PyProxy, and handler of its traps. */
export class PyProxyState implements ProxyHandler<object>, ProxyState, Borrower {
  /** The proxy itself; set at once after it is made. */
  proxy!: object;
  /** Attributes that are proxies, by name, while they denote the same object (TT-071). */
  #attributes: Map<string, PyProxyState> | undefined;
  /** Names of what was defined on the target. */
  #defined: Set<PropertyKey> | undefined;

  constructor(
    readonly registry: ProxyRegistry,
    readonly lifetime: Lifetime,
    readonly flags: number,
    readonly api: Api,
    /** For attributes and variants: the proxy whose lifetime decides, kept alive by this one. */
    readonly root: object | undefined,
    readonly binding: Binding | undefined,
  ) {}

  pointer(): PyPtr {
    return this.lifetime.object;
  }

  get(target: object, key: PropertyKey, receiver: unknown): unknown {
    if (typeof key === "symbol") {
      if (key === STATE) return this;
      const method = this.api.symbols.get(key);
      return method !== undefined && !Object.hasOwn(target, key) ? method : Reflect.get(target, key, receiver);
    }
    const name = key as string;
    // PERF: what loops over a sequence asks for all the time (js_length).
    if (name === "length" && this.flags & PY_HAS_LENGTH && this.#defined === undefined) return this.registry.operations.length(this.lifetime.object, this.flags);
    if (this.#defined?.has(name)) return Reflect.get(target, name, receiver);
    const method = this.api.methods.get(name);
    if (method !== undefined) return typeof method === "function" ? method : method.get(this);
    if (this.flags & PY_HAS_SEQUENCE && isIndex(name)) return this.#element(Number(name));
    const value = this.registry.operations.getAttribute(this.lifetime.object, pythonName(name), this);
    if (value !== undefined) return value;
    if (this.flags & PY_IS_PLAIN_DICT) {
      const item = this.#item(name);
      if (item !== undefined) return item;
    }
    return this.#missing(name, receiver);
  }

  set(target: object, key: PropertyKey, value: unknown, receiver: unknown): boolean {
    if (typeof key === "symbol" || this.#defined?.has(key)) {
      return receiver === this.proxy ? Reflect.set(target, key, value) : Reflect.set(target, key, value, receiver);
    }
    const name = key as string;
    const own = this.api.methods.get(name);
    if (own !== undefined) {
      if (typeof own !== "function" && own.set !== undefined) return own.set(this, value);
      throw new TypeError(
        `Cannot set \`${name}\`: it belongs to the API of PyProxies. Use \`$${name}\` to set the Python attribute \`${name}\``,
      );
    }
    if (this.flags & PY_HAS_SEQUENCE && isIndex(name)) {
      this.registry.setElement(this, Number(name), value);
      return true;
    }
    const { operations } = this.registry;
    if (this.flags & PY_IS_PLAIN_DICT && !operations.hasAttribute(this.lifetime.object, pythonName(name))) {
      // A name made of digits is a number, as for an Array, unless there is an item with the string.
      operations.setItem(this.lifetime.object, this.#itemKey(name) ?? (isIndex(name) ? Number(name) : name), value);
    } else {
      operations.setAttribute(this.lifetime.object, pythonName(name), value); // Python says what cannot be set
    }
    return true;
  }

  has(target: object, key: PropertyKey): boolean {
    if (typeof key === "symbol") return this.api.symbols.has(key) || Reflect.has(target, key);
    const name = key as string;
    if (this.#defined?.has(name) || this.api.methods.has(name)) return true;
    if (this.flags & PY_HAS_SEQUENCE && isIndex(name)) return Number(name) < this.registry.operations.length(this.lifetime.object, this.flags);
    if (this.registry.operations.hasAttribute(this.lifetime.object, pythonName(name))) return true;
    if ((this.flags & PY_IS_PLAIN_DICT) !== 0 && this.#itemKey(name) !== undefined) return true;
    return name in this.registry.basePrototype;
  }

  deleteProperty(target: object, key: PropertyKey): boolean {
    if (typeof key === "symbol" || this.#defined?.has(key)) {
      const deleted = Reflect.deleteProperty(target, key);
      if (deleted) this.#defined?.delete(key);
      return deleted;
    }
    const name = key as string;
    if (this.api.methods.has(name)) {
      throw new TypeError(
        `Cannot delete \`${name}\`: it belongs to the API of PyProxies. Use \`$${name}\` to delete the Python attribute \`${name}\``,
      );
    }
    if (this.flags & PY_HAS_SEQUENCE && isIndex(name)) {
      this.registry.operations.deleteItem(this.lifetime.object, Number(name));
      return true;
    }
    if (this.flags & PY_IS_PLAIN_DICT) {
      const item = this.#itemKey(name);
      if (item !== undefined) {
        this.registry.operations.deleteItem(this.lifetime.object, item);
        return true;
      }
    }
    if (this.flags & PY_IS_PLAIN_DICT && !this.registry.operations.hasAttribute(this.lifetime.object, pythonName(name))) {
      return true; // as for any object that has no such property
    }
    if (this.registry.operations.deleteAttribute(this.lifetime.object, pythonName(name))) return true;
    const type = this.registry.operations.typeName(this.lifetime.object);
    throw new PythonError("AttributeError", `AttributeError: '${type}' object has no attribute '${pythonName(name)}'\n`);
  }

  ownKeys(target: object): (string | symbol)[] {
    const keys = new Set<string | symbol>(this.registry.operations.dir(this.lifetime.object));
    if (this.flags & PY_IS_PLAIN_DICT) {
      // Last, and in the order of the dict, also those that are names of attributes.
      for (const key of this.registry.operations.dictKeys(this.lifetime.object)) {
        keys.delete(key);
        keys.add(key);
      }
    }
    for (const key of Reflect.ownKeys(target)) {
      if (typeof key === "symbol" || this.#defined?.has(key)) keys.add(key);
    }
    return [...keys];
  }

  getOwnPropertyDescriptor(target: object, key: PropertyKey): PropertyDescriptor | undefined {
    if (typeof key === "symbol" || this.#defined?.has(key)) return Reflect.getOwnPropertyDescriptor(target, key);
    const name = key as string;
    const isElement = (this.flags & PY_HAS_SEQUENCE) !== 0 && isIndex(name);
    const isOwn = isElement
      ? Number(name) < this.registry.operations.length(this.lifetime.object, this.flags)
      : (this.flags & PY_IS_PLAIN_DICT) !== 0 && this.#itemKey(name) !== undefined;
    if (!isOwn) return undefined;
    return { value: this.get(target, name, this.proxy), writable: true, enumerable: true, configurable: true };
  }

  defineProperty(target: object, key: PropertyKey, descriptor: PropertyDescriptor): boolean {
    const isPlainValue =
      typeof key === "string" &&
      !this.#defined?.has(key) &&
      "value" in descriptor &&
      descriptor.writable === true &&
      descriptor.enumerable === true &&
      descriptor.configurable === true;
    if (isPlainValue) return this.set(target, key, descriptor.value, this.proxy);
    const defined = Reflect.defineProperty(target, key, descriptor);
    if (defined && typeof key === "string") (this.#defined ??= new Set()).add(key);
    return defined;
  }

  getPrototypeOf(): object {
    return this.api.prototype;
  }

  setPrototypeOf(_target: object, prototype: object | null): boolean {
    return prototype === this.api.prototype;
  }

  preventExtensions(): boolean {
    return false; // a Python object decides for itself what attributes it takes
  }

  apply(_target: object, self: unknown, args: unknown[]): unknown {
    const { binding } = this;
    if (binding === undefined && (this.flags & PYPROXY_CAPTURE_THIS) === 0) {
      return this.registry.finishCall(this.registry.operations.call(this.lifetime.object, args));
    }
    return this.registry.finishCall(this.registry.operations.call(this.lifetime.object, this.fullArguments(self, args)));
  }

  /** `new proxy(...)` is a call: of a class, which makes an instance. */
  construct(_target: object, args: unknown[]): object {
    const made = this.apply(_target, undefined, args);
    if ((typeof made === "object" && made !== null) || typeof made === "function") return made;
    const { object } = this.lifetime;
    throw new TypeError(`\`new\` must give an object, and this Python ${this.registry.operations.typeName(object)} returned ${made === null ? "null" : `a value of type ${typeof made}`}: call it without \`new\``);
  }

  /** The arguments as Python gets them: `this` first if it is captured, then what was bound. */
  fullArguments(self: unknown, args: readonly unknown[]): readonly unknown[] {
    const { binding } = this;
    const bound = binding === undefined ? args : [...binding.args, ...args];
    if ((this.flags & PYPROXY_CAPTURE_THIS) === 0) return bound;
    return [binding?.hasSelf ? binding.self : self, ...bound];
  }

  /** The key of a dict that a property name means: the string, else the number that it spells; undefined when there is neither. */
  #itemKey(name: string): string | number | undefined {
    const { operations } = this.registry;
    const { object } = this.lifetime;
    if (operations.hasItem(object, name)) return name;
    return isIndex(name) && operations.hasItem(object, Number(name)) ? Number(name) : undefined;
  }

  /** The item of a dict, an object as attributes are: as long as the dict's proxy lives. */
  #item(name: string): unknown {
    const { operations } = this.registry;
    const { object } = this.lifetime;
    const borrowing = { borrower: this, name: `[${name}` };
    const item = operations.getItem(object, name, borrowing);
    return item === undefined && isIndex(name) && !operations.hasItem(object, name) ? operations.getItem(object, Number(name), borrowing) : item;
  }

  #element(index: number): unknown {
    return this.registry.operations.getItem(this.lifetime.object, index);
  }

  /** What every JavaScript object has (`hasOwnProperty`, `constructor`...), when Python has no such attribute. */
  #missing(name: string, receiver: unknown): unknown {
    return name.startsWith("$") ? undefined : Reflect.get(this.registry.basePrototype, name, receiver);
  }

  /** For an item that contains itself: the proxy of the object further out, so that whoever walks the items sees the circle. */
  protected enclosing(object: PyPtr): object | undefined {
    for (let outer: PyProxyState | undefined = this; outer !== undefined; outer = this.registry.find(outer.root)) {
      if (outer.lifetime.objectOrNone === object) return outer.proxy;
    }
    return undefined;
  }

  /** An attribute that is an object: the proxy handed out before if it denotes the same object, else a new one. */
  borrow(name: string, object: PyPtr, flags: number): object {
    const outer = name.startsWith("[") ? this.enclosing(object) : undefined;
    if (outer !== undefined) {
      this.registry.operations.drop(object);
      return outer;
    }
    const cached = this.#attributes?.get(name);
    if (cached !== undefined) {
      if (cached.lifetime.isAlive && this.registry.operations.denoteSame(cached.lifetime.object, object, flags)) {
        this.registry.operations.drop(object);
        return cached.proxy;
      }
      this.registry.register(cached); // nothing but its users keeps the old one alive any more
    }
    const state = this.registry.attribute(this, object, flags);
    (this.#attributes ??= new Map()).set(name, state);
    return state.proxy;
  }
}

/** The Python name for a property key: `$` is taken off. */
function pythonName(key: string): string {
  return key.charCodeAt(0) === 36 ? key.slice(1) : key;
}

/** Is the key the index of an element? SPEC: ECMA-262 array index, which ends below 2**32 - 1. */
export function isIndex(key: string): boolean {
  const first = key.charCodeAt(0);
  if (!(first >= 48 && first <= 57)) return false; // also for the empty key
  const index = Number(key) >>> 0;
  return index !== 0xffffffff && String(index) === key;
}
