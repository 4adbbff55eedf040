/**
 * Functions of the main module are called without the call trampoline (`cpython/0006-*.patch`): each must have the WebAssembly type
 * that CPython calls it with, or the call traps. This looks at all of them, by the structures that CPython keeps them in.
 */
import { test } from "../harness/registry.mjs";

const COLLECT = `
import ctypes, importlib, struct, sys, types

def word(address):
    return struct.unpack("<I", ctypes.string_at(address, 4))[0]

def collect():
    for name in sys.builtin_module_names:
        importlib.import_module(name)
    rows, seen = [], set()
    def method(definition, name):
        if definition and definition not in seen:
            seen.add(definition)
            rows.append([name, word(definition + 4), "method", word(definition + 8) & 0xffff])
    def visit(names, owner):
        for key, value in list(names.items()):
            kind, name = type(value).__name__, f"{owner}.{key}"
            if kind in ("method_descriptor", "classmethod_descriptor"):
                method(word(id(value) + 20), name)
            elif kind == "builtin_function_or_method":
                method(word(id(value) + 8), name)
            elif kind == "getset_descriptor" and (definition := word(id(value) + 20)):
                rows.append([name, word(definition + 4), "getter", 0])
                rows.append([name, word(definition + 8), "setter", 0])
    classes = {object}
    waiting = [object]
    while waiting:
        for child in type.__subclasses__(waiting.pop()):
            if child not in classes:
                classes.add(child)
                waiting.append(child)
    for cls in classes:
        visit(type.__dict__["__dict__"].__get__(cls), cls.__qualname__)
    for name, module in list(sys.modules.items()):
        # Registered JavaScript objects are among the modules.
        if isinstance(module, types.ModuleType):
            visit(vars(module), name)
    return rows

collect()
`;

const VARARGS = 1, KEYWORDS = 2, NOARGS = 4, O = 8, FASTCALL = 0x80, METHOD = 0x200;
/** Without what says where the function belongs: class, static, coexist. */
const CONVENTION = VARARGS | KEYWORDS | NOARGS | O | FASTCALL | METHOD;
const METHOD_PARAMETERS = new Map([
  [VARARGS, 2],
  [VARARGS | KEYWORDS, 3],
  [NOARGS, 2],
  [O, 2],
  [FASTCALL, 3],
  [FASTCALL | KEYWORDS, 4],
  [FASTCALL | KEYWORDS | METHOD, 5],
]);

test("BUILD-51 Every method, getter and setter has the type that CPython calls it with", { timeout: 240 }, ({ py, assert }) => {
  const proxy = py.runPython(COLLECT);
  const rows = proxy.toJs();
  proxy.destroy();
  const wrong = [];
  let checked = 0;
  for (const [name, pointer, kind, flags] of rows) {
    if (pointer === 0) continue;
    checked++;
    const expected = kind === "getter" ? 2 : kind === "setter" ? 3 : METHOD_PARAMETERS.get(flags & CONVENTION);
    const found = py._module.wasmTable.get(pointer).length;
    if (found !== expected) wrong.push(`${name}: ${kind}, flags ${flags}, ${found} parameters`);
  }
  assert.deepEqual(wrong, []);
  assert.ok(checked > 2500, `only ${checked} functions found`);
});
