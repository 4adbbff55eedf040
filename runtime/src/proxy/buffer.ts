/**
 * PyBuffer: views of Python buffers without a copy (JS-077 to JS-092).
 * Invariant: a view keeps its Python buffer open until `release` or the finalizer.
 * `data` is made anew when memory has grown, because growth detaches every older typed array.
 */
import type { Era } from "../boundary/era";
import type { BufferDescription } from "../boundary/operations";
import type { ProxyRegistry } from "./registry";

type TypedArrayConstructor = {
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): ArrayBufferView;
  readonly BYTES_PER_ELEMENT: number;
};

const VIEW_TYPES: Readonly<Record<string, TypedArrayConstructor>> = {
  i8: Int8Array,
  u8: Uint8Array,
  u8clamped: Uint8ClampedArray,
  i16: Int16Array,
  u16: Uint16Array,
  i32: Int32Array,
  u32: Uint32Array,
  i64: BigInt64Array,
  u64: BigUint64Array,
  f32: Float32Array,
  f64: Float64Array,
  ...("Float16Array" in globalThis ? { f16: (globalThis as unknown as { readonly Float16Array: TypedArrayConstructor }).Float16Array } : {}),
};

/** Struct formats in native sizes of wasm32: `l` has 4 bytes. */
const FORMAT_TYPES: Readonly<Record<string, string>> = {
  b: "i8",
  B: "u8",
  c: "u8",
  s: "u8",
  "?": "u8",
  h: "i16",
  H: "u16",
  i: "i32",
  I: "u32",
  l: "i32",
  L: "u32",
  n: "i32",
  N: "u32",
  P: "u32",
  q: "i64",
  Q: "u64",
  ...("f16" in VIEW_TYPES ? { e: "f16" } : {}),
  f: "f32",
  d: "f64",
};

/** A view of a Python buffer. Made by `getBuffer` only. */
export class PyBufferView {
  readonly offset: number;
  readonly readonly: boolean;
  readonly format: string;
  readonly itemsize: number;
  readonly ndim: number;
  /** `data.byteLength`: what lies between the elements counts too. */
  readonly nbytes: number;
  readonly shape: number[];
  /** In elements of `data`. */
  readonly strides: number[];
  readonly c_contiguous: boolean;
  readonly f_contiguous: boolean;
  /** @internal */
  _released = false;
  /** @internal */
  readonly _view_ptr: number;

  readonly #makeData: () => ArrayBufferView;
  readonly #release: () => void;
  /** Throws when the buffer is gone with all of the interpreter. */
  readonly #check: () => void;
  #data: ArrayBufferView;

  /** @internal */
  constructor(description: BufferDescription, layout: Layout, makeData: () => ArrayBufferView, check: () => void, release: () => void) {
    this.offset = layout.offset;
    this.strides = layout.strides;
    this.readonly = description.readonly;
    this.format = description.format;
    this.itemsize = description.itemsize;
    this.ndim = description.ndim;
    this.nbytes = layout.bytes;
    this.shape = description.shape;
    this.c_contiguous = description.cContiguous;
    this.f_contiguous = description.fContiguous;
    this._view_ptr = description.view;
    this.#makeData = makeData;
    this.#release = release;
    this.#check = check;
    this.#data = makeData();
  }

  /** A typed array over the memory of the buffer. After the interpreter's memory has grown, read this property again. */
  get data(): ArrayBufferView {
    if (this._released) throw new Error("The buffer view has been released: call `getBuffer` again");
    this.#check();
    if (this.#data.buffer.byteLength === 0) this.#data = this.#makeData();
    return this.#data;
  }

  /** Lets the Python buffer go. */
  release(): void {
    if (this._released) return;
    this._released = true;
    this.#release();
  }
}

interface Layout {
  /** Address of the first byte that belongs to some element. */
  readonly start: number;
  readonly bytes: number;
  readonly offset: number;
  readonly strides: number[];
}

/** The methods of a PyBuffer. */
export function bufferMethods(registry: ProxyRegistry) {
  const { operations } = registry;
  const open = new FinalizationRegistry<{ readonly view: BufferDescription["view"]; readonly era: Era }>(({ view, era }) => {
    if (!era.isOver) operations.closeBuffer(view);
  });
  return {
    /** A view of the buffer; `type` is one of i8, u8, u8clamped, i16, u16, i32, u32, i64, u64, f16, f32, f64, dataview. */
    getBuffer(this: unknown, type?: string): PyBufferView {
      const { object } = registry.require(this, "getBuffer").lifetime;
      const { era } = registry;
      if (type !== undefined && type !== "dataview" && !Object.hasOwn(VIEW_TYPES, type)) {
        throw new TypeError(`Unknown buffer type \`${String(type)}\`: use one of ${Object.keys(VIEW_TYPES).join(", ")}, dataview`);
      }
      const description = operations.openBuffer(object);
      try {
        const chosen = type ?? typeForFormat(description.format);
        const ViewType = chosen === "dataview" ? undefined : VIEW_TYPES[chosen];
        const elementBytes = ViewType?.BYTES_PER_ELEMENT ?? 1;
        const layout = layoutOf(description, elementBytes);
        const check = (): void => {
          if (era.isOver) throw new Error(`The buffer view is gone: ${era.reason}`);
        };
        const makeData = (): ArrayBufferView => {
          operations.wire.memory.fresh();
          const { buffer } = operations.wire.memory.u8;
          if (ViewType === undefined) return new DataView(buffer, layout.start, layout.bytes);
          return new ViewType(buffer, layout.start, layout.bytes / elementBytes);
        };
        const view = new PyBufferView(description, layout, makeData, check, () => {
          open.unregister(view);
          if (!era.isOver) operations.closeBuffer(description.view);
        });
        open.register(view, { view: description.view, era }, view);
        return view;
      } catch (error) {
        operations.closeBuffer(description.view);
        throw error;
      }
    },
  };
}

function typeForFormat(format: string): string {
  if (/^[>!]/.test(format) && !/^[>!][bBcs?]$/.test(format)) {
    throw new Error(
      `The buffer has big-endian format \`${format}\`, which no typed array has: pass "dataview" to read it, or convert it with toJs()`,
    );
  }
  const code = format.replace(/^[@=<>!]/, "");
  const type = FORMAT_TYPES[code];
  if (type === undefined) {
    throw new Error(`The buffer has format \`${format}\`, which no typed array has: pass the wanted type, for example "u8" or "dataview"`);
  }
  // In standard sizes (`=` and `<`) l has 4 bytes too, so the table holds for both.
  return type;
}

/** Where the elements lie: strides may be negative, then the first element is not the lowest one. */
function layoutOf(description: BufferDescription, elementBytes: number): Layout {
  const { address, ndim, nbytes, itemsize, shape, hasSuboffsets } = description;
  if (hasSuboffsets) {
    throw new Error("The buffer has suboffsets, which JavaScript cannot follow: copy it in Python first, or convert it with toJs()");
  }
  const strides = description.strides.length === ndim ? description.strides : contiguousStrides(shape, itemsize);
  let low = 0;
  let high = ndim === 0 ? nbytes : 0;
  const isEmpty = shape.some((length) => length === 0);
  if (ndim > 0 && !isEmpty) {
    high = itemsize;
    shape.forEach((length, axis) => {
      const reach = (length - 1) * (strides[axis] as number);
      if (reach < 0) low += reach;
      else high += reach;
    });
  }
  const start = address + low;
  const bytes = high - low;
  if (start % elementBytes !== 0) {
    throw new Error(`The buffer is not aligned for elements of ${elementBytes} bytes: pass "dataview" or "u8"`);
  }
  if (strides.length === 1 && (strides[0] as number) % elementBytes !== 0 && low === 0 && bytes % elementBytes === 0 && strides[0] === bytes / (shape[0] as number)) {
    // Contiguous items seen as larger elements: one after the other.
    return { start, bytes, offset: 0, strides: [1] };
  }
  if (bytes % elementBytes !== 0 || strides.some((stride) => stride % elementBytes !== 0)) {
    throw new Error(`The buffer's size and strides are no multiples of ${elementBytes} bytes: pass "dataview" or "u8"`);
  }
  return { start, bytes, offset: low === 0 ? 0 : -low / elementBytes, strides: strides.map((stride) => stride / elementBytes) };
}

function contiguousStrides(shape: readonly number[], itemsize: number): number[] {
  const strides: number[] = [];
  let stride = itemsize;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis] as number;
  }
  return strides;
}
