import { OperatingError } from "@pharos/base";
import type { RawSamples, StepColumn, Windows } from "./windows.ts";

export interface Line {
  /** Per second. */
  slope: number;
  /** The value at the origin. */
  intercept: number;
}

const line: Line = { slope: 0, intercept: 0 };

/** The least-squares line through a window's samples. The result is overwritten by the next call. */
export function linearRegression(
  { timestampsMs, values }: RawSamples,
  from: number,
  to: number,
  originMs: number,
): Readonly<Line> {
  const first = values[from] as number;
  let constant = true;
  let sumX = 0;
  let sumY = 0;
  let sumXY = 0;
  let sumXX = 0;
  let lostX = 0;
  let lostY = 0;
  let lostXY = 0;
  let lostXX = 0;
  // What a sum loses to rounding is computed without a branch (Knuth's two-sum), four times a sample. A sum that overflows
  // comes to NaN then, and is looked at below.
  for (let i = from; i < to; i++) {
    const y = values[i] as number;
    const x = ((timestampsMs[i] as number) - originMs) / 1000;
    if (y !== first) constant = false;
    const nextX = sumX + x;
    const partX = nextX - sumX;
    lostX += sumX - (nextX - partX) + (x - partX);
    sumX = nextX;
    const nextY = sumY + y;
    const partY = nextY - sumY;
    lostY += sumY - (nextY - partY) + (y - partY);
    sumY = nextY;
    const xy = x * y;
    const nextXY = sumXY + xy;
    const partXY = nextXY - sumXY;
    lostXY += sumXY - (nextXY - partXY) + (xy - partXY);
    sumXY = nextXY;
    const xx = x * x;
    const nextXX = sumXX + xx;
    const partXX = nextXX - sumXX;
    lostXX += sumXX - (nextXX - partXX) + (xx - partXX);
    sumXX = nextXX;
  }
  if (constant) {
    const infinite = Math.abs(first) === Number.POSITIVE_INFINITY;
    line.slope = infinite ? Number.NaN : 0;
    line.intercept = infinite ? Number.NaN : first;
    return line;
  }
  const n = to - from;
  sumX += lostX;
  sumY = Number.isNaN(lostY) ? sumY : sumY + lostY;
  sumXY = Number.isNaN(lostXY) ? sumXY : sumXY + lostXY;
  sumXX += lostXX;
  line.slope = (sumXY - (sumX * sumY) / n) / (sumXX - (sumX * sumX) / n);
  line.intercept = sumY / n - (line.slope * sumX) / n;
  return line;
}

/** Holt's linear method over each window's samples: a level and a trend, smoothed by factors between 0 and 1. */
export function doubleExponentialSmoothing(
  levelFactors: Float64Array,
  trendFactors: Float64Array,
): (raw: RawSamples, windows: Windows, timesMs: Float64Array, out: StepColumn) => void {
  return ({ values }, { count, from, to }, _, out) => {
    for (let i = 0; i < count; i++) {
      const low = from[i] as number;
      const high = to[i] as number;
      if (low === high) continue;
      const levelFactor = levelFactors[i] as number;
      const trendFactor = trendFactors[i] as number;
      checkFactor("smoothing", levelFactor);
      checkFactor("trend", trendFactor);
      if (high - low < 2) continue;
      let previousLevel = 0;
      let level = values[low] as number;
      let trend = (values[low + 1] as number) - level;
      for (let j = low + 1; j < high; j++) {
        if (j > low + 1) trend = trendFactor * (level - previousLevel) + (1 - trendFactor) * trend;
        previousLevel = level;
        level = levelFactor * (values[j] as number) + (1 - levelFactor) * (level + trend);
      }
      out.values[i] = level;
      out.present[i] = 1;
    }
  };
}

function checkFactor(name: "smoothing" | "trend", factor: number): void {
  if (factor <= 0 || factor >= 1)
    throw new OperatingError(
      "query.failed",
      `invalid ${name} factor. Expected: 0 < ${name === "smoothing" ? "sf" : "tf"} < 1, got: ${factor.toFixed(6)}`,
    );
}
