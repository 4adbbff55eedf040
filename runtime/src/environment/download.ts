/**
 * Download: reads the files of a distribution, and packages, from the network or the disk.
 * Owns: reading while Python waits for it, where the host allows to wait. Not here: what the bytes mean, and checking them.
 * Invariant: a failure is one Error that names the address and the reason.
 */

import { withEngineOptions } from "./engine-options";
import { baseUrl, hasScheme } from "./index-url";
import type { NodeModules } from "./node";
import { Releaser } from "./release";

/** A file that could not be read. */
export class DownloadError extends Error {
  override readonly name = "DownloadError";
  constructor(
    readonly url: string,
    readonly status: number | undefined,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * Modules that this process has compiled from local files, by file and time: interpreters share them.
 * PERF: reading and validating the main module is half of a start (restore: loadPyodide from a snapshot of a fresh interpreter).
 */
const compiledFiles = new Map<string, WeakRef<WebAssembly.Module>>();

export class Downloader {
  private readonly releaser = new Releaser();

  constructor(private readonly node: NodeModules | undefined) {}

  /** Gives back the memory of a file that was read here and is needed by nobody any more. */
  release(bytes: Uint8Array): void {
    this.releaser.release(bytes);
  }

  /** Makes `url` absolute: against the page in a browser, against the working directory in Node. Local files become paths there. */
  resolve(url: string): string {
    const path = this.localPath(url);
    if (path === undefined && hasScheme(url)) {
      return url;
    }
    if (path !== undefined && path !== url) {
      return path;
    }
    return this.node === undefined ? new URL(url, baseUrl()).href : this.node.path.resolve(url);
  }

  /** The bytes of a file. `what` says in an error message what it was needed for. */
  async bytes(url: string, what: string): Promise<Uint8Array<ArrayBuffer>> {
    const path = this.localPath(url);
    if (path !== undefined) {
      return this.readFile(path, what);
    }
    const response = await this.fetch(url, what);
    try {
      return new Uint8Array(await response.arrayBuffer());
    } catch (error) {
      throw failure(url, what, `the connection broke: ${reason(error)}`, error);
    }
  }

  /** Can a file be read while Python waits? From a disk, and from the network in pages and their workers. */
  canReadNow(url: string): boolean {
    return this.localPath(url) !== undefined || (this.node === undefined && typeof XMLHttpRequest === "function");
  }

  /** The bytes of a file, read while everything waits. */
  bytesNow(url: string, what: string): Uint8Array {
    const path = this.localPath(url);
    if (path !== undefined) {
      return this.partNow(url, what, 0, this.sizeNow(path) ?? 0);
    }
    if (!this.canReadNow(url)) {
      throw failure(url, what, "nothing can wait for the network here");
    }
    const request = new XMLHttpRequest();
    request.open("GET", url, false);
    // The main thread of a page may wait for text only: a character per byte.
    const isText = typeof document === "object";
    if (isText) {
      request.overrideMimeType("text/plain; charset=x-user-defined");
    } else {
      request.responseType = "arraybuffer";
    }
    try {
      request.send();
    } catch (error) {
      throw failure(url, what, `the request failed (network, CORS or content security policy): ${reason(error)}`, error);
    }
    // Addresses of other kinds than http (blob:, data:) have no status in some browsers.
    if (request.status !== 200 && !(request.status === 0 && !/^https?:/i.test(request.responseURL || url))) {
      throw new DownloadError(url, request.status, `Could not load ${what} from ${url}: the server answered ${`${request.status} ${request.statusText}`.trim()}`);
    }
    if (!isText) {
      return new Uint8Array(request.response as ArrayBuffer);
    }
    const text = request.responseText;
    const bytes = new Uint8Array(text.length);
    for (let index = 0; index < bytes.length; index++) {
      bytes[index] = text.charCodeAt(index);
    }
    return bytes;
  }

  /** A part of a local file; shorter at its end. */
  partNow(url: string, what: string, position: number, length: number): Uint8Array {
    const { fs } = this.node as NodeModules;
    const path = this.localPath(url) as string;
    try {
      const file = fs.openSync(path, "r");
      try {
        const bytes = new Uint8Array(length);
        let read = 0;
        for (let count = 1; read < length && count > 0; read += count) {
          count = fs.readSync(file, bytes, read, length - read, position + read);
        }
        return bytes.subarray(0, read);
      } finally {
        fs.closeSync(file);
      }
    } catch (error) {
      throw failure(path, what, reason(error), error);
    }
  }

  /** The size of a local file; undefined if there is none. */
  sizeNow(path: string): number | undefined {
    return this.node?.fs.statSync(path, { throwIfNoEntry: false })?.size;
  }

  /** A JSON file; `check` may refuse its bytes. */
  async json(url: string, what: string, check?: (bytes: Uint8Array) => Promise<void>): Promise<unknown> {
    const bytes = await this.bytes(url, what);
    await check?.(bytes);
    const text = new TextDecoder().decode(bytes);
    try {
      return JSON.parse(text) as unknown;
    } catch (error) {
      const why = /^\s*[[{]/.test(text) ? `it is cut off or damaged: ${reason(error)}` : `it is not JSON: it begins with ${quote(text)}`;
      throw failure(url, what, why, error);
    }
  }

  /** A compiled WebAssembly module, compiled while it arrives where the server sends the right type. */
  async wasm(url: string, what: string): Promise<WebAssembly.Module> {
    const path = this.localPath(url);
    const state = path === undefined ? undefined : this.stateOf(path);
    const known = state === undefined ? undefined : compiledFiles.get(state)?.deref();
    if (known !== undefined) {
      return known;
    }
    let bytes: Uint8Array<ArrayBuffer>;
    if (path !== undefined) {
      bytes = await this.readFile(path, what);
    } else {
      const response = await this.fetch(url, what);
      const type = response.headers.get("content-type") ?? "";
      if (/^application\/wasm\s*(;|$)/i.test(type) && this.node === undefined && typeof WebAssembly.compileStreaming === "function") {
        try {
          return await WebAssembly.compileStreaming(response);
        } catch (error) {
          throw failure(url, what, reason(error), error);
        }
      }
      bytes = new Uint8Array(await response.arrayBuffer());
    }
    if (!(bytes[0] === 0 && bytes[1] === 0x61 && bytes[2] === 0x73 && bytes[3] === 0x6d)) {
      throw failure(url, what, `it is not a WebAssembly module: it begins with ${quote(new TextDecoder().decode(bytes.subarray(0, 64)))}`);
    }
    try {
      const compiled = await withEngineOptions(this.node, () => (this.node?.WebAssembly ?? WebAssembly).compile(bytes));
      this.release(bytes);
      // A file that was replaced while it was read is not known by either state.
      if (path !== undefined && state !== undefined && state === this.stateOf(path)) {
        compiledFiles.set(state, new WeakRef(compiled));
      }
      return compiled;
    } catch (error) {
      throw failure(url, what, reason(error), error);
    }
  }

  /** What a server says that a file is; undefined if it cannot be had. */
  async typeOf(url: string): Promise<string | undefined> {
    try {
      const response = await fetch(url);
      await response.body?.cancel();
      return response.ok ? (response.headers.get("content-type") ?? "") : undefined;
    } catch {
      return undefined;
    }
  }

  /** The path of a local file in Node, whether it is written as a path or as a URL. */
  localPath(url: string): string | undefined {
    if (this.node === undefined) {
      return undefined;
    }
    if (url.startsWith("file:")) {
      return this.node.url.fileURLToPath(url);
    }
    return hasScheme(url) ? undefined : url;
  }

  /** Which file this is, and when it was last changed. */
  private stateOf(path: string): string | undefined {
    try {
      const found = this.node?.fs.statSync(path, { bigint: true });
      return found && [path, found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(" ");
    } catch {
      return undefined; // reading it says why
    }
  }

  private async readFile(path: string, what: string): Promise<Uint8Array<ArrayBuffer>> {
    try {
      const buffer = await (this.node as NodeModules).fs.promises.readFile(path);
      return new Uint8Array(buffer.buffer as ArrayBuffer, buffer.byteOffset, buffer.byteLength);
    } catch (error) {
      throw failure(path, what, reason(error), error);
    }
  }

  private async fetch(url: string, what: string): Promise<Response> {
    if (typeof fetch !== "function") {
      throw failure(url, what, "this environment has no `fetch`");
    }
    let response: Response;
    try {
      response = await fetch(url);
    } catch (error) {
      // Browsers let nobody read files of the disk, pages from there included.
      const why = /^file:/i.test(url) ? "a page that is opened from the disk can load nothing: open it through a web server" : "the request failed (network, CORS or content security policy)";
      throw failure(url, what, `${why}: ${reason(error)}`, error);
    }
    if (!response.ok) {
      const status = `${response.status} ${response.statusText}`.trim();
      throw new DownloadError(url, response.status, `Could not load ${what} from ${url}: the server answered ${status}`);
    }
    return response;
  }
}

function failure(url: string, what: string, why: string, cause?: unknown): DownloadError {
  return new DownloadError(url, undefined, `Could not load ${what} from ${url}: ${why}`, { cause });
}

/** What an error says, with the reason that Node's fetch hides in `cause`. */
function reason(error: unknown): string {
  const text = (value: unknown): string =>
    typeof (value as { message?: unknown } | null)?.message === "string" ? (value as { message: string }).message : String(value);
  const cause = (error as { cause?: unknown } | null)?.cause;
  return cause === undefined ? text(error) : `${text(error)} (${text(cause)})`;
}

/** The beginning of a text that is not what it should be. */
export function quote(text: string): string {
  const line = text.slice(0, 40).replace(/[^\x20-\x7e]+/g, " ").trim();
  return JSON.stringify(line);
}
