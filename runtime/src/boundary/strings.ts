/**
 * Strings between linear memory and JavaScript.
 * Invariant: nothing is lost or replaced, lone surrogates included. `TextDecoder` is therefore used only where every byte is
 * below 128 or outside of the few that Latin-1 and its decoder disagree about, and for UTF-16 where it refuses what it would replace; Node's own memory copies (`latin1Slice`, `ucs2Slice`, `ucs2Write`) are used where they exist.
 * Not here: where strings are put (wire).
 */

/** What of Node's Buffer is used: these copy code units as they are. */
interface NativeBuffer {
  latin1Slice(start: number, end: number): string;
  ucs2Slice(start: number, end: number): string;
  ucs2Write(text: string, offset: number, length: number): number;
}

type BufferFrom = (buffer: ArrayBufferLike) => NativeBuffer;

/** Below this many characters a loop beats the call into a native function. */
const SHORT = 24;
/** Arguments per `String.fromCharCode`: engines have limits, and small chunks stay off the slow path. */
const CHUNK = 4096;

/** From this many characters on, the decoder for Latin-1 beats chunks. */
const DECODER_MIN = 128;

const asciiDecoder = new TextDecoder("utf-8");
/** What the standard has for ISO 8859-1; they differ in the bytes from 0x80 to 0x9f only. */
const latin1Decoder = new TextDecoder("windows-1252");
const utf16Decoder = new TextDecoder("utf-16le", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Reads strings out of, and writes them into, views of linear memory. */
export class Strings {
  readonly #bufferFrom: BufferFrom | undefined = findNativeBuffer();
  #buffer: NativeBuffer | undefined;
  #bufferOf: ArrayBufferLike | undefined;

  /** `length` bytes below 128. */
  ascii(u8: Uint8Array, address: number, length: number): string {
    if (length <= SHORT) return shortText(u8, address, length);
    const native = this.#native(u8);
    if (native !== undefined) return native.latin1Slice(address, address + length);
    return asciiDecoder.decode(u8.subarray(address, address + length));
  }

  /** `length` bytes, one character each. */
  latin1(u8: Uint8Array, address: number, length: number): string {
    if (length <= SHORT) return shortText(u8, address, length);
    const native = this.#native(u8);
    if (native !== undefined) return native.latin1Slice(address, address + length);
    if (length < DECODER_MIN || hasControls(u8, address, address + length)) return chunkedText(u8, address, length);
    return latin1Decoder.decode(u8.subarray(address, address + length));
  }

  /** `length` UTF-16 code units from a byte address, which is even. */
  utf16(u16: Uint16Array, address: number, length: number): string {
    const start = address >>> 1;
    if (length <= SHORT) return shortText(u16, start, length);
    const native = this.#native(u16);
    if (native !== undefined) return native.ucs2Slice(address, address + 2 * length);
    return decodedText(u16, start, length);
  }

  /** `length` code points of 32 bits from a byte address. */
  ucs4(u32: Uint32Array, address: number, length: number): string {
    const start = address >>> 2;
    const end = start + length;
    if (length <= SHORT) return shortPoints(u32, start, end);
    // PERF: code units first, so that the text is built by one native copy instead of by concatenation.
    const units = new Uint16Array(2 * length);
    let count = 0;
    for (let index = start; index < end; index++) {
      const point = u32[index] as number;
      if (point < 0x10000) {
        units[count++] = point;
      } else {
        units[count++] = 0xd7c0 + (point >>> 10);
        units[count++] = 0xdc00 + (point & 0x3ff);
      }
    }
    if (this.#bufferFrom !== undefined) return this.#bufferFrom(units.buffer).ucs2Slice(0, 2 * count);
    return decodedText(units, 0, count);
  }

  /** Writes the code units of a text at an even byte address. */
  writeUtf16(text: string, u16: Uint16Array, address: number): void {
    if (text.length > SHORT) {
      const native = this.#native(u16);
      if (native !== undefined) {
        native.ucs2Write(text, address, 2 * text.length);
        return;
      }
    }
    const start = address >>> 1;
    for (let index = 0; index < text.length; index++) u16[start + index] = text.charCodeAt(index);
  }

  /** Writes a text if it is ASCII; false (and rubbish in memory) if not. There is room for one byte per code unit. */
  writeAscii(text: string, u8: Uint8Array, address: number): boolean {
    const { read, written } = encoder.encodeInto(text, u8.subarray(address, address + text.length));
    return read === text.length && written === text.length;
  }

  #native(view: Uint8Array | Uint16Array): NativeBuffer | undefined {
    if (this.#bufferFrom === undefined) return undefined;
    if (this.#bufferOf !== view.buffer) {
      this.#buffer = this.#bufferFrom(view.buffer);
      this.#bufferOf = view.buffer;
    }
    return this.#buffer;
  }
}

function shortText(view: Uint8Array | Uint16Array, start: number, length: number): string {
  let text = "";
  for (let index = start; index < start + length; index++) text += String.fromCharCode(view[index] as number);
  return text;
}

function shortPoints(u32: Uint32Array, start: number, end: number): string {
  let text = "";
  for (let index = start; index < end; index++) {
    const point = u32[index] as number;
    text += point < 0x10000 ? String.fromCharCode(point) : String.fromCharCode(0xd7c0 + (point >>> 10), 0xdc00 + (point & 0x3ff));
  }
  return text;
}

/** Is there a byte from 0x80 to 0x9f? Looks at whole words, so also at up to three bytes before and behind. */
function hasControls(u8: Uint8Array, start: number, end: number): boolean {
  const words = new Uint32Array(u8.buffer);
  for (let index = start >>> 2; index < (end + 3) >>> 2; index++) {
    const others = ((words[index] as number) & 0xe0e0e0e0) ^ 0x80808080; // such a byte is 0 here
    if (((others - 0x01010101) & ~others & 0x80808080) !== 0) return true;
  }
  return false;
}

/** PERF: the decoder takes a third to a half of the time that chunks take, in browsers. */
function decodedText(units: Uint16Array, start: number, length: number): string {
  try {
    return utf16Decoder.decode(units.subarray(start, start + length));
  } catch {
    // A surrogate without its other half.
    return chunkedText(units, start, length);
  }
}

function chunkedText(view: Uint8Array | Uint16Array, start: number, length: number): string {
  let text = "";
  const end = start + length;
  for (let index = start; index < end; index += CHUNK) {
    text += String.fromCharCode.apply(null, view.subarray(index, Math.min(index + CHUNK, end)) as unknown as number[]);
  }
  return text;
}

/** Node's Buffer; a polyfill in a page has not these methods and is left alone. */
function findNativeBuffer(): BufferFrom | undefined {
  const found = (globalThis as { readonly Buffer?: { from(buffer: ArrayBufferLike): unknown; readonly prototype: object } }).Buffer;
  if (found === undefined) return undefined;
  const prototype = found.prototype as Partial<NativeBuffer> | undefined;
  const { latin1Slice, ucs2Slice, ucs2Write } = prototype ?? {};
  if ([latin1Slice, ucs2Slice, ucs2Write].some((method) => typeof method !== "function")) return undefined;
  return (buffer) => found.from(buffer) as NativeBuffer;
}
