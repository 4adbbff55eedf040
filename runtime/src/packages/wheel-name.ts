/**
 * Wheel file names: `name-version(-build)?-python-abi-platform.whl`.
 * Not here: whether the tags fit this interpreter.
 */

export interface WheelName {
  readonly fileName: string;
  readonly name: string;
  readonly version: string;
}

/** Does this argument of `loadPackage` name a wheel by its address? */
export function isWheelAddress(name: string): boolean {
  return name.includes("/") || name.endsWith(".whl");
}

/** The parts of the file name at the end of a URL or path. Throws if it is no wheel name. */
export function parseWheelAddress(address: string): WheelName {
  const fileName = decodeURIComponent(address.replace(/[?#].*$/s, "").split(/[\\/]/).pop() ?? "");
  const parts = fileName.endsWith(".whl") ? fileName.slice(0, -4).split("-") : [];
  const [name, version] = parts;
  if ((parts.length !== 5 && parts.length !== 6) || !name || !version) {
    throw new Error(
      `${JSON.stringify(address)} does not end with the name of a wheel; expected name-version-python-abi-platform.whl.`,
    );
  }
  return { fileName, name, version };
}
