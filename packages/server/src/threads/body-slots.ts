import type { BodyJoiner, JoinedBody } from "../request-body.ts";

/** Bodies up to this size go into a slot; usual ones are a fraction of it. */
const SLOT_SIZE = 256 * 1024;
/** As many as the ingest queue works on at the same time. */
const SLOT_COUNT = 32;
/** So much memory of the kernels the slots take. Pages that nothing was written to cost nothing. */
export const SLOTS_SIZE = SLOT_SIZE * SLOT_COUNT;

/** Where the slots lie; can be sent to another thread. */
export interface SlotPlace {
  readonly memory: WebAssembly.Memory;
  readonly at: number;
}

/**
 * Room for pushed bodies in the memory of the store's kernels: what comes from the network is put there in one piece,
 * and decoded where it lies.
 */
export class BodySlots implements BodyJoiner {
  readonly #buffer: SharedArrayBuffer;
  /** Addresses; the one that was used last is on top. */
  readonly #free: number[] = [];

  constructor({ memory, at }: SlotPlace) {
    this.#buffer = memory.buffer;
    for (let slot = SLOT_COUNT - 1; slot >= 0; slot--) this.#free.push(at + slot * SLOT_SIZE);
  }

  join(chunks: readonly Uint8Array[], size: number): JoinedBody {
    const slot = size <= SLOT_SIZE ? this.#free.pop() : undefined;
    // One that finds no slot lies alone in its buffer, which is moved then.
    const bytes =
      slot === undefined ? new Uint8Array(size) : new Uint8Array(this.#buffer, slot, size);
    let at = 0;
    for (const chunk of chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return {
      bytes,
      release: () => {
        if (slot !== undefined) this.#free.push(slot);
      },
    };
  }

  /** Whether the bytes lie in a slot; then their offset is their address. */
  has(bytes: Uint8Array): boolean {
    return bytes.buffer === this.#buffer;
  }
}
