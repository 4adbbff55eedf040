/**
 * The runner itself: a wrong expectation fails, a leak is found, equality means what it says.
 */
import { assert as checks, isDeepEqual } from "./assert.mjs";
import { Session } from "./execute.mjs";
import { compileProse } from "./prose.mjs";
import { test } from "./registry.mjs";

/** Runs cases in a session of their own on the same interpreter and returns what was reported. */
async function eventsOf(context, register) {
  register();
  const events = [];
  const session = new Session({ loadPyodide: async () => context.py, env: context.env, emit: (event) => events.push(event) });
  await session.run();
  session.close();
  return events.filter(({ kind }) => kind !== "start");
}

test("INVARIANT-5 A proxy that is left behind is a failure", async (context) => {
  if (typeof context.py._api?.liveProxies !== "function") context.skip("INVARIANT-5: this distribution does not count proxies");
  const left = [];
  const [event] = await eventsOf(context, () => test("X leaks", ({ py }) => void left.push(py.runPython("[1]"))));
  for (const proxy of left) proxy.destroy();
  checks.equal(event.kind, "fail");
  checks.match(event.message, /leaked 1 proxies/);
});

test("INVARIANT-5 A leak that is declared is allowed", async (context) => {
  const left = [];
  const [event] = await eventsOf(context, () => test("X leaks", { leak: { reason: "on purpose" } }, ({ py }) => void left.push(py.runPython("[1]"))));
  for (const proxy of left) proxy.destroy();
  checks.equal(event.kind, "pass");
});

test("INVARIANT-5 Names that a test leaves in __main__ are gone after it", async (context) => {
  await eventsOf(context, () => test("X sets", ({ py }) => void py.runPython("left_behind = [1]")));
  checks.equal(context.py.globals.has("left_behind"), false);
});

test("HARNESS skip and fail are reported as what they are", async (context) => {
  const events = await eventsOf(context, () => {
    test("X skips", ({ skip }) => skip("because"));
    test("X fails", ({ assert }) => assert.equal(1, 2));
    test("X is skipped", { skip: () => "never" }, () => {});
  });
  checks.deepEqual(events.map(({ kind }) => kind), ["skip", "fail", "skip"]);
});

test("HARNESS Every kind of wrong expectation in a prose test fails", async (context) => {
  const cases = {
    "js value": ["js", "1 + 1; // => 3"],
    "js sign of zero": ["js", "-0; // => 0"],
    "js no error": ["js", "1; // throws RangeError"],
    "js other error": ["js", "null.x; // throws RangeError"],
    "js awaited": ["js", "await Promise.resolve(1); // => 2"],
    "py value": ["py", "1 + 1  # => 3"],
    "py type": ["py", "1  # => 1.0"],
    "py bool": ["py", "True  # => 1"],
    "py no error": ["py", "1  # raises ValueError"],
    "py other error": ["py", "1/0  # raises ValueError"],
    "py await": ["py await", "1  # => 2"],
  };
  const right = { "js right": ["js", "[1, {a: 2}]; // => [1, {a: 2}]"], "py right": ["py", "(1, float('nan'))  # => (1, float('nan'))"], "py raises": ["py", "1/0  # raises ZeroDivisionError: division"] };
  const text = Object.entries({ ...cases, ...right })
    .map(([title, [kind, code]]) => `## ${title}\n\n\`\`\`${kind}\n${code}\n\`\`\`\n`)
    .join("\n");
  const base = new URL(".", import.meta.url).href;
  const source = compileProse(text, "inline.md", `${base}registry.mjs`, `${base}assert.mjs`).replace(/^import \{([^}]*)\} from "([^"]*)";$/gm, 'const {$1} = await import("$2");');
  const AsyncFunction = (async () => {}).constructor;
  await new AsyncFunction(source)();
  const events = await eventsOf(context, () => {});
  checks.deepEqual(
    events.filter(({ kind }) => kind === "pass").map(({ name }) => name),
    Object.keys(right),
  );
  checks.equal(events.filter(({ kind }) => kind === "fail").length, Object.keys(cases).length);
});

test("HARNESS Structural equality", () => {
  for (const [left, right, expected] of [
    [NaN, NaN, true],
    [0, -0, false],
    [[1, [2]], [1, [2]], true],
    [[1], { 0: 1, length: 1 }, false],
    [{ a: undefined }, {}, false],
    [new Map([[1, { a: 1 }]]), new Map([[1, { a: 1 }]]), true],
    [new Map([[1, 2]]), new Map([[1, 3]]), false],
    [new Set([1, 2]), new Set([2, 1]), true],
    [new Uint8Array([1]), new Uint8Array([1]), true],
    [new Uint8Array([1]), new Int8Array([1]), false],
    [1n, 1, false],
    [null, undefined, false],
  ]) {
    checks.equal(isDeepEqual(left, right), expected, `${String(left)} and ${String(right)}`);
  }
});
