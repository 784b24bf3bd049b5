import { type Clock, formatSampleValue, type Matcher, OperatingError } from "@pharos/base";
import type { ExemplarReader, SeriesReader } from "@pharos/ports";
import type { Engine, QueryOptions } from "@pharos/promql/engine";
import {
  describeType,
  type Expr,
  formatExpr,
  parse,
  toJson,
  valueTypeOf,
  walk,
} from "@pharos/promql/syntax";
import { labelsObject, success } from "./answer.ts";
import { badData, invalidParameter } from "./errors.ts";
import {
  durationParameter,
  limitParameter,
  parametersOf,
  parseDurationText,
  TIME_MS_MAX,
  TIME_MS_MIN,
  timeParameter,
} from "./parameters.ts";
import { queryResultJson, streamedJson } from "./query-result-json.ts";

/** Enough for a point a minute for a week; Prometheus has the same limit. */
const POINTS_MAX = 11_000;

export interface QueryDependencies {
  readonly clock: Clock;
  readonly engine: Engine;
  readonly store: SeriesReader;
  /** No query lasts longer, whatever `timeout` it asks for. */
  readonly queryTimeoutMs: number;
  /** How far back an instant query looks, where the request does not say. */
  readonly lookbackMs: number;
}

/** `/api/v1/query?query&time&timeout&limit&lookback_delta&stats`. */
export async function instantQuery(
  request: Request,
  dependencies: QueryDependencies,
): Promise<Response> {
  const { engine, store, clock } = dependencies;
  const parameters = await parametersOf(request);
  const limit = limitParameter(parameters);
  const timeMs = timeParameter(parameters, "time", clock.nowMs());
  const options = queryOptions(request, parameters, dependencies);
  const expr = queryParameter(parameters);
  const startedMs = clock.monotonicMs();
  const result = await engine.instant(store, expr, timeMs, options);
  const totalMs = clock.monotonicMs() - startedMs;
  const { samplesRead } = result.stats;
  const statistics = wantsStatistics(parameters) ? { totalMs, samplesRead } : undefined;
  return streamedJson(queryResultJson(result, limit, statistics));
}

/** `/api/v1/query_range?query&start&end&step&timeout&limit&lookback_delta&stats`. */
export async function rangeQuery(
  request: Request,
  dependencies: QueryDependencies,
): Promise<Response> {
  const { engine, store, clock } = dependencies;
  const parameters = await parametersOf(request);
  const limit = limitParameter(parameters);
  const range = steps(parameters);
  const options = queryOptions(request, parameters, dependencies);
  const expr = queryParameter(parameters);
  const type = valueTypeOf(expr);
  if (type !== "scalar" && type !== "vector")
    throw invalidParameter(
      "query",
      `invalid expression type "${describeType(type)}" for range query, must be Scalar or instant Vector`,
    );
  const startedMs = clock.monotonicMs();
  const result = await engine.range(store, expr, range, options);
  const totalMs = clock.monotonicMs() - startedMs;
  const { samplesRead } = result.stats;
  const statistics = wantsStatistics(parameters) ? { totalMs, samplesRead } : undefined;
  return streamedJson(queryResultJson(result, limit, statistics));
}

function steps(parameters: URLSearchParams): { startMs: number; endMs: number; stepMs: number } {
  const startMs = timeParameter(parameters, "start", undefined);
  const endMs = timeParameter(parameters, "end", undefined);
  if (endMs < startMs) throw invalidParameter("end", "end timestamp must not be before start time");
  const stepMs = Math.floor(stepParameter(parameters));
  if (stepMs <= 0)
    throw invalidParameter(
      "step",
      "zero or negative query resolution step widths are not accepted. Try a positive integer",
    );
  if (Math.floor((endMs - startMs) / stepMs) > POINTS_MAX)
    throw badData(
      `exceeded maximum resolution of ${POINTS_MAX.toLocaleString("en-US")} points per timeseries. ` +
        "Try decreasing the query resolution (?step=XX)",
    );
  return { startMs, endMs, stepMs };
}

function stepParameter(parameters: URLSearchParams): number {
  try {
    return parseDurationText(parameters.get("step") ?? "");
  } catch (error) {
    throw error instanceof OperatingError ? invalidParameter("step", error.message) : error;
  }
}

function queryOptions(
  request: Request,
  parameters: URLSearchParams,
  { queryTimeoutMs, lookbackMs }: QueryDependencies,
): QueryOptions {
  const timeoutMs = durationParameter(parameters, "timeout") ?? queryTimeoutMs;
  const lookback = parameters.get("lookback_delta") ?? "";
  return {
    signal: request.signal,
    text: parameters.get("query") ?? "",
    timeoutMs: Math.max(0, Math.min(timeoutMs, queryTimeoutMs)),
    lookbackMs: lookback === "" ? lookbackMs : lookbackParameter(lookback, lookbackMs),
  };
}

function lookbackParameter(text: string, absent: number): number {
  try {
    // Prometheus takes what is not above zero as not given.
    const lookbackMs = parseDurationText(text);
    return lookbackMs > 0 ? lookbackMs : absent;
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    throw badData(`error parsing lookback delta duration: ${error.message}`);
  }
}

function queryParameter(parameters: URLSearchParams): Expr {
  try {
    return parse(parameters.get("query") ?? "");
  } catch (error) {
    throw error instanceof OperatingError ? invalidParameter("query", error.message) : error;
  }
}

function wantsStatistics(parameters: URLSearchParams): boolean {
  return (parameters.get("stats") ?? "") !== "";
}

/** `/api/v1/format_query?query`: the expression as the style guide has it. */
export async function formatQuery(request: Request): Promise<Response> {
  return success(formatExpr(queryParameter(await parametersOf(request))));
}

/** `/api/v1/parse_query?query`: the tree that the expression is. */
export async function parseQuery(request: Request): Promise<Response> {
  return success(toJson(queryParameter(await parametersOf(request))));
}

/** `/api/v1/query_exemplars?query&start&end`: those of the series that the query's selectors select. */
export async function queryExemplars(
  request: Request,
  { exemplars }: { readonly exemplars: ExemplarReader },
): Promise<Response> {
  const parameters = await parametersOf(request);
  const startMs = timeParameter(parameters, "start", TIME_MS_MIN);
  const endMs = timeParameter(parameters, "end", TIME_MS_MAX);
  if (endMs < startMs) throw badData("end timestamp must not be before start timestamp");
  const matcherLists: (readonly Matcher[])[] = [];
  walk(queryParameter(parameters), (expr) => {
    if (expr.kind === "vector") matcherLists.push(expr.matchers);
  });
  if (matcherLists.length === 0) return success([]);
  const found = await exemplars.exemplars({ minMs: startMs, maxMs: endMs }, matcherLists);
  return success(
    found.map((series) => ({
      seriesLabels: labelsObject(series.labels),
      exemplars: series.exemplars.map(({ labels, value, timestampMs }) => ({
        labels: labelsObject(labels),
        value: formatSampleValue(value),
        timestamp: timestampMs / 1000,
      })),
    })),
  );
}
