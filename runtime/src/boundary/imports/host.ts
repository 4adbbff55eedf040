/** Given to wasm: what the host of the program can do. */
import type { JsImports, Tag, WirePtr } from "../generated";
import type { ImportContext } from "./context";

/** Rows of the section "host", without those about stacks. */
export function hostImports({ wire, unwatched }: ImportContext) {
  // Indirect: the code runs in the global scope, and sees nothing of this function.
  const globalEval = globalThis.eval;
  return {
    pyox_js_code_eval(source: WirePtr, out: WirePtr): Tag {
      try {
        const code = wire.decodeAt(source) as string;
        const result: unknown = globalEval(code);
        if (result instanceof Promise) unwatched.add(result);
        return wire.encodeResult(result, out);
      } catch (error) {
        return wire.fail(error, 0);
      }
    },
  } satisfies Partial<JsImports>;
}
