import type { ColumnPointers, Kernels } from "@pharos/kernels";

/** Samples in columns, strictly increasing by time; values as bits, two little-endian halves each. */
export interface SampleSource {
  readonly timestampsMs: Float64Array;
  readonly bits: Uint32Array;
}

const STALE_LOW = 0x0000_0002;
const STALE_HIGH = 0x7ff0_0000;

/**
 * The samples of one series, put together from several sources. Where two have a sample at the same time, the source
 * that was added first stands. Used again for every series.
 */
export class ColumnBuffer {
  #timestampsMs = new Float64Array(256);
  #values = new Float64Array(256);
  #bits = new Uint32Array(this.#values.buffer);
  #spare: ColumnBuffer | undefined;
  length = 0;

  get timestampsMs(): Float64Array {
    return this.#timestampsMs.subarray(0, this.length);
  }

  /** As numbers; a staleness marker is a NaN among others here. */
  get values(): Float64Array {
    return this.#values.subarray(0, this.length);
  }

  get bits(): Uint32Array {
    return this.#bits.subarray(0, this.length * 2);
  }

  /** 1 where the sample is a staleness marker; null if none is. Fresh with every call. */
  staleFlags(): Uint8Array | null {
    let flags: Uint8Array | null = null;
    const values = this.#values;
    for (let i = 0; i < this.length; i++) {
      // Most are no NaN, and need no second look.
      if (!Number.isNaN(values[i])) continue;
      if (this.#bits[i * 2] !== STALE_LOW || this.#bits[i * 2 + 1] !== STALE_HIGH) continue;
      flags ??= new Uint8Array(this.length);
      flags[i] = 1;
    }
    return flags;
  }

  clear(): void {
    this.length = 0;
  }

  add({ timestampsMs, bits }: SampleSource): void {
    const count = timestampsMs.length;
    if (count === 0) return;
    const lastMs = this.length === 0 ? undefined : (this.#timestampsMs[this.length - 1] as number);
    if (lastMs === undefined || (timestampsMs[0] as number) > lastMs) {
      this.#reserve(this.length + count);
      this.#timestampsMs.set(timestampsMs, this.length);
      this.#bits.set(bits, this.length * 2);
      this.length += count;
      return;
    }
    this.#merge(timestampsMs, bits);
  }

  #merge(timestampsMs: Float64Array, bits: Uint32Array): void {
    const out = this.#spare ?? new ColumnBuffer();
    out.#reserve(this.length + timestampsMs.length);
    let length = 0;
    let i = 0;
    let j = 0;
    while (i < this.length || j < timestampsMs.length) {
      const a = i < this.length ? (this.#timestampsMs[i] as number) : Number.POSITIVE_INFINITY;
      const b = j < timestampsMs.length ? (timestampsMs[j] as number) : Number.POSITIVE_INFINITY;
      const own = a <= b;
      const from = own ? this.#bits : bits;
      const at = own ? i : j;
      out.#timestampsMs[length] = own ? a : b;
      out.#bits[length * 2] = from[at * 2] as number;
      out.#bits[length * 2 + 1] = from[at * 2 + 1] as number;
      length++;
      if (a <= b) i++;
      if (b <= a) j++;
    }
    // The merged columns become this buffer's, and the old ones the spare's.
    [out.#timestampsMs, this.#timestampsMs] = [this.#timestampsMs, out.#timestampsMs];
    [out.#values, this.#values] = [this.#values, out.#values];
    [out.#bits, this.#bits] = [this.#bits, out.#bits];
    this.#spare = out;
    this.length = length;
  }

  #reserve(capacity: number): void {
    if (this.#timestampsMs.length >= capacity) return;
    const size = Math.max(capacity, this.#timestampsMs.length * 2);
    const timestampsMs = new Float64Array(size);
    const bits = new Uint32Array(size * 2);
    timestampsMs.set(this.timestampsMs);
    bits.set(this.bits);
    this.#timestampsMs = timestampsMs;
    this.#bits = bits;
    this.#values = new Float64Array(bits.buffer);
  }
}

/** Columns in the kernels' memory that chunks are decoded to, and encoded from. Grows as asked. */
export class DecodeArea implements ColumnPointers {
  readonly #kernels: Kernels;
  #capacity = 0;
  timestampsMs = 0;
  values = 0;
  stale = 0;
  #times: Float64Array = new Float64Array(0);
  #bits: Uint32Array = new Uint32Array(0);

  constructor(kernels: Kernels) {
    this.#kernels = kernels;
  }

  /** Makes room for `count` samples; what was there is gone. @throws OperatingError `memory.full`. */
  reserve(count: number): void {
    if (this.#capacity >= count) return;
    this.release();
    const capacity = Math.max(1024, 2 ** Math.ceil(Math.log2(count)));
    this.timestampsMs = this.#kernels.allocate(capacity * 8);
    this.values = this.#kernels.allocate(capacity * 8);
    this.stale = this.#kernels.allocate(capacity);
    this.#capacity = capacity;
    this.#times = new Float64Array(this.#kernels.buffer, this.timestampsMs, capacity);
    this.#bits = new Uint32Array(this.#kernels.buffer, this.values, capacity * 2);
  }

  /** The first `count` samples: views, valid until the area is used again. */
  view(count: number): SampleSource {
    return {
      timestampsMs: this.#times.subarray(0, count),
      bits: this.#bits.subarray(0, count * 2),
    };
  }

  /** Copies samples in. The area has room. */
  fill({ timestampsMs, bits }: SampleSource): void {
    this.#times.set(timestampsMs);
    this.#bits.set(bits);
  }

  release(): void {
    if (this.#capacity === 0) return;
    this.#kernels.release(this.timestampsMs, this.#capacity * 8);
    this.#kernels.release(this.values, this.#capacity * 8);
    this.#kernels.release(this.stale, this.#capacity);
    this.#capacity = 0;
  }
}
