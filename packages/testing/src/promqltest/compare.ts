import {
  compareLabels,
  formatLabels,
  formatValue,
  labelsKey,
  type NativeHistogram,
} from "@pharos/base";
import { countsByIndex, formatHistogram, type NotedHistogram } from "./histogram-notation.ts";
import type { ResultPoint, ResultSeries, ResultValue } from "./result.ts";
import type { EvalCommand, ExpectedSeries, TextExpectation } from "./script.ts";
import type { SeriesPoint } from "./series-notation.ts";

/** How far a value may be from what is expected, relative to their sum. */
const EPSILON = 1e-6;
/** The smallest normal float: below it the relative distance means nothing. */
const NORMAL_MIN = 2 ** -1022;

/** Whether two values are as good as equal, by the rule of Prometheus's tests; NaN is equal to NaN. */
export function almostEqual(a: number, b: number): boolean {
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return true;
  const sum = Math.abs(a) + Math.abs(b);
  const distance = Math.abs(a - b);
  if (a === 0 || b === 0 || sum < NORMAL_MIN) return distance < EPSILON * NORMAL_MIN;
  return distance / Math.min(sum, Number.MAX_VALUE) < EPSILON;
}

/** What is wrong with a result that is not an error; undefined where it is what the command expects. */
export function valueProblem(command: EvalCommand, result: ResultValue): string | undefined {
  const { value } = command.expectation;
  switch (result.type) {
    case "error":
      return `error: ${result.message}`;
    case "scalar":
      if (value.kind !== "scalar") return `a scalar ${formatValue(result.value)}`;
      return almostEqual(value.value, result.value) ? undefined : formatValue(result.value);
    case "string":
      if (value.kind !== "string") return `the string ${JSON.stringify(result.value)}`;
      return value.value === result.value ? undefined : JSON.stringify(result.value);
    case "vector":
      return seriesProblem(command, result.series, vectorSeriesProblem);
    case "matrix":
      if (command.expectation.ordered) return "a matrix, where an order is expected";
      return (
        sortingProblem(result.series) ?? seriesProblem(command, result.series, matrixSeriesProblem)
      );
  }
}

/** Matrices are always sorted by labels. */
export function sortingProblem(series: readonly ResultSeries[]): string | undefined {
  for (const [index, { labels }] of series.entries()) {
    const next = series[index + 1];
    if (next !== undefined && compareLabels(labels, next.labels) > 0)
      return `not sorted: ${formatLabels(labels)} stands before ${formatLabels(next.labels)}`;
  }
  return undefined;
}

type SeriesCheck = (
  command: EvalCommand,
  expected: ExpectedSeries,
  actual: ResultSeries,
) => string | undefined;

function seriesProblem(
  command: EvalCommand,
  actual: readonly ResultSeries[],
  check: SeriesCheck,
): string | undefined {
  const { value, ordered } = command.expectation;
  if (value.kind !== "series") return `series, where a ${value.kind} is expected`;
  const expected = new Map(value.series.map((series) => [labelsKey(series.labels), series]));
  const places = new Map([...expected.keys()].map((key, place) => [key, place]));
  const seen = new Set<string>();
  for (const [place, series] of actual.entries()) {
    const key = labelsKey(series.labels);
    const name = formatLabels(series.labels);
    const wanted = expected.get(key);
    if (wanted === undefined) return `${printSeries(series)}, which is not expected`;
    if (seen.has(key)) return `${name} twice`;
    seen.add(key);
    const wantedPlace = places.get(key) as number;
    if (ordered && wantedPlace !== place)
      return `${name} in place ${place + 1}, expected in place ${wantedPlace + 1}`;
    const problem = check(command, wanted, series);
    if (problem !== undefined) return `${printSeries(series)}: ${problem}`;
  }
  const missing = value.series.find(({ labels }) => !seen.has(labelsKey(labels)));
  return missing === undefined ? undefined : `no series ${formatLabels(missing.labels)}`;
}

const vectorSeriesProblem: SeriesCheck = (_, { points: [expected] }, { points }) => {
  const actual = points[0];
  if (actual === undefined || points.length !== 1) return `${points.length} points in a vector`;
  if (expected === undefined) return "expected without a point";
  return pointProblem(expected, actual);
};

const matrixSeriesProblem: SeriesCheck = (command, expected, { points }) => {
  const { startMs, endMs, stepMs } = command;
  const lastMs = startMs + (expected.points.length - 1) * stepMs;
  if (lastMs > endMs) return `${expected.points.length} points are expected, beyond the end`;
  const wanted = expected.points
    .map((point, index) => ({ point, timestampMs: startMs + index * stepMs }))
    .filter(({ point }) => point.kind !== "omitted");
  if (wanted.length !== points.length) return `expected ${wanted.length} points`;
  for (const [index, { point, timestampMs }] of wanted.entries()) {
    const actual = points[index];
    if (actual?.timestampMs !== timestampMs)
      return `point ${index + 1} at ${actual?.timestampMs} ms, expected at ${timestampMs} ms`;
    const problem = pointProblem(point, actual);
    if (problem !== undefined) return `at ${timestampMs} ms ${problem}`;
  }
  return undefined;
};

function pointProblem(expected: SeriesPoint, actual: ResultPoint): string | undefined {
  switch (expected.kind) {
    case "value":
      return "value" in actual && almostEqual(expected.value, actual.value)
        ? undefined
        : `${printValue(actual)}, expected ${formatValue(expected.value)}`;
    case "histogram":
      return "histogram" in actual && almostEqualHistograms(expected, actual.histogram)
        ? undefined
        : `${printValue(actual)}, expected ${formatHistogram(expected.histogram)}`;
    case "stale":
    case "omitted":
      return `${printValue(actual)}, expected nothing`;
  }
}

function printValue(point: ResultPoint): string {
  return "value" in point ? formatValue(point.value) : formatHistogram(point.histogram);
}

/**
 * Whether two histograms have the same layout, empty buckets aside, and values that are as good as equal; what is said
 * of counter resets must be the same where it is written.
 */
export function almostEqualHistograms(
  { histogram: expected, hasCounterReset }: NotedHistogram,
  actual: NativeHistogram,
): boolean {
  return (
    expected.schema === actual.schema &&
    almostEqual(expected.count, actual.count) &&
    almostEqual(expected.sum, actual.sum) &&
    expected.zeroThreshold === actual.zeroThreshold &&
    almostEqual(expected.zeroCount, actual.zeroCount) &&
    expected.customBounds.length === actual.customBounds.length &&
    expected.customBounds.every((bound, i) => bound === actual.customBounds[i]) &&
    almostEqualSides(filledPositive(expected), filledPositive(actual)) &&
    almostEqualSides(filledNegative(expected), filledNegative(actual)) &&
    (!hasCounterReset || expected.counterReset === actual.counterReset)
  );
}

type Filled = readonly (readonly [index: number, count: number])[];

function filledPositive({ positiveSpans, positiveCounts }: NativeHistogram): Filled {
  return [...countsByIndex(positiveSpans, positiveCounts)].filter(([, count]) => count !== 0);
}

function filledNegative({ negativeSpans, negativeCounts }: NativeHistogram): Filled {
  return [...countsByIndex(negativeSpans, negativeCounts)].filter(([, count]) => count !== 0);
}

function almostEqualSides(expected: Filled, actual: Filled): boolean {
  return (
    expected.length === actual.length &&
    expected.every(([index, count], i) => {
      const [actualIndex, actualCount] = actual[i] as Filled[number];
      return index === actualIndex && almostEqual(count, actualCount);
    })
  );
}

/** What is wrong with the warnings and infos; undefined where they are as expected. */
export function annotationProblem(
  { warn, info, noWarn, noInfo }: EvalCommand["expectation"],
  warnings: readonly string[],
  infos: readonly string[],
): string | undefined {
  if (noWarn && warnings.length > 0) return `warnings: ${warnings.join("; ")}`;
  if (noInfo && infos.length > 0) return `infos: ${infos.join("; ")}`;
  return textsProblem("warning", warn, warnings) ?? textsProblem("info", info, infos);
}

function textsProblem(
  what: "warning" | "info",
  expected: readonly TextExpectation[],
  actual: readonly string[],
): string | undefined {
  if (expected.length === 0) return undefined;
  const missing = expected.find((expectation) => !actual.some((text) => expectation.matches(text)));
  if (missing !== undefined) return `no ${what} for ${printText(missing)}: ${actual.join("; ")}`;
  const extra = actual.find((text) => !expected.some((expectation) => expectation.matches(text)));
  return extra === undefined ? undefined : `the ${what} ${extra}, which is not expected`;
}

/** What a command expects, on a few lines, for reports. */
export function printExpectation({ expectation }: EvalCommand): string {
  const { fail, warn, info, noWarn, noInfo, ordered, value } = expectation;
  const lines: string[] = [];
  if (fail !== undefined) lines.push(`fail ${printText(fail)}`);
  for (const text of warn) lines.push(`warn ${printText(text)}`);
  for (const text of info) lines.push(`info ${printText(text)}`);
  if (noWarn) lines.push("no_warn");
  if (noInfo) lines.push("no_info");
  if (ordered) lines.push("ordered");
  if (fail === undefined) {
    if (value.kind === "scalar") lines.push(formatValue(value.value));
    else if (value.kind === "string") lines.push(JSON.stringify(value.value));
    else if (value.series.length === 0) lines.push("no series");
    else
      for (const { labels, points } of value.series)
        lines.push(`${formatLabels(labels)} ${points.map(printPoint).join(" ")}`);
  }
  return lines.join("\n");
}

/** What a query gave, on a few lines, for reports. */
export function printResult(result: ResultValue): string {
  switch (result.type) {
    case "error":
      return `error: ${result.message}`;
    case "scalar":
      return formatValue(result.value);
    case "string":
      return JSON.stringify(result.value);
    case "vector":
    case "matrix":
      return result.series.length === 0 ? "no series" : result.series.map(printSeries).join("\n");
  }
}

function printSeries({ labels, points }: ResultSeries): string {
  const values = points.map((point) => `${printValue(point)}@${point.timestampMs}`);
  return `${formatLabels(labels)} ${values.join(" ")}`;
}

function printPoint(point: SeriesPoint): string {
  switch (point.kind) {
    case "value":
      return formatValue(point.value);
    case "omitted":
      return "_";
    case "stale":
      return "stale";
    case "histogram":
      return formatHistogram(point.histogram);
  }
}

function printText({ kind, text }: TextExpectation): string {
  return kind === "message" ? `msg: ${text}` : `regex: ${text}`;
}
