/**
 * Tags: does a wheel fit this interpreter?
 * Not here: choosing among several wheels (installers do that in Python, with the `packaging` library).
 * Invariant: what is refused here could not be imported; pure wheels and the platforms of `versions.toml` are accepted.
 */

import { PLATFORM_TAGS, PYTHON_VERSION } from "../loader/constants";
import type { WheelName } from "./wheel-name";

/** A wheel for another Python or another platform. */
export class IncompatibleWheelError extends Error {
  override readonly name = "IncompatibleWheelError";
}

export interface Target {
  /** Such as `3.14.7`. */
  readonly python: string;
  readonly platforms: readonly string[];
}

const THIS: Target = { python: PYTHON_VERSION, platforms: PLATFORM_TAGS };

/** Throws one sentence, which says what the wheel is for and what is accepted, if the wheel does not fit. */
export function checkTags(wheel: WheelName, target: Target = THIS): void {
  const [major = "3", minor = "0"] = target.python.split(".");
  const version = `${major}.${minor}`;
  const refuse = (is: string, wanted: string): never => {
    throw new IncompatibleWheelError(`The wheel ${wheel.fileName} is for ${is}; this is Python ${version} on WebAssembly, which accepts ${wanted}.`);
  };
  // Earlier names of the platforms.
  const platforms = [...target.platforms, ...target.platforms.map((tag) => tag.replace(/^pyemscripten_/, "pyodide_"))];
  if (!wheel.platforms.some((tag) => tag === "any" || platforms.includes(tag))) {
    refuse(`the platform ${wheel.platforms.join(" or ")}`, `wheels for any platform (\`any\`) and for ${target.platforms.map((tag) => `\`${tag}\``).join(" or ")}`);
  }
  const here = Number(minor);
  const fits = (python: string, abi: string): boolean => {
    const match = /^(py|cp)(\d)(\d*)$/.exec(python);
    if (match === null || match[2] !== major) {
      return false;
    }
    const [, kind, , digits] = match;
    const wanted = digits === "" ? undefined : Number(digits);
    if (kind === "py") {
      return abi === "none" && (wanted === undefined || wanted <= here);
    }
    if (abi === "abi3") {
      return wanted !== undefined && wanted >= 2 && wanted <= here;
    }
    return wanted === here ? abi === "none" || abi === `cp${major}${minor}` : wanted === undefined && abi === "none";
  };
  if (!wheel.pythons.some((python) => wheel.abis.some((abi) => fits(python, abi)))) {
    refuse(
      `${wheel.pythons.join(" or ")} with the ABI ${wheel.abis.join(" or ")}`,
      `\`py${major}\` with \`none\`, \`cp${major}${minor}\` with \`cp${major}${minor}\`, and earlier ones with \`abi3\``,
    );
  }
}
