// Lean linking: replaces the functions of Emscripten's dynamic linker that copy all of the main module's exports at every start.
// Owns: how a symbol of the main module is found. Not here: loading side modules, which is Emscripten's own.
// INVARIANT: every symbol resolves to what Emscripten's own code would give: JavaScript's implementation of an import first, then
// the main module, then side modules in the order of their loading; only the moment differs, because the 9,000 exports are looked
// up one by one when somebody asks (load: import + loadPyodide).
addToLibrary({
  // The exports of the main module, once there is an instance, and whatever else it has a name for (xtask/src/symbols.rs).
  $mainExports: null,
  // The exports alone.
  $realExports: null,

  // Reads what WebAssembly's files are made of, from `at` on.
  $byteReader: (bytes, at) => {
    const reader = {
      at,
      byte: () => bytes[reader.at++],
      // Unsigned LEB128.
      number() {
        let value = 0;
        for (let shift = 0; ; shift += 7) {
          const byte = bytes[reader.at++];
          value |= (byte & 127) << shift;
          if (byte < 128) return value >>> 0;
        }
      },
    };
    return reader;
  },

  // Where the main module's functions are in the table, its addresses, and which function is where, by the number that is its name.
  // PERF: read when somebody asks first; a plain start does not.
  $mainSymbols__deps: ["$byteReader"],
  $mainSymbols: () => {
    if (mainSymbols.found) return mainSymbols.found;
    const bytes = new Uint8Array(Module["mainSymbols"]());
    const reader = byteReader(bytes, 0);
    const { number } = reader;
    const [functionCount, addressCount, length] = [number(), number(), number()];
    // Each is the difference to the one before.
    const values = (count) => {
      let value = 0;
      return Array.from({ length: count }, () => (value += number()));
    };
    const [placeValues, addressValues] = [values(functionCount), values(addressCount)];
    const numbersAt = reader.at;
    // Every number ends with a byte below 128.
    for (let left = length; left > 0; ) if (bytes[reader.at++] < 128) left--;
    const names = new TextDecoder().decode(bytes.subarray(reader.at)).split("\n");
    const places = new Map(placeValues.map((place, index) => [names[index], place]));
    const addresses = new Map(addressValues.map((address, index) => [names[functionCount + index], address]));
    let functions;
    const functionPlace = (index) => {
      if (functions === undefined) {
        functions = new Map();
        reader.at = numbersAt;
        for (let place = 0, before = 0; place < length; place++) {
          const difference = number();
          before += difference & 1 ? -((difference + 1) / 2) : difference / 2;
          if (!functions.has(before)) functions.set(before, place);
        }
      }
      return functions.get(index) ?? 0;
    };
    return (mainSymbols.found = { places, addresses, functionPlace });
  },

  // What a name of the main module stands for that is no export: a function of the table, or an address as the linker exports it.
  $mainSymbol__deps: ["$mainSymbols", "$wasmTable"],
  $mainSymbol: (name) => {
    // Promises ask every object for `then`.
    if (typeof name !== "string" || name === "then") return undefined;
    const { places, addresses } = mainSymbols();
    const place = places.get(name);
    if (place !== undefined) return wasmTable.get(place);
    const address = addresses.get(name);
    return address === undefined ? undefined : new WebAssembly.Global({ value: "i32" }, address);
  },
  // Where CPython's call trampoline is in the table, in engines that have it.
  $trampolineSlot: 0,
  // The length of the table as the linker made it.
  $mainTableLength: 0,

  $mergeLibSymbols__deps: ["$isSymbolDefined", "$mainExports", "$realExports", "$mainSymbol", "$mainSymbols", "$mainTableLength"],
  $mergeLibSymbols: (exports, libName) => {
    if (libName === "main") {
      realExports = exports;
      mainExports = new Proxy(
        { __proto__: null },
        {
          get: (_, name) => exports[name] ?? mainSymbol(name),
          has: (_, name) => name in exports || (typeof name === "string" && (mainSymbols().places.has(name) || mainSymbols().addresses.has(name))),
        },
      );
      mainTableLength = exports["__indirect_function_table"].length;
      // What JavaScript has no implementation of is found behind it.
      Object.setPrototypeOf(wasmImports, mainExports);
      return;
    }
    for (const symName of Object.keys(exports)) {
      if (!isSymbolDefined(symName)) wasmImports[symName] = exports[symName];
    }
  },

  // Address of a symbol of the main module; undefined if it has none.
  $mainAddress__deps: ["$isInternalSym", "$mainExports", "$mainSymbols"],
  $mainAddress: (symName) => {
    if (mainExports === null || isInternalSym(symName)) return undefined;
    const { places, addresses } = mainSymbols();
    return places.get(symName) ?? addresses.get(symName);
  },

  $GOTHandler__internal: true,
  $GOTHandler__deps: ["$GOT", "$mainAddress"],
  $GOTHandler: {
    get(weakImports, symName) {
      const entry = (GOT[symName] ??= new WebAssembly.Global({ value: "i32", mutable: true }, mainAddress(symName) ?? -1));
      if (!weakImports.has(symName)) entry.required = true;
      return entry;
    },
  },

  $updateGOT__internal: true,
  $updateGOT__deps: ["$GOT", "$isInternalSym", "$addFunction", "$mainAddress", "$mainExports", "$realExports", "$mainTableLength", "$placeAll", "$postpone", "$trampolineSlot", "$getEmptyTableSlot"],
  $updateGOT: (exports, replace) => {
    if (exports === realExports) {
      // Not every engine has CPython's call trampoline: what follows has the same addresses in all of them.
      trampolineSlot = getEmptyTableSlot();
      // Only the addresses that the main module itself asks for. A snapshot knows them.
      const known = Module["symbolAddresses"];
      const behind = [];
      for (const symName of Object.keys(GOT)) {
        const address = known?.[symName] ?? mainAddress(symName);
        if (address === undefined) continue;
        GOT[symName].value = address;
        if (address >= mainTableLength && known !== undefined && !postpone(address, symName)) behind.push([address, wasmImports[symName]]);
      }
      placeAll(behind);
      return;
    }
    for (const symName in exports) {
      if (isInternalSym(symName)) continue;
      const isKnown = (GOT[symName] !== undefined && GOT[symName].value !== -1) || (mainExports !== null && symName in mainExports);
      if (isKnown && !replace) continue;
      const value = exports[symName];
      let address;
      if (typeof value === "function") address = addFunction(value);
      else if (typeof value.value === "number") address = value.value;
      else continue;
      GOT[symName] ??= new WebAssembly.Global({ value: "i32", mutable: true });
      GOT[symName].value = address;
    }
  },

  // Functions in the part of the table that the linker did not fill, by the address they were put at.
  $addedFunctions: "new Map()",

  // Puts a function at an address where none is.
  $placeFunction__deps: ["$addedFunctions", "$convertJsFunctionToWasm", "$functionsInTableMap", "$growTableTo", "$setWasmTableEntry"],
  $placeFunction: (address, func, sig = func.sig) => {
    growTableTo(address + 1);
    try {
      setWasmTableEntry(address, func);
    } catch (error) {
      // A table holds functions of WebAssembly only.
      if (!(error instanceof TypeError)) throw error;
      setWasmTableEntry(address, convertJsFunctionToWasm(func, sig));
    }
    addedFunctions.set(address, func);
    functionsInTableMap?.set(func, address);
    return address;
  },

  // Functions of OpenGL and OpenAL that have an address and are not there yet, by address.
  // PERF: there are 250 of them, for SDL's sake, with some 60 signatures, for each of which the engine compiles a wrapper: a tenth of the start
  // (load: import + loadPyodide). INVARIANT: only libraries that import something of them call them by address, and none is loaded before
  // `placeMedia` has run. `dlsym` finds a function by name, and gives it another address if it has to.
  $mediaFunctions: "new Map()",
  $arePlaced: false,

  // Is it a function that can wait? Then it is noted.
  $postpone__deps: ["$arePlaced", "$mediaFunctions"],
  $postpone: (address, name) => {
    if (!/^(emscripten_gl|emscripten_alc|alc?)[A-Z]/.test(name)) return false;
    mediaFunctions.set(address, wasmImports[name]);
    return !arePlaced;
  },

  $placeMedia__deps: ["$arePlaced", "$mediaFunctions", "$placeAll"],
  $placeMedia: () => {
    if (arePlaced) return;
    arePlaced = true;
    placeAll([...mediaFunctions]);
  },

  // Does a library import anything of OpenGL, OpenAL, SDL or EGL, from which it could get these addresses? `library` is its bytes or the module.
  $usesMedia: (library) => {
    const isMedia = (text) => /\b(emscripten_)?(gl|egl|alc?|glfw|SDL_)[A-Z]|GetProcAddress|webgl/.test(text);
    if (library instanceof WebAssembly.Module) return WebAssembly.Module.imports(library).some(({ name }) => isMedia(name));
    const number = (at) => {
      let value = 0;
      for (let shift = 0; ; shift += 7) {
        const byte = library[at++];
        value |= (byte & 127) << shift;
        if (byte < 128 || shift > 28) return [value >>> 0, at];
      }
    };
    for (let at = 8; at < library.length; ) {
      const [size, start] = number(at + 1);
      if (library[at] === 2) return isMedia(new TextDecoder("latin1").decode(library.subarray(start, start + size)));
      at = start + size;
    }
    return false;
  },

  // As `placeFunction` for many. PERF: each function of JavaScript needs a module around it, and compiling 260 of them was a twentieth
  // of the start (load: import + loadPyodide); this makes one for all.
  $placeAll__deps: ["$addedFunctions", "$functionsInTableMap", "$growTableTo", "$placeFunction", "$setWasmTableEntry"],
  $placeAll: (entries) => {
    const own = [];
    for (const entry of entries) {
      // Functions of WebAssembly are named by their number.
      if (typeof entry[1].sig === "string" && !/^\d+$/.test(entry[1].name)) own.push(entry);
      else placeFunction(...entry);
    }
    if (own.length === 0) return;
    const number = (value) => (value < 128 ? [value] : [(value & 127) | 128, ...number(value >>> 7)]);
    const list = (items) => [...number(items.length), ...items.flat()];
    const section = (id, items) => {
      const content = list(items);
      return [id, ...number(content.length), ...content];
    };
    const text = (value) => list([...value].map((character) => character.charCodeAt(0)));
    const kinds = { i: 127, p: 127, j: 126, f: 125, d: 124, e: 111 };
    const types = [...new Set(own.map(([, { sig }]) => sig))];
    const codes = (sig) => list([...sig].filter((type) => type !== "v").map((type) => kinds[type]));
    const bytes = Uint8Array.from([
      0, 97, 115, 109, 1, 0, 0, 0,
      ...section(1, types.map((sig) => [96, ...codes(sig.slice(1)), ...codes(sig[0])])),
      ...section(2, own.map(([, { sig }], index) => [...text("e"), ...text(String(index)), 0, ...number(types.indexOf(sig))])),
      ...section(7, own.map((_, index) => [...text(String(index)), 0, ...number(index)])),
    ]);
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { e: own.map(([, func]) => func) });
    growTableTo(Math.max(...own.map(([address]) => address)) + 1);
    for (const [index, [address, func]] of own.entries()) {
      setWasmTableEntry(address, exports[index]);
      addedFunctions.set(address, func);
      functionsInTableMap?.set(func, address);
    }
  },

  $growTableTo__deps: ["$wasmTable"],
  $growTableTo: (length) => {
    if (wasmTable.length < length) wasmTable.grow(length - wasmTable.length);
  },

  $addFunction__deps: ["$getEmptyTableSlot", "$getFunctionAddress", "$placeFunction"],
  $addFunction: (func, sig) => getFunctionAddress(func) || placeFunction(getEmptyTableSlot(), func, sig),

  $getFunctionAddress__deps: ["$updateTableMap", "$functionsInTableMap", "$addedFunctions", "$mainSymbols", "$mainTableLength", "$wasmTable"],
  $getFunctionAddress: (func) => {
    if (!functionsInTableMap) {
      functionsInTableMap = new WeakMap();
      updateTableMap(mainTableLength, wasmTable.length - mainTableLength);
      // The table holds wrappers of what is not WebAssembly.
      for (const [address, added] of addedFunctions) functionsInTableMap.set(added, address);
    }
    const known = functionsInTableMap.get(func);
    if (known) return known;
    // The main module's own are not asked of the table one by one: a function of WebAssembly is named by its number.
    const place = mainSymbols().functionPlace(Number(func.name));
    return place > 0 && wasmTable.get(place) === func ? place : 0;
  },

  $removeFunction__deps: ["$functionsInTableMap", "$addedFunctions", "$freeTableIndexes", "$getWasmTableEntry", "$setWasmTableEntry"],
  $removeFunction: (address) => {
    functionsInTableMap?.delete(getWasmTableEntry(address));
    functionsInTableMap?.delete(addedFunctions.get(address));
    addedFunctions.delete(address);
    setWasmTableEntry(address, null);
    freeTableIndexes.push(address);
  },

  // The main program's symbols are not all own properties of its object, and some come with a library that is loaded when it is needed.
  _dlsym_js__deps: ["$dlSetError", "$addFunction", "$mainAddress", "$mainExports", "$lateSymbol"],
  _dlsym_js: (handle, symbol, symbolIndex) => {
    const name = UTF8ToString(symbol);
    const lib = LDSO.loadedLibsByHandle[handle];
    const isMain = lib.exports === wasmImports;
    const address = isMain && !Object.hasOwn(wasmImports, name) ? mainAddress(name) : undefined;
    if (address !== undefined) return address;
    const isFound = (Object.hasOwn(lib.exports, name) || (isMain && mainExports !== null && name in mainExports)) && !lib.exports[name].stub;
    let result = isFound ? lib.exports[name] : undefined;
    try {
      if (isMain) result ??= lateSymbol(name);
    } catch (error) {
      dlSetError(`Could not load the library that has the symbol "${name}": ${error}`);
      return 0;
    }
    if (result === undefined) {
      dlSetError(`Tried to lookup unknown symbol "${name}" in dynamic lib: ${lib.name}`);
      return 0;
    }
    return typeof result === "function" ? addFunction(result, result.sig) : (result.value ?? result);
  },
});
