import { assert, OperatingError } from "@pharos/base";
import { type Kernels, kernelOf } from "./kernels.ts";

/** Samples that are decoded at a time. */
const READ_SAMPLES_MAX = 8192;
/** A timestamp, a value and a staleness flag each. */
const SCRATCH_SIZE = READ_SAMPLES_MAX * 17;
/** A reader starts over when the writer moves a chunk, */
const QUICK_ATTEMPTS_MAX = 100;
/** and waits a little where the writer seems to have lost its processor in the middle of that: */
const WAIT_MS = 1;
/** more often in a row means that something is wrong. */
const READ_ATTEMPTS_MAX = 1000;
/** Nobody ever changes it. */
const NOTHING = new Int32Array(new SharedArrayBuffer(4));

/** Where a reader finds the head, and may decode to; can be sent to its thread. */
export interface HeadWindow {
  readonly head: number;
  readonly scratch: number;
}

/** Gives a reader its own place to decode to. @throws OperatingError `memory.full`. */
export function openHeadWindow(kernels: Kernels, head: number): HeadWindow {
  return { head, scratch: kernels.allocate(SCRATCH_SIZE) };
}

/** The reader is gone. */
export function closeHeadWindow(kernels: Kernels, { scratch }: HeadWindow): void {
  kernels.release(scratch, SCRATCH_SIZE);
}

/** Takes columns of samples: times, and values as bits. They are views, valid during the call. */
export type TakeSamples = (timestampsMs: Float64Array, bits: Uint32Array) => void;

/**
 * Reads samples out of a head that another thread may be writing to: without a lock, from what the writer has published.
 * Whoever reads holds a snapshot of the head, so that nothing it was told of is freed.
 */
export class HeadReader {
  readonly #head: number;
  readonly #read: (...args: number[]) => number;
  readonly #timestampsAt: number;
  readonly #valuesAt: number;
  readonly #staleAt: number;
  readonly #timestampsMs: Float64Array;
  readonly #bits: Uint32Array;

  /** @param kernels those of the writer, or attached to its memory. */
  constructor(kernels: Kernels, { head, scratch }: HeadWindow) {
    this.#head = head;
    this.#read = kernelOf(kernels, "headRead");
    this.#timestampsAt = scratch;
    this.#valuesAt = scratch + READ_SAMPLES_MAX * 8;
    this.#staleAt = scratch + READ_SAMPLES_MAX * 16;
    this.#timestampsMs = new Float64Array(kernels.buffer, this.#timestampsAt, READ_SAMPLES_MAX);
    this.#bits = new Uint32Array(kernels.buffer, this.#valuesAt, READ_SAMPLES_MAX * 2);
  }

  /**
   * The samples of a series with `minMs <= timestamp <= maxMs` and `fromIndex <= index < toIndex`, in rising order.
   *
   * @throws OperatingError `query.failed` where the writer does not leave the series alone.
   */
  read(
    ref: number,
    range: { readonly minMs: number; readonly maxMs: number },
    fromIndex: number,
    toIndex: number,
    take: TakeSamples,
  ): void {
    for (let from = fromIndex; from < toIndex; from += READ_SAMPLES_MAX) {
      const count = this.#readSome(ref, range, from, Math.min(toIndex, from + READ_SAMPLES_MAX));
      if (count > 0) take(this.#timestampsMs.subarray(0, count), this.#bits.subarray(0, count * 2));
    }
  }

  #readSome(
    ref: number,
    { minMs, maxMs }: { readonly minMs: number; readonly maxMs: number },
    fromIndex: number,
    toIndex: number,
  ): number {
    for (let attempt = 0; attempt < READ_ATTEMPTS_MAX; attempt++) {
      const count = this.#try(ref, minMs, maxMs, fromIndex, toIndex);
      if (count >= 0) {
        assert(count <= READ_SAMPLES_MAX, () => `${count} samples`);
        return count;
      }
      if (attempt >= QUICK_ATTEMPTS_MAX) Atomics.wait(NOTHING, 0, 0, WAIT_MS);
    }
    throw new OperatingError("query.failed", "the series changed each time it was read");
  }

  /** How many samples were read; below 0 where the writer changed the series meanwhile. */
  #try(ref: number, minMs: number, maxMs: number, fromIndex: number, toIndex: number): number {
    try {
      return this.#read(
        this.#head,
        ref,
        minMs,
        maxMs,
        fromIndex,
        toIndex,
        this.#timestampsAt,
        this.#valuesAt,
        this.#staleAt,
      );
    } catch (error) {
      // Memory that was freed meanwhile, and led beyond the end.
      if (error instanceof WebAssembly.RuntimeError) return -1;
      throw error;
    }
  }
}
