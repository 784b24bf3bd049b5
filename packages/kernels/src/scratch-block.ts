import type { Kernels } from "./kernels.ts";

/** Wide moves in the kernels read and write up to this far behind the end of a body. */
export const SLACK_SIZE = 64;

/** What a block may keep between uses. Larger bodies are rare and give their memory back. */
const KEPT_SIZE_MAX = 8 * 1024 * 1024;

/** A block of the kernels' memory that is used over and over for bodies of different sizes. */
export class ScratchBlock {
  readonly #kernels: Kernels;
  #pointer = 0;
  #size = 0;

  constructor(kernels: Kernels) {
    this.#kernels = kernels;
  }

  /** The address of at least `size` bytes and the slack; their content is undefined. @throws OperatingError `memory.full`. */
  reserve(size: number): number {
    const wanted = size + SLACK_SIZE;
    if (wanted > this.#size) {
      this.release();
      this.#pointer = this.#kernels.allocate(wanted);
      this.#size = wanted;
    }
    return this.#pointer;
  }

  /** The address of bytes in the kernels' memory: where they lie, or that of a copy. @throws OperatingError `memory.full`. */
  place(bytes: Uint8Array): number {
    if (bytes.buffer === this.#kernels.buffer) return bytes.byteOffset;
    const copy = this.reserve(bytes.length);
    this.#kernels.bytes.set(bytes, copy);
    return copy;
  }

  /** Gives back what is not worth keeping. */
  trim(): void {
    if (this.#size > KEPT_SIZE_MAX) this.release();
  }

  /** Gives all of it back. */
  release(): void {
    if (this.#size > 0) this.#kernels.release(this.#pointer, this.#size);
    this.#size = 0;
  }
}
