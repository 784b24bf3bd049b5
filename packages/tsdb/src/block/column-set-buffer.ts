import { assert } from "@pharos/base";
import {
  type BytesColumn,
  COLUMN_SET_SHAPES,
  type ColumnSet,
  type ColumnSetKind,
} from "./column-set.ts";

/**
 * The columns of one kind of one series, put together from several sources. Where two have a sample at the same time,
 * the source that was added first stands. Used again for every series.
 */
export class ColumnSetBuffer {
  readonly kind: ColumnSetKind;
  #times: Float64Array<ArrayBuffer>;
  readonly #floats: Uint32Array[];
  readonly #bytes: GrowingBytes[];
  length = 0;

  /** @param capacity how many samples there is room for at once; it grows. */
  constructor(kind: ColumnSetKind, capacity = 256) {
    this.kind = kind;
    const { floats, bytes } = COLUMN_SET_SHAPES[kind];
    this.#times = new Float64Array(capacity);
    this.#floats = floats.map(() => new Uint32Array(capacity * 2));
    this.#bytes = bytes.map(() => new GrowingBytes(capacity));
  }

  /** All of it: views, valid until the buffer changes. */
  get columns(): ColumnSet {
    return {
      kind: this.kind,
      timestampsMs: this.#times.subarray(0, this.length),
      floats: this.#floats.map((words) => words.subarray(0, this.length * 2)),
      bytes: this.#bytes.map((column) => column.view(this.length)),
    };
  }

  clear(): void {
    this.length = 0;
    for (const column of this.#bytes) column.clear();
  }

  /** The columns are not kept. */
  add(set: ColumnSet): void {
    assert(set.kind === this.kind, () => `${set.kind} among ${this.kind}`);
    const first = set.timestampsMs[0];
    if (first === undefined) return;
    if (this.length === 0 || first > (this.#times[this.length - 1] as number)) this.#append(set);
    else this.#merge(set);
  }

  #append({ timestampsMs, floats, bytes }: ColumnSet): void {
    const count = timestampsMs.length;
    this.#reserve(this.length + count);
    this.#times.set(timestampsMs, this.length);
    for (const [i, words] of this.#floats.entries())
      words.set(floats[i] as Uint32Array, this.length * 2);
    for (const [i, column] of this.#bytes.entries()) {
      const { ends, bytes: all } = bytes[i] as BytesColumn;
      column.append(this.length, ends, all);
    }
    this.length += count;
  }

  /** Runs of samples from either side, one after another. */
  #merge(set: ColumnSet): void {
    const own = copyOfSet(this.columns);
    this.clear();
    const [a, b] = [own.timestampsMs, set.timestampsMs];
    for (let i = 0, j = 0; i < a.length || j < b.length; ) {
      const timeA = a[i] ?? Number.POSITIVE_INFINITY;
      const timeB = b[j] ?? Number.POSITIVE_INFINITY;
      if (timeA <= timeB) {
        let end = i + 1;
        while (end < a.length && (a[end] as number) <= timeB) end++;
        this.#append(sliceSet(own, i, end));
        if (a[end - 1] === timeB) j++;
        i = end;
      } else {
        let end = j + 1;
        while (end < b.length && (b[end] as number) < timeA) end++;
        this.#append(sliceSet(set, j, end));
        j = end;
      }
    }
  }

  #reserve(capacity: number): void {
    if (this.#times.length >= capacity) return;
    const size = Math.max(capacity, this.#times.length * 2);
    const times = new Float64Array(size);
    times.set(this.#times.subarray(0, this.length));
    this.#times = times;
    for (const [i, words] of this.#floats.entries()) {
      const larger = new Uint32Array(size * 2);
      larger.set(words.subarray(0, this.length * 2));
      this.#floats[i] = larger;
    }
  }
}

/** Byte strings that are appended to. */
class GrowingBytes {
  #ends: Uint32Array<ArrayBuffer>;
  #bytes: Uint8Array<ArrayBuffer>;
  #size = 0;

  constructor(capacity: number) {
    this.#ends = new Uint32Array(capacity);
    this.#bytes = new Uint8Array(capacity * 16);
  }

  clear(): void {
    this.#size = 0;
  }

  append(length: number, ends: Uint32Array, bytes: Uint8Array): void {
    if (length + ends.length > this.#ends.length) {
      const larger = new Uint32Array(Math.max(length + ends.length, this.#ends.length * 2));
      larger.set(this.#ends.subarray(0, length));
      this.#ends = larger;
    }
    if (this.#size + bytes.length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#size + bytes.length, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, this.#size));
      this.#bytes = larger;
    }
    for (let i = 0; i < ends.length; i++) this.#ends[length + i] = this.#size + (ends[i] as number);
    this.#bytes.set(bytes, this.#size);
    this.#size += bytes.length;
  }

  view(length: number): BytesColumn {
    return { ends: this.#ends.subarray(0, length), bytes: this.#bytes.subarray(0, this.#size) };
  }
}

/** Samples `from` to `to` (not included) of a set: views where that is possible. */
export function sliceSet(set: ColumnSet, from: number, to: number): ColumnSet {
  return {
    kind: set.kind,
    timestampsMs: set.timestampsMs.subarray(from, to),
    floats: set.floats.map((words) => words.subarray(from * 2, to * 2)),
    bytes: set.bytes.map((column) => sliceBytes(column, from, to)),
  };
}

export function sliceBytes({ ends, bytes }: BytesColumn, from: number, to: number): BytesColumn {
  if (from === 0 && to === ends.length) return { ends, bytes };
  const start = from === 0 ? 0 : (ends[from - 1] as number);
  const end = to === 0 ? 0 : (ends[to - 1] as number);
  return {
    ends: ends.slice(from, to).map((one) => one - start),
    bytes: bytes.subarray(start, end),
  };
}

/** A copy that takes no more memory than it needs. */
export function copyOfSet({ kind, timestampsMs, floats, bytes }: ColumnSet): ColumnSet {
  return {
    kind,
    timestampsMs: timestampsMs.slice(),
    floats: floats.map((words) => words.slice()),
    bytes: bytes.map((column) => ({ ends: column.ends.slice(), bytes: column.bytes.slice() })),
  };
}
