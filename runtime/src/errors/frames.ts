/**
 * The JavaScript functions that an error passed before it reached Python, for Python's tracebacks (TT-112).
 * Reads the `stack` of errors as V8, SpiderMonkey and JavaScriptCore write it; nothing depends on it but what people read.
 * Not here: Python's frames in JavaScript, which are in the message of a `PythonError`.
 */

/** The functions that Python calls; those about errors are called when the error has come so far. */
const BOUNDARY = "pyox_js_";
/** Files of Pyoxide, as far as they have names of their own. */
const OWN: ReadonlySet<string> = new Set(["pyodide.mjs", "pyodide.js", "pyodide.asm.mjs", "pyodide.asm.js", "python.mjs", "python-thread.mjs"]);

/** Three lines for each function, the innermost first: name, file, number of the line. Undefined if there is nothing to tell. */
export function framesOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { stack } = error as { readonly stack?: unknown };
  if (typeof stack !== "string") return undefined;
  let text = "";
  for (const line of stack.split("\n")) {
    const called = line.indexOf(BOUNDARY);
    if (called >= 0 && !line.startsWith("error_", called + BOUNDARY.length)) break;
    const frame = frameIn(line);
    if (frame === undefined || frame.file.includes("wasm") || OWN.has(frame.file.slice(frame.file.lastIndexOf("/") + 1))) continue;
    text += `${text === "" ? "" : "\n"}${frame.name === "" ? "<anonymous>" : frame.name}\n${frame.file}\n${frame.line}`;
  }
  return text === "" ? undefined : text;
}

/**
 * `at name (file:1:2)`, `at async name (file:1:2)`, `at file:1:2`, or `name@file:1:2`.
 * Without regular expressions: V8 11 ends the process when it has to compile one where hardly any stack is left, and there errors are common.
 */
function frameIn(line: string): { readonly name: string; readonly file: string; readonly line: string } | undefined {
  let name = "";
  let place = line.trim();
  if (place.startsWith("at ")) {
    place = place.slice(place.startsWith("async ", 3) ? 9 : 3);
    const bracket = place.indexOf(" (");
    if (bracket >= 0 && place.endsWith(")")) {
      name = place.slice(0, bracket);
      place = place.slice(bracket + 2, -1);
    }
    // Code in `eval` names the place of the call too: `eval at f (file:1:2), <anonymous>:1:2`.
    if (place.startsWith("eval at ")) place = place.slice(place.lastIndexOf(", ") + 2);
  } else {
    const at = place.indexOf("@");
    if (at < 0) return undefined;
    name = place.slice(0, at);
    place = place.slice(at + 1);
  }
  const column = place.lastIndexOf(":");
  const number = place.lastIndexOf(":", column - 1);
  if (column < 0 || number < 0) return undefined;
  const found = place.slice(number + 1, column);
  return found !== "" && Number.isInteger(Number(found)) ? { name, file: place.slice(0, number), line: found } : undefined;
}
