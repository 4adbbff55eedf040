/**
 * Errors of the file system: what `FS.ErrnoError` says besides its number.
 * Not here: which errors there are (Emscripten's file systems throw them).
 * Invariant: nothing is looked up before somebody reads it: such errors are thrown often and mostly swallowed.
 */

import type { EmscriptenModule } from "../emscripten/module";

/** Emscripten's file system errors say nothing but a number, and are no instances of Error. */
export function giveErrnoErrorsWords({ FS, ERRNO_CODES, UTF8ToString, wasmExports }: EmscriptenModule): void {
  const codeOf = (errno: number): string | undefined => Object.keys(ERRNO_CODES).find((name) => ERRNO_CODES[name] === errno);
  const { prototype } = FS.ErrnoError;
  Object.setPrototypeOf(prototype, Error.prototype);
  Object.defineProperties(prototype, {
    code: {
      get(this: { errno: number }) {
        return codeOf(this.errno);
      },
      configurable: true,
    },
    message: {
      get(this: { errno: number }) {
        const describe = wasmExports["strerror"] as (errno: number) => number;
        return `${codeOf(this.errno) ?? `error ${this.errno}`}: ${UTF8ToString(describe(this.errno))}`;
      },
      configurable: true,
    },
  });
}
