/**
 * Errors that users see: `PythonError` for an exception that leaves Python, `FatalError` for an interpreter that cannot go on.
 * Invariant: a `PythonError` holds no Python object, only the serial number by which the core finds the exception again
 * while it is the last one; so keeping an error never keeps stack frames alive (JS-135).
 */

/** A Python exception that reached JavaScript. The message is the formatted traceback. */
export class PythonError extends Error {
  /** Name of the exception's class, for example `KeyError`. */
  readonly type: string;
  readonly #origin: object | undefined;
  readonly #serial: number;

  constructor(type: string, message: string, options?: { readonly origin?: object; readonly serial?: number; readonly cause?: unknown }) {
    super(message, typeof options === "object" && "cause" in options ? { cause: options.cause } : undefined);
    this.type = type;
    this.#origin = options?.origin;
    this.#serial = options?.serial ?? 0;
  }

  /** The serial number under which `origin` knows the exception, 0 if it is not one of its own. */
  static serialOf(error: unknown, origin: object): number {
    if (typeof error !== "object" || error === null || !(#serial in error)) return 0;
    return error.#origin === origin ? error.#serial : 0;
  }
}
Object.defineProperty(PythonError.prototype, "name", { value: "PythonError", configurable: true, writable: true });

/** The interpreter has stopped for good. */
export class FatalError extends Error {}

/** The interpreter has ended itself in an orderly way. */
export class ProgramExit extends FatalError {
  constructor(readonly status: number) {
    super(`The Python interpreter has ended itself with exit status ${status} (os._exit); load a new one with loadPyodide()`);
  }
}
Object.defineProperty(FatalError.prototype, "name", { value: "FatalError", configurable: true, writable: true });
// COMPAT: consoles ask for this name to tell an exit from a crash.
Object.defineProperty(ProgramExit.prototype, "name", { value: "Exit", configurable: true, writable: true });

/** The interpreter was put back to its start: what was in it before is gone. */
export class ResetError extends FatalError {
  constructor(message = "the interpreter was reset (pyodide.reset()), and with it everything that it held before is gone") {
    super(message);
  }
}

/** Python did what its arguments asked for (`--version`), or refused them, and was not started. */
export class NotStarted extends ProgramExit {
  constructor(status: number) {
    super(status);
    this.message = `Python was not started: its arguments ended it at once, with exit status ${status}`;
  }
}

/** The error for whatever made the interpreter unusable. */
export function fatalError(reason: unknown): FatalError {
  if (reason instanceof FatalError) return reason;
  const text = describeThrown(reason);
  return new FatalError(
    `The Python interpreter has crashed and cannot be used any more: ${text}. ` +
      "Load a new one with loadPyodide(). If this is not the program's own doing (exit, abort), please report it as a bug of Pyoxide with this message and stack.",
    { cause: reason },
  );
}

/** The error that calls after a fatal one throw. */
export function deadError(first: Error): FatalError {
  if (first instanceof ResetError) return first;
  return new FatalError(`The Python interpreter is dead since an earlier fatal error, so this call was not made. ${first.message}`, {
    cause: first,
  });
}

/** Does an error that came out of a wasm call mean that wasm frames were thrown away? */
export function tearsDownWasm(error: unknown): boolean {
  if (typeof error !== "object" || error === null) return true; // Emscripten throws strings and numbers to unwind
  if (error instanceof WebAssembly.RuntimeError) return true;
  if (error instanceof WebAssembly.LinkError || error instanceof WebAssembly.CompileError) return false;
  const exception = (WebAssembly as { readonly Exception?: new (...args: never) => object }).Exception;
  if (exception !== undefined && error instanceof exception) return true;
  return (error as { readonly name?: unknown }).name === "ExitStatus" || isStackOverflow(error);
}

/**
 * JavaScript and Python call each other too deeply, or a value is nested too deeply: thrown before the engine's own stack overflows
 * inside wasm, which would throw the frames of the interpreter away and leave it unusable. In Python it is a RecursionError.
 */
export class RecursionRangeError extends RangeError {
  readonly #isOurs = true;

  constructor(what: string, cause?: unknown) {
    super(`Maximum call stack size exceeded: ${what}`, cause === undefined ? undefined : { cause });
  }

  /** Is it one? Never throws: unlike `instanceof`, this asks no trap of a proxy that was thrown. */
  static is(error: unknown): boolean {
    return typeof error === "object" && error !== null && #isOurs in error && error.#isOurs;
  }
}

/** Something does not fit into linear memory, or into what Python can count. In Python it is a MemoryError. */
export class MemoryRangeError extends RangeError {
  readonly #isOurs = true;

  /** Is it one? Never throws. */
  static is(error: unknown): boolean {
    return typeof error === "object" && error !== null && #isOurs in error && error.#isOurs;
  }
}

/** Did the engine's stack overflow: RangeError in V8 and JavaScriptCore, InternalError in SpiderMonkey? Never throws. */
export function isStackOverflow(error: unknown): boolean {
  if (typeof error !== "object" || error === null) return false;
  try {
    const { name, message } = error as { readonly name?: unknown; readonly message?: unknown };
    // No regular expression: V8 11 ends the process when it has to compile one where hardly any stack is left.
    return (name === "RangeError" || name === "InternalError") && typeof message === "string" && (message.includes("call stack") || message.includes("recursion"));
  } catch {
    return false;
  }
}

/** One line about a thrown value, which may be anything. Never throws. */
export function describeThrown(thrown: unknown): string {
  try {
    if (typeof thrown === "object" && thrown !== null && "message" in thrown && typeof thrown.message === "string") {
      const name = "name" in thrown && typeof thrown.name === "string" ? thrown.name : "Error";
      return `${name}: ${thrown.message}`;
    }
    return String(thrown);
  } catch {
    return "something that cannot be shown was thrown";
  }
}
