/**
 * The thread of the `python` command that runs Python, with the arguments, environment, files and standard streams of the process.
 * Not here: what the arguments mean, CPython's own command line does that; signals and waiting for input (launch.ts).
 * Invariants: bytes of the standard streams are not changed; the exit status is Python's; nothing but Python writes to
 * the standard streams, except for one sentence when Python cannot be started.
 */

import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { makeConfig } from "../api/internals";
import { type PyodideInterface, makePyodide } from "../api/pyodide";
import { ProgramExit } from "../errors/errors";
import { Downloader } from "../environment/download";
import { detect } from "../environment/environment";
import { type NodeModules, isTerminal, loadNodeModules } from "../environment/node";
import { boot } from "../loader/boot";
import type { Network } from "../network/network";
import { callPython } from "../loader/python-calls";
import { makeSourcesReader } from "../loader/sources";
import { Lockfile } from "../packages/lockfile";
import { Prefetch } from "../packages/prefetch";
import { COLUMNS, LISTENED, type Message, ROWS, type ThreadData } from "./channel";
import { startsFromSnapshot } from "./from-snapshot";
import { showHostFiles } from "./host-files";
import { SharedInput } from "./input";
import { Terminal, replaceOutputObjects } from "./terminal";

const EXIT_CANNOT_START = 2;
/** What a shell reports for a program that called abort(). */
const EXIT_CRASHED = 134;

/** The interpreter broke down while it ran. */
class Crash extends Error {
  constructor(cause: unknown) {
    super((cause as { message?: string } | null)?.message ?? String(cause), { cause });
  }
}

/** Variables that Emscripten makes up where the host has none. */
const EMSCRIPTEN_VARIABLES = ["USER", "LOGNAME", "PATH", "PWD", "HOME", "LANG", "_"];

/** How long the end of the program may be held up by bytes that were sent and that nobody takes. */
const SEND_MS_MAX = 5000;

const { channel, isInputShared, snapshotToMake } = workerData as ThreadData;

const send = (message: Message): void => (parentPort as MessagePort).postMessage(message);

async function main(): Promise<number> {
  const node = await loadNodeModules();
  replaceOutputObjects(() => [Atomics.load(channel.control, COLUMNS), Atomics.load(channel.control, ROWS)]);
  const input = isInputShared ? new SharedInput(channel, isTerminal(node, 0), send) : undefined;
  const directory = node.path.dirname(node.url.fileURLToPath(import.meta.url));
  const indexUrl = `${directory}/`;
  const lockfile = lockfileReader(node, `${indexUrl}pyodide-lock.json`);
  const downloader = new Downloader(node);
  const args = process.argv.slice(2);
  const isMaking = snapshotToMake !== undefined;
  const snapshot = `${indexUrl}python.snapshot`;
  let pyodide: PyodideInterface | undefined;
  let network: Network | undefined;
  // Where the standard library looks for the network, whoever loaded it.
  const host = {
    get network() {
      return (network ??= (pyodide as PyodideInterface)._api.network as Network);
    },
    terminal: new Terminal((original) => send({ what: "terminal", original })),
    listen(signal: number, isWanted: boolean) {
      const seen = Atomics.load(channel.control, LISTENED);
      send({ what: "listen", signal, isWanted });
      // A program that has installed a handler counts on it.
      Atomics.wait(channel.control, LISTENED, seen);
    },
    discardInput: () => input?.discard(),
    /** Is this a descriptor of standard input, and may reading it take long? */
    isSlowInput: (fd: number) => isInputShared && interpreter.streams.isInput(interpreter.module, fd),
    waitForInput: (milliseconds: number) => input?.wait(milliseconds),
  };
  const interpreter = await boot({
    environment: detect(),
    node,
    downloader,
    indexUrl,
    stdLibUrl: `${indexUrl}python_stdlib.zip`,
    isStdLibChosen: false,
    jsglobals: globalThis,
    argv: [isMaking ? "python" : node.path.join(directory, "python"), ...args],
    env: hostVariables(node),
    stdin: input,
    stdout: undefined,
    stderr: undefined,
    convertNullToNone: true,
    toJsLiteralMap: true,
    pyproxyToStringRepr: false,
    keepBorrowedProxies: false,
    isCommand: true,
    isToBeSaved: isMaking,
    prepareFiles: (module) => showHostFiles(module, node),
    beforeStart: async () => {},
    makeApi: (booted) =>
      (pyodide = makePyodide(booted, {
        lockfile: async () => lockfile(),
        lockfileNow: () => lockfile(),
        config: makeConfig(indexUrl, { indexURL: indexUrl, packageCacheDir: undefined, jsglobals: globalThis, args: [], env: {}, packages: [] }),
        packageCacheDirectory: indexUrl,
        prefetch: new Prefetch(downloader, node, indexUrl),
        standardLibrarySources: makeSourcesReader({ environment: detect(), node, downloader, indexUrl }),
      })),
    snapshot:
      !isMaking && startsFromSnapshot(args, node)
        ? { name: snapshot, read: () => downloader.bytes(snapshot, "the memory snapshot"), isPrivate: true, isRequired: false }
        : undefined,
    roots: { globals: globalThis, "module:_pyodide_host": host },
  });
  const { restored } = interpreter;
  const register = (root: string, name: string, object: object): void => {
    if (restored === undefined || restored.changed.has(root)) {
      callPython(interpreter.core, "_pyodide._importhook.register_js_module", name, object);
    }
  };
  register("globals", "js", globalThis);
  register("api", "pyodide_js", pyodide as PyodideInterface);
  register("module:_pyodide_host", "_pyodide_host", host);
  if (restored === undefined) {
    callPython(interpreter.core, "_pyodide._importhook.use_host");
  }
  if (isMaking) {
    node.fs.writeFileSync(snapshotToMake.file, (pyodide as unknown as PyodideInterface)._api.makeStartSnapshot(snapshotToMake.modules, true));
    return 0;
  }
  (pyodide as PyodideInterface | undefined)?.setInterruptBuffer(channel.control);
  try {
    return await interpreter.core.runMain();
  } catch (error) {
    throw interpreter.core.dead === undefined || statusOf(error) !== undefined ? error : new Crash(error);
  } finally {
    interpreter.streams.flush();
    // The end of the process ends the thread that has the sockets: what was sent goes out before.
    network?.finish(SEND_MS_MAX);
  }
}

/** Reads the lock file when somebody wants to know what it says, once. */
function lockfileReader(node: NodeModules, path: string): () => Lockfile {
  let lockfile: Lockfile | undefined;
  return () => (lockfile ??= Lockfile.parse(JSON.parse(node.fs.readFileSync(path, "utf8")), path));
}

function hostVariables(node: NodeModules): Record<string, string | undefined> {
  const variables: Record<string, string | undefined> = Object.fromEntries(EMSCRIPTEN_VARIABLES.map((name) => [name, undefined]));
  return Object.assign(variables, node.process.env);
}

/** The exit status that an error stands for, if Python itself ended the program. */
function statusOf(error: unknown): number | undefined {
  for (let current = error; typeof current === "object" && current !== null; current = (current as { cause?: unknown }).cause) {
    if (current instanceof ProgramExit) {
      return current.status;
    }
  }
  return undefined;
}

const NO_PROCESSES =
  "runs other programs, and this Python cannot. Install packages with another pip (`pip install --target FOLDER`) and put the folder on PYTHONPATH, or load those of the distribution from within a program " +
  "(Node.js 25 and later): `from pyodide.ffi import run_sync; import pyodide_js; run_sync(pyodide_js.loadPackage(...))`, micropip among them.";

/** Modules whose commands cannot work here, and why. */
const NO_COMMANDS: ReadonlyMap<string, string> = new Map([
  ["pip", NO_PROCESSES],
  ["venv", NO_PROCESSES],
  ["ensurepip", NO_PROCESSES],
  ["asyncio", "has a prompt that needs a thread, and looks at other processes: neither is there. `asyncio.run(...)` works at the plain prompt."],
]);

/** What to do instead, when `-m pip` and the like have failed. */
function missingTool(args: readonly string[], status: number): string | undefined {
  const at = args.findIndex((argument) => !argument.startsWith("-") || argument === "-m");
  const module = args[at + 1];
  if (status !== 1 || args[at] !== "-m" || module === undefined || !NO_COMMANDS.has(module)) {
    return undefined;
  }
  return `python: ${module} ${NO_COMMANDS.get(module)}`;
}

main().then(
  // Everything is written by now: the standard streams are synchronous. Pending timers belong to an interpreter that has ended.
  (status) => {
    const message = missingTool(process.argv.slice(2), status);
    send(message === undefined ? { what: "end", status, signal: undefined } : { what: "failed", status, message });
  },
  (error: unknown) => {
    const status = statusOf(error);
    if (status !== undefined) {
      send({ what: "end", status, signal: undefined });
      return;
    }
    const message = `python: ${String((error as { message?: unknown } | null)?.message ?? error)}`;
    send({ what: "failed", status: error instanceof Crash ? EXIT_CRASHED : EXIT_CANNOT_START, message });
  },
);
