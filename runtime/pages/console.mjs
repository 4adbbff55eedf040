/**
 * The console page: a read-eval-print loop on `pyodide.console.PyodideConsole`.
 * Parameters of the address: `?packages=a,b` loads packages first.
 * Invariant: no inline script, no eval: the page works with a content security policy of 'self' and 'wasm-unsafe-eval'.
 */
import { loadPyodide } from "./pyodide.mjs";

const HISTORY_KEY = "pyodide-console-history";
const HISTORY_MAX = 500;
const INDENT = "    ";

/** What the page needs of Python, in a namespace of its own so that the user's stays clean. */
const SETUP = `
import builtins
import sys

import __main__
from pyodide.console import PyodideConsole, repr_shorten

console = PyodideConsole(__main__.__dict__)

def banner():
    return f"Python {sys.version} on {sys.platform}"

async def show(future):
    value = await future
    if value is None:
        return None
    builtins._ = value
    return repr_shorten(value, separator="\\n<long output truncated>\\n")

def complete(source):
    words, start = console.complete(source)
    return "\\n".join(words), start

def clear_buffer():
    console.buffer = []
`;

const element = (id) => document.getElementById(id);
const [output, form, code, promptLabel, terminal, status] = ["output", "line", "code", "prompt", "terminal", "status"].map(element);

/** Adds text to the output, in the colour of `kind`. */
function print(text, kind) {
  const stick = terminal.scrollHeight - terminal.scrollTop - terminal.clientHeight < 40;
  const last = output.lastElementChild;
  if (last !== null && last.className === (kind ?? "")) {
    last.append(plain(text));
  } else {
    const span = document.createElement("span");
    span.className = kind ?? "";
    span.append(plain(text));
    output.append(span);
  }
  if (stick) {
    terminal.scrollTop = terminal.scrollHeight;
  }
}

/** Text without terminal control sequences: this page has its own colours. */
function plain(text) {
  return text.replace(/\u001b\[[0-9;]*[A-Za-z]/g, "");
}

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
    this.names = names;
    this.console = names.get("console");
    this.showResult = names.get("show");
    this.completeWord = names.get("complete");
    this.clearBuffer = names.get("clear_buffer");
    this.history = new History();
    this.incomplete = false;
    this.busy = false;
    this.console.stdout_callback = (text) => print(text);
    this.console.stderr_callback = (text) => print(text, "error");
    form.hidden = false;
    form.addEventListener("submit", (event) => event.preventDefault());
    code.addEventListener("keydown", (event) => this.onKey(event));
    code.addEventListener("input", fit);
    terminal.addEventListener("click", () => {
      if (getSelection()?.isCollapsed) {
        code.focus();
      }
    });
    element("clear").addEventListener("click", () => this.clear());
    this.ready();
  }

  ready() {
    this.busy = false;
    promptLabel.textContent = this.incomplete ? "..." : ">>>";
    form.hidden = false;
    setStatus("Ready");
    code.focus();
    fit();
    terminal.scrollTop = terminal.scrollHeight;
  }

  onKey(event) {
    if (event.isComposing) {
      return;
    }
    const whole = code.value;
    const collapsed = code.selectionStart === code.selectionEnd;
    const before = whole.slice(0, code.selectionStart);
    const after = whole.slice(code.selectionEnd);
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      void this.submit();
    } else if (event.key === "ArrowUp" && collapsed && !before.includes("\n")) {
      this.recall(-1, event);
    } else if (event.key === "ArrowDown" && collapsed && !after.includes("\n")) {
      this.recall(1, event);
    } else if (event.key === "Tab" && !event.shiftKey && !event.altKey && !event.ctrlKey) {
      event.preventDefault();
      this.complete(before, after);
    } else if (event.key === "Escape") {
      // Tab belongs to the console while one types; Escape gives it back to the page.
      code.blur();
    } else if (event.ctrlKey && event.key === "c" && collapsed) {
      event.preventDefault();
      this.discard();
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
    if (line.trim() === "") {
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
      print(`${words.join("  ")}\n`, "quiet");
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
    output.replaceChildren();
    code.focus();
  }

  async submit() {
    if (this.busy) {
      return;
    }
    this.busy = true;
    // Text that was copied from a web page may contain non-breaking spaces.
    const source = code.value.replaceAll("\u00a0", " ").replaceAll("\r\n", "\n");
    this.history.add(source.trimEnd());
    setCode("");
    form.hidden = true;
    setStatus("Running…", "busy");
    const lines = source.split("\n");
    // Several lines at once end the block they open, as an empty line does when one types.
    if (lines.length > 1 && lines.at(-1)?.trim() !== "") {
      lines.push("");
    }
    let last = "";
    for (const line of lines) {
      print(`${this.incomplete ? "..." : ">>>"} `, "prompt");
      print(`${line}\n`);
      last = line;
      await this.push(line);
    }
    if (this.incomplete) {
      const indent = /^\s*/.exec(last)[0];
      setCode(last.trimEnd().endsWith(":") ? indent + INDENT : indent);
    }
    this.ready();
  }

  async push(line) {
    const future = this.console.push(line);
    this.incomplete = future.syntax_check === "incomplete";
    try {
      if (future.syntax_check === "syntax-error") {
        print(`${future.formatted_error.trimEnd()}\n`, "error");
      } else if (future.syntax_check === "complete") {
        const shown = await this.showResult(future);
        if (shown !== undefined) {
          print(`${shown}\n`);
        }
      }
    } catch (error) {
      const text = future.formatted_error ?? error.message;
      print(`${text.trimEnd()}\n`, "error");
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
}

async function main() {
  setStatus("Loading…", "busy");
  const pyodide = await loadPyodide();
  globalThis.pyodide = pyodide;
  pyodide.setStdout({ batched: (line) => print(`${line}\n`) });
  pyodide.setStderr({ batched: (line) => print(`${line}\n`, "error") });
  const packages = new URLSearchParams(location.search).get("packages");
  if (packages) {
    await pyodide.loadPackage(packages.split(","), { messageCallback: (text) => setStatus(text, "busy") });
  }
  const dict = pyodide.globals.get("dict");
  const names = dict();
  dict.destroy();
  pyodide.runPython(SETUP, { globals: names });
  element("version").textContent = pyodide.version;
  const banner = names.get("banner");
  print(`${banner()}\n`, "quiet");
  banner.destroy();
  globalThis.repl = new Repl(pyodide, names);
}

main().catch((error) => {
  setStatus("Python could not be started", "failed");
  print(`${error?.message ?? error}\n`, "error");
});
