/** A linear memory with an arena and a simple allocator, and a core without Python: for tests that need no wasm. */
import { ARENA_BYTES, ASCII_DATA_OFFSET, type Address, type PyExports, type PyPtr } from "../../src/boundary/generated";
import { HandleTable } from "../../src/boundary/handles";
import { Memory } from "../../src/boundary/memory";
import { Wire, type ProxyState } from "../../src/boundary/wire";

const ARENA_AT = 1024;

/** Memory with an allocator that never reuses. */
export function fakeMemory(options: { readonly exhausted?: boolean } = {}) {
  const wasm = new WebAssembly.Memory({ initial: 64 });
  const memory = new Memory();
  const blocks = new Set<number>();
  let next = ARENA_AT + ARENA_BYTES + 16;
  const alloc = (bytes: number): Address => {
    if (options.exhausted) return 0 as Address;
    const address = next;
    next += ((bytes + 15) & ~7) + 8;
    blocks.add(address);
    return address as Address;
  };
  const free = (address: Address): void => {
    blocks.delete(address);
  };
  memory.attach(wasm, { pyox_py_memory_alloc: alloc, pyox_py_memory_free: free });
  memory.openArena(ARENA_AT);
  return { memory, wasm, blocks, alloc, free };
}

/** A proxy of the fake interpreter: an object with its address and flags. */
export class FakeProxy implements ProxyState {
  constructor(
    readonly address: number,
    readonly flags: number,
  ) {}

  pointer(): PyPtr {
    return this.address as PyPtr;
  }
}

/** A wire over fake memory, whose proxies are `FakeProxy` objects. */
export function fakeWire() {
  const fake = fakeMemory();
  const handles = new HandleTable({});
  const wire = new Wire(fake.memory, handles);
  wire.exports = {
    pyox_py_string_alloc: (length: number) => fake.alloc(length + ASCII_DATA_OFFSET) as number as PyPtr,
    pyox_py_object_drop: (object: PyPtr) => fake.free(object as number as Address),
  } as Partial<PyExports> as PyExports;
  wire.proxies = {
    stateOf: (value) => (value instanceof FakeProxy ? value : undefined),
    make: (object, flags) => new FakeProxy(object, flags),
    hasAdaptors: false,
  };
  return { ...fake, wire, handles };
}
