/**
 * Wheel: where the members of a wheel go, and what is written beside them.
 * Not here: reading the archive (fs/zip.ts), writing files (fs/lazy-file.ts, loader.ts).
 * Invariants: a wheel has one `.dist-info` directory, which names the package of its file name; what lies in `.data` is
 * spread as the standard says, and RECORD names where everything is.
 */

import type { ZipArchive, ZipMember } from "../fs/zip";
import { normalizeName } from "./lockfile";

/** A wheel whose content is not that of a wheel. */
export class WheelError extends Error {
  override readonly name = "WheelError";
}

export interface PlacedMember {
  /** Absolute path. */
  readonly path: string;
  readonly member: ZipMember;
}

/** What is to be put into the file system for one archive. */
export interface Layout {
  readonly files: readonly PlacedMember[];
  /** Files whose text differs from the archive's, by their path. */
  readonly texts: ReadonlyMap<string, string>;
  /** The `.dist-info` directory, with a slash at its end; undefined for archives that are no wheels. */
  readonly metadata: string | undefined;
  readonly sideModules: readonly PlacedMember[];
}

/** Directories that wheels are spread over. */
export interface Scheme {
  /** `site-packages`, or wherever the package is to go. */
  readonly directory: string;
  readonly prefix: string;
  /** Where headers go, without the name of the package. */
  readonly headers: string;
}

const SIDE_MODULE = /\.so(\.[0-9.]+)?$/;
const WHEEL_VERSION_MAJOR = "1";

/** The layout of an archive that is no wheel: everything goes into one directory. */
export function layOutArchive(archive: ZipArchive, directory: string): Layout {
  const files = archive.members.map((member) => ({ path: `${directory}/${member.name}`, member }));
  const metadata = files.find(({ member }) => /^[^/]+\.dist-info\/METADATA$/.test(member.name));
  return {
    files,
    texts: new Map(),
    metadata: metadata?.path.slice(0, -"METADATA".length),
    sideModules: files.filter(({ path }) => SIDE_MODULE.test(path)),
  };
}

/** The layout of a wheel. `name` is that of its file name. */
export function layOutWheel(archive: ZipArchive, fileName: string, name: string, scheme: Scheme): Layout {
  const fail = (problem: string): never => {
    throw new WheelError(`The wheel ${fileName} is not valid: ${problem}. Nothing of it was installed.`);
  };
  const directories = new Set(archive.members.map((member) => /^([^/]+\.dist-info)\//.exec(member.name)?.[1]).filter((found) => found !== undefined));
  const [metadata = ""] = directories;
  if (directories.size !== 1) {
    fail(directories.size === 0 ? "it has no .dist-info directory" : `it has more than one .dist-info directory (${[...directories].join(", ")})`);
  }
  // What follows the name is the version: `foo-bar-1.dist-info` is no directory of `foo`.
  const wanted = normalizeName(name);
  const own = normalizeName(metadata);
  if (!own.startsWith(`${wanted}-`) || !/^v?\d/.test(own.slice(wanted.length + 1))) {
    fail(`its directory ${metadata} belongs to another package than its file name`);
  }
  const find = (file: string): ZipMember | undefined => archive.members.find((member) => member.name === `${metadata}/${file}`);
  const metadataFile = find("METADATA");
  const named = metadataFile === undefined ? undefined : /^Name:[ \t]*(\S+)/im.exec(headersOf(archive, metadataFile))?.[1];
  if (named !== undefined && normalizeName(named) !== wanted) {
    fail(`its METADATA is that of ${named}, not of ${name}`);
  }
  const wheelFile = find("WHEEL");
  const version = wheelFile === undefined ? undefined : /^Wheel-Version:\s*(\d+)/im.exec(archive.text(wheelFile))?.[1];
  if (version !== undefined && version !== WHEEL_VERSION_MAJOR) {
    fail(`it is of version ${version} of the wheel format; expected version ${WHEEL_VERSION_MAJOR}`);
  }
  const data = `${metadata.slice(0, -".dist-info".length)}.data/`;
  const moved = new Map<string, string>();
  const files = archive.members.map((member) => {
    if (!member.name.startsWith(data)) {
      return { path: `${scheme.directory}/${member.name}`, member };
    }
    const [key = "", ...rest] = member.name.slice(data.length).split("/");
    const roots: Readonly<Record<string, string>> = {
      purelib: scheme.directory,
      platlib: scheme.directory,
      data: scheme.prefix,
      scripts: `${scheme.prefix}/bin`,
      headers: `${scheme.headers}/${name}`,
    };
    if (rest.length === 0) {
      fail(`${JSON.stringify(member.name)} is a file, where a directory is needed`);
    }
    const root = Object.hasOwn(roots, key) ? roots[key] : fail(`${JSON.stringify(member.name)} belongs to no known place; expected ${Object.keys(roots).join(", ")}`);
    const path = `${root}/${rest.join("/")}`;
    moved.set(member.name, relativePath(scheme.directory, path));
    return { path, member };
  });
  const record = find("RECORD");
  const texts = new Map<string, string>();
  if (moved.size > 0 && record !== undefined) {
    texts.set(`${scheme.directory}/${record.name}`, rewriteRecord(archive.text(record), moved));
  }
  return { files, texts, metadata: `${scheme.directory}/${metadata}/`, sideModules: files.filter(({ path }) => SIDE_MODULE.test(path)) };
}

/** The headers of a METADATA file; the description behind them may be long, and may have lines that look like headers. */
function headersOf(archive: ZipArchive, member: ZipMember): string {
  return archive.text(member).split(/\r?\n\r?\n/, 1)[0] as string;
}

/** RECORD with the places that files were moved to; each line is `path,hash,size`. */
function rewriteRecord(record: string, moved: ReadonlyMap<string, string>): string {
  return record.replace(/^(?:"((?:[^"]|"")*)"|([^,\r\n]*))/gm, (field: string, quoted: string | undefined, plain: string | undefined) => {
    const target = moved.get(quoted?.replaceAll('""', '"') ?? plain ?? "");
    return target === undefined ? field : /[",]/.test(target) ? `"${target.replaceAll('"', '""')}"` : target;
  });
}

/** `to` as seen from the directory `from`; both absolute. */
function relativePath(from: string, to: string): string {
  const source = from.split("/").filter(Boolean);
  const target = to.split("/").filter(Boolean);
  let common = 0;
  while (common < source.length && common < target.length - 1 && source[common] === target[common]) {
    common++;
  }
  return [...source.slice(common).map(() => ".."), ...target.slice(common)].join("/");
}
