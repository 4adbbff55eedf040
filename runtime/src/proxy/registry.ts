/**
 * Makes, finds and ends PyProxies of one interpreter.
 *
 * Owns who holds a Python object for how long: results belong to JavaScript and are freed by `destroy` or the finalizer;
 * attributes share the lifetime of their root; arguments are borrowed for a call (`lend`, `endBorrowing`).
 * Invariant: a value is a PyProxy of this interpreter exactly if `stateOf` says so.
 */
import { PYPROXY_CAPTURE_THIS, PYPROXY_ROUNDTRIP, PY_HAS_AWAIT, PY_HAS_CALL, PY_HAS_MUTABLE_SEQUENCE, PY_HAS_SEQUENCE, type PyPtr } from "../boundary/generated";
import type { Era } from "../boundary/era";
import type { Operations } from "../boundary/operations";
import type { ProxyMaker } from "../boundary/wire";
import { PythonError } from "../errors/errors";
import { ApiTable, type Api } from "./api";
import { watchAwaitable } from "./awaitable";
import { JsonState } from "./json";
import { Lifetime, borrowedReason, destroyedMessage, type Reason, type ReferenceOwner } from "./lifetime";
import { PyProxyState, STATE, type Binding } from "./state";

/** Options of `destroy`. */
export interface DestroyOptions {
  /** What to say when the proxy is used afterwards. */
  readonly message?: string | undefined;
  /** Destroy it even if it was made by `create_proxy` to be kept. Default: true. */
  readonly destroyRoundtrip?: boolean | undefined;
}

/** Settings that users may change while the interpreter runs. */
export interface ProxySettings {
  debug: boolean;
  /** Proxies made for arguments are not ended with the call. */
  keepBorrowed: boolean;
  readonly toStringIsRepr: boolean;
}

const INSPECT = Symbol.for("nodejs.util.inspect.custom");

/**
 * The target of a proxy that is not callable. Node's `console.log` looks at targets, so it says what it stands for; engines that cannot clone
 * one (`postMessage`) name its class, which has its name from the property.
 */
const { PyProxy: PyProxyTarget } = {
  PyProxy: class {
    [INSPECT](this: object): string {
      const state = (this as { readonly [STATE]?: unknown })[STATE];
      if (!(state instanceof PyProxyState)) return "PyProxy {}";
      if (!state.lifetime.isAlive) return "PyProxy <destroyed>";
      const { operations } = state.registry;
      const { object } = state.lifetime;
      const type = operations.typeName(object);
      try {
        return `PyProxy <${type}> ${operations.repr(object)}`;
      } catch (error) {
        // What is only looked at must not end a program: its `__repr__` is anybody's code.
        return `PyProxy <${type}> (repr raised ${error instanceof PythonError ? error.type : String(error)})`;
      }
    }
  },
};

/** Bound functions of it are the targets of callable proxies: they can be called with `new`, and have no `prototype` that a proxy would have to show. */
function CallableTarget(): void {
  // The traps answer.
}
Object.defineProperty(CallableTarget, "name", { value: "PyCallable" });

/** All PyProxies of one interpreter. */
export class ProxyRegistry implements ProxyMaker, ReferenceOwner {
  readonly apis: ApiTable;
  /** Prototype of proxies that are not callable. */
  readonly basePrototype: object;
  /** Prototype of callable ones: it inherits from `Function.prototype`. */
  readonly callablePrototype: object;
  /** Promises of awaitables, by lifetime, so that variants of a proxy share them. */
  readonly promises = new WeakMap<Lifetime, Promise<unknown>>();
  /** Promises of the coroutines that run, which Python keeps alive meanwhile. */
  readonly coroutines = new Map<PyPtr, Promise<unknown>>();
  /** Functions that keep the proxies they are called with: arguments are not borrowed by them. */
  readonly owningFunctions = new WeakSet<object>();
  hasAdaptors = false;
  #live = 0;
  readonly #finalizers: FinalizationRegistry<Lifetime> | undefined;

  constructor(
    readonly operations: Operations,
    readonly settings: ProxySettings,
    prototypes: { readonly base: object; readonly callable: object },
  ) {
    this.basePrototype = prototypes.base;
    this.callablePrototype = prototypes.callable;
    this.apis = new ApiTable(this);
    this.#finalizers =
      typeof FinalizationRegistry === "undefined"
        ? undefined
        : new FinalizationRegistry((lifetime) => lifetime.end(this, "The proxy was garbage collected"));
  }

  /** What was made in debug mode and is alive. */
  readonly noted = new Set<Lifetime>();

  /** What is made now belongs to it. */
  get era(): Era {
    return this.operations.wire.era;
  }

  /** Number of references that PyProxies hold. */
  get live(): number {
    return this.#live;
  }

  /** After a reset: nothing is left of what was. */
  begin(debug: boolean, keepBorrowed: boolean): void {
    this.#live = 0;
    this.coroutines.clear();
    this.noted.clear();
    this.settings.debug = debug;
    this.settings.keepBorrowed = keepBorrowed;
  }

  drop(object: PyPtr): void {
    this.operations.drop(object);
  }

  ended(lifetime: Lifetime): void {
    this.#live--;
    if (this.noted.size !== 0) this.noted.delete(lifetime);
  }

  /** The state of a PyProxy of this interpreter; undefined for anything else. Never throws. */
  stateOf(value: object): PyProxyState | undefined {
    let state: unknown;
    try {
      state = (value as { readonly [STATE]?: unknown })[STATE];
    } catch {
      return undefined; // a proxy of another kind that does not like to be asked
    }
    if (state === undefined || !(state instanceof PyProxyState)) return undefined;
    // What belongs to another interpreter is a plain object here (TT-076). COMPAT: what wraps or inherits from a PyProxy stands
    // for its object too: frameworks wrap every object that they keep.
    return state.registry === this ? state : undefined;
  }

  /** As `stateOf` for any value. */
  find(value: unknown): PyProxyState | undefined {
    return (typeof value === "object" && value !== null) || typeof value === "function" ? this.stateOf(value) : undefined;
  }

  /** The state of the `this` of an API method. */
  require(value: unknown, method: string): PyProxyState {
    const state = this.find(value);
    if (state === undefined) throw new TypeError(`\`${method}\` was called on something that is not a PyProxy of this interpreter`);
    return state;
  }

  /** A PyProxy that owns one reference to the object, freed at the latest when the proxy is garbage collected. */
  make(object: PyPtr, flags: number): object {
    const state = this.#new(new Lifetime(object, undefined, this.era), flags, undefined, undefined);
    this.register(state);
    return state.proxy;
  }

  /** A lifetime without a proxy, for functions that stand for a Python object in another way. */
  lifetime(object: PyPtr): Lifetime {
    this.#live++;
    return new Lifetime(object, undefined, this.era);
  }

  /** Frees a lifetime when `owner` is garbage collected. */
  registerLifetime(owner: object, lifetime: Lifetime): void {
    this.#finalizers?.register(owner, lifetime, lifetime);
  }

  /** Frees a lifetime now. */
  endLifetime(lifetime: Lifetime, reason: Reason): void {
    this.#finalizers?.unregister(lifetime);
    lifetime.end(this, reason);
  }

  /** A PyProxy for an argument: added to `lent`, to be ended by `endBorrowing`. */
  lend(object: PyPtr, flags: number, lent: PyProxyState[]): object {
    const state = this.#new(new Lifetime(object, undefined, this.era), flags, undefined, undefined);
    lent.push(state);
    return state.proxy;
  }

  /** The proxies that a call borrowed are done with. */
  endBorrowing(lent: readonly PyProxyState[], borrower: unknown): void {
    if (this.settings.keepBorrowed) {
      // Whoever kept one may use it; the collector frees it.
      for (const state of lent) if (state.lifetime.isAlive) this.register(state);
      return;
    }
    for (const { lifetime } of lent) {
      const object = lifetime.objectOrNone;
      if ((object as number) !== 0) lifetime.end(this, borrowedReason(this.operations.typeNameQuickly(object), borrower));
    }
  }

  /** The proxy of an attribute: lives as long as its root. */
  attribute(root: PyProxyState, object: PyPtr, flags: number): PyProxyState {
    return this.#new(new Lifetime(object, root.lifetime, this.era), flags, root.proxy, undefined);
  }

  /** Another proxy of the same lifetime. */
  variant(of: PyProxyState, changes: { readonly captureThis?: boolean; readonly binding?: Binding }): object {
    let flags = changes.captureThis ? of.flags | PYPROXY_CAPTURE_THIS : of.flags;
    // With arguments bound it is more than its object, so Python must get the JavaScript function.
    if (changes.binding !== undefined) flags |= PYPROXY_ROUNDTRIP;
    return this.#new(of.lifetime, flags, of.proxy, changes.binding ?? of.binding, true).proxy;
  }

  /** A proxy of the same lifetime whose `get` and `has` are others. */
  withLookup(of: PyProxyState, get: (key: unknown) => unknown, has: (key: unknown) => boolean): object {
    const api: Api = { ...of.api, methods: new Map(of.api.methods).set("get", get).set("has", has) };
    return this.#new(of.lifetime, of.flags, of.proxy, undefined, true, api).proxy;
  }

  /** The JSON adaptor of a proxy: shares its lifetime. */
  adaptor(of: PyProxyState): object {
    void of.lifetime.object;
    return this.#newAdaptor(of.lifetime, of.flags, of.proxy).proxy;
  }

  /** The JSON adaptor of an item: lives as long as the root's proxy. */
  adaptorOfItem(root: PyProxyState, object: PyPtr, flags: number): JsonState {
    this.#live++;
    return this.#newAdaptor(new Lifetime(object, root.lifetime, this.era), flags, root.proxy);
  }

  /** A proxy of the same object with its own lifetime. */
  copy(of: PyProxyState): object {
    const object = this.operations.clone(of.lifetime.object);
    const state = this.#new(new Lifetime(object, undefined, this.era), of.flags & ~PYPROXY_ROUNDTRIP, undefined, of.binding);
    this.register(state);
    return state.proxy;
  }

  /** Lets the finalizer free what the proxy stands for when the proxy is garbage collected. */
  register(state: PyProxyState): void {
    this.#finalizers?.register(state.proxy, state.lifetime, state.lifetime);
  }

  /** `destroy`. COMPAT: nothing happens the second time: programs end coroutines that have ended themselves. */
  destroy(state: PyProxyState, options: DestroyOptions = {}): void {
    if (state.flags & PYPROXY_ROUNDTRIP && options.destroyRoundtrip === false) return;
    this.end(state, destroyedMessage(options.message));
  }

  /** Frees what the proxy stands for. Nothing happens when that was done before. */
  end(state: PyProxyState, reason: Reason): void {
    this.#finalizers?.unregister(state.lifetime);
    state.lifetime.end(this, reason);
  }

  /** Takes the reference out of a proxy, which is over then. 0 when it was over before. */
  move(state: PyProxyState, reason: Reason): PyPtr {
    this.#finalizers?.unregister(state.lifetime);
    this.operations.keepWhileHeld(state.lifetime.objectOrNone);
    return state.lifetime.release(this, reason);
  }

  /** `sequence[index] = value` as an Array does it: one past the end appends. */
  setElement(state: PyProxyState, index: number, value: unknown): void {
    const length = this.operations.length(state.lifetime.object, state.flags);
    if (index < length || (state.flags & PY_HAS_MUTABLE_SEQUENCE) === 0) {
      this.operations.setItem(state.lifetime.object, index, value); // Python says what a sequence cannot do
    } else if (index === length) {
      this.#splice(state, length, length, [value]);
    } else {
      throw new RangeError(`Cannot set index ${index} of a Python sequence of length ${length}: it cannot have holes`);
    }
  }

  /** `sequence.length = value`, which can only shorten it. False for what has a length but is no mutable sequence. */
  setLength(state: PyProxyState, value: unknown): boolean {
    if ((state.flags & PY_HAS_MUTABLE_SEQUENCE) === 0) return false;
    const length = this.operations.length(state.lifetime.object, state.flags);
    const wanted = Number(value);
    if (!Number.isInteger(wanted) || wanted < 0 || wanted > length) {
      throw new RangeError(`Cannot set the length of a Python sequence from ${length} to ${String(value)}: it can only be shortened`);
    }
    this.#splice(state, wanted, length, []);
    return true;
  }

  #splice(state: PyProxyState, start: number, stop: number, values: readonly unknown[]): void {
    const removed = this.find(this.operations.splice(state.lifetime.object, start, stop, values));
    if (removed !== undefined) this.end(removed, destroyedMessage(undefined));
  }

  /** Result of a call from JavaScript: a coroutine is scheduled at once, as the promise of an async function is (TT-102). */
  finishCall(result: unknown): unknown {
    if ((typeof result === "object" && result !== null) || typeof result === "function") {
      const state = this.stateOf(result);
      if (state !== undefined && state.flags & PY_HAS_AWAIT && this.isCoroutine(state)) watchAwaitable(this, state);
    }
    return result;
  }

  /** Is the object a coroutine, which can be awaited once? */
  isCoroutine(state: PyProxyState): boolean {
    return this.operations.typeNameQuickly(state.lifetime.object) === "coroutine";
  }

  #new(
    lifetime: Lifetime,
    flags: number,
    root: object | undefined,
    binding: Binding | undefined,
    shared = false,
    api: Api = this.apis.get(flags),
  ): PyProxyState {
    const state = new PyProxyState(this, lifetime, flags, api, root, binding);
    const target: object = flags & PY_HAS_CALL ? CallableTarget.bind(undefined) : new PyProxyTarget();
    state.proxy = new Proxy(target, state);
    if (!shared) this.#live++;
    if (this.settings.debug && !shared) this.#note(lifetime);
    return state;
  }

  #newAdaptor(lifetime: Lifetime, flags: number, root: object): JsonState {
    this.hasAdaptors = true;
    const state = new JsonState(this, lifetime, flags, this.apis.get(flags), root, undefined);
    state.proxy = new Proxy(flags & PY_HAS_SEQUENCE ? [] : {}, state);
    return state;
  }

  /** In debug mode: what the object was, and where its proxy was made. */
  #note(lifetime: Lifetime): void {
    const { stack = "" } = new Error("made here");
    const type = this.operations.typeNameQuickly(lifetime.object);
    const { operations } = this;
    let text: string;
    try {
      text = operations.repr(lifetime.object);
    } catch {
      text = "an object whose repr() fails";
    }
    if (text.length > 200) text = `${text.slice(0, 200)}...`;
    const frames = stack.split("\n").slice(3).join("\n");
    lifetime.debugNote = { type, text, madeAt: frames };
    this.noted.add(lifetime);
  }
}
