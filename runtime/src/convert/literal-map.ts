/**
 * LiteralMap: a Map whose string keys can also be read and written as properties: `map.key` (TT-078).
 * What Map has (`size`, `get`, `keys`...) shadows a key of that name; `get` always works.
 * It is done by one Proxy for all maps, in the prototype chain behind Map's own methods: a map costs no more than a Map, and
 * functions that take options as objects (`fetch(url, map)`) find what they read.
 */

/** The map that a property of `receiver` belongs to, if it is the name of a key. */
function mapOf(receiver: unknown, key: PropertyKey): Map<unknown, unknown> | undefined {
  return typeof key === "string" && receiver instanceof LiteralMap ? receiver : undefined;
}

/** Reached when neither the map nor Map.prototype has the property. */
const fallback: object = new Proxy(Object.create(Map.prototype) as object, {
  get(target, key, receiver) {
    if (key in target) return Reflect.get(target, key, receiver);
    return mapOf(receiver, key)?.get(key);
  },
  set(target, key, value, receiver) {
    const map = key in target ? undefined : mapOf(receiver, key);
    if (map === undefined) return Reflect.set(target, key, value, receiver);
    map.set(key, value);
    return true;
  },
});

/** The Map that a Python dict becomes. */
export class LiteralMap<K = unknown, V = unknown> extends Map<K, V> {
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

// Map.prototype itself must stay as it is, so its properties are copied to a layer before the fallback; behind the fallback
// comes Map.prototype, for `instanceof`.
const mapLayer = Object.create(fallback, Object.getOwnPropertyDescriptors(Map.prototype)) as object;
Object.setPrototypeOf(LiteralMap.prototype, mapLayer);
