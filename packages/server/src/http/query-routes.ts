import { type ColumnsGrid, QUERY_COLUMNS_TYPE } from "@pharos/api/columns";
import { type Clock, formatSampleValue, type Matcher, OperatingError } from "@pharos/base";
import type { ExemplarReader, SeriesReader } from "@pharos/ports";
import {
  type Engine,
  estimateQuery,
  type QueryOptions,
  type QueryRange,
  type QueryResult,
} from "@pharos/promql/engine";
import {
  describeType,
  type Expr,
  formatExpr,
  parse,
  toJson,
  valueTypeOf,
  walk,
} from "@pharos/promql/syntax";
import { type Answer, labelsObject, streamed, success } from "./answer.ts";
import { badData, invalidParameter } from "./errors.ts";
import { negotiate } from "./negotiate.ts";
import {
  durationParameter,
  limitParameter,
  mayUseCache,
  optionalBoolean,
  parametersOf,
  parseDurationText,
  TIME_MS_MAX,
  TIME_MS_MIN,
  timeParameter,
} from "./parameters.ts";
import {
  type AskedQuery,
  type EvaluationDependencies,
  estimateData,
  estimateWarnings,
  evaluateAsked,
  type ResultExtras,
} from "./query-evaluation.ts";
import { queryResultColumns } from "./query-result-columns.ts";
import { queryResultJson } from "./query-result-json.ts";
import type { ReadRequest } from "./read-request.ts";
import { tierParameter } from "./tier-parameter.ts";

/** Enough for a point a minute for a week; Prometheus has the same limit. */
export const POINTS_MAX = 11_000;

export interface QueryDependencies extends EvaluationDependencies {
  readonly engine: Engine;
  readonly store: SeriesReader & Parameters<Engine["instant"]>[0];
  /** No query lasts longer, whatever `timeout` it asks for. */
  readonly queryTimeoutMs: number;
  /** How far back an instant query looks, where the request does not say. */
  readonly lookbackMs: number;
}

/** `/api/v1/query?query&time&timeout&limit&lookback_delta&stats`. */
export async function instantQuery(
  request: ReadRequest,
  dependencies: QueryDependencies,
): Promise<Answer> {
  const { engine, store, clock } = dependencies;
  const parameters = request.parameters;
  const limit = limitParameter(parameters);
  const timeMs = timeParameter(parameters, "time", clock.nowMs());
  const options = queryOptions(request, parameters, dependencies);
  const expr = queryParameter(parameters);
  const times = { startMs: timeMs, endMs: timeMs, stepMs: 0 };
  const asked = askedQuery(parameters, expr, times, options, clock);
  const { result, extras } = await evaluateAsked(asked, dependencies, () =>
    engine.instant(store, expr, timeMs, options),
  );
  return queryAnswer(request, { result, limit, extras, grid: undefined });
}

/** `/api/v1/query_range?query&start&end&step&timeout&limit&lookback_delta&stats`. */
export async function rangeQuery(
  request: ReadRequest,
  dependencies: QueryDependencies,
): Promise<Answer> {
  const { engine, store } = dependencies;
  const parameters = request.parameters;
  const limit = limitParameter(parameters);
  const range = steps(parameters);
  const options = queryOptions(request, parameters, dependencies);
  const expr = rangeExpression(parameters);
  const asked = askedQuery(parameters, expr, range, options, dependencies.clock);
  const { result, extras } = await evaluateAsked(asked, dependencies, () =>
    engine.range(store, expr, range, options),
  );
  const { startMs, endMs, stepMs } = range;
  const grid = { startMs, stepMs, count: Math.floor((endMs - startMs) / stepMs) + 1 };
  return queryAnswer(request, { result, limit, extras, grid });
}

/** `/api/v1/query_cost`, with the parameters of `query`: what it would read, told without evaluating it. */
export async function queryCost(
  request: ReadRequest,
  dependencies: QueryDependencies,
): Promise<Answer> {
  const parameters = request.parameters;
  limitParameter(parameters);
  const timeMs = timeParameter(parameters, "time", dependencies.clock.nowMs());
  const options = queryOptions(request, parameters, dependencies);
  const times = { startMs: timeMs, endMs: timeMs, stepMs: 0 };
  return costAnswer(
    askedQuery(parameters, queryParameter(parameters), times, options, dependencies.clock),
    dependencies,
  );
}

/** `/api/v1/query_range_cost`, with the parameters of `query_range`. */
export async function queryRangeCost(
  request: ReadRequest,
  dependencies: QueryDependencies,
): Promise<Answer> {
  const parameters = request.parameters;
  limitParameter(parameters);
  const range = steps(parameters);
  const options = queryOptions(request, parameters, dependencies);
  return costAnswer(
    askedQuery(parameters, rangeExpression(parameters), range, options, dependencies.clock),
    dependencies,
  );
}

async function costAnswer(asked: AskedQuery, { store, terms }: QueryDependencies): Promise<Answer> {
  const estimate = await estimateQuery(store, asked.expr, asked);
  if (estimate === undefined)
    throw new OperatingError("query.failed", "this store cannot tell what a query would read");
  return success(
    {
      estimate: estimateData(estimate),
      selectors: estimate.selectors.map((one) => ({
        selector: one.selector,
        start: one.range.minMs / 1000,
        end: one.range.maxMs / 1000,
        ...estimateData(one),
      })),
    },
    { warnings: estimateWarnings(estimate, terms) },
  );
}

/** @throws OperatingError `input.invalid`, also for what has no value at each step. */
function rangeExpression(parameters: URLSearchParams): Expr {
  const expr = queryParameter(parameters);
  const type = valueTypeOf(expr);
  if (type === "scalar" || type === "vector") return expr;
  throw invalidParameter(
    "query",
    `invalid expression type "${describeType(type)}" for range query, must be Scalar or instant Vector`,
  );
}

function askedQuery(
  parameters: URLSearchParams,
  expr: Expr,
  times: { readonly startMs: number; readonly endMs: number; readonly stepMs: number },
  { lookbackMs = 0, tier: wish = "raw" }: QueryOptions,
  clock: Clock,
): AskedQuery {
  const wantsCost = optionalBoolean(parameters, "cost", false);
  return {
    expr,
    ...times,
    lookbackMs,
    tier: { wish, nowMs: clock.nowMs() },
    wantsCost,
    wantsStatistics: wantsStatistics(parameters),
    wantsStepStatistics: parameters.get("stats") === "all",
  };
}

/** The query that a request asks for: over a range where it has a step, else at one time. */
export function askedExpression(
  parameters: URLSearchParams,
  nowMs: number,
): { readonly expr: Expr; readonly range: QueryRange } {
  if ((parameters.get("step") ?? "") !== "")
    return { range: steps(parameters), expr: rangeExpression(parameters) };
  const timeMs = timeParameter(parameters, "time", nowMs);
  const range = { startMs: timeMs, endMs: timeMs, stepMs: 0 };
  return { range, expr: queryParameter(parameters) };
}

/** Caches between must not give one client what another takes. */
const VARY = { Vary: "Accept" };
const JSON_TYPE = "application/json";

/** Columns for a client that asks for them, our own page; JSON for all others, whatever they accept. */
function queryAnswer(
  request: ReadRequest,
  answer: {
    readonly result: QueryResult;
    readonly limit: number;
    readonly extras: ResultExtras;
    readonly grid: ColumnsGrid | undefined;
  },
): Answer {
  const { result, limit, extras, grid } = answer;
  const accepted = negotiate(request.header("accept"), [JSON_TYPE, QUERY_COLUMNS_TYPE]);
  return accepted === QUERY_COLUMNS_TYPE
    ? streamed(queryResultColumns(result, limit, extras, grid), QUERY_COLUMNS_TYPE, VARY)
    : streamed(queryResultJson(result, limit, extras), JSON_TYPE, VARY);
}

function steps(parameters: URLSearchParams): { startMs: number; endMs: number; stepMs: number } {
  const startMs = timeParameter(parameters, "start", undefined);
  const endMs = timeParameter(parameters, "end", undefined);
  if (endMs < startMs) throw invalidParameter("end", "end timestamp must not be before start time");
  const askedStepMs = stepParameter(parameters);
  // Nanoseconds are the finest step that Prometheus knows, a millisecond ours.
  if (!(askedStepMs >= 1e-6))
    throw invalidParameter(
      "step",
      "zero or negative query resolution step widths are not accepted. Try a positive integer",
    );
  const stepMs = Math.max(1, Math.floor(askedStepMs));
  if (Math.floor((endMs - startMs) / Math.min(askedStepMs, stepMs)) > POINTS_MAX)
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

/** What a request says of how its query is to be evaluated. */
export function queryOptions(
  request: ReadRequest,
  parameters: URLSearchParams,
  { queryTimeoutMs, lookbackMs, terms }: QueryDependencies,
): QueryOptions {
  // Terms have looked at the parameter already.
  const timeoutMsMax = terms?.timeoutMs ?? queryTimeoutMs;
  const timeoutMs = durationParameter(parameters, "timeout") ?? timeoutMsMax;
  // However fast the answer would be, and as Prometheus says it.
  if (timeoutMs <= 0) throw new OperatingError("query.timeout", "query timed out in query queue");
  const lookback = parameters.get("lookback_delta") ?? "";
  return {
    signal: request.signal,
    text: parameters.get("query") ?? "",
    timeoutMs: Math.max(0, Math.min(timeoutMs, timeoutMsMax)),
    ...(terms === undefined ? {} : { limits: terms.limits }),
    countsSamples: wantsStatistics(parameters),
    tier: tierParameter(parameters),
    cached: mayUseCache(request.header("cache-control"), parameters),
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
export async function formatQuery(request: Request): Promise<Answer> {
  return success(formatExpr(queryParameter(await parametersOf(request))));
}

/** `/api/v1/parse_query?query`: the tree that the expression is. */
export async function parseQuery(request: Request): Promise<Answer> {
  return success(toJson(queryParameter(await parametersOf(request))));
}

/** `/api/v1/query_exemplars?query&start&end`: those of the series that the query's selectors select. */
export async function queryExemplars(
  request: ReadRequest,
  { exemplars }: { readonly exemplars: ExemplarReader },
): Promise<Answer> {
  const parameters = request.parameters;
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
