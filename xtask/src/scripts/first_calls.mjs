// Starts the distribution in the folder that is the first argument and does what programs do first. The functions of WebAssembly that are called here
// are compiled at every start (`xtask/src/hints.rs`): more of them make each start dearer, fewer the first call of all.
import path from "node:path";
import { pathToFileURL } from "node:url";

const { loadPyodide } = await import(pathToFileURL(path.join(process.argv[2], "pyodide.mjs")).href);
const pyodide = await loadPyodide({ stdout() {} });
pyodide.runPython("1 + 1");
pyodide.runPython("import json, re, dataclasses, asyncio, datetime");
pyodide.runPython('print("Hello")');
pyodide.globals.set("name", "Ada");
pyodide.globals.get("name");
// Whatever would run later is not of the first calls.
process.exit(0);
