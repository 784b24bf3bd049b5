/** The samples of one series, staleness markers left out. The arrays are scratch space, valid up to `length`. */
export interface RawSamples {
  timestampsMs: Float64Array;
  values: Float64Array;
  length: number;
}

/** Where a range function writes: one place a step; `present` is all 0 before. */
export interface StepColumn {
  readonly values: Float64Array;
  readonly present: Uint8Array;
}

/**
 * The windows that a range function looks at, one a step: samples `from[i]` (included) to `to[i]` (excluded) of a
 * series are those in (`endsMs[i] - rangeMs`, `endsMs[i]`].
 */
export interface Windows {
  readonly count: number;
  readonly rangeMs: number;
  /** Never decreasing. */
  readonly endsMs: Float64Array;
  readonly from: Int32Array;
  readonly to: Int32Array;
}

/** `stepMs` is 0 where `@` makes all windows the same. */
export function createWindows(
  count: number,
  rangeMs: number,
  firstEndMs: number,
  stepMs: number,
): Windows {
  const endsMs = new Float64Array(count);
  for (let i = 0; i < count; i++) endsMs[i] = firstEndMs + i * stepMs;
  return { count, rangeMs, endsMs, from: new Int32Array(count), to: new Int32Array(count) };
}

/** Finds the windows of one series in one pass over its samples and the steps. */
export function moveWindows(windows: Windows, { timestampsMs, length }: RawSamples): void {
  const { count, rangeMs, endsMs, from, to } = windows;
  let low = 0;
  let high = 0;
  for (let i = 0; i < count; i++) {
    const endMs = endsMs[i] as number;
    const startMs = endMs - rangeMs;
    while (high < length && (timestampsMs[high] as number) <= endMs) high++;
    while (low < high && (timestampsMs[low] as number) <= startMs) low++;
    from[i] = low;
    to[i] = high;
  }
}
