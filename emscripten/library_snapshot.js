// State of Emscripten's own that lies outside linear memory: function table, addresses of symbols, side modules.
// Owns: reading it for a snapshot, and putting it back. Not here: linear memory, handles and files (runtime/src/snapshot).
// INVARIANT: what is put back has the addresses that it had, because linear memory refers to it by address. A side module is put
// back without its relocations and constructors: its memory is overwritten afterwards.
addToLibrary({
  // Where each side module lies, by the object with its exports, in the order of loading.
  $placedModules: "new Map()",
  // The part of the table that was filled last.
  $lastTableRange: "[0, 0]",
  // The size of the memory that was reserved last.
  $lastMemorySize: 0,
  // The side module that is being put back.
  $moduleToPlace: null,

  $updateTableMap__deps: ["$getWasmTableEntry", "$lastTableRange", "$functionsInTableMap"],
  $updateTableMap: (offset, count) => {
    lastTableRange = [offset, count];
    if (!functionsInTableMap) return;
    for (let address = offset; address < offset + count; address++) {
      const found = getWasmTableEntry(address);
      if (found) functionsInTableMap.set(found, address);
    }
  },

  $relocateExports__internal: true,
  $relocateExports__deps: ["$isImmutableGlobal", "$lastTableRange", "$lastMemorySize", "$placedModules", "$moduleToPlace", "$delayedStarts"],
  $relocateExports: (exports, memoryBase = 0) => {
    const relocated = {};
    for (const name in exports) {
      const value = exports[name];
      relocated[name] = isImmutableGlobal(value) ? new WebAssembly.Global({ value: "i32" }, value.value + memoryBase) : value;
    }
    const [tableBase, tableSize] = lastTableRange;
    placedModules.set(relocated, { memoryBase, tableBase, tableSize, memoryBytes: lastMemorySize });
    lastMemorySize = 0;
    // Not now: a snapshot has what they make, and libraries that need each other start together (library_side_modules.js).
    const starts = ["__wasm_apply_data_relocs", "__wasm_call_ctors"].map((name) => {
      const start = relocated[name];
      delete relocated[name];
      return start;
    });
    if (moduleToPlace === null) delayedStarts.set(relocated, starts);
    return relocated;
  },

  $getMemory__deps: ["calloc", "$moduleToPlace", "$lastMemorySize"],
  $getMemory: (size) => {
    lastMemorySize = size;
    return moduleToPlace === null ? _calloc(size, 1) : moduleToPlace.memoryBase;
  },

  $trampolineAddress__deps: [],
  $trampolineAddress: () => (__PyRuntime + HEAP32[__PyEM_EMSCRIPTEN_TRAMPOLINE_OFFSET >>> 2]) >>> 2,

  // Slots at the end of the table that a reset has freed: a table does not shrink.
  $spareTableSlots: 0,

  // Makes room at the end of the table.
  $takeTableSlots__deps: ["$spareTableSlots", "$wasmTable"],
  $takeTableSlots: (count) => {
    if (count > spareTableSlots) wasmTable.grow(count - spareTableSlots);
    spareTableSlots = Math.max(0, spareTableSlots - count);
  },

  $getEmptyTableSlot__deps: ["$freeTableIndexes", "$spareTableSlots", "$takeTableSlots", "$wasmTable"],
  $getEmptyTableSlot: () => {
    if (freeTableIndexes.length) return freeTableIndexes.pop();
    const slot = wasmTable.length - spareTableSlots;
    takeTableSlots(1);
    return slot;
  },

  // Takes the symbols of a library from those that others find.
  $withdrawSymbols: (exports) => {
    for (const symbol of Object.keys(exports)) {
      if (Object.hasOwn(wasmImports, symbol) && wasmImports[symbol] === exports[symbol]) delete wasmImports[symbol];
    }
  },

  // For `runtime/src/snapshot`, by way of `runtime/src/emscripten`.
  $interpreterState__deps: [
    "$GOT", "$LDSO", "$addedFunctions", "$freeTableIndexes", "$functionsInTableMap", "$getEmptyTableSlot", "$getEnvStrings", "$removeFunction", "$setWasmTableEntry",
    "$spareTableSlots", "$takeTableSlots", "$timers", "$withdrawSymbols", "$getWasmTableEntry", "$growMemory", "$growTableTo", "$loadWebAssemblyModule",
    "$mainExports", "$mainTableLength", "$mergeLibSymbols", "$moduleToPlace", "$newDSO", "$mediaFunctions", "$placeAll", "$placeMedia", "$placedModules", "$postpone", "$usesMedia", "$trampolineAddress",
    "$trampolineSlot", "$wasmTable", "calloc",
  ],
  $interpreterState: {
    // The environment as libc's constructor would read it: `NAME=value`.
    environment: () => getEnvStrings(),

    growMemory: (bytes) => {
      if (wasmMemory.buffer.byteLength < bytes && growMemory(bytes) !== 1) throw new RangeError(`There is no memory for the ${bytes} bytes of the snapshot`);
    },

    // What `read` gave, or a sentence that says why it cannot be saved.
    read() {
      const libraries = [];
      for (const [exports, place] of placedModules) {
        const [name, library] = Object.entries(LDSO.loadedLibsByName).find(([, { exports: its }]) => its === exports) ?? [];
        if (library === undefined) return "a side module that was unloaded";
        const handles = Object.keys(LDSO.loadedLibsByHandle).map(Number).filter((handle) => LDSO.loadedLibsByHandle[handle] === library);
        libraries.push({ name, ...place, isGlobal: library.global, uses: library.refcount === Infinity ? -1 : library.refcount, handles, exports });
      }
      const functions = [];
      for (let address = mainTableLength; address < wasmTable.length; address++) {
        const entry = getWasmTableEntry(address);
        if (entry === null || address === trampolineSlot || libraries.some(({ tableBase, tableSize }) => address >= tableBase && address < tableBase + tableSize)) continue;
        const func = addedFunctions.get(address) ?? entry;
        const own = (symbols) => Object.keys(symbols).find((name) => symbols[name] === func);
        let owner = -1;
        let name = own(wasmImports);
        for (let index = 0; name === undefined && index < libraries.length; index++) {
          owner = index;
          name = own(libraries[index].exports);
        }
        if (name === undefined) return "a JavaScript function that C calls by its address (ctypes callbacks, `addFunction`)";
        functions.push([address, owner, name]);
      }
      return {
        symbols: Object.fromEntries(Object.entries(GOT).map(([name, entry]) => [name, entry.value])),
        functions,
        libraries: libraries.map(({ exports, ...rest }) => rest),
        free: freeTableIndexes.slice(),
        tableLength: wasmTable.length - spareTableSlots,
      };
    },

    // Loads the side modules again and puts functions where they were; `binaries`, their bytes or what was compiled of them, belong to the libraries. Linear memory comes after.
    async placeLibraries({ libraries, symbols }, binaries) {
      for (const [name, value] of Object.entries(symbols)) {
        GOT[name] ??= new WebAssembly.Global({ value: "i32", mutable: true }, value);
        GOT[name].value = value;
      }
      if (binaries.some(usesMedia)) placeMedia();
      for (const [index, { name, memoryBase, tableBase, tableSize, isGlobal, uses, handles }] of libraries.entries()) {
        if (tableSize > 0) growTableTo(tableBase);
        moduleToPlace = { memoryBase };
        const dso = newDSO(name, undefined, "loading");
        try {
          const flags = { loadAsync: true, nodelete: uses < 0, global: isGlobal, allowUndefined: true };
          dso.exports = await loadWebAssemblyModule(binaries[index], flags, name, {});
        } finally {
          moduleToPlace = null;
        }
        dso.global = isGlobal;
        dso.refcount = uses < 0 ? Infinity : uses;
        if (isGlobal) mergeLibSymbols(dso.exports, name);
        for (const handle of handles) LDSO.loadedLibsByHandle[handle] = dso;
      }
    },

    placeFunctions({ functions, libraries, free, tableLength }) {
      const owners = libraries.map(({ name }) => LDSO.loadedLibsByName[name].exports);
      const missing = [];
      for (const [address, owner, name] of functions) {
        const func = owner < 0 ? wasmImports[name] : owners[owner][name];
        if (typeof func !== "function") throw new Error(`The function \`${name}\` of the snapshot is missing`);
        if (addedFunctions.get(address) !== func && !(owner < 0 && postpone(address, name))) missing.push([address, func]);
      }
      placeAll(missing);
      growTableTo(tableLength);
      freeTableIndexes.push(...free.filter((address) => wasmTable.get(address) === null));
    },

    // Puts table, symbols and side modules back to what they are in the snapshot that this instance was started from. Linear memory comes after.
    renew({ functions, libraries, symbols, tableLength }) {
      ABORT = false;
      for (const which of Object.keys(timers)) {
        clearTimeout(timers[which].id);
        delete timers[which];
      }
      Module["compiledSideModules"]?.clear();
      for (const [name, library] of Object.entries(LDSO.loadedLibsByName)) {
        if (library.exports === wasmImports || libraries.some((saved) => saved.name === name)) continue;
        if (library.exports !== "loading") {
          withdrawSymbols(library.exports);
          placedModules.delete(library.exports);
        }
        delete LDSO.loadedLibsByName[name];
      }
      for (const handle of Object.keys(LDSO.loadedLibsByHandle)) {
        if (LDSO.loadedLibsByHandle[handle].exports !== wasmImports) delete LDSO.loadedLibsByHandle[handle];
      }
      for (const { name, isGlobal, uses, handles } of libraries) {
        const library = LDSO.loadedLibsByName[name];
        if (library.global && !isGlobal) withdrawSymbols(library.exports);
        library.global = isGlobal;
        library.refcount = uses < 0 ? Infinity : uses;
        for (const handle of handles) LDSO.loadedLibsByHandle[handle] = library;
      }
      for (const name of Object.keys(GOT)) {
        if (Object.hasOwn(symbols, name)) GOT[name].value = symbols[name];
        else delete GOT[name];
      }
      const saved = new Set(functions.map(([address]) => address));
      const isLibrary = (address) => libraries.some(({ tableBase, tableSize }) => address >= tableBase && address < tableBase + tableSize);
      const isFixed = (address) => address === trampolineSlot || saved.has(address) || mediaFunctions.has(address) || isLibrary(address);
      freeTableIndexes.length = 0;
      for (let address = mainTableLength; address < wasmTable.length; address++) {
        if (isFixed(address)) continue;
        if (wasmTable.get(address) !== null) removeFunction(address);
      }
      freeTableIndexes.length = 0;
      spareTableSlots = wasmTable.length - tableLength;
      for (let address = mainTableLength; address < tableLength; address++) {
        if (!isFixed(address)) freeTableIndexes.push(address);
      }
      mainExports["_emscripten_stack_restore"](mainExports["emscripten_stack_get_base"]());
    },

    // Where the heap ends: nobody has written behind it.
    heapEnd: () => HEAPU32[mainExports["emscripten_get_sbrk_ptr"]() >>> 2],

    // What constructors put into globals of WebAssembly instead of memory.
    initializeGlobals: () => mainExports["emscripten_stack_init"](),

    // Runs `overwrite`, which replaces linear memory; what this instance alone knows stays.
    keepingOwn(overwrite) {
      const trampoline = HEAP32[trampolineAddress()];
      overwrite();
      HEAP32[trampolineAddress()] = trampoline;
    },
  },
});
