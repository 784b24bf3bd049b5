import { type Clock, formatDuration, OperatingError } from "@pharos/base";
import {
  type EstimateOptions,
  estimateQuery,
  type Limit,
  overLimit,
  type QueryEstimate,
  type QueryResult,
} from "@pharos/promql/engine";
import type { Expr } from "@pharos/promql/syntax";
import type { QueryRun } from "../queries/query-run.ts";
import type { QueryTerms } from "../queries/query-terms.ts";
import { answerSize } from "./answer-size.ts";
import { type QueryStatistics, statisticsData } from "./query-result.ts";

/** Estimates are too high or too low: only what is estimated at so many times the limit is refused before it runs. */
const REFUSED_RATIO = 2;

/** What an evaluation needs to keep its terms. */
export interface EvaluationDependencies {
  readonly clock: Clock;
  readonly store: Parameters<typeof estimateQuery>[0];
  /** What this query may take; without it only the engine's own limits hold. */
  readonly terms?: QueryTerms | undefined;
  /** Told how it went, before the answer is made. */
  observe?(run: QueryRun): void;
}

/** A query, and what its request wants to know of it beside the result. */
export interface AskedQuery {
  readonly expr: Expr;
  /** An instant query has the step 0. */
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
  readonly lookbackMs: number;
  /** What it is to be answered from. */
  readonly tier?: EstimateOptions["tier"];
  readonly wantsStatistics: boolean;
  /** Whether these are wanted step by step. */
  readonly wantsStepStatistics?: boolean;
  /** What was estimated and what it was, side by side. */
  readonly wantsCost: boolean;
}

/** What stands in an answer beside its result. */
export interface ResultExtras {
  readonly stats?: unknown;
  readonly cost?: unknown;
}

/**
 * Evaluates a query under its terms: refuses what is far too large before it runs, says which setting ended it, and warns
 * of one that read much.
 *
 * @throws OperatingError of `evaluate`, `query.over_limit`.
 */
export async function evaluateAsked(
  asked: AskedQuery,
  dependencies: EvaluationDependencies,
  evaluate: () => Promise<QueryResult>,
): Promise<{ readonly result: QueryResult; readonly extras: ResultExtras }> {
  const { clock, store, terms } = dependencies;
  const startedMs = clock.monotonicMs();
  const observe = (run: Omit<QueryRun, "evaluatedMs">): number => {
    const evaluatedMs = clock.monotonicMs() - startedMs;
    dependencies.observe?.({ evaluatedMs, ...run });
    return evaluatedMs;
  };
  try {
    const { series, samplesRead } = terms?.limits ?? {};
    const isLimited = series !== undefined || samplesRead !== undefined;
    const estimate =
      isLimited || asked.wantsCost ? await estimateQuery(store, asked.expr, asked) : undefined;
    if (isLimited && estimate !== undefined) {
      refuseAbove(estimate.series, "series", series);
      refuseAbove(estimate.samples, "samples", samplesRead);
    }
    const result = withWarning(await evaluate(), terms?.warnSamplesRead);
    const size = terms?.answerSize === undefined ? 0 : answerSize(result);
    if (terms?.answerSize !== undefined && size > terms.answerSize.max)
      throw overLimit(`is answered with about ${grouped(size)} bytes`, terms.answerSize);
    const totalMs = observe({ stats: result.stats });
    const statistics = { totalMs, queuedMs: terms?.waitedMs ?? 0, stats: result.stats };
    return { result, extras: extrasOf(asked, statistics, estimate) };
  } catch (error) {
    const explained = explain(error, terms);
    if (explained instanceof OperatingError) {
      const { code, message } = explained;
      observe({ stats: undefined, error: { code, message } });
    }
    throw explained;
  }
}

function extrasOf(
  asked: AskedQuery,
  statistics: QueryStatistics,
  estimate: QueryEstimate | undefined,
): ResultExtras {
  const { wantsStatistics, wantsCost } = asked;
  const { seriesRead, samplesRead, samplesPeak } = statistics.stats;
  const steps = asked.wantsStepStatistics === true ? asked : undefined;
  const actual = { seriesTouched: seriesRead, samplesRead, peakSamples: samplesPeak };
  return {
    ...(wantsStatistics ? { stats: statisticsData(statistics, steps) } : {}),
    ...(wantsCost && estimate !== undefined
      ? { cost: { estimated: estimateData(estimate), actual } }
      : {}),
  };
}

/** An estimate with the names that Prometheus's draft gives them; the bytes are ours. */
export function estimateData({
  series,
  samples,
  size,
}: Pick<QueryEstimate, "series" | "samples" | "size">): {
  readonly seriesTouched: number;
  readonly samplesRead: number;
  readonly bytes: number;
} {
  return { seriesTouched: series, samplesRead: samples, bytes: size };
}

/** What people should know of an estimate. */
export function estimateWarnings(
  estimate: QueryEstimate,
  terms: QueryTerms | undefined,
): readonly string[] {
  const warnings: string[] = [];
  const { series, samplesRead } = terms?.limits ?? {};
  const { warnSamplesRead } = terms ?? {};
  if (series !== undefined && estimate.series > series.max)
    warnings.push(above(estimate.series, "series", series));
  if (samplesRead !== undefined && estimate.samples > samplesRead.max)
    warnings.push(above(estimate.samples, "samples", samplesRead));
  else if (warnSamplesRead !== undefined && estimate.samples > warnSamplesRead.max)
    warnings.push(above(estimate.samples, "samples", warnSamplesRead));
  if (estimate.isPartial) warnings.push("the estimate leaves out what is in the archive");
  if (estimate.isOpen)
    warnings.push("the estimate is incomplete: what info() looks up is only known when it runs");
  return warnings;
}

function above(count: number, what: string, { max, setting }: Limit): string {
  return `the query may read about ${grouped(count)} ${what}, above the ${grouped(max)} of ${setting}`;
}

/** @throws OperatingError `query.over_limit`. */
function refuseAbove(estimated: number, what: string, limit: Limit | undefined): void {
  if (limit === undefined || estimated <= limit.max * REFUSED_RATIO) return;
  throw overLimit(`was not run: it is estimated to read ${grouped(estimated)} ${what}`, limit);
}

function withWarning(result: QueryResult, limit: Limit | undefined): QueryResult {
  const { samplesRead, seriesRead } = result.stats;
  if (limit === undefined || samplesRead <= limit.max) return result;
  const warning =
    `expensive query: it read ${grouped(samplesRead)} samples of ${grouped(seriesRead)} series, ` +
    `above the ${grouped(limit.max)} of ${limit.setting}`;
  return { ...result, warnings: [...result.warnings, warning] };
}

/** Says how long a query that timed out had, and which setting gave it that. */
function explain(error: unknown, terms: QueryTerms | undefined): unknown {
  if (!(error instanceof OperatingError) || error.code !== "query.timeout") return error;
  if (terms === undefined) return error;
  const limit = `${formatDuration(Math.round(terms.timeoutMs + terms.waitedMs))} (${terms.timeoutSetting})`;
  const queued =
    terms.waitedMs < 1
      ? ""
      : `, ${formatDuration(Math.round(terms.waitedMs))} of them in the queue`;
  return new OperatingError("query.timeout", `${error.message} after ${limit}${queued}`, {
    cause: error,
  });
}

function grouped(count: number): string {
  return count.toLocaleString("en-US");
}
