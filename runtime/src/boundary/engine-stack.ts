/**
 * The engine's own stack: tells whether there is room on it for what Python may do before it asks again.
 *
 * CPython's checks look at the stack in linear memory, but the engine's stack, about 1 MB and invisible, overflows first; and an
 * overflow inside wasm throws the frames of the interpreter away. So a function of wasm is called whose frame is as large as the room that is
 * needed: engines compare the frame with the limit when the function is entered, and touch nothing. It has that frame because of a branch, never taken,
 * in which thousands of results of calls are on wasm's operand stack at once.
 * Invariant: nothing is compiled before somebody asks; answers cost a few nanoseconds.
 * Not here: stacks that can be suspended. JavaScript never runs on those, so the answer would be about another stack.
 */

/** Results of one call. Engines compile calls with many more slowly. */
const RESULTS = 128;
/** What the frame holds: 96 KB. Between two questions Python uses some 10 KB; the rest is for C code that does not ask, and for JavaScript. */
const FRAME_BYTES = 96 * 1024;

const I32 = 0x7f;
const F64 = 0x7c;

/** Makes the function that says whether there is room. */
export function makeRoomCheck(): () => boolean {
  let enter: ((never: number) => void) | undefined;
  return () => {
    enter ??= makeLargeFrame();
    try {
      enter(0);
      return true;
    } catch {
      return false;
    }
  };
}

/**
 * A function `(never: i32) => void`: `if (never) { call f…; call g… }`, f giving and g taking many numbers. The calls are
 * indirect, through a table with room for a function, so that no engine sees through them.
 */
function makeLargeFrame(): (never: number) => void {
  const calls = FRAME_BYTES / (8 * RESULTS);
  const many = [...leb(RESULTS), ...new Array<number>(RESULTS).fill(F64)];
  const types = vector([
    [0x60, 1, I32, 0],
    [0x60, 0, ...many],
    [0x60, ...many, 0],
  ]);
  const callType = (type: number): number[] => [0x41, 0, 0x11, type, 0]; // i32.const 0, call_indirect
  const repeat = (code: readonly number[]): number[] => new Array<readonly number[]>(calls).fill(code).flat();
  // local.get 0, if, ..., end, end
  const code = [0, 0x20, 0, 0x04, 0x40, ...repeat(callType(1)), ...repeat(callType(2)), 0x0b, 0x0b];
  const bytes = new Uint8Array([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, types),
    ...section(3, vector([[0]])),
    ...section(4, vector([[0x70, 0, 1]])),
    ...section(7, vector([[1, 0x66, 0, 0]])),
    ...section(10, vector([[...leb(code.length), ...code]])),
  ]);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  return instance.exports["f"] as (never: number) => void;
}

/** An unsigned number as WebAssembly's binary format has it. SPEC: WebAssembly core, 5.2.2. */
function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  return [...bytes, rest];
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...leb(items.length), ...items.flat()];
}

function section(id: number, body: readonly number[]): number[] {
  return [id, ...leb(body.length), ...body];
}
