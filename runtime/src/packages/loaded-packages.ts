/**
 * Loaded packages: names and where they came from, as `pyodide.loadedPackages` shows them.
 * Invariant: a package is found by every spelling of its name, and listed once, by the spelling under which it came. Installers
 * written in Python add and remove entries, too.
 */

import { normalizeName } from "./lockfile";

/** An object whose keys are names of packages. */
export function makeLoadedPackages(): Record<string, string> {
  const spelling = (target: Record<string, string>, key: string | symbol): string | symbol => {
    if (typeof key === "symbol" || Object.hasOwn(target, key)) {
      return key;
    }
    const name = normalizeName(key);
    return Object.keys(target).find((candidate) => normalizeName(candidate) === name) ?? key;
  };
  return new Proxy<Record<string, string>>({}, {
    has: (target, key) => Reflect.has(target, spelling(target, key)),
    get: (target, key) => Reflect.get(target, spelling(target, key)) as unknown,
    set: (target, key, value) => Reflect.set(target, spelling(target, key), value),
    deleteProperty: (target, key) => Reflect.deleteProperty(target, spelling(target, key)),
    getOwnPropertyDescriptor: (target, key) => Reflect.getOwnPropertyDescriptor(target, spelling(target, key)),
    defineProperty: (target, key, descriptor) => Reflect.defineProperty(target, spelling(target, key), descriptor),
  });
}
