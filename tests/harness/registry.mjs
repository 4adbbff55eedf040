/**
 * Where a test file registers its cases.
 * Owns: the list of cases of the file that is being imported, and the shape of a case.
 * Invariant: one file is imported at a time, so the list is that file's.
 */

let cases = [];
let fileOptions = {};

/**
 * Registers one case. Its name starts with the ids of the rows of the feature inventory that it proves.
 *
 * Options:
 * - `skip`: a reason, or a function `(env) => reason | undefined`.
 * - `leak`: `{ handles, proxies, reason }`: what the case leaves behind on purpose.
 * - `noLeakCheck`: a reason why counts mean nothing here.
 * - `timeout`: seconds, default 120.
 */
export function test(name, options, body) {
  if (body === undefined) [options, body] = [{}, options];
  if (cases.some((other) => other.name === name)) throw new Error(`Two tests are named "${name}"`);
  cases.push({ name, options, body });
}

/** Options of the whole file: `load` (options of the shared interpreter), or `noInterpreter: true` where there is none. */
export function configure(options) {
  fileOptions = { ...fileOptions, ...options };
}

/** Takes the cases registered since the last call. */
export function takeCases() {
  const taken = { cases, options: fileOptions };
  cases = [];
  fileOptions = {};
  return taken;
}
