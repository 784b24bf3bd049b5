import type { TimeRange } from "@pharos/ports";
import { firstFrom } from "./block/chunk-cutter.ts";
import type { ColumnSet, ColumnSetKind } from "./block/column-set.ts";
import { ColumnSetBuffer, sliceSet } from "./block/column-set-buffer.ts";

/** What a series has beside its float samples. */
export type AttachedKind = Extract<ColumnSetKind, "histograms" | "exemplars">;

/** One native histogram or exemplar, as the columns of its kind hold it. */
export interface AttachedEntry {
  readonly timestampMs: number;
  /** The bits of an exemplar's value, the low half first; none of a histogram. */
  readonly valueBits: Uint32Array | undefined;
  /** The encoded histogram, or the exemplar's labels as canonical bytes. */
  readonly bytes: Uint8Array;
}

/** Room that a series' columns begin with: few series have many entries. */
const CAPACITY_MIN = 8;

/**
 * The entries of one kind of the head's series that are in no block yet, by time within each series. They stay where they
 * are while readers look at copies, and few series have any: that is why they are not in the kernels' memory.
 */
export class AttachedColumns {
  readonly kind: AttachedKind;
  readonly #live = new Map<number, ColumnSetBuffer>();
  /** Those that are being written to a block. */
  readonly #frozen = new Map<number, ColumnSetBuffer>();
  /** Each series' newest entry, in a block or not, for as long as the series lives. */
  readonly #newest = new Map<number, AttachedEntry>();
  #count = 0;
  #size = 0;

  constructor(kind: AttachedKind) {
    this.kind = kind;
  }

  /** Entries in memory. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of all entries' byte strings. */
  get size(): number {
    return this.#size;
  }

  has(ref: number): boolean {
    return this.#live.has(ref) || this.#frozen.has(ref);
  }

  /** How many entries of a series are in memory. */
  countOf(ref: number): number {
    return (this.#live.get(ref)?.length ?? 0) + (this.#frozen.get(ref)?.length ?? 0);
  }

  /** The newest entry that a series ever had, as far as is known since the start. */
  newestOf(ref: number): AttachedEntry | undefined {
    return this.#newest.get(ref);
  }

  newestMs(ref: number): number {
    return this.#newest.get(ref)?.timestampMs ?? Number.NEGATIVE_INFINITY;
  }

  /** What became of an entry if it were inserted, as far as is in memory. */
  outcomeOf(ref: number, entry: AttachedEntry): "appended" | "duplicate" | "conflicting" {
    const newest = this.#newest.get(ref);
    if (newest === undefined || entry.timestampMs > newest.timestampMs) return "appended";
    if (entry.timestampMs === newest.timestampMs)
      return isSame(newest, entry) ? "duplicate" : "conflicting";
    for (const buffer of [this.#frozen.get(ref), this.#live.get(ref)]) {
      const stored = buffer && entryAtTime(buffer.columns, entry.timestampMs);
      if (stored !== undefined) return isSame(stored, entry) ? "duplicate" : "conflicting";
    }
    return "appended";
  }

  /** The bytes are copied. */
  insert(ref: number, entry: AttachedEntry): "appended" | "duplicate" | "conflicting" {
    const outcome = this.outcomeOf(ref, entry);
    if (outcome !== "appended") return outcome;
    const own = { ...entry, bytes: entry.bytes.slice(), valueBits: entry.valueBits?.slice() };
    this.#addTo(this.#live, ref, this.#setOf(own));
    this.#count++;
    this.#size += own.bytes.length;
    if (own.timestampMs > this.newestMs(ref)) this.#newest.set(ref, own);
    return "appended";
  }

  #setOf({ timestampMs, valueBits, bytes }: AttachedEntry): ColumnSet {
    return {
      kind: this.kind,
      timestampsMs: Float64Array.of(timestampMs),
      floats: valueBits === undefined ? [] : [valueBits],
      bytes: [{ ends: Uint32Array.of(bytes.length), bytes }],
    };
  }

  #addTo(map: Map<number, ColumnSetBuffer>, ref: number, set: ColumnSet): void {
    map.getOrInsertComputed(ref, () => new ColumnSetBuffer(this.kind, CAPACITY_MIN)).add(set);
  }

  /** The entries of a series in a range, both ends included: views, valid until the next change. */
  *within(ref: number, minMs: number, maxMs: number): Generator<ColumnSet> {
    for (const buffer of [this.#frozen.get(ref), this.#live.get(ref)]) {
      const set = buffer && sliceOf(buffer.columns, minMs, maxMs);
      if (set !== undefined && set.timestampsMs.length > 0) yield set;
    }
  }

  /** Sets aside the entries before a time, to be flushed: `within` still has them. */
  freeze(beforeMs: number): void {
    for (const [ref, buffer] of [...this.#live]) {
      const frozen = sliceOf(buffer.columns, Number.NEGATIVE_INFINITY, beforeMs - 1);
      if (frozen.timestampsMs.length === 0) continue;
      this.#addTo(this.#frozen, ref, frozen);
      this.#keepFrom(this.#live, ref, buffer, beforeMs);
    }
  }

  /** The earliest time of a frozen entry; Infinity if there is none. */
  get nextFrozenMs(): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const { columns } of this.#frozen.values())
      nextMs = Math.min(nextMs, columns.timestampsMs[0] as number);
    return nextMs;
  }

  /** The frozen entries of a series in a range, both ends included: views. Undefined if there are none. */
  frozenWithin(ref: number, minMs: number, maxMs: number): ColumnSet | undefined {
    const buffer = this.#frozen.get(ref);
    const set = buffer && sliceOf(buffer.columns, minMs, maxMs);
    return set !== undefined && set.timestampsMs.length > 0 ? set : undefined;
  }

  /** The frozen entries before a time are in a block now. */
  dropFrozen(beforeMs: number): void {
    for (const [ref, buffer] of [...this.#frozen]) {
      const { timestampsMs, bytes } = sliceOf(
        buffer.columns,
        Number.NEGATIVE_INFINITY,
        beforeMs - 1,
      );
      this.#count -= timestampsMs.length;
      this.#size -= bytes[0]?.bytes.length ?? 0;
      this.#keepFrom(this.#frozen, ref, buffer, beforeMs);
    }
  }

  /** The frozen entries that are left are in no block: back to the others. */
  thaw(): void {
    for (const [ref, buffer] of this.#frozen) {
      const live = this.#live.get(ref);
      if (live !== undefined) buffer.add(live.columns);
      this.#live.set(ref, buffer);
    }
    this.#frozen.clear();
  }

  #keepFrom(
    map: Map<number, ColumnSetBuffer>,
    ref: number,
    buffer: ColumnSetBuffer,
    fromMs: number,
  ): void {
    map.delete(ref);
    const rest = sliceOf(buffer.columns, fromMs, Number.POSITIVE_INFINITY);
    if (rest.timestampsMs.length > 0) this.#addTo(map, ref, rest);
  }

  /** A series has ended, without any entry in memory. */
  forget(ref: number): void {
    this.#newest.delete(ref);
  }

  /** The earliest entry's time, and the newest's, of all in memory; undefined if there is none. */
  get timeRange(): TimeRange | undefined {
    let [minMs, maxMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const map of [this.#live, this.#frozen])
      for (const { columns } of map.values()) {
        minMs = Math.min(minMs, columns.timestampsMs[0] as number);
        maxMs = Math.max(maxMs, columns.timestampsMs.at(-1) as number);
      }
    return minMs <= maxMs ? { minMs, maxMs } : undefined;
  }
}

function sliceOf(set: ColumnSet, minMs: number, maxMs: number): ColumnSet {
  const from = firstFrom(set.timestampsMs, minMs);
  return sliceSet(set, from, Math.max(from, firstFrom(set.timestampsMs, maxMs + 1)));
}

function entryAtTime(set: ColumnSet, timestampMs: number): AttachedEntry | undefined {
  const at = firstFrom(set.timestampsMs, timestampMs);
  if (set.timestampsMs[at] !== timestampMs) return undefined;
  const { floats, bytes } = sliceSet(set, at, at + 1);
  return { timestampMs, valueBits: floats[0], bytes: bytes[0]?.bytes ?? new Uint8Array(0) };
}

function isSame(a: AttachedEntry, b: AttachedEntry): boolean {
  const [x, y] = [a.valueBits, b.valueBits];
  return x?.[0] === y?.[0] && x?.[1] === y?.[1] && Buffer.compare(a.bytes, b.bytes) === 0;
}
