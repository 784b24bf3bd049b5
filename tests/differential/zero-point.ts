// How far a counter is extrapolated back, by the rule of 2.42 and by that of later versions. Both stop where the counter
// was 0, going by its rate. 2.42 looked for that point first: one that lies beyond half an interval, but within 1.1
// intervals of the first sample, counted as the window's edge; later versions go back half an interval only.
import type { Expr, MatrixSelector } from "@pharos/promql/syntax";
import type { Series, Times } from "./answer.ts";
import { RELATIVE_TOLERANCE, sameValue } from "./answer-difference.ts";
import { type Asking, type Culprit, pinned, startAndEnd, textOf } from "./culprit.ts";
import {
  everyDifference,
  keyOfValue,
  secondsOfKey,
  valuesOf,
  withoutNames,
} from "./value-differences.ts";

/** What the two rules make of one window. */
interface Extrapolated {
  readonly before: number;
  readonly after: number;
}

/** Whether all that differs is a rate or increase that each of the two rules gives from the samples of the window. */
export async function isZeroPointChange(
  { expr, text, times, theirs, mine }: Culprit,
  { ours }: Asking,
): Promise<boolean> {
  const range = counterRange(expr);
  if (range === undefined) return false;
  const isRate = expr.kind === "call" && expr.func === "rate";
  const byRule = new Map<string, Extrapolated>();
  const theirValues = valuesOf(theirs);
  const moments = [...new Set([...theirValues.keys()].map((key) => secondsOfKey(key)))];
  for (const seconds of moments) {
    const windows = await ours(pinned(textOf(text, expr, range), times), {
      kind: "instant",
      time: seconds,
    });
    const named = withoutNames(windows);
    if (!("series" in named)) return false;
    const edges = edgesMs(range, seconds, times);
    for (const series of named.series)
      byRule.set(
        keyOfValue(series, seconds),
        extrapolate(series, edges, isRate ? range.rangeMs / 1000 : 1),
      );
  }
  return everyDifference(theirs, mine, ({ key, their, our }) => {
    const expected = byRule.get(key);
    return (
      expected !== undefined &&
      sameValue(their, expected.before, RELATIVE_TOLERANCE) &&
      sameValue(our, expected.after, RELATIVE_TOLERANCE)
    );
  });
}

function counterRange(expr: Expr): MatrixSelector | undefined {
  if (expr.kind !== "call" || (expr.func !== "rate" && expr.func !== "increase")) return undefined;
  return expr.args.find((arg) => arg.kind === "matrix");
}

/** Start and end of the window at a time, in ms: seconds since the epoch leave too few digits for milliseconds. */
function edgesMs(
  { selector, rangeMs }: MatrixSelector,
  seconds: number,
  times: Times,
): [number, number] {
  const [start, end] = startAndEnd(times).map(msOf) as [number, number];
  const at = { start, end, time: selector.at?.kind === "time" ? selector.at.timestampMs : 0 };
  const endMs =
    (selector.at === undefined ? msOf(seconds) : at[selector.at.kind]) - selector.offsetMs;
  return [endMs - rangeMs, endMs];
}

function msOf(seconds: number): number {
  return Math.round(seconds * 1000);
}

/** Both rules on one window; `divisor` is 1, or the seconds of the window for a rate. */
function extrapolate(
  { points }: Series,
  [startMs, endMs]: readonly [number, number],
  divisor: number,
): Extrapolated {
  const [first = [0, 0]] = points;
  const last = points.at(-1) ?? first;
  let increase = last[1] - first[1];
  for (const [i, [, value]] of points.entries()) {
    const previous = points[i - 1]?.[1] ?? value;
    if (value < previous) increase += previous;
  }
  const sampledMs = msOf(last[0]) - msOf(first[0]);
  const averageMs = sampledMs / (points.length - 1);
  const within = (ms: number): number => (ms < averageMs * 1.1 ? ms : averageMs / 2);
  const toZeroMs =
    increase > 0 && first[1] >= 0 ? sampledMs * (first[1] / increase) : Number.POSITIVE_INFINITY;
  const toStartMs = msOf(first[0]) - startMs;
  const toEndMs = within(endMs - msOf(last[0]));
  const extrapolated = (backMs: number): number =>
    (increase * ((sampledMs + backMs + toEndMs) / sampledMs)) / divisor;
  return {
    before: extrapolated(within(Math.min(toZeroMs, toStartMs))),
    after: extrapolated(Math.min(toZeroMs, within(toStartMs))),
  };
}
