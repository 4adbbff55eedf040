/**
 * Download: reads the files of a distribution, and packages, from the network or the disk.
 * Not here: what the bytes mean, and checking them.
 * Invariant: a failure is one Error that names the address and the reason.
 */

import { baseUrl, hasScheme } from "./index-url";
import type { NodeModules } from "./node";

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

export class Downloader {
  constructor(private readonly node: NodeModules | undefined) {}

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

  /** A JSON file. */
  async json(url: string, what: string): Promise<unknown> {
    const text = new TextDecoder().decode(await this.bytes(url, what));
    try {
      return JSON.parse(text) as unknown;
    } catch (error) {
      throw failure(url, what, `it is not JSON: it begins with ${quote(text)}`, error);
    }
  }

  /** A compiled WebAssembly module, compiled while it arrives where the server sends the right type. */
  async wasm(url: string, what: string): Promise<WebAssembly.Module> {
    const path = this.localPath(url);
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
      return await (this.node?.WebAssembly ?? WebAssembly).compile(bytes);
    } catch (error) {
      throw failure(url, what, reason(error), error);
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
      throw failure(url, what, `the request failed (network, CORS or content security policy): ${reason(error)}`, error);
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
