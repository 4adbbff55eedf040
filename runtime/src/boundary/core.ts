/**
 * The JavaScript half of one interpreter: puts handle table, wire, operations, proxies and imports together.
 * Invariant: no state outside the object, so that interpreters in one page do not disturb each other.
 * Order of use: construct; give `imports` to the instantiation; `attach`; `setApi`; `start`; then everything else.
 */
import { toPyArguments, type ToPyOptions } from "../convert/options";
import type { FatalError } from "../errors/errors";
import { Scheduler } from "../event-loop/scheduler";
import { makeFfi, makePrototypes, type Ffi } from "../proxy/classes";
import { ProxyRegistry, type ProxySettings } from "../proxy/registry";
import { reportProxies, type ProxyReport } from "../proxy/report";
import {
  PY_EXPORT_ROWS,
  START_KEEP_NULL,
  START_PLAIN_DICTS,
  TABLE_HASH,
  type JsImports,
  type PyExports,
  type PyPtr,
} from "./generated";
import type { Era } from "./era";
import { HandleTable } from "./handles";
import { asynchronousImports } from "./imports/asynchronous";
import { bufferImports } from "./imports/buffers";
import { callImports } from "./imports/calls";
import type { ImportContext, Schedule } from "./imports/context";
import { hostImports } from "./imports/host";
import { objectImports } from "./imports/objects";
import { proxyImports } from "./imports/proxies";
import { valueImports } from "./imports/values";
import { Memory } from "./memory";
import { Operations } from "./operations";
import { Stacks } from "./stacks";
import { UnwatchedPromises } from "./unwatched";
import { Wire } from "./wire";

/** Options of a core, a part of those of `loadPyodide`. */
export interface CoreOptions {
  /** The object behind the `js` module. */
  readonly jsglobals: object;
  /** Note for every proxy where it was made and what it stands for. */
  readonly debug?: boolean | undefined;
  /** `toString` of PyProxies is `repr` instead of `str`. */
  readonly pyproxyToStringRepr?: boolean | undefined;
  /** PyProxies made for arguments are kept as long as JavaScript has them. */
  readonly keepBorrowedProxies?: boolean | undefined;
  /** False keeps `null` apart from `undefined`: it becomes `jsnull` in Python. */
  readonly convertNullToNone?: boolean | undefined;
  /** False makes plain objects of dicts instead of LiteralMaps. */
  readonly toJsLiteralMap?: boolean | undefined;
  /** Runs callbacks from macrotasks. Default: one of its own. */
  readonly schedule?: Schedule | undefined;
}

/** The JavaScript half of one interpreter. */
export class Core {
  /** What wasm imports. Plain functions. */
  readonly imports: JsImports;
  /** Classes of PyProxies, errors and views. */
  readonly ffi: Ffi;
  readonly options: CoreOptions;
  /** What can be done with Python objects. */
  readonly operations: Operations;
  /** The PyProxies. */
  readonly proxies: ProxyRegistry;

  readonly #settings: ProxySettings;
  readonly #memory = new Memory();
  readonly #handles: HandleTable;
  readonly #wire: Wire;
  readonly #stacks: Stacks;
  readonly #callbacks: ImportContext["callbacks"] = new Map();
  #globals: object | undefined;

  constructor(options: CoreOptions) {
    this.options = options;
    this.#settings = {
      debug: options.debug ?? false,
      toStringIsRepr: options.pyproxyToStringRepr ?? false,
      keepBorrowed: options.keepBorrowedProxies ?? false,
    };
    this.#handles = new HandleTable(options.jsglobals);
    this.#wire = new Wire(this.#memory, this.#handles);
    const schedule = options.schedule ?? makeSchedule();
    const stacks = new Stacks(this.#memory, schedule);
    this.#stacks = stacks;
    this.operations = new Operations(this.#wire, stacks);
    this.proxies = new ProxyRegistry(this.operations, this.#settings, makePrototypes());
    this.#wire.proxies = this.proxies;
    this.ffi = makeFfi(() => this.proxies);
    const context: ImportContext = {
      wire: this.#wire,
      handles: this.#handles,
      operations: this.operations,
      registry: this.proxies,
      stacks,
      schedule,
      callbacks: this.#callbacks,
      calledPromises: new WeakSet(),
      unwatched: new UnwatchedPromises(),
      plainDicts: options.toJsLiteralMap === false,
    };
    this.imports = {
      ...valueImports(context),
      ...objectImports(context),
      ...callImports(context),
      ...asynchronousImports(context),
      ...proxyImports(context),
      ...bufferImports(context),
      ...hostImports(context),
    } satisfies JsImports;
  }

  /** The fatal error, once there was one: every later call throws. */
  get dead(): Error | undefined {
    return this.#wire.dead;
  }

  /**
   * Takes an instance over. Throws if it was made from another version of the boundary's table.
   * `libraryCalls` says how many calls from JavaScript into side modules are running.
   */
  attach(exports: WebAssembly.Exports, memory: WebAssembly.Memory, libraryCalls: () => number = () => 0): void {
    const rows = collectExports(exports);
    const hash = rows.pyox_py_table_hash() >>> 0;
    if (hash !== TABLE_HASH) {
      throw new Error(
        `The JavaScript files (boundary ${TABLE_HASH}) and pyodide.asm.wasm (boundary ${hash}) are of different versions: ` +
          "use files of one distribution, and clear caches that may hold older ones",
      );
    }
    this.#wire.exports = rows;
    this.#memory.attach(memory, {
      pyox_py_memory_alloc: (bytes) => this.#wire.exports.pyox_py_memory_alloc(bytes),
      pyox_py_memory_free: (address) => this.#wire.exports.pyox_py_memory_free(address),
    });
    this.#memory.openArena(rows.pyox_py_arena_address());
    const get = exports["emscripten_stack_get_current"] as (() => number) | undefined;
    const set = exports["_emscripten_stack_restore"] as ((address: number) => void) | undefined;
    const getBase = exports["emscripten_stack_get_base"] as (() => number) | undefined;
    if (get !== undefined && set !== undefined && getBase !== undefined) this.#stacks.attach({ get, set, getBase }, libraryCalls);
  }

  /** Sets the object behind `pyodide_js`. */
  setApi(api: object): void {
    this.#handles.setApi(api);
  }

  /** Starts Python. Throws a PythonError if that fails. `flags` are added to those that the options call for. */
  start(argv: readonly string[], flags = 0): void {
    this.operations.start(argv, flags | this.#startFlags());
  }

  /** Instead of `start`, when linear memory and the handles were put back: the Python in it goes on. */
  resume(): void {
    this.#wire.exports.pyox_py_interpreter_resume(this.#startFlags(), this.proxies.live);
  }

  /** After `resume`, before anybody uses Python: makes fresh what belongs to a process. */
  refresh(variables: readonly string[]): void {
    this.operations.refresh(variables);
  }

  /** For the `python` command after `resume`. */
  setArguments(argv: readonly string[]): void {
    this.operations.setArguments(argv);
  }

  #startFlags(): number {
    let flags = 0;
    if (this.options.convertNullToNone === false) flags |= START_KEEP_NULL;
    if (this.options.toJsLiteralMap === false) flags |= START_PLAIN_DICTS;
    return flags;
  }

  // ---- for resets -------------------------------------------------------------------------------------------------------

  /** Notes something that waits for Python, so that a reset rejects it. */
  get era(): Era {
    return this.#wire.era;
  }

  /** Is a call from JavaScript into Python under way? Stacks that wait do not count. */
  get isCalled(): boolean {
    return this.#wire.dead === undefined && !this.#memory.isIdle;
  }

  /** Ends what is: proxies, tasks, stacks and timers are gone, and every call throws until `begin`. */
  end(error: FatalError): void {
    this.#wire.end(error);
    this.#stacks.clear();
    for (const { cancel } of this.#callbacks.values()) cancel();
    this.#callbacks.clear();
    this.operations.clear();
    this.#globals = undefined;
  }

  /** After linear memory was replaced: what follows is `restoreHandles` and `resume`, as at a start. */
  begin(): void {
    const { options } = this;
    this.#wire.begin();
    this.#memory.openArena(this.#wire.exports.pyox_py_arena_address());
    this.proxies.begin(options.debug ?? false, options.keepBorrowedProxies ?? false);
  }

  // ---- for snapshots ----------------------------------------------------------------------------------------------------

  /** Every value that Python holds, by its handle. */
  handleEntries(): [number, unknown][] {
    return this.#handles.entries();
  }

  /** The number that Python knows a value by, if it has asked for one. */
  identityOf(value: unknown): number | undefined {
    return this.#handles.knownIdentity(value);
  }

  get nextIdentity(): number {
    return this.#handles.nextIdentity;
  }

  /** Puts values back at their handles. */
  restoreHandles(entries: readonly (readonly [handle: number, value: unknown, identity: number | undefined])[], nextIdentity: number): void {
    this.#handles.restore(entries, nextIdentity);
  }

  /** A PyProxy for an object in memory that was put back: the reference is counted there already. */
  adoptProxy(object: number, flags: number): object {
    return this.proxies.make(object as PyPtr, flags);
  }

  /** Is no call from JavaScript into Python under way, and does no stack wait? */
  get isIdle(): boolean {
    return this.#memory.isIdle && !this.#stacks.isWaiting;
  }

  /** Fills free blocks of the heap with zeros. */
  sweepMemory(): void {
    this.#wire.exports.pyox_py_memory_sweep();
  }

  /** The arena, whose content means nothing while `isIdle`. */
  get arenaAddress(): number {
    return this.#wire.exports.pyox_py_arena_address() >>> 0;
  }

  /** `import name` (`a.b.c` is what that names), as a value. */
  import(name: string): unknown {
    if (typeof name !== "string") throw new TypeError("The name of a module must be a string");
    return this.operations.importModule(name);
  }

  /** A PyProxy of `__main__`'s namespace; its `get` looks into builtins too (TT-074). */
  globals(): object {
    this.#globals ??= this.#makeGlobals();
    return this.#globals;
  }

  /** Runs what argv asks for, ends Python, gives the exit code. Where the engine can suspend stacks, JavaScript has its turns meanwhile. */
  async runMain(): Promise<number> {
    return await this.operations.runMain();
  }

  /** Explicit conversion to Python; what stays a JavaScript value comes back as it is. */
  toPy(value: unknown, options: ToPyOptions = {}): unknown {
    const { depth, converter } = toPyArguments(options);
    if (value === null || this.proxies.find(value) !== undefined) return value;
    return this.operations.toPy(value, depth, converter);
  }

  /** Calls a function as Python would: unlike a call from JavaScript, a coroutine that it returns is not started. */
  callPlainly(callee: object, args: readonly unknown[], kwargs: Readonly<Record<string, unknown>> = {}): unknown {
    const state = this.proxies.find(callee);
    return state === undefined ? Reflect.apply(callee as () => unknown, undefined, args) : this.operations.callKwargs(state.lifetime.object, args, kwargs);
  }

  /** Is it a PyProxy of this interpreter? */
  isPyProxy(value: unknown): boolean {
    return this.proxies.find(value) !== undefined;
  }

  /** Raises a signal (0 for none) and runs Python's handlers; throws what they raise. */
  checkSignals(signal: number): void {
    this.operations.checkSignals(signal);
  }

  /** The evaluation loop looks for signals at its next step: it may have planned to do so a thousand steps later, however long they take. */
  lookForSignalsSoon(): void {
    this.operations.raiseSignal(0, false);
  }

  /**
   * Raises a signal for the Python code that computes or waits, without running its handler here. False if there is none, and then the
   * signal has not been raised.
   */
  interrupt(signal: number): boolean {
    const isWaiting = this.#stacks.wake();
    return this.operations.raiseSignal(signal, isWaiting) || isWaiting;
  }

  /** Sets what tells whether a signal has arrived in shared memory: it ends waits. */
  setSignalCheck(hasArrived: (() => boolean) | undefined): void {
    this.#stacks.setSignalCheck(hasArrived);
  }

  /** Tells what Comlink is, so that its proxies, which have every property, are known as what they are (JS-034). */
  setComlink(comlink: unknown): void {
    const symbol = (comlink as { readonly createEndpoint?: unknown } | null | undefined)?.createEndpoint;
    if (typeof symbol !== "symbol") throw new TypeError("registerComlink takes the Comlink module, with its symbol `createEndpoint`");
    this.#wire.comlinkSymbol = symbol;
  }

  /** Has a function called once when the interpreter ends, with the fatal error. */
  atDeath(callback: (error: Error) => void): void {
    this.#wire.onDeath = callback;
  }

  /** Marks the interpreter as dead. Returns the error that later calls name as their cause. */
  setFatal(error: unknown): Error {
    return this.#wire.die(error);
  }

  /** Sets debug mode; returns what it was. */
  setDebug(debug: boolean): boolean {
    const before = this.#settings.debug;
    this.#settings.debug = Boolean(debug);
    return before;
  }

  /** Whether PyProxies made for arguments are kept as long as JavaScript has them; returns what was. */
  setKeepBorrowed(keep: boolean): boolean {
    const before = this.#settings.keepBorrowed;
    this.#settings.keepBorrowed = Boolean(keep);
    return before;
  }

  /** The PyProxies alive that were made in debug mode, and the cycles among them. */
  proxyReport(): ProxyReport {
    return reportProxies(this.proxies);
  }

  /** Number of handles alive. */
  liveHandles(): number {
    // The cache of attribute names is bounded: what it holds is no leak.
    return this.#handles.live - this.operations.cachedNames();
  }

  /** Number of Python objects that PyProxies hold. */
  liveProxies(): number {
    return this.proxies.live;
  }

  /** Number of references that wasm says JavaScript holds. */
  liveReferences(): number {
    return this.#wire.exports.pyox_py_interpreter_references() >>> 0;
  }

  #makeGlobals(): object {
    const main = this.proxies.require(this.import("__main__"), "globals");
    try {
      const names = this.proxies.require(
        this.operations.getAttribute(main.lifetime.object, "__dict__", {
          borrow: (_name, object, flags) => this.proxies.make(object, flags),
        }),
        "globals",
      );
      const builtins = this.proxies.require(this.import("builtins"), "globals");
      const has = (key: unknown): boolean => this.operations.hasItem(names.lifetime.object, key);
      const get = (key: unknown): unknown => {
        const found = this.operations.getItem(names.lifetime.object, key);
        if (found !== undefined || typeof key !== "string" || has(key)) return found;
        return this.operations.getAttribute(builtins.lifetime.object, key, {
          borrow: (_name, object, flags) => this.proxies.make(object, flags),
        });
      };
      return this.proxies.withLookup(
        names,
        get,
        (key) => has(key) || (typeof key === "string" && this.operations.hasAttribute(builtins.lifetime.object, key)),
      );
    } finally {
      this.proxies.end(main, "Object has already been destroyed");
    }
  }
}

/** The exports as an object of fixed shape. PERF: the instance's own has thousands of names and is looked up slowly. */
function collectExports(exports: WebAssembly.Exports): PyExports {
  const rows: Record<string, unknown> = {};
  for (const [name] of PY_EXPORT_ROWS) {
    const found = exports[name];
    if (typeof found !== "function") {
      throw new Error(`pyodide.asm.wasm has no function \`${name}\`: it is of another version than the JavaScript files`);
    }
    rows[name] = found;
  }
  return rows as unknown as PyExports;
}

function makeSchedule(): Schedule {
  const scheduler = new Scheduler();
  return (callback, delayMs) => scheduler.schedule(callback, delayMs);
}
