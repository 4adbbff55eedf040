/**
 * PyCallable: the ways to call a Python object besides `proxy(...)`.
 */
import { PYPROXY_CAPTURE_THIS } from "../boundary/generated";
import type { ProxyRegistry } from "./registry";
import type { PyProxyState } from "./state";

type Kwargs = Readonly<Record<string, unknown>>;

/** The methods of a PyCallable. */
export function callableMethods(registry: ProxyRegistry) {
  const { operations } = registry;

  const callWith = (state: PyProxyState, self: unknown, args: readonly unknown[]): unknown =>
    registry.finishCall(operations.call(state.lifetime.object, state.fullArguments(self, args)));

  /** `relaxed_call` of Python, looked up each time, so that it can be replaced. */
  const callRelaxed = (state: PyProxyState, args: readonly unknown[], kwargs: Kwargs): unknown => {
    const relaxed = operations.importModule("pyodide.code.relaxed_call");
    const helper = registry.require(relaxed, "callRelaxed");
    try {

      return registry.finishCall(operations.callKwargs(helper.lifetime.object, [state.proxy, ...state.fullArguments(undefined, args)], kwargs));
    } finally {
      registry.end(helper, "Object has already been destroyed");
    }
  };

  const promising = (state: PyProxyState, args: readonly unknown[], kwargs: Kwargs): Promise<unknown> =>
    operations.callPromising(state.lifetime.object, state.fullArguments(undefined, args), kwargs);

  const methods = {
    /** `Function.prototype.apply`. */
    apply(this: unknown, self?: unknown, args?: ArrayLike<unknown> | Iterable<unknown> | null): unknown {
      const state = registry.require(this, "apply");
      return callWith(state, self, listFromArrayLike(args));
    },
    /** `Function.prototype.call`. */
    call(this: unknown, self?: unknown, ...args: unknown[]): unknown {
      return callWith(registry.require(this, "call"), self, args);
    },
    /** A proxy that puts arguments in front; `self` counts only after `captureThis`. Shares this proxy's lifetime. */
    bind(this: unknown, self?: unknown, ...args: unknown[]): object {
      const state = registry.require(this, "bind");
      const before = state.binding;
      const captures = (state.flags & PYPROXY_CAPTURE_THIS) !== 0;
      // As for functions: what was bound first stays bound.
      const binding = before?.hasSelf
        ? { self: before.self, hasSelf: true, args: [...before.args, ...args] }
        : { self, hasSelf: captures, args: [...(before?.args ?? []), ...args] };
      void state.lifetime.object; // a destroyed proxy cannot be bound
      return registry.variant(state, { binding });
    },
    /** A proxy that passes `this` as the first argument. Shares this proxy's lifetime. */
    captureThis(this: unknown): object {
      const state = registry.require(this, "captureThis");
      void state.lifetime.object;
      return registry.variant(state, { captureThis: true });
    },
    /** Calls with keyword arguments, given as an object that is the last argument. */
    callKwargs(this: unknown, ...args: unknown[]): unknown {
      const state = registry.require(this, "callKwargs");
      const kwargs = takeKwargs(args, "callKwargs");
      return registry.finishCall(operations.callKwargs(state.lifetime.object, state.fullArguments(undefined, args), kwargs));
    },
    /** Calls with as many of the arguments as the function takes. */
    callRelaxed(this: unknown, ...args: unknown[]): unknown {
      return callRelaxed(registry.require(this, "callRelaxed"), args, {});
    },
    /** As `callRelaxed`, with keyword arguments in a last object. */
    callKwargsRelaxed(this: unknown, ...args: unknown[]): unknown {
      const state = registry.require(this, "callKwargsRelaxed");
      const kwargs = takeKwargs(args, "callKwargsRelaxed");
      return callRelaxed(state, args, kwargs);
    },
    /** Calls on a stack that Python may suspend to wait for promises. */
    async callPromising(this: unknown, ...args: unknown[]): Promise<unknown> {
      return promising(registry.require(this, "callPromising"), args, {});
    },
    /** As `callPromising`, with keyword arguments in a last object. */
    async callPromisingKwargs(this: unknown, ...args: unknown[]): Promise<unknown> {
      const state = registry.require(this, "callPromisingKwargs");
      const kwargs = takeKwargs(args, "callPromisingKwargs");
      return promising(state, args, kwargs);
    },
  };
  return {
    ...methods,
    // The name that the documents had first.
    callSyncifying: methods.callPromising,
    callSyncifyingKwargs: methods.callPromisingKwargs,
  };
}

/** Takes the object of keyword arguments off the end of the arguments. */
function takeKwargs(args: unknown[], method: string): Kwargs {
  if (args.length === 0) {
    throw new TypeError(`\`${method}\` needs at least one argument: an object with the keyword arguments, last`);
  }
  const kwargs = args.pop();
  if (typeof kwargs !== "object" || kwargs === null || Array.isArray(kwargs) || kwargs instanceof Map || kwargs instanceof Set) {
    throw new TypeError(`The last argument of \`${method}\` must be an object with the keyword arguments`);
  }
  // Read now, before anything of the call is taken: getters may run any code.
  const read: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const name of Object.keys(kwargs)) read[name] = (kwargs as Kwargs)[name];
  return read;
}

/** SPEC: ECMA-262, CreateListFromArrayLike; iterables that are no array-likes (sets, PyProxies) are taken too. */
function listFromArrayLike(args: ArrayLike<unknown> | Iterable<unknown> | null | undefined): unknown[] {
  if (args === undefined || args === null) return [];
  if (typeof args !== "object" && typeof args !== "function") {
    throw new TypeError("The second argument of `apply` must be an array or array-like object");
  }
  return Array.from(args as ArrayLike<unknown>);
}
