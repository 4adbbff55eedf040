/**
 * Turns a prose test (`*.md`) into a module.
 * Owns: the format. Every `## ` heading is a case, its `js` and `py` blocks run in order, the expectations are comments:
 *
 *     js   expression // => value        deeply equal to the JavaScript expression
 *          expression // throws text     text is part of "Name: message"
 *          expression // own => value    as `=>`, and the actual value is destroyed after the test
 *     py   expression  # => value        equal to the Python expression, and of the same type
 *          statement  # raises text      text is part of "Name: message"
 *
 * A line `> skip in node20: reason` below the heading skips the case there (`everywhere` for all), `> leaks: reason` says that
 * it leaks on purpose. A block marked `py await` runs with top-level await.
 * Invariant: an expectation stands on the line of the expression or statement that it is about, and that line is complete.
 */

const EXPECT_JS = /^(\s*)(.+?);?\s*\/\/ (=>|own =>|throws)\s?(.*)$/;
const EXPECT_PY = /^(\s*)(.+?)\s\s# (=>|raises)\s?(.*)$/;

function javascriptLine(line, where) {
  const match = EXPECT_JS.exec(line);
  if (match === null) return line;
  const [, indent, code, kind, expected] = match;
  const asynchronous = /\bawait\b/.test(code);
  const call = asynchronous ? `await check_.awaited(async () => (${code})` : `check_.plain(() => (${code})`;
  if (kind === "throws") {
    const thrown = asynchronous ? `await check_.rejects(async () => (${code})` : `check_.throws(() => (${code})`;
    return `${indent}${thrown}, ${JSON.stringify(expected)}, ${where});`;
  }
  const wrapped = kind === "own =>" ? call.replace(`(${code})`, `own(${code})`) : call;
  return `${indent}${wrapped}, () => (${expected}), ${where});`;
}

function pythonLine(line, where) {
  const match = EXPECT_PY.exec(line);
  if (match === null) return line;
  const [, indent, code, kind, expected] = match;
  if (kind === "=>") return `${indent}_check_((${code}), (${expected}), ${where})`;
  return `${indent}with _raises_(${JSON.stringify(expected)}, ${where}): ${code}`;
}

/** Source of a module that registers the cases of `text`. `registry` is the specifier to import `test` from. */
export function compileProse(text, file, registry, assertModule) {
  const lines = text.split("\n");
  const out = [
    `import { test } from ${JSON.stringify(registry)};`,
    `import { isDeepEqual, show, fail, textOfError, AssertionFailure } from ${JSON.stringify(assertModule)};`,
    `const check_ = {
  plain(actual, expected, where) { this.same(actual(), expected(), where); },
  async awaited(actual, expected, where) { this.same(await actual(), expected(), where); },
  same(a, b, where) { if (!isDeepEqual(a, b)) fail(where + ": expected " + show(b) + ", got " + show(a)); },
  throws(work, text, where) {
    let result;
    try { result = work(); } catch (error) { return this.thrown(error, text, where); }
    fail(where + ": expected an error with " + show(text) + ", got " + show(result));
  },
  async rejects(work, text, where) {
    let result;
    try { result = await work(); } catch (error) { return this.thrown(error, text, where); }
    fail(where + ": expected an error with " + show(text) + ", got " + show(result));
  },
  thrown(error, text, where) {
    if (error instanceof AssertionFailure) throw error;
    if (!textOfError(error).includes(text)) fail(where + ": expected an error with " + show(text) + ", got " + textOfError(error));
  },
};`,
  ];
  let title;
  let options = [];
  let body = [];
  const finish = () => {
    if (title === undefined) return;
    if (body.length === 0) throw new Error(`${file}: "${title}" has no code`);
    out.push(`test(${JSON.stringify(title)}, { ${options.join(", ")} }, async ({ py, own, assert, env, load, skip }) => {\n${body.join("\n")}\n});`);
    title = undefined;
    options = [];
    body = [];
  };
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i];
    if (line.startsWith("## ")) {
      finish();
      title = line.slice(3).trim();
      continue;
    }
    const skip = /^> skip in ([\w, -]+): (.*)$/.exec(line);
    if (skip !== null) {
      const names = skip[1].split(",").map((name) => name.trim());
      options.push(`skip: (env) => (${names.includes("everywhere")} || ${JSON.stringify(names)}.includes(env.name)) ? ${JSON.stringify(skip[2])} : undefined`);
      continue;
    }
    const leaks = /^> leaks: (.*)$/.exec(line);
    if (leaks !== null) {
      options.push(`leak: { reason: ${JSON.stringify(leaks[1])} }`);
      continue;
    }
    const fence = /^```(js|py)( await)?\s*$/.exec(line);
    if (fence === null) continue;
    const start = i + 1;
    const end = lines.indexOf("```", start);
    if (end < 0) throw new Error(`${file}:${i + 1}: the block has no end`);
    if (title === undefined) throw new Error(`${file}:${i + 1}: a block outside of a case`);
    const block = lines.slice(start, end);
    const at = (offset) => JSON.stringify(`${file}:${start + offset + 1}`);
    if (fence[1] === "js") {
      body.push(...block.map((text, offset) => javascriptLine(text, at(offset))));
    } else {
      const source = JSON.stringify(`${block.map((text, offset) => pythonLine(text, at(offset))).join("\n")}\nNone`);
      body.push(fence[2] ? `await py.runPythonAsync(${source});` : `py.runPython(${source});`);
    }
    i = end;
  }
  finish();
  return out.join("\n");
}
