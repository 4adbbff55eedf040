#!/usr/bin/env node
/**
 * Runs CPython's own tests inside a built distribution.
 *
 *     node tests/cpython/run.mjs --env node20|node-current [--dist DIR] [--jobs N] [--fast] [--verbose] [--json FILE] [name[:pattern]...]
 *
 * A name is a module such as `test_os`; after a colon follows a pattern of tests, such as `FileTests.*`.
 * The tests are those of the distribution's package `test`; they are unpacked once, beside it in `target/`.
 * Owns: a process per module, time limits, the comparison with expected.json, the sums.
 * Not here: running a module (child.mjs, driver.py), unpacking (unpack.mjs).
 * Invariants: a module that was chosen ends in the sums whatever its processes do; what is known to fail is run all the same, and
 * an entry of expected.json whose test passes is an error.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const repository = path.dirname(path.dirname(here));
const MODULE_SECONDS = 300;
const RESTARTS_MAX = 12;
const ENVIRONMENTS = ["node20", "node-current"];

function usage(message) {
  console.error(`${message}\nUsage: node tests/cpython/run.mjs --env ${ENVIRONMENTS.join("|")} [--dist DIR] [--jobs N] [--fast] [name[:pattern]...]`);
  process.exit(2);
}

function parseArguments(args) {
  const options = { names: [], dist: process.env.PYOXIDE_DIST ?? path.join(repository, "dist"), jobs: Math.max(1, Math.min(4, os.cpus().length)) };
  for (let i = 0; i < args.length; i++) {
    const value = () => args[++i] ?? usage(`${args[i - 1]} needs a value`);
    if (args[i] === "--env") options.env = value();
    else if (args[i] === "--dist") options.dist = value();
    else if (args[i] === "--jobs") options.jobs = Number(value());
    else if (args[i] === "--json") options.json = value();
    else if (args[i] === "--fast") options.fast = true;
    else if (args[i] === "--verbose") options.verbose = true;
    else if (args[i].startsWith("-")) usage(`Unknown option ${args[i]}`);
    else options.names.push(args[i]);
  }
  if (!ENVIRONMENTS.includes(options.env)) usage(`--env must be one of ${ENVIRONMENTS.join(", ")}`);
  options.dist = path.resolve(options.dist);
  if (!existsSync(path.join(options.dist, "pyodide.mjs"))) usage(`There is no distribution in ${options.dist}: build it with \`cargo xtask dist\``);
  return options;
}

function nodeProgram(env) {
  if (env !== "node-current") return process.execPath;
  const modules = path.join(repository, "tests/node_modules");
  const found = (existsSync(modules) ? readdirSync(modules) : [])
    .filter((name) => /^node-(bin-)?(linux|darwin)-/.test(name))
    .map((name) => path.join(modules, name, "bin/node"))
    .find(existsSync);
  return found ?? usage("The current Node is not installed: run `npm ci` in tests/");
}

/** The folder with the content of the package `test` and what it needs. */
async function unpacked(dist) {
  const lock = JSON.parse(readFileSync(path.join(dist, "pyodide-lock.json"), "utf8"));
  const names = ["test", ...(lock.packages.test?.depends ?? usage(`The distribution in ${dist} has no package \`test\``))];
  const files = names.map((name) => lock.packages[name]);
  const key = createHash("sha256").update(files.map(({ sha256 }) => sha256).join()).digest("hex").slice(0, 20);
  const target = path.join(repository, "target/cpython-tests", key);
  if (!existsSync(target)) {
    forgetOld(path.dirname(target));
    const part = `${target}.${process.pid}`;
    mkdirSync(part, { recursive: true });
    const child = spawn(process.execPath, [path.join(here, "unpack.mjs"), dist, part, ...files.map(({ file_name }) => file_name)], { stdio: "inherit" });
    const [code] = await once(child, "exit");
    if (code !== 0) usage(`The package \`test\` could not be unpacked (exit code ${code})`);
    try {
      renameSync(part, target);
    } catch (error) {
      // Another run, of the other Node perhaps, has been faster.
      if (!existsSync(target)) throw error;
      rmSync(part, { recursive: true, force: true });
    }
  }
  utimesSync(target, new Date(), new Date());
  return target;
}

/** Removes what no distribution of the last day used; another run may be reading what is newer. */
function forgetOld(folder) {
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const old = path.join(folder, name);
    if (Date.now() - statSync(old).mtimeMs > 86_400_000) rmSync(old, { recursive: true, force: true });
  }
}

/** What expected.json says about the modules of an environment. */
class Expectations {
  constructor(env) {
    const all = JSON.parse(readFileSync(path.join(here, "expected.json"), "utf8"));
    const applies = (entry) => (entry.in ?? ENVIRONMENTS).includes(env);
    this.fast = all.fast;
    this.skippedModules = new Map(all.notRun.filter(applies).flatMap(({ reason, modules = [] }) => modules.map((name) => [name, reason])));
    this.leftOut = split(all.notRun.filter(applies));
    this.failing = split(all.failing.filter(applies));
  }
}

/** Entries `{reason, tests: ["module:pattern"]}` by module. */
function split(entries) {
  const byModule = new Map();
  for (const { reason, tests = [], unsteady = false } of entries) {
    for (const test of tests) {
      const [name, pattern = "*"] = test.split(/:(.*)/s);
      if (!byModule.has(name)) byModule.set(name, []);
      byModule.get(name).push({ pattern, reason, unsteady, regex: glob(pattern), used: false });
    }
  }
  return byModule;
}

function glob(pattern) {
  return new RegExp(`^${pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*").replaceAll("?", ".")}$`, "s");
}

/** One process. Resolves to its events, and how it ended. */
function runOnce(program, job, seconds, onEvent) {
  return new Promise((resolve) => {
    const child = spawn(program, [path.join(here, "child.mjs"), JSON.stringify(job)], { stdio: ["ignore", "pipe", "pipe", "pipe"] });
    let rest = "";
    let output = "";
    let timedOut = false;
    const keep = (data) => {
      output = (output + data).slice(-6000);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.stdio[3].setEncoding("utf8").on("data", (data) => {
      const lines = (rest + data).split("\n");
      rest = lines.pop();
      for (const line of lines) onEvent(JSON.parse(line));
    });
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill("SIGKILL");
    }, seconds * 1000);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ how: timedOut ? `no end within ${seconds} s` : (signal ?? `exit code ${code}`), output });
    });
  });
}

async function runModule(program, { dist, tests }, name, only, expectations) {
  const result = { name, outcomes: new Map(), module: undefined, problems: [], milliseconds: 0 };
  const leftOut = expectations.leftOut.get(name) ?? [];
  const started = Date.now();
  const dead = [];
  for (let attempt = 0; attempt <= RESTARTS_MAX; attempt++) {
    let current;
    const job = { dist, tests, name, only, leaveOut: [...leftOut.map(({ pattern }) => pattern), ...dead, ...literal(result.outcomes.keys())] };
    const { how, output } = await runOnce(program, job, MODULE_SECONDS, ({ kind, id, detail }) => {
      if (kind === "start") current = id;
      else if (kind === "module") result.module = { kind: id, detail };
      else {
        result.outcomes.set(id, { kind, detail });
        if (id === current) current = undefined;
      }
    });
    if (result.module !== undefined) break;
    if (current === undefined) {
      result.module = { kind: "fail", detail: `The process ended (${how}) outside of a test:\n${output}` };
      break;
    }
    // The rest of the module is run without the test that ended the process.
    result.outcomes.set(current, { kind: "fail", detail: `The process ended (${how}):\n${output.slice(-1500)}` });
  }
  result.module ??= { kind: "fail", detail: `The process ended more than ${RESTARTS_MAX} times` };
  result.milliseconds = Date.now() - started;
  return result;
}

/** Names of tests as patterns that match only them. */
function literal(ids) {
  return [...ids].map((id) => id.replace(/[[*?]/g, "[$&]"));
}

function judge(result, expectations, whole, sums) {
  const known = expectations.failing.get(result.name) ?? [];
  const failures = [];
  const lookup = (id) => known.find((entry) => entry.regex.test(id));
  if (result.module.kind === "fail") {
    const entry = known.find((e) => e.pattern === "*");
    if (entry) {
      entry.used = true;
      sums.skipped++;
    } else failures.push({ id: "(the module)", detail: result.module.detail });
  } else if (result.module.kind === "skip") {
    sums.skipped++;
    sums.reasons.set(result.module.detail, (sums.reasons.get(result.module.detail) ?? 0) + 1);
  }
  for (const [id, { kind, detail }] of result.outcomes) {
    const entry = lookup(id);
    if (kind === "pass") {
      sums.passed++;
      if (entry) entry.passed = true;
    } else if (kind === "skip") {
      sums.skipped++;
      sums.reasons.set(detail, (sums.reasons.get(detail) ?? 0) + 1);
    } else if (entry) {
      entry.used = true;
      sums.known++;
    } else failures.push({ id, detail });
  }
  if (whole) {
    for (const entry of known) {
      if (!entry.used && !entry.unsteady) failures.push({ id: entry.pattern, detail: "expected.json says that this fails, but it does not" });
    }
  }
  sums.failed += failures.length;
  return failures;
}

async function main() {
  const options = parseArguments(process.argv.slice(2));
  const expectations = new Expectations(options.env);
  const program = nodeProgram(options.env);
  options.tests = await unpacked(options.dist);
  const all = readdirSync(path.join(options.tests, "test")).filter((name) => /^test_\w+(\.py)?$/.test(name)).map((name) => name.replace(/\.py$/, "")).sort();
  const asked = options.names.length > 0 ? options.names : options.fast ? expectations.fast : all;
  const queue = [];
  const sums = { passed: 0, failed: 0, skipped: 0, known: 0, reasons: new Map() };
  for (const item of asked) {
    const [name, pattern] = item.split(/:(.*)/s);
    if (!all.includes(name)) usage(`There is no test module ${name}`);
    const reason = expectations.skippedModules.get(name);
    if (reason !== undefined && options.names.length === 0) {
      console.log(`skip ${name}: ${reason}`);
      sums.skipped++;
    } else queue.push({ name, only: pattern === undefined ? [] : [pattern] });
  }
  const results = [];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      const result = await runModule(program, options, item.name, item.only, expectations);
      const failures = judge(result, expectations, item.only.length === 0 && result.module.kind !== "skip", sums);
      results.push({ name: result.name, module: result.module, milliseconds: result.milliseconds, failures });
      const count = (kind) => [...result.outcomes.values()].filter((o) => o.kind === kind).length;
      const text = result.module.kind === "skip" ? `skipped itself: ${result.module.detail}` : `${count("pass")} passed, ${count("skip")} skipped, ${count("fail")} failed, ${failures.length} of them unexpected`;
      console.log(`${failures.length > 0 ? "FAIL" : "ok  "} ${result.name}: ${text} (${(result.milliseconds / 1000).toFixed(1)} s)`);
      for (const { id, detail } of failures) {
        const lines = detail.trimEnd().split("\n");
        console.log(`  ${result.name}:${id}\n    ${(options.verbose ? lines : lines.slice(-1)).map((line) => line.slice(0, 300)).join("\n    ")}`);
      }
      if (options.json) writeFileSync(options.json, JSON.stringify(results, null, 1));
    }
  };
  await Promise.all(Array.from({ length: options.jobs }, worker));
  if (sums.reasons.size > 0) {
    console.log("\nSkipped by the tests themselves:");
    for (const [reason, count] of [...sums.reasons].sort((a, b) => b[1] - a[1]).slice(0, 40)) console.log(`  ${count}: ${reason.split("\n").pop().slice(0, 120)}`);
  }
  console.log(`\n${sums.known} known to fail (tests/cpython/expected.json)`);
  console.log(`${sums.passed} passed, ${sums.failed} failed, ${sums.skipped + sums.known} skipped`);
  process.exitCode = sums.failed === 0 ? 0 : 1;
}

await main();
