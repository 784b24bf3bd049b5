import { assert, type Clock } from "@pharos/base";
import { CACHE_KEY_SIZE_MAX, type SharedCache } from "@pharos/ports";

interface Entry {
  readonly value: Uint8Array;
  /** On the monotonic clock. */
  readonly endsMs: number;
}

/** Bytes that an entry takes beside its value and its key. */
const ENTRY_SIZE = 200;
/** A single value may take this part of the cache. */
const VALUE_PART_MAX = 1 / 4;

/** The shared cache of a system that is one process: what was used longest ago makes room. */
export class InProcessCache implements SharedCache {
  readonly #clock: Clock;
  readonly #sizeMax: number;
  /** From the least recently used. */
  readonly #entries = new Map<string, Entry>();
  #size = 0;

  /** @param sizeMax bytes, about. */
  constructor(clock: Clock, sizeMax: number) {
    this.#clock = clock;
    this.#sizeMax = sizeMax;
  }

  /** Bytes, about. */
  get size(): number {
    return this.#size;
  }

  get count(): number {
    return this.#entries.size;
  }

  async get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (this.#clock.monotonicMs() >= entry.endsMs) {
      this.#forget(key);
      return undefined;
    }
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return new Uint8Array(entry.value);
  }

  async set(key: string, value: Uint8Array, keptMs: number): Promise<void> {
    assert(key.length > 0 && key.length <= CACHE_KEY_SIZE_MAX, () => `a key of ${key.length}`);
    assert(keptMs > 0, () => `kept for ${keptMs} ms`);
    this.#forget(key);
    if (sizeOf(key, value) > this.#sizeMax * VALUE_PART_MAX) return;
    this.#entries.set(key, {
      value: new Uint8Array(value),
      endsMs: this.#clock.monotonicMs() + keptMs,
    });
    this.#size += sizeOf(key, value);
    for (const oldest of this.#entries.keys()) {
      if (this.#size <= this.#sizeMax) break;
      this.#forget(oldest);
    }
  }

  async delete(key: string): Promise<void> {
    this.#forget(key);
  }

  #forget(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#size -= sizeOf(key, entry.value);
  }
}

function sizeOf(key: string, value: Uint8Array): number {
  return ENTRY_SIZE + key.length * 2 + value.byteLength;
}
