/**
 * Builds JavaScript values from a tape, in one pass over linear memory (`pyox_js_tape_play`): the bulk path of `toJs`.
 * PERF: nested data crosses the boundary once; this must beat JSON for the same data (ffi: tojs_nested).
 * Invariant: a value that was taken off the tape is marked as taken, so that the sender can free the rest when playing fails.
 * Invariant: lists, dicts and sets are numbered in the order of appearance, and are known by their number before their
 * elements are read, so that references to a container within itself find it.
 */
import { isProperty, literalMapOf } from "../convert/literal-map";
import { RecursionRangeError, isStackOverflow } from "../errors/errors";
import {
  TAG_ABSENT,
  TAG_PYPROXY,
  TAPE_ASCII,
  TAPE_DICT,
  TAPE_FALSE,
  TAPE_FLOAT,
  TAPE_INT32,
  TAPE_LIST,
  TAPE_NONE,
  TAPE_REFERENCE,
  TAPE_SET,
  TAPE_TRUE,
  TAPE_UTF16,
  TAPE_VALUE,
} from "./generated";
import type { Wire } from "./wire";

/** What becomes of dicts and of the proxies that are made. */
export interface PlayOptions {
  /** Makes the result for a dict from its pairs; undefined for the usual one. */
  readonly dictConverter: ((pairs: Iterable<[unknown, unknown]>) => unknown) | undefined;
  /** Without a converter: plain objects instead of LiteralMaps. */
  readonly plainDicts: boolean;
  /** Takes every PyProxy that is made. */
  readonly pyproxies: { push(proxy: unknown): unknown } | undefined;
}

/** Plays a tape and returns the value. */
export function playTape(wire: Wire, address: number, options: PlayOptions): unknown {
  try {
    return new TapePlayer(wire, address >>> 0, options).value();
  } catch (error) {
    throw isStackOverflow(error) ? new RecursionRangeError("the object is nested too deeply to be converted to JavaScript", error) : error;
  }
}

class TapePlayer {
  /** Position as an index of 32-bit words. */
  #at: number;
  #u32: Uint32Array;
  #u8: Uint8Array;
  readonly #containers: unknown[] = [];
  /** Placeholders of dicts whose converter has not run yet, and whether something refers to them. */
  readonly #unfinished = new Map<unknown, boolean>();

  constructor(
    readonly wire: Wire,
    address: number,
    readonly options: PlayOptions,
  ) {
    wire.memory.fresh();
    this.#at = address >>> 2;
    this.#u32 = wire.memory.u32;
    this.#u8 = wire.memory.u8;
  }

  value(): unknown {
    const u32 = this.#u32;
    const kind = u32[this.#at++];
    switch (kind) {
      case TAPE_INT32:
        return (u32[this.#at++] as number) | 0;
      case TAPE_ASCII:
        return this.#ascii();
      case TAPE_LIST:
        return this.#list();
      case TAPE_DICT:
        return this.#dict();
      case TAPE_FLOAT: {
        const word = (this.#at + 1) & ~1;
        this.#at = word + 2;
        return this.wire.memory.f64[word >>> 1];
      }
      case TAPE_NONE:
        return undefined;
      case TAPE_TRUE:
        return true;
      case TAPE_FALSE:
        return false;
      case TAPE_VALUE:
        return this.#wireValue();
      case TAPE_UTF16: {
        const length = u32[this.#at] as number;
        const text = this.wire.strings.utf16(this.wire.memory.u16, (this.#at + 1) * 4, length);
        this.#at += 1 + ((2 * length + 3) >>> 2);
        return text;
      }
      case TAPE_SET:
        return this.#set();
      case TAPE_REFERENCE:
        return this.#reference(u32[this.#at++] as number);
      default:
        throw new Error(`Pyoxide has a bug: unexpected entry ${String(kind)} on a tape`);
    }
  }

  #ascii(): string {
    const length = this.#u32[this.#at] as number;
    const start = (this.#at + 1) * 4;
    this.#at += 1 + ((length + 3) >>> 2);
    return this.wire.strings.ascii(this.#u8, start, length);
  }

  #wireValue(): unknown {
    const word = (this.#at + 1) & ~1;
    this.#at = word + 4;
    const tag = this.#u32[word] as number;
    // Making a proxy does not call into wasm except in debug mode, where memory may grow.
    const value = this.wire.decode(tag, word * 4);
    this.#refresh();
    this.#u32[word] = TAG_ABSENT; // taken: should the tape not be played to its end, the sender frees what is left
    if (tag === TAG_PYPROXY && this.options.pyproxies !== undefined) {
      this.options.pyproxies.push(value);
      this.#refresh();
    }
    return value;
  }

  #reference(number: number): unknown {
    const container = this.#containers[number];
    if (this.#unfinished.has(container)) this.#unfinished.set(container, true);
    return container;
  }

  #list(): unknown[] {
    const count = this.#u32[this.#at++] as number;
    const list: unknown[] = [];
    this.#containers.push(list);
    for (let index = 0; index < count; index++) {
      const word = this.#at;
      // PERF: runs of small integers without a call per element.
      if (this.#u32[word] === TAPE_INT32) {
        list.push((this.#u32[word + 1] as number) | 0);
        this.#at = word + 2;
      } else {
        list.push(this.value());
      }
    }
    return list;
  }

  #set(): Set<unknown> {
    const count = this.#u32[this.#at++] as number;
    const set = new Set<unknown>();
    this.#containers.push(set);
    for (let index = 0; index < count; index++) set.add(this.value());
    return set;
  }

  #dict(): unknown {
    const count = this.#u32[this.#at++] as number;
    if (this.options.dictConverter !== undefined) return this.#convertedDict(count, this.options.dictConverter);
    if (this.options.plainDicts) return this.#plainObject(count);
    const map = new Map<unknown, unknown>();
    this.#containers.push(map);
    for (let index = 0; index < count; index++) {
      const key = this.value();
      const value = this.value();
      map.set(key, value);
      if (isProperty(key)) (map as unknown as Record<string, unknown>)[key] = value;
    }
    return literalMapOf(map);
  }

  #plainObject(count: number): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    this.#containers.push(object);
    for (let index = 0; index < count; index++) {
      const key = this.value() as string;
      const value = this.value();
      if (key === "__proto__") Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
      else object[key] = value;
    }
    return object;
  }

  /** The converter needs all pairs first, so what refers to the dict from inside it is filled in afterwards. */
  #convertedDict(count: number, converter: (pairs: Iterable<[unknown, unknown]>) => unknown): unknown {
    const number = this.#containers.length;
    const placeholder = {};
    this.#containers.push(placeholder);
    this.#unfinished.set(placeholder, false);
    const pairs: [unknown, unknown][] = [];
    for (let index = 0; index < count; index++) {
      const key = this.value();
      pairs.push([key, this.value()]);
    }
    const result = converter(pairs);
    this.#containers[number] = result;
    this.#refresh();
    if (this.#unfinished.get(placeholder)) replace(placeholder, result, [result, ...this.#containers.slice(number + 1)]);
    this.#unfinished.delete(placeholder);
    return result;
  }

  /** Converters and proxies run code of others, which may grow memory. */
  #refresh(): void {
    this.wire.memory.fresh();
    this.#u32 = this.wire.memory.u32;
    this.#u8 = this.wire.memory.u8;
  }
}

/** Puts `result` wherever the containers hold `placeholder`. */
function replace(placeholder: object, result: unknown, containers: readonly unknown[]): void {
  for (const container of containers) {
    if (Array.isArray(container)) {
      container.forEach((value: unknown, index) => {
        if (value === placeholder) container[index] = result;
        else if (Array.isArray(value) && value[1] === placeholder) value[1] = result; // a converter that keeps pairs
      });
    } else if (container instanceof Map) {
      for (const [key, value] of container as Map<unknown, unknown>) {
        if (value === placeholder) container.set(key, result);
      }
    } else if (typeof container === "object" && container !== null) {
      const bag = container as Record<string, unknown>;
      for (const key of Object.keys(bag)) {
        if (bag[key] === placeholder) bag[key] = result;
      }
    }
  }
}
