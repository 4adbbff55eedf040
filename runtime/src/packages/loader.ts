/**
 * Package loader: `loadPackage` and what installers written in Python (micropip) call.
 * Owns: what has to be loaded, the order of things, undoing what was begun.
 * Not here: the content of the lock file (lockfile.ts), downloads and hashes (download.ts), the content of wheels
 * (wheel.ts), side modules (side-modules.ts), resolving against PyPI (micropip).
 * Invariants: a call installs all that it was asked for or nothing; everything that can be refused is refused before the
 * first file is written; side modules of shared libraries are loaded when `load` returns; calls run one after another.
 */

import type { EmscriptenModule } from "../emscripten/module";
import type { Downloader } from "../environment/download";
import { loadInflater } from "../environment/inflate";
import type { NodeModules } from "../environment/node";
import type { PythonPaths } from "../fs/layout";
import { LazyFiles } from "../fs/lazy-file";
import { type Inflater, ZipArchive } from "../fs/zip";
import { Bytecode, type BytecodePython, bytecodeFolder } from "./bytecode";
import { IntegrityError, PackageDownloader, type PackageFile, splitAddress } from "./download";
import { makeLoadedPackages } from "./loaded-packages";
import { type Lockfile, type LockfilePackage, type PackageType, normalizeName } from "./lockfile";
import { type Prefetch, addressOf } from "./prefetch";
import { type CompiledModules, IS_EXTENSION, SideModules } from "./side-modules";
import { checkTags } from "./tags";
import { type Layout, type Scheme, layOutArchive, layOutWheel } from "./wheel";
import { type WheelName, fileNameOf, isWheelAddress, parseWheelAddress, parseWheelName } from "./wheel-name";

/** What `loadPackage` tells about a package it loaded. */
export interface PackageData {
  name: string;
  version: string;
  fileName: string;
  packageType: PackageType;
}

export interface LoadOptions {
  messageCallback?: ((message: string) => void) | undefined;
  errorCallback?: ((message: string) => void) | undefined;
  checkIntegrity?: boolean | undefined;
}

/** What Python does for the loader. */
export interface PythonInstaller {
  /** SHA-256 as hexadecimal digits, for hosts that have no `crypto.subtle`. */
  sha256(bytes: Uint8Array): string;
  /** Makes imports look again into the directories that packages are installed in. */
  invalidateCaches(): void;
  readonly bytecode: BytecodePython;
}

export interface PackageLoaderOptions {
  /** The list to keep; default: a new one. */
  readonly loadedPackages?: Record<string, string> | undefined;
  readonly module: EmscriptenModule;
  readonly downloader: Downloader;
  readonly node: NodeModules | undefined;
  readonly paths: PythonPaths;
  readonly python: PythonInstaller;
  /** Of a browser: there, large side modules cannot be loaded when they are imported. */
  readonly isMainThread: boolean;
  readonly lockfile: () => Promise<Lockfile>;
  /** Where the files of the lock file are; ends with a slash. */
  readonly baseUrl: string;
  /** Node: a directory that is looked into first, and where downloads are kept. */
  readonly cacheDirectory: string | undefined;
  /** Files that are on their way already. */
  readonly prefetch: Prefetch | undefined;
}

/** Where packages that the lock file lists are said to come from. */
const DEFAULT_CHANNEL = "default channel";
const SHARED_LIBRARY_DIRECTORY = "/usr/lib";
const INSTALLER = "pyodide.loadPackage";

/** One thing to install. */
interface Job {
  readonly name: string;
  readonly version: string;
  /** As `PackageData` names it. */
  readonly file: string;
  readonly fileName: string;
  readonly url: string;
  readonly channel: string;
  readonly sha256: string | undefined;
  readonly namedBy: PackageFile["namedBy"];
  readonly packageType: PackageType;
  readonly directory: string;
}

/** What is ready to be put into the file system. */
interface Prepared {
  /** Tells this wheel from others. */
  readonly key: string;
  readonly archive: ZipArchive;
  readonly layout: Layout;
  readonly modules: CompiledModules;
  /** Files to write into the `.dist-info` directory. */
  readonly notes: Readonly<Record<string, string>>;
}

export class PackageLoader {
  /** Package name to where it came from. */
  readonly loadedPackages: Record<string, string>;
  /** Why nothing is installed any more. */
  private ended: Error | undefined;
  /** The installation that is under way, which must not be torn apart: it lasts as long as its side modules take. */
  putting: Promise<unknown> | undefined;
  private turn: Promise<unknown> = Promise.resolve();
  private inflater: Promise<Inflater> | undefined;
  private readonly files: LazyFiles;
  private readonly downloads: PackageDownloader;
  private readonly sideModules: SideModules;
  readonly bytecode: Bytecode;

  constructor(private readonly options: PackageLoaderOptions) {
    this.loadedPackages = options.loadedPackages ?? makeLoadedPackages();
    this.files = new LazyFiles(options.module);
    this.sideModules = new SideModules(options.module, options.node?.WebAssembly ?? WebAssembly, options.isMainThread);
    this.bytecode = new Bytecode({
      node: options.node,
      python: options.python.bytecode,
      folder: options.node === undefined ? undefined : bytecodeFolder(options.node),
      directory: options.paths.sitePackages,
    });
    this.downloads = new PackageDownloader({ ...options, sha256: (bytes) => options.python.sha256(bytes) });
  }

  /** Nothing is installed from now on: the interpreter is another one. What is under way fails. */
  end(reason: Error): void {
    this.ended = reason;
  }


  /** Loads packages by name or address, with what they need. */
  load(names: readonly string[], options: LoadOptions = {}): Promise<PackageData[]> {
    return this.inTurn(() => this.loadNow(names, options));
  }

  /**
   * Installs a wheel that the caller has already fetched and checked: what micropip calls.
   * `metadata` are files to write into the `.dist-info` directory.
   */
  install(bytes: Uint8Array, fileName: string, directory: string, metadata: Readonly<Record<string, string>>): Promise<void> {
    return this.inTurn(async () => {
      const wheel = parseWheelAddress(fileName);
      checkTags(wheel);
      const archive = ZipArchive.read(bytes, await this.getInflater(), `the package ${wheel.name}`, fileName);
      // micropip says so of a wheel whose hash it has compared with the index's.
      if (metadata["PYODIDE_SOURCE"] !== "pypi") {
        archive.verify();
      }
      const layout = layOutWheel(archive, wheel.fileName, wheel.name, this.scheme(directory));
      this.refuseSecondVersion(wheel, directory, layout.metadata);
      const modules = await this.sideModules.compile(archive, layout.sideModules, false);
      await this.put([{ key: keyOf(wheel.fileName, bytes), archive, layout, modules, notes: metadata }]);
    });
  }

  /** micropip looks for other versions before it fetches anything: one that is there now was installed meanwhile, and two would be mixed. */
  private refuseSecondVersion(wheel: WheelName, directory: string, own: string | undefined): void {
    const { FS } = this.options.module;
    const entries = FS.analyzePath(directory).exists ? FS.readdir(directory) : [];
    for (const entry of entries) {
      const [, name = "", version = ""] = /^(.+)-([^-]+)\.dist-info$/.exec(entry) ?? [];
      if (normalizeName(name) === normalizeName(wheel.name) && `${directory}/${entry}/` !== own) {
        throw new Error(
          `Could not install ${wheel.name} ${wheel.version}: another installation has installed ${wheel.name} ${version} at the same time. Nothing of it was installed. Install both in one call, or one after the other.`,
        );
      }
    }
  }

  /** Loads one side module that is in the file system. */
  loadSideModule(path: string, global: boolean): Promise<void> {
    return this.sideModules.load(path, global);
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.turn.then(work);
    this.turn = result.catch(() => undefined);
    return result;
  }

  private async loadNow(names: readonly string[], options: LoadOptions): Promise<PackageData[]> {
    const message = options.messageCallback ?? ((text: string) => console.log(text));
    const complain = options.errorCallback ?? ((text: string) => console.error(text));
    const jobs = await this.plan(names, message, complain);
    const unknown = (options.checkIntegrity ?? true) ? jobs.find(({ sha256 }) => sha256 === "") : undefined;
    if (unknown !== undefined) {
      throw new IntegrityError(
        `The lock file has no SHA-256 of ${unknown.name}, so that ${unknown.file} cannot be checked. Nothing was installed. Add \`sha256\` to its entry, or pass \`checkIntegrity: false\`.`,
      );
    }
    if (jobs.length === 0) {
      message("No new packages to load");
      return [];
    }
    const list = jobs.map((job) => job.name).sort().join(", ");
    message(`Loading ${list}`);
    try {
      const prepared = await Promise.allSettled(jobs.map((job) => this.prepare(job, options.checkIntegrity ?? true)));
      const failed = prepared.map((result, index) => ({ result, job: jobs[index] as Job })).filter(({ result }) => result.status === "rejected");
      for (const { result, job } of failed) {
        complain(`The following error occurred while loading ${job.name}: ${textOf((result as PromiseRejectedResult).reason)}`);
      }
      // All or nothing: a package without one that it needs is of no use.
      if (failed[0] !== undefined) {
        throw (failed[0].result as PromiseRejectedResult).reason;
      }
      await this.put(prepared.map((result) => (result as PromiseFulfilledResult<Prepared>).value));
    } catch (error) {
      message(`Failed to load ${list}`);
      throw error;
    }
    for (const job of jobs) {
      this.loadedPackages[job.name] = job.channel;
    }
    message(`Loaded ${list}`);
    return jobs.map(({ name, version, file, packageType }) => ({ name, version, fileName: file, packageType }));
  }

  private async plan(names: readonly string[], message: (text: string) => void, complain: (text: string) => void): Promise<Job[]> {
    const isLoaded = (name: string): boolean => Object.hasOwn(this.loadedPackages, name);
    const wheels = new Map<string, Job>();
    const listed: string[] = [];
    for (const name of names) {
      if (!isWheelAddress(name)) {
        if (isLoaded(name)) {
          message(`${name} already loaded from ${this.loadedPackages[name]}`);
        } else {
          listed.push(name);
        }
        continue;
      }
      const wheel = parseWheelAddress(name);
      checkTags(wheel);
      const { url: address, sha256 } = splitAddress(name);
      const url = address.startsWith("emfs:") ? address : this.options.downloader.resolve(address);
      const other = isLoaded(wheel.name) ? this.loadedPackages[wheel.name] : wheels.get(normalizeName(wheel.name))?.url;
      if (other !== undefined) {
        if (other === url) {
          message(`${wheel.name} already loaded from ${other}`);
        } else {
          complain(
            `URI mismatch, attempting to load package ${wheel.name} from ${url} while it is already loaded from ${other}. To override a dependency, load the custom package first.`,
          );
        }
        continue;
      }
      wheels.set(normalizeName(wheel.name), {
        name: wheel.name,
        version: wheel.version,
        file: wheel.fileName,
        fileName: wheel.fileName,
        url,
        channel: url,
        sha256,
        namedBy: "its address",
        packageType: "package",
        directory: this.options.paths.sitePackages,
      });
    }
    const jobs = [...wheels.values()];
    if (listed.length > 0) {
      const lockfile = await this.options.lockfile();
      // A wheel given by its address stands in for the package of the same name.
      const entries = lockfile.resolve(listed, (name) => isLoaded(name) || wheels.has(name));
      jobs.push(...entries.map((entry) => this.jobOf(entry)));
    }
    return jobs;
  }

  private jobOf(entry: LockfilePackage): Job {
    const directories: Record<LockfilePackage["install_dir"], string> = {
      site: this.options.paths.sitePackages,
      stdlib: this.options.paths.stdlib,
      dynlib: SHARED_LIBRARY_DIRECTORY,
    };
    return {
      name: entry.name,
      version: entry.version,
      file: entry.file_name,
      fileName: fileNameOf(entry.file_name),
      url: addressOf(entry.file_name, this.options.baseUrl),
      channel: DEFAULT_CHANNEL,
      sha256: entry.sha256,
      namedBy: "the lock file",
      packageType: entry.package_type,
      directory: directories[entry.install_dir],
    };
  }

  /** Everything that can fail before the first file is written. */
  private async prepare(job: Job, checkIntegrity: boolean): Promise<Prepared> {
    const wheel = parseWheelName(job.fileName);
    if (wheel !== undefined) {
      checkTags(wheel);
    }
    const [{ bytes, verified }, inflater] = await Promise.all([this.downloads.fetch(job, checkIntegrity, this.options.module.FS), this.getInflater()]);
    const archive = ZipArchive.read(bytes, inflater, `the package ${job.name}`, job.url);
    if (!verified && checkIntegrity) {
      archive.verify();
    }
    const layout =
      wheel === undefined ? layOutArchive(archive, job.directory) : layOutWheel(archive, wheel.fileName, wheel.name, this.scheme(job.directory));
    const isListed = job.channel === DEFAULT_CHANNEL;
    const notes: Record<string, string> = { INSTALLER, PYODIDE_SOURCE: isListed ? "pyodide" : job.channel };
    if (!isListed) {
      notes["direct_url.json"] = JSON.stringify({ url: job.url, archive_info: job.sha256 === undefined ? {} : { hashes: { sha256: job.sha256 } } });
    }
    const modules = await this.sideModules.compile(archive, layout.sideModules, job.packageType === "shared_library");
    return { key: keyOf(job.fileName, bytes), archive, layout, modules, notes };
  }

  private scheme(directory: string): Scheme {
    const { stdlib } = this.options.paths;
    const prefix = stdlib.slice(0, stdlib.lastIndexOf("/lib/"));
    return { directory, prefix, headers: `${prefix}/include${stdlib.slice(stdlib.lastIndexOf("/"))}` };
  }

  /** Puts packages into the file system and loads their side modules; undoes all of it when something fails. */
  private put(packages: readonly Prepared[]): Promise<void> {
    if (this.ended !== undefined) {
      throw this.ended;
    }
    const done = this.putNow(packages).finally(() => {
      this.putting = undefined;
    });
    this.putting = done.catch(() => undefined);
    return done;
  }

  private async putNow(packages: readonly Prepared[]): Promise<void> {
    const { FS } = this.options.module;
    this.files.begin();
    const checked = new Set<string>();
    for (const { layout } of packages) {
      for (const { path } of layout.files) {
        const directory = path.slice(0, path.lastIndexOf("/"));
        const file = checked.has(directory) ? undefined : this.files.fileInTheWay(directory);
        if (file !== undefined) {
          throw new Error(`Could not install ${path}: ${file} is a file, where a directory is needed. Nothing was installed.`);
        }
        checked.add(directory);
        const other = path === this.options.paths.stdlibZip ? "the standard library" : this.files.inTheWay(path);
        if (other !== undefined) {
          throw new Error(`Could not install ${path}: there is ${other} of that name. Nothing was installed.`);
        }
      }
    }
    const made = new Set<string>();
    const directories: string[] = [];
    let current = "";
    const replaced = new Map<string, { readonly content: Uint8Array; readonly mode: number }>();
    const keep = (path: string): void => {
      current = path;
      if (!made.has(path) && this.files.isFile(path)) {
        // A copy, because the file may be written to in its place.
        replaced.set(path, { content: FS.readFile(path).slice(), mode: FS.stat(path).mode });
      }
      made.add(path);
    };
    try {
      for (const { archive, layout, notes } of packages) {
        for (const { path, member } of layout.files) {
          keep(path);
          directories.push(...this.files.place(path, archive, member));
        }
        for (const [path, text] of layout.texts) {
          FS.writeFile(path, text);
        }
        if (layout.metadata !== undefined) {
          for (const [name, text] of Object.entries(notes)) {
            keep(layout.metadata + name);
            FS.writeFile(layout.metadata + name, text);
          }
        }
      }
      for (const { modules } of packages) {
        this.sideModules.keep(modules);
      }
      for (const { modules } of packages) {
        for (const path of modules.eager) {
          // Of those that are loaded at once, only shared libraries have symbols for others.
          await this.sideModules.load(path, !IS_EXTENSION.test(path));
        }
      }
    } catch (error) {
      packages.forEach(({ modules }) => this.sideModules.forget(modules));
      this.undo(made, directories);
      for (const [path, { content, mode }] of replaced) {
        FS.writeFile(path, content);
        FS.chmod(path, mode & 0o7777);
      }
      throw isOfFileSystem(error) ? new Error(`Could not install ${current}: ${textOf(error)}. Nothing was installed.`, { cause: error }) : error;
    }
    await this.bytecode.add(packages.map(({ key, layout }) => ({ key, sources: layout.files.map(({ path }) => path) })));
    this.options.python.invalidateCaches();
  }

  private undo(files: ReadonlySet<string>, directories: readonly string[]): void {
    const { FS } = this.options.module;
    for (const path of files) {
      if (FS.analyzePath(path).exists) {
        FS.unlink(path);
      }
    }
    for (const path of [...directories].reverse()) {
      FS.rmdir(path);
    }
    this.options.python.invalidateCaches();
  }

  private getInflater(): Promise<Inflater> {
    return (this.inflater ??= loadInflater(this.options.node));
  }
}

/** Errors of the file system have a number and no path. */
function isOfFileSystem(error: unknown): boolean {
  return typeof (error as { errno?: unknown } | null)?.errno === "number";
}

function keyOf(fileName: string, bytes: Uint8Array): string {
  return `${fileName}-${bytes.length}`;
}

function textOf(error: unknown): string {
  return String((error as { message?: unknown } | null)?.message ?? error);
}
