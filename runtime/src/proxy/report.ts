/**
 * A report about the PyProxies that are alive: what they stand for, where they were made, and the cycles through both languages that
 * no garbage collector can see.
 * Only proxies that were made in debug mode (`setDebug(true)`) are known: otherwise nothing is noted, and nothing costs.
 * Not here: what variables of JavaScript functions refer to, which nobody can look into.
 */
import type { Lifetime } from "./lifetime";
import type { ProxyRegistry } from "./registry";

/** A PyProxy that is alive. */
export interface LiveProxy {
  /** Name of the type of its object. */
  readonly type: string;
  /** `repr` of the object when the proxy was made, shortened. */
  readonly repr: string;
  /** The JavaScript stack where the proxy was made. */
  readonly madeAt: string;
}

/** What `proxyReport` gives. */
export interface ProxyReport {
  readonly proxies: readonly LiveProxy[];
  /** Proxies that keep each other alive through their objects and JavaScript objects; destroying one of each group ends it. */
  readonly cycles: readonly (readonly LiveProxy[])[];
}

/** JavaScript objects looked at for one proxy. */
const OBJECTS_MAX = 5000;

/** The report. */
export function reportProxies(registry: ProxyRegistry): ProxyReport {
  const lifetimes = [...registry.noted];
  const live = new Map(lifetimes.map((lifetime) => [lifetime, describe(lifetime)]));
  const edges = new Map(lifetimes.map((lifetime) => [lifetime, reachable(registry, lifetime, live)]));
  return { proxies: [...live.values()], cycles: cyclesOf(edges).map((group) => group.map((lifetime) => live.get(lifetime) as LiveProxy)) };
}

function describe(lifetime: Lifetime): LiveProxy {
  const { type = "?", text = "?", madeAt = "" } = lifetime.debugNote ?? {};
  return { type, repr: text, madeAt };
}

/** The lifetimes that the object behind one leads to: through Python to JavaScript objects, and through those to PyProxies. */
function reachable(registry: ProxyRegistry, from: Lifetime, live: ReadonlyMap<Lifetime, unknown>): Set<Lifetime> {
  const found = new Set<Lifetime>();
  const { operations } = registry;
  const helper = registry.require(operations.importModule("_pyodide._debug.javascript_objects_of"), "proxyReport");
  const object = registry.make(operations.clone(from.object), operations.flags(from.object));
  try {
    const roots = operations.call(helper.lifetime.object, [object]);
    const seen = new Set<unknown>();
    const pending: unknown[] = Array.isArray(roots) ? [...(roots as unknown[])] : [];
    while (pending.length > 0 && seen.size < OBJECTS_MAX) {
      const value = pending.pop();
      if ((typeof value !== "object" || value === null) && typeof value !== "function") continue;
      if (seen.has(value) || value === globalThis) continue;
      seen.add(value);
      const state = registry.find(value);
      if (state !== undefined) {
        if (live.has(state.lifetime)) found.add(state.lifetime);
        continue;
      }
      pending.push(...valuesIn(value));
    }
  } finally {
    registry.end(registry.require(object, "proxyReport"), "Object has already been destroyed");
    registry.end(helper, "Object has already been destroyed");
  }
  return found;
}

/** What an object holds, without running a getter. */
function valuesIn(value: object): unknown[] {
  try {
    if (value instanceof Map) return [...value.keys(), ...value.values()];
    if (value instanceof Set) return [...value];
    return Object.values(Object.getOwnPropertyDescriptors(value)).flatMap((descriptor) => ("value" in descriptor ? [descriptor.value as unknown] : []));
  } catch {
    return []; // a proxy that does not like to be looked at
  }
}

/** Groups that lead to each other, and single ones that lead to themselves. */
function cyclesOf(edges: ReadonlyMap<Lifetime, ReadonlySet<Lifetime>>): Lifetime[][] {
  const closure = new Map<Lifetime, Set<Lifetime>>();
  for (const start of edges.keys()) {
    const reached = new Set<Lifetime>();
    const pending = [...(edges.get(start) ?? [])];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (reached.has(next)) continue;
      reached.add(next);
      pending.push(...(edges.get(next) ?? []));
    }
    closure.set(start, reached);
  }
  const groups: Lifetime[][] = [];
  const grouped = new Set<Lifetime>();
  for (const [one, reached] of closure) {
    if (!reached.has(one) || grouped.has(one)) continue;
    const group = [...reached].filter((other) => closure.get(other)?.has(one));
    for (const member of group) grouped.add(member);
    groups.push(group);
  }
  return groups;
}
