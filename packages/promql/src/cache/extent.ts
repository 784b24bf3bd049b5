import type { NativeHistogram } from "@pharos/base";
import type { Notes } from "../engine/annotations.ts";
import { samplesOfHistogram } from "../engine/sample-counts.ts";
import { NONE } from "../engine/step-series.ts";

/** How many steps an extent has room for. They are counted from the epoch, so that all queries cut in the same places. */
export const EXTENT_STEPS = 256;

/** Bytes of a histogram beside the samples that it counts for, and of an extent beside its columns. */
const SAMPLE_SIZE = 16;
const OVERHEAD_SIZE = 512;

/**
 * What an expression gives at some steps next to each other. Immutable: a longer one is a new one. Steps are counted from
 * the epoch.
 */
export interface Extent {
  /** The first step that holds, and the one after the last. */
  readonly from: number;
  readonly to: number;
  /** The step of the first entry of each row: at or before `from`. */
  readonly origin: number;
  /** Entries of a row. */
  readonly width: number;
  /** For each row, the number of its series in the table of the cached query. */
  readonly rows: Uint32Array;
  /** Row by row; what they mean is as in a `StepSeries`. */
  readonly values: Float64Array;
  readonly present: Uint8Array;
  /** By the place in `present`. */
  readonly histograms: ReadonlyMap<number, NativeHistogram> | undefined;
  /** What is said of it, with its places in a text. */
  readonly notes: Notes | undefined;
  /** Of the store, from before it was computed or looked at again. */
  readonly mark: number;
  /** When it was used last, on the monotonic clock. */
  readonly usedMs: number;
}

/** Rows of columns, to be written: of all series, at some steps. */
export class StepTable {
  readonly from: number;
  readonly count: number;
  readonly rowCount: number;
  readonly values: Float64Array;
  readonly present: Uint8Array;
  histograms: Map<number, NativeHistogram> | undefined;

  constructor(from: number, count: number, rowCount: number) {
    this.from = from;
    this.count = count;
    this.rowCount = rowCount;
    this.values = new Float64Array(rowCount * count);
    this.present = new Uint8Array(rowCount * count);
  }

  /** The place of a step in a row. */
  at(row: number, step: number): number {
    return row * this.count + step - this.from;
  }

  putHistogram(at: number, histogram: NativeHistogram): void {
    this.histograms ??= new Map();
    this.histograms.set(at, histogram);
  }

  /** Copies the steps `from` to `to` of an extent; `rowOf` says where its series are. */
  copy(extent: Extent, from: number, to: number, rowOf: (series: number) => number): void {
    const { rows, origin, width, values, present, histograms } = extent;
    for (let row = 0; row < rows.length; row++) {
      const start = row * width + from - origin;
      const end = start + to - from;
      const at = this.at(rowOf(rows[row] as number), from);
      this.values.set(values.subarray(start, end), at);
      this.present.set(present.subarray(start, end), at);
    }
    for (const [place, histogram] of histograms ?? []) {
      const step = origin + (place % width);
      if (step < from || step >= to) continue;
      this.putHistogram(this.at(rowOf(rows[Math.floor(place / width)] as number), step), histogram);
    }
  }

  /** Whether a row has anything at the steps `from` to `to`. */
  hasAny(row: number, from: number, to: number): boolean {
    const end = this.at(row, to);
    for (let at = this.at(row, from); at < end; at++) if (this.present[at] !== NONE) return true;
    return false;
  }
}

/** The rows of a table that have something at its steps, as an extent. `series` says which series a row is. */
export function extentOf(
  table: StepTable,
  series: Uint32Array,
  rest: Pick<Extent, "notes" | "mark" | "usedMs">,
): Extent {
  const { from, count: width, rowCount } = table;
  const to = from + width;
  const kept: number[] = [];
  for (let row = 0; row < rowCount; row++) if (table.hasAny(row, from, to)) kept.push(row);
  const isWhole = kept.length === rowCount;
  const values = isWhole ? table.values : new Float64Array(kept.length * width);
  const present = isWhole ? table.present : new Uint8Array(kept.length * width);
  let histograms = isWhole ? table.histograms : undefined;
  if (!isWhole)
    for (const [at, row] of kept.entries()) {
      const [start, end] = [row * width, (row + 1) * width];
      values.set(table.values.subarray(start, end), at * width);
      present.set(table.present.subarray(start, end), at * width);
      for (let place = start; table.histograms !== undefined && place < end; place++) {
        const histogram = table.histograms.get(place);
        if (histogram === undefined) continue;
        histograms ??= new Map();
        histograms.set(place - start + at * width, histogram);
      }
    }
  const rows = Uint32Array.from(kept, (row) => series[row] as number);
  return { from, to, origin: from, width, rows, values, present, histograms, ...rest };
}

/** Bytes that an extent takes, about. */
export function extentSize({ rows, values, present, histograms }: Extent): number {
  let size = OVERHEAD_SIZE + rows.byteLength + values.byteLength + present.byteLength;
  for (const histogram of histograms?.values() ?? [])
    size += samplesOfHistogram(histogram) * SAMPLE_SIZE;
  return size;
}
