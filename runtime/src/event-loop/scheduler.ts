/**
 * Scheduler: runs callbacks from macrotasks of the host, at once or after a delay.
 * Not here: asyncio (Python's WebLoop is built on this), and what a callback does with its errors: one that
 * throws reaches the host like any other failing timer callback.
 * Invariants: never a microtask, so that the page stays responsive; callbacks without delay run in the order in
 * which they were scheduled; a delay is never shortened, whatever its length.
 */

/** Forgets a scheduled callback. Does nothing when it has run. */
export type Cancel = () => void;

/** Longest delay that `setTimeout` takes: it treats longer ones as zero. */
const TIMEOUT_MS_MAX = 0x7fffffff;

interface Entry {
  callback: (() => void) | undefined;
}

export class Scheduler {
  private readonly queue: Entry[] = [];
  private readonly timers = new Set<Cancel>();
  private readonly post: () => void;

  constructor() {
    this.post = makePost(() => this.runNext());
  }

  /** Runs `callback` from a macrotask, `delayMs` from now. */
  schedule(callback: () => void, delayMs = 0): Cancel {
    // NaN and negative delays mean "as soon as possible", as they do for setTimeout.
    if (delayMs > 0) {
      const cancel = scheduleLater(() => {
        this.timers.delete(forget);
        callback();
      }, delayMs);
      const forget = (): void => {
        this.timers.delete(forget);
        cancel();
      };
      this.timers.add(forget);
      return forget;
    }
    const entry: Entry = { callback };
    this.queue.push(entry);
    this.post();
    return () => {
      entry.callback = undefined;
    };
  }

  /** Forgets everything that was scheduled. */
  clear(): void {
    this.queue.length = 0;
    for (const forget of this.timers) {
      forget();
    }
  }

  private runNext(): void {
    // Each message runs one callback, so that the host can paint and handle input between two of them.
    this.queue.shift()?.callback?.();
  }
}

function scheduleLater(callback: () => void, delayMs: number): Cancel {
  const end = performance.now() + delayMs;
  let timer: ReturnType<typeof setTimeout>;
  const arm = (remainingMs: number): void => {
    timer = setTimeout(() => {
      const left = end - performance.now();
      // Timers may fire up to a millisecond early; only the chunks of a long delay are re-armed.
      if (left > 1) {
        arm(left);
      } else {
        callback();
      }
    }, Math.min(remainingMs, TIMEOUT_MS_MAX));
  };
  arm(delayMs);
  return () => clearTimeout(timer);
}

/** The fastest macrotask of this host: browsers clamp nested timers to 4 ms, messages they do not. */
function makePost(run: () => void): () => void {
  // A MessagePort that listens would keep a Node process alive for ever.
  if (typeof setImmediate === "function") {
    return () => void setImmediate(run);
  }
  if (typeof MessageChannel === "function") {
    const channel = new MessageChannel();
    channel.port1.onmessage = run;
    return () => channel.port2.postMessage(null);
  }
  return () => void setTimeout(run, 0);
}
