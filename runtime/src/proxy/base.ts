/**
 * What every PyProxy offers, and what those of containers do: texts, copies, the end, conversion, items, length.
 */
import { toJsArguments, type ToJsOptions } from "../convert/options";
import type { ApiAccessor } from "./api";
import type { DestroyOptions, ProxyRegistry } from "./registry";

/** Methods of every PyProxy. */
export function baseMethods(registry: ProxyRegistry) {
  const { operations } = registry;
  const dispose = (Symbol as { readonly dispose?: symbol }).dispose;
  const methods = {
    /** `str(obj)`; `repr(obj)` with the option `pyproxyToStringRepr` of `loadPyodide`. */
    toString(this: unknown): string {
      const object = registry.require(this, "toString").lifetime.object;
      return registry.settings.toStringIsRepr ? operations.repr(object) : operations.str(object);
    },
    /** A PyProxy of the same object with a lifetime of its own. */
    copy(this: unknown): object {
      return registry.copy(registry.require(this, "copy"));
    },
    /** Frees the Python object, as far as this proxy holds it. */
    destroy(this: unknown, options: DestroyOptions = {}): void {
      if (typeof options !== "object" || options === null) {
        throw new TypeError("`destroy` takes an object with options: destroy({ message: \"...\" })");
      }
      registry.destroy(registry.require(this, "destroy"), options);
    },
    /** Explicit conversion to JavaScript, deep unless `depth` says otherwise. */
    toJs(this: unknown, options: ToJsOptions = {}): unknown {
      const { depth, forwarded } = toJsArguments(options);
      return operations.toJs(registry.require(this, "toJs").lifetime.object, depth, forwarded);
    },
  };
  if (dispose === undefined) return methods;
  return {
    ...methods,
    /** `using proxy = ...` destroys at the end of the block; a proxy that is destroyed by then is left alone. */
    [dispose](this: unknown): void {
      const state = registry.require(this, "Symbol.dispose");
      if (state.lifetime.isAlive) registry.destroy(state);
    },
  };
}

/** Computed properties of every PyProxy. */
export function baseAccessors(registry: ProxyRegistry): { readonly type: ApiAccessor } {
  return { type: { get: (state) => registry.operations.typeName(state.lifetime.object) } };
}

/** `length`, which a mutable sequence lets be shortened as an Array does. */
export function lengthAccessor(registry: ProxyRegistry): { readonly length: ApiAccessor } {
  return { length: { get: (state) => registry.operations.length(state.lifetime.object, state.flags), set: (state, value) => registry.setLength(state, value) } };
}

/** Item access. */
export function containerMethods(registry: ProxyRegistry) {
  const { operations } = registry;
  return {
    /** `obj[key]`, undefined when there is no such key. */
    get(this: unknown, key: unknown): unknown {
      return operations.getItem(registry.require(this, "get").lifetime.object, key);
    },
    /** `obj[key] = value`. */
    set(this: unknown, key: unknown, value: unknown): void {
      operations.setItem(registry.require(this, "set").lifetime.object, key, value);
    },
    /** `del obj[key]`. */
    delete(this: unknown, key: unknown): void {
      operations.deleteItem(registry.require(this, "delete").lifetime.object, key);
    },
    /** `key in obj`. */
    has(this: unknown, key: unknown): boolean {
      return operations.hasItem(registry.require(this, "has").lifetime.object, key);
    },
  };
}
