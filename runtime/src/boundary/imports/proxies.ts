/** Given to wasm: PyProxies with explicit lifetimes. */
import type { JsHandle, JsImports, PyPtr, WirePtr } from "../generated";
import { destroyedMessage, type Lifetime } from "../../proxy/lifetime";
import type { ImportContext } from "./context";

const CALLED_ONCE = "OnceProxy can only be called once";

/** Rows of the section "proxies". */
export function proxyImports({ wire, handles, operations, registry }: ImportContext) {
  /** What the functions of `create_once_callable` stand for. */
  const onceFunctions = new WeakMap<object, Lifetime>();

  const makeOnce = (object: PyPtr): object => {
    const lifetime = registry.lifetime(object);
    const once = (...args: unknown[]): unknown => {
      const callee = lifetime.object; // throws when it was called or destroyed before
      try {
        return registry.finishCall(operations.call(callee, args));
      } finally {
        registry.endLifetime(lifetime, CALLED_ONCE);
      }
    };
    const destroy = (): void => registry.endLifetime(lifetime, destroyedMessage(undefined));
    Object.defineProperty(once, "destroy", { value: destroy, configurable: true });
    onceFunctions.set(once, lifetime);
    registry.registerLifetime(once, lifetime);
    return once;
  };

  const destroy = (value: unknown, message: string | undefined): void => {
    const state = registry.find(value);
    if (state !== undefined) {
      registry.destroy(state, { message });
      return;
    }
    const lifetime = typeof value === "function" ? onceFunctions.get(value) : undefined;
    if (lifetime === undefined) throw new TypeError("The object to destroy is not a PyProxy of this interpreter");
    registry.endLifetime(lifetime, destroyedMessage(message));
  };

  return {
    pyox_js_proxy_new(object: PyPtr, flags: number): JsHandle {
      try {
        return handles.add(registry.make(object, flags >>> 0));
      } catch (error) {
        return wire.fail(error, 0) as JsHandle;
      }
    },
    pyox_js_proxy_once(object: PyPtr): JsHandle {
      try {
        return handles.add(makeOnce(object));
      } catch (error) {
        return wire.fail(error, 0) as JsHandle;
      }
    },
    pyox_js_proxy_destroy(proxy: JsHandle, message: WirePtr): number {
      try {
        const text = wire.decodeAt(message);
        destroy(handles.get(proxy), text === undefined ? undefined : String(text));
        return 0;
      } catch (error) {
        return wire.fail(error, -1);
      }
    },
    pyox_js_proxy_destroy_all(array: JsHandle): number {
      try {
        for (const value of handles.get(array) as Iterable<unknown>) {
          const state = registry.find(value);
          if (state === undefined) destroy(value, undefined);
          else registry.end(state, destroyedMessage(undefined));
        }
        return 0;
      } catch (error) {
        return wire.fail(error, -1);
      }
    },
    pyox_js_proxy_unwrap(handle: JsHandle): PyPtr {
      return registry.find(handles.get(handle))?.lifetime.objectOrNone ?? (0 as PyPtr);
    },
  } satisfies Partial<JsImports>;
}
