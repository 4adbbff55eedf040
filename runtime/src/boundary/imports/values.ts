/** Given to wasm: handles, errors, and what can be asked of any value. */
import { framesOf } from "../../errors/frames";
import { MemoryRangeError, PythonError, RecursionRangeError } from "../../errors/errors";
import { doubleProxyFlags } from "../flags";
import { ERROR_IS_MEMORY, ERROR_IS_RECURSION, type Address, type JsHandle, type JsImports, type Tag, type WirePtr } from "../generated";
import type { ImportContext } from "./context";

/** Rows of the sections "handles and errors" and "values". */
export function valueImports({ wire, handles, registry }: ImportContext) {
  const pythonError = (typeName: WirePtr, message: WirePtr, serial: number, cause: JsHandle): PythonError => {
    const origin = { origin: wire.era, serial: serial >>> 0 };
    const options = cause === 0 ? origin : { ...origin, cause: handles.get(cause) };
    return new PythonError(String(wire.decodeAt(typeName)), String(wire.decodeAt(message)), options);
  };

  return {
    pyox_js_handle_drop(handle: JsHandle): void {
      handles.drop(handle);
    },
    pyox_js_handle_clone(handle: JsHandle): JsHandle {
      return handles.clone(handle);
    },
    pyox_js_error_take(): JsHandle {
      return wire.takePendingHandle();
    },
    pyox_js_error_serial(error: JsHandle): number {
      const thrown = handles.get(error);
      if (MemoryRangeError.is(thrown)) return ERROR_IS_MEMORY;
      return RecursionRangeError.is(thrown) ? ERROR_IS_RECURSION : PythonError.serialOf(thrown, wire.era);
    },
    pyox_js_error_set_python(typeName: WirePtr, message: WirePtr, serial: number, cause: JsHandle): void {
      try {
        wire.setStored(pythonError(typeName, message, serial, cause));
      } catch (error) {
        wire.setStored(error);
      }
    },
    pyox_js_error_new(typeName: WirePtr, message: WirePtr, serial: number, cause: JsHandle): JsHandle {
      try {
        return handles.add(pythonError(typeName, message, serial, cause));
      } catch (error) {
        return wire.fail(error, 0) as JsHandle;
      }
    },
    pyox_js_error_set_thrown(error: JsHandle): void {
      wire.setStored(handles.get(error));
    },
    pyox_js_error_frames(error: JsHandle, out: WirePtr): Tag {
      try {
        return wire.encodeResult(framesOf(handles.get(error)), out);
      } catch {
        // What cannot be asked tells nothing; the error itself is on its way.
        return wire.encodeResult(undefined, out);
      }
    },
    pyox_js_error_set_fatal(message: Address, length: number): void {
      wire.memory.fresh();
      const start = message >>> 0;
      const text = new TextDecoder().decode(wire.memory.u8.slice(start, start + length));
      wire.setStored(wire.die(new Error(text)));
    },

    pyox_js_value_new(value: WirePtr): JsHandle {
      try {
        return handles.add(wire.decodeAt(value));
      } catch (error) {
        return wire.fail(error, 0) as JsHandle;
      }
    },
    pyox_js_value_read(handle: JsHandle, out: WirePtr): Tag {
      try {
        return wire.encodeResult(handles.get(handle), out);
      } catch (error) {
        return wire.fail(error, 0);
      }
    },
    pyox_js_value_flags(handle: JsHandle): number {
      const value = handles.get(handle);
      const state = registry.find(value);
      return state === undefined ? wire.flagsOf(value) : doubleProxyFlags(state.flags);
    },
    pyox_js_value_equals(a: JsHandle, b: JsHandle): number {
      return handles.get(a) === handles.get(b) ? 1 : 0;
    },
    pyox_js_value_compare(a: JsHandle, b: JsHandle, operation: number): number {
      try {
        // Dates and other objects with a value are compared by it.
        const [left, right] = [handles.get(a), handles.get(b)] as [number, number];
        return (operation === 0 ? left < right : operation === 1 ? left <= right : operation === 4 ? left > right : left >= right) ? 1 : 0;
      } catch (error) {
        return wire.fail(error, -1);
      }
    },
    pyox_js_value_truthy(handle: JsHandle): number {
      try {
        return isTruthy(handles.get(handle)) ? 1 : 0;
      } catch (error) {
        return wire.fail(error, -1);
      }
    },
    pyox_js_value_typeof(handle: JsHandle, out: WirePtr): Tag {
      return wire.encodeResult(typeof handles.get(handle), out);
    },
    pyox_js_value_to_string(handle: JsHandle, out: WirePtr): Tag {
      try {
        return wire.encodeResult(textOf(handles.get(handle)), out);
      } catch (error) {
        return wire.fail(error, 0);
      }
    },
    pyox_js_value_id(handle: JsHandle): number {
      return handles.identity(handles.get(handle));
    },
    pyox_js_value_weak(handle: JsHandle): JsHandle {
      try {
        return handles.add(new WeakRef(handles.get(handle) as WeakKey));
      } catch (error) {
        return wire.fail(error, 0) as JsHandle;
      }
    },
  } satisfies Partial<JsImports>;
}

/** Tags of what has a length and elements, besides arrays. */
const COLLECTIONS: ReadonlySet<string> = new Set(["[object NodeList]", "[object HTMLCollection]", "[object Arguments]", "[object String]"]);

/** Falsy values and empty containers are false. */
function isTruthy(value: unknown): boolean {
  if (!value) return false;
  if (typeof value !== "object") return true;
  const sized = value as { readonly length?: unknown; readonly size?: unknown; readonly byteLength?: unknown };
  // A window without frames, a form without fields and options that say `length: 0` are no containers.
  if (sized.length === 0 && (Array.isArray(value) || COLLECTIONS.has(Object.prototype.toString.call(value)))) return false;
  return !(sized.size === 0 || sized.byteLength === 0);
}

/** SPEC: features TT-018. */
function textOf(value: unknown): string {
  if (typeof value === "symbol") return value.toString();
  if ((typeof value !== "object" || value === null) && typeof value !== "function") return String(value);
  const { toString } = value as { readonly toString?: unknown };
  if (toString === Array.prototype.toString && isTooLong(value, [], { left: TEXT_ELEMENTS_MAX })) return headOf(value as ArrayLike<unknown>);
  return typeof toString === "function" ? String(toString.call(value)) : Object.prototype.toString.call(value);
}

/** Arrays of more elements, those of Arrays in them included, are shown by their head: their text would take minutes, or not fit into a string. */
const TEXT_ELEMENTS_MAX = 2 ** 24;
/** As deep in each other Arrays may be; the engine's own stack ends not far behind. */
const TEXT_DEPTH_MAX = 2000;
const HEAD_LENGTH = 100;

/** Would `toString` join too many elements? `left` counts down; as the engine does, an Array inside itself is not entered again. */
function isTooLong(value: object, outer: object[], budget: { left: number }): boolean {
  const isArray = Array.isArray(value);
  if (!isArray && !(ArrayBuffer.isView(value) && "length" in value)) return false;
  if (outer.includes(value)) return false;
  const list = value as ArrayLike<unknown>;
  budget.left -= list.length;
  if (budget.left < 0) return true;
  if (!isArray) return false;
  if (outer.length === TEXT_DEPTH_MAX) return true;
  outer.push(value);
  for (let index = 0; index < list.length; index++) {
    const element = list[index];
    if (typeof element === "object" && element !== null && isTooLong(element, outer, budget)) return true;
  }
  outer.pop();
  return false;
}

/** The first elements, without what may be long in them, and how many there are. */
function headOf(list: ArrayLike<unknown>): string {
  const head = Array.from({ length: Math.min(list.length, HEAD_LENGTH) }, (_, index) => {
    const element = list[index];
    if (element === undefined || element === null) return "";
    return typeof element === "object" || typeof element === "function" ? Object.prototype.toString.call(element) : String(element).slice(0, HEAD_LENGTH);
  });
  return `${head.join(",")},... (length ${list.length})`;
}
