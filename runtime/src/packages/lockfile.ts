/**
 * Lock file: which packages a distribution has, what they need and what they hash to.
 * Not here: reading and installing anything (loader.ts).
 * Invariant: a lock file that this class accepted has well-formed entries; one name, one entry.
 */

import { PLATFORM_TAGS } from "../loader/constants";

/** How a package gets into the file system. */
export type PackageType = "package" | "cpython_module" | "shared_library" | "static_library";

export interface LockfileInfo {
  readonly arch?: string;
  readonly platform?: string;
  readonly version?: string;
  readonly python?: string;
  readonly abi_version?: string;
}

export interface LockfilePackage {
  readonly name: string;
  readonly version: string;
  readonly file_name: string;
  readonly install_dir: "site" | "dynlib" | "stdlib";
  /** Empty where the lock file has none: such a package is loaded only without a check. */
  readonly sha256: string;
  readonly package_type: PackageType;
  readonly imports: readonly string[];
  readonly depends: readonly string[];
  readonly unvendored_tests?: boolean;
}

/** The content of `pyodide-lock.json`. */
export interface LockfileContent {
  readonly info: LockfileInfo;
  readonly packages: Readonly<Record<string, LockfilePackage>>;
}

/** Name of a package as the packaging standards compare it. */
export function normalizeName(name: string): string {
  return name.replace(/[-_.]+/g, "-").toLowerCase();
}

export class Lockfile {
  private readonly byName = new Map<string, LockfilePackage>();
  private readonly byImport = new Map<string, string>();

  /** Checks `content`; `source` says in error messages where it came from. */
  constructor(readonly content: LockfileContent, readonly source: string) {
    for (const entry of Object.values(content.packages)) {
      const name = normalizeName(entry.name);
      if (this.byName.has(name)) {
        throw new Error(`${source}: the package ${name} is listed twice.`);
      }
      this.byName.set(name, entry);
      for (const imported of entry.imports) {
        this.byImport.set(imported, name);
      }
    }
    // micropip.freeze knows what a wheel is imported as only if its authors say so (top_level.txt), which most do not any more.
    for (const [name, { imports, package_type, name: spelling }] of this.byName) {
      if (imports.length === 0 && package_type === "package") {
        for (const module of [spelling, name].map((one) => one.replace(/[-.]/g, "_"))) {
          if (!this.byImport.has(module)) {
            this.byImport.set(module, name);
          }
        }
      }
    }
  }

  static parse(value: unknown, source: string): Lockfile {
    const root = record(value);
    const packages = record(root?.["packages"]);
    if (root === undefined || packages === undefined) {
      throw new Error(`${source} is not a lock file: it has no \`packages\`.`);
    }
    const info = record(root["info"]) ?? {};
    checkAbi(info["abi_version"], source);
    const entries: [string, LockfilePackage][] = Object.entries(packages).map(([key, entry]) => [key, parsePackage(key, entry, source)]);
    return new Lockfile({ ...root, info: info as LockfileInfo, packages: Object.fromEntries(entries) }, source);
  }

  /** The entry of a package, by any spelling of its name. */
  find(name: string): LockfilePackage | undefined {
    return this.byName.get(normalizeName(name));
  }

  /** The package that a module of this top-level name comes from. */
  findImport(module: string): string | undefined {
    return this.byImport.get(module);
  }

  /** Names of the unvendored parts of the standard library. */
  standardLibrary(): string[] {
    return [...this.byName].filter(([name, entry]) => entry.package_type === "cpython_module" && name !== "test").map(([name]) => name);
  }

  /**
   * The named packages and all they depend on, dependencies first.
   * Names for which `skip` is true are left out together with what only they need.
   */
  resolve(names: Iterable<string>, skip: (name: string) => boolean): LockfilePackage[] {
    const order: LockfilePackage[] = [];
    const seen = new Set<string>();
    // A list instead of calls: lock files come from outside, and how deep they go must not depend on the engine's stack.
    const open: { readonly entry: LockfilePackage; next: number }[] = [];
    const enter = (raw: string, neededBy: string | undefined): void => {
      const name = normalizeName(raw);
      if (seen.has(name) || skip(name)) {
        return;
      }
      seen.add(name);
      const entry = this.byName.get(name);
      if (entry === undefined) {
        throw new Error(
          neededBy === undefined
            ? `No known package with name '${raw}': it is not in the lock file ${this.source}. Packages from PyPI are installed with micropip.`
            : `The package ${JSON.stringify(raw)}, which ${neededBy} needs, is not in the lock file ${this.source}.`,
        );
      }
      open.push({ entry, next: 0 });
    };
    for (const root of names) {
      enter(root, undefined);
      for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
        const dependency = top.entry.depends[top.next++];
        if (dependency !== undefined) {
          enter(dependency, normalizeName(top.entry.name));
        } else {
          order.push(top.entry);
          open.pop();
        }
      }
    }
    return order;
  }
}

/** A lock file of another version has wheels that do not load, and says so once instead of once for each of them. */
function checkAbi(abi: unknown, source: string): void {
  const accepted = PLATFORM_TAGS.map((tag) => tag.replace(/^pyemscripten_|_wasm32$/g, ""));
  if (typeof abi === "string" && !accepted.includes(abi)) {
    throw new Error(`${source} is a lock file for another version of the distribution: its \`abi_version\` is ${JSON.stringify(abi)}, expected ${accepted.join(" or ")}.`);
  }
}

function parsePackage(key: string, value: unknown, source: string): LockfilePackage {
  const entry = record(value);
  const fail = (problem: string): never => {
    throw new Error(`${source}: package ${JSON.stringify(key)}: ${problem}.`);
  };
  if (entry === undefined) {
    return fail("the entry is not an object");
  }
  const text = (name: string, fallback?: string): string => {
    const found = entry[name] ?? fallback;
    return typeof found === "string" ? found : fail(`\`${name}\` must be a string`);
  };
  const list = (name: string): string[] => {
    const found = entry[name] ?? [];
    return Array.isArray(found) && found.every((item) => typeof item === "string") ? (found as string[]) : fail(`\`${name}\` must be a list of strings`);
  };
  const choice = <T extends string>(name: string, fallback: T, known: readonly T[]): T => {
    const found = text(name, fallback);
    return known.find((one) => one === found) ?? fail(`\`${name}\` is ${JSON.stringify(found)}; expected one of ${known.join(", ")}`);
  };
  return {
    ...entry,
    name: text("name", key),
    version: text("version", ""),
    file_name: text("file_name"),
    install_dir: choice("install_dir", "site", ["site", "dynlib", "stdlib"]),
    sha256: text("sha256", ""),
    package_type: choice("package_type", "package", ["package", "cpython_module", "shared_library", "static_library"]),
    imports: list("imports"),
    depends: list("depends"),
  };
}

function record(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
}
