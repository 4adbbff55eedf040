/**
 * Handle table: owns every JavaScript value that wasm can name.
 * Invariants: slot 0 is never used; reserved slots never change once set and are never freed; a free slot holds nothing.
 * Not here: what values mean (wire, flags), who frees proxies (proxy).
 */
import {
  HANDLE_API,
  HANDLE_FALSE,
  HANDLE_FIRST_FREE,
  HANDLE_GLOBALS,
  HANDLE_NULL,
  HANDLE_TRUE,
  HANDLE_UNDEFINED,
  type JsHandle,
} from "./generated";

/** Numbers for JavaScript values. */
export class HandleTable {
  readonly #values: unknown[] = new Array(HANDLE_FIRST_FREE).fill(undefined);
  readonly #free: number[] = [];
  /** Numbers for identities (`js_id`): objects weakly, other values as long as the table lives. */
  #objectIds = new WeakMap<object, number>();
  readonly #valueIds = new Map<unknown, number>();
  #nextId = 1;

  constructor(jsglobals: object) {
    this.#values[HANDLE_NULL] = null;
    this.#values[HANDLE_FALSE] = false;
    this.#values[HANDLE_TRUE] = true;
    this.#values[HANDLE_GLOBALS] = jsglobals;
  }

  /** Number of handles alive, reserved ones not counted. */
  get live(): number {
    return this.#values.length - HANDLE_FIRST_FREE - this.#free.length;
  }

  /** The value of a handle. */
  get(handle: number): unknown {
    return this.#values[handle];
  }

  /** Sets the object behind `pyodide_js`. */
  setApi(api: object): void {
    this.#values[HANDLE_API] = api;
  }

  /** A new handle; constants have theirs already. */
  add(value: unknown): JsHandle {
    if (typeof value !== "object" || value === null) {
      const reserved = constantHandle(value);
      if (reserved !== 0) return reserved as JsHandle;
    }
    const slot = this.#free.pop();
    if (slot === undefined) {
      this.#values.push(value);
      return (this.#values.length - 1) as JsHandle;
    }
    this.#values[slot] = value;
    return slot as JsHandle;
  }

  /** A second handle to the same value; reserved handles come back as they are. */
  clone(handle: number): JsHandle {
    return handle < HANDLE_FIRST_FREE ? (handle as JsHandle) : this.add(this.#values[handle]);
  }

  /** Frees a handle; reserved ones stay. */
  drop(handle: number): void {
    if (handle < HANDLE_FIRST_FREE) return;
    this.#values[handle] = undefined;
    this.#free.push(handle);
  }

  /** Takes the value out and frees the handle. */
  take(handle: number): unknown {
    const value = this.#values[handle];
    this.drop(handle);
    return value;
  }

  /** Every handle alive, reserved ones not included. */
  entries(): [number, unknown][] {
    const free = new Set(this.#free);
    const entries: [number, unknown][] = [];
    for (let handle = HANDLE_FIRST_FREE; handle < this.#values.length; handle++) {
      if (!free.has(handle)) entries.push([handle, this.#values[handle]]);
    }
    return entries;
  }

  /** Replaces every handle; reserved ones stay. `nextIdentity` goes on counting where the identities that were given out end. */
  restore(entries: readonly (readonly [handle: number, value: unknown, identity: number | undefined])[], nextIdentity: number): void {
    this.#values.length = HANDLE_FIRST_FREE;
    this.#free.length = 0;
    this.#nextId = nextIdentity;
    this.#objectIds = new WeakMap();
    this.#valueIds.clear();
    for (const [handle, value, identity] of entries) {
      this.#values[handle] = value;
      if (identity !== undefined) this.#idsOf(value).set(value, identity);
    }
    for (let handle = this.#values.length - 1; handle >= HANDLE_FIRST_FREE; handle--) {
      if (!(handle in this.#values)) {
        this.#values[handle] = undefined;
        this.#free.push(handle);
      }
    }
  }

  /** The number that `identity` has given out for a value, and the next one. */
  knownIdentity(value: unknown): number | undefined {
    return this.#idsOf(value).get(value);
  }

  get nextIdentity(): number {
    return this.#nextId;
  }

  /** A number that is the same for the same value. */
  identity(value: unknown): number {
    const ids = this.#idsOf(value);
    const known = ids.get(value);
    if (known !== undefined) return known;
    const id = this.#nextId++;
    ids.set(value, id);
    return id;
  }

  #idsOf(value: unknown): { get(key: unknown): number | undefined; set(key: unknown, id: number): unknown } {
    const isObject = (typeof value === "object" && value !== null) || typeof value === "function";
    return isObject
      ? (this.#objectIds as WeakMap<object, number> & { get(key: unknown): number | undefined; set(key: unknown, id: number): unknown })
      : this.#valueIds;
  }
}

function constantHandle(value: unknown): number {
  switch (value) {
    case undefined:
      return HANDLE_UNDEFINED;
    case null:
      return HANDLE_NULL;
    case false:
      return HANDLE_FALSE;
    case true:
      return HANDLE_TRUE;
    default:
      return 0;
  }
}
