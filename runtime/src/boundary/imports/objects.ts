/** Given to wasm: attributes, items of maps and object maps, elements of arrays. */
import { JS_IS_ARRAY, JS_IS_OBJECT_MAP, TAG_ABSENT, TAG_PYPROXY, type JsHandle, type JsImports, type PyPtr, type Tag, type WirePtr } from "../generated";
import { MemoryRangeError } from "../../errors/errors";
import { isIndex, type PyProxyState } from "../../proxy/state";
import type { ImportContext } from "./context";

/** V8 ends the process when an Array that is filled one by one passes 2**27 elements, and reserves half as much again as it has. */
const SLICE_MAX = 2 ** 26;

type Bag = Record<string, unknown>;
interface MapLike {
  get(key: unknown): unknown;
  set(key: unknown, value: unknown): unknown;
  delete(key: unknown): unknown;
  has?(key: unknown): unknown;
  includes?(key: unknown): unknown;
}

/** Rows of the section "attributes and items". */
export function objectImports({ wire, handles, registry }: ImportContext) {
  const { memory } = wire;
  const bag = (handle: JsHandle): Bag => handles.get(handle) as Bag;
  const mapLike = (handle: JsHandle): MapLike => handles.get(handle) as MapLike;
  const absent = (out: WirePtr): Tag => {
    memory.fresh();
    return (memory.u32[out >>> 2] = TAG_ABSENT);
  };

  /** Runs with a key that is only looked at: a PyProxy made for it ends afterwards. */
  const withKey = <T>(at: WirePtr, body: (key: unknown) => T): T => {
    const tag = wire.tagAt(at);
    if (tag !== TAG_PYPROXY) return body(wire.decode(tag, at));
    const lent: PyProxyState[] = [];
    const word = (at + 4) >>> 2;
    const key = registry.lend(memory.u32[word] as PyPtr, memory.u32[word + 1] as number, lent);
    try {
      return body(key);
    } finally {
      registry.endBorrowing(lent, undefined);
    }
  };

  return {
    pyox_js_object_get(object: JsHandle, name: JsHandle, out: WirePtr): Tag {
      try {
        const target = handles.get(object) as Bag;
        const key = handles.get(name) as string;
        if (target === undefined || target === null) return absent(out); // they can be thrown
        const value = target[key];
        if (value === undefined && !(key in Object(target))) return absent(out);
        return wire.encodeResult(value, out);
      } catch (error) {
        return wire.fail(error, 0);
      }
    },
    pyox_js_object_set(object: JsHandle, name: JsHandle, value: WirePtr): number {
      try {
        bag(object)[handles.get(name) as string] = wire.decodeAt(value);
        return 0;
      } catch (error) {
        return wire.fail(error, -1);
      }
    },
    pyox_js_object_delete(object: JsHandle, name: JsHandle): number {
      try {
        const target = bag(object);
        const key = handles.get(name) as string;
        if (!(key in Object(target))) return 0;
        delete target[key]; // strict mode: throws where it cannot
        return 1;
      } catch (error) {
        return wire.fail(error, -1);
      }
    },
    pyox_js_object_dir(object: JsHandle): JsHandle {
      try {
        return handles.add(propertyNames(handles.get(object)));
      } catch (error) {
        return wire.fail(error, 0) as JsHandle;
      }
    },
    pyox_js_object_list(object: JsHandle, what: number): JsHandle {
      try {
        const target = bag(object);
        return handles.add(what === 0 ? Object.keys(target) : what === 1 ? Object.values(target) : Object.entries(target));
      } catch (error) {
        return wire.fail(error, 0) as JsHandle;
      }
    },
    pyox_js_object_length(object: JsHandle, flags: number): number {
      try {
        const value = handles.get(object);
        if (flags & JS_IS_ARRAY) {
          // PERF: an Array's length is one already, unless it is a proxy that says something else (ffi: py2js_len).
          const { length } = value as { readonly length: unknown };
          if (typeof length === "number" && length >= 0 && length <= 0x7fffffff) return length;
        }
        return flags & JS_IS_OBJECT_MAP ? Object.keys(value as Bag).length : lengthOf(value);
      } catch (error) {
        return wire.fail(error, -1);
      }
    },
    pyox_js_item_get(object: JsHandle, flags: number, key: WirePtr, out: WirePtr): Tag {
      try {
        return withKey(key, (item) => {
          if (flags & JS_IS_OBJECT_MAP) {
            const target = bag(object);
            return hasOwnItem(target, item) ? wire.encodeResult(target[item], out) : absent(out);
          }
          const map = mapLike(object);
          const value = map.get(item);
          if (value === undefined && !(typeof map.has === "function" && map.has(item))) return absent(out);
          return wire.encodeResult(value, out);
        });
      } catch (error) {
        return wire.fail(error, 0);
      }
    },
    pyox_js_item_set(object: JsHandle, flags: number, key: WirePtr, value: WirePtr): number {
      try {
        const item = wire.decodeAt(key);
        const stored = wire.decodeAt(value);
        if ((flags & JS_IS_OBJECT_MAP) === 0) mapLike(object).set(item, stored);
        else if (typeof item === "string") bag(object)[item] = stored;
        else throw new TypeError(`The keys of an object map are strings, not ${typeof item}`);
        return 0;
      } catch (error) {
        return wire.fail(error, -1);
      }
    },
    pyox_js_item_delete(object: JsHandle, flags: number, key: WirePtr): number {
      try {
        return withKey(key, (item) => {
          if ((flags & JS_IS_OBJECT_MAP) === 0) {
            const map = mapLike(object);
            // Not every map says whether there was something: URLSearchParams and Headers do not.
            const had = map instanceof Map || typeof map.has !== "function" || Boolean(map.has(item));
            const deleted = map.delete(item) as boolean | undefined;
            return had && (deleted === undefined || deleted) ? 1 : 0;
          }
          const target = bag(object);
          if (!hasOwnItem(target, item)) return 0;
          delete target[item];
          return 1;
        });
      } catch (error) {
        return wire.fail(error, -1);
      }
    },
    pyox_js_item_has(object: JsHandle, flags: number, key: WirePtr): number {
      try {
        return withKey(key, (item) => {
          if (flags & JS_IS_OBJECT_MAP) return hasOwnItem(bag(object), item) ? 1 : 0;
          const map = mapLike(object);
          if (typeof map.has === "function") return map.has(item) ? 1 : 0;
          // A NodeList and `arguments` have elements, but no method to look for one.
          const { includes = Array.prototype.includes } = map as { readonly includes?: (wanted: unknown) => unknown };
          return Reflect.apply(includes, map, [item]) ? 1 : 0;
        });
      } catch (error) {
        return wire.fail(error, -1);
      }
    },
    pyox_js_array_get(array: JsHandle, index: number, out: WirePtr): Tag {
      try {
        const list = handles.get(array) as ArrayLike<unknown>;
        const { length } = list;
        const at = index < 0 ? index + length : index;
        if (!(at >= 0 && at < length)) return absent(out);
        return wire.encodeResult(list[at], out);
      } catch (error) {
        return wire.fail(error, 0);
      }
    },
    pyox_js_array_set(array: JsHandle, index: number, value: WirePtr): number {
      try {
        (handles.get(array) as unknown[])[index >>> 0] = wire.decodeAt(value);
        return 0;
      } catch (error) {
        return wire.fail(error, -1);
      }
    },
    pyox_js_array_slice(array: JsHandle, start: number, step: number, count: number): JsHandle {
      try {
        const source = handles.get(array) as ArrayLike<unknown>;
        if (count > SLICE_MAX) {
          throw new MemoryRangeError(`A slice of ${count} elements is too large for a new Array (holes count too): take a part of it`);
        }
        const slice: unknown[] = [];
        for (let index = 0; index < count; index++) slice.push(source[start + index * step]);
        return handles.add(slice);
      } catch (error) {
        return wire.fail(error, 0) as JsHandle;
      }
    },
    pyox_js_array_slice_delete(array: JsHandle, start: number, step: number, count: number): number {
      try {
        const target = requireArray(handles.get(array), "deleted");
        if (step === 1) {
          target.splice(start, count);
        } else {
          const gone = new Set(Array.from({ length: count }, (_, index) => start + index * step));
          const kept = target.filter((_, index) => !gone.has(index));
          kept.forEach((value, index) => (target[index] = value));
          target.length = kept.length;
        }
        return 0;
      } catch (error) {
        return wire.fail(error, -1);
      }
    },
    pyox_js_array_slice_set(array: JsHandle, start: number, step: number, count: number, values: WirePtr, valuesCount: number): number {
      try {
        const stored = wire.decodeAll(values >>> 0, valuesCount >>> 0);
        if (step === 1 && stored.length !== count) {
          spliceMany(requireArray(handles.get(array), "inserted or deleted"), start, count, stored);
        } else {
          const target = handles.get(array) as unknown[];
          stored.forEach((value, index) => (target[start + index * step] = value));
        }
        return 0;
      } catch (error) {
        return wire.fail(error, -1);
      }
    },
  } satisfies Partial<JsImports>;
}

/** SPEC: FFI-003: the items of an object map are its own properties. */
function hasOwnItem(object: Bag, key: unknown): key is string {
  return typeof key === "string" && Object.hasOwn(object, key);
}

function lengthOf(value: unknown): number {
  const { length, size } = value as { readonly length?: unknown; readonly size?: unknown };
  const count = typeof length === "number" ? length : size;
  if (typeof count !== "number") throw new TypeError("The object has neither a numeric `length` nor a numeric `size`");
  if (!Number.isInteger(count) || count < 0 || count > 0x7fffffff) {
    throw new RangeError(`The object's length is ${count}, which is no length that Python can use`);
  }
  return count;
}

function propertyNames(value: unknown): string[] {
  const names = new Set<string>();
  for (let object = Object(value) as object | null; object !== null; object = Object.getPrototypeOf(object) as object | null) {
    for (const name of Object.getOwnPropertyNames(object)) {
      if (!isIndex(name)) names.add(name);
    }
  }
  return [...names];
}

function requireArray(value: unknown, what: string): unknown[] {
  if (!Array.isArray(value)) throw new TypeError(`Elements can be ${what} only in an Array: this object has a fixed length`);
  return value;
}

/** `splice` without passing the values as arguments, of which engines take only so many. */
function spliceMany(target: unknown[], start: number, count: number, values: readonly unknown[]): void {
  if (values.length < 1024) {
    target.splice(start, count, ...values);
    return;
  }
  const length = target.length - count + values.length;
  if (length > SLICE_MAX) throw new MemoryRangeError(`The Array would have ${length} elements (holes count too), too many to fill it: assign to a part of it`);
  const tail = target.slice(start + count);
  target.length = start;
  for (const value of values) target.push(value);
  for (const value of tail) target.push(value);
}
