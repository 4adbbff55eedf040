/**
 * Package loader: downloads wheels, checks them, unpacks them and loads their side modules.
 * Not here: the content of the lock file (lockfile.ts); resolving against PyPI (micropip).
 * Invariants: a file whose hash does not match is refused before anything of it is installed; every side module of a
 * package is loaded when `load` returns, because imports cannot wait for one; calls run one after another.
 */

import type { EmscriptenModule } from "../emscripten/module";
import type { Downloader } from "../environment/download";
import type { NodeModules } from "../environment/node";
import type { PythonPaths } from "../fs/layout";
import { checkZip } from "../fs/zip";
import { type Lockfile, type LockfilePackage, type PackageType, normalizeName } from "./lockfile";
import { isWheelAddress, parseWheelAddress } from "./wheel-name";

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
  /** Unpacks a zip archive into a directory and gives the paths of its members. */
  unpack(archive: string, directory: string): string[];
  /** SHA-256 as hexadecimal digits, for hosts that have no `crypto.subtle`. */
  sha256(path: string): string;
  /** Makes imports look again. */
  invalidateCaches(): void;
}

export interface PackageLoaderOptions {
  readonly module: EmscriptenModule;
  readonly downloader: Downloader;
  readonly node: NodeModules | undefined;
  readonly paths: PythonPaths;
  readonly python: PythonInstaller;
  readonly lockfile: () => Promise<Lockfile>;
  /** Where the files of the lock file are; ends with a slash. */
  readonly baseUrl: string;
  /** Node: a directory that is looked into first, and where downloads are kept. */
  readonly cacheDirectory: string | undefined;
}

/** Where packages that the lock file lists are said to come from. */
const DEFAULT_CHANNEL = "default channel";
const SHARED_LIBRARY_DIRECTORY = "/usr/lib";

/** One thing to install. */
interface Job {
  readonly name: string;
  readonly version: string;
  readonly fileName: string;
  readonly url: string;
  readonly channel: string;
  readonly sha256: string | undefined;
  readonly packageType: PackageType;
  readonly directory: string;
}

export class PackageLoader {
  /** Package name to where it came from. */
  readonly loadedPackages: Record<string, string> = {};
  private turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: PackageLoaderOptions) {}

  /** Loads packages by name or address, with what they need. */
  load(names: readonly string[], options: LoadOptions = {}): Promise<PackageData[]> {
    const result = this.turn.then(() => this.loadNow(names, options));
    this.turn = result.catch(() => undefined);
    return result;
  }

  private async loadNow(names: readonly string[], options: LoadOptions): Promise<PackageData[]> {
    const message = options.messageCallback ?? ((text: string) => console.log(text));
    const complain = options.errorCallback ?? ((text: string) => console.error(text));
    const jobs = await this.plan(names, complain);
    if (jobs.length === 0) {
      if (names.length > 0) {
        message(`Already loaded: ${names.join(", ")}`);
      }
      return [];
    }
    const list = jobs.map((job) => job.name).join(", ");
    message(`Loading ${list}`);
    const downloads = await Promise.allSettled(jobs.map((job) => this.fetch(job, options.checkIntegrity ?? true)));
    const failures = downloads.filter((download) => download.status === "rejected");
    for (const { reason } of failures) {
      complain(String((reason as { message?: unknown } | null)?.message ?? reason));
    }
    // All or nothing: a package without one that it needs is of no use.
    if (failures[0] !== undefined) {
      throw failures[0].reason;
    }
    const loaded: PackageData[] = [];
    for (const [index, job] of jobs.entries()) {
      await this.install(job, (downloads[index] as PromiseFulfilledResult<Uint8Array>).value);
      loaded.push({ name: job.name, version: job.version, fileName: job.fileName, packageType: job.packageType });
    }
    this.options.python.invalidateCaches();
    message(`Loaded ${list}`);
    return loaded;
  }

  private async plan(names: readonly string[], complain: (text: string) => void): Promise<Job[]> {
    const wheels = new Map<string, Job>();
    const listed: string[] = [];
    for (const name of names) {
      if (!isWheelAddress(name)) {
        listed.push(name);
        continue;
      }
      const wheel = parseWheelAddress(name);
      const key = normalizeName(wheel.name);
      const url = this.options.downloader.resolve(name);
      const before = this.loadedPackages[key];
      if (before !== undefined) {
        if (before !== url) {
          complain(`${key} is already loaded from ${before}; the wheel at ${url} is left out.`);
        }
        continue;
      }
      wheels.set(key, {
        ...wheel,
        name: key,
        url,
        channel: url,
        sha256: undefined,
        packageType: "package",
        directory: this.options.paths.sitePackages,
      });
    }
    const jobs = [...wheels.values()];
    if (listed.length > 0) {
      const lockfile = await this.options.lockfile();
      // A wheel given by its address stands in for the package of the same name.
      const entries = lockfile.resolve(listed, (name) => name in this.loadedPackages || wheels.has(name));
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
      name: normalizeName(entry.name),
      version: entry.version,
      fileName: entry.file_name.split("/").pop() as string,
      url: /^([a-z][a-z0-9+.-]+:|\/)/i.test(entry.file_name) ? entry.file_name : this.options.baseUrl + entry.file_name,
      channel: DEFAULT_CHANNEL,
      sha256: entry.sha256,
      packageType: entry.package_type,
      directory: directories[entry.install_dir] ?? this.options.paths.sitePackages,
    };
  }

  private async fetch(job: Job, checkIntegrity: boolean): Promise<Uint8Array> {
    const { downloader } = this.options;
    const what = `the package ${job.name}`;
    const cached = await this.readCache(job.fileName);
    const bytes = cached ?? (await downloader.bytes(job.url, what));
    if (checkIntegrity && job.sha256 !== undefined && job.sha256 !== "") {
      const actual = await this.sha256(bytes);
      if (actual !== job.sha256.toLowerCase()) {
        throw new Error(
          `The file of ${job.name} (${job.url}) is not the one the lock file names: its SHA-256 is ${actual}, expected ${job.sha256}. Nothing of it was installed.`,
        );
      }
    }
    checkZip(bytes, what, job.url);
    if (cached === undefined) {
      await this.writeCache(job, bytes);
    }
    return bytes;
  }

  private async readCache(fileName: string): Promise<Uint8Array | undefined> {
    const { node, cacheDirectory } = this.options;
    if (node === undefined || cacheDirectory === undefined) {
      return undefined;
    }
    try {
      return await node.fs.promises.readFile(node.path.join(cacheDirectory, fileName));
    } catch (error) {
      if ((error as { code?: unknown }).code === "ENOENT") {
        return undefined;
      }
      throw error;
    }
  }

  private async writeCache(job: Job, bytes: Uint8Array): Promise<void> {
    const { node, cacheDirectory } = this.options;
    // Only what came over the network is worth keeping.
    if (node === undefined || cacheDirectory === undefined || !/^https?:/i.test(job.url)) {
      return;
    }
    const target = node.path.join(cacheDirectory, job.fileName);
    const temporary = `${target}.${node.process.pid}.part`;
    await node.fs.promises.mkdir(cacheDirectory, { recursive: true });
    await node.fs.promises.writeFile(temporary, bytes);
    await node.fs.promises.rename(temporary, target);
  }

  private async sha256(bytes: Uint8Array): Promise<string> {
    const subtle = (globalThis as { crypto?: { subtle?: SubtleCrypto } }).crypto?.subtle;
    if (subtle !== undefined) {
      const digest = new Uint8Array(await subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>));
      return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    }
    // Pages that are not served over https have no `crypto.subtle`.
    return this.withTemporaryFile(bytes, (path) => this.options.python.sha256(path));
  }

  private async install(job: Job, bytes: Uint8Array): Promise<void> {
    const { FS } = this.options.module;
    FS.mkdirTree(job.directory);
    const members = this.withTemporaryFile(bytes, (path) => this.options.python.unpack(path, job.directory));
    for (const member of members) {
      if (/\.so(\.[0-9.]+)?$/.test(member)) {
        await this.loadSideModule(member, job.packageType === "shared_library");
      }
    }
    const metadata = members.find((member) => /\.dist-info\/METADATA$/.test(member));
    if (metadata !== undefined) {
      const directory = metadata.slice(0, -"METADATA".length);
      FS.writeFile(`${directory}INSTALLER`, "pyodide.loadPackage\n");
      FS.writeFile(`${directory}PYODIDE_SOURCE`, `${job.channel === DEFAULT_CHANNEL ? "pyodide" : job.channel}\n`);
    }
    this.loadedPackages[job.name] = job.channel;
  }

  private async loadSideModule(path: string, global: boolean): Promise<void> {
    const { module } = this.options;
    try {
      await module.loadDynamicLibrary(path, { loadAsync: true, nodelete: true, global, allowUndefined: true, fs: module.FS }, {});
    } catch (error) {
      throw new Error(`Could not load the side module ${path}: ${String((error as { message?: unknown } | null)?.message ?? error)}`, { cause: error });
    }
  }

  private withTemporaryFile<T>(bytes: Uint8Array, use: (path: string) => T): T {
    const { FS } = this.options.module;
    let number = 0;
    while (FS.analyzePath(`/tmp/.package-${number}.zip`).exists) {
      number++;
    }
    const path = `/tmp/.package-${number}.zip`;
    FS.writeFile(path, bytes, { canOwn: true });
    try {
      return use(path);
    } finally {
      FS.unlink(path);
    }
  }
}
