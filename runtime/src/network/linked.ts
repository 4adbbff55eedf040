/**
 * Connections inside one program: two sockets, each the other's partner.
 * Invariant: what one end writes the other reads, in order; an end that is closed is the end of the other's input.
 */
import type { SocketRecord } from "./record";

/** Makes two new sockets the ends of one connection. */
export function link(one: SocketRecord, other: SocketRecord): void {
  one.partner = other;
  other.partner = one;
  one.phase = other.phase = "open";
}

export function writeLinked(record: SocketRecord, bytes: Uint8Array): void {
  const { partner } = record;
  if (partner === undefined || partner.phase === "closed") {
    record.fail({ code: "EPIPE", message: "write EPIPE" });
    return;
  }
  // What the partner has not read counts as on its way, so that a writer waits for a reader.
  record.inFlight += bytes.length;
  partner.push(bytes.slice());
  partner.notify();
}

export function consumedLinked(record: SocketRecord, count: number): void {
  const { partner } = record;
  if (partner === undefined) return;
  partner.inFlight -= count;
  partner.notify();
}

export function endLinked(record: SocketRecord): void {
  const { partner } = record;
  if (partner === undefined || partner.ended) return;
  partner.ended = true;
  partner.notify();
}
