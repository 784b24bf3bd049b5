import { type Labels, labelsFrom, labelsKey, METRIC_NAME, quote } from "@pharos/base";
import type { AppendResult, SampleBatch } from "@pharos/ports";
import {
  labelNameProblem,
  labelValueProblem,
  PUSH_LIMITS,
  type PushLimits,
} from "./push-limits.ts";

/** Metrics of one body. */
export const JSON_METRICS_MAX = 10_000;
/** Bytes of one body. */
export const JSON_BODY_SIZE_MAX = 16 * 1024 * 1024;
/** How many faults of a body are told; the rest are only counted. */
const ERRORS_TOLD_MAX = 20;
/** So much of a field's name is told: it comes from the body, and the longest label name fits. */
const FIELD_SHOWN_MAX = 400;
/** A larger timestamp is in milliseconds: as seconds it would be the year 33658. */
const MILLISECONDS_FROM = 1e12;
/** Year 10889. */
const TIMESTAMP_MS_MAX = 2 ** 48;

export type JsonMetrics =
  | { readonly status: "valid"; readonly batch: SampleBatch }
  /** Each error names the field: `metrics[3].labels.region: must be a string`. */
  | { readonly status: "invalid"; readonly errors: readonly string[] };

interface ParsedMetric {
  readonly labels: Labels;
  readonly timestampMs: number;
  readonly value: number;
}

/**
 * Reads `{"metrics": [{"name", "labels", "timestamp", "value"} …]}`. `labels` and `timestamp` may be left out; without
 * a timestamp a metric is of `nowMs`. Timestamps are Unix seconds (with fractions) or, from 10^12, milliseconds.
 * Values are numbers, or one of the strings "NaN", "+Inf", "-Inf", which JSON has no numbers for.
 *
 * A body is valid as a whole or not at all.
 */
export function parseJsonMetrics(
  body: Uint8Array,
  nowMs: number,
  limits: PushLimits = PUSH_LIMITS,
): JsonMetrics {
  const errors = new ErrorList();
  const metrics = parseDocument(body, errors);
  const parsed: ParsedMetric[] = [];
  for (const [index, metric] of metrics.entries()) {
    const result = parseMetric(metric, `metrics[${index}]`, nowMs, limits, errors);
    if (result !== undefined) parsed.push(result);
  }
  if (errors.count > 0) return { status: "invalid", errors: errors.texts() };
  return { status: "valid", batch: batchOf(parsed) };
}

/** What became of the samples of a body, or why none was taken. */
export type JsonMetricsResult = AppendResult | { readonly errors: readonly string[] };

/** Appends the samples of a body. @throws OperatingError as `append`: nothing was taken. */
export async function receiveJsonMetrics(
  body: Uint8Array,
  nowMs: number,
  append: (batch: SampleBatch) => Promise<AppendResult>,
): Promise<JsonMetricsResult> {
  const parsed = parseJsonMetrics(body, nowMs);
  return parsed.status === "valid" ? append(parsed.batch) : { errors: parsed.errors };
}

class ErrorList {
  count = 0;
  readonly #told: string[] = [];

  add(field: string, problem: string): undefined {
    this.count++;
    if (this.#told.length < ERRORS_TOLD_MAX)
      this.#told.push(`${field.slice(0, FIELD_SHOWN_MAX)}: ${problem}`);
    return undefined;
  }

  texts(): readonly string[] {
    const untold = this.count - this.#told.length;
    return untold === 0 ? this.#told : [...this.#told, `… and ${untold} more errors`];
  }
}

function parseDocument(body: Uint8Array, errors: ErrorList): readonly unknown[] {
  const fail = (field: string, problem: string): readonly unknown[] => {
    errors.add(field, problem);
    return [];
  };
  if (body.length > JSON_BODY_SIZE_MAX)
    return fail("body", `${body.length} bytes; at most ${JSON_BODY_SIZE_MAX} are allowed`);
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
    return fail("body", `must be JSON: ${error.message}`);
  }
  if (!isRecord(document)) return fail("body", 'must be an object with the field "metrics"');
  checkFields(document, ["metrics"], "", errors);
  const { metrics } = document;
  if (metrics === undefined) return fail("metrics", "is missing");
  if (!Array.isArray(metrics)) return fail("metrics", "must be a list");
  if (metrics.length === 0) return fail("metrics", "must not be empty");
  if (metrics.length > JSON_METRICS_MAX)
    return fail(
      "metrics",
      `has ${metrics.length} entries; at most ${JSON_METRICS_MAX} are allowed in one request`,
    );
  return metrics;
}

function parseMetric(
  metric: unknown,
  path: string,
  nowMs: number,
  limits: PushLimits,
  errors: ErrorList,
): ParsedMetric | undefined {
  if (!isRecord(metric)) return errors.add(path, 'must be an object with "name" and "value"');
  checkFields(metric, ["name", "labels", "timestamp", "value"], `${path}.`, errors);
  const labels = parseLabels(metric, path, limits, errors);
  const timestampMs = parseTimestamp(metric["timestamp"], `${path}.timestamp`, nowMs, errors);
  const value = parseValue(metric["value"], `${path}.value`, errors);
  if (labels === undefined || timestampMs === undefined || value === undefined) return undefined;
  return { labels, timestampMs, value };
}

function parseLabels(
  metric: Record<string, unknown>,
  path: string,
  limits: PushLimits,
  errors: ErrorList,
): Labels | undefined {
  const errorsBefore = errors.count;
  const { name, labels = {} } = metric;
  if (name === undefined) errors.add(`${path}.name`, "is missing");
  else if (typeof name !== "string") errors.add(`${path}.name`, "must be a string");
  else if (name === "") errors.add(`${path}.name`, "must not be empty");
  else {
    const problem = labelValueProblem(name, limits);
    if (problem !== undefined) errors.add(`${path}.name`, problem);
  }
  if (!isRecord(labels)) return errors.add(`${path}.labels`, "must be an object of strings");
  const pairs = Object.entries(labels);
  if (pairs.length + 1 > limits.labelsPerSeriesMax)
    return errors.add(
      `${path}.labels`,
      `has ${pairs.length} labels; at most ${limits.labelsPerSeriesMax - 1} are allowed`,
    );
  const set = new Map<string, string>([[METRIC_NAME, String(name)]]);
  for (const [label, value] of pairs) {
    const field = `${path}.labels.${label}`;
    const problem = labelNameProblem(label, limits);
    if (problem !== undefined) errors.add(`${path}.labels`, problem);
    else if (label.startsWith("__"))
      errors.add(field, 'a label name must not start with "__", which is reserved');
    else if (typeof value !== "string") errors.add(field, "must be a string");
    else {
      const valueProblem = labelValueProblem(value, limits);
      if (valueProblem !== undefined) errors.add(field, valueProblem);
      else set.set(label, value);
    }
  }
  return errors.count === errorsBefore ? labelsFrom(set) : undefined;
}

function parseTimestamp(
  timestamp: unknown,
  path: string,
  nowMs: number,
  errors: ErrorList,
): number | undefined {
  if (timestamp === undefined) return nowMs;
  if (typeof timestamp !== "number")
    return errors.add(path, "must be a number: Unix time in seconds or in milliseconds");
  const timestampMs = Math.round(timestamp >= MILLISECONDS_FROM ? timestamp : timestamp * 1000);
  if (!(timestampMs >= 0 && timestampMs <= TIMESTAMP_MS_MAX))
    return errors.add(path, `${timestamp} is not a Unix time in seconds or in milliseconds`);
  return timestampMs;
}

function parseValue(value: unknown, path: string, errors: ErrorList): number | undefined {
  if (value === "NaN") return Number.NaN;
  if (value === "+Inf") return Number.POSITIVE_INFINITY;
  if (value === "-Inf") return Number.NEGATIVE_INFINITY;
  if (value === undefined) return errors.add(path, "is missing");
  if (typeof value === "string")
    return errors.add(path, 'must be a number, or one of "NaN", "+Inf", "-Inf"');
  if (typeof value !== "number") return errors.add(path, "must be a number");
  if (!Number.isFinite(value))
    return errors.add(path, 'is too large for a 64-bit float; write "+Inf" or "-Inf" for infinity');
  return value;
}

function checkFields(
  record: Record<string, unknown>,
  known: readonly string[],
  prefix: string,
  errors: ErrorList,
): void {
  for (const field of Object.keys(record))
    if (!known.includes(field))
      errors.add(`${prefix}${field}`, `unknown field; known are ${known.map(quote).join(", ")}`);
}

function batchOf(metrics: readonly ParsedMetric[]): SampleBatch {
  const labelSets: Labels[] = [];
  const indexes = new Map<string, number>();
  const series = new Uint32Array(metrics.length);
  const timestampsMs = new Float64Array(metrics.length);
  const values = new Float64Array(metrics.length);
  for (const [at, metric] of metrics.entries()) {
    const index = indexes.getOrInsertComputed(
      labelsKey(metric.labels),
      () => labelSets.push(metric.labels) - 1,
    );
    series[at] = index;
    timestampsMs[at] = metric.timestampMs;
    values[at] = metric.value;
  }
  return { labelSets, series, timestampsMs, values, stale: null };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
