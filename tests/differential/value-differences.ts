// Two answers with the same series at the same times, value by value.
import type { Answer, Series } from "./answer.ts";
import { keyOf, RELATIVE_TOLERANCE, sameValue } from "./answer-difference.ts";

/** What tells a value of an answer from all others. */
export function keyOfValue(series: Series, seconds: number): string {
  return `${keyOf(series)} ${seconds}`;
}

export function secondsOfKey(key: string): number {
  return Number(key.slice(key.lastIndexOf(" ") + 1));
}

export function withoutNames(answer: Answer): Answer {
  if (!("series" in answer)) return answer;
  const series = answer.series.map(({ metric: { __name__: _, ...metric }, points }) => ({
    metric,
    points,
  }));
  return { ...answer, series };
}

export interface ValueDifference {
  /** Of series and time; see `keyOfValue`. */
  readonly key: string;
  readonly their: number;
  readonly our: number;
}

/** Values by series and time. */
export function valuesOf(answer: Answer): Map<string, number> {
  if (!("series" in answer)) return new Map();
  return new Map(
    answer.series.flatMap((series) =>
      series.points.map(([seconds, value]): [string, number] => [
        keyOfValue(series, seconds),
        value,
      ]),
    ),
  );
}

/** The values that differ; undefined where not the same series have values at the same times. */
export function differingValues(theirs: Answer, mine: Answer): ValueDifference[] | undefined {
  if (theirs.kind !== mine.kind || !("series" in theirs)) return undefined;
  const theirValues = valuesOf(theirs);
  const ourValues = valuesOf(mine);
  if (theirValues.size !== ourValues.size) return undefined;
  const differing: ValueDifference[] = [];
  for (const [key, their] of theirValues) {
    const our = ourValues.get(key);
    if (our === undefined) return undefined;
    if (!sameValue(their, our, RELATIVE_TOLERANCE)) differing.push({ key, their, our });
  }
  return differing;
}

/** Whether values differ, and nothing else, and each that does so as `explained` says. */
export function everyDifference(
  theirs: Answer,
  mine: Answer,
  explained: (difference: ValueDifference) => boolean,
): boolean {
  const differing = differingValues(theirs, mine) ?? [];
  return differing.length > 0 && differing.every(explained);
}
