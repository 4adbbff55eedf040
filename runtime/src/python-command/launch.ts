/**
 * The `python` command: starts the thread that runs Python (thread.ts), and is there for what Node gives to the main thread only: signals,
 * standard input that one has to wait for, the size of the terminal, the end of the process.
 * Not here: Python.
 * Invariants: this thread never blocks, so that Ctrl-C reaches a program whatever it does; a program that does not react to it for a while is
 * ended by the next one; the terminal is left as it was found.
 */

import { spawnSync } from "node:child_process";
import { fstatSync } from "node:fs";
import { constants } from "node:os";
import { ReadStream, isatty } from "node:tty";
import { SHARE_ENV, Worker } from "node:worker_threads";
import { COLUMNS, LISTENED, type Message, ROWS, SIGNAL, type ThreadData, announce, makeChannel } from "./channel";
import { InputReader } from "./input";
import { STTY } from "./terminal";

const NODE_MAJOR_MIN = 20;
const EXIT_CANNOT_START = 2;
/** What Node itself ends with after an error that nobody has caught. */
const EXIT_UNCAUGHT = 1;

/** A program that has not handled Ctrl-C for so long is ended by the next. */
const UNRESPONSIVE_MS = 1000;
/** How soon a signal is tried again while another waits to be handled. */
const SIGNAL_RETRY_MS = 5;

function main(): void {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < NODE_MAJOR_MIN) {
    process.stderr.write(`python: Node.js ${NODE_MAJOR_MIN} or later is needed, this is Node.js ${process.versions.node}.\n`);
    process.exitCode = EXIT_CANNOT_START;
    return;
  }
  const channel = makeChannel();
  const isTerminal = isatty(0);
  const data: ThreadData = { channel, isInputShared: isTerminal || mayTakeLong() };
  const worker = new Worker(new URL("./python-thread.mjs", import.meta.url), {
    argv: process.argv.slice(2),
    env: SHARE_ENV,
    workerData: data,
    // Nothing comes through these: the thread writes to the descriptors itself.
    stdout: true,
    stderr: true,
  });
  const input = new InputReader(channel, () => (isTerminal ? new ReadStream(0) : process.stdin), isTerminal);
  let originalTerminal: string | undefined;

  /** Ends as by the signal, so that a shell knows. */
  const die = (signal: "SIGINT"): void => {
    if (originalTerminal !== undefined) {
      spawnSync("stty", [originalTerminal], { ...STTY, stdio: [0, "ignore", "ignore"] });
    }
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  };

  // ---- signals ----
  const waiting: number[] = [];
  let deliveredAt = 0;
  const deliver = (number: number): void => {
    if (Atomics.compareExchange(channel.control, SIGNAL, 0, number) === 0) {
      deliveredAt = performance.now();
      announce(channel);
    } else if (number === constants.signals.SIGINT && performance.now() - deliveredAt > UNRESPONSIVE_MS) {
      process.stderr.write("python: the program does not react to Ctrl-C: it is ended.\n", () => die("SIGINT"));
    } else if (Atomics.load(channel.control, SIGNAL) !== number && !waiting.includes(number)) {
      waiting.push(number);
      setTimeout(() => {
        waiting.splice(waiting.indexOf(number), 1);
        deliver(number);
      }, SIGNAL_RETRY_MS);
    }
  };
  const names = new Map(Object.entries(constants.signals).map(([name, number]) => [number as number, name as NodeJS.Signals]));
  const listeners = new Map<number, () => void>();
  const listen = (number: number, isWanted: boolean): void => {
    const name = names.get(number);
    const known = listeners.get(number);
    if (name === undefined || isWanted === (known !== undefined)) {
      return;
    }
    if (known !== undefined) {
      listeners.delete(number);
      process.removeListener(name, known);
      return;
    }
    const listener = (): void => deliver(number);
    try {
      process.on(name, listener);
      listeners.set(number, listener);
    } catch {
      // A signal that nobody can handle (SIGKILL, SIGSTOP): CPython has refused it already.
    }
  };
  process.on("SIGINT", () => deliver(constants.signals.SIGINT));

  // ---- the terminal ----
  const terminal = [1, 2].find((fd) => isatty(fd));
  if (terminal !== undefined) {
    const stream = terminal === 1 ? process.stdout : process.stderr;
    const measure = (): void => {
      const [columns, rows] = stream.getWindowSize?.() ?? [0, 0];
      Atomics.store(channel.control, COLUMNS, columns);
      Atomics.store(channel.control, ROWS, rows);
    };
    measure();
    stream.on("resize", measure);
  }

  // ---- what Python's thread says ----
  let hasEnded = false;
  worker.on("message", (message: Message) => {
    switch (message.what) {
      case "input":
        input.want();
        break;
      case "listen":
        listen(message.signal, message.isWanted);
        Atomics.add(channel.control, LISTENED, 1);
        Atomics.notify(channel.control, LISTENED);
        break;
      case "terminal":
        originalTerminal = message.original;
        break;
      case "failed":
        hasEnded = true;
        process.stderr.write(`${message.message}\n`, () => process.exit(message.status));
        break;
      case "end":
        hasEnded = true;
        if (message.signal === undefined) {
          process.exit(message.status);
        } else {
          die(message.signal);
        }
    }
  });
  worker.on("error", (error: unknown) => {
    hasEnded = true;
    process.stderr.write(`${String((error as { stack?: unknown } | null)?.stack ?? error)}\n`, () => process.exit(EXIT_UNCAUGHT));
  });
  // JavaScript that called `process.exit` there.
  worker.on("exit", (status) => {
    if (!hasEnded) {
      process.exit(status);
    }
  });
}

/** Is standard input something whose next byte may come late or never? */
function mayTakeLong(): boolean {
  try {
    const found = fstatSync(0);
    return found.isFIFO() || found.isSocket();
  } catch {
    return false;
  }
}

main();
