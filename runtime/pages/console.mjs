/**
 * The console page: a read-eval-print loop on `pyodide.console.PyodideConsole`.
 * Parameters of the address: `?packages=a,b` loads packages first, `?noblink` stops the caret from blinking.
 * Not here: what terminal control sequences look like (console-output.mjs).
 * Invariant: no inline script, no eval: the page works with a content security policy of 'self' and 'wasm-unsafe-eval'.
 */
import { Output } from "./console-output.mjs";
import { loadPyodide } from "./pyodide.mjs";

const HISTORY_KEY = "pyodide-console-history";
const HISTORY_MAX = 500;
const INDENT = "    ";
const WORDS_MAX = 200;

/** What the page needs of Python, in a namespace of its own so that the user's stays clean. */
const SETUP = `
import builtins
import sys
from traceback import format_exception

import __main__
from pyodide.console import BANNER, PyodideConsole, repr_shorten
from pyodide.ffi import can_run_sync, run_sync


class PageConsole(PyodideConsole):
    def formattraceback(self, e):
        text = super().formattraceback(e)
        if isinstance(e, SystemExit):
            return "This interpreter lives as long as its page: reload the page to start again.\\n"
        # Colours where Python has them for the error.
        head = "Traceback (most recent call last):"
        return text if head not in text else "".join(colored(e))


def colored(error):
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_frame.f_code.co_filename != "<console>":
        traceback = traceback.tb_next
    return format_exception(type(error), error, traceback or error.__traceback__, colorize=True)


def read(size):
    line = run_sync(read_line()) if can_run_sync() else prompt_line()
    if line is None:
        raise KeyboardInterrupt
    return line


console = PageConsole(__main__.__dict__, stdin_callback=read)


async def show(future):
    value = await future
    if value is None:
        return None
    builtins._ = value
    try:
        return repr_shorten(value, separator="\\n<long output truncated>\\n")
    except Exception as error:
        console.stderr_callback(console.formattraceback(error))
        return None


def complete(source):
    words, start = console.complete(source)
    return "\\n".join(words), start


def clear_buffer():
    console.buffer = []
`;

const element = (id) => document.getElementById(id);
const [form, code, promptLabel, terminal, status] = ["line", "code", "prompt", "terminal", "status"].map(element);
const output = new Output(element("output"));

/** Adds text to the output, in the colour of `kind`, and keeps its end in sight if it was. */
function print(text, kind) {
  if (!scrollIsPlanned) {
    // Once per picture: asking where the end is makes the browser lay out all of it.
    scrollIsPlanned = true;
    const stick = terminal.scrollHeight - terminal.scrollTop - terminal.clientHeight < 40;
    requestAnimationFrame(() => {
      scrollIsPlanned = false;
      if (stick) {
        terminal.scrollTop = terminal.scrollHeight;
      }
    });
  }
  output.write(text, kind);
}

let scrollIsPlanned = false;

function setStatus(text, className) {
  status.textContent = text;
  status.className = className ?? "";
}

class History {
  constructor() {
    this.lines = [];
    try {
      const stored = JSON.parse(localStorage.getItem(HISTORY_KEY) ?? "[]");
      this.lines = Array.isArray(stored) ? stored.filter((line) => typeof line === "string") : [];
    } catch {
      // Storage may be switched off, or hold something else: the history starts empty.
    }
    this.reset();
  }

  add(line) {
    if (line.trim() !== "" && this.lines.at(-1) !== line) {
      this.lines.push(line);
      this.lines.splice(0, this.lines.length - HISTORY_MAX);
      try {
        localStorage.setItem(HISTORY_KEY, JSON.stringify(this.lines));
      } catch {
        // The history of this page still works.
      }
    }
    this.reset();
  }

  reset() {
    this.position = this.lines.length;
    this.draft = "";
  }

  /** The line `step` away, or undefined at either end. */
  move(step, current) {
    const next = this.position + step;
    if (next < 0 || next > this.lines.length) {
      return undefined;
    }
    if (this.position === this.lines.length) {
      this.draft = current;
    }
    this.position = next;
    return next === this.lines.length ? this.draft : this.lines[next];
  }
}

class Repl {
  constructor(pyodide, names) {
    this.pyodide = pyodide;
    this.console = names.get("console");
    this.showResult = names.get("show");
    this.completeWord = names.get("complete");
    this.clearBuffer = names.get("clear_buffer");
    this.history = new History();
    this.incomplete = false;
    /** The command that runs. */
    this.running = undefined;
    /** Set while a program waits for a line: gets it, or undefined for Ctrl-C. */
    this.answer = undefined;
    this.isStopped = false;
    this.console.stdout_callback = (text) => print(text);
    this.console.stderr_callback = (text) => print(text, "error");
    form.addEventListener("submit", (event) => event.preventDefault());
    document.addEventListener("keydown", (event) => this.onPageKey(event));
    code.addEventListener("keydown", (event) => this.onKey(event));
    code.addEventListener("input", fit);
    terminal.addEventListener("click", () => {
      if (getSelection()?.isCollapsed && !form.hidden) {
        code.focus();
      }
    });
    element("clear").addEventListener("click", () => this.clear());
    element("stop").addEventListener("click", () => this.interrupt());
    this.ready();
  }

  ready() {
    this.running = undefined;
    output.freshLine();
    this.edit(this.incomplete ? "..." : ">>>");
    element("stop").hidden = true;
    setStatus("Ready");
  }

  /** Shows the line to edit, after what is printed already. */
  edit(label) {
    promptLabel.textContent = label;
    promptLabel.hidden = label === "";
    form.hidden = false;
    code.focus({ preventScroll: true });
    fit();
    terminal.scrollTop = terminal.scrollHeight;
  }

  /** Ctrl-C while the line to edit is hidden or without focus. */
  onPageKey(event) {
    if (event.target !== code && event.ctrlKey && !event.shiftKey && event.key.toLowerCase() === "c" && this.running !== undefined && getSelection()?.isCollapsed !== false) {
      event.preventDefault();
      this.interrupt();
    }
  }

  onKey(event) {
    if (event.isComposing) {
      return;
    }
    const whole = code.value;
    const collapsed = code.selectionStart === code.selectionEnd;
    const before = whole.slice(0, code.selectionStart);
    const after = whole.slice(code.selectionEnd);
    const isInput = this.answer !== undefined;
    if (event.key === "Enter" && (isInput || !event.shiftKey)) {
      event.preventDefault();
      if (isInput) {
        this.reply(`${whole}\n`);
      } else {
        void this.submit();
      }
    } else if (event.ctrlKey && event.key === "d" && whole === "" && isInput) {
      event.preventDefault();
      this.reply("");
    } else if (event.key === "ArrowUp" && !isInput && collapsed && !before.includes("\n")) {
      this.recall(-1, event);
    } else if (event.key === "ArrowDown" && !isInput && collapsed && !after.includes("\n")) {
      this.recall(1, event);
    } else if (event.key === "Tab" && !isInput && !event.shiftKey && !event.altKey && !event.ctrlKey) {
      event.preventDefault();
      this.complete(before, after);
    } else if (event.key === "Backspace" && !isInput && collapsed && /(^|\n) +$/.test(before) && before.length - (before.lastIndexOf("\n") + 1) >= INDENT.length) {
      // A level of indentation at once.
      event.preventDefault();
      const column = before.length - (before.lastIndexOf("\n") + 1);
      const head = before.slice(0, before.length - (column % INDENT.length || INDENT.length));
      setCode(head + after, head.length);
    } else if (event.key === "Escape") {
      // Tab belongs to the console while one types; Escape gives it back to the page.
      code.blur();
    } else if (event.ctrlKey && !event.shiftKey && event.key.toLowerCase() === "c" && collapsed) {
      event.preventDefault();
      if (isInput) {
        this.interrupt();
      } else {
        this.discard();
      }
    } else if (event.ctrlKey && event.key === "l") {
      event.preventDefault();
      this.clear();
    }
  }

  recall(step, event) {
    const line = this.history.move(step, code.value);
    if (line !== undefined) {
      event.preventDefault();
      setCode(line);
    }
  }

  complete(before, after) {
    const line = before.slice(before.lastIndexOf("\n") + 1);
    if (line.trim() === "" || /\s$/.test(line)) {
      setCode(before + INDENT + after, before.length + INDENT.length);
      return;
    }
    const found = this.completeWord(line);
    const [joined, start] = found.toJs();
    found.destroy();
    const words = joined === "" ? [] : joined.split("\n");
    const common = words.reduce((prefix, word) => {
      let length = 0;
      while (length < prefix.length && prefix[length] === word[length]) {
        length++;
      }
      return prefix.slice(0, length);
    }, words[0] ?? "");
    const typed = line.slice(start);
    if (common.length > typed.length) {
      const head = before.slice(0, before.length - typed.length) + common;
      setCode(head + after, head.length);
    } else if (words.length > 1) {
      const shown = words.slice(0, WORDS_MAX).map((word) => word.slice(typed.lastIndexOf(".") + 1));
      const more = words.length > WORDS_MAX ? ` and ${words.length - WORDS_MAX} more` : "";
      print(`${shown.join("  ")}${more}\n`, "quiet");
      terminal.scrollTop = terminal.scrollHeight;
    }
  }

  discard() {
    print(`${promptLabel.textContent} `, "prompt");
    print(`${code.value}\n`);
    print("KeyboardInterrupt\n", "error");
    this.clearBuffer();
    this.incomplete = false;
    this.history.reset();
    setCode("");
    this.ready();
  }

  clear() {
    output.clear();
    if (!form.hidden) {
      code.focus();
    }
  }

  /** Lets the user enter a line for `input()`. */
  readLine() {
    setStatus("Waiting for input", "busy");
    setCode("");
    this.edit(output.takeLine());
    promptLabel.className = "question";
    return new Promise((resolve) => {
      this.answer = resolve;
    });
  }

  reply(line) {
    const { answer } = this;
    this.answer = undefined;
    promptLabel.className = "";
    print(`${promptLabel.textContent}${line === undefined ? `${code.value}^C` : line.trimEnd()}\n`);
    setCode("");
    form.hidden = true;
    setStatus("Running…", "busy");
    answer(line);
  }

  /** Stops the command that runs. */
  interrupt() {
    this.isStopped = true;
    if (this.answer !== undefined) {
      this.reply(undefined);
    } else if (this.running !== undefined && !this.pyodide.interrupt?.()) {
      this.running.cancel();
    }
  }

  async submit() {
    if (this.running !== undefined) {
      return;
    }
    // Text that was copied from a web page may contain non-breaking spaces.
    const source = code.value.replaceAll("\u00a0", " ").replaceAll("\r\n", "\n");
    this.history.add(source.trimEnd());
    setCode("");
    form.hidden = true;
    element("stop").hidden = false;
    setStatus("Running…", "busy");
    this.isStopped = false;
    const lines = source.split("\n");
    let last = "";
    for (let index = 0; index < lines.length; index++) {
      const line = lines[index];
      output.freshLine();
      print(`${this.incomplete ? "..." : ">>>"} `, "prompt");
      print(`${line}\n`);
      last = line;
      await this.push(line);
      if (this.isStopped) {
        break;
      }
      // Several lines at once end the block they open, as an empty line does when one types.
      if (this.incomplete && lines.length > 1 && index === lines.length - 1 && line.trim() !== "") {
        lines.push("");
      }
    }
    if (this.incomplete) {
      const indent = /^\s*/.exec(last)[0];
      setCode(last.trimEnd().endsWith(":") ? indent + INDENT : indent);
    }
    this.ready();
  }

  async push(line) {
    const future = this.console.push(line);
    this.running = future;
    this.incomplete = future.syntax_check === "incomplete";
    try {
      if (future.syntax_check === "syntax-error") {
        print(`${future.formatted_error.trimEnd()}\n`, "error");
      } else if (future.syntax_check === "complete") {
        const shown = await this.showResult(future);
        output.freshLine();
        if (shown !== undefined) {
          print(`${shown}\n`);
        }
      }
    } catch (error) {
      output.freshLine();
      const text = error.type === "CancelledError" || error.type?.endsWith(".CancelledError") ? "KeyboardInterrupt" : (future.formatted_error ?? error.message);
      print(`${text.trimEnd()}\u001b[0m\n`, "error");
    } finally {
      future.destroy();
    }
  }
}

function setCode(text, caret = text.length) {
  code.value = text;
  code.setSelectionRange(caret, caret);
  fit();
}

/** Lets the input be as high as its text. */
function fit() {
  code.rows = code.value.split("\n").length;
  // A long line takes more than one row.
  code.style.height = "auto";
  code.style.height = `${code.scrollHeight}px`;
}

/** Where nothing can wait for the page, the browser asks. */
function promptLine() {
  const line = prompt();
  return line === null ? "" : `${line}\n`;
}

async function main() {
  setStatus("Loading…", "busy");
  const parameters = new URLSearchParams(location.search);
  document.body.classList.toggle("noblink", parameters.has("noblink"));
  const pyodide = await loadPyodide();
  globalThis.pyodide = pyodide;
  pyodide.setStdout({ batched: (line) => print(`${line}\n`) });
  pyodide.setStderr({ batched: (line) => print(`${line}\n`, "error") });
  const packages = parameters.get("packages");
  if (packages) {
    await pyodide.loadPackage(packages.split(","), { messageCallback: (text) => setStatus(text, "busy") });
  }
  let repl;
  const dict = pyodide.globals.get("dict");
  const names = dict();
  dict.destroy();
  names.set("read_line", () => repl.readLine());
  names.set("prompt_line", promptLine);
  pyodide.runPython(SETUP, { globals: names });
  element("version").textContent = pyodide.version;
  print(`${names.get("BANNER")}\n`, "quiet");
  repl = new Repl(pyodide, names);
  globalThis.repl = repl;
}

main().catch((error) => {
  setStatus("Python could not be started", "failed");
  print(`${error?.message ?? error}\n`, "error");
});
