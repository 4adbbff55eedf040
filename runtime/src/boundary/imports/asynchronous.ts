/** Given to wasm: promises, scheduled callbacks, and stacks that wait for promises. */
import { PYPROXY_ROUNDTRIP, type JsHandle, type JsImports, type PyPtr, type Tag, type WirePtr } from "../generated";
import type { ImportContext } from "./context";

const RETURNED =
  "Object has already been destroyed: this proxy was the result of a JavaScript function that Python awaited, which frees it";

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

    pyox_js_stack_suspend: suspender(
      async (promise: JsHandle, out: WirePtr): Promise<Tag> => {
        try {
          const value = await handles.get(promise);
          stacks.resumed();
          return wire.encodeForLater(value, out);
        } catch (error) {
          stacks.resumed();
          return wire.fail(error, 0);
        }
      },
      (promise: JsHandle, out: WirePtr): Tag => {
        void promise;
        void out;
        return wire.fail(new Error("This JavaScript engine cannot suspend WebAssembly (JavaScript Promise Integration)"), 0);
      },
    ),
    pyox_js_stack_can_suspend(): number {
      return stacks.canSuspend ? 1 : 0;
    },
  } satisfies Partial<JsImports>;
}

/** The import that suspends: made by the engine where it can, a failure elsewhere. */
function suspender(
  suspending: (promise: JsHandle, out: WirePtr) => Promise<Tag>,
  failing: (promise: JsHandle, out: WirePtr) => Tag,
): (promise: JsHandle, out: WirePtr) => Tag {
  const { Suspending } = WebAssembly as { readonly Suspending?: new (body: unknown) => unknown };
  // To wasm the two are alike: a function of two numbers with a number as result.
  return Suspending === undefined ? failing : (new Suspending(suspending) as typeof failing);
}
