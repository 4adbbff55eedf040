/**
 * Of the build with counters only: gives it the standard library and a world without time, and takes the counts out at its end.
 *
 * Invariant: nothing of the machine gets in (clock, environment, paths, inode numbers, random numbers), so that the same build counts
 * the same.
 */
(() => {
  const host = require("node:fs");

  let now = 1767225600000;
  Date.now = () => (now += 0.25);
  performance.now = () => (now += 0.25) - 1767225600000;
  let random = 1;
  const next = () => (random = (Math.imul(random, 1103515245) + 12345) >>> 0) >>> 16;
  crypto.getRandomValues = (array) => {
    for (let i = 0; i < array.length; i++) array[i] = next();
    return array;
  };
  Math.random = () => next() / 65536;
  // CPython would start main() so that it can be suspended, and needs parts of Emscripten for that which only a complete main module has.
  WebAssembly.promising = undefined;

  /** Copies a folder into the file system in memory, sorted, without what no program of ours imports. */
  function copy(from, to) {
    FS.mkdirTree(to);
    for (const entry of host.readdirSync(from, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (entry.isDirectory()) {
        if (!["__pycache__", "idlelib", "site-packages", "test", "tkinter"].includes(entry.name)) copy(`${from}/${entry.name}`, `${to}/${entry.name}`);
      } else if (/\.(py|txt)$/.test(entry.name)) {
        FS.writeFile(`${to}/${entry.name}`, host.readFileSync(`${from}/${entry.name}`));
      }
    }
  }

  Module.thisProgram = "/bin/python";
  Module.arguments = ["-S", "/workload.py"];
  Module.preRun = [
    () => {
      for (const name of Object.keys(ENV)) delete ENV[name];
      Object.assign(ENV, { PYTHONHASHSEED: "0", PYTHONHOME: "/", PYTHONDONTWRITEBYTECODE: "1" });
      copy("Lib", "/lib/python3.14");
      FS.writeFile("/workload.py", host.readFileSync("counters/workload.py"));
    },
  ];
  Module.onExit = (code) => {
    if (code !== 0) return;
    if (Module._write_counters() !== 0) throw new Error("The counters could not be written");
    host.writeFileSync("counters/python.profraw", FS.readFile("/counters.profraw"));
  };
})();
