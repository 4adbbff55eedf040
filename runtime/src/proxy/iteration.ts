/**
 * Iteration of Python objects by JavaScript: iterables, iterators, generators, and their asynchronous forms.
 * Invariant: a loop over a PyProxy leaves nothing behind: the Python iterator is freed when it is exhausted, fails, or is
 * left early. An iterator is its own iterator, in JavaScript as in Python; so a loop that is left early closes a generator.
 */
import type { Step } from "../boundary/operations";
import { PY_HAS_ASYNC_GENERATOR } from "../boundary/generated";
import { PythonError } from "../errors/errors";
import type { ProxyRegistry } from "./registry";
import type { PyProxyState } from "./state";

const ENDED = "Object has already been destroyed: this iterator is exhausted";

const iteratorPrototype = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]())) as object;
const asyncIteratorPrototype = Object.getPrototypeOf(
  Object.getPrototypeOf(Object.getPrototypeOf((async function* () {})())),
) as object;

/** `proxy[Symbol.iterator]()`. */
class PyIteration {
  #state: PyProxyState | undefined;

  constructor(
    readonly registry: ProxyRegistry,
    state: PyProxyState,
  ) {
    this.#state = state;
  }

  next(value?: unknown): Step {
    const state = this.#state;
    if (state === undefined) return { done: true, value: undefined };
    let step: Step;
    try {
      step = this.registry.operations.next(state.lifetime.object, value);
    } catch (error) {
      this.#end(state);
      throw error;
    }
    if (step.done) this.#end(state);
    return step;
  }

  return(value?: unknown): Step {
    if (this.#state !== undefined) this.#end(this.#state);
    return { done: true, value };
  }

  #end(state: PyProxyState): void {
    this.#state = undefined;
    this.registry.end(state, ENDED);
  }
}
Object.setPrototypeOf(PyIteration.prototype, iteratorPrototype);

/** `proxy[Symbol.asyncIterator]()`. */
class PyAsyncIteration {
  #state: PyProxyState | undefined;

  constructor(
    readonly registry: ProxyRegistry,
    state: PyProxyState,
  ) {
    this.#state = state;
  }

  async next(value?: unknown): Promise<Step> {
    const state = this.#state;
    if (state === undefined) return { done: true, value: undefined };
    let step: Step;
    try {
      step = await asyncStep(this.registry, state, 2, value);
    } catch (error) {
      this.#end(state);
      throw error;
    }
    if (step.done) this.#end(state);
    return step;
  }

  async return(value?: unknown): Promise<Step> {
    if (this.#state !== undefined) this.#end(this.#state);
    return { done: true, value };
  }

  #end(state: PyProxyState): void {
    this.#state = undefined;
    this.registry.end(state, ENDED);
  }
}
Object.setPrototypeOf(PyAsyncIteration.prototype, asyncIteratorPrototype);

/** Is the iterator of an iterable the iterable itself? */
function isItself(registry: ProxyRegistry, iterable: unknown, iterator: PyProxyState): boolean {
  return registry.require(iterable, "Symbol.iterator").lifetime.object === iterator.lifetime.object;
}

/** Of objects with `__iter__`. */
export function iterableMethods(registry: ProxyRegistry) {
  return {
    [Symbol.iterator](this: unknown): unknown {
      const iterator = registry.operations.iterator(registry.require(this, "Symbol.iterator").lifetime.object, false);
      const state = registry.find(iterator);
      if (state === undefined) return iterator;
      if (!isItself(registry, this, state)) return new PyIteration(registry, state);
      registry.end(state, ENDED);
      return this;
    },
  };
}

/** Of objects with `__next__`. */
export function iteratorMethods(registry: ProxyRegistry) {
  return {
    /** `next(obj)`, or `obj.send(value)`. */
    next(this: unknown, value?: unknown): Step {
      return registry.operations.next(registry.require(this, "next").lifetime.object, value);
    },
  };
}

/** Of generators. */
export function generatorMethods(registry: ProxyRegistry) {
  return {
    /** Throws GeneratorExit in; `{ done: true, value }` if it is not caught. */
    return(this: unknown, value?: unknown): Step {
      return registry.operations.finish(registry.require(this, "return").lifetime.object, 1, value);
    },
    /** Throws an error in. */
    throw(this: unknown, error?: unknown): Step {
      return registry.operations.finish(registry.require(this, "throw").lifetime.object, 0, error);
    },
  };
}

/** Of objects with `__aiter__`. */
export function asyncIterableMethods(registry: ProxyRegistry) {
  return {
    [Symbol.asyncIterator](this: unknown): unknown {
      const iterator = registry.operations.iterator(registry.require(this, "Symbol.asyncIterator").lifetime.object, true);
      const state = registry.find(iterator);
      if (state === undefined) return iterator;
      if (!isItself(registry, this, state)) return new PyAsyncIteration(registry, state);
      registry.end(state, ENDED);
      return this;
    },
  };
}

/** Of objects with `__anext__`. */
export function asyncIteratorMethods(registry: ProxyRegistry) {
  return {
    /** `anext(obj)`, or `obj.asend(value)`. */
    async next(this: unknown, value?: unknown): Promise<Step> {
      return asyncStep(registry, registry.require(this, "next"), 2, value);
    },
  };
}

/** Of async generators. */
export function asyncGeneratorMethods(registry: ProxyRegistry) {
  return {
    /** As for a generator. */
    async return(this: unknown, value?: unknown): Promise<Step> {
      return asyncStep(registry, registry.require(this, "return"), 1, value);
    },
    /** As for a generator. */
    async throw(this: unknown, error?: unknown): Promise<Step> {
      return asyncStep(registry, registry.require(this, "throw"), 0, error);
    },
  };
}

/** One step of an async iterator: the awaitable that Python makes for it is awaited and freed. */
async function asyncStep(registry: ProxyRegistry, state: PyProxyState, how: 0 | 1 | 2, value: unknown): Promise<Step> {
  // As for iterators: what is sent to one that takes nothing is lost.
  const sent = how === 2 && (state.flags & PY_HAS_ASYNC_GENERATOR) === 0 ? undefined : value;
  const awaitable = registry.operations.asyncStep(state.lifetime.object, how, sent);
  const awaited = registry.find(awaitable);
  try {
    // In a box: a value that is itself awaitable is a value here.
    const box = awaited === undefined ? { value: await awaitable } : await settled(registry, awaited);
    return { done: false, value: box.value };
  } catch (error) {
    if (!(error instanceof PythonError)) throw error;
    if (error.type === "StopAsyncIteration") return { done: true, value: undefined };
    if (how === 1 && error.type === "GeneratorExit") return { done: true, value };
    throw error;
  } finally {
    if (awaited !== undefined) registry.end(awaited, ENDED);
  }
}

function settled(registry: ProxyRegistry, awaitable: PyProxyState): Promise<{ readonly value: unknown }> {
  return new Promise((resolve, reject) => {
    const settle = (ok: boolean, value: unknown): void => {
      if (ok) resolve({ value });
      else reject(value);
    };
    registry.owningFunctions.add(settle);
    registry.operations.watch(awaitable.lifetime.object, settle);
  });
}
