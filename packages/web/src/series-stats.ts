/** What the legend says of a line. Samples that are NaN or infinite count in `last` alone. */
export interface SeriesStats {
  /** The newest sample. */
  readonly last: number | undefined;
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly avg: number | undefined;
}

export function statsOf(values: readonly (number | null)[]): SeriesStats {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let sum = 0;
  let count = 0;
  let last: number | undefined;
  for (const value of values) {
    if (value === null) continue;
    last = value;
    if (!Number.isFinite(value)) continue;
    if (value < min) min = value;
    if (value > max) max = value;
    sum += value;
    count++;
  }
  if (count === 0) return { last, min: undefined, max: undefined, avg: undefined };
  return { last, min, max, avg: sum / count };
}

export const STAT_NAMES = ["last", "min", "max", "avg"] as const;
export type StatName = (typeof STAT_NAMES)[number];
