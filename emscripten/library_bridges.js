// Calls of functions that a side module imports although nobody has them yet: replaces the functions of JavaScript that Emscripten's dynamic linker
// puts there, which look for theirs when they are called.
// Owns: the functions in between, and what types they have. Not here: finding what a name stands for (library_lean.js, library_side_modules.js).
// A library in C++ exports its inline functions and templates and imports them again, so that all libraries use the same ones; before it is
// instantiated there is nothing to give it. What it gets is made in WebAssembly: a function that calls what is in a table, where at first one is
// that asks for the real one. PERF: such a call takes 12 ns instead of 30 (a loop that does
// nothing else, Node 20 and 26, busy machine), and a stack can be suspended with
// such calls on it, which is not so with frames of JavaScript.
// INVARIANT: a call behaves as with Emscripten's: found at the first call, where the same names hide each other, arguments of the wrong number
// or type are converted. What has no simple type goes through JavaScript, and is counted (`callInLibrary`).
addToLibrary({
  // Gives, by its name, what a library gets for a function that is not there. `binary`: its bytes, or the module of which the runtime has kept them
  // (`packages/side-modules.ts`). `ownExports` gives its exports once there are some.
  $libraryStubs__deps: ["$bridgesOf", "$callInLibrary", "$lateSymbol"],
  $libraryStubs: (binary, libName, localScope, resolveSymbol, ownExports) => {
    const resolve = (name) => {
      const func = resolveSymbol(name) ?? lateSymbol(name);
      if (!func) abort(`undefined symbol: ${name} (called by ${libName})`);
      return func;
    };
    const made = new Map();
    let bridges;
    return (name) => {
      let stub = made.get(name);
      if (stub === undefined) {
        bridges ??= bridgesOf(binary, localScope, resolve, ownExports);
        let resolved;
        stub = bridges.get(name) ?? ((...args) => callInLibrary((resolved ??= resolve(name)), args));
        made.set(name, stub);
      }
      return stub;
    };
  },

  // The functions that a library imports, by their names, with their types; none if the beginning of its file is not known. A type is text: one
  // character each for result and parameters, as Emscripten writes signatures.
  $importedFunctions__deps: ["$byteReader"],
  $importedFunctions: (binary) => {
    const bytes = binary instanceof WebAssembly.Module ? Module["sideModuleBeginnings"]?.get(binary) : binary;
    const functions = new Map();
    if (bytes === undefined) return functions;
    const reader = byteReader(bytes, 8);
    const { byte, number } = reader;
    const letters = { 127: "i", 126: "j", 125: "f", 124: "d", 111: "e" };
    // Undefined for what Emscripten has no letter for.
    const valueType = () => {
      const code = byte();
      if (code === 0x63 || code === 0x64) number();
      return letters[code];
    };
    const valueTypes = () => Array.from({ length: number() }, valueType);
    const skipLimits = () => {
      const flags = byte();
      number();
      if (flags & 1) number();
    };
    const decoder = new TextDecoder();
    const types = [];
    while (reader.at < bytes.length) {
      const id = byte();
      const size = number();
      const end = reader.at + size;
      if (id === 1) {
        for (let left = number(); left > 0; left--) {
          // Recursive and structural types: nothing after one can be read without knowing all of them.
          if (byte() !== 0x60) return functions;
          const parameters = valueTypes();
          const results = valueTypes();
          const all = [results[0] ?? "v", ...parameters];
          const isSimple = results.length < 2 && !(results.length === 1 && results[0] === undefined) && !parameters.includes(undefined);
          types.push(isSimple ? all.join("") : undefined);
        }
      } else if (id === 2) {
        for (let left = number(); left > 0; left--) {
          const moduleLength = number();
          reader.at += moduleLength;
          const length = number();
          const start = reader.at;
          reader.at += length;
          const kind = byte();
          if (kind === 0) {
            const type = types[number()];
            if (type !== undefined) functions.set(decoder.decode(bytes.subarray(start, start + length)), type);
          } else if (kind === 1) {
            valueType();
            skipLimits();
          } else if (kind === 2) {
            skipLimits();
          } else if (kind === 3) {
            valueType();
            byte();
          } else {
            byte();
            number();
          }
        }
        break;
      }
      reader.at = end;
    }
    return functions;
  },

  // A number and a text, as the files of WebAssembly have them: unsigned LEB128, and a length with as many bytes.
  $wasmNumber: (value) => (value < 128 ? [value] : [(value & 127) | 128, ...wasmNumber(value >>> 7)]),
  $wasmText: (text) => [text.length, ...[...text].map((character) => character.charCodeAt(0))],

  // Writes a module. `types` are Emscripten's signatures; `sections` have an id and their items, each a list of bytes, after that of the types.
  $writeModule__deps: ["$wasmNumber"],
  $writeModule: (types, sections) => {
    const bytes = [0, 97, 115, 109, 1, 0, 0, 0];
    const codes = { i: 127, p: 127, j: 126, f: 125, d: 124, e: 111 };
    const valueTypes = (text) => {
      const kinds = [...text].filter((letter) => letter !== "v").map((letter) => codes[letter]);
      return [kinds.length, ...kinds];
    };
    for (const [id, items] of [[1, types.map((type) => [96, ...valueTypes(type.slice(1)), ...valueTypes(type[0])])], ...sections]) {
      const content = wasmNumber(items.length);
      for (const item of items) for (const byte of item) content.push(byte);
      bytes.push(id, ...wasmNumber(content.length));
      for (const byte of content) bytes.push(byte);
    }
    return new WebAssembly.Module(Uint8Array.from(bytes));
  },

  // Has every function the type that it is imported with?
  $haveTypes__deps: ["$wasmNumber", "$wasmText", "$writeModule"],
  $haveTypes: (entries) => {
    const types = [...new Set(entries.map(([, type]) => type))];
    const module = writeModule(types, [[2, entries.map(([, type], index) => [1, 101, ...wasmText(String(index)), 0, ...wasmNumber(types.indexOf(type))])]]);
    try {
      new WebAssembly.Instance(module, { e: entries.map(([func]) => func) });
      return true;
    } catch (error) {
      if (!(error instanceof WebAssembly.LinkError)) throw error;
      return false;
    }
  },

  // What stands for the functions that are not there, by their names.
  $bridgesOf__deps: ["$callInLibrary", "$convertJsFunctionToWasm", "$haveTypes", "$importedFunctions", "$wasmNumber", "$wasmText", "$writeModule"],
  $bridgesOf: (binary, localScope, resolve, ownExports) => {
    const bridges = new Map();
    const later = [];
    const there = [];
    for (const [name, type] of importedFunctions(binary)) {
      if (name in wasmImports && !wasmImports[name].stub) continue;
      // A library that this one needs has it: nothing is in between, if the types agree.
      const func = localScope?.[name];
      if (typeof func === "function") there.push([name, func, type]);
      else later.push([name, type]);
    }
    const agree = (entries) => haveTypes(entries.map(([, func, type]) => [func, type]));
    const fitting = there.length === 0 || agree(there) ? there : there.filter((entry) => agree([entry]));
    for (const [name, func] of fitting) bridges.set(name, func);
    if (later.length === 0) return bridges;

    const signed = (value) => (value < 64 ? [value] : [(value & 127) | 128, ...signed(value >>> 7)]);
    const types = ["vi", ...new Set(later.map(([, type]) => type))];
    const indexOfType = new Map(types.map((type, index) => [type, index]));
    // The function that asks is imported, and is number 0; then come those that are given out, then those that are in the table at first.
    const call = (index, type) => [...Array.from(type.slice(1), (_, parameter) => [0x20, ...wasmNumber(parameter)]).flat(), 0x41, ...signed(index), 0x11, ...wasmNumber(indexOfType.get(type)), 0];
    const body = (code) => {
      const content = [0, ...code, 0x0b];
      return [...wasmNumber(content.length), ...content];
    };
    const ofTypes = later.map(([, type]) => wasmNumber(indexOfType.get(type)));
    const module = writeModule(types, [
      [2, [[...wasmText("e"), ...wasmText("find"), 0, 0]]],
      [3, [...ofTypes, ...ofTypes]],
      [4, [[0x70, 0, ...wasmNumber(later.length)]]],
      [7, [[...wasmText("table"), 1, 0], ...later.map((_, index) => [...wasmText(String(index)), 0, ...wasmNumber(index + 1)])]],
      [9, [[0, 0x41, 0, 0x0b, ...wasmNumber(later.length), ...later.flatMap((_, index) => wasmNumber(later.length + index + 1))]]],
      [10, [
        ...later.map(([, type], index) => body(call(index, type))),
        ...later.map(([, type], index) => body([0x41, ...signed(index), 0x10, 0, ...call(index, type)])),
      ]],
    ]);
    const find = (index) => {
      const [name, type] = later[index];
      const func = resolve(name);
      const isWasm = /^\d+$/.test(func.name);
      const isFitting = isWasm && (ownExports()?.[name] === func || haveTypes([[func, type]]));
      exports["table"].set(index, isFitting ? func : convertJsFunctionToWasm((...args) => callInLibrary(func, args), type));
    };
    const { exports } = new WebAssembly.Instance(module, { e: { find } });
    for (const [index, [name]] of later.entries()) bridges.set(name, exports[String(index)]);
    return bridges;
  },
});
