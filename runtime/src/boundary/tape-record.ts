/**
 * Writes the tape of a JavaScript value (`pyox_js_tape_record`): the bulk path of `to_py`.
 * Array becomes a list; plain object and Map a dict; Set a set; everything else is a value as it would cross in a call:
 * PyProxies as their objects, buffers and other objects as owned handles with their flags.
 * Containers are numbered in the order of appearance; a container met again is a reference.
 * Not here: which keys Python can tell apart (ConversionError): the other half sees both.
 */
import { MemoryRangeError, RecursionRangeError, isStackOverflow } from "../errors/errors";
import { sync } from "../convert/literal-map";
import { isAnyArrayBuffer, isMap, isArguments, isPlainObject, isSet } from "./flags";
import {
  TAG_PYOBJECT,
  TAG_PYOBJECT_OWNED,
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
  TAG_BIGINT_HEX,
  type Address,
  type PyPtr,
} from "./generated";
import type { Wire } from "./wire";

/** Turns what has no conversion into something that crosses; the pointer, if it gives one, is owned by the receiver. */
export type ConvertUnknown = (value: object) => { readonly pointer: PyPtr } | { readonly value: unknown };

/** Where a huge BigInt's digits go: behind the tape, in the same block. */
interface Digits {
  readonly word: number;
  readonly text: string;
}

/** Records a tape; returns its address, in memory that the reader frees, and its length in bytes. */
export function recordTape(wire: Wire, value: unknown, depth: number, convert: ConvertUnknown | undefined): { address: Address; length: number } {
  const recorder = new TapeRecorder(wire, convert, wire.tapeScratch ?? new Scratch(new ArrayBuffer(4096)));
  wire.tapeScratch = undefined; // a converter may record another tape meanwhile
  try {
    recorder.write(value, depth);
    return recorder.finish();
  } catch (error) {
    recorder.discard();
    throw isStackOverflow(error) ? new RecursionRangeError("the value is nested too deeply to be converted to Python", error) : error;
  } finally {
    wire.tapeScratch = recorder.scratch.words.length <= SCRATCH_WORDS_MAX ? recorder.scratch : undefined;
  }
}

/** Elements of a list: their tape and the list take 2 GB of the 4 that linear memory can have. */
const LIST_MAX = 1 << 28;

/** Largest scratch memory that is kept for the next tape. */
const SCRATCH_WORDS_MAX = 1 << 18;

/** Memory that a tape is written to first, in every width. PERF: kept between tapes, because making it costs more than a small tape. */
export class Scratch {
  readonly words: Uint32Array;
  readonly floats: Float64Array;
  readonly bytes: Uint8Array;
  readonly units: Uint16Array;

  constructor(buffer: ArrayBuffer) {
    this.words = new Uint32Array(buffer);
    this.floats = new Float64Array(buffer);
    this.bytes = new Uint8Array(buffer);
    this.units = new Uint16Array(buffer);
  }
}

/** Is `Object` its constructor, though its prototype is another object (TT-088)? Iterators and the like inherit that, but have a tag of their own. */
function isConstructedByObject(value: object): boolean {
  return (value as { readonly constructor?: unknown }).constructor === Object && Object.prototype.toString.call(value) === "[object Object]";
}

/** Strings up to this length are written by a loop, longer ones by the encoder. */
const LOOP_STRING_MAX = 160;

class TapeRecorder {
  #words: Uint32Array;
  scratch: Scratch;
  #at = 0;
  /** In the order of their numbers. */
  readonly #containers = new Set<object>();
  /** Their numbers, once one of them was met again. */
  #numbers: Map<object, number> | undefined;
  readonly #digits: Digits[] = [];
  /** Word indices of wire values, which may own something. */
  readonly #values: number[] = [];
  /** Where one wire value is encoded before it is copied to the tape. */
  readonly #wireAt: number;

  constructor(
    readonly wire: Wire,
    readonly convert: ConvertUnknown | undefined,
    scratch: Scratch,
  ) {
    this.scratch = scratch;
    this.#words = scratch.words;
    this.#wireAt = wire.memory.reserve(16);
  }

  /** PERF: comparisons instead of a `switch`, which asks the engine for the name of the type (ffi: topy_nested). */
  write(value: unknown, depth: number): void {
    if (typeof value === "number") this.#number(value);
    else if (typeof value === "string") this.#string(value);
    else if (value === undefined) this.#entry(TAPE_NONE);
    else if (typeof value === "boolean") this.#entry(value ? TAPE_TRUE : TAPE_FALSE);
    else if (value === null) this.#wireValue(value);
    else if (typeof value === "object") {
      if (depth === 0) this.#wireValue(value);
      else this.#object(value, depth);
    } else if (typeof value === "function" && depth !== 0) this.#unknown(value);
    else this.#wireValue(value);
  }

  /** Copies the tape to linear memory. */
  finish(): { address: Address; length: number } {
    const { memory } = this.wire;
    const length = this.#at * 4;
    const total = this.#digits.reduce((sum, { text }) => sum + text.length, length);
    const address = memory.alloc(Math.max(8, total));
    let next = address + length;
    for (const { word, text } of this.#digits) {
      this.#words[word + 2] = next;
      next += text.length;
    }
    memory.u32.set(this.#words.subarray(0, this.#at), address >>> 2);
    for (const { word, text } of this.#digits) this.wire.strings.writeAscii(text, memory.u8, this.#words[word + 2] as number);
    return { address, length };
  }

  /** Frees what the wire values own. */
  discard(): void {
    const { memory } = this.wire;
    for (const word of this.#values) {
      memory.fresh();
      memory.u32.set(this.#words.subarray(word, word + 4), this.#wireAt >>> 2);
      this.wire.discard(this.#wireAt, 1);
    }
  }

  #object(value: object, depth: number): void {
    // PERF: nothing but an adaptor for JSON has one of these prototypes and is a PyProxy all the same (ffi: topy_nested).
    const prototype = this.wire.proxies.hasAdaptors ? undefined : (Object.getPrototypeOf(value) as object | null);
    if (prototype === Object.prototype && !Array.isArray(value)) {
      this.#dict(value, depth);
    } else if (prototype === Array.prototype && Array.isArray(value)) {
      this.#list(value, depth);
    } else if (this.wire.proxies.stateOf(value) !== undefined) {
      this.#wireValue(value);
    } else if (Array.isArray(value)) {
      this.#list(value, depth);
    } else if (isPlainObject(value) || isConstructedByObject(value)) {
      this.#dict(value, depth);
    } else if (isMap(value)) {
      if (this.#isKnown(value)) return;
      sync(value);
      const entries = [...Map.prototype.entries.call(value)];
      this.#pair(TAPE_DICT, entries.length);
      for (const [key, item] of entries) {
        this.write(key, 0); // keys are values: Python cannot hash what a container becomes
        this.write(item, depth - 1);
      }
    } else if (isSet(value)) {
      if (this.#isKnown(value)) return;
      const items = [...Set.prototype.values.call(value)];
      this.#pair(TAPE_SET, items.length);
      for (const item of items) this.write(item, 0);
    } else {
      this.#unknown(value);
    }
  }

  #dict(value: object, depth: number): void {
    if (Symbol.iterator in value && isArguments(value)) {
      this.#list(Array.from(value as Iterable<unknown>), depth, value);
      return;
    }
    if (this.#isKnown(value)) return;
    const keys = Object.keys(value);
    this.#pair(TAPE_DICT, keys.length);
    for (const key of keys) {
      this.#string(key);
      this.write((value as Record<string, unknown>)[key], depth - 1);
    }
  }

  #list(elements: readonly unknown[], depth: number, value: object = elements): void {
    // What was announced has to follow: elements may be getters that change the length, and a proxy's length may be anything.
    const length = Math.max(0, Math.trunc(Number(elements.length)) || 0);
    if (length > LIST_MAX) {
      throw new MemoryRangeError(`An Array of ${length} elements does not fit into Python's memory (holes count too): convert a part of it, \`array.slice(...)\``);
    }
    if (this.#isKnown(value)) return;
    this.#pair(TAPE_LIST, length);
    for (let index = 0; index < length; index++) this.write(elements[index], depth - 1);
  }

  #unknown(value: object): void {
    if (this.convert === undefined || ArrayBuffer.isView(value) || isAnyArrayBuffer(value) || this.wire.proxies.stateOf(value) !== undefined) {
      this.#wireValue(value);
      return;
    }
    const converted = this.convert(value);
    if ("value" in converted) {
      this.#wireValue(converted.value);
      return;
    }
    const word = this.#valueEntry();
    this.#words[word] = TAG_PYOBJECT_OWNED;
    this.#words[word + 1] = converted.pointer;
  }

  #number(value: number): void {
    if ((value | 0) === value) {
      this.#pair(TAPE_INT32, value);
    } else if (Number.isSafeInteger(value)) {
      this.#wireValue(value);
    } else {
      this.#reserve(4);
      this.#words[this.#at++] = TAPE_FLOAT;
      this.#at = (this.#at + 1) & ~1;
      this.scratch.floats[this.#at >>> 1] = value;
      this.#at += 2;
    }
  }

  #string(text: string): void {
    const { length } = text;
    this.#reserve(2 + ((2 * length + 3) >>> 2));
    const start = this.#at + 2;
    this.#words[this.#at + 1] = length;
    if (length <= LOOP_STRING_MAX ? this.#shortAscii(text, start * 4) : this.wire.strings.writeAscii(text, this.scratch.bytes, start * 4)) {
      this.#words[this.#at] = TAPE_ASCII;
      this.#at = start + ((length + 3) >>> 2);
      return;
    }
    this.#words[this.#at] = TAPE_UTF16;
    const units = this.scratch.units;
    for (let index = 0, at = start * 2; index < length; index++, at++) units[at] = text.charCodeAt(index);
    this.#at = start + ((2 * length + 3) >>> 2);
  }

  #shortAscii(text: string, at: number): boolean {
    const bytes = this.scratch.bytes;
    let seen = 0;
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      bytes[at + index] = unit;
      seen |= unit;
    }
    return seen < 0x80;
  }

  /** Whatever else there is, encoded as for a call. */
  #wireValue(value: unknown): void {
    const { memory } = this.wire;
    if (typeof value === "string") {
      this.#string(value);
      return;
    }
    const mark = memory.top;
    const tag = this.wire.encode(value, this.#wireAt);
    memory.release(mark);
    const word = this.#valueEntry();
    const from = this.#wireAt >>> 2;
    this.#words.set(memory.u32.subarray(from, from + 4), word);
    // A getter that is read later may destroy the proxy, so the tape has a reference of its own.
    if (tag === TAG_PYOBJECT) this.#words[word] = this.#owned(word);
    if (tag === TAG_BIGINT_HEX) this.#digits.push({ word, text: (value as bigint).toString(16) });
  }

  #owned(word: number): number {
    this.wire.exports.pyox_py_object_clone(this.#words[word + 1] as PyPtr);
    return TAG_PYOBJECT_OWNED;
  }

  #valueEntry(): number {
    this.#reserve(8);
    this.#words[this.#at++] = TAPE_VALUE;
    const word = (this.#at + 1) & ~1;
    this.#at = word + 4;
    this.#values.push(word);
    return word;
  }

  /**
   * Numbers a container, or writes a reference to one that has its number already.
   * PERF: a set costs half of what a map does, and most values have no container twice (ffi: topy_nested).
   */
  #isKnown(container: object): boolean {
    const containers = this.#containers;
    const { size } = containers;
    if (containers.add(container).size !== size) {
      this.#numbers?.set(container, size);
      return false;
    }
    if (this.#numbers === undefined) {
      this.#numbers = new Map();
      for (const each of containers) this.#numbers.set(each, this.#numbers.size);
    }
    this.#pair(TAPE_REFERENCE, this.#numbers.get(container) as number);
    return true;
  }

  #pair(kind: number, operand: number): void {
    this.#reserve(2);
    this.#words[this.#at++] = kind;
    this.#words[this.#at++] = operand;
  }

  #entry(kind: number): void {
    this.#reserve(1);
    this.#words[this.#at++] = kind;
  }

  #reserve(words: number): void {
    if (this.#at + words <= this.#words.length) return;
    const length = Math.max(2 * this.#words.length, (this.#at + words + 1) & ~1);
    const larger = new Scratch(new ArrayBuffer(4 * length));
    larger.words.set(this.#words);
    this.scratch = larger;
    this.#words = larger.words;
  }
}
