/**
 * PyAwaitable: promises for Python awaitables.
 * Invariants: an awaitable is watched at most once, however often `then`, `catch` and `finally` are called, a coroutine also when
 * several proxies stand for it; a coroutine is freed as soon as it is done, because it can be awaited only once anyway (TT-103).
 */
import type { ProxyRegistry } from "./registry";
import type { PyProxyState } from "./state";

/** The promise for an awaitable; the first call starts it. */
export function watchAwaitable(registry: ProxyRegistry, state: PyProxyState): Promise<unknown> {
  const known = registry.promises.get(state.lifetime);
  if (known !== undefined) return known;
  const awaitable = state.lifetime.object;
  const isCoroutine = registry.isCoroutine(state);
  const ended = "Object has already been destroyed: this coroutine is done, and can be awaited only once in Python";
  const running = isCoroutine ? registry.coroutines.get(awaitable) : undefined;
  if (running !== undefined) {
    // Another proxy of it was awaited before: one run, one outcome.
    const end = (): void => registry.end(state, ended);
    running.then(end, end);
    registry.promises.set(state.lifetime, running);
    return running;
  }
  const { era } = registry;
  const waiter = era.await();
  const promise = new Promise<unknown>((resolve, reject) => {
    waiter.reject = reject;
    const settle = (ok: boolean, value: unknown): void => {
      era.forget(waiter);
      if (isCoroutine) {
        registry.coroutines.delete(awaitable);
        registry.end(state, ended);
      }
      if (ok) resolve(value);
      else reject(value);
    };
    registry.owningFunctions.add(settle);
    try {
      registry.operations.watch(awaitable, settle);
    } catch (error) {
      era.forget(waiter);
      throw error;
    }
  });
  waiter.promise = promise;
  registry.promises.set(state.lifetime, promise);
  if (isCoroutine) registry.coroutines.set(awaitable, promise);
  return promise;
}

/** The methods of a PyAwaitable. */
export function awaitableMethods(registry: ProxyRegistry) {
  const promiseOf = (proxy: unknown, method: string) => watchAwaitable(registry, registry.require(proxy, method));
  return {
    /** `Promise.prototype.then` of the promise for the awaitable. */
    then(this: unknown, onFulfilled?: ((value: unknown) => unknown) | null, onRejected?: ((reason: unknown) => unknown) | null): Promise<unknown> {
      return promiseOf(this, "then").then(onFulfilled, onRejected);
    },
    /** `Promise.prototype.catch`. */
    catch(this: unknown, onRejected?: ((reason: unknown) => unknown) | null): Promise<unknown> {
      return promiseOf(this, "catch").catch(onRejected);
    },
    /** `Promise.prototype.finally`. */
    finally(this: unknown, onFinally?: (() => void) | null): Promise<unknown> {
      return promiseOf(this, "finally").finally(onFinally);
    },
  };
}
