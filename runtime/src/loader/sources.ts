/**
 * Source code of the standard library: read when Python first asks for it.
 * Not here: what Python does with it (python/_pyodide/_sources.py).
 * Invariant: a page never stands still because of it; where there is no such file everything else works.
 */

import type { Downloader } from "../environment/download";
import type { Environment } from "../environment/environment";
import type { NodeModules } from "../environment/node";

export interface SourcesOptions {
  readonly environment: Environment;
  readonly node: NodeModules | undefined;
  readonly downloader: Downloader;
  /** Where the file is; ends with a slash. */
  readonly indexUrl: string;
}

/** Gives a function that returns the file, or undefined if it is not there, or not yet. */
export function makeSourcesReader({ environment, node, downloader, indexUrl }: SourcesOptions): () => Uint8Array | undefined {
  const url = `${indexUrl}python_stdlib_sources.zip`;
  let fetched: Uint8Array | undefined;
  let asked = false;
  return () => {
    if (fetched !== undefined || asked) {
      return fetched;
    }
    asked = true;
    const path = downloader.localPath(url);
    if (node !== undefined && path !== undefined) {
      fetched = readIfThere(node, path);
    } else if (environment.worker && downloader.canReadNow(url)) {
      fetched = request(downloader, url);
    } else {
      downloader.bytes(url, "the sources of the standard library").then(
        (bytes) => {
          fetched = bytes;
        },
        () => undefined,
      );
    }
    return fetched;
  };
}

function readIfThere(node: NodeModules, path: string): Uint8Array | undefined {
  try {
    return node.fs.readFileSync(path);
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") {
      return undefined;
    }
    throw error;
  }
}

/** Workers may wait. */
function request(downloader: Downloader, url: string): Uint8Array | undefined {
  try {
    return downloader.bytesNow(url, "the sources of the standard library");
  } catch {
    return undefined;
  }
}
