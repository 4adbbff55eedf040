/**
 * On demand: files of the distribution that no start waits for, read when Python asks for their bytes.
 * Not here: which bytes a start brings along (snapshot), how they become files (fs/stored-file.ts).
 * Invariants: a file is fetched at most once, or, on a disk, only the parts that are asked for are read; bytes of another build are
 * refused, because their addresses were taken from this one.
 */

import { DownloadError, type Downloader } from "../environment/download";
import type { StoredFile } from "../fs/stored-file";

export class OnDemandFile implements StoredFile {
  private bytes: Uint8Array | undefined;
  private isChecked = false;

  /** `check` throws if the bytes, or a file that reads like them, are not what is expected. */
  constructor(
    private readonly downloader: Downloader,
    private readonly url: string,
    private readonly what: string,
    readonly size: number,
    private readonly check: (file: StoredFile) => void,
  ) {}

  read(position: number, length: number): Uint8Array {
    if (this.bytes === undefined && !this.isChecked) {
      const path = this.downloader.localPath(this.url);
      if (path !== undefined) {
        this.accept({ size: this.downloader.sizeNow(path) ?? 0, read: (from, count) => this.downloader.partNow(this.url, this.what, from, count) });
      } else {
        const bytes = this.downloader.bytesNow(this.url, this.what);
        this.accept({ size: bytes.length, read: (from, count) => bytes.subarray(from, from + count) });
        this.bytes = bytes;
      }
    }
    return this.bytes?.subarray(position, position + length) ?? this.downloader.partNow(this.url, this.what, position, length);
  }

  /** Has the bytes here before they are asked for, where reading them would stop a page. */
  async fetch(): Promise<void> {
    if (this.bytes !== undefined || this.downloader.localPath(this.url) !== undefined) {
      return;
    }
    const bytes = await this.downloader.bytes(this.url, this.what);
    if (this.bytes === undefined) {
      this.accept({ size: bytes.length, read: (from, count) => bytes.subarray(from, from + count) });
      this.bytes = bytes;
    }
  }

  private accept(file: StoredFile): void {
    if (file.size !== this.size) {
      throw new DownloadError(this.url, undefined, `${this.url} is of another build than what Python was started from: it has ${file.size} bytes instead of ${this.size}. Use files of one distribution`);
    }
    this.check(file);
    this.isChecked = true;
  }
}
