/**
 * The Emscripten module as this runtime uses it: types only.
 * Not here: making one (instantiate.ts). No other folder reaches for a property that is not declared here.
 */

import type { PipeFileSystem } from "./pipes";

/** The error that file system functions throw: `new FS.ErrnoError(ERRNO_CODES.EIO)`. */
export interface ErrnoErrorConstructor {
  new (errno: number): Error & { readonly errno: number; readonly code?: string };
  readonly prototype: Error & { readonly errno: number };
}

/** A node of the virtual file system. */
export interface FSNode {
  readonly id: number;
  readonly name: string;
  readonly parent: FSNode;
  mode: number;
  rdev: number;
  mount: FSMount;
  mounted: FSMount | null;
}

/** An open file. */
export interface FSStream {
  fd: number | null;
  flags: number;
  position: number;
  seekable: boolean;
  readonly path: string;
  readonly node: FSNode;
  stream_ops: StreamOperations;
  tty?: unknown;
}

/** What a device does. Buffers are typed arrays of single bytes. */
export interface StreamOperations {
  open?(stream: FSStream): void;
  close?(stream: FSStream): void;
  dup?(stream: FSStream): void;
  fsync?(stream: FSStream): number | void;
  read?(stream: FSStream, buffer: Int8Array | Uint8Array, offset: number, length: number, position: number): number;
  write?(stream: FSStream, buffer: Int8Array | Uint8Array, offset: number, length: number, position: number): number;
  poll?(stream: FSStream, timeout: number): number;
}

export interface FSMount {
  readonly type: FileSystemType;
  readonly opts: Readonly<Record<string, unknown>>;
  readonly mountpoint: string;
  readonly mounts: FSMount[];
  root: FSNode;
}

/** A kind of file system (MEMFS, NODEFS and so on). */
export interface FileSystemType {
  mount(mount: FSMount): FSNode;
  syncfs?(mount: FSMount, populate: boolean, done: (error: unknown) => void): void;
}

export interface FSStat {
  readonly mode: number;
  readonly size: number;
  readonly mtime: Date;
  readonly atime: Date;
  readonly ctime: Date;
}

/** Emscripten's file system API. What it offers beyond this is in Emscripten's documentation. */
export interface FS {
  readonly ErrnoError: ErrnoErrorConstructor;
  readonly filesystems: Record<"MEMFS" | "IDBFS" | "NODEFS" | "PROXYFS" | "WORKERFS", FileSystemType> & Record<string, FileSystemType>;
  readonly streams: (FSStream | null | undefined)[];
  initialized: boolean;
  cwd(): string;
  chdir(path: string): void;
  mkdir(path: string, mode?: number): FSNode;
  mkdirTree(path: string, mode?: number): void;
  mkdev(path: string, mode: number, dev?: number): FSNode;
  makedev(major: number, minor: number): number;
  registerDevice(dev: number, operations: StreamOperations): void;
  rmdir(path: string): void;
  readdir(path: string): string[];
  rename(from: string, to: string): void;
  unlink(path: string): void;
  symlink(target: string, path: string): FSNode;
  readlink(path: string): string;
  stat(path: string, dontFollow?: boolean): FSStat;
  lstat(path: string): FSStat;
  chmod(path: string, mode: number): void;
  utime(path: string, atime: number, mtime: number): void;
  isDir(mode: number): boolean;
  isFile(mode: number): boolean;
  isLink(mode: number): boolean;
  isMountpoint(node: FSNode): boolean;
  analyzePath(path: string): { readonly exists: boolean; readonly object: FSNode | null };
  lookupPath(path: string, options?: Record<string, unknown>): { readonly path: string; readonly node: FSNode };
  open(path: string, flags: number | string, mode?: number): FSStream;
  close(stream: FSStream): void;
  read(stream: FSStream, buffer: Uint8Array, offset: number, length: number, position?: number): number;
  write(stream: FSStream, buffer: Uint8Array, offset: number, length: number, position?: number): number;
  readFile(path: string, options: { readonly encoding: "utf8"; readonly flags?: string }): string;
  readFile(path: string, options?: { readonly encoding?: "binary"; readonly flags?: string }): Uint8Array;
  writeFile(path: string, data: string | ArrayBufferView, options?: { readonly encoding?: string; readonly flags?: string; readonly mode?: number; readonly canOwn?: boolean }): void;
  mount(type: FileSystemType, options: object, mountpoint: string): FSNode;
  unmount(mountpoint: string): void;
  syncfs(populate: boolean, done: (error: unknown) => void): void;
  syncfs(done: (error: unknown) => void): void;
}

/** Emscripten's path functions. */
export interface PATH {
  isAbs(path: string): boolean;
  basename(path: string): string;
  dirname(path: string): string;
  join(...paths: string[]): string;
  join2(left: string, right: string): string;
  normalize(path: string): string;
  splitPath(path: string): string[];
}

/** What `emscripten/library_snapshot.js` offers. */
export interface InterpreterState {
  /** The environment as the C library reads it: `NAME=value`. */
  environment(): readonly string[];
  growMemory(bytes: number): void;
  /** A sentence names what cannot be saved. */
  read(): SavedTable | string;
  placeLibraries(table: SavedTable, binaries: readonly (Uint8Array | WebAssembly.Module)[]): Promise<void>;
  placeFunctions(table: SavedTable): void;
  /** Undoes what was done to table, symbols and side modules since the start from a snapshot. */
  renew(table: SavedTable): void;
  heapEnd(): number;
  initializeGlobals(): void;
  keepingOwn(overwrite: () => void): void;
}

export interface SavedLibrary {
  readonly name: string;
  readonly memoryBase: number;
  readonly tableBase: number;
  readonly tableSize: number;
  readonly memoryBytes: number;
  readonly isGlobal: boolean;
  /** -1: for ever. */
  readonly uses: number;
  /** Addresses of the C library's records of it. */
  readonly handles: readonly number[];
}

/** Function table, addresses of symbols and side modules. */
export interface SavedTable {
  readonly symbols: Readonly<Record<string, number>>;
  /** `owner` is the index of a library, or -1 for the main module. */
  readonly functions: readonly (readonly [address: number, owner: number, name: string])[];
  readonly libraries: readonly SavedLibrary[];
  readonly free: readonly number[];
  readonly tableLength: number;
}

export interface LoadedLibrary {
  refcount: number;
  readonly name: string;
  readonly exports: Record<string, unknown>;
  global: boolean;
}

/** Imports of the WebAssembly module, as Emscripten prepared them. */
export interface WasmImports extends WebAssembly.Imports {
  env: Record<string, WebAssembly.ImportValue>;
}

/** What is given to `createModule`. */
export interface ModuleSettings {
  instantiateWasm(imports: WasmImports, receive: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void): object;
  readonly preRun: ((module: EmscriptenModule) => void)[];
  readonly print: (text: string) => void;
  readonly printErr: (text: string) => void;
  readonly onAbort: (reason: unknown) => void;
  readonly thisProgram: string;
  readonly arguments: readonly string[];
  readonly noInitialRun: true;
  readonly noFSInit: true;
  /** Addresses of the main module's symbols, from a snapshot. */
  readonly symbolAddresses: Readonly<Record<string, number>> | undefined;
  /** The list of the main module's symbols (`xtask/src/symbols.rs`). */
  readonly mainSymbols: () => ArrayBuffer;
  /** Linear memory comes from a snapshot. */
  readonly skipConstructors: boolean;
  readonly locateFile: (name: string) => string;
}

/** What `createModule` gives. */
export interface EmscriptenModule {
  readonly FS: FS;
  readonly PIPEFS: PipeFileSystem;
  readonly PATH: PATH;
  readonly ERRNO_CODES: Readonly<Record<string, number>>;
  readonly ENV: Record<string, string | undefined>;
  readonly HEAPU8: Uint8Array;
  /** Compiled side modules by their paths, for `dlopen`; see `emscripten/library_side_modules.js`. */
  compiledSideModules?: Map<string, WebAssembly.Module>;
  /** The files of compiled side modules up to the end of their imports: which functions of which types they need; see `emscripten/library_bridges.js`. */
  sideModuleBeginnings?: WeakMap<WebAssembly.Module, Uint8Array>;
  /** Which of the side modules of the standard library has symbols that begin so; see there too. */
  onDemandLibraries?: readonly (readonly [prefix: string, path: string])[];
  readonly LDSO: { readonly loadedLibsByName: Record<string, LoadedLibrary | undefined> };
  UTF8ToString(address: number): string;
  /** How many calls from JavaScript into side modules are running; see there too. */
  libraryCalls(): number;
  readonly wasmMemory: WebAssembly.Memory;
  readonly wasmTable: WebAssembly.Table;
  readonly wasmExports: WebAssembly.Exports;
  readonly interpreterState: InterpreterState;
  /** Set by `instantiate`. */
  timeZone: { readonly addresses: readonly number[]; tellAgain(addresses: readonly number[]): void };
  loadDynamicLibrary(
    path: string,
    flags: { readonly loadAsync: boolean; readonly nodelete: boolean; readonly global: boolean; readonly allowUndefined: boolean; readonly fs?: unknown },
    localScope?: Record<string, unknown>,
  ): unknown;
  canvas?: unknown;
  /** Does a main loop that a library starts for ever (SDL) run beside Python, instead of ending the interpreter? Read by xtask/src/glue.rs. */
  goesOnBesideMainLoop?: boolean;
}

/** The default export of `pyodide.asm.mjs`. */
/** A side module of the distribution. */
export interface OnDemandModule {
  readonly name: string;
  readonly bytes: number;
  /** How the symbols begin that other side modules expect in the main module and find in this one. */
  readonly symbols: string | null;
}

export type CreateModule = ((settings: ModuleSettings) => Promise<EmscriptenModule>) & {
  /** Names the build that it belongs to. */
  readonly build?: string;
  /** Side modules of the standard library that lie beside it. */
  readonly onDemand?: readonly OnDemandModule[];
};
