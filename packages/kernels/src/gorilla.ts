import { assert, OperatingError } from "@pharos/base";
import { type Kernels, kernelOf } from "./kernels.ts";

/** How many samples one chunk holds at most: long enough to compress, short enough to decode for one sample. */
export const CHUNK_SAMPLES_MAX = 120;
/** Bytes that must be addressable after an encoded chunk, and may hold anything when it is decoded. */
export const CHUNK_SLACK = 16;
/** The most bytes a chunk of `count` samples takes, with the slack. */
export function chunkSizeMax(count: number): number {
  return 16 + count * 19 + CHUNK_SLACK;
}

/**
 * Gorilla chunks: timestamps as the change of their step, values as XOR with the one before (the format is drawn in
 * as/gorilla.ts). All arguments are addresses in the kernels' memory; values are bits, so that every NaN comes back as
 * it was.
 */
export class Gorilla {
  readonly #encode: (...args: number[]) => number;
  readonly #decode: (...args: number[]) => number;

  constructor(kernels: Kernels) {
    this.#encode = kernelOf(kernels, "gorillaEncode");
    this.#decode = kernelOf(kernels, "gorillaDecode");
  }

  /**
   * Encodes columns of `count` samples (at least 1, timestamps whole and strictly increasing) to `out`, which has room
   * for `chunkSizeMax(count)` bytes. Answers the size.
   *
   * @throws OperatingError `memory.full`.
   */
  encode(timestampsMs: number, values: number, count: number, out: number): number {
    assert(count >= 1, "a chunk has a sample");
    const size = this.#encode(timestampsMs, values, count, out) >>> 0;
    if (size === 0) throw new OperatingError("memory.full", "no room for the encoder's state");
    return size;
  }

  /**
   * Decodes the samples of a chunk within `minMs` and `maxMs`, both included, to columns with room for `count`. Answers
   * how many there are, or undefined where the chunk is damaged: whatever its bytes, only `size` of them and the slack
   * are read, and at most `count` samples written.
   */
  decode(
    chunk: { readonly pointer: number; readonly size: number; readonly count: number },
    minMs: number,
    maxMs: number,
    out: ColumnPointers,
  ): number | undefined {
    const { pointer, size, count } = chunk;
    const written = this.#decode(
      pointer,
      size,
      count,
      0,
      minMs,
      maxMs,
      out.timestampsMs,
      out.values,
      out.stale,
    );
    return written < 0 ? undefined : written;
  }
}

/** Where decoded columns go: f64 timestamps, f64 values (as bits), and a byte a sample, 1 for staleness markers. */
export interface ColumnPointers {
  readonly timestampsMs: number;
  readonly values: number;
  readonly stale: number;
}
