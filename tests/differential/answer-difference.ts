import type { Answer, Series } from "./answer.ts";

/** How sums may be rounded: relative to the larger of the two. */
export const RELATIVE_TOLERANCE = 1e-9;

export interface Comparison {
  /** The order of the series means something, as after `sort`: they are compared by their values, one after another. */
  readonly ordered?: boolean;
  readonly relativeTolerance?: number;
}

/** What tells the answers apart, in words; undefined where nothing does. */
export function differenceOf(
  theirs: Answer,
  mine: Answer,
  { ordered = false, relativeTolerance = RELATIVE_TOLERANCE }: Comparison = {},
): string | undefined {
  const same = (a: number, b: number): boolean => sameValue(a, b, relativeTolerance);
  if (theirs.kind === "error" || mine.kind === "error") {
    const [theirText, myText] = [theirs, mine].map(describe);
    return theirText === myText ? undefined : `theirs: ${theirText}\nours:   ${myText}`;
  }
  if (theirs.kind !== mine.kind) return `theirs: ${theirs.kind}, ours: ${mine.kind}`;
  if (
    theirs.kind === "string" ||
    mine.kind === "string" ||
    !("series" in theirs && "series" in mine)
  )
    return "value" in theirs &&
      "value" in mine &&
      (theirs.value === mine.value || same(Number(theirs.value), Number(mine.value)))
      ? undefined
      : `theirs: ${describe(theirs)}, ours: ${describe(mine)}`;
  return (
    seriesDifference(theirs.series, mine.series, same) ??
    (ordered ? orderDifference(theirs.series, mine.series, same) : undefined)
  );
}

/** Equal, both NaN, or as close as rounding explains. */
export function sameValue(a: number, b: number, relativeTolerance: number): boolean {
  if (Object.is(a, b) || a === b) return true;
  if (!Number.isFinite(a) || !Number.isFinite(b)) return false;
  return Math.abs(a - b) <= relativeTolerance * Math.max(Math.abs(a), Math.abs(b));
}

type Same = (a: number, b: number) => boolean;

function seriesDifference(
  theirs: readonly Series[],
  mine: readonly Series[],
  same: Same,
): string | undefined {
  const ours = new Map(mine.map((series) => [keyOf(series), series]));
  if (ours.size < mine.length) return "ours has a series twice";
  const missing = theirs.filter((series) => !ours.has(keyOf(series)));
  const theirKeys = new Set(theirs.map(keyOf));
  const more = mine.filter((series) => !theirKeys.has(keyOf(series)));
  if (missing.length > 0 || more.length > 0)
    return `only theirs: ${missing.slice(0, 3).map(describeSeries).join(" ") || "-"}\nonly ours:   ${
      more.slice(0, 3).map(describeSeries).join(" ") || "-"
    }`;
  for (const series of theirs) {
    const own = ours.get(keyOf(series))?.points ?? [];
    const ownByTime = new Map(own);
    for (const [seconds, value] of series.points) {
      const mineAt = ownByTime.get(seconds);
      if (mineAt === undefined || !same(value, mineAt))
        return `${keyOf(series)} at ${seconds}: theirs ${value}, ours ${mineAt ?? "nothing"}`;
    }
    const theirTimes = new Set(series.points.map(([seconds]) => seconds));
    const extra = own.find(([seconds]) => !theirTimes.has(seconds));
    if (extra !== undefined)
      return `${keyOf(series)} at ${extra[0]}: theirs nothing, ours ${extra[1]}`;
  }
  return undefined;
}

/** Series with equal values may change places: by what else they are sorted is nowhere said. */
function orderDifference(
  theirs: readonly Series[],
  mine: readonly Series[],
  same: Same,
): string | undefined {
  const at = theirs.findIndex(
    ({ points }, i) => !same(points[0]?.[1] ?? Number.NaN, mine[i]?.points[0]?.[1] ?? Number.NaN),
  );
  return at === -1 ? undefined : `the order is another one from place ${at} on`;
}

export function keyOf({ metric }: Series): string {
  return JSON.stringify(Object.entries(metric).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function describeSeries(series: Series): string {
  const values = series.points.slice(0, 4).map(([, value]) => value);
  return `${keyOf(series)} ${values.join(",")}${series.points.length > 4 ? "…" : ""}`;
}

function describe(answer: Answer): string {
  switch (answer.kind) {
    case "error":
      return `${answer.errorType}: ${answer.error}`;
    case "scalar":
    case "string":
      return `${answer.kind} ${answer.value}`;
    case "vector":
    case "matrix":
      return `${answer.series.length} series ${answer.series.slice(0, 2).map(describeSeries).join(" ")}`;
  }
}
