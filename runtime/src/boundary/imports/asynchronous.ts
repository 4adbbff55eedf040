/** Given to wasm: promises, scheduled callbacks, and stacks that wait for promises. */
import { deadError } from "../../errors/errors";
import { makeRoomCheck } from "../engine-stack";
import { PYPROXY_ROUNDTRIP, type Address, type JsHandle, type JsImports, type PyPtr, type Tag, type WirePtr } from "../generated";
import type { ImportContext } from "./context";

const RETURNED =
  "Object has already been destroyed: this proxy was the result of a JavaScript function that Python awaited, which frees it";

/** Rows of the section "asynchrony" and those about stacks. */
export function asynchronousImports({ wire, handles, operations, registry, stacks, schedule, calledPromises, unwatched, callbacks }: ImportContext) {
  const hasRoom = makeRoomCheck();
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

  const alive = (): void => {
    if (wire.dead !== undefined) throw deadError(wire.dead); // the frames of whoever waits are gone
  };

  return {
    pyox_js_promise_watch(promise: JsHandle, future: PyPtr): number {
      try {
        const watched = handles.get(promise);
        const { era } = wire;
        unwatched.delete(watched);
        const fromCall = typeof watched === "object" && watched !== null && calledPromises.has(watched);
        Promise.resolve(watched).then(
          (value) => {
            if (!era.isOver) stacks.whenFree(() => settle(future, true, value, fromCall));
          },
          (error: unknown) => {
            if (!era.isOver) stacks.whenFree(() => settle(future, false, error, false));
          },
        );
        return 0;
      } catch (error) {
        return wire.fail(error, -1);
      }
    },
    pyox_js_callback_schedule(callback: PyPtr, delayMs: number): number {
      try {
        const id = ++lastId;
        const run = (): void => {
          // It may have been cancelled while it had to wait.
          if (callbacks.delete(id) && wire.dead === undefined) operations.runCallback(callback);
        };
        const cancel = schedule(() => stacks.whenFree(run), delayMs);
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

    pyox_js_stack_suspend: suspending((promise: JsHandle, stack: Address): number | Promise<number> => {
      try {
        return (promise as number) === 0 ? stacks.turn(stack, alive) : stacks.wait(stack, handles.get(promise), alive);
      } catch (error) {
        stacks.setSettlement(stack, { ok: false, value: error });
        return 0; // the engine suspends only when it gets a promise
      }
    }),
    pyox_js_stack_turn(stack: Address): number {
      stacks.beginTurn(stack);
      return 1;
    },
    pyox_js_stack_result(stack: Address, out: WirePtr): Tag {
      try {
        const settlement = stacks.takeSettlement(stack);
        if (settlement === "signal") return wire.encodeAbsent(out);
        return settlement.ok ? wire.encodeResult(settlement.value, out) : wire.fail(settlement.value, 0);
      } catch (error) {
        return wire.fail(error, 0);
      }
    },
    pyox_js_stack_wake(stack: Address): void {
      stacks.wakeStack(stack);
    },
    pyox_js_stack_end(stack: Address): void {
      stacks.free(stack);
    },
    pyox_js_stack_leave(job: Address): void {
      try {
        operations.runJob(job);
      } catch {
        // Whoever asked finds out that it was not run, or has not ended.
      }
    },
    pyox_js_host_sleep(ms: number): number {
      return sleepBlocking(ms) ? 1 : 0;
    },
    pyox_js_promise_timer(ms: number): JsHandle {
      try {
        const settle = (resolve: () => void): void => {
          if (ms >= 0) schedule(resolve, ms);
        };
        return handles.add(new Promise<void>(settle));
      } catch (error) {
        return wire.fail(error, 0) as JsHandle;
      }
    },
    pyox_js_stack_can_suspend(): number {
      return stacks.canSuspend ? 1 : 0;
    },
    pyox_js_stack_has_room(): number {
      return hasRoom() ? 1 : 0;
    },
  } satisfies Partial<JsImports>;
}

let sleepCell: Int32Array | null | undefined;

/** Blocks the thread without computing: allowed in workers and in Node, where there is shared memory. */
function sleepBlocking(ms: number): boolean {
  if (sleepCell === undefined) sleepCell = typeof SharedArrayBuffer === "function" ? new Int32Array(new SharedArrayBuffer(4)) : null;
  if (sleepCell === null) return false;
  try {
    Atomics.wait(sleepCell, 0, 0, ms);
    return true;
  } catch {
    sleepCell = null; // the thread of a page must not block
    return false;
  }
}

interface JspiEngine {
  readonly Suspending?: new (body: unknown) => unknown;
}

/** The import that suspends, as the engine wants it. To wasm it is a function of two numbers with a number as result. */
function suspending(body: (promise: JsHandle, stack: Address) => number | Promise<number>): (promise: JsHandle, stack: Address) => number {
  const { Suspending } = WebAssembly as JspiEngine;
  return (Suspending === undefined ? body : new Suspending(body)) as (promise: JsHandle, stack: Address) => number;
}
