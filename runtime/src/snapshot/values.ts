/**
 * JavaScript values of a snapshot: says how each value that Python holds is found again, and finds it.
 * Owns: what can be saved (primitive values, symbols that have a name, PyProxies, objects reached by property names from a root) and
 * what cannot. Not here: who holds a value in Python (`_pyodide._snapshot`).
 * Invariant: a getter is called only if Python code has used an attribute of its name; getters may have effects.
 */

import type { Core } from "../boundary/core";
import { valueFlags } from "../boundary/flags";
import { type SavedHandle, type SavedValue, SnapshotError } from "./format";

/** Objects from which others are reached, by name. */
export type Roots = Readonly<Record<string, object>>;

const DEPTH_MAX = 3;
const OBJECTS_MAX = 10_000;

const isObject = (value: unknown): value is object => (typeof value === "object" && value !== null) || typeof value === "function";

/** All handles as saved values, and those that cannot be saved. */
export function saveHandles(core: Core, roots: Roots): { saved: SavedHandle[]; unsavable: { handle: number; value: unknown }[] } {
  const saved: SavedHandle[] = [];
  const unsavable: { handle: number; value: unknown }[] = [];
  const wanted = new Map<object, (path: readonly [string, ...string[]]) => void>();
  const names = new Set<string>();
  const entries = core.handleEntries();
  for (const [, value] of entries) {
    if (typeof value === "string") {
      names.add(value);
    }
  }
  const objects: [number, object][] = [];
  for (const [handle, value] of entries) {
    const found = savePrimitive(value) ?? saveProxy(core, value);
    if (found !== undefined) {
      saved.push({ handle, ...found, identity: core.identityOf(value) });
    } else if (isObject(value)) {
      objects.push([handle, value]);
      wanted.set(value, () => undefined);
    } else {
      unsavable.push({ handle, value });
    }
  }
  const paths = findPaths(new Set(wanted.keys()), roots, names);
  for (const [handle, value] of objects) {
    const path = paths.get(value);
    if (path === undefined) {
      unsavable.push({ handle, value });
    } else {
      saved.push({ handle, path, flags: valueFlags(value), identity: core.identityOf(value) });
    }
  }
  return { saved, unsavable };
}

function savePrimitive(value: unknown): SavedValue | undefined {
  switch (typeof value) {
    case "string":
    case "boolean":
      return { value };
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0) ? { value } : { number: Object.is(value, -0) ? "-0" : String(value) };
    case "bigint":
      return { bigint: String(value) };
    case "symbol": {
      const key = Symbol.keyFor(value);
      if (key !== undefined) {
        return { symbol: key, isWellKnown: false };
      }
      const wellKnown = Object.getOwnPropertyNames(Symbol).find((name) => (Symbol as unknown as Record<string, unknown>)[name] === value);
      return wellKnown === undefined ? undefined : { symbol: wellKnown, isWellKnown: true };
    }
    default:
      return value === null ? { value } : undefined;
  }
}

function saveProxy(core: Core, value: unknown): SavedValue | undefined {
  const state = core.proxies.find(value);
  // A proxy that shares the lifetime of another is part of it.
  if (state === undefined || !state.lifetime.isAlive || state.proxy !== value) {
    return undefined;
  }
  return { object: state.lifetime.object, flags: state.flags };
}

/** Breadth first, so that the shortest path is found. */
function findPaths(wanted: ReadonlySet<object>, roots: Roots, names: ReadonlySet<string>): Map<object, readonly [string, ...string[]]> {
  const paths = new Map<object, readonly [string, ...string[]]>();
  const seen = new Set<object>();
  let level: [object, readonly [string, ...string[]]][] = [];
  const visit = (value: unknown, path: readonly [string, ...string[]], next: typeof level): void => {
    if (!isObject(value) || seen.has(value) || seen.size > OBJECTS_MAX) {
      return;
    }
    seen.add(value);
    if (wanted.has(value)) {
      paths.set(value, path);
    }
    // The insides of Emscripten are nobody's names.
    if (path.length !== 2 || path[0] !== "api" || path[1] === "_api") {
      next.push([value, path]);
    }
  };
  for (const [name, root] of Object.entries(roots)) {
    visit(root, [name], level);
  }
  for (let depth = 0; depth < DEPTH_MAX && paths.size < wanted.size; depth++) {
    const next: typeof level = [];
    for (const [object, path] of level) {
      for (const [name, value] of members(object, names)) {
        visit(value, [...path, name], next);
      }
    }
    level = next;
  }
  return paths;
}

function* members(object: object, names: ReadonlySet<string>): Iterable<[string, unknown]> {
  let own: Record<string, PropertyDescriptor>;
  // Elements are no names.
  if (ArrayBuffer.isView(object) || Array.isArray(object)) {
    return;
  }
  try {
    own = Object.getOwnPropertyDescriptors(object);
  } catch {
    return; // an object that does not like to be asked
  }
  for (const [name, descriptor] of Object.entries(own)) {
    if ("value" in descriptor) {
      yield [name, descriptor.value];
    }
  }
  for (const name of names) {
    let value: unknown;
    try {
      if (own[name] !== undefined && "value" in (own[name] as PropertyDescriptor)) {
        continue;
      }
      if (!(name in object)) {
        continue;
      }
      value = (object as Record<string, unknown>)[name];
    } catch {
      continue;
    }
    yield [name, value];
  }
}

/** The value of a saved handle, in this realm. */
export function findValue(core: Core, saved: SavedHandle, roots: Roots): unknown {
  if ("value" in saved) {
    return saved.value;
  }
  if ("number" in saved) {
    return Number(saved.number);
  }
  if ("bigint" in saved) {
    return BigInt(saved.bigint);
  }
  if ("symbol" in saved) {
    return saved.isWellKnown ? (Symbol as unknown as Record<string, unknown>)[saved.symbol] : Symbol.for(saved.symbol);
  }
  if ("object" in saved) {
    return core.adoptProxy(saved.object, saved.flags);
  }
  const [root, ...names] = saved.path;
  let value: unknown = roots[root];
  for (const name of names) {
    value = isObject(value) ? (value as Record<string, unknown>)[name] : undefined;
  }
  if (!isObject(value)) {
    throw new SnapshotError(
      root === "globals" || root === "api"
        ? `The snapshot needs the JavaScript object \`${[root === "globals" ? "js" : "pyodide_js", ...names].join(".")}\`, which does not exist here`
        : `The snapshot needs the JavaScript module \`${root.replace(/^module:/, "")}\`${names.length === 0 ? "" : ` with \`${names.join(".")}\``}: pass it to loadPyodide as \`jsModules\``,
    );
  }
  return value;
}

/** Would Python take this value for something else than at the time of saving? */
export function hasChanged(saved: SavedHandle, value: unknown): boolean {
  return "path" in saved && valueFlags(value) !== saved.flags;
}
