/**
 * Runs the cases of one file, in whatever environment it is called.
 * Owns: the order, the shared interpreter, time limits per case, the leak check, and the events that are reported.
 * Not here: choosing files, starting processes and pages, printing (run.mjs).
 *
 * It is not Node's own runner because the same code has to run in a page.
 */
import { assert, textOfError } from "./assert.mjs";
import { describeGrowth, LeakMeter } from "./leaks.mjs";
import { takeCases } from "./registry.mjs";

/** For what hangs: a test that passes takes a second or two, and a busy machine twenty times as long. */
const CASE_SECONDS = 120;
const LEAK_RUNS = 4;

function withTimeLimit(promise, seconds) {
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`The test did not end within ${seconds} s`)), seconds * 1000);
  });
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

/** Thrown by `skip(reason)` in a case. */
class Skip extends Error {}

export class Session {
  #loadPyodide;
  #loadOptions;
  #py;
  #meter;
  #isWarm = false;

  /**
   * @param {object} host
   * @param host.loadPyodide the function under test
   * @param host.loadOptions options for every interpreter
   * @param host.env `{ name, isNode, isBrowser, hasJspi }`
   * @param host.extras more properties for the context of a case
   * @param host.emit receives `{ kind: "start" | "pass" | "fail" | "skip", name, ... }`
   * @param host.filter `(name) => boolean`
   * @param host.afterCase called after each case, whatever became of it
   */
  constructor(host) {
    this.host = host;
    this.#loadPyodide = host.loadPyodide;
    this.#loadOptions = host.loadOptions ?? {};
  }

  load = async (options = {}) => {
    return await this.#loadPyodide({ ...this.#loadOptions, ...options });
  };

  async #interpreter(fileOptions) {
    if (this.#py === undefined) {
      this.#py = await this.load({ ...(fileOptions.load ?? {}) });
      this.#meter = new LeakMeter(this.#py);
      this.#isWarm = false;
    }
    return this.#py;
  }

  #isAlive() {
    try {
      return this.#py.runPython("1") === 1;
    } catch {
      return false;
    }
  }

  /** Lets go of everything that the session holds in the interpreter. */
  close() {
    this.#meter?.destroy();
  }

  /** Runs what the last imported file has registered. */
  async run() {
    const { cases, options: fileOptions } = takeCases();
    const { env, emit, filter } = this.host;
    if (!fileOptions.noInterpreter) {
      try {
        await this.#interpreter(fileOptions);
      } catch (error) {
        emit({ kind: "fail", name: `(loading the interpreter for ${cases.length} tests)`, message: textOfError(error), stack: String(error?.stack ?? "") });
        return;
      }
    }
    for (const one of cases) {
      if (filter && !filter(one.name)) continue;
      const reason = typeof one.options.skip === "function" ? one.options.skip(env) : one.options.skip;
      if (reason) {
        emit({ kind: "skip", name: one.name, reason });
        continue;
      }
      emit({ kind: "start", name: one.name });
      try {
        await this.#runCase(one, fileOptions);
        emit({ kind: "pass", name: one.name });
      } catch (error) {
        if (error instanceof Skip) {
          emit({ kind: "skip", name: one.name, reason: error.message });
          continue;
        }
        emit({ kind: "fail", name: one.name, message: textOfError(error), stack: String(error?.stack ?? "") });
        if (this.#py !== undefined && !this.#isAlive()) this.#py = undefined;
      }
    }
  }

  async #runCase(one, fileOptions) {
    if (fileOptions.noInterpreter) {
      await this.#runBody(one, undefined);
      return;
    }
    await this.#interpreter(fileOptions);
    const growths = [];
    // What is made once and kept (caches, interned names) is no leak: only what grows whenever the test runs is.
    for (let run = 0; run < LEAK_RUNS; run++) {
      const growth = await this.#runCounted(one);
      if (growth === undefined || one.options.noLeakCheck) return;
      growths.push(growth);
    }
    throw new Error(`Every run of the test ${growths.at(-1)} (the first one ${growths[0]})`);
  }

  async #runCounted(one) {
    this.#meter.mark();
    if (!this.#isWarm) {
      this.#isWarm = true;
      await this.#meter.count();
    }
    const before = await this.#meter.count();
    try {
      await this.#runBody(one, this.#py);
    } finally {
      if (this.#isAlive()) this.#meter.restore();
    }
    const after = await this.#meter.countDownTo(before, one.options.leak);
    return describeGrowth(before, after, one.options.leak);
  }

  async #runBody(one, py) {
    const owned = [];
    const own = (proxy) => {
      owned.push(proxy);
      return proxy;
    };
    const context = {
      ...this.host.extras,
      py,
      own,
      assert,
      env: this.host.env,
      load: this.load,
      loadPyodide: this.#loadPyodide,
      skip: (reason) => {
        throw new Skip(reason);
      },
    };
    try {
      await withTimeLimit(Promise.resolve(one.body(context)), one.options.timeout ?? CASE_SECONDS);
    } finally {
      this.host.afterCase?.();
      for (const proxy of owned.reverse()) {
        try {
          proxy?.destroy?.();
        } catch {
          // Destroyed by the test itself.
        }
      }
    }
  }
}
