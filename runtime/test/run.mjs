/**
 * Bundles every test of the runtime and runs it with Node's test runner. Arguments are passed on to `node --test`.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const tests = readdirSync(here, { recursive: true }).filter((name) => name.endsWith(".test.ts"));
const output = mkdtempSync(join(tmpdir(), "pyoxide-runtime-test-"));
try {
  await build({
    entryPoints: tests.map((name) => join(here, name)),
    outdir: output,
    outbase: here,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    format: "esm",
    target: "es2022",
    sourcemap: "inline",
    logLevel: "warning",
  });
  const files = tests.map((name) => join(output, relative(here, join(here, name)).replace(/\.ts$/, ".mjs")));
  const result = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...process.argv.slice(2), ...files], { stdio: "inherit" });
  process.exitCode = result.status ?? 1;
} finally {
  rmSync(output, { recursive: true, force: true });
}
