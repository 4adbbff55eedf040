/**
 * The output of the console page: text with terminal control sequences becomes lines of coloured elements.
 * Understood: colours and styles (also of 256 and 24 bits), carriage return, backspace, erasing in a line, clearing the screen. Other
 * sequences are left out. Not here: input.
 * Invariant: text is only ever added as text, never as markup.
 */

const NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

/** A control sequence (CSI), an operating system command (OSC), another escape, or a control character that moves the cursor. */
// eslint-disable-next-line no-control-regex -- these are the characters that it is about
const CONTROL = /\u001b\[([0-9;:?<>=]*)([@-~])|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)|\u001b[@-Z\\^_=>c78]|[\r\n\b\u0007]/g;

/** The beginning of a control sequence at the end of a text. */
// eslint-disable-next-line no-control-regex -- these are the characters that it is about
const UNFINISHED = /\u001b(?:\[[0-9;:?<>=]*|\][^\u0007\u001b]*)?$/;

/** So many lines are kept, as terminals do it; they are taken away in portions. */
const LINES_MAX = 5000;
const PORTION = 500;

export class Output {
  #element;
  #line;
  /** How many lines are complete. */
  #count = 0;
  /** The parts of the last line, `{ text, style }`, while it can still change. */
  #parts = [];
  #column = 0;
  #style = {};
  #rest = "";

  constructor(element) {
    this.#element = element;
  }

  /** Adds text; `kind` is the class of what has no colour of its own. */
  write(text, kind = "") {
    const whole = this.#rest + text;
    const unfinished = UNFINISHED.exec(whole);
    this.#rest = unfinished === null ? "" : unfinished[0];
    const complete = unfinished === null ? whole : whole.slice(0, unfinished.index);
    let start = 0;
    for (const match of complete.matchAll(CONTROL)) {
      this.#put(complete.slice(start, match.index), kind);
      start = match.index + match[0].length;
      this.#control(match);
    }
    this.#put(complete.slice(start), kind);
    this.#draw();
  }

  /** Begins a new line unless the last one is empty. */
  freshLine() {
    if (this.#parts.some(({ text }) => text !== "")) {
      this.write("\n");
    }
  }

  /** Takes the last line back, if it has no end yet: its text. */
  takeLine() {
    const text = this.#parts.map((part) => part.text).join("");
    this.#parts = [];
    this.#column = 0;
    this.#line?.remove();
    this.#line = undefined;
    return text;
  }

  clear() {
    this.#element.replaceChildren();
    this.#count = 0;
    this.#line = undefined;
    this.#parts = [];
    this.#column = 0;
  }

  /** Takes away the oldest lines when there are too many. */
  #forget() {
    this.#count++;
    if (this.#count > LINES_MAX + PORTION) {
      for (let index = 0; index < PORTION; index++) {
        this.#element.firstElementChild?.remove();
      }
      this.#count -= PORTION;
    }
  }

  #control([sequence, parameters, final]) {
    if (sequence === "\n") {
      this.#draw();
      this.#line?.append("\n");
      this.#line = undefined;
      this.#forget();
      this.#parts = [];
      this.#column = 0;
    } else if (sequence === "\r") {
      this.#column = 0;
    } else if (sequence === "\b") {
      this.#column = Math.max(0, this.#column - 1);
    } else if (final === "m") {
      this.#style = applyStyle(this.#style, parameters);
    } else if (final === "K") {
      this.#erase(parameters);
    } else if (final === "G") {
      this.#column = Math.max(0, (Number.parseInt(parameters, 10) || 1) - 1);
    } else if (final === "C" || final === "D") {
      const distance = Number.parseInt(parameters, 10) || 1;
      this.#column = Math.max(0, this.#column + (final === "C" ? distance : -distance));
    } else if (final === "J" && /^[23]$/.test(parameters)) {
      this.clear();
    }
  }

  /** Writes over what stands at the cursor. */
  #put(text, kind) {
    if (text === "") {
      return;
    }
    const length = this.#parts.reduce((sum, part) => sum + part.text.length, 0);
    if (this.#column > length) {
      this.#parts.push({ text: " ".repeat(this.#column - length), style: {}, kind: "" });
    }
    const before = this.#cut(0, this.#column);
    const after = this.#cut(this.#column + text.length, Infinity);
    const last = before.at(-1);
    if (last !== undefined && last.style === this.#style && last.kind === kind) {
      last.text += text;
    } else {
      before.push({ text, style: this.#style, kind });
    }
    this.#parts = [...before, ...after];
    this.#column += text.length;
  }

  #erase(parameters) {
    if (parameters === "1" || parameters === "2") {
      const after = parameters === "1" ? this.#cut(this.#column, Infinity) : [];
      this.#parts = [{ text: " ".repeat(this.#column), style: {}, kind: "" }, ...after];
    } else {
      this.#parts = this.#cut(0, this.#column);
    }
  }

  /** The parts between two columns. */
  #cut(from, to) {
    const found = [];
    let column = 0;
    for (const { text, style, kind } of this.#parts) {
      const piece = text.slice(Math.max(0, from - column), Math.max(0, to - column));
      if (piece !== "") {
        found.push({ text: piece, style, kind });
      }
      column += text.length;
    }
    return found;
  }

  #draw() {
    if (this.#line === undefined) {
      this.#line = document.createElement("span");
      this.#element.append(this.#line);
    }
    this.#line.replaceChildren(...this.#parts.map(draw));
  }
}

function draw({ text, style, kind }) {
  const classes = [kind, ...(style.classes ?? [])].filter((name) => name !== "");
  if (classes.length === 0 && style.color === undefined && style.background === undefined) {
    return document.createTextNode(text);
  }
  const span = document.createElement("span");
  span.className = classes.join(" ");
  // Properties, not a style attribute: a content security policy may forbid that.
  if (style.color !== undefined) {
    span.style.color = style.color;
  }
  if (style.background !== undefined) {
    span.style.backgroundColor = style.background;
  }
  span.textContent = text;
  return span;
}

/** The style after a sequence "select graphic rendition". A style is never changed, so that equal ones are one object. */
function applyStyle(before, parameters) {
  let { classes = [], color, background } = before;
  const without = (...patterns) => classes.filter((name) => !patterns.some((pattern) => (pattern.endsWith("-") ? name.startsWith(pattern) : name === pattern)));
  const codes = parameters === "" ? [0] : parameters.split(/[;:]/).map((code) => Number.parseInt(code, 10) || 0);
  for (let index = 0; index < codes.length; index++) {
    const code = codes[index];
    const simple = { 1: "bold", 2: "faint", 3: "italic", 4: "underline", 7: "inverse", 9: "strike" }[code];
    if (code === 0) {
      [classes, color, background] = [[], undefined, undefined];
    } else if (simple !== undefined) {
      classes = [...without(simple), simple];
    } else if (code === 22) {
      classes = without("bold", "faint");
    } else if (code === 23 || code === 24 || code === 27 || code === 29) {
      classes = without({ 23: "italic", 24: "underline", 27: "inverse", 29: "strike" }[code]);
    } else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) {
      [classes, color] = [[...without("fg-"), `fg-${code >= 90 ? "bright-" : ""}${NAMES[code % 10]}`], undefined];
    } else if ((code >= 40 && code <= 47) || (code >= 100 && code <= 107)) {
      [classes, background] = [[...without("bg-"), `bg-${code >= 100 ? "bright-" : ""}${NAMES[code % 10]}`], undefined];
    } else if (code === 39) {
      [classes, color] = [without("fg-"), undefined];
    } else if (code === 49) {
      [classes, background] = [without("bg-"), undefined];
    } else if (code === 38 || code === 48) {
      const [value, used] = longColor(codes.slice(index + 1));
      index += used;
      if (code === 38) {
        [classes, color] = [without("fg-"), value];
      } else {
        [classes, background] = [without("bg-"), value];
      }
    }
  }
  return { classes, color, background };
}

/** A colour of the palette of 256 or of 24 bits, and how many codes it took. */
function longColor([mode, ...values]) {
  if (mode === 2) {
    return [`rgb(${values.slice(0, 3).map((value) => value & 255).join(" ")})`, 4];
  }
  const number = values[0] ?? 0;
  if (number < 16) {
    return [`var(--${number >= 8 ? "bright-" : ""}${NAMES[number % 8]})`, 2];
  }
  if (number >= 232) {
    const grey = 8 + (number - 232) * 10;
    return [`rgb(${grey} ${grey} ${grey})`, 2];
  }
  const level = (step) => (step === 0 ? 0 : 55 + step * 40);
  const cube = number - 16;
  return [`rgb(${level(Math.floor(cube / 36))} ${level(Math.floor(cube / 6) % 6)} ${level(cube % 6)})`, 2];
}
