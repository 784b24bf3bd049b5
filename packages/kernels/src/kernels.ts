import { readFile } from "node:fs/promises";
import { assert, OperatingError } from "@pharos/base";

/** One page of WebAssembly memory. */
const PAGE_SIZE = 65536;
const INITIAL_PAGES = 16;
/** 4 GiB, all that 32-bit WebAssembly can address. */
const MAXIMUM_PAGES = 65536;

/** What the WebAssembly module exports, by name. Every argument and result is a 32-bit integer or a float. */
export type KernelExports = Readonly<Record<string, (...args: number[]) => number>>;

/** What another thread needs to look at the same memory; may be sent to it. */
export interface KernelsHandle {
  readonly memory: WebAssembly.Memory;
  readonly module: WebAssembly.Module;
}

/**
 * The hot loops in WebAssembly and the memory they work on. Addresses are byte offsets into `memory`. The memory is
 * shared, so that readers on other threads can look at it, and it only grows: views made before stay valid.
 */
export class Kernels {
  readonly memory: WebAssembly.Memory;
  readonly exports: KernelExports;
  readonly handle: KernelsHandle;
  readonly #mayAllocate: boolean;
  #bytes: Uint8Array<SharedArrayBuffer>;
  #words: Uint32Array<SharedArrayBuffer>;
  #pages = 0;
  readonly #memoryPages: () => number;

  private constructor(handle: KernelsHandle, exports: KernelExports, mayAllocate: boolean) {
    const { memory } = handle;
    this.handle = handle;
    this.memory = memory;
    this.exports = exports;
    this.#mayAllocate = mayAllocate;
    this.#bytes = new Uint8Array(memory.buffer);
    this.#words = new Uint32Array(memory.buffer);
    this.#memoryPages = exports["memoryPages"] as () => number;
  }

  /** Loads the module with a memory of its own. */
  static async load(): Promise<Kernels> {
    const path = new URL("../build/kernels.wasm", import.meta.url);
    const module = await WebAssembly.compile(await readFile(path));
    const memory = new WebAssembly.Memory({
      initial: INITIAL_PAGES,
      maximum: MAXIMUM_PAGES,
      shared: true,
    });
    const instance = await WebAssembly.instantiate(module, { env: { memory } });
    const kernels = new Kernels({ memory, module }, instance.exports as KernelExports, true);
    kernels.call("memoryInit");
    return kernels;
  }

  /** An instance of its own on the memory of another thread's: for reading. Only that other one may allocate there. */
  static async attach(handle: KernelsHandle): Promise<Kernels> {
    const { memory, module } = handle;
    const instance = await WebAssembly.instantiate(module, { env: { memory } });
    return new Kernels(handle, instance.exports as KernelExports, false);
  }

  /** Calls an export. For hot paths take the function from `exports` once instead. */
  call(name: string, ...args: number[]): number {
    const kernel = this.exports[name];
    assert(kernel !== undefined, () => `kernel ${name} exists`);
    return kernel(...args);
  }

  /** All of the memory as bytes, as large as it is now. */
  get bytes(): Uint8Array<SharedArrayBuffer> {
    this.#follow();
    return this.#bytes;
  }

  /** As `bytes`, by 32-bit words. */
  get words(): Uint32Array<SharedArrayBuffer> {
    this.#follow();
    return this.#words;
  }

  /** The buffer to make typed views on. */
  get buffer(): SharedArrayBuffer {
    this.#follow();
    return this.#bytes.buffer;
  }

  /** Looks at all of the memory again if it has grown. Asking the kernels how large it is costs a hundredth of asking `memory`. */
  #follow(): void {
    const pages = this.#memoryPages();
    if (pages === this.#pages) return;
    this.#pages = pages;
    this.#bytes = new Uint8Array(this.memory.buffer);
    this.#words = new Uint32Array(this.memory.buffer);
  }

  /**
   * A block of `size` bytes, 8-byte aligned, above 4096 bytes 64-byte aligned; not cleared.
   * @throws OperatingError `memory.full` when the 4 GiB are used up.
   */
  allocate(size: number): number {
    assert(this.#mayAllocate, "only the instance that made the memory allocates");
    const pointer = this.call("allocate", size) >>> 0;
    if (pointer === 0) throw new OperatingError("memory.full", `no ${size} bytes left of 4 GiB`);
    return pointer;
  }

  /** Gives a block back; `size` is what it was asked for with. */
  release(pointer: number, size: number): void {
    assert(this.#mayAllocate, "only the instance that made the memory gives blocks back");
    this.call("release", pointer, size);
  }

  /** Bytes handed out now, and bytes taken from the system. */
  memoryUse(): { readonly usedSize: number; readonly reservedSize: number } {
    return { usedSize: this.call("memoryUsed") >>> 0, reservedSize: this.buffer.byteLength };
  }
}

/** An export, which must exist: for those who call it often. */
export function kernelOf(kernels: Kernels, name: string): (...args: number[]) => number {
  const kernel = kernels.exports[name];
  assert(kernel !== undefined, () => `kernel ${name} exists`);
  return kernel;
}

assert(PAGE_SIZE * MAXIMUM_PAGES === 2 ** 32, "the memory is as large as addresses reach");
