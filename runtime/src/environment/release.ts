/**
 * Release: gives the memory of large files back when they have been used, instead of at some collection of garbage.
 * Not here: deciding that nobody needs the bytes any more.
 * Invariant: the bytes are gone afterwards: whoever still holds a view of them has an empty one.
 */

interface Transferable {
  transfer?(length: number): ArrayBuffer;
}

const CAN_TRANSFER = typeof (ArrayBuffer.prototype as Transferable).transfer === "function";

/**
 * Gives memory back. Made some time before it is used.
 * PERF: the bytes of the module and of the snapshot are 18 MB, which a short program would hold until its end (load: RSS).
 */
export class Releaser {
  /** What is sent from a closed port is lost: how engines without `transfer` are told that nobody needs it. It takes some turns to close. */
  private readonly lost: MessagePort | undefined;

  constructor() {
    if (!CAN_TRANSFER && typeof MessageChannel === "function") {
      this.lost = new MessageChannel().port1;
      this.lost.close();
    }
  }

  release(bytes: Uint8Array): void {
    const { buffer } = bytes;
    // A view of a part: the rest belongs to somebody else.
    if (buffer.byteLength !== bytes.byteLength || bytes.byteLength === 0) {
      return;
    }
    try {
      if (CAN_TRANSFER) {
        (buffer as Transferable).transfer?.(0);
      } else {
        this.lost?.postMessage(null, [buffer as ArrayBuffer]);
      }
    } catch (error) {
      // A buffer of another realm, or one that must not move: it is collected some day.
      if ((error as { name?: unknown } | null)?.name !== "DataCloneError" && (error as { name?: unknown } | null)?.name !== "TypeError") {
        throw error;
      }
    }
  }
}
