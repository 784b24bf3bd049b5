import { assert } from "@pharos/base";
import type { QuantileSketch, RolledRows } from "@pharos/kernels";
import { ByteWriter } from "../block/byte-writer.ts";
import type { ColumnSet } from "../block/column-set.ts";

/** The numbers of a row, in the order in which blocks have them. */
export const ROW_COLUMNS = ["count", "sum", "min", "first", "max", "last", "increase"] as const;

export type RowColumn = (typeof ROW_COLUMNS)[number];

/** What a counter grew by from one sample to the next. Where it is lower it began again at 0. */
export function counterStep(previous: number, next: number): number {
  return next < previous ? next : next - previous;
}

/** The lower of two; a NaN only where both are. */
export function lower(a: number, b: number): number {
  return a < b || Number.isNaN(b) ? a : b;
}

/** The higher of two; a NaN only where both are. */
export function higher(a: number, b: number): number {
  return a > b || Number.isNaN(b) ? a : b;
}

/**
 * The rows of one series in one tier, one a window in which it has a sample, by time.
 *
 * A row's timestamp lies in its window: its start, or the start of the block's range where the window began before.
 * `count` counts samples, ordinary NaNs among them, and staleness markers not. `sum` and `increase` are NaN where a
 * sample is; `min` and `max` leave NaNs out, and are NaN where nothing else is there. `increase` is what a counter
 * grew by between the samples of the window; that from one window to the next follows from `last` and `first`.
 */
export class RollupRows {
  readonly windowMs: number;
  /** Where the block's range starts that the rows are for. No sample is before it. */
  rangeStartMs = Number.NEGATIVE_INFINITY;
  length = 0;
  #timestampsMs: Float64Array = new Float64Array(64);
  #columns: Float64Array[] = ROW_COLUMNS.map(() => new Float64Array(64));
  /** Where each row's sketch ends. */
  #sketchEnds = new Uint32Array(64);
  readonly #sketches = new ByteWriter();

  constructor(windowMs: number) {
    this.windowMs = windowMs;
  }

  /** Views, until rows are added. */
  get timestampsMs(): Float64Array {
    return this.#timestampsMs.subarray(0, this.length);
  }

  /** A view, until rows are added. */
  column(name: RowColumn): Float64Array {
    return (this.#columns[ROW_COLUMNS.indexOf(name)] as Float64Array).subarray(0, this.length);
  }

  /** Where each sketch ends in `sketchBytes`. A view, until rows are added. */
  get sketchEnds(): Uint32Array {
    return this.#sketchEnds.subarray(0, this.length);
  }

  /** A view, until rows are added. */
  get sketchBytes(): Uint8Array {
    return this.#sketches.bytes;
  }

  /** Where the window of a row starts. */
  windowStartMs(row: number): number {
    return Math.floor((this.#timestampsMs[row] as number) / this.windowMs) * this.windowMs;
  }

  /** How many samples a row counts. */
  countOf(row: number): number {
    return this.#columns[0]?.[row] as number;
  }

  hasSketch(row: number): boolean {
    return (
      (row === 0 ? 0 : (this.#sketchEnds[row - 1] as number)) < (this.#sketchEnds[row] as number)
    );
  }

  /** Whether each of some rows has a sketch; of all, unless told which. */
  hasSketches(fromRow = 0, toRow = this.length): boolean {
    for (let row = fromRow; row < toRow; row++) if (!this.hasSketch(row)) return false;
    return true;
  }

  clear(): void {
    this.length = 0;
    this.#sketches.length = 0;
  }

  /** Adds the rows that samples were rolled up to, whose windows are later than those that are there. */
  appendRolled(rolled: RolledRows): void {
    const { length, windowStartsMs, sketchEnds, sketches } = rolled;
    this.#reserve(this.length + length);
    const base = this.#sketches.length;
    for (let row = 0; row < length; row++) {
      const at = this.#pushTime(Math.max(windowStartsMs[row] as number, this.rangeStartMs));
      this.#sketchEnds[at] = base + (sketchEnds[row] as number);
    }
    for (let i = 0; i < ROW_COLUMNS.length; i++) {
      const from = rolled[ROW_COLUMNS[i] as RowColumn];
      (this.#columns[i] as Float64Array).set(from, this.length - length);
    }
    this.#sketches.raw(sketches);
  }

  /**
   * Adds rows of the same tier or a finer one, all later than those that are there. Rows of one window become one.
   *
   * @param sketch what sketches are merged with; null leaves them out. A window has no sketch where one of its
   *   parts has none, since it would not say what the window's values are.
   */
  append(rows: RollupRows, sketch: QuantileSketch | null, fromRow = 0, toRow = rows.length): void {
    assert(this.windowMs % rows.windowMs === 0, "whole windows make up a longer one");
    let row = fromRow;
    while (row < toRow) {
      const windowStartMs = this.#windowOf(rows.#timestampsMs[row] as number);
      const windowEndMs = windowStartMs + this.windowMs;
      let end = row + 1;
      while (end < toRow && (rows.#timestampsMs[end] as number) < windowEndMs) end++;
      const continues = this.length > 0 && this.windowStartMs(this.length - 1) === windowStartMs;
      if (!continues && end === row + 1) this.#copyRow(rows, row, sketch !== null);
      else this.#mergeRows(rows, row, end, continues, sketch);
      row = end;
    }
  }

  #windowOf(timestampMs: number): number {
    return Math.floor(timestampMs / this.windowMs) * this.windowMs;
  }

  #copyRow(rows: RollupRows, row: number, withSketch: boolean): void {
    const windowStartMs = this.#windowOf(rows.#timestampsMs[row] as number);
    const at = this.#pushTime(Math.max(windowStartMs, this.rangeStartMs));
    for (let i = 0; i < ROW_COLUMNS.length; i++) {
      const from = rows.#columns[i] as Float64Array;
      (this.#columns[i] as Float64Array)[at] = from[row] as number;
    }
    if (withSketch) this.#sketches.raw(rows.sketchOf(row));
    this.#sketchEnds[at] = this.#sketches.length;
  }

  #mergeRows(
    rows: RollupRows,
    fromRow: number,
    toRow: number,
    continues: boolean,
    sketch: QuantileSketch | null,
  ): void {
    let next = fromRow;
    if (!continues) this.#copyRow(rows, next++, true);
    const at = this.length - 1;
    const sketchStart = at === 0 ? 0 : (this.#sketchEnds[at - 1] as number);
    const whole = this.hasSketch(at) && rows.hasSketches(next, toRow);
    if (sketch !== null && whole) {
      sketch.clear();
      sketch.addEncoded(this.sketchOf(at));
      sketch.addEncodedAll(rows.sketchBytes, rows.sketchEnds, next, toRow);
    }
    const [count, sum, min, first, max, last, increase] = this.#columns as Columns;
    const [count2, sum2, min2, first2, max2, last2, increase2] = rows.#columns as Columns;
    assert(first !== first2, "rows are not appended to themselves");
    for (; next < toRow; next++) {
      const step = counterStep(last[at] as number, first2[next] as number);
      count[at] = (count[at] as number) + (count2[next] as number);
      sum[at] = (sum[at] as number) + (sum2[next] as number);
      min[at] = lower(min[at] as number, min2[next] as number);
      max[at] = higher(max[at] as number, max2[next] as number);
      last[at] = last2[next] as number;
      increase[at] = (increase[at] as number) + step + (increase2[next] as number);
    }
    this.#sketches.length = sketchStart;
    if (sketch !== null && whole) this.#sketches.raw(sketch.encode());
    this.#sketchEnds[at] = this.#sketches.length;
  }

  /** The encoded sketch of a row, of no byte if it has none. A view, until rows are added. */
  sketchOf(row: number): Uint8Array {
    const from = row === 0 ? 0 : (this.#sketchEnds[row - 1] as number);
    return this.#sketches.bytes.subarray(from, this.#sketchEnds[row]);
  }

  /** Adds the rows of a block's columns, which are later than those that are there. */
  appendColumns({ timestampsMs, floats, bytes: [sketches] }: ColumnSet): void {
    const { length } = timestampsMs;
    if (length === 0) return;
    this.#reserve(this.length + length);
    this.#timestampsMs.set(timestampsMs, this.length);
    for (const [i, column] of this.#columns.entries()) {
      new Uint32Array(column.buffer, this.length * 8, length * 2).set(floats[i] as Uint32Array);
    }
    const base = this.#sketches.length;
    for (let i = 0; i < length; i++)
      this.#sketchEnds[this.length + i] = base + (sketches?.ends[i] ?? 0);
    if (sketches !== undefined) this.#sketches.raw(sketches.bytes);
    this.length += length;
  }

  /** As a block's columns: views, until rows are added. */
  columnSet(): ColumnSet {
    return {
      kind: "rollup",
      timestampsMs: this.timestampsMs,
      floats: this.#columns.map((column) => new Uint32Array(column.buffer, 0, this.length * 2)),
      bytes: [{ ends: this.sketchEnds, bytes: this.sketchBytes }],
    };
  }

  #pushTime(timestampMs: number): number {
    const at = this.length;
    if (at > 0) assert(timestampMs > (this.#timestampsMs[at - 1] as number), "rows come by time");
    this.#reserve(at + 1);
    this.#timestampsMs[at] = timestampMs;
    this.length = at + 1;
    return at;
  }

  #reserve(capacity: number): void {
    if (this.#timestampsMs.length >= capacity) return;
    const size = Math.max(capacity, this.#timestampsMs.length * 2);
    const grown = (from: Float64Array): Float64Array => {
      const to = new Float64Array(size);
      to.set(from);
      return to;
    };
    this.#timestampsMs = grown(this.#timestampsMs);
    this.#columns = this.#columns.map(grown);
    const ends = new Uint32Array(size);
    ends.set(this.#sketchEnds);
    this.#sketchEnds = ends;
  }
}

type Columns = [
  count: Float64Array,
  sum: Float64Array,
  min: Float64Array,
  first: Float64Array,
  max: Float64Array,
  last: Float64Array,
  increase: Float64Array,
];
