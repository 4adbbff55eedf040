/** What the functions given to wasm work with. One per interpreter. */
import type { ProxyRegistry } from "../../proxy/registry";
import type { PyPtr } from "../generated";
import type { HandleTable } from "../handles";
import type { Operations } from "../operations";
import type { Stacks } from "../stacks";
import type { UnwatchedPromises } from "../unwatched";
import type { Wire } from "../wire";

/** Runs a function from a macrotask; returns what forgets it. */
export type Schedule = (callback: () => void, delayMs: number) => () => void;

export interface ImportContext {
  readonly wire: Wire;
  readonly handles: HandleTable;
  readonly operations: Operations;
  readonly registry: ProxyRegistry;
  readonly stacks: Stacks;
  readonly schedule: Schedule;
  /** Callbacks of Python that the host has to run, by number. */
  readonly callbacks: Map<number, { readonly callback: PyPtr; readonly cancel: () => void }>;
  /** Promises that JavaScript functions returned to Python: a PyProxy that they settle with is Python's (TT-099). */
  readonly calledPromises: WeakSet<object>;
  /** Promises that JavaScript functions returned to Python, until it awaits them. */
  readonly unwatched: UnwatchedPromises;
  /** Dicts become plain objects instead of LiteralMaps. */
  readonly plainDicts: boolean;
}
