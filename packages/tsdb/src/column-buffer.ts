import type { ColumnPointers, Kernels } from "@pharos/kernels";

/** Samples in columns, strictly increasing by time; values as bits, two little-endian halves each. */
export interface SampleSource {
  readonly timestampsMs: Float64Array;
  readonly bits: Uint32Array;
}

const STALE_LOW = 0x0000_0002;
const STALE_HIGH = 0x7ff0_0000;

/** Samples that a buffer has room for at first. */
const ROOM_MIN = 256;
/** More than these lie outside of the kernels' memory, which never shrinks. */
const KERNEL_SAMPLES_MAX = 2 ** 18;

/**
 * The samples of one series, put together from several sources. Where two have a sample at the same time, the source
 * that was added first stands. Used again for every series.
 */
export class ColumnBuffer {
  readonly #kernels: Kernels | undefined;
  #room: Room;
  #spare: ColumnBuffer | undefined;
  length = 0;

  /**
   * @param kernels where the columns are to lie, for kernels that compute with them; then `release` must be called.
   * @throws OperatingError `memory.full`, as `add`.
   */
  constructor(kernels?: Kernels) {
    this.#kernels = kernels;
    this.#room = roomFor(kernels, ROOM_MIN);
  }

  get timestampsMs(): Float64Array {
    return this.#room.timestampsMs.subarray(0, this.length);
  }

  /** As numbers; a staleness marker is a NaN among others here. */
  get values(): Float64Array {
    return this.#room.values.subarray(0, this.length);
  }

  get bits(): Uint32Array {
    return this.#room.bits.subarray(0, this.length * 2);
  }

  /** 1 where the sample is a staleness marker; null if none is. Fresh with every call. */
  staleFlags(): Uint8Array | null {
    let flags: Uint8Array | null = null;
    const { values, bits, hasNaN } = this.#room;
    // Most series have no NaN at all, and need no second look.
    if (hasNaN?.(this.length) === false) return null;
    for (let i = 0; i < this.length; i++) {
      if (!Number.isNaN(values[i])) continue;
      if (bits[i * 2] !== STALE_LOW || bits[i * 2 + 1] !== STALE_HIGH) continue;
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
    const { length } = this;
    const lastMs = length === 0 ? undefined : (this.#room.timestampsMs[length - 1] as number);
    if (lastMs === undefined || (timestampsMs[0] as number) > lastMs) {
      this.#reserve(length + count);
      this.#room.timestampsMs.set(timestampsMs, length);
      this.#room.bits.set(bits, length * 2);
      this.length += count;
      return;
    }
    this.#merge(timestampsMs, bits);
  }

  /** Gives memory of the kernels back. No call may follow; views of columns end. */
  release(): void {
    this.length = 0;
    this.#room.release();
    this.#spare?.release();
  }

  #merge(timestampsMs: Float64Array, bits: Uint32Array): void {
    const out = this.#spare ?? new ColumnBuffer(this.#kernels);
    this.#spare = out;
    out.#reserve(this.length + timestampsMs.length);
    const [before, into] = [this.#room, out.#room];
    let length = 0;
    let i = 0;
    let j = 0;
    while (i < this.length || j < timestampsMs.length) {
      const a = i < this.length ? (before.timestampsMs[i] as number) : Number.POSITIVE_INFINITY;
      const b = j < timestampsMs.length ? (timestampsMs[j] as number) : Number.POSITIVE_INFINITY;
      const own = a <= b;
      const from = own ? before.bits : bits;
      const at = own ? i : j;
      into.timestampsMs[length] = own ? a : b;
      into.bits[length * 2] = from[at * 2] as number;
      into.bits[length * 2 + 1] = from[at * 2 + 1] as number;
      length++;
      if (a <= b) i++;
      if (b <= a) j++;
    }
    // The merged columns become this buffer's, and the old ones the spare's.
    this.#room = into;
    out.#room = before;
    this.length = length;
  }

  #reserve(capacity: number): void {
    const before = this.#room;
    if (before.timestampsMs.length >= capacity) return;
    const room = roomFor(this.#kernels, Math.max(capacity, before.timestampsMs.length * 2));
    room.timestampsMs.set(this.timestampsMs);
    room.bits.set(this.bits);
    this.#room = room;
    before.release();
  }
}

/** Where the columns of a buffer lie. */
interface Room {
  readonly timestampsMs: Float64Array;
  readonly values: Float64Array;
  /** The same memory as `values`. */
  readonly bits: Uint32Array;
  /** Whether one of the first values is NaN; undefined where that is not faster than to look. */
  readonly hasNaN?: (length: number) => boolean;
  release(): void;
}

/** Room for so many samples. @throws OperatingError `memory.full`. */
function roomFor(kernels: Kernels | undefined, size: number): Room {
  if (kernels !== undefined && size <= KERNEL_SAMPLES_MAX) return kernelRoom(kernels, size);
  const values = new Float64Array(size);
  const bits = new Uint32Array(values.buffer);
  return { timestampsMs: new Float64Array(size), values, bits, release() {} };
}

function kernelRoom(kernels: Kernels, size: number): Room {
  const timestampsAt = kernels.allocate(size * 16);
  const valuesAt = timestampsAt + size * 8;
  const { buffer } = kernels;
  return {
    timestampsMs: new Float64Array(buffer, timestampsAt, size),
    values: new Float64Array(buffer, valuesAt, size),
    bits: new Uint32Array(buffer, valuesAt, size * 2),
    hasNaN: (length) => kernels.call("columnHasNaN", valuesAt, length) === 1,
    release: () => kernels.release(timestampsAt, size * 16),
  };
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
