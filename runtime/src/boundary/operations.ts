/**
 * JavaScript calling Python: one method per thing that can be done with a Python object.
 *
 * Owns the conduct of such a call: room for wire values, encoding, the check for failure, giving the room back. Everything
 * outside `boundary/` works with these methods and treats pointers as opaque.
 * Invariant: a failure throws, and leaves the arena and what was encoded as if the call had not been made.
 * Not here: who owns PyProxies (proxy), what a value becomes (wire).
 */
import { NotStarted, describeThrown } from "../errors/errors";
import {
  BUFFER_VIEW_BYTES,
  COUNT_OFFSET,
  PY_HAS_CALL,
  PY_HAS_COUNT,
  TAG_FAILURE,
  TAG_PYPROXY,
  WIRE_BYTES,
  type Address,
  type JsHandle,
  type PyPtr,
  type WirePtr,
} from "./generated";
import type { Waiter } from "./era";
import type { Stacks } from "./stacks";
import type { Wire } from "./wire";

/** No address: there are no arguments of this kind. */
const NOTHING = 0 as WirePtr;
/** Names kept as interned strings; beyond that, the oldest goes. */
const NAMES_MAX = 4096;

/** Layout of CPython 3.14 objects: the type in an object, the name in a type, function and self in a bound method of any kind. */
const OBJECT_TYPE_OFFSET = 4;
const TYPE_NAME_OFFSET = 12;
const METHOD_FUNCTION_OFFSET = 8;
const METHOD_SELF_OFFSET = 12;
/** The types with that layout, all built in and never freed. */
const METHOD_TYPES: ReadonlySet<string> = new Set(["method", "builtin_function_or_method", "method-wrapper"]);

/** What `pyox_py_buffer_open` tells, in plain numbers. */
export interface BufferDescription {
  readonly view: Address;
  readonly address: number;
  readonly nbytes: number;
  readonly itemsize: number;
  readonly ndim: number;
  readonly readonly: boolean;
  readonly cContiguous: boolean;
  readonly fContiguous: boolean;
  readonly format: string;
  readonly shape: number[];
  /** In bytes. */
  readonly strides: number[];
  readonly hasSuboffsets: boolean;
}

/** Takes objects that attributes are: owns the reference, and decides which PyProxy stands for it. */
export interface Borrower {
  borrow(name: string, object: PyPtr, flags: number): unknown;
}

/** Result of one step of an iterator. */
export interface Step {
  done: boolean;
  value: unknown;
}

/** The operations of one interpreter. */
export class Operations {
  readonly #names = new Map<string, PyPtr>();
  readonly #types = new Map<number, { readonly nameAddress: number; readonly name: string }>();

  constructor(
    readonly wire: Wire,
    readonly stacks: Stacks,
  ) {}

  /** Forgets what is known about objects: a reset has put others in their places. */
  clear(): void {
    this.#names.clear();
    this.#types.clear();
  }

  // ---- references and texts -------------------------------------------------------------------------------------------

  /** A new reference to the object. */
  clone(object: PyPtr): PyPtr {
    return this.wire.exports.pyox_py_object_clone(object);
  }

  /** Gives a reference back. May run Python code; never throws what that raises. */
  drop(object: PyPtr): void {
    const { wire } = this;
    if (wire.holding !== 0) {
      this.#holdBack(object);
      return;
    }
    const mark = wire.memory.occupy();
    try {
      wire.exports.pyox_py_object_drop(object);
    } catch (error) {
      throw wire.escaped(error);
    } finally {
      wire.memory.release(mark);
    }
  }

  /** Before a reference is handed to Python: keeps the object while its address is held. */
  keepWhileHeld(object: PyPtr): void {
    if (this.wire.holding !== 0 && (object as number) !== 0) this.#holdBack(this.clone(object));
  }

  /** Drops a reference once nothing is held: no code of JavaScript is under way then. */
  #holdBack(object: PyPtr): void {
    const { held, era } = this.wire;
    if (held.push(object) !== 1) return;
    void Promise.resolve().then(() => {
      if (era.isOver || this.wire.dead !== undefined) return;
      for (const each of held.splice(0)) this.drop(each);
    });
  }

  /** The capability flags of an object. */
  flags(object: PyPtr): number {
    return this.wire.exports.pyox_py_object_flags(object) >>> 0;
  }

  /** `str(object)`. */
  str(object: PyPtr): string {
    return this.#text(object, 0);
  }

  /** `repr(object)`. */
  repr(object: PyPtr): string {
    return this.#text(object, 1);
  }

  /** The name of its type, as `PyProxy.type` has it. */
  typeName(object: PyPtr): string {
    return this.#text(object, 2);
  }

  /** `dir(object)`. */
  dir(object: PyPtr): string[] {
    return this.#namesOf(object, 0);
  }

  /** The keys of a dict that can be property names: strings, and numbers that are array indices. */
  dictKeys(object: PyPtr): string[] {
    return this.#namesOf(object, 1);
  }

  #namesOf(object: PyPtr, what: number): string[] {
    return this.#guarded(() => {
      const handle = this.wire.exports.pyox_py_object_names(object, what);
      if ((handle as number) === 0) this.wire.raise();
      return this.wire.handles.take(handle) as string[];
    });
  }

  /**
   * As `typeName`, without a call into wasm for types seen before; for messages only: a type may be freed and another take
   * its place with the same name address.
   * PERF: every proxy that a call borrows notes the name of its type when it ends (ffi: py2js_call_arg).
   */
  typeNameQuickly(object: PyPtr): string {
    const { memory } = this.wire;
    memory.fresh();
    const type = memory.u32[(object + OBJECT_TYPE_OFFSET) >>> 2] as number;
    const nameAddress = memory.u32[(type + TYPE_NAME_OFFSET) >>> 2] as number;
    const known = this.#types.get(type);
    if (known !== undefined && known.nameAddress === nameAddress) return known.name;
    const name = this.typeName(object);
    if (this.#types.size >= NAMES_MAX) this.#types.clear();
    this.#types.set(type, { nameAddress, name });
    return name;
  }

  /** Do two callable objects of one name denote the same thing: the same object, or a method bound anew each time it is read? */
  denoteSame(one: PyPtr, other: PyPtr, flags: number): boolean {
    if (one === other) return true;
    if (flags !== PY_HAS_CALL) return false;
    const { memory } = this.wire;
    memory.fresh();
    const { u32 } = memory;
    if (
      u32[(one + OBJECT_TYPE_OFFSET) >>> 2] !== u32[(other + OBJECT_TYPE_OFFSET) >>> 2] ||
      u32[(one + METHOD_FUNCTION_OFFSET) >>> 2] !== u32[(other + METHOD_FUNCTION_OFFSET) >>> 2] ||
      u32[(one + METHOD_SELF_OFFSET) >>> 2] !== u32[(other + METHOD_SELF_OFFSET) >>> 2]
    ) {
      return false;
    }
    return METHOD_TYPES.has(this.typeNameQuickly(other));
  }

  // ---- attributes ---------------------------------------------------------------------------------------------------------

  /** `getattr(object, name)`, undefined when there is no such attribute. An object that needs a proxy goes to the borrower. */
  getAttribute(object: PyPtr, name: string, borrower: Borrower): unknown {
    const { wire } = this;
    const { memory } = wire;
    const mark = memory.top;
    try {
      const key = this.#name(name);
      const out = memory.reserve(WIRE_BYTES);
      const tag = wire.exports.pyox_py_attribute_get(object, key, out);
      if (tag === TAG_FAILURE) wire.raise();
      if (tag !== TAG_PYPROXY) return wire.decode(tag, out);
      memory.fresh();
      const word = (out + 4) >>> 2;
      return borrower.borrow(name, memory.u32[word] as PyPtr, memory.u32[word + 1] as number);
    } catch (error) {
      throw wire.escaped(error);
    } finally {
      memory.release(mark);
    }
  }

  /** `hasattr(object, name)`. */
  hasAttribute(object: PyPtr, name: string): boolean {
    return this.#guarded(() => this.#tri(this.wire.exports.pyox_py_attribute_has(object, this.#name(name))));
  }

  /** `setattr(object, name, value)`. */
  setAttribute(object: PyPtr, name: string, value: unknown): void {
    this.#guarded(() => {
      const at = this.#encoded(value);
      this.#status(this.wire.exports.pyox_py_attribute_set(object, this.#name(name), at));
    });
  }

  /** `delattr(object, name)`; false when there was no such attribute. */
  deleteAttribute(object: PyPtr, name: string): boolean {
    return this.#guarded(() => this.#tri(this.wire.exports.pyox_py_attribute_delete(object, this.#name(name))));
  }

  // ---- items ----------------------------------------------------------------------------------------------------------------

  /** `object[key]`, undefined when there is no such key or index. An object that needs a proxy goes to the borrower, if any. */
  getItem(object: PyPtr, key: unknown, borrowing?: { readonly borrower: Borrower; readonly name: string }): unknown {
    const { wire } = this;
    const { memory } = wire;
    const mark = memory.top;
    try {
      const out = memory.reserve(2 * WIRE_BYTES);
      const at = (out + WIRE_BYTES) as WirePtr;
      wire.encode(key, at);
      const tag = wire.exports.pyox_py_item_get(object, at, out);
      if (tag === TAG_FAILURE) wire.raise();
      if (tag !== TAG_PYPROXY || borrowing === undefined) return wire.decode(tag, out);
      memory.fresh();
      const word = (out + 4) >>> 2;
      return borrowing.borrower.borrow(borrowing.name, memory.u32[word] as PyPtr, memory.u32[word + 1] as number);
    } catch (error) {
      throw wire.escaped(error);
    } finally {
      memory.release(mark);
    }
  }

  /** `object[key] = value`. */
  setItem(object: PyPtr, key: unknown, value: unknown): void {
    this.#guarded(() => {
      const at = this.wire.memory.reserve(2 * WIRE_BYTES);
      this.wire.encodeAll([key, value], at);
      this.#status(this.wire.exports.pyox_py_item_set(object, at, (at + WIRE_BYTES) as WirePtr));
    });
  }

  /** `del object[key]`. */
  deleteItem(object: PyPtr, key: unknown): void {
    this.#guarded(() => this.#status(this.wire.exports.pyox_py_item_delete(object, this.#encoded(key))));
  }

  /** `key in object`. */
  hasItem(object: PyPtr, key: unknown): boolean {
    const { wire } = this;
    const { memory } = wire;
    const mark = memory.top;
    try {
      const at = memory.reserve(WIRE_BYTES);
      wire.encode(key, at);
      return this.#tri(wire.exports.pyox_py_item_has(object, at));
    } catch (error) {
      throw wire.escaped(error);
    } finally {
      memory.release(mark);
    }
  }

  /** Replaces `object[start:stop]` by values; the removed elements as a PyProxy of a list. */
  splice(object: PyPtr, start: number, stop: number, values: readonly unknown[]): unknown {
    return this.#guarded(() => {
      const at = this.wire.memory.reserve(values.length * WIRE_BYTES);
      const out = this.wire.memory.reserve(WIRE_BYTES);
      this.wire.encodeAll(values, at);
      return this.#result(this.wire.exports.pyox_py_slice_splice(object, start, stop, at, values.length, out), out);
    });
  }

  /** `len(object)`, of an object with these flags. */
  length(object: PyPtr, flags: number): number {
    const { wire } = this;
    if ((flags & PY_HAS_COUNT) !== 0 && wire.dead === undefined) {
      // PERF: no call into wasm (ffi: js2py_length).
      const { memory } = wire;
      if (memory.u32.length === 0) memory.refresh();
      return memory.u32[(object + COUNT_OFFSET) >>> 2] as number;
    }
    const mark = wire.memory.top;
    try {
      wire.memory.reserve(8);
      const count = wire.exports.pyox_py_object_length(object);
      if (count < 0) wire.raise();
      return count;
    } catch (error) {
      throw wire.escaped(error);
    } finally {
      wire.memory.release(mark);
    }
  }

  // ---- calls ----------------------------------------------------------------------------------------------------------------

  /** `object(*args)`. */
  call(object: PyPtr, args: readonly unknown[]): unknown {
    const { wire } = this;
    const { memory } = wire;
    const mark = memory.top;
    const count = args.length;
    try {
      const out = memory.reserve((count + 1) * WIRE_BYTES);
      const at = (out + WIRE_BYTES) as WirePtr;
      if (count === 1) wire.encode(args[0], at);
      else if (count !== 0) wire.encodeAll(args, at);
      const tag = wire.exports.pyox_py_object_call(object, at, count, NOTHING, 0, out);
      if (tag === TAG_FAILURE) wire.raise();
      return wire.decode(tag, out);
    } catch (error) {
      throw wire.escaped(error);
    } finally {
      memory.release(mark);
    }
  }

  /** `object(*args, **kwargs)`. */
  callKwargs(object: PyPtr, args: readonly unknown[], kwargs: Readonly<Record<string, unknown>>): unknown {
    const names = Object.keys(kwargs);
    if (names.length === 0) return this.call(object, args);
    return this.#guarded(() => {
      const { memory } = this.wire;
      const out = memory.reserve(WIRE_BYTES);
      const all = [...args, ...names.map((name) => kwargs[name])];
      const at = memory.reserve(all.length * WIRE_BYTES);
      const namesAt = memory.reserve(names.length * WIRE_BYTES);
      this.wire.encodeAll(all, at);
      this.wire.encodeAll(names, namesAt);
      return this.#result(this.wire.exports.pyox_py_object_call(object, at, args.length, namesAt, names.length, out), out);
    });
  }

  /**
   * As `callKwargs`, on a stack of its own that may be suspended. Rejects where the engine has no JSPI.
   * The wire values are in memory of their own: the arena is for calls that end before anything else happens.
   */
  callPromising(object: PyPtr, args: readonly unknown[], kwargs: Readonly<Record<string, unknown>>): Promise<unknown> {
    const { era } = this.wire;
    const waiter = era.await();
    const promise = this.#callPromising(object, args, kwargs, waiter);
    waiter.promise = promise;
    return promise;
  }

  async #callPromising(object: PyPtr, args: readonly unknown[], kwargs: Readonly<Record<string, unknown>>, waiter: Waiter): Promise<unknown> {
    const call = this.#promisingExport(this.wire.exports.pyox_py_object_call_suspendable);
    if (call === undefined) {
      this.wire.era.forget(waiter);
      throw (
        this.wire.dead ??
        new Error(
          "This JavaScript engine cannot suspend WebAssembly (JavaScript Promise Integration), which this call needs: use a current browser or Node 25 and later",
        )
      );
    }
    const { wire, stacks } = this;
    const { memory, era } = wire;
    const names = Object.keys(kwargs);
    const all = [...args, ...names.map((name) => kwargs[name])];
    const block = memory.alloc((1 + all.length + names.length) * WIRE_BYTES);
    const out = block as number as WirePtr;
    const at = (out + WIRE_BYTES) as WirePtr;
    const namesAt = (at + all.length * WIRE_BYTES) as WirePtr;
    const mark = memory.top;
    let running: Promise<number>;
    try {
      // Arguments are read before the call can suspend, so their strings may be in the arena.
      wire.encodeAll(all, at);
      wire.encodeAll(names, namesAt);
      running = stacks.enter(() => call(object, at, args.length, namesAt, names.length, out));
    } catch (error) {
      era.forget(waiter);
      memory.free(block);
      throw wire.escaped(error);
    } finally {
      memory.release(mark);
    }
    try {
      const ended = new Promise<never>((_resolve, reject) => {
        waiter.reject = reject;
      });
      const tag = await Promise.race([running, ended]);
      stacks.ended();
      if (tag === TAG_FAILURE) wire.raiseFirst();
      return wire.decode(tag, out);
    } catch (error) {
      throw wire.escaped(error);
    } finally {
      era.forget(waiter);
      if (!era.isOver) memory.free(block);
    }
  }

  readonly #promising = new Map<unknown, (...args: number[]) => Promise<number>>();

  /** An export as a function that starts a stack which may be suspended; undefined where the engine cannot. */
  #promisingExport(exported: unknown): ((...args: number[]) => Promise<number>) | undefined {
    const { promising } = WebAssembly as { readonly promising?: (wasm: unknown) => (...args: number[]) => Promise<number> };
    if (promising === undefined || this.wire.dead !== undefined) return undefined;
    let made = this.#promising.get(exported);
    if (made === undefined) this.#promising.set(exported, (made = promising(exported)));
    return made;
  }

  // ---- iteration --------------------------------------------------------------------------------------------------------------

  /** `iter(object)` or `aiter(object)`. */
  iterator(object: PyPtr, asynchronous: boolean): unknown {
    return this.#guarded(() => {
      const out = this.wire.memory.reserve(WIRE_BYTES);
      return this.#result(this.wire.exports.pyox_py_iterator_new(object, asynchronous ? 1 : 0, out), out);
    });
  }

  /** `next(object)`, or `object.send(value)` when the value is not undefined. */
  next(object: PyPtr, value: unknown): Step {
    const { wire } = this;
    const { memory } = wire;
    const mark = memory.top;
    try {
      const out = memory.reserve(2 * WIRE_BYTES);
      const at = (out + WIRE_BYTES) as WirePtr;
      wire.encode(value, at);
      return this.#step(wire.exports.pyox_py_iterator_next(object, at, out), out);
    } catch (error) {
      throw wire.escaped(error);
    } finally {
      memory.release(mark);
    }
  }

  /** `throw` (0) or `return` (1) of a generator. */
  finish(object: PyPtr, how: 0 | 1, value: unknown): Step {
    return this.#guarded(() => {
      const out = this.wire.memory.reserve(WIRE_BYTES);
      const at = this.#encoded(value);
      return this.#step(this.wire.exports.pyox_py_iterator_finish(object, how, at, out), out);
    });
  }

  /** The awaitable of one step of an async iterator: next (2), throw (0), return (1). */
  asyncStep(object: PyPtr, how: 0 | 1 | 2, value: unknown): unknown {
    return this.#guarded(() => {
      const out = this.wire.memory.reserve(WIRE_BYTES);
      const at = this.#encoded(value);
      return this.#result(this.wire.exports.pyox_py_async_step(object, how, at, out), out);
    });
  }

  /** Awaits a Python awaitable in the event loop; `settle` is called once. */
  watch(awaitable: PyPtr, settle: (ok: boolean, value: unknown) => void): void {
    this.#withHandle(settle, (handle) => this.#status(this.wire.exports.pyox_py_awaitable_watch(awaitable, handle)));
  }

  // ---- conversion, imports, buffers -------------------------------------------------------------------------------------------

  /** Deep conversion to JavaScript. */
  toJs(object: PyPtr, depth: number, options: object | undefined): unknown {
    return this.#withHandle(options, (handle) => {
      const out = this.wire.memory.reserve(WIRE_BYTES);
      return this.#result(this.wire.exports.pyox_py_object_to_js(object, depth, handle, out), out);
    });
  }

  /** Deep conversion to Python. */
  toPy(value: unknown, depth: number, converter: unknown): unknown {
    const { handles } = this.wire;
    const converterHandle = converter === undefined ? (0 as JsHandle) : handles.add(converter);
    try {
      return this.#withHandle(value, (handle) => {
        const out = this.wire.memory.reserve(WIRE_BYTES);
        return this.#result(this.wire.exports.pyox_py_value_to_py(handle, depth, converterHandle, out), out);
      });
    } finally {
      handles.drop(converterHandle);
    }
  }

  /** A module, or an attribute of one for a dotted name. */
  importModule(name: string): unknown {
    return this.#guarded(() => {
      const out = this.wire.memory.reserve(WIRE_BYTES);
      return this.#result(this.wire.exports.pyox_py_module_import(this.#encoded(name), out), out);
    });
  }

  /** Starts Python. */
  start(argv: readonly string[], flags: number): void {
    this.#guarded(() => {
      const at = this.wire.memory.reserve(argv.length * WIRE_BYTES);
      this.wire.encodeAll(argv, at);
      const status = this.wire.exports.pyox_py_interpreter_start(at, argv.length, flags);
      if (status > 0) throw new NotStarted(status - 1);
      this.#status(status);
    });
  }

  /** Makes fresh what belongs to a process; `variables` are all that it has, as `NAME=value`. */
  refresh(variables: readonly string[]): void {
    this.#guarded(() => {
      const at = this.wire.memory.reserve(variables.length * WIRE_BYTES);
      this.wire.encodeAll(variables, at);
      this.#status(this.wire.exports.pyox_py_interpreter_refresh(at, variables.length));
    });
  }

  /** Gives the arguments to an interpreter that was started without them. */
  setArguments(argv: readonly string[]): void {
    this.#guarded(() => {
      const at = this.wire.memory.reserve(argv.length * WIRE_BYTES);
      this.wire.encodeAll(argv, at);
      this.#status(this.wire.exports.pyox_py_interpreter_set_arguments(at, argv.length));
    });
  }

  /** Runs what argv asks for and ends Python: the exit code. */
  async runMain(): Promise<number> {
    const { wire } = this;
    const run = this.#promisingExport(wire.exports.pyox_py_interpreter_run_main_suspendable);
    try {
      return await (run === undefined ? wire.exports.pyox_py_interpreter_run_main() : this.stacks.enter(() => run()));
    } catch (error) {
      throw wire.escaped(error);
    }
  }

  /** Number of handles that the cache of attribute names holds. */
  cachedNames(): number {
    return this.wire.exports.pyox_py_interpreter_cached_names();
  }

  /** Raises a signal (0 for none) and runs the handlers of all that were raised. */
  checkSignals(signal: number): void {
    this.#guarded(() => this.#status(this.wire.exports.pyox_py_signals_check(signal)));
  }

  /** Raises a signal, whose handler runs when Python code next runs. False if none is running; then it is raised only if `always` is set. */
  raiseSignal(signal: number, always: boolean): boolean {
    return this.#guarded(() => this.#tri(this.wire.exports.pyox_py_signals_raise(signal, always ? 1 : 0)));
  }

  /** Does on this stack what another one has asked for. */
  runJob(job: Address): void {
    this.#guarded(() => this.#status(this.wire.exports.pyox_py_job_run(job)));
  }

  /** Settles a future of `pyox_js_promise_watch`, which is taken over. */
  settleFuture(future: PyPtr, ok: boolean, value: unknown): void {
    this.#guarded(() => this.#status(this.wire.exports.pyox_py_future_settle(future, ok ? 1 : 0, this.#encoded(value))));
  }

  /** Runs and frees a scheduled callback. */
  runCallback(callback: PyPtr): void {
    const { wire } = this;
    const run = this.#promisingExport(wire.exports.pyox_py_callback_run_suspendable);
    if (run === undefined) {
      try {
        this.#guarded(() => this.#status(wire.exports.pyox_py_callback_run(callback)));
      } catch (error) {
        this.#failedCallback(error);
      }
      return;
    }
    // On a stack of its own, so that what the event loop runs can wait for promises. An error goes where those of other
    // asynchronous functions go that nobody awaits.
    void this.stacks
      .enter(() => run(callback))
      .then(
        (status) => {
          if (status < 0) wire.raiseFirst();
        },
        (error: unknown) => this.#failedCallback(wire.escaped(error)),
      );
  }

  /** Nobody called the callback: its error goes to the host, unless it ended the interpreter and those who wait for it know. */
  #failedCallback(error: unknown): void {
    if (error !== this.wire.dead || !this.wire.wasTold) throw error;
  }

  /** Frees a callback or future that will never be called. */
  dropCallback(callback: PyPtr): void {
    this.#guarded(() => this.wire.exports.pyox_py_callback_drop(callback));
  }

  /** Opens a buffer; `closeBuffer` must follow. */
  openBuffer(object: PyPtr): BufferDescription {
    return this.#guarded(() => {
      const { wire } = this;
      const out = wire.memory.reserve(BUFFER_VIEW_BYTES);
      this.#status(wire.exports.pyox_py_buffer_open(object, out as number as Address));
      wire.memory.fresh();
      const { u32, i32, u8 } = wire.memory;
      const word = (index: number) => u32[(out >>> 2) + index] as number;
      const ndim = word(4);
      const numbers = (address: number) => (address === 0 ? [] : Array.from(i32.subarray(address >>> 2, (address >>> 2) + ndim)));
      const formatAddress = word(8);
      let end = formatAddress;
      while (u8[end] !== 0) end++;
      return {
        view: word(0) as Address,
        address: word(1),
        nbytes: word(2),
        itemsize: word(3),
        ndim,
        readonly: word(5) !== 0,
        cContiguous: word(6) !== 0,
        fContiguous: word(7) !== 0,
        format: wire.strings.latin1(u8, formatAddress, end - formatAddress),
        shape: numbers(word(9)),
        strides: numbers(word(10)),
        hasSuboffsets: word(11) !== 0,
      };
    });
  }

  /** Closes a buffer. */
  closeBuffer(view: Address): void {
    this.#guarded(() => this.wire.exports.pyox_py_buffer_close(view));
  }

  // ---- helpers ------------------------------------------------------------------------------------------------------------------

  /** Runs a call with the arena given back afterwards. PERF: what is called all the time does this itself, without a closure. */
  #guarded<T>(body: () => T): T {
    const { wire } = this;
    const mark = wire.memory.top;
    try {
      wire.memory.reserve(8); // what a plain call has reserved tells `Stacks` that it is under way
      return body();
    } catch (error) {
      throw wire.escaped(error);
    } finally {
      wire.memory.release(mark);
    }
  }

  /** Runs a call with a handle to a value (0 for undefined), dropped afterwards. */
  #withHandle<T>(value: unknown, body: (handle: JsHandle) => T): T {
    const handle = value === undefined ? (0 as JsHandle) : this.wire.handles.add(value);
    try {
      return this.#guarded(() => body(handle));
    } finally {
      this.wire.handles.drop(handle);
    }
  }

  /** The value, encoded in the arena. */
  #encoded(value: unknown): WirePtr {
    const at = this.wire.memory.reserve(WIRE_BYTES);
    this.wire.encode(value, at);
    return at;
  }

  #result(tag: number, out: WirePtr): unknown {
    if (tag === TAG_FAILURE) this.wire.raise();
    return this.wire.decode(tag, out);
  }

  #status(status: number): void {
    if (status < 0) this.wire.raise();
  }

  #tri(result: number): boolean {
    if (result < 0) this.wire.raise();
    return result !== 0;
  }

  #step(more: number, out: WirePtr): Step {
    if (more < 0) this.wire.raise();
    return { done: more === 0, value: this.wire.decodeAt(out) };
  }

  #text(object: PyPtr, what: number): string {
    return this.#guarded(() => {
      const out = this.wire.memory.reserve(WIRE_BYTES);
      const text = this.#result(this.wire.exports.pyox_py_object_text(object, what, out), out);
      return typeof text === "string" ? text : describeThrown(text);
    });
  }

  /** The interned string for a name. */
  #name(name: string): PyPtr {
    return this.#names.get(name) ?? this.#intern(name);
  }

  #intern(name: string): PyPtr {
    const { wire } = this;
    const mark = wire.memory.top;
    try {
      const interned = wire.exports.pyox_py_name_intern(this.#encoded(name));
      if ((interned as number) === 0) wire.raise();
      if (this.#names.size >= NAMES_MAX) this.#forgetOldestName();
      this.#names.set(name, interned);
      return interned;
    } finally {
      wire.memory.release(mark);
    }
  }

  #forgetOldestName(): void {
    for (const [name, interned] of this.#names) {
      this.#names.delete(name);
      this.wire.exports.pyox_py_callback_drop(interned); // plain Py_DECREF: names are not counted as held
      return;
    }
  }
}
