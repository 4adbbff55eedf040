/**
 * Package download: the bytes of a package's file, checked.
 * Owns: retries, the cache folder of Node, hashes, files of the virtual file system (`emfs:`).
 * Not here: what is in the file (wheel.ts), one request (environment/download.ts).
 * Invariants: bytes whose hash does not match leave here only when the caller asked for no check; only files whose hash was known
 * and matched are kept in the cache folder, and a damaged one there is replaced.
 */

import { DownloadError, type Downloader } from "../environment/download";
import type { NodeModules } from "../environment/node";
import type { FS } from "../emscripten/module";
import type { Prefetch } from "./prefetch";

/** A file that is not the one that the lock file, or the address itself, names. */
export class IntegrityError extends Error {
  override readonly name = "IntegrityError";
}

/** A file to fetch. */
export interface PackageFile {
  /** Name of the package. */
  readonly name: string;
  readonly fileName: string;
  readonly url: string;
  readonly sha256: string | undefined;
  /** Who says so. */
  readonly namedBy: "the lock file" | "its address";
}

/** A fragment with a hash. */
const HASH_FRAGMENT = /#(?:.*&)?sha256=([^&]*)(?:&.*)?$/s;

/** An address without such a fragment, whatever the hash is. */
export function withoutHash(address: string): string {
  return address.replace(HASH_FRAGMENT, "");
}

/**
 * An address without its fragment, and the hash that the fragment gives: `#sha256=...`, as indexes and installers write it.
 * Other fragments mean nothing here.
 */
export function splitAddress(address: string): { readonly url: string; readonly sha256: string | undefined } {
  const found = HASH_FRAGMENT.exec(address);
  if (found === null) {
    return { url: address, sha256: undefined };
  }
  const sha256 = found[1] as string;
  if (!/^[0-9a-f]{64}$/i.test(sha256)) {
    throw new IntegrityError(`The address ${address} ends with a hash that is none: expected 64 hexadecimal digits after \`sha256=\`.`);
  }
  return { url: withoutHash(address), sha256: sha256.toLowerCase() };
}

/** SHA-256 as hexadecimal digits; undefined where the host has no `crypto.subtle`, as pages that are not served over https. */
export async function sha256Of(bytes: Uint8Array): Promise<string | undefined> {
  const subtle = (globalThis as { crypto?: { subtle?: SubtleCrypto } }).crypto?.subtle;
  if (subtle === undefined) {
    return undefined;
  }
  const digest = new Uint8Array(await subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export interface PackageDownloaderOptions {
  readonly downloader: Downloader;
  readonly node: NodeModules | undefined;
  /** Node: a directory that is looked into first, and where downloads are kept. */
  readonly cacheDirectory: string | undefined;
  readonly prefetch: Prefetch | undefined;
  /** SHA-256 as hexadecimal digits, for hosts that have no `crypto.subtle`. */
  readonly sha256: (bytes: Uint8Array) => string;
}

const ATTEMPTS = 3;
const FIRST_PAUSE_MS = 100;

export class PackageDownloader {
  constructor(private readonly options: PackageDownloaderOptions) {}

  /** The bytes of a file, and whether its hash was compared. */
  async fetch(file: PackageFile, checkIntegrity: boolean, FS: FS): Promise<{ bytes: Uint8Array; verified: boolean }> {
    const expected = checkIntegrity ? file.sha256?.toLowerCase() : undefined;
    const cached = expected === undefined ? undefined : await this.readCache(file.fileName);
    if (cached !== undefined && (await this.hash(cached)) === expected) {
      return { bytes: cached, verified: true };
    }
    const bytes = file.url.startsWith("emfs:") ? readVirtual(FS, file) : await this.download(file);
    if (expected === undefined) {
      return { bytes, verified: false };
    }
    const actual = await this.hash(bytes);
    if (actual !== expected) {
      throw new IntegrityError(
        `The file of ${file.name} (${file.url}) is not the one ${file.namedBy} names: its SHA-256 is ${actual}, expected ${expected}. Nothing of it was installed.`,
      );
    }
    await this.writeCache(file, bytes);
    return { bytes, verified: true };
  }

  /** SHA-256 as hexadecimal digits. */
  async hash(bytes: Uint8Array): Promise<string> {
    return (await sha256Of(bytes)) ?? this.options.sha256(bytes);
  }

  private async download(file: PackageFile): Promise<Uint8Array> {
    const fetched = await this.options.prefetch?.take(file.url)?.catch(() => undefined);
    if (fetched !== undefined) {
      return fetched;
    }
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.options.downloader.bytes(file.url, `the package ${file.name}`);
      } catch (error) {
        if (attempt === ATTEMPTS || !mayPass(error) || !/^https?:/i.test(file.url)) {
          throw error;
        }
        await new Promise((resolve) => setTimeout(resolve, FIRST_PAUSE_MS * 4 ** (attempt - 1)));
      }
    }
  }

  private async readCache(fileName: string): Promise<Uint8Array | undefined> {
    const { node, cacheDirectory } = this.options;
    if (node === undefined || cacheDirectory === undefined) {
      return undefined;
    }
    // A copy that cannot be read is as good as none.
    return await node.fs.promises.readFile(node.path.join(cacheDirectory, fileName)).catch(() => undefined);
  }

  private async writeCache(file: PackageFile, bytes: Uint8Array): Promise<void> {
    const { node, cacheDirectory } = this.options;
    // Only what came over the network is worth keeping.
    if (node === undefined || cacheDirectory === undefined || !/^https?:/i.test(file.url)) {
      return;
    }
    const target = node.path.join(cacheDirectory, file.fileName);
    const temporary = `${target}.${node.process.pid}.part`;
    try {
      await node.fs.promises.mkdir(cacheDirectory, { recursive: true });
      await node.fs.promises.writeFile(temporary, bytes);
      await node.fs.promises.rename(temporary, target);
    } catch {
      // A folder that cannot be written to (an installed npm package, say) costs the next download, not this load.
      await node.fs.promises.rm(temporary, { force: true }).catch(() => undefined);
    }
  }
}

/** Failures that another attempt may not see: the network, and servers that are busy or broken. */
function mayPass(error: unknown): boolean {
  if (!(error instanceof DownloadError)) {
    return false;
  }
  return error.status === undefined || error.status === 408 || error.status === 429 || error.status >= 500;
}

function readVirtual(FS: FS, file: PackageFile): Uint8Array {
  const path = file.url.slice("emfs:".length).replace(/^\/\/(?=\/)/, "");
  try {
    return FS.readFile(path);
  } catch (error) {
    throw new DownloadError(file.url, undefined, `Could not load the package ${file.name} from ${file.url}: there is no such file in the virtual file system`, { cause: error });
  }
}
