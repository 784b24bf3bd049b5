import { formatValue, type Label, OperatingError } from "@pharos/base";
import { describeType, type Expr, valueTypeOf } from "@pharos/promql/syntax";
import type { AlertingRule } from "../rule.ts";
import { conditionExpr } from "./condition-expr.ts";
import { printQuery } from "./query-text.ts";
import type { LabelNames } from "./result-labels.ts";
import { COMPARISONS, type Comparison, type RuleForm } from "./rule-form.ts";

/** The label that says who is told, as `email,pagerduty:team-a`. */
export const CHANNELS_LABEL = "channels";
/** Names of rules that had none are cut here. */
const DERIVED_NAME_LENGTH_MAX = 120;

export interface CompiledForm {
  readonly rule: AlertingRule;
  /** What was read in another way than it may have been meant; a sentence each. */
  readonly remarks: readonly string[];
}

/**
 * Makes the rule that a structured form stands for: PromQL and `for`.
 *
 * @throws OperatingError `input.invalid`, `query.invalid`.
 */
export function compileRuleForm(form: RuleForm, labelNames?: LabelNames): CompiledForm {
  const { expr, remarks } = conditionExpr(form.condition, labelNames);
  checkType(expr);
  const labels = new Map(form.labels);
  if (form.severity !== undefined && !labels.has("severity")) labels.set("severity", form.severity);
  if (form.channels.length > 0) labels.set(CHANNELS_LABEL, channelsText(form.channels));
  return {
    rule: {
      kind: "alert",
      name: form.name ?? form.text.replace(/\s+/g, " ").slice(0, DERIVED_NAME_LENGTH_MAX),
      expr: printQuery(expr),
      forMs: form.forMs,
      keepFiringForMs: form.keepFiringForMs,
      labels: [...labels],
      annotations: form.annotations.length > 0 ? form.annotations : derivedAnnotations(form),
    },
    remarks,
  };
}

function checkType(expr: Expr): void {
  const type = valueTypeOf(expr);
  if (type !== "vector" && type !== "scalar")
    throw new OperatingError(
      "input.invalid",
      `a condition is an instant vector or a scalar, and ${printQuery(expr)} is a ${describeType(type)}`,
    );
}

function channelsText(channels: readonly string[]): string {
  const odd = channels.find((channel) => channel === "" || channel.includes(","));
  if (odd !== undefined)
    throw new OperatingError(
      "input.invalid",
      `${JSON.stringify(odd)} is no channel: it is empty, or has a comma`,
    );
  return [...new Set(channels)].join(",");
}

/** The channels that the value of the label names. */
export function channelsOf(label: string): readonly string[] {
  return label.split(",").filter((channel) => channel !== "");
}

/** So that a notification says what it is about. Braces would be read as a template. */
function derivedAnnotations({ text }: RuleForm): readonly Label[] {
  if (text === "" || text.includes("{{")) return [];
  return [["summary", `${text}: it is {{ $value }}`]];
}

/** A comparison with a number, as tables of rules have it in columns. */
export interface SimpleCondition {
  /** PromQL. */
  readonly metricQuery: string;
  readonly operator: Comparison;
  /** As text, since there may be `+Inf`. */
  readonly threshold: string;
}

/** The columns of an expression that is a query compared with a number; undefined for any other. */
export function simpleCondition(expr: Expr): SimpleCondition | undefined {
  if (expr.kind !== "binary" || expr.bool) return undefined;
  const operator = COMPARISONS.find((one) => one === expr.op);
  const { right } = expr;
  const sign = right.kind === "unary" && right.op === "-" ? -1 : 1;
  const number = right.kind === "unary" ? right.expr : right;
  if (operator === undefined || number.kind !== "number") return undefined;
  const threshold = formatValue(sign * number.value);
  return { metricQuery: printQuery(expr.left), operator, threshold };
}
