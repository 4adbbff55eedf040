/**
 * Constants of the build, put in by the bundler from `versions.toml`.
 * Not here: anything that is decided at run time.
 */

declare const PYOXIDE_VERSION: string | undefined;
declare const PYOXIDE_PYTHON_VERSION: string | undefined;

/** Version of this distribution, as PEP 440 writes it. */
export const VERSION: string = typeof PYOXIDE_VERSION === "string" ? PYOXIDE_VERSION : "0.dev0";

/** Version of CPython. */
export const PYTHON_VERSION: string = typeof PYOXIDE_PYTHON_VERSION === "string" ? PYOXIDE_PYTHON_VERSION : "3.14.0";

declare const PYOXIDE_PLATFORM_TAGS: readonly string[] | undefined;

/** Platform tags of wheels that load here, this build's own first. */
export const PLATFORM_TAGS: readonly string[] = typeof PYOXIDE_PLATFORM_TAGS === "object" ? PYOXIDE_PLATFORM_TAGS : ["pyemscripten_2026_5_wasm32"];
