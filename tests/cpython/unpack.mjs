/**
 * Unpacks wheels of a distribution into a folder of the host, with the distribution's own Python.
 * Arguments: the distribution, the folder, file names of wheels.
 */
import path from "node:path";
import { pathToFileURL } from "node:url";

const [dist, target, ...files] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(path.join(dist, "pyodide.mjs")).href);
const py = await loadPyodide({ indexURL: dist });
for (const [name, root] of [["/from", dist], ["/to", target]]) {
  py.FS.mkdirTree(name);
  py.FS.mount(py.FS.filesystems.NODEFS, { root }, name);
}
py.runPython("import zipfile");
for (const file of files) py.runPython(`with zipfile.ZipFile("/from/${file}") as archive: archive.extractall("/to")`);
process.exit(0);
