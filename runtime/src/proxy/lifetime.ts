/**
 * Lifetime of what a PyProxy stands for: one reference to a Python object, shared by the proxy, its `captureThis` and `bind`
 * variants, and ended together with the lifetimes of the attributes that were read through it.
 * Invariants: the reference is given back exactly once; a lifetime refers to no proxy, so that the finalizer's record of it
 * keeps nothing alive; when its era is over (a reset), the object is gone and there is nothing to give back.
 */
import type { Era } from "../boundary/era";
import type { PyPtr } from "../boundary/generated";

/** What gives references back. */
export interface ReferenceOwner {
  drop(object: PyPtr): void;
  /** A lifetime is over. */
  ended(lifetime: Lifetime): void;
}

/** What, in debug mode, is known about an object: its type, its repr, and where the proxy was made. */
export interface DebugNote {
  readonly type: string;
  readonly text: string;
  readonly madeAt: string;
}

/** Why a proxy cannot be used any more; the text is made when somebody asks. */
export type Reason = string | (() => string);

const DESTROYED = "Object has already been destroyed";
const GONE = 0 as PyPtr;

/** One reference to a Python object. */
export class Lifetime {
  #object: PyPtr;
  #reason: Reason = DESTROYED;
  /** Lifetimes of attributes, which end when this one ends. */
  #children: Set<Lifetime> | undefined;
  /** What is known in debug mode. */
  debugNote: DebugNote | undefined;

  constructor(
    object: PyPtr,
    readonly parent: Lifetime | undefined,
    private readonly era: Era,
  ) {
    this.#object = object;
    if (parent !== undefined) (parent.#children ??= new Set()).add(this);
  }

  /** Has the reference not been given back? */
  get isAlive(): boolean {
    return this.#object !== GONE && !this.era.isOver;
  }

  /** The object, borrowed. Throws when the reference has been given back. */
  get object(): PyPtr {
    if (this.#object === GONE || this.era.isOver) throw this.error();
    return this.#object;
  }

  /** The object, borrowed, or 0. */
  get objectOrNone(): PyPtr {
    return this.era.isOver ? GONE : this.#object;
  }

  /** Gives the reference back, and those of the attributes. Nothing happens when that has been done. */
  end(owner: ReferenceOwner, reason: Reason): void {
    const object = this.release(owner, reason);
    if (object !== GONE) owner.drop(object);
  }

  /** As `end`, but the reference to the object itself is the caller's from now on (0 when it had ended before). */
  release(owner: ReferenceOwner, reason: Reason): PyPtr {
    const object = this.#finish(owner, reason);
    if (object === GONE) return GONE;
    if (this.parent !== undefined) this.parent.#children?.delete(this);
    const pending = this.#takeChildren();
    // Not by recursion: items of items may be as deep as the stack allowed when they were read.
    for (let child = pending.pop(); child !== undefined; child = pending.pop()) {
      for (const grandchild of child.#takeChildren()) pending.push(grandchild);
      const childObject = child.#finish(owner, () => attributeReason(reason));
      if (childObject !== GONE) owner.drop(childObject);
    }
    return object;
  }

  /** Takes the object out, if it is there. */
  #finish(owner: ReferenceOwner, reason: Reason): PyPtr {
    const object = this.#object;
    if (object === GONE || this.era.isOver) return GONE;
    this.#object = GONE;
    this.#reason = reason;
    owner.ended(this);
    return object;
  }

  #takeChildren(): Lifetime[] {
    const children = this.#children;
    this.#children = undefined;
    return children === undefined ? [] : [...children];
  }

  /** What using it after its end throws. */
  error(): Error {
    if (this.#object !== GONE && this.era.isOver) return new Error(`${DESTROYED}: ${this.era.reason}`);
    const reason = typeof this.#reason === "string" ? this.#reason : this.#reason();
    if (this.debugNote === undefined) return new Error(reason);
    const { type, text, madeAt } = this.debugNote;
    return new Error(`${reason}\nThe object was of type \`${type}\` and had repr \`${text}\`\nIts proxy was made at:\n${madeAt}`);
  }
}

/** The message of `destroy`, or the usual one. */
export function destroyedMessage(message: string | undefined): string {
  return message ?? DESTROYED;
}

/** Why the proxy of an attribute is gone: the proxy it was read from is. */
function attributeReason(reason: Reason): string {
  const rootReason = typeof reason === "string" ? reason : reason();
  return (
    `${DESTROYED}: this proxy was read as an attribute of another proxy and lived as long as that one, which is gone. ` +
    `To keep the object, take a \`.copy()\` of its proxy. (The other proxy: ${rootReason})`
  );
}

/**
 * Why an argument of a call is gone: which object it was, who borrowed it, and what to do about it.
 */
export function borrowedReason(typeName: string, borrower: unknown): Reason {
  return () =>
    `${DESTROYED}: this proxy of a Python \`${typeName}\` was an argument of a call from Python to ${nameOf(borrower)}, ` +
    "and was borrowed only until that call was done. To keep the object, take a `.copy()` of the proxy during the call, " +
    "or pass `pyodide.ffi.create_proxy(obj)` (`create_once_callable(obj)` for a function called once) in Python";
}

function nameOf(borrower: unknown): string {
  try {
    const name = (borrower as { readonly name?: unknown } | null | undefined)?.name;
    if (typeof name === "string" && name !== "") return `the JavaScript function \`${name}\``;
  } catch {
    // A function that does not tell its name has none.
  }
  return "a JavaScript function without a name";
}
