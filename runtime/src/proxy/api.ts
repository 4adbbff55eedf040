/**
 * Which methods a PyProxy has: composed from the capabilities of its object, once per combination of flags.
 * Invariant: a combination that appears while calls are hot makes a Map and nothing else, no class and no prototype: V8 in
 * Node 20 cannot cope with a new kind of proxy class beneath an inlined call into wasm.
 */
import {
  PY_HAS_AITER,
  PY_HAS_ANEXT,
  PY_HAS_ASYNC_GENERATOR,
  PY_HAS_AWAIT,
  PY_HAS_BUFFER,
  PY_HAS_CALL,
  PY_HAS_CONTAINS,
  PY_HAS_GENERATOR,
  PY_HAS_GET,
  PY_HAS_ITER,
  PY_HAS_LENGTH,
  PY_HAS_MUTABLE_SEQUENCE,
  PY_HAS_NEXT,
  PY_HAS_SEQUENCE,
  PY_HAS_SET,
  PYPROXY_CAPTURE_THIS,
  PYPROXY_ROUNDTRIP,
} from "../boundary/generated";
import { awaitableMethods } from "./awaitable";
import { baseAccessors, baseMethods, containerMethods, lengthAccessor } from "./base";
import { bufferMethods } from "./buffer";
import { callableMethods } from "./callable";
import { asyncGeneratorMethods, asyncIteratorMethods, asyncIterableMethods, generatorMethods, iterableMethods, iteratorMethods } from "./iteration";
import { jsonMethods } from "./json";
import type { ProxyRegistry } from "./registry";
import { mutableSequenceMethods, sequenceMethods } from "./sequence";
import type { PyProxyState } from "./state";

/** A property of the API that is computed. */
export interface ApiAccessor {
  get(state: PyProxyState): unknown;
  set?(state: PyProxyState, value: unknown): boolean;
}

/** A method, called with the proxy as `this`. */
export type ApiMethod = (this: unknown, ...args: never[]) => unknown;

/** What proxies with certain flags offer. */
export interface Api {
  readonly methods: ReadonlyMap<string, ApiMethod | ApiAccessor>;
  readonly symbols: ReadonlyMap<symbol, unknown>;
  readonly prototype: object;
}

type Group = Readonly<Record<PropertyKey, unknown>>;

/** The APIs of one interpreter, by flags. */
export class ApiTable {
  readonly #apis = new Map<number, Api>();
  readonly #always: readonly Group[];
  /** Later groups win over earlier ones. */
  readonly #groups: readonly (readonly [flag: number, group: Group])[];

  constructor(readonly registry: ProxyRegistry) {
    const container = containerMethods(registry);
    const json = jsonMethods(registry);
    this.#always = [baseMethods(registry), baseAccessors(registry)];
    this.#groups = [
      [PY_HAS_LENGTH, lengthAccessor(registry)],
      [PY_HAS_GET, { get: container.get, ...json }],
      [PY_HAS_SET, { set: container.set, delete: container.delete }],
      [PY_HAS_CONTAINS, { has: container.has }],
      [PY_HAS_ITER, iterableMethods(registry)],
      [PY_HAS_NEXT, iteratorMethods(registry)],
      [PY_HAS_GENERATOR, generatorMethods(registry)],
      [PY_HAS_AITER, asyncIterableMethods(registry)],
      [PY_HAS_ANEXT, asyncIteratorMethods(registry)],
      [PY_HAS_ASYNC_GENERATOR, asyncGeneratorMethods(registry)],
      [PY_HAS_AWAIT, awaitableMethods(registry)],
      [PY_HAS_BUFFER, bufferMethods(registry)],
      [PY_HAS_CALL, callableMethods(registry)],
      [PY_HAS_SEQUENCE, sequenceMethods(registry)],
      [PY_HAS_MUTABLE_SEQUENCE, mutableSequenceMethods(registry)],
    ];
  }

  /** The API for these flags. */
  get(allFlags: number): Api {
    const flags = allFlags & ~(PYPROXY_CAPTURE_THIS | PYPROXY_ROUNDTRIP);
    return this.#apis.get(flags) ?? this.#compose(flags);
  }

  #compose(flags: number): Api {
    const methods = new Map<string, ApiMethod | ApiAccessor>();
    const symbols = new Map<symbol, unknown>([[Symbol.toStringTag, "PyProxy"]]);
    const add = (group: Group) => {
      for (const key of Reflect.ownKeys(group)) {
        if (typeof key === "symbol") symbols.set(key, group[key]);
        else methods.set(key, group[key] as ApiMethod | ApiAccessor);
      }
    };
    this.#always.forEach(add);
    for (const [flag, group] of this.#groups) {
      if (flags & flag) add(group);
    }
    const { basePrototype, callablePrototype } = this.registry;
    const api: Api = { methods, symbols, prototype: flags & PY_HAS_CALL ? callablePrototype : basePrototype };
    this.#apis.set(flags, api);
    return api;
  }
}
