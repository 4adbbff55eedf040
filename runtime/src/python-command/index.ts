/**
 * The `python` command: runs Python in Node with the arguments, environment, files and standard streams of this process.
 * Not here: what the arguments mean; CPython's own command line does that.
 * Invariants: bytes of the standard streams are not changed; the exit status is Python's; nothing but Python writes to
 * the standard streams, except for one sentence when Python cannot be started.
 */

import { type PyodideInterface, makePyodide } from "../api/pyodide";
import { ProgramExit } from "../errors/errors";
import { Downloader } from "../environment/download";
import { detect } from "../environment/environment";
import { type NodeModules, loadNodeModules } from "../environment/node";
import { boot } from "../loader/boot";
import type { Network } from "../network/network";
import { callPython } from "../loader/python-calls";
import { makeSourcesReader } from "../loader/sources";
import { Lockfile } from "../packages/lockfile";
import { Prefetch } from "../packages/prefetch";
import { showHostFiles } from "./host-files";

const NODE_MAJOR_MIN = 20;
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

async function main(): Promise<number> {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < NODE_MAJOR_MIN) {
    throw new Error(`Node.js ${NODE_MAJOR_MIN} or later is needed, this is Node.js ${process.versions.node}.`);
  }
  const node = await loadNodeModules();
  const directory = node.path.dirname(node.url.fileURLToPath(import.meta.url));
  const indexUrl = `${directory}/`;
  const lockfile = lockfileReader(node, `${indexUrl}pyodide-lock.json`);
  let pyodide: PyodideInterface | undefined;
  const interpreter = await boot({
    environment: detect(),
    node,
    downloader: new Downloader(node),
    indexUrl,
    stdLibUrl: `${indexUrl}python_stdlib.zip`,
    isStdLibChosen: false,
    jsglobals: globalThis,
    argv: [node.path.join(directory, "python"), ...process.argv.slice(2)],
    env: hostVariables(node),
    stdin: undefined,
    stdout: undefined,
    stderr: undefined,
    convertNullToNone: true,
    toJsLiteralMap: true,
    pyproxyToStringRepr: false,
    keepBorrowedProxies: false,
    isCommand: true,
    prepareFiles: (module) => showHostFiles(module, node),
    beforeStart: async () => {},
    makeApi: (booted) =>
      (pyodide = makePyodide(booted, {
        lockfile: async () => lockfile(),
        lockfileNow: () => lockfile(),
        packageBaseUrl: indexUrl,
        packageCacheDirectory: indexUrl,
        prefetch: new Prefetch(new Downloader(node), node, indexUrl),
        standardLibrarySources: makeSourcesReader({ environment: detect(), node, downloader: new Downloader(node), indexUrl }),
      })),
    snapshot: undefined,
    roots: {},
  });
  let network: Network | undefined;
  const register = (name: string, object: object): void => callPython(interpreter.core, "_pyodide._importhook.register_js_module", name, object);
  register("js", globalThis);
  register("pyodide_js", pyodide as PyodideInterface);
  // Where the standard library looks for the network, whoever loaded it.
  register("_pyodide_host", {
    get network() {
      return (network ??= (pyodide as PyodideInterface)._api.network as Network);
    },
  });
  callPython(interpreter.core, "_pyodide._importhook.use_blocking_loop");
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
  Object.assign(variables, node.process.env);
  // The full-screen editor of the interactive interpreter needs termios.
  if (node.tty.isatty(0)) {
    variables["PYTHON_BASIC_REPL"] ??= "1";
  }
  return variables;
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

/** Modules that start other processes, which there are none of: they are left out of the distribution. */
const PROCESS_MODULES = new Set(["pip", "venv", "ensurepip"]);

/** Says what to do instead when `-m pip` and the like have failed. */
function explainMissingTool(args: readonly string[], status: number): void {
  const at = args.findIndex((argument) => !argument.startsWith("-") || argument === "-m");
  const module = args[at + 1];
  if (status === 1 && args[at] === "-m" && module !== undefined && PROCESS_MODULES.has(module)) {
    process.stderr.write(
      `python: ${module} runs other programs, and this Python cannot. Install packages from within a program: ` +
        "`import micropip; await micropip.install(...)`, or put them on PYTHONPATH.\n",
    );
  }
}

main().then(
  // Everything is written by now: the standard streams are synchronous. Pending timers belong to an interpreter that has ended.
  (status) => {
    explainMissingTool(process.argv.slice(2), status);
    process.exit(status);
  },
  (error: unknown) => {
    const status = statusOf(error);
    if (status === undefined) {
      const message = (error as { message?: unknown } | null)?.message ?? error;
      process.stderr.write(`python: ${String(message)}\n`, () => process.exit(error instanceof Crash ? EXIT_CRASHED : EXIT_CANNOT_START));
    } else {
      process.exit(status);
    }
  },
);
