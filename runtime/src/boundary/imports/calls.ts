/**
 * Given to wasm: calls of JavaScript functions and iteration of JavaScript iterators.
 *
 * Owns how long the PyProxies live that are made for arguments (features TT-097 to TT-100): until the call returns; if it returns
 * a promise, until that settles; if it returns a generator, until that is exhausted or closed.
 * Invariant: what a call returns or throws never loses the object it stands for by the end of the borrowing.
 */
import { isThenable } from "../flags";
import {
  JS_IS_ASYNC_GENERATOR,
  JS_IS_GENERATOR,
  JS_IS_PROMISE,
  PYPROXY_ROUNDTRIP,
  TAG_PYOBJECT_OWNED,
  TAG_PYPROXY,
  WIRE_BYTES,
  type JsHandle,
  type JsImports,
  type PyPtr,
  type Tag,
  type WirePtr,
} from "../generated";
import type { PyProxyState } from "../../proxy/state";
import type { ImportContext } from "./context";

type AnyFunction = (...args: unknown[]) => unknown;
type Method = { readonly [name: string]: unknown };

/** What a generator keeps alive. */
interface Kept {
  readonly lent: PyProxyState[];
  readonly borrower: unknown;
}

/** The method behind `@@dispose` or `@@asyncDispose`. */
function disposer(receiver: object, name: string): unknown {
  const symbol: unknown = Reflect.get(Symbol, name.slice(2));
  return typeof symbol === "symbol" ? (receiver as { readonly [key: symbol]: unknown })[symbol] : undefined;
}

const RETURNED = "Object has already been destroyed: this proxy was returned to Python by a JavaScript function, which frees it";

/** Rows of the sections "calls" and "iteration". */
export function callImports({ wire, handles, registry, calledPromises, unwatched }: ImportContext) {
  const { memory } = wire;
  /** Generators that Python got from calls with borrowed proxies. */
  const generators = new WeakMap<object, Kept>();

  /** Reads the arguments; proxies among them are added to `lent`. */
  const readArguments = (args: number, count: number, lent: PyProxyState[]): unknown[] => {
    const values: unknown[] = [];
    for (let index = 0, at = args; index < count; index++, at += WIRE_BYTES) values.push(readLent(at, lent));
    return values;
  };
  const readLent = (at: number, lent: PyProxyState[]): unknown => {
    memory.fresh();
    const tag = memory.u32[at >>> 2] as number;
    if (tag !== TAG_PYPROXY) return wire.decode(tag, at);
    const word = (at + 4) >>> 2;
    return registry.lend(memory.u32[word] as PyPtr, memory.u32[word + 1] as number, lent);
  };
  const readAllArguments = (args: number, count: number, kwnames: number, kwargsCount: number, lent: PyProxyState[]): unknown[] => {
    const values = readArguments(args, count, lent);
    if (kwargsCount === 0) return values;
    const kwargs: Record<string, unknown> = {};
    for (let index = 0; index < kwargsCount; index++) {
      const name = String(wire.decodeAt(kwnames + index * WIRE_BYTES));
      const value = readLent(args + (count + index) * WIRE_BYTES, lent);
      Object.defineProperty(kwargs, name, { value, writable: true, enumerable: true, configurable: true });
    }
    values.push(kwargs);
    return values;
  };

  /** Ends the borrowing, but not of the proxy that goes on in `survivor`, which the finalizer will free. */
  const endExcept = (lent: readonly PyProxyState[], survivor: unknown, borrower: unknown): void => {
    const state = registry.find(survivor);
    if (state === undefined || !lent.includes(state)) {
      registry.endBorrowing(lent, borrower);
      return;
    }
    registry.register(state);
    registry.endBorrowing(lent.filter((other) => other !== state), borrower);
  };

  /** Writes the result of a call and decides how long its arguments live. */
  const finishCall = (result: unknown, lent: PyProxyState[], borrower: unknown, out: number): Tag => {
    if ((typeof result !== "object" || result === null) && typeof result !== "function") {
      if (lent.length !== 0) registry.endBorrowing(lent, borrower);
      return wire.encodeResult(result, out);
    }
    const state = registry.stateOf(result);
    if (state !== undefined && (state.flags & PYPROXY_ROUNDTRIP) === 0) {
      // The result is unwrapped and its proxy is over: the proxy's own reference moves to Python.
      void state.lifetime.object;
      const object = registry.move(state, RETURNED);
      if (lent.length !== 0) registry.endBorrowing(lent, borrower);
      return wire.encodePointer(TAG_PYOBJECT_OWNED, object, out);
    }
    if (state !== undefined) {
      if (lent.length !== 0) registry.endBorrowing(lent, borrower);
      return wire.encodeResult(result, out);
    }
    const flags = wire.flagsOf(result);
    if (flags & JS_IS_PROMISE) calledPromises.add(result);
    const generates = (flags & (JS_IS_GENERATOR | JS_IS_ASYNC_GENERATOR)) !== 0;
    if (lent.length === 0 && !generates) {
      if (flags & JS_IS_PROMISE && result instanceof Promise) unwatched.add(result);
      return wire.encodeHandle(result, flags, out);
    }
    if (flags & JS_IS_PROMISE) {
      const settled = (outcome: unknown): void => endExcept(lent, outcome, borrower);
      Promise.resolve(result as PromiseLike<unknown>).then(settled, settled);
    } else if (generates) {
      // Also without arguments: values that are sent later live as long (TT-100).
      for (const { lifetime } of lent) registry.registerLifetime(result, lifetime);
      generators.set(result, { lent, borrower });
    } else {
      registry.endBorrowing(lent, borrower);
    }
    return wire.encodeHandle(result, flags, out);
  };

  /** A call that threw: the borrowing ends, and what was thrown is kept. */
  const failCall = (error: unknown, lent: PyProxyState[], borrower: unknown, failure: number): number => {
    let thrown = error;
    try {
      if (lent.length !== 0) endExcept(lent, error, borrower);
    } catch (fatal) {
      thrown = fatal;
    }
    return wire.fail(thrown, failure);
  };

  const keeps = (value: unknown): boolean => typeof value === "function" && registry.owningFunctions.has(value);

  /** Ends what a generator kept. */
  const endGenerator = (generator: object): void => {
    const kept = generators.get(generator);
    if (kept === undefined) return;
    generators.delete(generator);
    registry.endBorrowing(kept.lent, kept.borrower);
  };

  /** One step of an iterator; `proxies` were made for the value sent in. */
  const step = (iterator: object, call: (lent: PyProxyState[]) => unknown, out: number): number => {
    const kept = generators.get(iterator);
    const lent = kept?.lent ?? [];
    let result: unknown;
    try {
      result = call(lent);
    } catch (error) {
      // A generator that throws is finished.
      if (kept !== undefined) generators.delete(iterator);
      return failCall(error, lent, kept?.borrower, -1);
    }
    try {
      if ((typeof result !== "object" || result === null) && typeof result !== "function") {
        throw new TypeError(`The iterator's method returned ${String(result)}, which is not an object with \`done\` and \`value\``);
      }
      const { done, value } = result as { readonly done?: unknown; readonly value?: unknown };
      if (kept === undefined) endExcept(lent, value, undefined);
      else if (done) endGeneratorExcept(iterator, kept, value);
      wire.encodeResult(value, out);
      return done ? 0 : 1;
    } catch (error) {
      return wire.fail(error, -1);
    }
  };
  const endGeneratorExcept = (iterator: object, kept: Kept, survivor: unknown): void => {
    generators.delete(iterator);
    endExcept(kept.lent, survivor, kept.borrower);
  };

  return {
    pyox_js_function_call(
      callee: JsHandle,
      self: JsHandle,
      args: WirePtr,
      count: number,
      kwnames: WirePtr,
      kwargsCount: number,
      out: WirePtr,
    ): Tag {
      const target = handles.get(callee) as AnyFunction;
      const lent: PyProxyState[] = [];
      try {
        const values = readAllArguments(args >>> 0, count, kwnames >>> 0, kwargsCount, lent);
        const result: unknown = Reflect.apply(target, handles.get(self), values);
        if (lent.length !== 0 && keeps(target)) {
          for (const state of lent) registry.register(state);
          lent.length = 0;
        }
        return finishCall(result, lent, target, out);
      } catch (error) {
        return failCall(error, lent, target, 0);
      }
    },
    pyox_js_function_construct(callee: JsHandle, args: WirePtr, count: number, kwnames: WirePtr, kwargsCount: number, out: WirePtr): Tag {
      const target = handles.get(callee) as new (...values: unknown[]) => unknown;
      const lent: PyProxyState[] = [];
      try {
        const values = readAllArguments(args >>> 0, count, kwnames >>> 0, kwargsCount, lent);
        return finishCall(Reflect.construct(target, values), lent, target, out);
      } catch (error) {
        return failCall(error, lent, target, 0);
      }
    },
    pyox_js_method_call(object: JsHandle, name: JsHandle, args: WirePtr, count: number, out: WirePtr): Tag {
      const lent: PyProxyState[] = [];
      let method: unknown;
      try {
        const receiver = handles.get(object) as object;
        const key = handles.get(name) as string;
        method = key.startsWith("@@") ? disposer(receiver, key) : (receiver as Method)[key];
        if (typeof method !== "function") throw new TypeError(`The object has no method \`${key}\``);
        const kept = (typeof receiver === "object" && receiver !== null) ? generators.get(receiver) : undefined;
        const values = readArguments(args >>> 0, count, kept?.lent ?? lent);
        const result: unknown = Reflect.apply(method, receiver, values);
        if (kept !== undefined && isThenable(result)) {
          // An async generator: its steps are promises of `{ done, value }`.
          Promise.resolve(result as PromiseLike<{ readonly done?: unknown } | undefined>).then(
            (outcome) => {
              if (outcome?.done) endGenerator(receiver);
            },
            () => endGenerator(receiver),
          );
        }
        return finishCall(result, lent, method, out);
      } catch (error) {
        return failCall(error, lent, method, 0);
      }
    },

    pyox_js_iterator_new(object: JsHandle, asynchronous: number, out: WirePtr): Tag {
      try {
        const symbol = asynchronous === 0 ? Symbol.iterator : Symbol.asyncIterator;
        const iterable = handles.get(object) as { readonly [key: symbol]: unknown };
        const method = iterable[symbol];
        if (typeof method !== "function") throw new TypeError(`The object has no method \`${String(symbol)}\``);
        return wire.encodeResult(Reflect.apply(method, iterable, []), out);
      } catch (error) {
        return wire.fail(error, 0);
      }
    },
    pyox_js_iterator_next(iterator: JsHandle, value: WirePtr, out: WirePtr): number {
      const target = handles.get(iterator) as { next(value?: unknown): unknown };
      return step(
        target,
        (lent) => {
          const sent = readLent(value >>> 0, lent);
          return sent === undefined ? target.next() : target.next(sent);
        },
        out,
      );
    },
    pyox_js_iterator_finish(iterator: JsHandle, how: number, value: WirePtr, out: WirePtr): number {
      const target = handles.get(iterator) as { throw?(error: unknown): unknown; return?(value: unknown): unknown };
      return step(
        target,
        (lent) => {
          const given = readLent(value >>> 0, lent);
          if (how !== 0) return typeof target.return === "function" ? target.return(given) : { done: true, value: given };
          if (typeof target.throw === "function") return target.throw(given);
          throw given;
        },
        out,
      );
    },
  } satisfies Partial<JsImports>;
}
