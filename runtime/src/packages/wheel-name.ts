/**
 * Wheel file names: `name-version(-build)?-python-abi-platform.whl`.
 * Not here: whether the tags fit this interpreter (tags.ts).
 */

export interface WheelName {
  readonly fileName: string;
  readonly name: string;
  readonly version: string;
  readonly pythons: readonly string[];
  readonly abis: readonly string[];
  readonly platforms: readonly string[];
}

/** Does this argument of `loadPackage` name a wheel by its address? */
export function isWheelAddress(name: string): boolean {
  return name.includes("/") || name.startsWith("emfs:") || /\.whl([?#]|$)/.test(name);
}

/** The last part of a URL or path, decoded. Never has a separator: what is joined to a folder stays in it. */
export function fileNameOf(address: string): string {
  const last = lastPart(address.replace(/[?#].*$/s, "")).replace(/^emfs:/, "");
  try {
    return lastPart(decodeURIComponent(last));
  } catch {
    return last;
  }
}

function lastPart(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}

/** The parts of a wheel's file name; undefined if it is none. */
export function parseWheelName(fileName: string): WheelName | undefined {
  const parts = fileName.endsWith(".whl") ? fileName.slice(0, -4).split("-") : [];
  const [name, version] = parts;
  if ((parts.length !== 5 && parts.length !== 6) || parts.includes("") || name === undefined || version === undefined) {
    return undefined;
  }
  const [pythons = [], abis = [], platforms = []] = parts.slice(-3).map((tags) => tags.split("."));
  return { fileName, name, version, pythons, abis, platforms };
}

/** The parts of the file name at the end of a URL or path. Throws if it is no wheel name. */
export function parseWheelAddress(address: string): WheelName {
  const wheel = parseWheelName(fileNameOf(address));
  if (wheel === undefined) {
    throw new Error(`${JSON.stringify(address)} does not end with the name of a wheel; expected name-version-python-abi-platform.whl.`);
  }
  return wheel;
}
