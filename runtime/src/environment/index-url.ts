/**
 * indexURL: where the files of the distribution are, when the caller does not say.
 * Not here: reading them (download.ts).
 * Invariant: the result ends with a slash; it is a path in Node (unless the caller gave a URL), else an absolute URL.
 */

import type { Environment } from "./environment";
import type { NodeModules } from "./node";

/** Traces of where this very script came from, taken while it was being loaded. */
export interface ScriptOrigin {
  /** `import.meta.url`. */
  readonly moduleUrl: string | undefined;
  /** `document.currentScript.src`. */
  readonly scriptUrl: string | undefined;
  /** `__dirname`, in a CommonJS module. */
  readonly directory: string | undefined;
  /** `new Error().stack`, whose first frame is in this script. */
  readonly stack: string | undefined;
}

/** Call while the script loads: the traces are gone later. */
export function traceOrigin(moduleUrl: string | undefined): ScriptOrigin {
  const script = typeof document === "object" && document !== null ? document.currentScript : null;
  return {
    moduleUrl,
    // An SVG script has no `src` string; a module script has no current script at all.
    scriptUrl: script !== null && "src" in script && typeof script.src === "string" && script.src !== "" ? script.src : undefined,
    // "." is that of what `node -e` runs, which modules see too.
    directory: typeof __dirname === "string" && __dirname !== "." ? __dirname : undefined,
    stack: new Error().stack,
  };
}

/** The index URL that `origin` points to. */
export function detectIndexUrl(origin: ScriptOrigin, environment: Environment, node: NodeModules | undefined): string {
  const found = node === undefined ? detectInBrowser(origin) : detectInNode(origin, node);
  if (found === undefined) {
    throw new Error(
      "The address of the Pyodide files could not be found from the running script: pass it to `loadPyodide` as `indexURL`.",
    );
  }
  return normalizeIndexUrl(found, environment, node);
}

/** Makes an index URL absolute and lets it end with a slash. */
export function normalizeIndexUrl(url: string, environment: Environment, node: NodeModules | undefined): string {
  const withSlash = (text: string): string => (text.endsWith("/") ? text : `${text}/`);
  if (node !== undefined) {
    if (url.startsWith("file:")) {
      return withSlash(node.url.fileURLToPath(url));
    }
    return withSlash(hasScheme(url) ? url : node.path.resolve(url));
  }
  return withSlash(hasScheme(url) || environment.browser === false ? url : new URL(url, baseUrl()).href);
}

/** A URL with a scheme, as opposed to a path. One letter and a colon is a Windows drive. */
export function hasScheme(url: string): boolean {
  return /^[a-z][a-z0-9+.-]+:/i.test(url);
}

/** What relative URLs are relative to. */
export function baseUrl(): string {
  if (typeof document === "object" && document !== null) {
    return document.baseURI;
  }
  return (globalThis as { location?: { href: string } }).location?.href ?? "";
}

/** The address of the first script in a stack trace, as Chrome, Firefox and Safari write it. */
export function firstScriptInStack(stack: string): string | undefined {
  const match = /((?:https?|file|blob|data|app|capacitor|ionic|[a-z]+-extension):[^\s)]*?)(?::\d+)?(?::\d+)?\)?(?:\n|$)/.exec(stack);
  return match?.[1];
}

function detectInNode(origin: ScriptOrigin, node: NodeModules): string | undefined {
  // Never the stack first: with `--enable-source-maps` it names the original sources.
  const ofModule = origin.moduleUrl?.startsWith("file:") === true ? node.path.dirname(node.url.fileURLToPath(origin.moduleUrl)) : undefined;
  // Bundlers write a `__dirname` into modules, which is where the files should be; a global one (Deno's workers) is of another script.
  if (origin.directory !== undefined && (ofModule === undefined || node.fs.existsSync(node.path.join(origin.directory, "pyodide.asm.wasm")))) {
    return origin.directory;
  }
  if (ofModule !== undefined) {
    return ofModule;
  }
  const inStack = origin.stack === undefined ? undefined : firstScriptInStack(origin.stack);
  const url = inStack ?? origin.moduleUrl;
  if (url === undefined) {
    return undefined;
  }
  return url.startsWith("file:") ? node.path.dirname(node.url.fileURLToPath(url)) : directoryOf(url);
}

function detectInBrowser(origin: ScriptOrigin): string | undefined {
  if (origin.scriptUrl !== undefined) {
    return directoryOf(origin.scriptUrl);
  }
  // Some bundlers replace `import.meta.url` by the address of the source file on the machine that built the bundle.
  const moduleUrl = origin.moduleUrl;
  if (moduleUrl !== undefined && !(moduleUrl.startsWith("file:") && !baseUrl().startsWith("file:"))) {
    return directoryOf(moduleUrl);
  }
  const inStack = origin.stack === undefined ? undefined : firstScriptInStack(origin.stack);
  return inStack === undefined ? undefined : directoryOf(inStack);
}

function directoryOf(url: string): string | undefined {
  try {
    return new URL(".", url).href;
  } catch {
    // A blob: or data: URL has no directory: the caller has to say where the files are.
    return undefined;
  }
}
