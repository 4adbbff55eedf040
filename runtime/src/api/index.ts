/**
 * Entry point of `pyodide.mjs`.
 */

import { traceOrigin } from "../environment/index-url";
import { VERSION } from "../loader/constants";
import { makeLoadPyodide } from "./load";
import type { LoadPyodideOptions } from "./options";
import type { PyodideInterface } from "./pyodide";

export type { LockfileContent, LockfileContent as Lockfile, LockfileInfo, LockfilePackage } from "../packages/lockfile";
export type { LoadOptions, PackageData } from "../packages/loader";
export type { StdinOptions, StdwriteOptions } from "../streams/handlers";
export type { CanvasInterface } from "./canvas";
export type { TypedArray } from "./ffi";
export type { LiveProxy, ProxyReport } from "../proxy/report";
// Both names of each are in use.
export type { LoadPyodideOptions, LoadPyodideOptions as PyodideConfig } from "./options";
export type { PyodideInterface, PyodideInterface as PyodideAPI, RunOptions, ToPyOptions } from "./pyodide";

/** Version of this distribution, as PEP 440 writes it. */
export const version: string = VERSION;

/** Loads the WebAssembly module, starts Python, and resolves with the `pyodide` object. */
export const loadPyodide: (options?: LoadPyodideOptions) => Promise<PyodideInterface> = makeLoadPyodide(traceOrigin(import.meta.url));
