import { assert } from "@pharos/base";
import type { Kernels } from "./kernels.ts";

/** The staleness marker's bits, as two little-endian halves. Never touched as a number: see STYLE on NaN payloads. */
const STALE_LOW = 0x0000_0002;
const STALE_HIGH = 0x7ff0_0000;

/**
 * Samples in columns inside the kernels' memory, on their way from a decoder to the head: no copy in between. Values
 * are bits: a staleness marker is kept as its NaN, recognised by its bits, and never read as a JavaScript number.
 */
export class SampleColumns {
  readonly #kernels: Kernels;
  readonly capacity: number;
  /** How many samples are there. */
  length = 0;
  /** References of the head's series. */
  readonly series: Uint32Array<SharedArrayBuffer>;
  /** Unix epoch, ms, integers. */
  readonly timestampsMs: Float64Array<SharedArrayBuffer>;
  readonly values: Float64Array<SharedArrayBuffer>;
  /** The same memory as `values`, as pairs of little-endian halves. */
  readonly valueBits: Uint32Array<SharedArrayBuffer>;

  /** @param capacity how many samples fit. @throws OperatingError `memory.full`. */
  constructor(kernels: Kernels, capacity: number) {
    this.#kernels = kernels;
    this.capacity = capacity;
    const seriesAt = kernels.allocate(capacity * 4);
    const timestampsAt = kernels.allocate(capacity * 8);
    const valuesAt = kernels.allocate(capacity * 8);
    this.series = new Uint32Array(kernels.buffer, seriesAt, capacity);
    this.timestampsMs = new Float64Array(kernels.buffer, timestampsAt, capacity);
    this.values = new Float64Array(kernels.buffer, valuesAt, capacity);
    this.valueBits = new Uint32Array(kernels.buffer, valuesAt, capacity * 2);
  }

  clear(): void {
    this.length = 0;
  }

  /** Gives the memory back. No call may follow. */
  release(): void {
    this.#kernels.release(this.series.byteOffset, this.capacity * 4);
    this.#kernels.release(this.timestampsMs.byteOffset, this.capacity * 8);
    this.#kernels.release(this.values.byteOffset, this.capacity * 8);
  }

  push(series: number, timestampMs: number, value: number): void {
    const at = this.length;
    assert(at < this.capacity, "the columns have room");
    this.series[at] = series;
    this.timestampsMs[at] = timestampMs;
    this.values[at] = value;
    this.length = at + 1;
  }

  pushStale(series: number, timestampMs: number): void {
    const at = this.length;
    this.push(series, timestampMs, 0);
    this.valueBits[at * 2] = STALE_LOW;
    this.valueBits[at * 2 + 1] = STALE_HIGH;
  }

  isStale(at: number): boolean {
    return this.valueBits[at * 2] === STALE_LOW && this.valueBits[at * 2 + 1] === STALE_HIGH;
  }

  /** Addresses for the kernels: `series`, `timestampsMs`, `values`. */
  get pointers(): readonly [series: number, timestampsMs: number, values: number] {
    return [this.series.byteOffset, this.timestampsMs.byteOffset, this.values.byteOffset];
  }
}
