import { assert } from "@pharos/base";
import { type Kernels, kernelOf } from "./kernels.ts";

/** How many samples one column holds at most. */
export const COLUMN_SAMPLES_MAX = 4096;

/** The room that encoding a column of `count` samples needs; what it takes in the end is mostly far less. */
export function columnSizeMax(count: number): number {
  return count * 8 + 128;
}

/** The flag in a column's first byte that says that one of its values is a staleness marker. */
const HAS_STALE = 0x80;

/**
 * Columns of sealed samples, each in the encoding that is smallest for it (docs/formats/columns.md). All arguments are
 * addresses in the kernels' memory and sizes in bytes. Values are f64s whose bits all come back, those of every NaN
 * too. How many samples a column has is not in its bytes: 1 to COLUMN_SAMPLES_MAX.
 *
 * Decoding needs no memory but its output, so that a thread may do it that must not allocate: memory for encoding is
 * taken with the first column that is encoded, and kept until `dispose`.
 */
export class ColumnCodec {
  readonly #kernels: Kernels;
  readonly #encode: (...args: number[]) => number;
  readonly #decode: (...args: number[]) => number;
  readonly #decodeTimestamps: (...args: number[]) => number;
  readonly #scratchSize: number;
  #scratch = 0;

  constructor(kernels: Kernels) {
    this.#kernels = kernels;
    this.#encode = kernelOf(kernels, "columnEncode");
    this.#decode = kernelOf(kernels, "columnDecode");
    this.#decodeTimestamps = kernelOf(kernels, "columnDecodeTimestamps");
    this.#scratchSize = kernels.call("columnScratchSize");
  }

  /**
   * Encodes `count` f64s at `values` to `out`, which has room for `columnSizeMax(count)`. Answers the size.
   * @throws OperatingError `memory.full`.
   */
  encodeValues(values: number, count: number, out: number): number {
    return this.#encodeColumn(values, count, 0, out);
  }

  /**
   * As `encodeValues`, for whole milliseconds that strictly increase: those that lie near a line take only what they
   * are away from it.
   * @throws OperatingError `memory.full`.
   */
  encodeTimestamps(timestampsMs: number, count: number, out: number): number {
    return this.#encodeColumn(timestampsMs, count, 1, out);
  }

  /**
   * Decodes the column in the `size` bytes at `input` to `count` f64s at `out`. False where it is damaged, and then
   * `out` holds anything. Whatever the bytes: nothing else is written, and the result depends on no byte outside the
   * column, though wide loads may look at up to 16 bytes behind it.
   */
  decodeValues(input: number, size: number, count: number, out: number): boolean {
    return this.#decode(input, size, count, out) === 1;
  }

  /** As `decodeValues`; also false where what comes out is no whole numbers, or they do not strictly increase. */
  decodeTimestamps(input: number, size: number, count: number, out: number): boolean {
    return this.#decodeTimestamps(input, size, count, out) === 1;
  }

  /** Whether a column has a staleness marker among its values: if not, there is no need to look for them. */
  hasStale(input: number): boolean {
    return ((this.#kernels.bytes[input] as number) & HAS_STALE) !== 0;
  }

  /** Gives the memory for encoding back. */
  dispose(): void {
    if (this.#scratch !== 0) this.#kernels.release(this.#scratch, this.#scratchSize);
    this.#scratch = 0;
  }

  #encodeColumn(from: number, count: number, grid: 0 | 1, out: number): number {
    assert(count >= 1 && count <= COLUMN_SAMPLES_MAX, () => `a column of ${count} samples`);
    if (this.#scratch === 0) this.#scratch = this.#kernels.allocate(this.#scratchSize);
    const size = this.#encode(from, count, grid, this.#scratch, out);
    assert(size <= columnSizeMax(count), () => `${size} bytes for ${count} samples`);
    return size;
  }
}
