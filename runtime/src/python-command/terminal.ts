/**
 * The terminal as Python's thread sees it: its settings, which the program `stty` reads and changes, and the output objects of JavaScript.
 * Not here: what the settings mean (`_pyodide._termios`).
 * Invariants: the settings are read once and known from then on; what has not changed is not set again; after a failure nothing is known.
 */

import { spawnSync } from "node:child_process";
import { Console } from "node:console";
import { writeSync } from "node:fs";
import { Writable } from "node:stream";
import { isatty } from "node:tty";

/** Settings of terminals, as `stty -g` writes them. */
export class Terminal {
  #settings: string | undefined;
  #isChanged = false;

  constructor(private readonly onFirstChange: (original: string) => void) {}

  /** The settings. Throws an Error that says why there are none. */
  get(): string {
    return (this.#settings ??= stty("-g").trim());
  }

  set(settings: string): void {
    const original = this.get();
    if (settings === original) {
      return;
    }
    if (!this.#isChanged) {
      this.#isChanged = true;
      this.onFirstChange(original);
    }
    // It may have changed them before it failed.
    this.#settings = undefined;
    stty(settings);
    this.#settings = settings;
  }

  /** Another program may have changed them. */
  forget(): void {
    this.#settings = undefined;
  }
}

/** How `stty` is started: in a session of its own, or Ctrl-C in the terminal would end it in the middle of its work, like every program there. */
export const STTY = { detached: true, encoding: "utf8" } as const;

function stty(argument: string): string {
  // Whatever descriptor Python has for it: the process has one terminal.
  const fd = [0, 1, 2].find((candidate) => isatty(candidate)) ?? 0;
  const { error, status, signal, stdout, stderr } = spawnSync("stty", [argument], { ...STTY, stdio: [fd, "pipe", "pipe"] });
  if (error !== undefined || status !== 0) {
    throw new Error(error?.message ?? (signal === null ? stderr.trim() : `\`stty\` was ended by ${signal}`));
  }
  return stdout;
}

/**
 * Gives JavaScript output objects that write at once: those that a thread has from Node write when the main thread comes to it, so that lines
 * of JavaScript and of Python would change places.
 */
export function replaceOutputObjects(size: () => [columns: number, rows: number]): void {
  const make = (fd: 1 | 2): Writable => {
    const isTTY = isatty(fd);
    const stream = new Writable({
      decodeStrings: true,
      write(chunk: Uint8Array, _encoding, done) {
        try {
          for (let rest = chunk; rest.length > 0; rest = rest.subarray(writeSync(fd, rest)));
          done();
        } catch (error) {
          done(error as Error);
        }
      },
    });
    return Object.assign(stream, isTTY ? { fd, isTTY, getWindowSize: size } : { fd });
  };
  const [stdout, stderr] = [make(1), make(2)];
  for (const [name, value] of Object.entries({ stdout, stderr })) {
    Object.defineProperty(process, name, { value, configurable: true, enumerable: true });
  }
  globalThis.console = new Console({ stdout, stderr });
}
