import type { NativeHistogram } from "@pharos/base";
import type { HistogramColumn, SeriesColumns } from "@pharos/ports";
import type { RawHistograms, RawSamples } from "./windows.ts";

/** Room for the samples of one series at a time. */
export function createScratch(): RawSamples {
  return {
    timestampsMs: new Float64Array(0),
    values: new Float64Array(0),
    length: 0,
    startsMs: undefined,
    histograms: undefined,
  };
}

export function reserve(scratch: RawSamples, length: number): void {
  if (scratch.values.length >= length) return;
  const capacity = roomFor(length, scratch.values.length);
  scratch.timestampsMs = new Float64Array(capacity);
  scratch.values = new Float64Array(capacity);
}

/** How many places a column gets that must grow: no more than are needed where that is a great many at once. */
export function roomFor(length: number, before: number): number {
  return Math.max(length, before * 2);
}

/** The samples without staleness markers, in `scratch` where there are any, else the store's own arrays. */
export function withoutStale(columns: SeriesColumns, scratch: RawSamples): RawSamples {
  const { timestampsMs, values, stale, startsMs } = columns;
  const histograms = columns.histograms && withoutStaleHistograms(columns.histograms);
  const { length } = timestampsMs;
  if (stale === null) return { timestampsMs, values, length, startsMs, histograms };
  reserve(scratch, length);
  scratch.startsMs = startsMs && new Float64Array(length);
  scratch.histograms = histograms;
  let kept = 0;
  for (let i = 0; i < length; i++) {
    if (stale[i] === 1) continue;
    scratch.timestampsMs[kept] = timestampsMs[i] as number;
    scratch.values[kept] = values[i] as number;
    if (scratch.startsMs !== undefined) scratch.startsMs[kept] = startsMs?.[i] as number;
    kept++;
  }
  scratch.length = kept;
  return scratch;
}

function withoutStaleHistograms(column: HistogramColumn): RawHistograms | undefined {
  const timestampsMs = new Float64Array(column.timestampsMs.length);
  const startsMs = column.startsMs && new Float64Array(column.timestampsMs.length);
  const histograms: NativeHistogram[] = [];
  for (let i = 0; i < timestampsMs.length; i++) {
    const histogram = column.at(i);
    if (histogram.stale) continue;
    const kept = histograms.length;
    timestampsMs[kept] = column.timestampsMs[i] as number;
    if (startsMs !== undefined) startsMs[kept] = column.startsMs?.[i] as number;
    histograms.push(histogram);
  }
  if (histograms.length === 0) return undefined;
  return { timestampsMs, histograms, length: histograms.length, startsMs };
}
