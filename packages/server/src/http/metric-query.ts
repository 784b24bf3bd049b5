import { type Matcher, METRIC_NAME, OperatingError, quote } from "@pharos/base";
import { parseMetricSelector } from "@pharos/promql/syntax";
import { badData, invalidParameter } from "./errors.ts";
import { parseDurationText, parseTime } from "./parameters.ts";

/** What is asked of a metric by name, without PromQL. */
export interface MetricQuery {
  readonly metric: string;
  /** The same in PromQL. */
  readonly expr: string;
  /** Undefined where only the latest values are wanted. */
  readonly range: { readonly startMs: number; readonly endMs: number } | undefined;
  /** Between points; undefined where each sample is wanted as it is. */
  readonly stepMs: number | undefined;
}

export const AGGREGATIONS = ["avg", "sum", "max", "min", "count", "percentile"] as const;

/** Points of a series, where the request names no step but cannot have each sample. */
const POINTS = 250;
const PERCENTILE = 95;
/** From here on a time is in ms: 2001 in ms, the year 33,658 in seconds. */
const MILLISECONDS_MIN = 1e12;

/** Whether a request asks by name of a metric rather than in PromQL. */
export function asksByMetric(parameters: URLSearchParams): boolean {
  return !parameters.has("query") && (parameters.has("metric") || parameters.has("metric_name"));
}

/**
 * `metric` (or `metric_name`), `labels` (`{"host":"web-01"}`, or PromQL's `{host=~"web.*"}`), `range=1h` or `start_time`
 * and `end_time`, `aggregation` with `percentile` and `group_by`, `step` or `points`.
 *
 * @throws OperatingError `input.invalid` that names the parameter.
 */
export function metricQuery(parameters: URLSearchParams, nowMs: number): MetricQuery {
  const metric = parameters.get("metric") || parameters.get("metric_name") || "";
  if (metric === "") throw badData('the parameter "metric" is missing');
  const selector = selectorText([
    { type: "=", name: METRIC_NAME, value: metric },
    ...labelMatchers(parameters.get("labels") ?? ""),
  ]);
  const range = rangeOf(parameters, nowMs);
  const aggregation = aggregationOf(parameters, selector);
  const stepMs = range === undefined ? undefined : stepOf(parameters, range);
  if (aggregation === undefined || range === undefined)
    return { metric, expr: aggregation ?? selector, range, stepMs };
  // Samples of many series have no times in common: they are put together at steps.
  const ownStepMs = Math.max(1000, Math.ceil((range.endMs - range.startMs) / POINTS));
  return { metric, expr: aggregation, range, stepMs: stepMs ?? ownStepMs };
}

/** The selector in PromQL: every name and value quoted, so that none of them can be read as anything else. */
export function selectorText(matchers: readonly Matcher[]): string {
  const parts = matchers.map(({ type, name, value }) =>
    name === METRIC_NAME && type === "=" ? quote(value) : `${quote(name)}${type}${quote(value)}`,
  );
  return `{${parts.join(",")}}`;
}

function labelMatchers(text: string): readonly Matcher[] {
  if (text === "") return [];
  const object = jsonOf(text);
  if (object === undefined) {
    try {
      return parseMetricSelector(text);
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      throw invalidParameter("labels", `neither a JSON object nor a selector: ${error.message}`);
    }
  }
  if (typeof object !== "object" || object === null || Array.isArray(object))
    throw invalidParameter("labels", "must be a JSON object of texts");
  return Object.entries(object).map(([name, value]) => {
    if (typeof value !== "string") throw invalidParameter("labels", `${name} must be a text`);
    if (name === "") throw invalidParameter("labels", "a label has a name");
    return { type: "=", name, value };
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function rangeOf(parameters: URLSearchParams, nowMs: number): MetricQuery["range"] {
  const endMs = timeOf(parameters, "end_time") ?? nowMs;
  const startMs = timeOf(parameters, "start_time");
  const text = parameters.get("range") ?? "";
  if (text === "") {
    if (startMs === undefined) {
      if (parameters.has("end_time")) throw badData('"end_time" needs "start_time" or "range"');
      return undefined;
    }
    if (endMs < startMs) throw invalidParameter("end_time", "must not be before start_time");
    return { startMs, endMs };
  }
  if (startMs !== undefined) throw badData('"range" and "start_time" exclude each other');
  const lengthMs = durationOf("range", text);
  return { startMs: endMs - lengthMs, endMs };
}

/** Unix seconds or, from 10^12 on, ms; or RFC 3339. */
function timeOf(parameters: URLSearchParams, name: string): number | undefined {
  const text = parameters.get(name) ?? "";
  if (text === "") return undefined;
  const number = Number(text);
  const timestampMs = number >= MILLISECONDS_MIN ? Math.round(number) : parseTime(text);
  if (timestampMs !== undefined && Number.isSafeInteger(timestampMs)) return timestampMs;
  throw invalidParameter(name, `cannot parse ${quote(text)} to a valid timestamp`);
}

function stepOf(
  parameters: URLSearchParams,
  { startMs, endMs }: { readonly startMs: number; readonly endMs: number },
): number | undefined {
  const text = parameters.get("step") ?? "";
  if (text !== "") return Math.max(1, Math.floor(durationOf("step", text)));
  const points = parameters.get("points") ?? "";
  if (points === "") return undefined;
  if (!/^\d{1,9}$/.test(points) || Number(points) === 0)
    throw invalidParameter("points", "must be a whole number of 1 or more, of nine digits at most");
  return Math.max(1, Math.ceil((endMs - startMs) / Number(points)));
}

function durationOf(name: string, text: string): number {
  let durationMs: number;
  try {
    durationMs = parseDurationText(text);
  } catch (error) {
    throw error instanceof OperatingError ? invalidParameter(name, error.message) : error;
  }
  if (durationMs > 0) return Math.max(1, Math.round(durationMs));
  throw invalidParameter(name, "must be above zero");
}

/** The aggregation in PromQL; undefined without one. */
function aggregationOf(parameters: URLSearchParams, selector: string): string | undefined {
  const name = parameters.get("aggregation") ?? "";
  const groups = groupLabels(parameters);
  const aggregation = AGGREGATIONS.find((known) => known === name.toLowerCase());
  if (aggregation === undefined) {
    if (name !== "")
      throw invalidParameter("aggregation", `must be one of ${AGGREGATIONS.join(", ")}`);
    if (groups.length > 0) throw badData('"group_by" needs an "aggregation"');
    return undefined;
  }
  const by = groups.length === 0 ? "" : ` by (${groups.map(quote).join(",")})`;
  if (aggregation !== "percentile") return `${aggregation}${by} (${selector})`;
  const text = parameters.get("percentile") ?? "";
  const percentile = text === "" ? PERCENTILE : Number(text);
  if (!(percentile >= 0 && percentile <= 100) || text.trim() !== text)
    throw invalidParameter("percentile", "must be a number from 0 to 100");
  return `quantile${by} (${percentile / 100}, ${selector})`;
}

/** `group_by=["host"]`, `group_by=host,region`, or `group_by[]` once for each. */
function groupLabels(parameters: URLSearchParams): readonly string[] {
  const text = parameters.get("group_by") ?? "";
  const listed = text.startsWith("[") ? jsonOf(text) : text.split(",");
  if (!Array.isArray(listed) || listed.some((label) => typeof label !== "string"))
    throw invalidParameter("group_by", "must be a JSON list of label names, or names with commas");
  return [...(listed as string[]), ...parameters.getAll("group_by[]")].filter((one) => one !== "");
}
