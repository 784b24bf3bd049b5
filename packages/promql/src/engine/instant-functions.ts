import { FLOAT, NONE, onlyFloats, type StepSeries } from "./step-series.ts";
import { type Breaks, mapInTurns } from "./turns.ts";

/** Functions of one number, by name, as PromQL defines them. */
const MATH: ReadonlyMap<string, (value: number) => number> = new Map([
  ["abs", Math.abs],
  ["acos", Math.acos],
  ["acosh", Math.acosh],
  ["asin", Math.asin],
  ["asinh", Math.asinh],
  ["atan", Math.atan],
  ["atanh", Math.atanh],
  ["ceil", Math.ceil],
  ["cos", Math.cos],
  ["cosh", Math.cosh],
  ["deg", (value) => (value * 180) / Math.PI],
  ["exp", Math.exp],
  ["floor", Math.floor],
  ["ln", Math.log],
  ["log10", Math.log10],
  ["log2", Math.log2],
  ["rad", (value) => (value * Math.PI) / 180],
  ["sgn", (value) => (value < 0 ? -1 : value > 0 ? 1 : value)],
  ["sin", Math.sin],
  ["sinh", Math.sinh],
  ["sqrt", Math.sqrt],
  ["tan", Math.tan],
  ["tanh", Math.tanh],
]);

export function mathFunction(name: string): ((value: number) => number) | undefined {
  return MATH.get(name);
}

/** Applies a function to every float, in place; histograms and the metric name go. */
export function mapValues(
  list: readonly StepSeries[],
  compute: (value: number) => number,
  context: Breaks,
): Promise<StepSeries[]> {
  return mapInTurns(list, context, (series) => {
    const { values } = onlyFloats(series);
    for (let i = 0; i < values.length; i++) values[i] = compute(values[i] as number);
    return { ...series, dropName: true };
  });
}

/** Keeps floats within bounds that may differ by step; where they exclude each other, there is no result. */
export function clamp(
  list: readonly StepSeries[],
  mins: Float64Array,
  maxs: Float64Array,
  context: Breaks,
): Promise<StepSeries[]> {
  return mapInTurns(list, context, (series) => {
    const { values, present } = onlyFloats(series);
    for (let i = 0; i < values.length; i++) {
      const min = mins[i] as number;
      const max = maxs[i] as number;
      if (max < min) present[i] = NONE;
      else values[i] = greater(min, lesser(max, values[i] as number));
    }
    return { ...series, dropName: true };
  });
}

/** Like Math.max, but +Inf wins over NaN. */
export function greater(a: number, b: number): number {
  if (a === Number.POSITIVE_INFINITY || b === Number.POSITIVE_INFINITY)
    return Number.POSITIVE_INFINITY;
  return Math.max(a, b);
}

/** Like Math.min, but -Inf wins over NaN. */
export function lesser(a: number, b: number): number {
  if (a === Number.NEGATIVE_INFINITY || b === Number.NEGATIVE_INFINITY)
    return Number.NEGATIVE_INFINITY;
  return Math.min(a, b);
}

/** Rounds to the nearest multiple, ties up. */
export function round(
  list: readonly StepSeries[],
  multiples: Float64Array,
  context: Breaks,
): Promise<StepSeries[]> {
  return mapInTurns(list, context, (series) => {
    const { values } = onlyFloats(series);
    for (let i = 0; i < values.length; i++) {
      // The inverse, as Prometheus has it: for 0.1 and the like it is the more accurate way.
      const inverse = 1 / (multiples[i] as number);
      values[i] = Math.floor((values[i] as number) * inverse + 0.5) / inverse;
    }
    return { ...series, dropName: true };
  });
}

/** The one float of each step; NaN where there is none or more than one. */
export function scalarOf(list: readonly StepSeries[], count: number): Float64Array {
  const found = new Uint8Array(count);
  const out = new Float64Array(count).fill(Number.NaN);
  for (const { values, present } of list)
    for (let i = 0; i < count; i++) {
      if (present[i] !== FLOAT) continue;
      out[i] = found[i] === 0 ? (values[i] as number) : Number.NaN;
      found[i] = 1;
    }
  return out;
}

/** Marks in `present` the steps at which any of the series has a sample. */
export function addPresence(present: Uint8Array, list: readonly StepSeries[]): void {
  for (const series of list)
    for (let i = 0; i < present.length; i++) if (series.present[i] !== NONE) present[i] = 1;
}
