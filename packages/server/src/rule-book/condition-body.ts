import {
  COMPARISONS,
  type Comparison,
  parseSpokenDuration,
  type RuleCondition,
  readRuleSentence,
  SPOKEN_DURATION_HINT,
} from "@pharos/alert";
import type { conditionBodySchema } from "@pharos/api";
import { isLegacyMetricName, OperatingError, quote } from "@pharos/base";
import type { z } from "zod";

export type ConditionBody = z.output<typeof conditionBodySchema>;

/** A condition of a request, read. */
export interface ReadCondition {
  readonly condition: RuleCondition;
  /** In words, for people. */
  readonly text: string;
  /** Which of the forms it is. */
  readonly form: "promql" | "sentence" | "threshold" | "query" | "change" | "all" | "any";
  /** Where the condition itself says how long it must hold. */
  readonly forMs: number | undefined;
  readonly name: string | undefined;
}

/** Which keys make which form, for the message where there is none. */
const FORMS =
  "one of these: expr; sentence; metric, condition and threshold; metric_query and condition; metric and change; all; any";

/** Reads what must hold; `nested` reads an entry of `all` or `any`. @throws OperatingError `input.invalid`. */
export function readCondition(
  body: ConditionBody,
  nested: (entry: unknown, path: readonly (string | number)[]) => ReadCondition,
): ReadCondition {
  const { expr, sentence, metric_name, metric_query, metric, all, any, condition } = body;
  const plain = { forMs: undefined, name: undefined };
  const said = [expr, sentence, metric_name, metric_query, metric, all, any];
  const count = said.filter((one) => one !== undefined).length;
  if (count > 1) throw invalid(`a condition has ${FORMS}; not several`);
  if (expr !== undefined)
    return { condition: { kind: "expr", expr }, text: expr, form: "promql", ...plain };
  if (sentence !== undefined) return readSentence(sentence);
  if (metric !== undefined && condition === undefined)
    return { ...readChange(metric, body), ...plain };
  for (const kind of ["all", "any"] as const) {
    const entries = body[kind];
    if (entries === undefined) continue;
    const read = entries.map((entry, at) => nested(entry, [kind, at]));
    const text = read
      .map((one) => (one.form === "all" || one.form === "any" ? `(${one.text})` : one.text))
      .join(kind === "all" ? " AND " : " OR ");
    const conditions = read.map((one) => one.condition);
    return { condition: { kind, conditions, on: body.on }, text, form: kind, ...plain };
  }
  const named = metric_name === undefined ? metric : selectorOf(metric_name);
  const query = metric_query ?? named;
  if (query !== undefined) {
    if (body.change !== undefined) throw invalid("change: there is a condition already");
    const { operator, threshold, duration } = comparisonOf(body);
    return {
      condition: { kind: "threshold", query, operator, threshold, overMs: 0 },
      text: `${metric_name ?? query} ${operator} ${threshold}`,
      form: metric_query === undefined ? "threshold" : "query",
      forMs: duration === undefined ? undefined : durationOf("condition.duration", duration),
      name: undefined,
    };
  }
  if (typeof condition === "string" && !isComparison(condition)) return readSentence(condition);
  throw invalid(`the condition is missing: a rule has ${FORMS}`);
}

export function readSentence(text: string): ReadCondition {
  const { condition, forMs, name, text: words } = readRuleSentence(text);
  return { condition, text: words, form: "sentence", forMs: forMs || undefined, name };
}

/** `condition`, `threshold` as columns, or `condition` with both. */
function comparisonOf({ condition, threshold }: ConditionBody): {
  readonly operator: Comparison;
  readonly threshold: number | string;
  readonly duration: string | undefined;
} {
  if (typeof condition === "string") {
    if (!isComparison(condition))
      throw invalid(`condition: ${quote(condition)} is not one of ${COMPARISONS.join(" ")}`);
    if (threshold === undefined) throw invalid("threshold: is missing; expected a number");
    return { operator: condition, threshold, duration: undefined };
  }
  if (condition === undefined)
    throw invalid(`condition: is missing; expected one of ${COMPARISONS.join(" ")}`);
  if (threshold !== undefined) throw invalid("threshold: it is in condition already");
  const { operator, threshold: value, duration } = condition;
  return { operator, threshold: value, duration };
}

function readChange(
  query: string,
  { change }: ConditionBody,
): Pick<ReadCondition, "condition" | "text" | "form"> {
  if (change === undefined)
    throw invalid(
      "condition and threshold, or change: is missing; change is {direction, percent or absolute, window}",
    );
  const { direction, operator, percent, absolute, window } = change;
  const amount = percent ?? absolute;
  if (amount === undefined || (percent !== undefined && absolute !== undefined))
    throw invalid("change: has either percent or absolute");
  const windowMs = durationOf("change.window", window);
  if (windowMs === 0) throw invalid("change.window: must be more than 0");
  const isPercent = percent !== undefined;
  return {
    condition: {
      ...{ kind: "change", query, direction, operator },
      ...{ amount, percent: isPercent, windowMs },
    },
    text: `${query} ${direction} ${operator} ${amount}${isPercent ? "%" : ""} in ${window}`,
    form: "change",
  };
}

/** A duration of a request, in ms. A number alone is seconds. @throws OperatingError `input.invalid`. */
export function durationOf(field: string, text: string): number {
  const durationMs = parseSpokenDuration(/^\d+(?:\.\d+)?$/.test(text) ? `${text} s` : text);
  if (durationMs !== undefined) return durationMs;
  throw invalid(`${field}: ${quote(text)} is not ${SPOKEN_DURATION_HINT}`);
}

/** The name of a metric as a query, whatever characters it has. */
function selectorOf(metric: string): string {
  return isLegacyMetricName(metric) ? metric : `{${quote(metric)}}`;
}

function isComparison(text: string): text is Comparison {
  return (COMPARISONS as readonly string[]).includes(text);
}

function invalid(message: string): OperatingError {
  return new OperatingError("input.invalid", message);
}
