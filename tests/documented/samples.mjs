/**
 * The samples of the documentation by name, from samples.txt.
 * Invariant: a sample comes as the document has it, to the character.
 * Not here: running them.
 */

/** `(name) => text` of what samples.txt holds. */
export function parseSamples(text) {
  const found = new Map();
  for (const part of text.split(/^=== /m).slice(1)) {
    const [, name, body] = part.match(/^(.*) \(\d+-\d+\)\n([\s\S]*)\n$/);
    found.set(name, body);
  }
  return (name) => {
    if (!found.has(name)) throw new Error(`There is no sample "${name}"; there are ${[...found.keys()].join(", ")}`);
    return found.get(name);
  };
}

/** Runs a sample of JavaScript as a script would, with `names` in scope; answers the value of the expression `result`. */
export function runSample(text, names = {}, result = "undefined") {
  return new Function(...Object.keys(names), `${text}\nreturn ${result};`)(...Object.values(names));
}
