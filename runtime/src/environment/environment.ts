/**
 * Environment: what kind of host this is.
 * Not here: what is done differently because of it (node.ts, download.ts, streams).
 * Invariant: nothing is imported and nothing is changed by looking.
 */

/** What the rest of the runtime asks about its host. */
export interface Environment {
  /** Node.js, or a host that gives Node's modules. */
  readonly node: boolean;
  /** A page, or a worker of a page. */
  readonly browser: boolean;
  /** A document is there. */
  readonly mainThread: boolean;
  /** A worker of any kind. */
  readonly worker: boolean;
  /** A service worker: it can import nothing while it runs. */
  readonly serviceWorker: boolean;
}

interface ProcessLike {
  readonly versions?: { readonly node?: unknown };
  readonly type?: unknown;
  readonly browser?: unknown;
}

export function detect(): Environment {
  const node = isNode();
  const mainThread = !node && typeof document === "object" && document !== null;
  const worker = !node && isInstanceOfGlobal("WorkerGlobalScope");
  return {
    node,
    browser: mainThread || worker,
    mainThread,
    worker,
    serviceWorker: worker && isInstanceOfGlobal("ServiceWorkerGlobalScope"),
  };
}

/** The report of `pyodide.detectEnvironment()`. */
export function describe(environment: Environment): Record<string, boolean> {
  const agent = environment.browser && typeof navigator === "object" ? navigator.userAgent : "";
  const commonjs = environment.node && typeof module === "object" && typeof require === "function";
  return {
    IN_NODE: environment.node,
    IN_NODE_COMMONJS: commonjs,
    IN_NODE_ESM: environment.node && !commonjs,
    IN_BUN: typeof (globalThis as { Bun?: unknown }).Bun === "object",
    IN_DENO: typeof (globalThis as { Deno?: unknown }).Deno === "object",
    IN_BROWSER: environment.browser,
    IN_BROWSER_MAIN_THREAD: environment.mainThread,
    IN_BROWSER_WEB_WORKER: environment.worker,
    IN_BROWSER_SERVICE_WORKER: environment.serviceWorker,
    IN_SAFARI: agent.includes("Safari/") && !/Chrome|Chromium|Edg|Android/.test(agent),
    IN_SHELL: !environment.node && !environment.browser,
  };
}

function isNode(): boolean {
  // A page may have a global of its own called `process`, and bundlers put one there: both fail one of these tests.
  const candidate = (globalThis as { process?: unknown }).process;
  if (typeof candidate !== "object" || candidate === null) {
    return false;
  }
  const { versions, type, browser } = candidate as ProcessLike;
  return typeof versions?.node === "string" && type !== "renderer" && browser !== true;
}

function isInstanceOfGlobal(name: string): boolean {
  const constructor = (globalThis as Record<string, unknown>)[name];
  return typeof constructor === "function" && globalThis instanceof constructor;
}
