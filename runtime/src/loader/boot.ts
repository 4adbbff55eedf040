/**
 * Boot: from nothing to a running Python interpreter.
 * Owns the order of things: files are fetched side by side; the module is instantiated; its file system, environment
 * and standard streams are prepared; the core is attached; Python starts.
 * Not here: the public API and its options (api), the `python` command (python-command).
 * Invariants: no state outside the objects made here, so that interpreters do not see each other and a failed boot
 * can be tried again; the first failure is reported and no other becomes an unhandled rejection.
 */

import { Core } from "../boundary/core";
import { START_COMMAND, START_TO_SAVE } from "../boundary/generated";
import { buildOf, instantiate, preloadedModule } from "../emscripten/instantiate";
import type { CreateModule, EmscriptenModule } from "../emscripten/module";
import { endPipes } from "../emscripten/pipes";
import { DownloadError, type Downloader } from "../environment/download";
import type { Environment } from "../environment/environment";
import { hasScheme } from "../environment/index-url";
import { keepingAlive } from "../environment/keep-alive";
import { type NodeModules, importModule } from "../environment/node";
import { Scheduler } from "../event-loop/scheduler";
import { keepDirectoryTimesDistinct } from "../fs/directory-times";
import { translateHostErrors } from "../fs/host-errors";
import { showSpecialFiles } from "../fs/special-files";
import { giveErrnoErrorsWords } from "../fs/errno";
import { type PythonPaths, layOut, pythonPaths } from "../fs/layout";
import { PartlyPresentFile, type StoredFile, wholeFile } from "../fs/stored-file";
import { checkZip } from "../fs/zip";
import { identityOfArchive, savedParts } from "../snapshot/archive";
import { type Snapshot, decode, decodeUnchecked } from "../snapshot/format";
import { type CompiledLibraries, checkBuild, checkStandardLibrary, compileLibraries, restore } from "../snapshot/restore";
import { defaultStreams, terminalSize } from "../streams/defaults";
import type { ByteSink, ByteSource } from "../streams/handlers";
import { StandardStreams } from "../streams/standard-streams";
import { PYTHON_VERSION } from "./constants";
import { withImport } from "./python-calls";
import { OnDemandFile } from "./on-demand";

export interface BootOptions {
  readonly environment: Environment;
  readonly node: NodeModules | undefined;
  readonly downloader: Downloader;
  /** Where the files of the distribution are; ends with a slash. */
  readonly indexUrl: string;
  readonly stdLibUrl: string;
  /** Somebody chose a standard library: it is used, whatever a snapshot brings. */
  readonly isStdLibChosen: boolean;
  /** What the `js` module shows. */
  readonly jsglobals: object;
  /** Program name and arguments. */
  readonly argv: readonly string[];
  /** Environment of the process; undefined removes one of Emscripten's own variables. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: ByteSource | undefined;
  readonly stdout: ByteSink | undefined;
  readonly stderr: ByteSink | undefined;
  readonly convertNullToNone: boolean;
  readonly toJsLiteralMap: boolean;
  readonly pyproxyToStringRepr: boolean;
  readonly keepBorrowedProxies: boolean;
  /** Whether `runMain` follows, as for the `python` command. */
  readonly isCommand: boolean;
  /** A start from nothing that a snapshot is going to be made of. */
  readonly isToBeSaved: boolean;
  /** Prepares the file system, after Python's own files are in it. */
  readonly prepareFiles: (module: EmscriptenModule) => void;
  /** Waits for more preparation, just before Python starts. */
  readonly beforeStart: (module: EmscriptenModule, paths: PythonPaths) => Promise<void>;
  /** Makes the object behind `pyodide_js`. */
  readonly makeApi: (interpreter: Interpreter) => object;
  /** What the interpreter starts from; undefined starts it from nothing. */
  readonly snapshot: SnapshotSource | undefined;
  /** Objects that Python is given at the start, by name: a snapshot finds them again by it. */
  readonly roots: Record<string, object>;
}

/** A snapshot to start from. */
export interface SnapshotSource {
  readonly name: string;
  /** Gets its bytes. They are not kept: a reset asks for them again. */
  readonly read: () => Promise<Uint8Array>;
  /** The same while everything waits, if it is a local file. */
  readonly readNow?: (() => Uint8Array) | undefined;
  /** Nobody else has the bytes that are read: they may be given back. */
  readonly isPrivate: boolean;
  /** A snapshot that cannot be used is an error if somebody asked for it, else one warning. */
  readonly isRequired: boolean;
}

/** A running interpreter and what belongs to it. */
export interface Interpreter {
  readonly core: Core;
  readonly module: EmscriptenModule;
  readonly streams: StandardStreams;
  readonly scheduler: Scheduler;
  readonly paths: PythonPaths;
  readonly environment: Environment;
  readonly node: NodeModules | undefined;
  readonly downloader: Downloader;
  /** The compiled main module, and which build it is. */
  readonly wasm: WebAssembly.Module;
  readonly WebAssembly: typeof WebAssembly;
  readonly build: string;
  /** Which standard library this is. */
  readonly stdlib: string;
  readonly standardLibrary: StandardLibrary;
  readonly roots: Record<string, object>;
  /** Puts the devices and files of a start into an empty file system. */
  readonly layOut: () => void;
  /** Set if it was started from a snapshot. */
  readonly restored: Restored | undefined;
}

export interface Restored {
  readonly loadedPackages: Readonly<Record<string, string>>;
  /** Roots that have to be given to Python again. */
  readonly changed: ReadonlySet<string>;
}

export function boot(options: BootOptions): Promise<Interpreter> {
  return keepingAlive(bootNow(options));
}

async function bootNow(options: BootOptions): Promise<Interpreter> {
  const { environment, node, downloader, indexUrl } = options;
  const wasm = downloader.wasm(`${indexUrl}pyodide.asm.wasm`, "the WebAssembly module");
  const snapshotBytes = options.snapshot?.read();
  const api = node?.WebAssembly ?? WebAssembly;
  const library = new StandardLibraryFinder(options, snapshotBytes, api, node === undefined ? Promise.resolve() : wasm);
  if (options.snapshot === undefined || options.isStdLibChosen || !downloader.canReadNow(options.stdLibUrl)) {
    library.start();
  }
  const createModule = loadCreateModule(options);
  for (const promise of [wasm, createModule, snapshotBytes]) {
    promise?.catch(() => undefined);
  }

  const scheduler = new Scheduler();
  const core = new Core({
    jsglobals: options.jsglobals,
    schedule: (callback, delayMs) => scheduler.schedule(callback, delayMs),
    pyproxyToStringRepr: options.pyproxyToStringRepr,
    keepBorrowedProxies: options.keepBorrowedProxies,
    convertNullToNone: options.convertNullToNone,
    toJsLiteralMap: options.toJsLiteralMap,
  });
  const paths = pythonPaths(PYTHON_VERSION);
  let module: EmscriptenModule | undefined;
  const streams = new StandardStreams({
    defaults: defaultStreams(node),
    terminalSize: () => terminalSize(node),
    interrupt: () => (module?.wasmExports["PyErr_SetInterrupt"] as (() => void) | undefined)?.(),
    wait(promise) {
      const signal = withImport(core, "_pyodide._streams.wait_for", (waitFor) => waitFor(promise)) as number;
      (module?.wasmExports["PyErr_SetInterruptEx"] as (signal: number) => number)(signal);
    },
    report: (error) => console.error("A handler of a standard stream failed:", error),
  });
  streams.setSource(options.stdin);
  streams.setSink(1, options.stdout);
  streams.setSink(2, options.stderr);

  await library.started();
  // Its failure tells more than that of an import: what the server answered.
  const compiled = await wasm;
  const build = buildOf(await createModule, compiled, api);
  const { snapshot, standardLibrary: found } = await library.find(build);
  const onDemand = (await createModule).onDemand ?? [];
  const sideModules = new Map(onDemand.map(({ name, bytes }) => [`${paths.libDynload}/${name}`, new OnDemandFile(downloader, `${indexUrl}${name}`, "a module of the standard library", bytes, () => undefined)]));
  const fetchSideModules = async (): Promise<void> => {
    await Promise.all([...sideModules.values()].map((file) => file.fetch()));
  };
  if (!downloader.canReadNow(indexUrl)) {
    await fetchSideModules();
  }
  const standardLibrary: StandardLibrary = {
    ...found,
    sideModules,
    async fetch() {
      await Promise.all([found.fetch(), fetchSideModules()]);
    },
  };

  const layOutAll = (prepared: EmscriptenModule): void => {
    streams.install(prepared);
    layOut(prepared, paths, standardLibrary.file, sideModules);
    prepared.onDemandLibraries = onDemand.flatMap(({ name, symbols }) => (symbols === null ? [] : [[symbols, `${paths.libDynload}/${name}`] as const]));
    options.prepareFiles(prepared);
  };
  module = await instantiate({
    createModule: await createModule,
    wasm,
    WebAssembly: api,
    symbolAddresses: snapshot?.header.table.symbols,
    imports: core.imports,
    programName: options.argv[0] ?? "python",
    prepare(prepared) {
      Object.assign(prepared.ENV, options.env);
      keepDirectoryTimesDistinct(prepared);
      showSpecialFiles(prepared);
      translateHostErrors(prepared);
      endPipes(prepared.PIPEFS);
      layOutAll(prepared);
    },
    onEnd(error) {
      // What was written before the end is not lost.
      streams.flush();
      core.setFatal(error);
    },
  });
  giveErrnoErrorsWords(module);
  core.attach(module.wasmExports, module.wasmMemory, () => module.libraryCalls());
  await options.beforeStart(module, paths);

  const instance = module;
  const interpreter = {
    core, module, streams, scheduler, paths, environment, node, downloader, build, wasm: await wasm, WebAssembly: api, stdlib: standardLibrary.identity,
    standardLibrary, layOut: () => layOutAll(instance), roots: options.roots, restored: undefined as Restored | undefined,
  };
  const pyodideApi = options.makeApi(interpreter);
  options.roots["api"] = pyodideApi;
  core.setApi(pyodideApi);
  if (snapshot === undefined) {
    core.start(options.argv, (options.isCommand ? START_COMMAND : 0) | (options.isToBeSaved ? START_TO_SAVE : 0));
  } else {
    // A snapshot may have some of them loaded.
    await Promise.all(snapshot.header.table.libraries.map(({ name }) => sideModules.get(name)?.fetch()));
    const changed = await restore(core, module, snapshot, await library.compiled(), options.snapshot?.name ?? "", options.roots);
    if (options.isCommand) {
      core.setArguments(options.argv);
    }
    interpreter.restored = { changed, loadedPackages: snapshot.header.loadedPackages };
    if (snapshotBytes !== undefined && options.snapshot?.isPrivate === true) {
      downloader.release(await snapshotBytes);
    }
  }
  return interpreter;
}

/** The standard library, as far as it is here. */
export interface StandardLibrary extends StandardLibraryArchive {
  /** Modules that are files of their own, by their paths. */
  readonly sideModules: ReadonlyMap<string, OnDemandFile>;
}

interface StandardLibraryArchive {
  readonly identity: string;
  readonly file: StoredFile;
  /** Has all of it here before it is asked for, so that no import has to wait. */
  readonly fetch: () => Promise<void>;
}

/** Finds what Python starts from: a snapshot that brings what it needs of the standard library, or the whole archive. */
class StandardLibraryFinder {
  private whole: Promise<Uint8Array> | undefined;
  /** PERF: its side modules are compiled beside the rest of a start (restore: with pydantic over plain). */
  private readonly snapshot: Promise<{ readonly snapshot: ReturnType<typeof decodeUnchecked>; readonly compiled: CompiledLibraries }> | undefined;

  constructor(
    private readonly options: BootOptions,
    snapshotBytes: Promise<Uint8Array> | undefined,
    api: typeof WebAssembly,
    mayCompile: Promise<unknown>,
  ) {
    this.snapshot = snapshotBytes?.then((bytes) => {
      const snapshot = decodeUnchecked(bytes, options.snapshot?.name ?? "");
      return { snapshot, compiled: compileLibraries(snapshot, api, mayCompile) };
    });
    this.snapshot?.catch(() => undefined);
  }

  /** The side modules of the snapshot that was found. */
  async compiled(): Promise<CompiledLibraries> {
    return (await this.snapshot)?.compiled ?? new Map();
  }

  /** The whole archive is needed: asks for it. */
  start(): Promise<Uint8Array> {
    const { downloader, stdLibUrl } = this.options;
    if (this.whole === undefined) {
      this.whole = downloader.bytes(stdLibUrl, "the standard library").then((bytes) => {
        checkZip(bytes, "the standard library", stdLibUrl);
        return bytes;
      });
      this.whole.catch(() => undefined);
    }
    return this.whole;
  }

  /** Waits for the whole archive, if it was asked for. */
  async started(): Promise<void> {
    await this.whole;
  }

  async find(build: string): Promise<{ snapshot: Snapshot | undefined; standardLibrary: StandardLibraryArchive }> {
    const snapshot = await this.readSnapshot(build);
    if (snapshot === undefined) {
      return { snapshot, standardLibrary: await this.all() };
    }
    const standardLibrary = (this.whole === undefined ? this.partOf(snapshot) : undefined) ?? (await this.all());
    try {
      checkStandardLibrary(snapshot, this.options.snapshot?.name ?? "", standardLibrary.identity);
      return { snapshot, standardLibrary };
    } catch (error) {
      this.refuse(error);
      return { snapshot: undefined, standardLibrary: await this.all() };
    }
  }

  private async readSnapshot(build: string): Promise<Snapshot | undefined> {
    const source = this.options.snapshot;
    if (source === undefined || this.snapshot === undefined) {
      return undefined;
    }
    try {
      const { snapshot } = await this.snapshot;
      snapshot.check();
      checkBuild(snapshot, source.name, build);
      return snapshot;
    } catch (error) {
      this.refuse(error);
      return undefined;
    }
  }

  /** A snapshot cannot be used: an error if somebody asked for it, else one warning. */
  private refuse(error: unknown): void {
    if (this.options.snapshot?.isRequired === true) {
      throw error;
    }
    const reason = (error as { message?: unknown } | null)?.message ?? error;
    console.warn(`Python starts without a memory snapshot, which takes longer: ${String(reason)}. (\`loadPyodide({ snapshot: false })\` starts so without this warning.)`);
  }

  private async all(): Promise<StandardLibraryArchive> {
    const file = wholeFile(await this.start());
    return { identity: identityOfArchive(file), file, fetch: async () => undefined };
  }

  /** What a snapshot brings, with the rest where it is; undefined if that is not possible. */
  private partOf({ header, archive }: Snapshot): StandardLibraryArchive | undefined {
    const { downloader, stdLibUrl } = this.options;
    const path = downloader.localPath(stdLibUrl);
    // An archive on the disk is looked at: that it is missing is better told now than by some import.
    if (header.archive.parts.length === 0 || (path !== undefined && downloader.sizeNow(path) !== header.archive.bytes)) {
      return undefined;
    }
    const rest = new OnDemandFile(downloader, stdLibUrl, "the standard library", header.archive.bytes, (file) => {
      if (identityOfArchive(file) !== header.stdlib) {
        throw new DownloadError(stdLibUrl, undefined, `${stdLibUrl} is of another build than what Python was started from: use files of one distribution`);
      }
    });
    // A disk is as good as memory.
    const file = path === undefined ? new PartlyPresentFile(savedParts(header.archive, archive), rest) : rest;
    return { identity: header.stdlib, file, fetch: () => rest.fetch() };
  }
}

/** The snapshot once more. Throws if it is not what it was. */
export function readSnapshot(bytes: Uint8Array, { name }: SnapshotSource, build: string, stdlib: string): Snapshot {
  const snapshot = decode(bytes, name);
  checkBuild(snapshot, name, build);
  checkStandardLibrary(snapshot, name, stdlib);
  return snapshot;
}

async function loadCreateModule({ environment, node, downloader, indexUrl }: BootOptions): Promise<CreateModule> {
  const preloaded = preloadedModule();
  // Another distribution in the same page leaves one there, too.
  if (preloaded?.build !== undefined) {
    return preloaded;
  }
  if (environment.serviceWorker) {
    return importClassicScript(indexUrl);
  }
  const file = `${indexUrl}pyodide.asm.mjs`;
  const url = node !== undefined && !hasScheme(file) ? node.url.pathToFileURL(file).href : file;
  let loaded: unknown;
  try {
    loaded = await importModule(url, node);
  } catch (error) {
    const type = node === undefined ? await downloader.typeOf(file) : undefined;
    const reason =
      type === undefined || /javascript/i.test(type)
        ? ((error as { message?: unknown } | null)?.message ?? error)
        : `the server says that it is ${JSON.stringify(type)}; it has to send files that end in .mjs as text/javascript`;
    throw new DownloadError(file, undefined, `Could not load the JavaScript part of the WebAssembly module from ${file}: ${String(reason)}`, { cause: error });
  }
  const createModule = (loaded as { default?: unknown }).default;
  if (typeof createModule !== "function") {
    throw new Error(`${file} is not the file that belongs to this version of Pyodide: it exports no function.`);
  }
  if ((createModule as CreateModule).build === undefined) {
    throw new Error(`${file} is of another distribution than this loader: let \`indexURL\` lead to the files that came with the loader, or leave it out.`);
  }
  return createModule as CreateModule;
}

/** Service workers have no `import()`. A classic one may import scripts until it is installed, and later those it has seen by then. */
function importClassicScript(indexUrl: string): CreateModule {
  const file = `${indexUrl}pyodide.asm.js`;
  try {
    (globalThis as unknown as { importScripts: (url: string) => void }).importScripts(file);
  } catch (error) {
    throw new DownloadError(
      file,
      undefined,
      `A service worker can import no more scripts at this point: import ${file} at the top of it, before it loads Pyodide: ` +
        '`importScripts("./pyodide.asm.js")`, or `import "./pyodide.asm.js"` if it is a module.',
      { cause: error },
    );
  }
  const createModule = preloadedModule();
  if (createModule === undefined) {
    throw new Error(`${file} is not the file that belongs to this version of Pyodide: it defines no module.`);
  }
  return createModule;
}
