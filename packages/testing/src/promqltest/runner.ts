import { errorText, type Labels, type NativeHistogram } from "@pharos/base";
import {
  annotationProblem,
  printExpectation,
  printResult,
  sortingProblem,
  valueProblem,
} from "./compare.ts";
import { nativeTwins } from "./nhcb.ts";
import type { ResultSeries, ResultValue, TestResult } from "./result.ts";
import type { EvalCommand, LoadCommand, Place, PromqlTestCommand } from "./script.ts";
import type { SeriesPoint } from "./series-notation.ts";
import type { StartOffsets } from "./start-notation.ts";

/** A value, a staleness marker or a native histogram. */
export type LoadedSample = {
  readonly timestampMs: number;
  /** When its counting began, Unix epoch; undefined where that is not known. */
  readonly startMs?: number;
} & (
  | { readonly value: number }
  | { readonly stale: true }
  | { readonly histogram: NativeHistogram }
);

export interface SeriesToLoad {
  readonly labels: Labels;
  /** In the order of time. */
  readonly samples: readonly LoadedSample[];
}

/** The system under test: a store and a query engine, with 5 m lookback and 1 m as the default subquery step. */
export interface PromqlTestTarget {
  /** Adds to what is there already. */
  load(series: readonly SeriesToLoad[]): Promise<void>;
  clear(): Promise<void>;
  instant(expr: string, timeMs: number): Promise<TestResult>;
  /** Both ends included. */
  range(expr: string, startMs: number, endMs: number, stepMs: number): Promise<TestResult>;
  /**
   * The expression with `@ timeMs` on every selector and subquery, which must give the same at any time; undefined
   * where what it gives depends on the time of evaluation itself, or where it does not parse.
   */
  pinned(expr: string, timeMs: number): string | undefined;
}

export interface EvalReport extends Place {
  readonly expr: string;
  readonly status: "passed" | "failed";
  readonly expected: string;
  /** What came, and for a failure what is wrong with it and in which of the repetitions. */
  readonly got: string;
}

/** An error that says so is never an expected failure. */
const NOT_SUPPORTED = /not supported yet/;
const MINUTE_MS = 60_000;

/**
 * Runs a script and reports every evaluation, in order; a failure does not end the run.
 *
 * An instant query is asked again with its selectors pinned by `@` at five other times, and each of these once more
 * as a range query around its time, whose middle must be the same.
 */
export async function runPromqlTest(
  commands: readonly PromqlTestCommand[],
  target: PromqlTestTarget,
): Promise<readonly EvalReport[]> {
  await target.clear();
  const reports: EvalReport[] = [];
  for (const command of commands) {
    switch (command.kind) {
      case "clear":
        await target.clear();
        break;
      case "load":
        await target.load(seriesToLoad(command));
        break;
      case "eval":
        reports.push(await runEval(command, target));
        break;
    }
  }
  return reports;
}

function seriesToLoad({ series, stepMs, withNhcb }: LoadCommand): readonly SeriesToLoad[] {
  const noted = series.map(({ labels, points, startOffsetsMs }) => ({
    labels,
    samples: loadedSamples(points, 0, stepMs, startOffsetsMs),
  }));
  return withNhcb ? [...noted, ...nativeTwins(series, stepMs)] : noted;
}

/** The samples that points stand for which are `stepMs` apart, the first at `startMs` (Unix epoch). */
export function loadedSamples(
  points: readonly SeriesPoint[],
  startMs: number,
  stepMs: number,
  startOffsetsMs: StartOffsets = [],
): readonly LoadedSample[] {
  const samples: LoadedSample[] = [];
  for (const [index, point] of points.entries()) {
    if (point.kind === "omitted") continue;
    const timestampMs = startMs + index * stepMs;
    const offsetMs = startOffsetsMs[index];
    const began = offsetMs === undefined ? {} : { startMs: timestampMs + offsetMs };
    samples.push({ timestampMs, ...began, ...whatOf(point) });
  }
  return samples;
}

function whatOf(point: Exclude<SeriesPoint, { readonly kind: "omitted" }>) {
  switch (point.kind) {
    case "value":
      return { value: point.value };
    case "histogram":
      return { histogram: point.histogram };
    case "stale":
      return { stale: true } as const;
  }
}

async function runEval(command: EvalCommand, target: PromqlTestTarget): Promise<EvalReport> {
  const { file, line, expr } = command;
  const { problem, got } = await evaluate(command, target);
  return {
    file,
    line,
    expr,
    status: problem === undefined ? "passed" : "failed",
    expected: printExpectation(command),
    got: problem === undefined ? got : `${problem}\n${got}`.trim(),
  };
}

interface Outcome {
  /** What is wrong; undefined if nothing is. */
  readonly problem: string | undefined;
  /** The result of the query as it stands in the script. */
  readonly got: string;
}

async function evaluate(command: EvalCommand, target: PromqlTestTarget): Promise<Outcome> {
  const { expr, timeMs, startMs, endMs, stepMs } = command;
  if (command.query === "range") {
    const result = await ask(() => target.range(expr, startMs, endMs, stepMs));
    return { problem: resultProblem(command, result), got: printResult(result.value) };
  }
  const first = await ask(() => target.instant(expr, timeMs));
  const got = printResult(first.value);
  const firstProblem =
    resultProblem(command, first) ?? (await rangeProblem(command, expr, timeMs, first, target));
  if (firstProblem !== undefined) return { problem: firstProblem, got };
  const pinned = target.pinned(expr, timeMs);
  if (pinned === undefined) return { problem: undefined, got };
  for (const atMs of otherTimes(timeMs)) {
    const result = await ask(() => target.instant(pinned, atMs));
    const problem =
      resultProblem(command, result) ?? (await rangeProblem(command, pinned, atMs, result, target));
    if (problem !== undefined) return { problem: `${problem}\nof ${pinned} at ${atMs} ms`, got };
  }
  return { problem: undefined, got };
}

/** When a pinned query is asked again: far before, at and far after its time. */
function otherTimes(timeMs: number): readonly number[] {
  if (timeMs === 0) return [-1000, 0, 1000];
  return [-10 * timeMs, 0, Math.trunc(timeMs / 5), timeMs, 10 * timeMs];
}

/** A target that throws has a bug; the report shows it, and the other evaluations go on. */
async function ask(query: () => Promise<TestResult>): Promise<TestResult> {
  try {
    return await query();
  } catch (error) {
    const message = `thrown: ${errorText(error)}`;
    return { value: { type: "error", message }, warnings: [], infos: [] };
  }
}

function resultProblem(command: EvalCommand, result: TestResult): string | undefined {
  const { fail } = command.expectation;
  const { value } = result;
  if (value.type === "error") {
    const isExpected =
      fail?.matches(value.message) === true &&
      !NOT_SUPPORTED.test(value.message) &&
      !value.message.startsWith("thrown: ");
    return isExpected ? undefined : `error: ${value.message}`;
  }
  if (fail !== undefined) return "no error";
  return (
    annotationProblem(command.expectation, result.warnings, result.infos) ??
    valueProblem(command, value)
  );
}

/** What differs when the query is asked as a range from a minute before to a minute after `timeMs`. */
async function rangeProblem(
  command: EvalCommand,
  expr: string,
  timeMs: number,
  instant: TestResult,
  target: PromqlTestTarget,
): Promise<string | undefined> {
  const dependsOnRange = /(?:start|end|range|step)\(\)/.test(expr);
  if (command.instantOnly || dependsOnRange || instant.value.type === "error") return undefined;
  const range = await ask(() =>
    target.range(expr, timeMs - MINUTE_MS, timeMs + MINUTE_MS, MINUTE_MS),
  );
  const where = `\nin the range query around ${timeMs} ms of ${expr}`;
  if (range.value.type === "error") return `error: ${range.value.message}${where}`;
  if (range.value.type !== "matrix") return `a ${range.value.type}${where}`;
  // A range query sorts by labels, whatever order the instant query has.
  if (command.expectation.ordered) return undefined;
  const middle = middleOf(range.value.series, timeMs);
  const value: ResultValue =
    instant.value.type === "scalar"
      ? { type: "scalar", value: scalarOf(middle) }
      : { type: "vector", series: middle };
  const problem = sortingProblem(range.value.series) ?? valueProblem(command, value);
  return problem === undefined ? undefined : `${problem}${where}`;
}

function scalarOf([only]: readonly ResultSeries[]): number {
  const point = only?.points[0];
  return point !== undefined && "value" in point ? point.value : Number.NaN;
}

function middleOf(series: readonly ResultSeries[], timeMs: number): readonly ResultSeries[] {
  return series
    .map(({ labels, points }) => ({
      labels,
      points: points.filter(({ timestampMs }) => timestampMs === timeMs),
    }))
    .filter(({ points }) => points.length > 0);
}
