/**
 * The assertions of the tests, the same in Node and in a page.
 * Owns: what "equal" means between values that crossed the line (structure, not identity; -0 is not 0; NaN is NaN).
 * Not here: running tests (execute.mjs).
 */

export class AssertionFailure extends Error {
  name = "AssertionFailure";
}

export function fail(message) {
  throw new AssertionFailure(message);
}

/** A short text for a value of any kind, however hostile. */
export function show(value, depth = 3) {
  try {
    if (value === null || value === undefined) return String(value);
    if (Object.is(value, -0)) return "-0";
    if (typeof value === "string") return JSON.stringify(value.length > 400 ? `${value.slice(0, 400)}...` : value);
    if (typeof value === "bigint") return `${value}n`;
    if (typeof value === "symbol" || typeof value === "number" || typeof value === "boolean") return String(value);
    if (typeof value === "function" && typeof value.type !== "string") return `[function ${value.name}]`;
    if (typeof value.type === "string" && typeof value.destroy === "function") return `PyProxy<${value.type}>`;
    if (value instanceof Error) return `${value.name}: ${value.message}`;
    if (depth === 0) return "...";
    if (Array.isArray(value)) return `[${value.slice(0, 50).map((item) => show(item, depth - 1)).join(", ")}]`;
    if (ArrayBuffer.isView(value)) return `${tagOf(value)}(${Array.from(value).slice(0, 50).join(", ")})`;
    if (tagOf(value) === "Map") {
      return `Map{${[...value].map(([key, item]) => `${show(key, depth - 1)} => ${show(item, depth - 1)}`).join(", ")}}`;
    }
    if (tagOf(value) === "Set") return `Set{${[...value].map((item) => show(item, depth - 1)).join(", ")}}`;
    return `{${Object.entries(value).map(([key, item]) => `${key}: ${show(item, depth - 1)}`).join(", ")}}`;
  } catch (error) {
    return `[a value that cannot be shown: ${error?.message}]`;
  }
}

function tagOf(value) {
  return Object.prototype.toString.call(value).slice(8, -1);
}

/** Structural equality. Maps, sets, typed arrays, arrays and plain objects compare by content, all else by `Object.is`. */
export function isDeepEqual(left, right, seen = new Map()) {
  if (Object.is(left, right)) return true;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
  if (seen.get(left) === right) return true;
  const tag = tagOf(left);
  const isMap = (value) => Object.prototype.toString.call(value) === "[object Map]" || value instanceof Map;
  if (isMap(left) && isMap(right)) {
    seen.set(left, right);
    const a = [...Map.prototype.entries.call(left)];
    const b = [...Map.prototype.entries.call(right)];
    return a.length === b.length && a.every((pair, i) => isDeepEqual(pair, b[i], seen));
  }
  if (tag !== tagOf(right)) return false;
  seen.set(left, right);
  if (tag === "Set") {
    const a = [...left];
    const b = [...right];
    return a.length === b.length && a.every((item) => b.some((other) => isDeepEqual(item, other, seen)));
  }
  if (tag === "Date") return left.getTime() === right.getTime();
  if (tag === "ArrayBuffer") return isDeepEqual(new Uint8Array(left), new Uint8Array(right));
  if (tag === "DataView") return isDeepEqual(new Uint8Array(left.buffer, left.byteOffset, left.byteLength), new Uint8Array(right.buffer, right.byteOffset, right.byteLength));
  if (ArrayBuffer.isView(left) || Array.isArray(left)) {
    if (left.length !== right.length) return false;
    for (let i = 0; i < left.length; i++) if (!isDeepEqual(left[i], right[i], seen)) return false;
    return true;
  }
  if (tag !== "Object") return false;
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => Object.hasOwn(right, key) && isDeepEqual(left[key], right[key], seen));
}

function because(what) {
  return what ? `${what}: ` : "";
}

/** What a thrown value says, in one string: its name and its message. */
export function textOfError(error) {
  if (error === null || (typeof error !== "object" && typeof error !== "function")) return String(error);
  return `${error.name}: ${error.message}`;
}

function checkThrown(error, expected, what) {
  if (error instanceof AssertionFailure) throw error;
  const text = textOfError(error);
  const matches =
    expected === undefined ||
    (typeof expected === "string" && text.includes(expected)) ||
    (expected instanceof RegExp && expected.test(text)) ||
    (typeof expected === "function" && error instanceof expected);
  if (!matches) fail(`${because(what)}expected an error with ${show(expected)}, got ${text}`);
  return error;
}

export const assert = {
  fail,

  ok(value, what) {
    if (!value) fail(`${because(what)}expected a true value, got ${show(value)}`);
  },

  equal(actual, expected, what) {
    if (!Object.is(actual, expected)) fail(`${because(what)}expected ${show(expected)}, got ${show(actual)}`);
  },

  notEqual(actual, other, what) {
    if (Object.is(actual, other)) fail(`${because(what)}expected anything but ${show(other)}`);
  },

  deepEqual(actual, expected, what) {
    if (!isDeepEqual(actual, expected)) fail(`${because(what)}expected ${show(expected)}, got ${show(actual)}`);
  },

  match(actual, pattern, what) {
    if (typeof actual !== "string" || !pattern.test(actual)) fail(`${because(what)}expected a match of ${pattern}, got ${show(actual)}`);
  },

  includes(actual, part, what) {
    if (!actual?.includes?.(part)) fail(`${because(what)}expected ${show(part)} in ${show(actual)}`);
  },

  instanceOf(value, type, what) {
    if (!(value instanceof type)) fail(`${because(what)}expected an instance of ${type.name}, got ${show(value)}`);
  },

  /** Calls `work`, which must throw. `expected` is a part of the error's text, a pattern, or a class. Returns what was thrown. */
  throws(work, expected, what) {
    let result;
    try {
      result = work();
    } catch (error) {
      return checkThrown(error, expected, what);
    }
    return fail(`${because(what)}expected an error with ${show(expected)}, got the result ${show(result)}`);
  },

  /** The same for a promise or an async function. */
  async rejects(work, expected, what) {
    let result;
    try {
      result = await (typeof work === "function" ? work() : work);
    } catch (error) {
      return checkThrown(error, expected, what);
    }
    return fail(`${because(what)}expected an error with ${show(expected)}, got the result ${show(result)}`);
  },
};
