/**
 * Entry point of `pyodide.js`: a classic script that defines the global `loadPyodide` and nothing else, and a CommonJS
 * module for `require("pyodide")`. It is no AMD module, so that it does not disturb RequireJS.
 */

import { traceOrigin } from "../environment/index-url";
import { VERSION } from "../loader/constants";
import { makeLoadPyodide } from "./load";

declare const module: { exports: unknown } | undefined;

const loadPyodide = makeLoadPyodide(traceOrigin(undefined));

if (typeof module === "object" && module !== null && typeof module.exports === "object") {
  module.exports = { loadPyodide, version: VERSION };
} else {
  (globalThis as { loadPyodide?: typeof loadPyodide }).loadPyodide = loadPyodide;
}
