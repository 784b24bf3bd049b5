import { assert } from "@pharos/base";
import { ByteReader, MalformedBytes } from "../block/byte-reader.ts";
import type { ByteWriter } from "../block/byte-writer.ts";

/** How far a quantile may be from the exact one, as a part of it. */
export const QUANTILE_RELATIVE_ERROR = 0.01;

/**
 * Buckets of a sketch. They span 17 orders of magnitude; of values that spread wider, the lowest share a bucket, and
 * low quantiles of such a window are less exact.
 */
export const SKETCH_BUCKETS_MAX = 2048;

/** A bucket ends at this times where it begins. */
const GAMMA = (1 + QUANTILE_RELATIVE_ERROR) / (1 - QUANTILE_RELATIVE_ERROR);
const LOG_GAMMA = Math.log(GAMMA);
/** More than the number of any finite value's bucket, down to 5e-324. */
const BUCKET_NUMBER_MAX = 40_000;
const BIAS = BUCKET_NUMBER_MAX + 1;
/** So few buckets are sorted by insertion. */
const FEW = 24;
/** Keys that are no further apart than this are counted in a table. */
const TABLE_SIZE = 4096;

/**
 * The key of the bucket that a value is in; keys are in the order of values. 0 is for zero, and a value and its
 * negative have opposite keys. Infinities have buckets of their own.
 */
export function bucketKey(value: number): number {
  if (value === 0) return 0;
  const magnitude = Math.abs(value);
  const number =
    magnitude === Number.POSITIVE_INFINITY
      ? BUCKET_NUMBER_MAX
      : Math.ceil(Math.log(magnitude) / LOG_GAMMA);
  return value > 0 ? number + BIAS : -number - BIAS;
}

/** A value that is no further than the relative error from any in the bucket. */
function bucketValue(key: number): number {
  if (key === 0) return 0;
  const number = Math.abs(key) - BIAS;
  // Exponents are split where the whole power would be beyond a number's range and the value is not.
  const magnitude =
    number === BUCKET_NUMBER_MAX
      ? Number.POSITIVE_INFINITY
      : Math.min(
          (2 / (GAMMA + 1)) *
            Math.exp((number * LOG_GAMMA) / 2) *
            Math.exp((number * LOG_GAMMA) / 2),
          Number.MAX_VALUE,
        );
  return key > 0 ? magnitude : -magnitude;
}

/**
 * Counts values in buckets whose width grows with the value, so that any quantile can be told within
 * `QUANTILE_RELATIVE_ERROR`, and sketches of parts can be merged into that of the whole without a further error. One
 * object serves for many: `clear` it, add values and encoded sketches, then `encode` or ask for quantiles.
 *
 * An encoded sketch says how many buckets there are, the first one's key (zigzag), and its count; then for each next one
 * how far its key is from the one before, and its count. All are varints; a distance is doubled, and odd where the
 * count is more than 1 and follows. One byte of 0 is the sketch of no values.
 */
export class QuantileSketch {
  #keys = new Int32Array(256);
  #counts = new Float64Array(256);
  #length = 0;
  /** Whether the keys increase strictly. */
  #sorted = true;
  readonly #table = new Float64Array(TABLE_SIZE);

  clear(): void {
    this.#length = 0;
    this.#sorted = true;
  }

  /** How many values it holds. */
  get count(): number {
    let count = 0;
    for (let i = 0; i < this.#length; i++) count += this.#counts[i] as number;
    return count;
  }

  /** Adds values; those that are no number are left out. */
  addValues(values: Float64Array, from: number, to: number): void {
    this.#reserve(to - from);
    for (let i = from; i < to; i++) {
      const value = values[i] as number;
      if (Number.isNaN(value)) continue;
      this.#push(bucketKey(value), 1);
    }
  }

  /** Adds `count` values of one bucket. */
  addBucket(key: number, count: number): void {
    this.#reserve(1);
    this.#push(key, count);
  }

  /** Adds what an encoded sketch holds. False, and nothing was added, where the bytes are none. */
  addEncoded(bytes: Uint8Array): boolean {
    // Many sketches with the same buckets may be merged one after another: memory does not grow with their number.
    if (this.#length > SKETCH_BUCKETS_MAX * 4) this.#normalize();
    const length = this.#length;
    const sorted = this.#sorted;
    const lastCount = length === 0 ? 0 : (this.#counts[length - 1] as number);
    try {
      if (this.#decode(new ByteReader(bytes))) return true;
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw error;
    }
    this.#length = length;
    this.#sorted = sorted;
    if (length > 0) this.#counts[length - 1] = lastCount;
    return false;
  }

  #decode(reader: ByteReader): boolean {
    const buckets = reader.varint();
    if (buckets > SKETCH_BUCKETS_MAX) return false;
    this.#reserve(buckets);
    let key = 0;
    for (let i = 0; i < buckets; i++) {
      let single = false;
      if (i === 0) key = reader.signed();
      else {
        const token = reader.varint();
        if (token < 2) return false;
        key += Math.floor(token / 2);
        single = token % 2 === 0;
      }
      const count = single ? 1 : reader.varint();
      if (Math.abs(key) > BUCKET_NUMBER_MAX + BIAS || count === 0) return false;
      this.#push(key, count);
    }
    return reader.left === 0;
  }

  /** Appends the encoded sketch to what `out` holds. */
  encode(out: ByteWriter): void {
    this.#normalize();
    const keys = this.#keys;
    const counts = this.#counts;
    out.varint(this.#length);
    if (this.#length === 0) return;
    let previous = keys[0] as number;
    out.signed(previous);
    out.varint(counts[0] as number);
    for (let i = 1; i < this.#length; i++) {
      const key = keys[i] as number;
      const count = counts[i] as number;
      const single = count === 1;
      out.varint((key - previous) * 2 + (single ? 0 : 1));
      if (!single) out.varint(count);
      previous = key;
    }
  }

  /**
   * The value that the part `q` (0 to 1) of all values do not exceed, between two of them as PromQL's
   * `quantile_over_time` has it. NaN where there are none.
   */
  quantile(q: number): number {
    assert(q >= 0 && q <= 1, () => `quantile ${q}`);
    this.#normalize();
    const { count } = this;
    if (count === 0) return Number.NaN;
    const rank = q * (count - 1);
    const lower = this.#valueAt(Math.floor(rank));
    const upper = this.#valueAt(Math.ceil(rank));
    const weight = rank - Math.floor(rank);
    return lower === upper ? lower : lower * (1 - weight) + upper * weight;
  }

  /** The value of a rank, from 0. */
  #valueAt(rank: number): number {
    let below = 0;
    for (let i = 0; i < this.#length; i++) {
      below += this.#counts[i] as number;
      if (below > rank) return bucketValue(this.#keys[i] as number);
    }
    return Number.NaN;
  }

  #push(key: number, count: number): void {
    const at = this.#length;
    if (at > 0) {
      const last = this.#keys[at - 1] as number;
      if (last === key) {
        this.#counts[at - 1] = (this.#counts[at - 1] as number) + count;
        return;
      }
      if (last > key) this.#sorted = false;
    }
    this.#keys[at] = key;
    this.#counts[at] = count;
    this.#length = at + 1;
  }

  #reserve(count: number): void {
    if (this.#keys.length >= this.#length + count) return;
    const capacity = Math.max(this.#length + count, this.#keys.length * 2);
    const keys = new Int32Array(capacity);
    keys.set(this.#keys);
    this.#keys = keys;
    const counts = new Float64Array(capacity);
    counts.set(this.#counts);
    this.#counts = counts;
  }

  /** Each key once, in order, and no more of them than allowed. */
  #normalize(): void {
    if (!this.#sorted) {
      if (this.#length <= FEW) this.#sortFew();
      else this.#sortMany();
      this.#sorted = true;
    }
    const surplus = this.#length - SKETCH_BUCKETS_MAX;
    if (surplus <= 0) return;
    for (let i = 0; i < surplus; i++)
      this.#counts[surplus] = (this.#counts[surplus] as number) + (this.#counts[i] as number);
    this.#keys.copyWithin(0, surplus, this.#length);
    this.#counts.copyWithin(0, surplus, this.#length);
    this.#length -= surplus;
  }

  #sortFew(): void {
    const keys = this.#keys;
    const counts = this.#counts;
    for (let i = 1; i < this.#length; i++) {
      const key = keys[i] as number;
      const count = counts[i] as number;
      let at = i;
      for (; at > 0 && (keys[at - 1] as number) > key; at--) {
        keys[at] = keys[at - 1] as number;
        counts[at] = counts[at - 1] as number;
      }
      keys[at] = key;
      counts[at] = count;
    }
    this.#combine();
  }

  #sortMany(): void {
    const keys = this.#keys;
    const counts = this.#counts;
    let min = keys[0] as number;
    let max = min;
    for (let i = 1; i < this.#length; i++) {
      const key = keys[i] as number;
      if (key < min) min = key;
      else if (key > max) max = key;
    }
    if (max - min >= TABLE_SIZE) {
      const order = Uint32Array.from({ length: this.#length }, (_, i) => i).sort(
        (a, b) => (keys[a] as number) - (keys[b] as number),
      );
      this.#keys = Int32Array.from(order, (at) => keys[at] as number);
      this.#counts = Float64Array.from(order, (at) => counts[at] as number);
      this.#combine();
      return;
    }
    const table = this.#table;
    for (let i = 0; i < this.#length; i++) {
      const slot = (keys[i] as number) - min;
      table[slot] = (table[slot] as number) + (counts[i] as number);
    }
    let length = 0;
    for (let slot = 0; slot <= max - min; slot++) {
      const count = table[slot] as number;
      if (count === 0) continue;
      keys[length] = slot + min;
      counts[length++] = count;
      table[slot] = 0;
    }
    this.#length = length;
  }

  /** Puts neighbours of the same key together. */
  #combine(): void {
    const keys = this.#keys;
    const counts = this.#counts;
    let last = 0;
    for (let i = 1; i < this.#length; i++) {
      if (keys[i] === keys[last]) counts[last] = (counts[last] as number) + (counts[i] as number);
      else {
        last++;
        keys[last] = keys[i] as number;
        counts[last] = counts[i] as number;
      }
    }
    this.#length = Math.min(this.#length, last + 1);
  }
}
