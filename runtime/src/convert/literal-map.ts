/**
 * LiteralMap: a Map whose string keys are own properties too (TT-078): `map.key`, `Object.keys(map)`, `{...map}`, `for (key in map)`.
 * What Map has (`size`, `get`, `keys`...) shadows a key of that name; `get` always works.
 *
 * It is a real Map, so that it can be posted to workers. Its properties are ordinary ones, because accessors or a Proxy for each map would
 * cost a multiple of the map (ffi: toJs). Properties that it does not have reach one Proxy for all maps, behind Map's own methods in the prototype chain:
 * there a new property becomes an entry.
 * Invariant: of a string key with a property, the property has the value; the entry gets it when somebody reads entries (`sync`).
 * Not here: `delete map.key`, which takes away the property only, as on any Map.
 */

const { get: mapGet, set: mapSet, delete: mapDelete, clear: mapClear, entries: mapEntries, values: mapValues, forEach: mapForEach } = Map.prototype;
const INSPECT = Symbol.for("nodejs.util.inspect.custom");

/** Reached when neither the map nor Map.prototype has the property. */
const fallback: object = new Proxy(Object.create(Map.prototype) as object, {
  get(target, key, receiver) {
    if (key in target) return Reflect.get(target, key, receiver);
    return typeof key === "string" && receiver instanceof LiteralMap ? mapGet.call(receiver, key) : undefined;
  },
  set(target, key, value, receiver) {
    if (typeof key !== "string" || key in target || !(receiver instanceof LiteralMap)) return Reflect.set(target, key, value, receiver);
    receiver.set(key, value);
    return true;
  },
});

/** Properties of every map, which a key of the dict does not hide. */
const SHADOWED: ReadonlySet<string> = new Set(["toJSON", ...Object.getOwnPropertyNames(Map.prototype), ...Object.getOwnPropertyNames(Object.prototype)]);

/** The Map that a Python dict becomes. */
export class LiteralMap<K = unknown, V = unknown> extends Map<K, V> {
  override get(key: K): V | undefined {
    return typeof key === "string" && Object.hasOwn(this, key) ? (this as unknown as Record<string, V>)[key] : (mapGet.call(this, key) as V | undefined);
  }

  override set(key: K, value: V): this {
    if (isProperty(key)) {
      const property = { value, writable: true, enumerable: true, configurable: true };
      Object.defineProperty(this, key, property); // says what a frozen map does not take
    }
    mapSet.call(this, key, value);
    return this;
  }

  override delete(key: K): boolean {
    if (typeof key === "string" && Object.hasOwn(this, key)) delete (this as unknown as Record<string, V>)[key];
    return mapDelete.call(this, key);
  }

  override clear(): void {
    for (const key of Object.keys(this)) delete (this as unknown as Record<string, V>)[key];
    mapClear.call(this);
  }

  override forEach(callback: (value: V, key: K, map: Map<K, V>) => void, self?: unknown): void {
    sync(this);
    mapForEach.call(this, callback as (value: unknown, key: unknown, map: Map<unknown, unknown>) => void, self);
  }

  override entries(): ReturnType<Map<K, V>["entries"]> {
    sync(this);
    return mapEntries.call(this) as ReturnType<Map<K, V>["entries"]>;
  }

  override values(): ReturnType<Map<K, V>["values"]> {
    sync(this);
    return mapValues.call(this) as ReturnType<Map<K, V>["values"]>;
  }

  override [Symbol.iterator](): ReturnType<Map<K, V>["entries"]> {
    return this.entries();
  }

  /** For `JSON.stringify`: the entries with string keys, as an object. */
  toJSON(): Record<string, V> {
    const object: Record<string, V> = {};
    for (const [key, value] of this) {
      if (typeof key === "string") {
        Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
      }
    }
    return object;
  }
}
// Consoles show entries, and would show the properties once more.
Object.defineProperty(LiteralMap.prototype, INSPECT, {
  value(this: LiteralMap, _depth: number, options: unknown, inspect?: (value: unknown, options: unknown) => string): unknown {
    const map = new Map(this);
    return inspect === undefined ? map : `Literal${inspect(map, options)}`;
  },
  configurable: true,
  writable: true,
});

// Map.prototype itself must stay as it is, so its properties are copied to a layer before the fallback; behind the fallback
// comes Map.prototype, for `instanceof`.
const mapLayer = Object.create(fallback, Object.getOwnPropertyDescriptors(Map.prototype)) as object;
Object.setPrototypeOf(LiteralMap.prototype, mapLayer);

/** Gives the entries of a LiteralMap what was assigned to its properties. Nothing is done to other values. */
export function sync(map: object): void {
  if (!(map instanceof LiteralMap)) return;
  for (const key of Object.keys(map)) {
    const value = (map as unknown as Record<string, unknown>)[key];
    if (!Object.is(mapGet.call(map, key), value)) mapSet.call(map, key, value);
  }
}

/** A Map that has its entries becomes a LiteralMap. PERF: as long as it is none, properties are set without passing the fallback (ffi: toJs). */
export function literalMapOf(map: Map<unknown, unknown>): LiteralMap {
  return Object.setPrototypeOf(map, LiteralMap.prototype as object) as LiteralMap;
}

/** May the key of an entry be a property too? */
export function isProperty(key: unknown): key is string {
  return typeof key === "string" && !SHADOWED.has(key);
}
