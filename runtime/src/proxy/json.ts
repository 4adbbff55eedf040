/**
 * JSON adaptors: a PyProxy whose properties are the items of its object (`asJsJson`, called `asJsonAdaptor` in older documents).
 * Results that have items become adaptors too, so `JSON.stringify(proxy.asJsJson())` undoes `json.loads`.
 * Invariant: an adaptor of a sequence is an Array to JavaScript (`Array.isArray`), with the invariants that its target's
 * `length` brings.
 */
import { PY_HAS_DICT, PY_HAS_GET, PY_HAS_SEQUENCE, type PyPtr } from "../boundary/generated";
import type { ProxyRegistry } from "./registry";
import { PyProxyState, isIndex } from "./state";

/** State and traps of an adaptor. */
export class JsonState extends PyProxyState {
  /** Adaptors of items, by key, while they denote the same object. */
  readonly #items = new Map<string, JsonState>();

  get #isSequence(): boolean {
    return (this.flags & PY_HAS_SEQUENCE) !== 0;
  }

  override get(target: object, key: PropertyKey, receiver: unknown): unknown {
    if (typeof key === "symbol") {
      return this.#isSequence || key === Symbol.toStringTag ? this.#symbol(target, key, receiver) : super.get(target, key, receiver);
    }
    const name = key as string;
    if (this.#isSequence) {
      if (isIndex(name)) return this.#item(name, Number(name));
      if (name === "length") return this.registry.operations.length(this.lifetime.object, this.flags);
      if (name in Array.prototype) return Reflect.get(Array.prototype, name);
      return this.#method(name);
    }
    const item = this.#item(name, this.#keyOf(name));
    if (item !== undefined) return item;
    return name in Object.prototype ? Reflect.get(Object.prototype, name, receiver) : this.#method(name);
  }

  override set(target: object, key: PropertyKey, value: unknown, receiver: unknown): boolean {
    if (typeof key === "symbol") return super.set(target, key, value, receiver);
    const name = key as string;
    if (!this.#isSequence) this.registry.operations.setItem(this.lifetime.object, this.#keyOf(name), value);
    else if (isIndex(name)) this.registry.setElement(this, Number(name), value);
    else if (name === "length") return this.registry.setLength(this, value);
    else return false;
    return true;
  }

  override has(target: object, key: PropertyKey): boolean {
    if (typeof key === "symbol") return Reflect.has(target, key);
    const name = key as string;
    const { operations } = this.registry;
    if (!this.#isSequence) return this.#hasKey(name) || name in Object.prototype;
    return isIndex(name) ? Number(name) < operations.length(this.lifetime.object, this.flags) : name in Array.prototype;
  }

  override deleteProperty(target: object, key: PropertyKey): boolean {
    if (typeof key === "symbol") return Reflect.deleteProperty(target, key);
    if (key === "length" && this.#isSequence) return false;
    const item = this.#isSequence ? Number(key) : this.#keyOf(key as string);
    if (this.#isSequence ? this.has(target, key) : this.#hasKey(key as string)) this.registry.operations.deleteItem(this.lifetime.object, item);
    return true;
  }

  override ownKeys(target: object): (string | symbol)[] {
    const symbols = Reflect.ownKeys(target).filter((key) => typeof key === "symbol");
    const { operations } = this.registry;
    const { object } = this.lifetime;
    if (this.#isSequence) {
      const indices = Array.from({ length: operations.length(object, this.flags) }, (_, index) => String(index));
      return [...indices, "length", ...symbols];
    }
    if ((this.flags & PY_HAS_DICT) === 0 && !operations.hasAttribute(object, "keys")) return symbols;
    // The keys without the values: an object of its own, so that nothing is converted that JSON cannot name.
    const view = this.registry.require(operations.getAttribute(object, "keys", ROOTS(this.registry)), "keys");
    try {
      const keys = operations.call(view.lifetime.object, []);
      const names: string[] = [];
      try {
        // As in json.dumps, numbers are names too; what is neither cannot be named.
        for (const name of keys as Iterable<unknown>) {
          if (typeof name === "string" || typeof name === "number") names.push(String(name));
          else this.#end(name);
        }
      } finally {
        this.#end(keys);
      }
      return [...new Set(names), ...symbols];
    } finally {
      this.registry.end(view, "Object has already been destroyed");
    }
  }

  override getOwnPropertyDescriptor(target: object, key: PropertyKey): PropertyDescriptor | undefined {
    if (typeof key === "symbol") return Reflect.getOwnPropertyDescriptor(target, key);
    if (this.#isSequence && key === "length") {
      return { value: this.registry.operations.length(this.lifetime.object, this.flags), writable: true, enumerable: false, configurable: false };
    }
    const isOwn = this.#isSequence
      ? isIndex(key as string) && this.has(target, key)
      : this.#hasKey(key as string);
    if (!isOwn) return undefined;
    return { value: this.get(target, key, this.proxy), writable: true, enumerable: true, configurable: true };
  }

  override defineProperty(target: object, key: PropertyKey, descriptor: PropertyDescriptor): boolean {
    if (typeof key === "symbol") return Reflect.defineProperty(target, key, descriptor);
    if (!("value" in descriptor)) return false; // Python items are values
    return this.set(target, key, descriptor.value, this.proxy);
  }

  override getPrototypeOf(): object {
    return this.#isSequence ? Array.prototype : Object.prototype;
  }

  override setPrototypeOf(_target: object, prototype: object | null): boolean {
    return prototype === this.getPrototypeOf();
  }

  /** An item that is an object: an adaptor if it has items itself. */
  override borrow(name: string, object: PyPtr, flags: number): object {
    const outer = this.enclosing(object);
    if (outer !== undefined) {
      this.registry.drop(object);
      return outer;
    }
    const cached = this.#items.get(name);
    if (cached !== undefined) {
      if (cached.lifetime.objectOrNone === object) {
        this.registry.drop(object);
        return cached.proxy;
      }
      this.registry.register(cached);
      this.#items.delete(name);
    }
    if ((flags & PY_HAS_GET) === 0) return super.borrow(name, object, flags);
    const state = this.registry.adaptorOfItem(this, object, flags);
    this.#items.set(name, state);
    return state.proxy;
  }

  #item(name: string, key: string | number): unknown {
    const { operations } = this.registry;
    const item = operations.getItem(this.lifetime.object, key, { borrower: this, name });
    // JSON has null, and JavaScript's JSON leaves out what is undefined.
    if (item !== undefined) return item;
    const isThere = this.#isSequence ? (key as number) < operations.length(this.lifetime.object, this.flags) : operations.hasItem(this.lifetime.object, key);
    return isThere ? null : undefined;
  }

  /** The key that a property name means: the string, unless there is only the number that it spells. */
  #keyOf(name: string): string | number {
    const { operations } = this.registry;
    const { object } = this.lifetime;
    const number = Number(name);
    const isNumber = String(number) === name;
    return isNumber && !operations.hasItem(object, name) && operations.hasItem(object, number) ? number : name;
  }

  #hasKey(name: string): boolean {
    return this.registry.operations.hasItem(this.lifetime.object, this.#keyOf(name));
  }

  #end(value: unknown): void {
    const state = this.registry.find(value);
    if (state !== undefined) this.registry.end(state, "Object has already been destroyed");
  }

  /** What a PyProxy offers, as far as no item has the name. Not `toJSON`: the adaptor is JSON already. */
  #method(name: string): unknown {
    const method = name === "toJSON" ? undefined : this.api.methods.get(name);
    return typeof method === "function" ? method : undefined;
  }

  #symbol(target: object, key: symbol, receiver: unknown): unknown {
    if (key === Symbol.toStringTag) return undefined;
    return key in Array.prototype ? Reflect.get(Array.prototype, key, receiver) : super.get(target, key, receiver);
  }
}

/** A borrower that makes proxies with lifetimes of their own. */
const ROOTS = (registry: ProxyRegistry) => ({
  borrow: (_name: string, object: PyPtr, flags: number): unknown => registry.make(object, flags),
});

/** The methods of proxies with items. */
export function jsonMethods(registry: ProxyRegistry) {
  function asJsJson(this: unknown): object {
    return registry.adaptor(registry.require(this, "asJsJson"));
  }
  return { asJsJson, asJsonAdaptor: asJsJson };
}
