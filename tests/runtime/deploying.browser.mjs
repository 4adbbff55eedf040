/**
 * What docs/deploying.md advises: the hints of its page, and the policy.
 */
import { readFileSync } from "node:fs";
import { test } from "../harness/registry.mjs";

const GUIDE = readFileSync(new URL("../../docs/deploying.md", import.meta.url), "utf8");

test("ENV-12 The documented hints start every download, and none twice", async ({ open, server, assert }) => {
  const [, hints] = /```html\n([^]*?)```/.exec(GUIDE);
  const page = `<!doctype html>${hints.replaceAll("./pyodide/", "/dist/")}<script type="module">
import { loadPyodide } from "/dist/pyodide.mjs";
globalThis.ready = loadPyodide().then((py) => py.runPython("6 * 7"));
</script>`;
  const { page: opened } = await open("about:blank");
  const asked = [];
  const warnings = [];
  opened.on("request", (request) => asked.push(new URL(request.url()).pathname));
  opened.on("console", (message) => message.type() === "warning" && warnings.push(message.text()));
  await opened.goto(server.add("deploying-hints.html", page));
  assert.equal(await opened.evaluate(() => globalThis.ready), 42);
  const files = asked.filter((path) => path.startsWith("/dist/")).sort();
  assert.deepEqual(files, ["pyodide-lock.json", "pyodide.asm.mjs", "pyodide.asm.wasm", "pyodide.mjs", "pyodide.snapshot"].map((name) => `/dist/${name}`));
  assert.deepEqual(warnings, []);
});

test("ENV-34 The documented policy is enough", async ({ open, server, assert }) => {
  const [, policy] = /`(script-src [^`]*)`/.exec(GUIDE);
  const source = `import { loadPyodide } from "/dist/pyodide.mjs"; globalThis.ready = loadPyodide().then((py) => py.runPython("import mailbox; 6 * 7"));`;
  server.add("deploying-policy.mjs", source);
  const { page } = await open(server.add("deploying-policy.html", '<!doctype html><script type="module" src="/made/deploying-policy.mjs"></script>', { "content-security-policy": `default-src 'none'; ${policy}` }));
  assert.equal(await page.evaluate(() => globalThis.ready), 42);
});
