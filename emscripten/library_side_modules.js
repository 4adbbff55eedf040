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
    "$LDSO", "$GOT", "$loadWebAssemblyModule", "$mergeLibSymbols", "$newDSO", "$findLibraryFS", "$delayedStarts", "$libraryFunction",
    "$placeMedia", "$tooLargeAtOnce", "$undefinedSymbols", "$usesMedia", "$realLibraryPath", "$callInLibrary", "$libraryStubs",
  ],
  $loadDynamicLibrary: function (name, flags = { global: true, nodelete: true }, localScope = {}, handle = undefined) {
    const libName = realLibraryPath(name);
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
      for (const start of [...group.relocations, ...group.constructors]) callInLibrary(start, []);
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

  // How many calls from JavaScript into libraries are running: no stack with one of them on it can be suspended (`boundary/stacks.ts`).
  $libraryCalls: 0,

  $callInLibrary__deps: ["$libraryCalls"],
  $callInLibrary__postset: 'Module["libraryCalls"]=()=>libraryCalls;',
  $callInLibrary: (func, args) => {
    libraryCalls++;
    try {
      return func(...args);
    } finally {
      libraryCalls--;
    }
  },

  // The one path of a file that has many; what is not there, or is a name to be searched for, stays as it is.
  $realLibraryPath__deps: ["$FS"],
  $realLibraryPath: (name) => {
    if (!name.includes("/")) return name;
    try {
      return FS.getPath(FS.lookupPath(name, { follow: true }).node);
    } catch (error) {
      if (!(error instanceof FS.ErrnoError)) throw error;
      return name;
    }
  },

  // What the JavaScript in a side module (EM_JS, EM_ASM: libraries that draw with SDL have some) finds by name, as it would if it had been
  // linked into the main module: these, the exports with an underscore before their names, and what is global.
  $libraryScope__deps: [
    "$Browser", "$ENV", "$FS", "$GL", "$JSEvents", "$MainLoop", "$UTF8ToString", "$addFunction", "$dynCall", "$findEventTarget",
    "$getWasmTableEntry", "$lengthBytesUTF8", "$removeFunction", "$resolveGlobalSymbol", "$specialHTMLTargets", "$stackAlloc", "$stackRestore",
    "$stackSave", "$stringToNewUTF8", "$stringToUTF8", "$stringToUTF8OnStack", "$UTF16ToString", "$stringToUTF16", "$writeArrayToMemory", "$callUserCallback",
    "$safeSetTimeout", "$autoResumeAudioContext",
  ],
  $libraryScope: () => {
    const names = {
      // Views of the memory are made anew when it grows.
      get HEAP8() { return HEAP8; }, get HEAPU8() { return HEAPU8; }, get HEAP16() { return HEAP16; }, get HEAPU16() { return HEAPU16; },
      get HEAP32() { return HEAP32; }, get HEAPU32() { return HEAPU32; }, get HEAPF32() { return HEAPF32; }, get HEAPF64() { return HEAPF64; },
      get HEAP64() { return HEAP64; }, get HEAPU64() { return HEAPU64; },
      Module, Browser, ENV, FS, GL, JSEvents, MainLoop, UTF8ToString, UTF16ToString, abort, addFunction, autoResumeAudioContext, callUserCallback, dynCall, err,
      findEventTarget, getWasmTableEntry, lengthBytesUTF8, out, removeFunction, safeSetTimeout, specialHTMLTargets, stackAlloc, stackRestore, stackSave,
      stringToNewUTF8, stringToUTF8, stringToUTF8OnStack, stringToUTF16, wasmMemory, wasmTable, writeArrayToMemory,
      ENVIRONMENT_IS_NODE, ENVIRONMENT_IS_WEB, ENVIRONMENT_IS_WORKER,
    };
    const exported = (name) => (typeof name === "string" && name[0] === "_" ? resolveGlobalSymbol(name.slice(1), true).sym : undefined);
    return new Proxy(names, {
      has: (own, name) => Object.hasOwn(own, name) || exported(name) !== undefined,
      get: (own, name) => (Object.hasOwn(own, name) ? own[name] : exported(name)),
    });
  },

  // A function from the text that a side module has for it (xtask/src/glue.rs has Emscripten call this where it would call `eval`).
  $libraryFunction__deps: ["$libraryScope", "$callInLibrary"],
  $libraryFunction: (text, libName) => {
    try {
      const func = new Function("scope", `with(scope){return ${text}}`)((libraryFunction.scope ??= libraryScope()));
      return (...args) => callInLibrary(func, args);
    } catch (error) {
      if (!(error instanceof EvalError)) throw error;
      throw new Error(`${libName}: it has JavaScript in it (EM_JS, EM_ASM), which the content security policy of this page does not let it evaluate. \
Allow 'unsafe-eval' in the policy, or use a build of the library without`, { cause: error });
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
