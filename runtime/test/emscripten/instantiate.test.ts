/** Instantiation, against a stand-in for Emscripten's module. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type InstantiateOptions, instantiate } from "../../src/emscripten/instantiate";
import { ProgramExit } from "../../src/errors/errors";
import type { CreateModule, EmscriptenModule, ModuleSettings, WasmImports } from "../../src/emscripten/module";

// (module (import "env" "f" (func)))
const NEEDS_F = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 2, 9, 1, 3, 0x65, 0x6e, 0x76, 1, 0x66, 0, 0);

interface Fake {
  readonly create: CreateModule;
  settings: ModuleSettings;
  imports: WasmImports;
}

function fake(environment: Record<string, WebAssembly.ImportValue> = {}): Fake {
  const result: Fake = {
    settings: undefined as unknown as ModuleSettings,
    imports: { env: environment },
    // Like Emscripten: it waits for `receive` and knows nothing of a failure.
    create: async (settings) => {
      result.settings = settings;
      await new Promise((resolve) => settings.instantiateWasm(result.imports, resolve));
      const module = {} as EmscriptenModule;
      settings.preRun.forEach((run) => run(module));
      return module;
    },
  };
  return result;
}

const options = (fakeModule: Fake, more: Partial<InstantiateOptions> = {}): InstantiateOptions => ({
  createModule: fakeModule.create,
  wasm: WebAssembly.compile(NEEDS_F),
  WebAssembly,
  imports: { f: () => undefined },
  prepare: () => undefined,
  onEnd: () => undefined,
  programName: "python",
  ...more,
});

test("functions replace the stubs and take their signature over", async () => {
  const module = fake({ f: Object.assign(() => undefined, { sig: "vi" }), other: () => undefined });
  const f = (): void => undefined;
  let prepared = 0;
  await instantiate(options(module, { imports: { f }, prepare: () => prepared++ }));
  assert.equal(module.imports.env["f"], f);
  assert.equal((f as { sig?: string }).sig, "vi");
  assert.equal(prepared, 1);
});

test("a failure to compile rejects, although Emscripten waits for ever", async () => {
  await assert.rejects(instantiate(options(fake(), { wasm: Promise.reject(new Error("no network")) })), /no network/);
});

test("a missing import says that files do not belong together", async () => {
  await assert.rejects(instantiate(options(fake(), { imports: {} })), /pyodide\.asm\.wasm does not fit the JavaScript files beside it.*same distribution/);
});

test("exit unwinds with the status, is reported, and leaves the exit code of the process alone", async () => {
  const module = fake();
  const ends: Error[] = [];
  await instantiate(options(module, { onEnd: (error) => ends.push(error) }));
  for (const name of ["exit", "proc_exit"]) {
    assert.throws(() => (module.imports.env[name] as (status: number) => void)(3), (error) => error instanceof ProgramExit && error.status === 3);
  }
  assert.equal(ends.length, 2);
  assert.equal(process.exitCode, undefined);
});

test("an abort is told with the last thing that Emscripten printed", async () => {
  const module = fake();
  const ends: Error[] = [];
  await instantiate(options(module, { onEnd: (error) => ends.push(error) }));
  module.settings.printErr("stack smashed");
  module.settings.onAbort("");
  module.settings.onAbort("out of memory");
  assert.deepEqual(ends.map((error) => error.message), ["abort was called (stack smashed)", "abort was called (out of memory)"]);
});

test("a socket call that throws is an error number, an error number stays what it is", async () => {
  const module = fake({ __syscall_connect: () => { throw new Error("no ws"); }, __syscall_bind: () => -5 });
  await instantiate(options(module));
  assert.equal((module.imports.env["__syscall_connect"] as () => number)(), -40);
  assert.equal((module.imports.env["__syscall_bind"] as () => number)(), -5);
});
