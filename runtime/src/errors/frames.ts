/**
 * The JavaScript functions that an error passed before it reached Python, for Python's tracebacks (TT-112).
 * Reads the `stack` of errors as V8, SpiderMonkey and JavaScriptCore write it; nothing depends on it but what people read.
 * Not here: Python's frames in JavaScript, which are in the message of a `PythonError`.
 */

/** `at name (file:1:2)`, `at async name (file:1:2)`, `at file:1:2`. */
const V8 = /^ *at (?:async )?(?:(.*) \()?(.*?):(\d+):\d+\)?$/;
/** `name@file:1:2`. */
const OTHERS = /^([^@]*)@(.*?):(\d+)(?::\d+)?$/;
/** Files of Pyoxide, as far as they have names of their own, and wasm. */
const OWN = /(?:^|\/)(?:pyodide(?:\.asm)?|python)\.m?js$|wasm/;
/** The functions that Python calls; those about errors are called when the error has come so far. */
const BOUNDARY = /\bpyox_js_(?!error_)/;

/** Three lines for each function, the innermost first: name, file, number of the line. Undefined if there is nothing to tell. */
export function framesOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { stack } = error as { readonly stack?: unknown };
  if (typeof stack !== "string") return undefined;
  let text = "";
  for (const line of stack.split("\n")) {
    if (BOUNDARY.test(line)) break;
    const match = V8.exec(line) ?? OTHERS.exec(line);
    if (match === null) continue;
    const [, name = "", place = "", number] = match;
    // Code in `eval` names the place of the call too: `eval at f (file:1:2), <anonymous>`.
    const file = place.startsWith("eval at ") ? place.slice(place.lastIndexOf(",") + 2) : place;
    if (OWN.test(file)) continue;
    text += `${text === "" ? "" : "\n"}${name === "" ? "<anonymous>" : name}\n${file}\n${number}`;
  }
  return text === "" ? undefined : text;
}
