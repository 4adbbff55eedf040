#!/usr/bin/env node
/**
 * Runs the tests against a built distribution.
 *
 *     node tests/run.mjs --env node20|node-current|chromium|firefox|webkit [--dist DIR] [--only TEXT] [--jobs N] [filter...]
 *
 * A filter is a part of a file's path, `--only` a part of a test's name (a row id, say).
 * Owns: which files run where, processes and pages, time limits per file, known gaps, printing, the exit code.
 * Not here: running the cases of one file (harness/execute.mjs).
 * Invariant: every file that was chosen ends in the sums, whatever happens to its process.
 */
import { fork, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { BROWSERS, startBrowser } from "./harness/browsers.mjs";
import { startIndex } from "./harness/index-server.mjs";
import { startNetwork } from "./harness/network.mjs";
import { endGroup } from "./harness/processes.mjs";
import { startServer } from "./harness/server.mjs";

const tests = path.dirname(fileURLToPath(import.meta.url));
const repository = path.dirname(tests);
/** How long somebody wants a long run to be (tests/README.md). */
const LONG_SECONDS = Number.parseInt(process.env.PYOXIDE_FUZZ ?? process.env.PYOXIDE_SOAK ?? "0", 10) || 0;
/** Ends what hangs, on a machine that has other things to do as well. */
const FILE_SECONDS = 900 + 2 * LONG_SECONDS;
const FOLDERS = ["harness", "spec", "ffi", "runtime", "documented", "packages", "cli", "cpython"];
const ENVIRONMENTS = ["node20", "node-current", ...Object.keys(BROWSERS)];

function usage(message) {
  console.error(`${message}\nUsage: node tests/run.mjs --env ${ENVIRONMENTS.join("|")} [--dist DIR] [--only TEXT] [--jobs N] [filter...]`);
  process.exit(2);
}

function parseArguments(args) {
  const options = { filters: [], dist: process.env.PYOXIDE_DIST ?? path.join(repository, "dist"), jobs: Math.max(1, Math.min(4, os.cpus().length)) };
  for (let i = 0; i < args.length; i++) {
    const value = () => args[++i] ?? usage(`${args[i - 1]} needs a value`);
    if (args[i] === "--env") options.env = value();
    else if (args[i] === "--dist") options.dist = value();
    else if (args[i] === "--only") options.only = value();
    else if (args[i] === "--wheels") options.wheels = value();
    else if (args[i] === "--side-modules") options.sideModules = value();
    else if (args[i] === "--jobs") options.jobs = Number(value());
    else if (args[i] === "--load-options") options.loadOptions = JSON.parse(value());
    else if (args[i].startsWith("-")) usage(`Unknown option ${args[i]}`);
    else options.filters.push(args[i]);
  }
  if (!ENVIRONMENTS.includes(options.env)) usage(`--env must be one of ${ENVIRONMENTS.join(", ")}`);
  options.dist = path.resolve(options.dist);
  if (!existsSync(path.join(options.dist, "pyodide.mjs"))) usage(`There is no distribution in ${options.dist}: build it with \`cargo xtask dist\``);
  return options;
}

/** The program for an environment: `node` on PATH, or the one that the npm package of this folder brings. */
function nodeProgram(env) {
  if (env !== "node-current") return process.execPath;
  const found = readdirSync(path.join(tests, "node_modules"), { withFileTypes: true })
    .filter(({ name }) => /^node-(bin-)?(linux|darwin)-/.test(name))
    .map(({ name }) => path.join(tests, "node_modules", name, "bin", "node"))
    .find(existsSync);
  return found ?? usage("The current Node is not installed: run `npm ci` in tests/");
}

/** A folder that the build makes for the tests of packages: given, or built now. */
function findFolder(given, variable, step) {
  const found = given ?? process.env[variable];
  if (found !== undefined) return found;
  const { status, stdout, stderr } = spawnSync("cargo", ["xtask", "step", step], { cwd: repository, encoding: "utf8" });
  return status === 0 ? stdout.trim().split("\n").at(-1) : usage(`\`cargo xtask step ${step}\` failed, which the tests of packages need:\n${stderr}`);
}

async function startPackageIndex({ wheels, sideModules }) {
  return await startIndex({ wheels: findFolder(wheels, "PYOXIDE_WHEELS", "test-wheels"), native: findFolder(sideModules, "PYOXIDE_SIDE_MODULES", "test-side-modules") });
}

function findFiles(env) {
  const suffixes = env in BROWSERS ? [".test.mjs", ".md", ".browser.mjs"] : [".test.mjs", ".md", ".node.mjs"];
  return FOLDERS.flatMap((folder) => {
    const full = path.join(tests, folder);
    if (!existsSync(full)) return [];
    return readdirSync(full)
      .filter((name) => suffixes.some((suffix) => name.endsWith(suffix)) && name !== "README.md")
      .sort()
      .map((name) => `${folder}/${name}`);
  });
}

/** The processes that run files. Each leads a group of its own, so that nothing that it has started can be left behind. */
const running = new Set();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    for (const leader of running) endGroup(leader);
    process.exit(128 + os.constants.signals[signal]);
  });
}

/** Runs a file in a Node process of its own. Resolves when the process is gone, and whatever it has started. */
function runInNode(program, { file, dist, env, loadOptions, only, index }, emit) {
  return new Promise((resolve) => {
    const argument = JSON.stringify({ file, dist, env, loadOptions, only, index });
    const child = fork(path.join(tests, "harness/node-child.mjs"), [argument], { execPath: program, execArgv: ["--expose-gc"], stdio: ["ignore", "pipe", "pipe", "ipc"], env: { ...process.env, PYOXIDE_NODE: program }, detached: true });
    running.add(child.pid);
    let ended = false;
    let output = "";
    const keep = (data) => {
      output = (output + data).slice(-4000);
    };
    child.stdout.on("data", keep);
    // How far a long run is.
    if (LONG_SECONDS > 0) child.stdout.pipe(process.stdout);
    child.stderr.on("data", keep);
    child.on("message", (event) => {
      if (event.kind === "end") ended = true;
      else emit(event);
    });
    const timer = setTimeout(() => {
      output += `\nThe file did not end within ${FILE_SECONDS} s`;
      endGroup(child.pid);
    }, FILE_SECONDS * 1000);
    child.on("exit", (code, signal) => {
      clearTimeout(timer);
      endGroup(child.pid);
      running.delete(child.pid);
      resolve(ended ? undefined : `The process ended (${signal ?? `exit code ${code}`}) before the file did:\n${output}`);
    });
  });
}

class Report {
  passed = 0;
  failures = [];
  skipped = [];
  #gaps;
  #env;

  constructor(env) {
    this.#env = env;
    const all = JSON.parse(readFileSync(path.join(tests, "known-gaps.json"), "utf8"));
    this.#gaps = all.gaps;
  }

  #gapOf(file, name) {
    return this.#gaps.find((gap) => gap.file === file && (gap.test === undefined || name.startsWith(gap.test)) && (gap.in ?? ENVIRONMENTS).includes(this.#env));
  }

  /** Takes one event of a file. A known gap that fails counts as skipped; one that passes is an error in the list of gaps. */
  take(file, event) {
    const gap = this.#gapOf(file, event.name);
    if (event.kind === "pass") {
      if (gap === undefined || gap.test === undefined) this.passed++;
      else this.failures.push({ file, name: event.name, message: "This passes now: take it out of tests/known-gaps.json" });
    } else if (event.kind === "skip") {
      this.skipped.push({ file, name: event.name, reason: event.reason });
    } else if (event.kind === "fail") {
      if (gap === undefined) this.failures.push({ file, ...event });
      else this.skipped.push({ file, name: event.name, reason: `known gap: ${gap.reason}` });
    }
  }

  print() {
    for (const { file, name, message, stack } of this.failures) {
      console.log(`\nFAIL ${file}: ${name}\n  ${String(message).trimEnd().replaceAll("\n", "\n  ")}`);
      const frames = String(stack ?? "").split("\n").filter((line) => /^\s+at .*\/(spec|ffi|runtime|documented|packages|cli|cpython)\/|^\s+console\./.test(line)).slice(0, 8);
      if (frames.length > 0) console.log(frames.join("\n"));
    }
    if (this.skipped.length > 0) {
      console.log("\nSkipped:");
      for (const { file, name, reason } of this.skipped) console.log(`  ${file}: ${name}\n    ${reason}`);
    }
    console.log(`\n${this.passed} passed, ${this.failures.length} failed, ${this.skipped.length} skipped`);
  }
}

async function main() {
  const options = parseArguments(process.argv.slice(2));
  const files = findFiles(options.env).filter((file) => options.filters.length === 0 || options.filters.some((filter) => file.includes(filter)));
  if (files.length === 0) usage("No test file matches");
  const report = new Report(options.env);
  const network = await startNetwork();
  const environment = { name: options.env, network: network.addresses };
  const server = options.env in BROWSERS ? await startServer({ dist: options.dist, tests, examples: path.join(repository, "examples"), handle: network.handle }) : undefined;
  const browser = server ? await startBrowser(options.env, server) : undefined;
  const program = nodeProgram(options.env);
  const packageIndex = files.some((file) => /^(packages|documented)\//.test(file)) ? await startPackageIndex(options) : undefined;
  const index = packageIndex && { origin: packageIndex.origin, files: packageIndex.files, native: packageIndex.native, odd: packageIndex.odd };

  async function runFile(file) {
    const started = Date.now();
    let current;
    const counts = { pass: 0, fail: 0, skip: 0 };
    const emit = (event) => {
      if (event.kind === "start") current = event.name;
      if (event.kind in counts) {
        counts[event.kind]++;
        current = undefined;
        report.take(file, event);
      }
    };
    const request = { file, dist: options.dist, env: environment, loadOptions: options.loadOptions, only: options.only, tests, index };
    let problem;
    if (browser === undefined) {
      problem = await runInNode(program, request, emit);
    } else {
      let timer;
      const limit = new Promise((resolve) => {
        timer = setTimeout(() => resolve(`The file did not end within ${FILE_SECONDS} s`), FILE_SECONDS * 1000);
      });
      const run = file.endsWith(".browser.mjs") ? browser.runFromHere(request, emit) : browser.runInPage(request, emit);
      problem = await Promise.race([run.then(() => undefined, (error) => error.message), limit]);
      clearTimeout(timer);
    }
    if (problem !== undefined) emit({ kind: "fail", name: current ?? "(the file itself)", message: problem });
    const sums = [`${counts.pass} passed`, counts.fail ? `${counts.fail} failed` : "", counts.skip ? `${counts.skip} skipped` : ""].filter(Boolean).join(", ");
    console.log(`${((Date.now() - started) / 1000).toFixed(1).padStart(5)} s  ${file}: ${sums}`);
  }

  const queue = [...files];
  try {
    await Promise.all(
      Array.from({ length: options.jobs }, async () => {
        for (let file = queue.shift(); file !== undefined; file = queue.shift()) await runFile(file);
      }),
    );
  } finally {
    await browser?.close();
    server?.close();
    packageIndex?.close();
    network.close();
  }
  report.print();
  process.exit(report.failures.length > 0 ? 1 : 0);
}

await main();
