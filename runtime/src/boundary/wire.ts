/**
 * One value on its way across the boundary, and the errors that cross with it.
 *
 * Owns the JavaScript side of the implicit conversions (features.md section 4.2): `encode` writes a value for wasm, `decode`
 * reads one from it; and the error state: the pending error, and whether the instance is dead.
 * Invariants: a value written is written whole, its tag included; who owns what is in it follows the tag (see the table);
 * the memory of a short string is good until the arena is used again.
 * Not here: deep conversion (tape), what a PyProxy can do (proxy).
 */
import { RecursionRangeError, deadError, fatalError, tearsDownWasm, type FatalError } from "../errors/errors";
import { Era } from "./era";
import { doubleProxyFlags, valueFlags } from "./flags";
import {
  ASCII_DATA_OFFSET,
  JS_IS_CALLABLE,
  JS_IS_PROMISE,
  PY_EXPORT_ROWS,
  PYPROXY_ROUNDTRIP,
  TAG_ABSENT,
  TAG_BIGINT64,
  TAG_BIGINT_HEX,
  TAG_FALSE,
  TAG_FLOAT,
  TAG_HANDLE,
  TAG_HANDLE_OWNED,
  TAG_INT,
  TAG_NULL,
  TAG_PYOBJECT,
  TAG_PYOBJECT_OWNED,
  TAG_PYPROXY,
  TAG_STRING_ASCII,
  TAG_STRING_LATIN1,
  TAG_STRING_UCS4,
  TAG_STRING_UTF16,
  TAG_STRING_UTF16_OWNED,
  TAG_TRUE,
  TAG_UNDEFINED,
  WIRE_BYTES,
  type Address,
  type JsHandle,
  type PyExports,
  type PyPtr,
  type Tag,
} from "./generated";
import type { HandleTable } from "./handles";
import type { Memory } from "./memory";
import { Strings } from "./strings";
import type { Scratch } from "./tape-record";

/** What the wire needs to know of a PyProxy. */
export interface ProxyState {
  /** `PY_HAS_*` and `PYPROXY_*`. */
  readonly flags: number;
  /** The object, borrowed. Throws when the proxy has been destroyed. */
  pointer(): PyPtr;
}

/** What the wire needs of the maker of PyProxies. */
export interface ProxyMaker {
  /** The state of a PyProxy of this interpreter, undefined for anything else. Never throws. */
  stateOf(value: object): ProxyState | undefined;
  /** Was an adaptor for JSON made? These have the prototypes of plain objects and Arrays. */
  readonly hasAdaptors: boolean;
  /** A PyProxy that owns one reference to the object. */
  make(object: PyPtr, flags: number): object;
}

/** Strings up to this length are written by a loop, longer ones by the encoder. */
const LOOP_STRING_MAX = 160;
/** Strings up to this length are put into the arena; longer ones become Python objects or memory of their own. */
const ARENA_STRING_MAX = 1024;

/** Encodes, decodes, and keeps the error state of one interpreter. */
export class Wire {
  /** The exports of the instance; after a fatal error, functions that throw. */
  exports!: PyExports;
  proxies!: ProxyMaker;
  readonly strings = new Strings();
  /** Memory of the last tape that was recorded, for the next one. */
  tapeScratch: Scratch | undefined;
  /** The fatal error, once there was one. */
  dead: FatalError | undefined;
  /** Called with the fatal error. */
  onDeath: ((error: FatalError) => void) | undefined;
  /** Whether somebody who waited was told of the fatal error, beside the caller of the function that failed. */
  wasTold = false;
  /** What is made now belongs to it. */
  era = new Era();

  /** Above 0 while JavaScript's own code may run between taking the address of an object and handing it to wasm, which holds it from then on. */
  holding = 0;
  /** References that were given back meanwhile: they are dropped when nothing is held any more. */
  readonly held: PyPtr[] = [];

  /** Comlink's symbol by which its proxies are known, once it was registered. */
  comlinkSymbol: symbol | undefined;

  #livingExports: PyExports | undefined;
  /** What imports have failed with and wasm has not taken yet: more than one only within each other. */
  readonly #pending: unknown[] = [];
  /** What exports have failed with and their callers have not thrown yet. */
  readonly #stored: unknown[] = [];
  /** The error that `raise` threw last: known not to have passed through wasm. */
  #raised: unknown = undefined;

  constructor(
    readonly memory: Memory,
    readonly handles: HandleTable,
  ) {}

  // ---- values for wasm ------------------------------------------------------------------------------------------------

  /** Writes a value at an address and returns its tag. Throws for a PyProxy that has been destroyed. */
  encode(value: unknown, at: number): Tag {
    const memory = this.memory;
    if (memory.u32.length === 0) memory.refresh();
    switch (typeof value) {
      case "number": {
        const tag = Number.isSafeInteger(value) ? TAG_INT : TAG_FLOAT;
        memory.f64[(at + 8) >>> 3] = value;
        return (memory.u32[at >>> 2] = tag);
      }
      case "string":
        return this.#encodeString(value, at);
      case "undefined":
        return (memory.u32[at >>> 2] = TAG_UNDEFINED);
      case "boolean":
        return (memory.u32[at >>> 2] = value ? TAG_TRUE : TAG_FALSE);
      case "bigint":
        return this.#encodeBigInt(value, at);
      case "symbol":
        return this.encodeHandle(value, 0, at);
      default:
        if (value === null) return (memory.u32[at >>> 2] = TAG_NULL);
        return this.#encodeObject(value as object, at);
    }
  }

  /** The capability flags of a value that is no PyProxy. */
  flagsOf(value: unknown): number {
    if (this.comlinkSymbol !== undefined && typeof value === "function" && isComlinkProxy(value, this.comlinkSymbol)) return JS_IS_CALLABLE | JS_IS_PROMISE;
    return valueFlags(value);
  }

  /** Writes a value that stays a JavaScript object, with flags that are known. */
  encodeHandle(value: unknown, flags: number, at: number): Tag {
    const memory = this.memory;
    memory.u32[(at + 4) >>> 2] = this.handles.add(value);
    memory.u32[(at + 8) >>> 2] = flags;
    return (memory.u32[at >>> 2] = TAG_HANDLE_OWNED);
  }

  /** Writes a Python object, borrowed or moved. */
  encodePointer(tag: typeof TAG_PYOBJECT | typeof TAG_PYOBJECT_OWNED, object: PyPtr, at: number): Tag {
    const memory = this.memory;
    if (memory.u32.length === 0) memory.refresh();
    memory.u32[(at + 4) >>> 2] = object;
    return (memory.u32[at >>> 2] = tag);
  }

  /** Encodes values one after the other. What was written is freed again when one of them throws. */
  encodeAll(values: ArrayLike<unknown>, at: number): void {
    let index = 0;
    try {
      for (; index < values.length; index++) this.encode(values[index], at + index * WIRE_BYTES);
    } catch (error) {
      this.discard(at, index);
      throw error;
    }
  }

  /** Frees what values own that were encoded and will not be read. */
  discard(at: number, count: number): void {
    this.memory.fresh();
    for (let index = 0; index < count; index++) {
      const word = (at + index * WIRE_BYTES) >>> 2;
      const aux = this.memory.u32[word + 1] as number;
      switch (this.memory.u32[word]) {
        case TAG_HANDLE_OWNED:
          this.handles.drop(aux);
          break;
        case TAG_PYOBJECT_OWNED:
          this.exports.pyox_py_object_drop(aux as PyPtr);
          break;
        case TAG_STRING_UTF16_OWNED:
          this.memory.free(this.memory.u32[word + 2] as Address);
          break;
      }
    }
  }

  #encodeObject(value: object, at: number): Tag {
    let state: ProxyState | undefined;
    let flags = 0;
    // Looking at it runs the traps of a proxy and getters: one that destroys what is being called must not free it yet.
    this.holding++;
    try {
      state = this.proxies.stateOf(value);
      if (state === undefined) flags = this.flagsOf(value);
    } finally {
      this.holding--;
    }
    if (state === undefined) return this.encodeHandle(value, flags, at);
    if (state.flags & PYPROXY_ROUNDTRIP) return this.encodeHandle(value, doubleProxyFlags(state.flags), at);
    const memory = this.memory;
    memory.u32[(at + 4) >>> 2] = state.pointer();
    return (memory.u32[at >>> 2] = TAG_PYOBJECT);
  }

  #encodeString(text: string, at: number): Tag {
    const length = text.length;
    const memory = this.memory;
    if (length > ARENA_STRING_MAX || memory.room < 2 * length + 8) return this.#encodeLongString(text, at);
    const address = memory.top;
    const u8 = memory.u8;
    let seen = 0;
    if (length > LOOP_STRING_MAX && this.strings.writeAscii(text, u8, address)) {
      seen = 0;
    } else {
      for (let index = 0; index < length; index++) {
        const unit = text.charCodeAt(index);
        u8[address + index] = unit;
        seen |= unit;
      }
    }
    memory.u32[(at + 4) >>> 2] = length;
    memory.u32[(at + 8) >>> 2] = address;
    memory.u32[(at + 12) >>> 2] = 0;
    if (seen < 0x100) {
      memory.top = ((address + length + 7) & ~7) >>> 0;
      return (memory.u32[at >>> 2] = seen < 0x80 ? TAG_STRING_ASCII : TAG_STRING_LATIN1);
    }
    this.strings.writeUtf16(text, memory.u16, address);
    memory.top = ((address + 2 * length + 7) & ~7) >>> 0;
    return (memory.u32[at >>> 2] = TAG_STRING_UTF16);
  }

  #encodeLongString(text: string, at: number): Tag {
    const memory = this.memory;
    if (looksAscii(text)) {
      const object = this.exports.pyox_py_string_alloc(text.length);
      if ((object as number) === 0) this.raise();
      memory.fresh();
      if (this.strings.writeAscii(text, memory.u8, (object + ASCII_DATA_OFFSET) >>> 0)) {
        return this.encodePointer(TAG_PYOBJECT_OWNED, object, at);
      }
      this.exports.pyox_py_object_drop(object);
    }
    const address = memory.alloc(2 * text.length);
    this.strings.writeUtf16(text, memory.u16, address);
    memory.u32[(at + 4) >>> 2] = text.length;
    memory.u32[(at + 8) >>> 2] = address;
    memory.u32[(at + 12) >>> 2] = 0;
    return (memory.u32[at >>> 2] = TAG_STRING_UTF16_OWNED);
  }

  #encodeBigInt(value: bigint, at: number): Tag {
    const memory = this.memory;
    if (BigInt.asIntN(64, value) === value) {
      memory.i64[(at + 8) >>> 3] = value;
      return (memory.u32[at >>> 2] = TAG_BIGINT64);
    }
    const digits = value.toString(16);
    const address = memory.reserve((digits.length + 7) & ~7);
    memory.fresh();
    this.strings.writeAscii(digits, memory.u8, address);
    memory.u32[(at + 4) >>> 2] = digits.length;
    memory.u32[(at + 8) >>> 2] = address;
    memory.u32[(at + 12) >>> 2] = 0;
    return (memory.u32[at >>> 2] = TAG_BIGINT_HEX);
  }

  // ---- values from wasm -----------------------------------------------------------------------------------------------

  /** Reads the value at an address, whose tag is already known. References it owns are taken over. */
  decode(tag: Tag, at: number): unknown {
    const memory = this.memory;
    if (memory.u32.length === 0) memory.refresh();
    switch (tag) {
      case TAG_UNDEFINED:
      case TAG_ABSENT:
        return undefined;
      case TAG_NULL:
        return null;
      case TAG_FALSE:
        return false;
      case TAG_TRUE:
        return true;
      case TAG_INT:
      case TAG_FLOAT:
        return memory.f64[(at + 8) >>> 3];
      case TAG_BIGINT64:
        return memory.i64[(at + 8) >>> 3];
      case TAG_HANDLE:
        return this.handles.get(memory.u32[(at + 4) >>> 2] as number);
      case TAG_HANDLE_OWNED:
        return this.handles.take(memory.u32[(at + 4) >>> 2] as number);
      case TAG_PYPROXY: {
        const word = (at + 4) >>> 2;
        return this.proxies.make(memory.u32[word] as PyPtr, memory.u32[word + 1] as number);
      }
      default:
        return this.#decodeText(tag, at);
    }
  }

  /** As `decode`, reading the tag too. */
  decodeAt(at: number): unknown {
    this.memory.fresh();
    return this.decode(this.memory.u32[at >>> 2] as Tag, at);
  }

  /** The tag of the value at an address. */
  tagAt(at: number): Tag {
    this.memory.fresh();
    return this.memory.u32[at >>> 2] as Tag;
  }

  /** Reads values one after the other. */
  decodeAll(at: number, count: number): unknown[] {
    const values: unknown[] = [];
    for (let index = 0; index < count; index++) values.push(this.decodeAt(at + index * WIRE_BYTES));
    return values;
  }

  #decodeText(tag: Tag, at: number): unknown {
    const memory = this.memory;
    const length = memory.u32[(at + 4) >>> 2] as number;
    const address = memory.u32[(at + 8) >>> 2] as number;
    switch (tag) {
      case TAG_STRING_ASCII:
        return this.strings.ascii(memory.u8, address, length);
      case TAG_STRING_LATIN1:
        return this.strings.latin1(memory.u8, address, length);
      case TAG_STRING_UTF16:
        return this.strings.utf16(memory.u16, address, length);
      case TAG_STRING_UCS4:
        return this.strings.ucs4(memory.u32, address, length);
      case TAG_BIGINT_HEX: {
        const digits = this.strings.ascii(memory.u8, address, length);
        return digits.startsWith("-") ? -BigInt(`0x${digits.slice(1)}`) : BigInt(`0x${digits}`);
      }
      default:
        throw new Error(`Pyoxide has a bug: unexpected tag ${tag} on the wire`);
    }
  }

  // ---- errors -----------------------------------------------------------------------------------------------------------

  /** Keeps what was thrown until wasm takes it. */
  setPending(error: unknown): void {
    this.#pending.push(error);
  }

  /** Keeps what the export that is ending fails with, until its caller throws it. */
  setStored(error: unknown): void {
    this.#stored.push(error);
  }

  /** For the end of an import: keeps what was thrown and gives the failure value back. */
  fail(error: unknown, failure: number): number {
    this.setPending(error);
    return failure;
  }

  /** For the result of an import: encodes it; its strings are good until wasm has read them, at once. */
  encodeResult(value: unknown, at: number): Tag {
    const { memory } = this;
    const mark = memory.top;
    const tag = this.encode(value, at);
    if (memory.top !== mark) memory.release(mark);
    return tag;
  }

  /** Writes that there is no value. */
  encodeAbsent(at: number): Tag {
    this.memory.fresh();
    return (this.memory.u32[at >>> 2] = TAG_ABSENT);
  }

  /** Takes what was thrown out, as a handle; 0 if there is nothing. */
  takePendingHandle(): JsHandle {
    return this.#pending.length === 0 ? (0 as JsHandle) : this.handles.add(this.#pending.pop());
  }

  /** Throws the error that an export has stored. */
  raise(): never {
    this.#raised = this.#stored.length === 0 ? this.#withoutError() : this.#stored.pop();
    throw this.#raised;
  }

  /** As `raise`, for a call that could suspend and ended some time ago: the first of those that wait. */
  raiseFirst(): never {
    this.#raised = this.#stored.length === 0 ? this.#withoutError() : this.#stored.shift();
    throw this.#raised;
  }

  /** What to throw for an error that came out of a wasm call: itself, or the fatal error that it means. */
  escaped(error: unknown): unknown {
    if (error === this.#raised) {
      this.#raised = undefined; // errors are not kept alive longer than they travel
      return error;
    }
    if (RecursionRangeError.is(error)) return error;
    return tearsDownWasm(error) ? this.die(error) : error;
  }

  /** Marks the instance as dead: every later call throws. Returns the fatal error. */
  die(reason: unknown): FatalError {
    if (this.dead === undefined) {
      this.#keepExports();
      const error = fatalError(reason);
      this.dead = error;
      this.exports = deadExports(error);
      this.wasTold = this.era.tell(error);
      this.onDeath?.(error);
    }
    return this.dead;
  }

  /** Ends the era: no call is made any more, and everything of it is gone. */
  end(error: FatalError): void {
    this.#keepExports();
    this.dead = error;
    this.exports = deadExports(error);
    this.era.end(error);
  }

  /** A new era begins: linear memory holds an interpreter that knows nothing of what was. */
  begin(): void {
    this.exports = this.#livingExports ?? this.exports;
    this.dead = undefined;
    this.era = new Era();
    this.held.length = 0;
    this.#pending.length = 0;
    this.#stored.length = 0;
    this.#raised = undefined;
    this.tapeScratch = undefined;
    this.comlinkSymbol = undefined;
  }

  /** What `begin` brings back. */
  #keepExports(): void {
    if (this.dead === undefined) this.#livingExports = this.exports;
  }

  #withoutError(): Error {
    return this.dead ?? new Error("Pyoxide has a bug: a call into Python failed without an error");
  }
}

/** A Comlink proxy answers this symbol with a function, whatever else it does with names it is asked for. */
function isComlinkProxy(value: object, symbol: symbol): boolean {
  try {
    return typeof (value as { readonly [key: symbol]: unknown })[symbol] === "function";
  } catch {
    return false;
  }
}

/** A look at a few characters: whether it pays to try ASCII first. */
function looksAscii(text: string): boolean {
  const step = Math.max(1, text.length >>> 5);
  for (let index = 0; index < text.length; index += step) {
    if (text.charCodeAt(index) > 0x7f) return false;
  }
  return true;
}

/** Exports that all throw, so that living calls need no test. */
function deadExports(error: FatalError): PyExports {
  const dead: Record<string, () => never> = {};
  for (const [name] of PY_EXPORT_ROWS) {
    dead[name] = () => {
      throw deadError(error);
    };
  }
  // Finalizers and cleaning up go on silently: there is nothing left to free.
  const quiet = () => undefined;
  return Object.assign(dead, { pyox_py_object_drop: quiet, pyox_py_memory_free: quiet, pyox_py_buffer_close: quiet, pyox_py_callback_drop: quiet }) as unknown as PyExports;
}
