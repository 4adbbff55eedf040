/**
 * Linear memory: owns the typed views of it and the arena, in which the wire values and short strings of a call are built.
 * Invariants: the arena is last in, first out; whoever reserves keeps the mark from before and releases to it. A view is
 * read through `u8()`-like fields only after `fresh()` in the same synchronous stretch, because any call into wasm may grow
 * memory and detach every view.
 * Not here: what the bytes mean (wire, tape).
 */
import { MemoryRangeError, RecursionRangeError } from "../errors/errors";
import { ARENA_BYTES, type Address, type PyExports, type WirePtr } from "./generated";

/** The two exports that the arena needs when a call does not fit into it. */
export type Allocator = Pick<PyExports, "pyox_py_memory_alloc" | "pyox_py_memory_free">;

/**
 * Room in the arena that nested calls use up before the engine's stack is looked at again: some ten levels.
 * The stack must have `STACK_RESERVE_WORDS` free then, a quarter of what Node and browsers give: enough for the levels until
 * the next look, and for Python to format the traceback that follows.
 */
const STACK_LOOK_BYTES = 384;
const STACK_RESERVE_WORDS = 32768;

/** `occupy` may move `top` past the end of a segment, by 8 bytes for each call that cleans up within another. */
const OCCUPIED_MAX = 1024;

interface Segment {
  readonly base: number;
  readonly end: number;
}

const NO_BYTES = new ArrayBuffer(0);

/** Views of linear memory, and the arena in it. */
export class Memory {
  u8 = new Uint8Array(NO_BYTES);
  u16 = new Uint16Array(NO_BYTES);
  u32 = new Uint32Array(NO_BYTES);
  i32 = new Int32Array(NO_BYTES);
  f64 = new Float64Array(NO_BYTES);
  i64 = new BigInt64Array(NO_BYTES);
  /** First free byte of the arena: a multiple of 8. */
  top = 0;
  /** Where `reserve` has to stop and think: the end of the segment, or time to look at the stack. */
  #limit = 0;

  #base = 0;
  #end = 0;
  #lowest = 0;
  #memory: WebAssembly.Memory | undefined;
  #allocator: Allocator | undefined;
  readonly #outer: Segment[] = [];
  /** The segment released last: what an import has written there is read after it has returned. */
  #retired = 0;

  /** Takes over an instance's memory and allocator. The arena is there from `openArena` on. */
  attach(memory: WebAssembly.Memory, allocator: Allocator): void {
    this.#memory = memory;
    this.#allocator = allocator;
    this.refresh();
  }

  /** Sets the arena up at the address that wasm reserves for it, empty. */
  openArena(address: number): void {
    this.#outer.length = 0;
    this.#retired = 0;
    this.#base = address >>> 0;
    this.#lowest = this.#base;
    this.top = this.#base;
    this.#end = this.#base + ARENA_BYTES;
    this.#limit = this.#base + STACK_LOOK_BYTES;
  }

  /** Is nothing reserved, that is: is no call from JavaScript into wasm under way that uses the arena? */
  get isIdle(): boolean {
    return this.top === this.#base && this.#outer.length === 0;
  }

  /** Makes the views anew if memory has grown. PERF: one comparison when it has not. */
  fresh(): void {
    if (this.u32.length === 0) this.refresh();
  }

  /** Makes the views anew. */
  refresh(): void {
    const buffer = this.#memory?.buffer;
    if (buffer === undefined) throw new Error("The interpreter is not loaded yet");
    this.u8 = new Uint8Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.i64 = new BigInt64Array(buffer);
  }

  /** Reserves bytes (a multiple of 8) and returns their address; `release` with the earlier `top` gives them back. */
  reserve(bytes: number): WirePtr {
    const address = this.top;
    const next = address + bytes;
    if (next > this.#limit) return this.#reserveDeep(bytes);
    this.top = next;
    return address as WirePtr;
  }

  /** Moves `top` on without room for anything: for calls that clean up, which must not fail for lack of stack. Returns the mark. */
  occupy(): number {
    const mark = this.top;
    this.top = mark + 8;
    return mark;
  }

  /** Bytes left in the current segment, for strings. */
  get room(): number {
    return this.#end - this.top;
  }

  /** Gives back everything reserved since `top` was `mark`. */
  release(mark: number): void {
    if (mark < this.#base || mark > this.#end + OCCUPIED_MAX) this.#leaveSegments(mark);
    this.top = mark;
    if (mark === this.#lowest) this.#limit = mark + STACK_LOOK_BYTES;
  }

  /** `malloc`, or a RangeError when there is no memory left. */
  alloc(bytes: number): Address {
    const address = (this.#allocator?.pyox_py_memory_alloc(bytes) ?? 0) >>> 0;
    if (address === 0) throw new MemoryRangeError(`The interpreter has no memory left for ${bytes} bytes`);
    this.fresh();
    return address as Address;
  }

  /** `free`. */
  free(address: Address): void {
    this.#allocator?.pyox_py_memory_free(address);
  }

  #reserveDeep(bytes: number): WirePtr {
    if (!stackHasRoom()) throw new RecursionRangeError("JavaScript and Python call each other too deeply");
    const address = this.top;
    const next = address + bytes;
    if (next <= this.#end) {
      this.top = next;
      this.#limit = Math.min(next + STACK_LOOK_BYTES, this.#end);
      return address as WirePtr;
    }
    const size = Math.max(bytes, ARENA_BYTES);
    const base = this.alloc(size);
    this.#outer.push({ base: this.#base, end: this.#end });
    this.#base = base;
    this.#end = base + size;
    this.top = base + bytes;
    this.#limit = Math.min(this.top + STACK_LOOK_BYTES, this.#end);
    return base as number as WirePtr;
  }

  #leaveSegments(mark: number): void {
    while (mark < this.#base || mark > this.#end + OCCUPIED_MAX) {
      const outer = this.#outer.pop();
      if (outer === undefined) throw new Error("Pyoxide has a bug: the arena was released to an address outside it");
      if (this.#retired !== 0) this.free(this.#retired as Address);
      this.#retired = this.#base;
      this.#base = outer.base;
      this.#end = outer.end;
      this.#limit = Math.min(mark + STACK_LOOK_BYTES, this.#end);
    }
  }
}

const stackFiller: readonly number[] = new Array<number>(STACK_RESERVE_WORDS).fill(0);
const nothing = (): void => undefined;

/** Is there room on the engine's stack? Arguments of a call lie there, so a call with many of them tells. */
function stackHasRoom(): boolean {
  try {
    Reflect.apply(nothing, undefined, stackFiller);
    return true;
  } catch {
    return false;
  }
}
