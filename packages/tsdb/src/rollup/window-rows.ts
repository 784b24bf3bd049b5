import { bucketKey, type QuantileSketch } from "./quantile-sketch.ts";
import { counterStep, higher, lower, type RollupRows, type Row } from "./rollup-rows.ts";

/** Samples in columns, by strictly increasing time. */
export interface SampleColumnsView {
  readonly length: number;
  readonly timestampsMs: Float64Array;
  readonly values: Float64Array;
  /** 1 where the sample is a staleness marker; null if none is. */
  readonly stale: Uint8Array | null;
}

/**
 * Adds the rows of samples, all later than the windows that are there. Staleness markers say that a series ended, which
 * is no value: they count for nothing, and a counter goes on after them.
 *
 * @param sketch for the quantiles of each window; null leaves them out.
 */
export function rollUpSamples(
  samples: SampleColumnsView,
  rows: RollupRows,
  sketch: QuantileSketch | null,
): void {
  const { length, timestampsMs } = samples;
  const { windowMs } = rows;
  for (let from = 0; from < length; ) {
    const windowStartMs = Math.floor((timestampsMs[from] as number) / windowMs) * windowMs;
    const windowEndMs = windowStartMs + windowMs;
    let to = from + 1;
    while (to < length && (timestampsMs[to] as number) < windowEndMs) to++;
    if (readWindow(samples, from, to)) {
      if (sketch !== null) fillSketch(sketch, samples.values, from, to);
      rows.push(windowStartMs, ROW, sketch);
    }
    from = to;
  }
}

/** What `readWindow` found last. */
const ROW: Row = { count: 0, sum: 0, min: 0, max: 0, first: 0, last: 0, increase: 0 };
let nanCount = 0;

/** Puts the samples `[from, to)` together in `ROW`. False where there is none but staleness markers. */
function readWindow({ values, stale }: SampleColumnsView, from: number, to: number): boolean {
  let count = 0;
  let sum = 0;
  // What was lost of the lower of two digits (Neumaier's summation).
  let lost = 0;
  let min = Number.NaN;
  let max = Number.NaN;
  let first = 0;
  let last = 0;
  let increase = 0;
  nanCount = 0;
  for (let i = from; i < to; i++) {
    if (stale !== null && stale[i] === 1) continue;
    const value = values[i] as number;
    if (count === 0) first = value;
    else increase += counterStep(last, value);
    count++;
    last = value;
    const total = sum + value;
    lost += Math.abs(sum) >= Math.abs(value) ? sum - total + value : value - total + sum;
    sum = total;
    if (Number.isNaN(value)) nanCount++;
    min = lower(min, value);
    max = higher(max, value);
  }
  if (count === 0) return false;
  ROW.count = count;
  // Infinities and overflow leave no digits to correct.
  ROW.sum = Number.isFinite(sum) ? sum + lost : sum;
  ROW.min = min;
  ROW.max = max;
  ROW.first = first;
  ROW.last = last;
  ROW.increase = increase;
  return true;
}

/** The sketch of the window that is in `ROW`. In most windows all values are in one bucket. */
function fillSketch(sketch: QuantileSketch, values: Float64Array, from: number, to: number): void {
  sketch.clear();
  const ordinary = ROW.count - nanCount;
  if (ordinary === 0) return;
  const key = bucketKey(ROW.min);
  if (ROW.min === ROW.max || key === bucketKey(ROW.max)) sketch.addBucket(key, ordinary);
  else sketch.addValues(values, from, to);
}
