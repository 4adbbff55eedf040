/**
 * Entry point of `pyodide.js`: a classic script that defines the global `loadPyodide` and nothing else, and a CommonJS
 * module for `require("pyodide")`. It is no AMD module, so that it does not disturb RequireJS.
 * A page with a global `module` (Electron, leftovers of other scripts) gets both: a script tag means the global.
 */

import { traceOrigin } from "../environment/index-url";
import { VERSION } from "../loader/constants";
import { makeLoadPyodide } from "./load";

declare const module: { exports: unknown } | undefined;

const loadPyodide = makeLoadPyodide(traceOrigin(undefined));

const isModule = typeof module === "object" && module !== null && typeof module.exports === "object";
if (isModule) {
  module.exports = { loadPyodide, version: VERSION };
}
if (!isModule || (typeof document === "object" && document !== null && document.currentScript !== null)) {
  (globalThis as { loadPyodide?: typeof loadPyodide }).loadPyodide = loadPyodide;
}
