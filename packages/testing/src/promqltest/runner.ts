import {
  errorText,
  type Labels,
  labelsKey,
  labelValue,
  type Matcher,
  METRIC_NAME,
  matchesLabels,
  withLabel,
} from "@pharos/base";
import {
  annotationProblem,
  printExpectation,
  printResult,
  sortingProblem,
  valueProblem,
} from "./compare.ts";
import type { ResultSeries, ResultValue, TestResult } from "./result.ts";
import type { EvalCommand, LoadCommand, Place, PromqlTestCommand } from "./script.ts";

export type LoadedSample =
  | { readonly timestampMs: number; readonly value: number }
  | { readonly timestampMs: number; readonly stale: true };

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
  /** The matchers of each selector in the expression; undefined where it does not parse. */
  selectors(expr: string): readonly (readonly Matcher[])[] | undefined;
}

/** What an evaluation needs beyond float samples and the stable language. */
export type EvalNeed = "native histograms" | "feature flag";

export interface EvalReport extends Place {
  readonly expr: string;
  readonly status: "passed" | "failed";
  readonly expected: string;
  /** What came, and for a failure what is wrong with it and in which of the repetitions. */
  readonly got: string;
  readonly needs?: EvalNeed;
}

/** An error that says so is never an expected failure. */
const NOT_SUPPORTED = /not supported yet/;
const MINUTE_MS = 60_000;

/**
 * Runs a script and reports every evaluation, in order; a failure does not end the run.
 *
 * An instant query is asked again with its selectors pinned by `@` at five other times, and each of these once more
 * as a range query around its time, whose middle must be the same. Native histograms are not
 * loaded: an evaluation that reads or expects one says so in `needs`, and passes or fails by its result like any other.
 */
export async function runPromqlTest(
  commands: readonly PromqlTestCommand[],
  target: PromqlTestTarget,
): Promise<readonly EvalReport[]> {
  await target.clear();
  const reports: EvalReport[] = [];
  let left = new LeftOut();
  for (const command of commands) {
    switch (command.kind) {
      case "clear":
        await target.clear();
        left = new LeftOut();
        break;
      case "load":
        left.add(command);
        await target.load(floatSeries(command));
        break;
      case "eval":
        reports.push(await runEval(command, target, left));
        break;
    }
  }
  return reports;
}

/** The loaded series whose samples the target did not get in full. */
class LeftOut {
  readonly #histograms = new Map<string, Labels>();
  readonly #startTimestamps = new Map<string, Labels>();

  add({ series, withNhcb }: LoadCommand): void {
    for (const { labels, points, startTimestamps } of series) {
      if (points.some(({ kind }) => kind === "histogram"))
        this.#histograms.set(labelsKey(labels), labels);
      if (startTimestamps !== undefined) this.#startTimestamps.set(labelsKey(labels), labels);
      if (!withNhcb) continue;
      const base = /^(.+)_(?:bucket|count|sum)$/.exec(labelValue(labels, METRIC_NAME))?.[1];
      if (base === undefined) continue;
      const twin = withLabel(withLabel(labels, METRIC_NAME, base), "le", "");
      this.#histograms.set(labelsKey(twin), twin);
    }
  }

  needOf({ expr, expectation }: EvalCommand, target: PromqlTestTarget): EvalNeed | undefined {
    const { value } = expectation;
    const expectsHistogram =
      value.kind === "series" &&
      value.series.some(({ points }) => points.some(({ kind }) => kind === "histogram"));
    if (expectsHistogram) return "native histograms";
    const selectors = target.selectors(expr);
    // What does not parse names its metrics all the same.
    const reads = (labels: Labels): boolean =>
      selectors === undefined
        ? new RegExp(`\\b${RegExp.escape(labelValue(labels, METRIC_NAME))}\\b`).test(expr)
        : selectors.some((matchers) => matchesLabels(matchers, labels));
    if ([...this.#histograms.values()].some(reads)) return "native histograms";
    return [...this.#startTimestamps.values()].some(reads) ? "feature flag" : undefined;
  }
}

function floatSeries({ series, stepMs }: LoadCommand): readonly SeriesToLoad[] {
  return series.map(({ labels, points }) => {
    const samples: LoadedSample[] = [];
    for (const [index, point] of points.entries()) {
      const timestampMs = index * stepMs;
      if (point.kind === "value") samples.push({ timestampMs, value: point.value });
      else if (point.kind === "stale") samples.push({ timestampMs, stale: true });
    }
    return { labels, samples };
  });
}

async function runEval(
  command: EvalCommand,
  target: PromqlTestTarget,
  left: LeftOut,
): Promise<EvalReport> {
  const { file, line, expr } = command;
  const outcome = await evaluate(command, target);
  const unsupported = outcome.problem !== undefined && NOT_SUPPORTED.test(outcome.problem);
  const need =
    left.needOf(command, target) ??
    (unsupported
      ? /histogram/.test(outcome.problem ?? "")
        ? "native histograms"
        : "feature flag"
      : undefined);
  const { problem } = outcome;
  return {
    file,
    line,
    expr,
    status: problem === undefined ? "passed" : "failed",
    expected: printExpectation(command),
    got: problem === undefined ? outcome.got : `${problem}\n${outcome.got}`.trim(),
    ...(need === undefined ? {} : { needs: need }),
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
      ? { type: "scalar", value: middle[0]?.points[0]?.value ?? Number.NaN }
      : { type: "vector", series: middle };
  const problem = sortingProblem(range.value.series) ?? valueProblem(command, value);
  return problem === undefined ? undefined : `${problem}${where}`;
}

function middleOf(series: readonly ResultSeries[], timeMs: number): readonly ResultSeries[] {
  return series
    .map(({ labels, points }) => ({
      labels,
      points: points.filter(({ timestampMs }) => timestampMs === timeMs),
    }))
    .filter(({ points }) => points.length > 0);
}
