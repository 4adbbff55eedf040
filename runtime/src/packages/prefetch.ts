/**
 * Prefetch: files of packages that are known to be needed, on their way while Python starts.
 * Not here: checking them, and what happens when one does not arrive (download.ts asks again).
 * Invariants: a file that was fetched is handed out once; a failure here is no failure of anything else.
 */

import type { Downloader } from "../environment/download";
import type { NodeModules } from "../environment/node";
import { withoutHash } from "./download";
import type { Lockfile } from "./lockfile";
import { fileNameOf, isWheelAddress } from "./wheel-name";

export class Prefetch {
  private readonly files = new Map<string, Promise<Uint8Array>>();

  constructor(
    private readonly downloader: Downloader,
    private readonly node: NodeModules | undefined,
    /** Node: what is there already is not fetched. */
    private readonly cacheDirectory: string | undefined,
  ) {}

  /** Starts to fetch packages and what they need, as far as that can be told. */
  start(names: readonly string[], lockfile: Promise<Lockfile>, baseUrl: string): void {
    // An address whose hash is none is refused when its turn comes.
    const wheels = names.filter(isWheelAddress).map(withoutHash);
    for (const address of wheels) {
      if (!address.startsWith("emfs:")) {
        this.fetch(this.downloader.resolve(address));
      }
    }
    const listed = names.filter((name) => !isWheelAddress(name));
    if (listed.length === 0) {
      return;
    }
    lockfile
      .then((found) => {
        for (const { file_name } of found.resolve(listed, () => false)) {
          const url = addressOf(file_name, baseUrl);
          if (!this.isCached(file_name)) {
            this.fetch(url);
          }
        }
      })
      // A package that is not there: the load itself says so.
      .catch(() => undefined);
  }

  /** The file at an address, if it was asked for before; the next call does not give it again. */
  take(url: string): Promise<Uint8Array> | undefined {
    const file = this.files.get(url);
    this.files.delete(url);
    return file;
  }

  private fetch(url: string): void {
    // Files on the disk are as fast later.
    if (/^https?:/i.test(url) && !this.files.has(url)) {
      const file = this.downloader.bytes(url, "a package");
      file.catch(() => undefined);
      this.files.set(url, file);
    }
  }

  private isCached(fileName: string): boolean {
    const { node, cacheDirectory } = this;
    return node !== undefined && cacheDirectory !== undefined && node.fs.existsSync(node.path.join(cacheDirectory, fileNameOf(fileName)));
  }
}

/** Where a file of the lock file is. */
export function addressOf(fileName: string, baseUrl: string): string {
  return /^([a-z][a-z0-9+.-]+:|\/)/i.test(fileName) ? fileName : baseUrl + fileName;
}
