/**
 * What the dynamic linker has to know of a side module that was compiled before it is loaded.
 * Not here: what it does with that (`emscripten/library_bridges.js`).
 */
import type { EmscriptenModule } from "./module";

const IMPORTS = 2;

/** Keeps, as long as there is the module, the part of its file that says which functions of which types it imports: engines do not tell the types. */
export function keepBeginning(module: EmscriptenModule, compiled: WebAssembly.Module, bytes: Uint8Array): void {
  (module.sideModuleBeginnings ??= new WeakMap()).set(compiled, bytes.slice(0, endOfImports(bytes)));
}

/** Of a file that the engine has found valid. */
function endOfImports(bytes: Uint8Array): number {
  let at = 8;
  while (at < bytes.length) {
    const id = bytes[at] ?? 0;
    let size = 0;
    let next = at + 1;
    for (let shift = 0, byte = 128; byte >= 128; shift += 7) {
      byte = bytes[next] ?? 0;
      next += 1;
      size |= (byte & 127) << shift;
    }
    // Custom sections may stand anywhere; the others are in the order of their numbers.
    if (id > IMPORTS) {
      break;
    }
    at = next + size;
    if (id === IMPORTS) {
      break;
    }
  }
  return at;
}
