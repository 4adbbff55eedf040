/**
 * Reset: puts an interpreter back to the snapshot that it was started from, in the same WebAssembly instance, so that its code stays
 * optimised and no memory is added.
 * Owns: the order of things. Not here: what the API forgets (api/pyodide.ts), what options of `loadPyodide` do once more (api/load.ts).
 * Invariants: nothing is changed before all that can be refused was refused; memory is replaced only when no frame of WebAssembly is on
 * the stack; if a step fails after that, the interpreter is dead and another reset can be tried.
 */

import { ResetError } from "../errors/errors";
import { renewFiles } from "../fs/layout";
import { placeFiles } from "../snapshot/files";
import { SnapshotError } from "../snapshot/format";
import { type Image, makeImage, overwrite } from "../snapshot/image";
import { goOn } from "../snapshot/restore";
import type { ByteSink, ByteSource } from "../streams/handlers";
import type { BootOptions, Interpreter, Restored } from "./boot";
import { readSnapshot } from "./boot";

/** What a reset is told by those who know. */
export interface ResetHooks {
  /** Names for what Python is given at the start, as they were then. */
  readonly roots: Record<string, object>;
  readonly streams: () => { readonly stdin: ByteSource | undefined; readonly stdout: ByteSink | undefined; readonly stderr: ByteSink | undefined };
  /** What must have ended before, if something is under way. */
  readonly underWay: () => Promise<unknown> | undefined;
  /** Lets go of all that belongs to the state that ends. */
  readonly forget: (reason: Error) => void;
  /** Does what the options of the start ask for, in the new state. */
  readonly settle: (restored: Restored) => Promise<void>;
}

const NO_SNAPSHOT =
  "reset: this interpreter was not started from a memory snapshot, so there is no state to go back to. The options `args`, `snapshot: false` and " +
  "variables of `env` such as PYTHONHASHSEED call for a start from nothing: leave them out, or start from a snapshot made with makeMemorySnapshot()";

/** Makes the function that resets. The first call takes longer: it gets the snapshot again, and keeps it from then on. */
export function makeReset(interpreter: Interpreter, options: BootOptions): (hooks: ResetHooks) => Promise<void> {
  let image: Promise<Image> | undefined;
  const getImage = async (): Promise<Image> => {
    if (options.snapshot === undefined || interpreter.restored === undefined) {
      throw new SnapshotError(NO_SNAPSHOT);
    }
    const { read, readNow, isPrivate } = options.snapshot;
    const snapshot = readSnapshot(readNow === undefined ? await read() : readNow(), options.snapshot, interpreter.build, interpreter.stdlib);
    return makeImage(snapshot, isPrivate, interpreter.wasm, interpreter.WebAssembly);
  };
  return async (hooks) => {
    if (image === undefined) {
      image = getImage();
      image.catch(() => {
        image = undefined;
      });
    }
    const start = await image;
    const { core, streams, scheduler } = interpreter;
    // From a task of its own: whoever called may be below Python.
    const turn = (): Promise<void> => new Promise((resolve) => void scheduler.schedule(resolve));
    await turn();
    for (let waited = hooks.underWay(); waited !== undefined; waited = hooks.underWay()) {
      await waited;
      await turn();
    }
    if (core.isCalled) {
      throw new SnapshotError("reset: Python is running. Call it when no call into Python is under way");
    }
    const wasDead = core.dead !== undefined;
    const reason = new ResetError();
    streams.flush();
    const { era } = core;
    core.end(reason);
    scheduler.clear();
    hooks.forget(reason);

    try {
      await hooks.settle(await renew(start, hooks, wasDead));
    } finally {
      era.rejectAll();
    }
  };

  async function renew(start: Image, hooks: ResetHooks, wasDead: boolean): Promise<Restored> {
    const { core, module } = interpreter;
    renewFiles(module);
    module.canvas = undefined;
    const { stdin, stdout, stderr } = hooks.streams();
    interpreter.streams.setSource(stdin);
    interpreter.streams.setSink(1, stdout);
    interpreter.streams.setSink(2, stderr);
    interpreter.layOut();
    await options.beforeStart(module, interpreter.paths);

    placeFiles(module, start.header.files, start.files);
    overwrite(module, start, wasDead);
    const { interpreterState: state } = module;
    state.renew(start.header.table);
    state.placeFunctions(start.header.table);
    core.begin();
    try {
      const changed = goOn(core, module, start, "The snapshot", hooks.roots);
      return { changed, loadedPackages: start.header.loadedPackages };
    } catch (error) {
      core.setFatal(error);
      throw error;
    }
  }
}
