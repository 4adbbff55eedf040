/** Given to wasm: bytes of ArrayBuffers and views, and the tapes of deep conversions. */
import { isAnyArrayBuffer } from "../flags";
import { PYPROXY_ROUNDTRIP, type Address, type JsHandle, type JsImports, type Tag, type WirePtr } from "../generated";
import { MemoryRangeError } from "../../errors/errors";
import { playTape } from "../tape-play";
import { recordTape, type ConvertUnknown } from "../tape-record";
import type { CoreToJsOptions, DefaultConverter } from "../../convert/options";
import type { ImportContext } from "./context";

/** Item size and struct format of each typed array, by its tag. */
const FORMATS: Readonly<Record<string, string>> = {
  Int8Array: "b",
  Uint8Array: "B",
  Uint8ClampedArray: "B",
  Int16Array: "h",
  Uint16Array: "H",
  Int32Array: "i",
  Uint32Array: "I",
  BigInt64Array: "q",
  BigUint64Array: "Q",
  Float16Array: "e",
  Float32Array: "f",
  Float64Array: "d",
};

type TypedArrayConstructor = new (buffer: ArrayBuffer) => ArrayBufferView;

const TYPED_ARRAYS: Readonly<Record<string, TypedArrayConstructor>> = {
  b: Int8Array,
  B: Uint8Array,
  h: Int16Array,
  H: Uint16Array,
  i: Int32Array,
  I: Uint32Array,
  l: Int32Array,
  L: Uint32Array,
  q: BigInt64Array,
  Q: BigUint64Array,
  f: Float32Array,
  d: Float64Array,
};

/** Struct's `e`. */
const HALF_FLOAT = 0x65;

const USED = "Object has already been destroyed: it was known only during the conversion";

const typedArrayTag = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype) as object, Symbol.toStringTag)?.get;

/** Rows of the sections "buffers" and "bulk conversion". */
export function bufferImports({ wire, handles, operations, registry, plainDicts }: ImportContext) {
  const { memory } = wire;

  const bytesOf = (handle: JsHandle, length: number): Uint8Array => {
    const bytes = viewBytes(handles.get(handle));
    if (bytes.byteLength !== length >>> 0) {
      throw new RangeError(`The JavaScript buffer has ${bytes.byteLength} bytes, the Python one ${length >>> 0}`);
    }
    return bytes;
  };

  /**
   * `default_converter` of a conversion to Python. Results and cached objects are PyProxies; Python code that converts gets
   * them unwrapped, and what it returns is a proxy that nobody else has. `cache` holds copies until the tape is done.
   */
  const unknownConverter = (converter: DefaultConverter, depth: number, cache: Map<object, object>): ConvertUnknown => {
    const remember = (value: unknown, result: unknown): void => {
      const state = registry.find(result);
      if (typeof value === "object" && value !== null && state !== undefined) cache.set(value, registry.copy(state));
    };
    const again = (value: unknown): unknown => operations.toPy(value, depth, converterWithCache);
    const converterWithCache = (value: object): unknown => cache.get(value) ?? converter(value as never, again, remember);
    return (value) => {
      const cached = cache.get(value);
      if (cached !== undefined) return { pointer: operations.clone(registry.require(cached, "toPy").pointer()) };
      const result = converter(value as never, again, remember);
      const state = registry.find(result);
      if (state === undefined || state.flags & PYPROXY_ROUNDTRIP) return { value: result };
      // What a Python converter returned is nobody else's; a JavaScript one may go on using its proxy.
      const isPython = registry.find(converter) !== undefined;
      return { pointer: isPython ? registry.move(state, USED) : operations.clone(state.pointer()) };
    };
  };

  return {
    pyox_js_buffer_info(buffer: JsHandle, out: Address): number {
      try {
        const value = handles.get(buffer);
        const { byteLength } = viewBytes(value);
        const tag = typedArrayTag?.call(value) as string | undefined;
        const itemSize = tag === undefined ? 1 : (value as { readonly BYTES_PER_ELEMENT: number }).BYTES_PER_ELEMENT;
        const format = (tag === undefined ? "B" : FORMATS[tag]) ?? "B";
        memory.fresh();
        memory.u32.set([byteLength, itemSize, format.charCodeAt(0)], out >>> 2);
        return 0;
      } catch (error) {
        return wire.fail(error, -1);
      }
    },
    pyox_js_buffer_read(buffer: JsHandle, to: Address, length: number): number {
      try {
        const bytes = bytesOf(buffer, length);
        memory.fresh();
        memory.u8.set(bytes, to >>> 0);
        return 0;
      } catch (error) {
        return wire.fail(error, -1);
      }
    },
    pyox_js_buffer_write(buffer: JsHandle, from: Address, length: number): number {
      try {
        const bytes = bytesOf(buffer, length);
        memory.fresh();
        bytes.set(memory.u8.subarray(from >>> 0, (from >>> 0) + bytes.byteLength));
        return 0;
      } catch (error) {
        return wire.fail(error, -1);
      }
    },
    pyox_js_buffer_decode(buffer: JsHandle, encoding: WirePtr, out: WirePtr): Tag {
      try {
        const label = wire.decodeAt(encoding) as string | undefined;
        return wire.encodeResult(new TextDecoder(label).decode(viewBytes(handles.get(buffer))), out);
      } catch (error) {
        return wire.fail(error, 0);
      }
    },
    pyox_js_buffer_new(from: Address, length: number, format: number): JsHandle {
      try {
        memory.fresh();
        const start = from >>> 0;
        const copy = memory.u8.slice(start, start + (length >>> 0));
        if (format === HALF_FLOAT) return handles.add(halfFloats(copy.buffer as ArrayBuffer));
        const constructor = TYPED_ARRAYS[String.fromCharCode(format)];
        return handles.add(constructor === undefined || constructor === Uint8Array ? copy : new constructor(copy.buffer as ArrayBuffer));
      } catch (error) {
        return wire.fail(error, 0) as JsHandle;
      }
    },

    pyox_js_tape_play(tape: Address, length: number, options: JsHandle, out: WirePtr): Tag {
      void length; // the tape says itself where it ends
      try {
        const given = handles.get(options) as Partial<CoreToJsOptions> | undefined;
        const value = playTape(wire, tape, {
          dictConverter: asFunction(given?.dict_converter),
          plainDicts,
          pyproxies: given?.pyproxies ?? undefined,
        });
        const hasFlags = (typeof value === "object" && value !== null) || typeof value === "function";
        return wire.encodeHandle(value, hasFlags ? wire.flagsOf(value) : 0, out);
      } catch (error) {
        return wire.fail(error, 0);
      }
    },
    pyox_js_tape_record(value: JsHandle, depth: number, options: JsHandle, lengthOut: Address): Address {
      const mark = memory.top;
      const cache = new Map<object, object>();
      try {
        const converter = handles.get(options);
        const convert =
          typeof converter === "function" ? unknownConverter(converter as DefaultConverter, depth, cache) : undefined;
        const tape = recordTape(wire, handles.get(value), depth, convert);
        memory.fresh();
        memory.u32[lengthOut >>> 2] = tape.length;
        return tape.address;
      } catch (error) {
        return wire.fail(error, 0) as Address;
      } finally {
        for (const proxy of cache.values()) registry.end(registry.require(proxy, "toPy"), USED);
        memory.release(mark);
      }
    },
  } satisfies Partial<JsImports>;
}

/** The most bytes that an object of Python can have. */
const BYTES_MAX = 0x7fffffff;

/** The bytes of an ArrayBuffer or view, which are no more than Python can hold. */
function viewBytes(value: unknown): Uint8Array {
  const isView = ArrayBuffer.isView(value);
  if (!isView && !(typeof value === "object" && value !== null && isAnyArrayBuffer(value))) {
    throw new TypeError("The object is neither an ArrayBuffer nor a view of one");
  }
  let bytes: Uint8Array;
  try {
    // A view that lies outside of its buffer says that it has no bytes at its beginning; asking for an iterator it refuses.
    if (isView && value.byteLength === 0 && !(value instanceof DataView)) void (value as Uint8Array).values();
    bytes = isView ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : new Uint8Array(value);
  } catch (error) {
    // Both kinds that a program can meet are of this class: it was detached, or it was shortened under a view.
    if (!(error instanceof TypeError)) throw error;
    throw new TypeError("The buffer has no bytes any more: it was transferred (postMessage, structuredClone, transfer) or made shorter than its view. Copy what is needed before that", {
      cause: error,
    });
  }
  if (bytes.byteLength > BYTES_MAX) {
    throw new MemoryRangeError(`The JavaScript buffer has ${bytes.byteLength} bytes, and an object of Python at most ${BYTES_MAX}: take a part of it, \`subarray(...)\``);
  }
  return bytes;
}

/** Half floats as a Float16Array; where the engine has none, the same numbers in a Float32Array. */
function halfFloats(buffer: ArrayBuffer): ArrayBufferView {
  const Halves = (globalThis as { readonly Float16Array?: TypedArrayConstructor }).Float16Array;
  if (Halves !== undefined) return new Halves(buffer);
  return Float32Array.from(new Uint16Array(buffer), (bits) => {
    const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 0x1f, bits & 0x3ff];
    if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
    return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
  });
}

function asFunction(value: unknown): ((pairs: Iterable<[unknown, unknown]>) => unknown) | undefined {
  return typeof value === "function" ? (value as (pairs: Iterable<[unknown, unknown]>) => unknown) : undefined;
}
