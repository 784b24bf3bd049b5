import { assert } from "@pharos/base";
import { type Kernels, kernelOf } from "./kernels.ts";
import { ScratchBlock } from "./scratch-block.ts";

/** How far a quantile may be from the exact one, as a part of it. Numbers below 2.3e-308 are less exact. */
export const QUANTILE_RELATIVE_ERROR = 0.01;

/**
 * Buckets of an encoded sketch. They span 17 orders of magnitude; of values that spread wider, the lowest share a bucket,
 * and low quantiles are less exact.
 */
export const SKETCH_BUCKETS_MAX = 2048;

/**
 * Counts values in buckets whose width grows with the value, so that any quantile can be told within
 * `QUANTILE_RELATIVE_ERROR`, and sketches of parts can be merged into that of the whole without a further error. One
 * object, of 1.3 MB, serves for many sketches: `clear` it, add values and encoded sketches, then `encode` or ask for
 * quantiles. Values that are no number are left out; infinities are values.
 *
 * An encoded sketch says how many buckets there are, which the first one is, and its count; then for each next one how
 * far its key is from the one before, and its count. All are variable-length numbers, 7 bits a byte; a distance is
 * doubled, and odd where the count is more than 1 and follows. The first one is 0 for zero, else its number n as
 * (zigzag(n) * 2 + (1 for negative values)) + 1. One byte of 0 is the sketch of no values. Which key and number a
 * value has is told in as/sketch.ts.
 */
export class QuantileSketch {
  readonly #kernels: Kernels;
  readonly #addValues: (...args: number[]) => number;
  readonly #addEncoded: (...args: number[]) => number;
  readonly #encode: (...args: number[]) => number;
  readonly #clear: (...args: number[]) => number;
  readonly #quantile: (...args: number[]) => number;
  readonly #size: number;
  readonly #encodedSizeMax: number;
  readonly #input: ScratchBlock;
  readonly #encoded: number;
  /** Its address, for kernels that add to it. */
  readonly pointer: number;

  /** @throws OperatingError `memory.full`. */
  constructor(kernels: Kernels) {
    this.#kernels = kernels;
    this.#addValues = kernelOf(kernels, "sketchAddValues");
    this.#addEncoded = kernelOf(kernels, "sketchAddEncoded");
    this.#encode = kernelOf(kernels, "sketchEncode");
    this.#clear = kernelOf(kernels, "sketchClear");
    this.#quantile = kernelOf(kernels, "sketchQuantile");
    this.#size = kernels.call("sketchSize");
    this.#encodedSizeMax = kernels.call("sketchEncodedSizeMax");
    this.#input = new ScratchBlock(kernels);
    this.pointer = kernels.allocate(this.#size);
    this.#encoded = kernels.allocate(this.#encodedSizeMax);
    kernels.call("sketchCreate", this.pointer);
  }

  clear(): void {
    this.#clear(this.pointer);
  }

  /** How many values it holds. */
  get count(): number {
    return this.#kernels.call("sketchCount", this.pointer);
  }

  /** @throws OperatingError `memory.full`. */
  addValues(values: Float64Array): void {
    const { buffer, byteOffset, byteLength, length } = values;
    const at = this.#input.place(new Uint8Array(buffer, byteOffset, byteLength));
    this.#addValues(this.pointer, at, length);
    this.#input.trim();
  }

  /**
   * Adds what an encoded sketch holds. False, and nothing was added, where the bytes are none.
   * @throws OperatingError `memory.full`.
   */
  addEncoded(bytes: Uint8Array): boolean {
    return this.addEncodedAll(bytes, Uint32Array.of(bytes.length), 0, 1);
  }

  /**
   * Adds the encoded sketches `from` to `to` (not included) of those that lie one after another in `bytes`, each with
   * where it ends: in one go, several times as fast as one by one. False, and nothing was added, where one is none.
   * @throws OperatingError `memory.full`.
   */
  addEncodedAll(bytes: Uint8Array, ends: Uint32Array, from: number, to: number): boolean {
    assert(from <= to && to <= ends.length, () => `sketches ${from} to ${to} of ${ends.length}`);
    if (from === to) return true;
    const start = from === 0 ? 0 : (ends[from - 1] as number);
    const end = ends[to - 1] as number;
    assert(start <= end && end <= bytes.length, () => `sketches to byte ${end} of ${bytes.length}`);
    const at = this.#input.reserve(end - start + (to - from) * 4);
    const { words, bytes: memory } = this.#kernels;
    let before = start;
    for (let i = from; i < to; i++) {
      const next = ends[i] as number;
      if (next < before) return false;
      words[at / 4 + i - from] = next - start;
      before = next;
    }
    const bytesAt = at + (to - from) * 4;
    memory.set(bytes.subarray(start, end), bytesAt);
    const added = this.#addEncoded(this.pointer, bytesAt, at, 0, to - from) === 1;
    this.#input.trim();
    return added;
  }

  /** A view, valid until the next call. */
  encode(): Uint8Array {
    const size = this.#encode(this.pointer, this.#encoded);
    return this.#kernels.bytes.subarray(this.#encoded, this.#encoded + size);
  }

  /**
   * The value that the part `q` (0 to 1) of all values do not exceed, between two of them as PromQL's
   * `quantile_over_time` has it. NaN where there are none.
   */
  quantile(q: number): number {
    assert(q >= 0 && q <= 1, () => `quantile ${q}`);
    return this.#quantile(this.pointer, q);
  }

  /** Gives its memory back. */
  dispose(): void {
    this.#kernels.release(this.pointer, this.#size);
    this.#kernels.release(this.#encoded, this.#encodedSizeMax);
    this.#input.release();
  }
}
