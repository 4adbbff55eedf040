// Loading side modules: replaces the part of Emscripten's dynamic linker that decides when one is ready and what happens when it is not.
// Owns: libraries that need each other, symbols that nobody has, modules that were compiled beforehand, cleaning up after a failure.
// Not here: finding files (Emscripten's), how a symbol is found (library_lean.js), addresses in a snapshot (library_snapshot.js).
// INVARIANT: constructors and data relocations of a group of libraries that need each other run when all of them are there, those that
// are needed first; a library that could not be loaded leaves nothing behind, so that the next attempt, and every other library, is
// as if it had not been tried.
addToLibrary({
  // Data relocations and constructors of a library that was instantiated, by the object with its exports.
  $delayedStarts: "new WeakMap()",

  $loadDynamicLibrary__deps: [
    "$LDSO", "$GOT", "$loadWebAssemblyModule", "$mergeLibSymbols", "$newDSO", "$findLibraryFS", "$delayedStarts",
    "$placeMedia", "$tooLargeAtOnce", "$undefinedSymbols", "$usesMedia", "$FS",
  ],
  $loadDynamicLibrary: function (libName, flags = { global: true, nodelete: true }, localScope = {}, handle = undefined) {
    const present = LDSO.loadedLibsByName[libName];
    if (present) {
      const isReady = present.exports !== "loading";
      if (flags.global && !present.global) {
        present.global = true;
        if (isReady) mergeLibSymbols(present.exports, libName);
      } else if (!flags.global && isReady) {
        Object.assign(localScope ?? {}, present.exports);
      }
      if (flags.nodelete) present.refcount = Infinity;
      present.refcount++;
      if (handle) LDSO.loadedLibsByHandle[handle] = present;
      return flags.loadAsync ? Promise.resolve(true) : true;
    }

    // Libraries that are needed are loaded from inside `loadWebAssemblyModule`, which hands the flags on.
    const isOuter = flags.group === undefined;
    const group = flags.group ?? { relocations: [], constructors: [], libraries: [], symbols: new Set(Object.keys(GOT)) };
    const library = newDSO(libName, handle, "loading");
    library.refcount = flags.nodelete ? Infinity : 1;
    library.global = flags.global;
    group.libraries.push([libName, handle]);

    const read = () => {
      const path = findLibraryFS(libName, flags.rpath);
      if (path === undefined) throw new Error(`${libName}: there is no such library${flags.rpath ? ` (needed by ${flags.rpath.parentLibPath})` : ""}`);
      const compiled = Module["compiledSideModules"]?.get(path);
      const library = compiled ?? FS.readFile(path, { encoding: "binary" });
      if (usesMedia(library)) placeMedia();
      Module["compiledSideModules"]?.delete(path);
      return library;
    };
    const received = (exports) => {
      if (library.global) mergeLibSymbols(exports, libName);
      else if (localScope) Object.assign(localScope, exports);
      library.exports = exports;
      const [relocate, construct] = delayedStarts.get(exports) ?? [];
      if (relocate) group.relocations.push(relocate);
      if (construct) group.constructors.push(construct);
      if (!isOuter) return true;
      const missing = flags.allowUndefined ? [] : undefinedSymbols(group.symbols, localScope);
      if (missing.length > 0) throw new Error(`${libName}: undefined symbol${missing.length > 1 ? "s" : ""}: ${missing.join(", ")}`);
      // All addresses before the first constructor runs.
      for (const start of [...group.relocations, ...group.constructors]) start();
      return true;
    };
    const failed = (error) => {
      if (isOuter) {
        for (const [name, its] of group.libraries) {
          const { exports } = LDSO.loadedLibsByName[name];
          if (exports !== "loading") {
            for (const symbol of Object.keys(exports)) {
              if (Object.hasOwn(wasmImports, symbol) && wasmImports[symbol] === exports[symbol]) delete wasmImports[symbol];
            }
          }
          delete LDSO.loadedLibsByName[name];
          delete LDSO.loadedLibsByHandle[its];
        }
        // Symbols that only this group asked for and that nobody has.
        for (const name of Object.keys(GOT)) {
          if (!group.symbols.has(name) && GOT[name].value === -1) delete GOT[name];
        }
      }
      throw error;
    };
    const inner = { ...flags, group, allowUndefined: true };
    if (flags.loadAsync) {
      return Promise.resolve().then(read).then((binary) => loadWebAssemblyModule(binary, inner, libName, localScope, handle)).then(received).catch(failed);
    }
    let binary;
    try {
      binary = read();
      return received(loadWebAssemblyModule(binary, inner, libName, localScope, handle));
    } catch (error) {
      const isRefused = error instanceof RangeError && binary instanceof Uint8Array && binary.length > 8_000_000;
      return failed(isRefused ? new Error(`${libName}: ${tooLargeAtOnce}`, { cause: error }) : error);
    }
  },

  // What to do where `new WebAssembly.Module` is refused for large modules: the main thread of pages in Chromium. Packages are compiled
  // when they are installed.
  $tooLargeAtOnce: "`it is larger than 8 MB, which this browser does not compile at once on the main thread of a page. \
Install its wheel with pyodide.loadPackage or micropip, which compile it before it is imported, or run Python in a worker`",

  // A symbol that would be in the main module if its library were not a side module of the standard library: loads that one.
  $lateSymbol__deps: ["$LDSO", "$loadDynamicLibrary", "$resolveGlobalSymbol"],
  $lateSymbol: (name) => {
    const [, path] = Module["onDemandLibraries"]?.find(([prefix]) => name.startsWith(prefix)) ?? [];
    const library = LDSO.loadedLibsByName[path];
    if (path === undefined || library?.exports === "loading" || library?.global) return undefined;
    loadDynamicLibrary(path, { global: true, nodelete: true });
    return resolveGlobalSymbol(name, true).sym;
  },

  // Names of symbols that were asked for since `before` and that nobody has; the others get their addresses.
  $undefinedSymbols__deps: ["$GOT", "$resolveGlobalSymbol", "$addFunction", "$lateSymbol", "$mainAddress"],
  $undefinedSymbols: (before, localScope) => {
    const missing = [];
    for (const [name, entry] of Object.entries(GOT)) {
      if (entry.value !== -1) continue;
      const address = Object.hasOwn(wasmImports, name) ? undefined : mainAddress(name);
      if (address !== undefined) {
        entry.value = address;
        continue;
      }
      const value = resolveGlobalSymbol(name, true).sym ?? localScope?.[name] ?? lateSymbol(name);
      if (typeof value === "function") entry.value = addFunction(value, value.sig);
      else if (typeof value === "number") entry.value = value;
      else if (typeof value?.value === "number") entry.value = value.value;
      else if (!entry.required) entry.value = 0;
      else if (!before.has(name)) missing.push(name);
    }
    return missing;
  },
});
