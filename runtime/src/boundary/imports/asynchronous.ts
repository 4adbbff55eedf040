/** Given to wasm: promises, scheduled callbacks, and stacks that wait for promises. */
import { PYPROXY_ROUNDTRIP, type JsHandle, type JsImports, type PyPtr, type Tag, type WirePtr } from "../generated";
import type { ImportContext } from "./context";

const RETURNED =
  "Object has already been destroyed: this proxy was the result of a JavaScript function that Python awaited, which frees it";

const NOT_HERE =
  "Python cannot wait for a promise here, because a JavaScript function or a plain call lies between: call Python with " +
  "`callPromising` or `runPythonAsync`, or use `await`";
const NOT_TWICE = "Python cannot wait for a promise here, because another call already waits for one: use `await`";
const NOT_AT_ALL =
  "Python cannot wait for a promise in this JavaScript engine, which has no JavaScript Promise Integration: " +
  "use `await`, or a current browser or Node 25 and later";

/** Rows of the section "asynchrony" and those about stacks. */
export function asynchronousImports({ wire, handles, operations, registry, stacks, schedule, calledPromises }: ImportContext) {
  const callbacks = new Map<number, { readonly callback: PyPtr; readonly cancel: () => void }>();
  let lastId = 0;

  const settle = (future: PyPtr, ok: boolean, value: unknown, fromCall: boolean): void => {
    if (wire.dead !== undefined) return; // there is nobody left to tell
    const state = registry.find(value);
    if (state !== undefined && !state.lifetime.isAlive) {
      // A destroyed proxy cannot cross; the error that says so can.
      operations.settleFuture(future, false, state.lifetime.error());
      return;
    }
    operations.settleFuture(future, ok, value);
    if (state !== undefined && fromCall && (state.flags & PYPROXY_ROUNDTRIP) === 0) registry.end(state, RETURNED);
  };

  return {
    pyox_js_promise_watch(promise: JsHandle, future: PyPtr): number {
      try {
        const watched = handles.get(promise);
        const fromCall = typeof watched === "object" && watched !== null && calledPromises.has(watched);
        Promise.resolve(watched).then(
          (value) => settle(future, true, value, fromCall),
          (error: unknown) => settle(future, false, error, false),
        );
        return 0;
      } catch (error) {
        return wire.fail(error, -1);
      }
    },
    pyox_js_callback_schedule(callback: PyPtr, delayMs: number): number {
      try {
        const id = ++lastId;
        const cancel = schedule(() => {
          callbacks.delete(id);
          if (wire.dead === undefined) operations.runCallback(callback);
        }, delayMs);
        callbacks.set(id, { callback, cancel });
        return id;
      } catch (error) {
        return wire.fail(error, 0);
      }
    },
    pyox_js_callback_cancel(id: number): void {
      const found = callbacks.get(id);
      if (found === undefined) return;
      callbacks.delete(id);
      found.cancel();
      operations.dropCallback(found.callback);
    },

    pyox_js_stack_suspend: suspending((promise: JsHandle, out: WirePtr): Tag | Promise<Tag> => {
      // The engine suspends only when it gets a promise, so a failure can be told at once.
      if (!stacks.canSuspend) {
        return wire.fail(new Error(!canSuspendAtAll() ? NOT_AT_ALL : stacks.isWaiting ? NOT_TWICE : NOT_HERE), 0);
      }
      stacks.suspended();
      return Promise.resolve(handles.get(promise)).then(
        (value) => {
          stacks.resumed();
          try {
            return wire.encodeForLater(value, out);
          } catch (error) {
            return wire.fail(error, 0);
          }
        },
        (error: unknown) => {
          stacks.resumed();
          return wire.fail(error, 0);
        },
      );
    }),
    pyox_js_stack_can_suspend(): number {
      return stacks.canSuspend ? 1 : 0;
    },
  } satisfies Partial<JsImports>;
}

interface JspiEngine {
  readonly Suspending?: new (body: unknown) => unknown;
}

function canSuspendAtAll(): boolean {
  return (WebAssembly as JspiEngine).Suspending !== undefined;
}

/** The import that suspends, as the engine wants it. To wasm it is a function of two numbers with a number as result. */
function suspending(body: (promise: JsHandle, out: WirePtr) => Tag | Promise<Tag>): (promise: JsHandle, out: WirePtr) => Tag {
  const { Suspending } = WebAssembly as JspiEngine;
  return (Suspending === undefined ? body : new Suspending(body)) as (promise: JsHandle, out: WirePtr) => Tag;
}
