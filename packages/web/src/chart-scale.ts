import { formatCompact, type Unit } from "./value-format.ts";

/**
 * The vertical range for values from `min` to `max`: zero is in it where the values come near it or are stacked, and
 * a little air where they do not touch it. Nothing to draw gives 0 to 1.
 */
export function valueRange(
  min: number | null,
  max: number | null,
  stacked: boolean,
): [min: number, max: number] {
  if (min === null || max === null || !Number.isFinite(min) || !Number.isFinite(max)) return [0, 1];
  let low = min;
  let high = max;
  if (stacked || (low > 0 && low < high * 0.6)) low = Math.min(0, low);
  if (stacked || (high < 0 && high > low * 0.6)) high = Math.max(0, high);
  if (low === high) {
    if (low === 0) return [0, 1];
    return low > 0 ? [0, low * 1.25] : [low * 1.25, 0];
  }
  const air = (high - low) * 0.06;
  return [low === 0 ? 0 : low - air, high === 0 ? 0 : high + air];
}

/** Distances of ticks that read well in bytes: powers of two. */
export const BYTE_INCREMENTS: number[] = Array.from({ length: 60 }, (_, i) => 2 ** i);

/** Texts of a value axis: as short as they can be and still differ from each other. */
export function formatSplits(splits: readonly number[], unit: Unit): string[] {
  const short = splits.map((value) => formatCompact(roundAway(value), unit));
  if (new Set(short).size === short.length) return short;
  for (let digits = 5; digits < 15; digits++) {
    const longer = splits.map((value) => String(Number(value.toPrecision(digits))));
    if (new Set(longer).size === longer.length) return longer;
  }
  return splits.map(String);
}

/** Sums of tick distances have dust behind the point (0.30000000000000004). */
function roundAway(value: number): number {
  return Number(value.toPrecision(12));
}
