// JS-141: programs as users write them compile against the declarations of the distribution. Nothing here runs.
import { loadPyodide, version, type Lockfile, type PackageData, type PyodideAPI, type PyodideConfig, type PyodideInterface, type TypedArray } from "pyodide";
import type { PyCallable, PyDict, PyProxy, PyProxyWithGet, PyBufferView, PySequence, PythonError, TypedArray as FfiTypedArray } from "pyodide/ffi";
// @ts-expect-error JS-146: an alias of `any` that was removed
import type { Py2JsResult } from "pyodide";

export type Removed = Py2JsResult;

/** JS-083: the elements of a view, under both names. */
export function bytesOf(view: PyBufferView): Uint8Array {
  const data: TypedArray = view.data;
  const same: FfiTypedArray = data;
  return same instanceof Uint8Array ? same : new Uint8Array(same.buffer, same.byteOffset, same.byteLength);
}

export function namesIn(lockfile: Lockfile): string[] {
  return Object.keys(lockfile.packages);
}

const config: PyodideConfig = {
  indexURL: "https://example.org/pyodide/",
  packages: ["numpy"],
  env: { HOME: "/home/me" },
  args: ["-X", "dev"],
  stdout: (line: string) => console.log(line),
  fullStdLib: false,
  keepBorrowedProxies: true,
};

export async function main(): Promise<void> {
  const pyodide: PyodideInterface = await loadPyodide(config);
  const same: PyodideAPI = pyodide;
  const text: string = version;
  const answer: number = pyodide.runPython("6 * 7");
  const names: PyDict = pyodide.globals;
  pyodide.runPython("x = y", { globals: names, locals: pyodide.toPy({ y: answer }), filename: "mine.py" });
  const math = pyodide.pyimport("math");
  const two: number = math.comb(2, 1);
  const loaded: PackageData[] = await pyodide.loadPackage(["numpy", "micropip"], { checkIntegrity: false, messageCallback: console.log });
  const value: unknown = await pyodide.runPythonAsync("await thing()");
  pyodide.registerJsModule("mine", { two, text, value });
  pyodide.setStdin({ stdin: () => "line" });
  pyodide.setStdout({ batched: (line: string) => console.log(line), isatty: true });
  pyodide.setInterruptBuffer(new Uint8Array(new SharedArrayBuffer(1)));
  pyodide.FS.writeFile("/a.txt", "text", { encoding: "utf8" });
  const bytes: Uint8Array = pyodide.FS.readFile("/a.txt");
  console.log(same === pyodide, loaded.map(({ name, version: v }) => `${name} ${v}`), bytes.length, pyodide.ERRNO_CODES["ENOENT"]);
  use(pyodide, pyodide.runPython("[1]"));
  // @ts-expect-error there is no such option
  await loadPyodide({ homedir: "/" });
  // @ts-expect-error the code is a string
  pyodide.runPython(5);
}

function use({ ffi }: PyodideInterface, value: unknown): void {
  if (value instanceof ffi.PyProxy) {
    const proxy: PyProxy = value;
    const name: string = proxy.type;
    const copy = proxy.copy();
    copy.destroy({ message: `${name} is done` });
    const converted = proxy.toJs({ depth: 1, dict_converter: Object.fromEntries, pyproxies: [], create_pyproxies: false });
    console.log(converted, proxy.toString());
  }
  if (value instanceof ffi.PyCallable) {
    const f: PyCallable = value;
    console.log(f(1, 2), f.callKwargs(1, { key: 2 }), f.apply(null, [1]), f.bind(null, 1)(2), f.captureThis(), f.callRelaxed(1, 2, 3));
    const promised: Promise<unknown> = f.callPromising(1);
    void promised;
  }
  if (value instanceof ffi.PyDict) {
    value.set("key", 1);
    console.log(value.get("key"), value.has("key"), value.length);
    value.delete("key");
  }
  if (value instanceof ffi.PyProxyWithGet) {
    const adapted: unknown = (value satisfies PyProxyWithGet).asJsJson();
    JSON.stringify(adapted);
  }
  if (value instanceof ffi.PySequence) {
    const sequence: PySequence = value;
    const doubled = sequence.map((item) => item * 2);
    console.log(doubled.length, sequence.at(-1), [...sequence], sequence.includes(1));
  }
  if (value instanceof ffi.PyMutableSequence) {
    value.push(1, 2);
    value.sort().reverse();
  }
  if (value instanceof ffi.PyBuffer) {
    const view: PyBufferView = value.getBuffer("f64");
    const { shape, strides, data, c_contiguous } = view;
    console.log(shape.length, strides[0], data.byteLength, c_contiguous);
    view.release();
  }
  if (value instanceof ffi.PyIterator) {
    const { done, value: item } = value.next();
    console.log(done, item);
  }
  if (value instanceof ffi.PyGenerator) value.return(1);
  if (value instanceof ffi.PyAwaitable) void value.then((result) => result);
  if (value instanceof ffi.PyAsyncIterable) void (async () => { for await (const item of value) console.log(item); })();
  if (value instanceof ffi.PythonError) {
    const error: PythonError = value;
    const kind: string = error.type;
    console.log(kind, error.message);
  }
}
