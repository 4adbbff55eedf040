/**
 * The leak check after every test.
 * Owns: what is counted (live handles, live proxies, Python objects held by JavaScript, as far as the distribution
 * reports them) and how an interpreter is brought back to the state before the test.
 * Invariant: a count is taken only after garbage collection in Python and some turns of the event loop, because promises,
 * scheduled callbacks and the closing of async generators let go of things some turns late.
 */

const SUPPORT = `
import builtins as _builtins, gc as _gc, sys as _sys, math as _math

class _Raises:
    def __init__(self, expected, where):
        self.expected, self.where = expected, where
    def __enter__(self):
        return self
    def __exit__(self, kind, value, traceback):
        if kind is None:
            raise AssertionError(f"{self.where}: expected {self.expected}, nothing was raised")
        text = f"{kind.__name__}: {value}"
        if self.expected not in text:
            raise AssertionError(f"{self.where}: expected {self.expected}, got {text}") from value
        self.expected = self.where = None
        return True

def _same(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return a == b and _math.copysign(1, a) == _math.copysign(1, b) or a != a and b != b
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(_same(a[k], b[k]) for k in a)
    return a == b

def _check(actual, expected, where):
    if not _same(actual, expected):
        raise AssertionError(f"{where}: expected {expected!r}, got {actual!r} ({type(actual).__name__})")

_builtins._raises_ = _Raises
_builtins._check_ = _check

def _collect():
    for name in ("last_exc", "last_value", "last_traceback", "last_type"):
        if hasattr(_sys, name):
            delattr(_sys, name)
    _gc.collect()

_names = []

def _mark():
    _names.append(set(_main))

def _reset():
    names = _names.pop()
    for name in list(_main):
        if name not in names:
            del _main[name]
    _sys._clear_internal_caches()
    _collect()

_main = _sys.modules["__main__"].__dict__
(_collect, _mark, _reset)
`;

export class LeakMeter {
  #py;
  #collect;
  #mark;
  #reset;

  constructor(py) {
    this.#py = py;
    const scope = py.toPy({});
    scope.set("__name__", "pyoxide_test_support");
    const functions = py.runPython(SUPPORT, { globals: scope });
    [this.#collect, this.#mark, this.#reset] = [0, 1, 2].map((index) => functions.get(index));
    functions.destroy();
    scope.destroy();
  }

  /** Remembers the names in `__main__`, for `restore` to remove the others. */
  mark() {
    this.#mark();
  }

  restore() {
    this.#reset();
  }

  destroy() {
    for (const proxy of [this.#collect, this.#mark, this.#reset]) proxy.destroy();
  }

  async count() {
    for (let turn = 0; turn < 2; turn++) await this.#turn();
    return this.#read();
  }

  /** Counts again until nothing is more than in `before` plus what is allowed; what takes longer than some turns is a leak. */
  async countDownTo(before, allowed) {
    let counts = await this.count();
    for (let turn = 0; turn < 10 && describeGrowth(before, counts, allowed) !== undefined; turn++) {
      await this.#turn();
      counts = this.#read();
    }
    return counts;
  }

  async #turn() {
    this.#collect();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }

  #read() {
    const api = this.#py._api ?? {};
    const call = (name) => (typeof api[name] === "function" ? api[name]() : 0);
    return { handles: call("liveHandles"), proxies: call("liveProxies"), references: call("liveReferences") };
  }
}

/** What grew between two counts beyond what the test allows, as a sentence, or undefined. */
export function describeGrowth(before, after, allowed = {}) {
  const parts = [];
  for (const kind of ["handles", "proxies", "references"]) {
    const growth = after[kind] - before[kind];
    if (growth > (allowed[kind] ?? (allowed.reason ? Infinity : 0))) parts.push(`${growth} ${kind}`);
  }
  return parts.length === 0 ? undefined : `leaked ${parts.join(", ")}`;
}
