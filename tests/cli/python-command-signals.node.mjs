/**
 * `dist/python` and what a terminal does: Ctrl-C and other signals, waiting for input, the line editor.
 */
import { existsSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { inFolder, launcher } from "../harness/python-command.mjs";
import { start } from "../harness/processes.mjs";
import { configure, test } from "../harness/registry.mjs";

configure({ noInterpreter: true });

/** Starts the command and calls `react(text, child)` with all output so far whenever there is more; the end of it. */
function converse(dist, args, react, options = {}) {
  const [program, ...first] = options.through ?? launcher(dist);
  return new Promise((resolve, reject) => {
    const child = start(program, [...first, ...args], { env: { ...process.env, ...options.env }, cwd: options.cwd, stdio: ["pipe", "pipe", "pipe"] });
    let text = "";
    let err = "";
    child.stdout.on("data", (data) => {
      text += data;
      react(text, child);
    });
    child.stderr.on("data", (data) => {
      err += data;
    });
    child.stdin.on("error", () => {});
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, text, err }));
  });
}

/** Reacts to each line `ready` once. */
function atEach(react) {
  let seen = 0;
  return (text, child) => {
    const count = text.split("ready\n").length - 1;
    for (; seen < count; seen++) react(child, seen);
  };
}

const WAITS = `
import queue, re, select, socket, sys, threading, time
import asyncio
async def main():
    print("ready", flush=True)
    await asyncio.sleep(1000)
server = socket.create_server(("127.0.0.1", 0))
def compute():
    while True: pass
waits = [compute, lambda: time.sleep(1000), input, sys.stdin.buffer.read, server.accept, lambda: asyncio.run(main()), lambda: select.select([sys.stdin], [], []),
  threading.Event().wait, lambda: queue.SimpleQueue().get(timeout=1000), lambda: re.match('(a+)+$', 'a' * 60 + 'b'), lambda: 10 ** 10 ** 8]
for number, wait in enumerate(waits):
    try:
        if number != 5:
            print("ready", flush=True)
        wait()
    except KeyboardInterrupt:
        print("interrupted", number)
print(input())
`;

test("CLI ASYNC-16 Ctrl-C is a KeyboardInterrupt, whatever the program does, and input is not lost by it", { timeout: 240 }, async ({ dist, assert }) => {
  const interrupt = atEach((child) => child.kill("SIGINT"));
  const { code, text, err } = await converse(dist, ["-u", "-c", WAITS], (all, child) => {
    interrupt(all, child);
    if (all.includes("interrupted 10")) child.stdin.end("after all of it\n");
  });
  assert.equal(err, "");
  assert.deepEqual(text.match(/interrupted \d+/g), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((number) => `interrupted ${number}`));
  assert.ok(text.endsWith("after all of it\n"));
  assert.equal(code, 0);
});

test("CLI ASYNC-16 Ctrl-C that nobody handles ends the program as it ends others", async ({ dist, assert }) => {
  const { code, err } = await converse(dist, ["-c", "print('ready', flush=True)\ninput()"], atEach((child) => child.kill("SIGINT")));
  assert.match(err, /^Traceback[^]*\nKeyboardInterrupt\n$/);
  assert.equal(code, 130);
});

test("CLI ASYNC-16 A program that does not react to Ctrl-C is ended by another", async ({ dist, assert }) => {
  let timer;
  const { signal, err } = await converse(
    dist,
    ["-c", "from pyodide.code import run_js\nprint('ready', flush=True)\nrun_js('for (;;);')"],
    atEach((child) => {
      timer = setInterval(() => child.kill("SIGINT"), 200);
    }),
  );
  clearInterval(timer);
  assert.equal(signal, "SIGINT");
  assert.match(err, /does not react to Ctrl-C/);
});

test("CLI ASYNC-17 Handlers of signals, and a signal without one", async ({ dist, assert }) => {
  const program = `
import signal, time
signal.signal(signal.SIGTERM, lambda number, frame: print("handled", number))
signal.signal(signal.SIGINT, signal.SIG_IGN)
print("ready", flush=True)
while not input().startswith("next"): pass
signal.signal(signal.SIGTERM, signal.SIG_DFL)
print("ready", flush=True)
time.sleep(1000)
`;
  const { signal, text } = await converse(
    dist,
    ["-u", "-c", program],
    (() => {
      const react = atEach((child) => child.kill("SIGTERM"));
      let answered = false;
      return (all, child) => {
        react(all, child);
        if (!answered && all.includes("handled 15\n")) {
          answered = true;
          child.kill("SIGINT");
          child.stdin.write("next\n");
        }
      };
    })(),
  );
  assert.includes(text, "handled 15\n");
  assert.equal(signal, "SIGTERM");
});

test("CLI ASYNC-17 signal.pause waits for a signal, and lets Ctrl-C end the program", async ({ dist, assert }) => {
  const program = `
import signal
signal.signal(signal.SIGTERM, lambda number, frame: print("handled", number, flush=True))
print("waiting", flush=True)
signal.pause()
signal.signal(signal.SIGTERM, signal.SIG_IGN)
try:
    print("ready", flush=True)
    signal.pause()
except KeyboardInterrupt:
    print("interrupted")
print(signal.set_wakeup_fd(-1))
`;
  let timer;
  const interrupt = atEach((child) => child.kill("SIGINT"));
  const { code, text, err } = await converse(dist, ["-u", "-c", program], (all, child) => {
    // One that comes before the program waits is handled before.
    timer ??= setInterval(() => child.kill("SIGTERM"), 50);
    if (all.includes("ready")) clearInterval(timer);
    interrupt(all, child);
  });
  clearInterval(timer);
  assert.equal(err, "");
  assert.match(text, /^waiting\n(handled 15\n)+ready\ninterrupted\n-1\n$/);
  assert.equal(code, 0);
});

test("CLI select waits for standard input", async ({ dist, assert }) => {
  const program = `
import select, sys
print(select.select([0], [], [], 0.01)[0])
poll = select.poll()
poll.register(sys.stdin, select.POLLIN)
print(poll.poll(10))
print("ready", flush=True)
print(select.select([sys.stdin], [], [])[0] == [sys.stdin], poll.poll(), sys.stdin.readline(), end="")
print(select.select([0], [], [])[0], repr(sys.stdin.read()))
`;
  const { text, err } = await converse(dist, ["-c", program], atEach((child) => child.stdin.end("a line\n")));
  assert.equal(err, "");
  assert.equal(text, "[]\n[]\nready\nTrue [(0, 1)] a line\n[0] ''\n");
});

const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** Runs the command in a terminal that `script` makes. `steps` are what is typed, and what has to be on the screen before. */
function type(dist, args, steps, options) {
  // A shell that waited for the command would have its own opinion of Ctrl-C.
  const command = `exec ${[...launcher(dist), ...args].map(quote).join(" ")}`;
  const left = [...steps];
  let read = 0;
  return converse(
    dist,
    [],
    (text, child) => {
      for (;;) {
        const [expected, keys] = left[0] ?? [];
        const at = expected === undefined ? -1 : text.slice(read).search(expected);
        if (at === -1) return;
        read = text.length;
        left.shift();
        child.stdin.write(keys);
      }
    },
    { ...options, through: ["/usr/bin/script", "-qec", command, "/dev/null"] },
  );
}

test("CLI The line editor: colours, blocks, completion, history, Ctrl-C, a file of what was typed", { timeout: 240 }, async ({ dist, assert, skip }) => {
  if (!existsSync("/usr/bin/script")) skip("CLI: there is no `script` command to make a terminal with");
  await inFolder({ "startup.py": "from_startup = 'started'" }, async (home) => {
    const prompt = />>> [^\n]*$/;
    const { code, text } = await type(
      dist,
      ["-q"],
      [
        [prompt, "from_startup\r"],
        [/'started'[^]*>>> [^\n]*$/, "def twice(x):\rreturn x * 2\r\r"],
        [/\.\.\. [^]*>>> [^\n]*$/, "twi\t21)\r"],
        // Until the program runs, the editor's own moment may take Ctrl-C. What the program says is not what the editor shows.
        [/\b42\b[^]*>>> [^\n]*$/, "for _ in [print('bu' 'sy')]:\rwhile True: pass\r\r"],
        [/busy/, "\x03"],
        [/KeyboardInterrupt[^]*>>> [^\n]*$/, "\x10"],
        [/while/, "\x03"],
        [/KeyboardInterrupt[^]*>>> [^\n]*$/, "1/0\r"],
        [/ZeroDivisionError[^]*>>> [^\n]*$/, "exit(9)\r"],
      ],
      { env: { HOME: home, TERM: "xterm-256color", PYTHONSTARTUP: `${home}/startup.py`, PYTHON_BASIC_REPL: "", FORCE_COLOR: "1" }, cwd: home },
    );
    assert.equal(code, 9, text);
    assert.includes(text, "\x1b[1;35mZeroDivisionError\x1b[0m");
    assert.ok(existsSync(`${home}/.python_history`));
  });
});

/** Another `stty`: while it works somebody types Ctrl-C, and the terminal tells every program in it. */
const INTERRUPTED_STTY = `#!/bin/sh
[ "$1" = -g ] || kill -INT -"$(cut -d ' ' -f 8 "/proc/$PPID/stat")"
PATH=\${PATH#*:} exec stty "$@"
`;

test("CLI ASYNC-16 Ctrl-C while the settings of the terminal change does not leave them half changed", async ({ dist, assert, skip }) => {
  if (!existsSync("/usr/bin/script")) skip("CLI: there is no `script` command to make a terminal with");
  if (!existsSync("/proc/self/stat")) skip("CLI: this system does not say which programs a terminal has");
  const program = "import getpass, signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint(len(getpass.getpass('secret? ')))\nprint(input('shown? '))";
  await inFolder({ stty: INTERRUPTED_STTY }, async (folder) => {
    await chmod(`${folder}/stty`, 0o755);
    const { code, text } = await type(dist, ["-c", program], [[/secret\? $/, "never shown\r"], [/shown\? $/, "again\r"]], { env: { PATH: `${folder}:${process.env.PATH}` } });
    assert.equal(code, 0, text);
    assert.equal(text.replaceAll("\r\n", "\n"), "secret? \n11\nshown? again\nagain\n");
  });
});

test("CLI Settings of the terminal: getpass shows nothing, termios says what is", async ({ dist, assert, skip }) => {
  if (!existsSync("/usr/bin/script")) skip("CLI: there is no `script` command to make a terminal with");
  const program = "import getpass, os, sys, termios\nprint(len(termios.tcgetattr(0)), os.get_terminal_size().columns > 0, sys.stdin.isatty())\nprint(len(getpass.getpass('secret? ')))";
  const { code, text } = await type(dist, ["-c", program], [[/secret\? $/, "never shown\r"]]);
  assert.equal(code, 0, text);
  assert.equal(text.replaceAll("\r\n", "\n"), "7 True True\nsecret? \n11\n");
});
