import {
  formatDuration,
  formatValue,
  isLegacyLabelName,
  OperatingError,
  quote,
} from "@pharos/base";
import { type BinaryOp, type Expr, parse } from "@pharos/promql/syntax";
import { readQuantity } from "./quantity.ts";
import { firstMetric, printQuery, type ReadQuery, readQuery } from "./query-text.ts";
import { type LabelNames, resultLabels } from "./result-labels.ts";
import {
  type ChangeCondition,
  CONDITION_DEPTH_MAX,
  CONDITIONS_MAX,
  type CompositeCondition,
  type RuleCondition,
  type ThresholdCondition,
} from "./rule-form.ts";
import { shiftedQuery } from "./shifted-query.ts";

/**
 * The PromQL of a condition.
 *
 * @param labelNames what labels series of a metric have, for conditions on metrics that do not have the same.
 * @throws OperatingError `query.invalid`, `input.invalid`.
 */
export function conditionExpr(condition: RuleCondition, labelNames?: LabelNames): ReadQuery {
  const writer = new ConditionWriter(labelNames);
  const text = writer.write(condition, 0);
  return { expr: parse(text), text, remarks: writer.remarks };
}

class ConditionWriter {
  readonly remarks: string[] = [];
  readonly #labelNames: LabelNames | undefined;
  #count = 0;

  constructor(labelNames: LabelNames | undefined) {
    this.#labelNames = labelNames;
  }

  write(condition: RuleCondition, depth: number): string {
    if (depth > CONDITION_DEPTH_MAX || ++this.#count > CONDITIONS_MAX)
      throw new OperatingError(
        "input.invalid",
        `a rule has at most ${CONDITIONS_MAX} conditions, at most ${CONDITION_DEPTH_MAX} deep`,
      );
    switch (condition.kind) {
      case "expr":
        return printQuery(this.#read(condition.expr));
      case "threshold":
        return this.#threshold(condition);
      case "change":
        return this.#change(condition);
      case "all":
      case "any":
        return this.#composite(condition, depth);
    }
  }

  #read(text: string): Expr {
    const { expr, remarks } = readQuery(text);
    for (const remark of remarks) if (!this.remarks.includes(remark)) this.remarks.push(remark);
    return expr;
  }

  #threshold({ query, operator, threshold, overMs }: ThresholdCondition): string {
    const latest = this.#read(query);
    const expr = overMs === 0 ? latest : parse(averaged(latest, overMs));
    const subject = operand(expr);
    if (overMs !== 0)
      this.remarks.push(`"over the last ${formatDuration(overMs)}" is read as ${subject}`);
    const quantity =
      typeof threshold === "number"
        ? { value: threshold, remark: undefined }
        : readQuantity(threshold, firstMetric(expr));
    if (quantity === undefined)
      throw new OperatingError(
        "input.invalid",
        `threshold: ${quote(String(threshold))} is no number`,
      );
    if (quantity.remark !== undefined) this.remarks.push(quantity.remark);
    return `${subject} ${operator} ${formatValue(quantity.value)}`;
  }

  #change({ query, direction, operator, amount, percent, windowMs }: ChangeCondition): string {
    const expr = this.#read(query);
    const now = operand(expr);
    const then = operand(shiftedQuery(expr, windowMs));
    const moved = direction === "decreases" ? `${then} - ${now}` : `${now} - ${then}`;
    const distance = direction === "changes" ? `abs(${moved})` : `(${moved})`;
    const limit = `${operator} ${formatValue(amount)}`;
    if (percent) return `100 * ${distance} / abs(${then}) ${limit}`;
    return `${direction === "changes" ? distance : moved} ${limit}`;
  }

  /** `and` keeps the series of the first condition that all others have too; `or` has those of any. */
  #composite({ kind, conditions, on }: CompositeCondition, depth: number): string {
    const [first, ...others] = conditions.map((one) => {
      const text = this.write(one, depth + 1);
      return hasSetOperator(parse(text)) ? `(${text})` : text;
    });
    if (first === undefined)
      throw new OperatingError("input.invalid", `"${kind}" needs at least one condition`);
    const operator = kind === "all" ? "and" : "or";
    let joined = first;
    for (const other of others) {
      const matching = on ?? (kind === "all" ? this.#commonLabels(joined, other) : undefined);
      const written = matching === undefined ? "" : ` on (${matching.map(labelText).join(", ")})`;
      joined = `${joined} ${operator}${written} ${other}`;
    }
    return joined;
  }

  /** What both sides have, where it is known that they do not have the same. */
  #commonLabels(left: string, right: string): readonly string[] | undefined {
    if (this.#labelNames === undefined) return undefined;
    const [one, other] = [left, right].map((text) =>
      resultLabels(parse(text), this.#labelNames as LabelNames),
    );
    if (one === undefined || other === undefined) return undefined;
    const common = [...one].filter((name) => other.has(name)).sort();
    if (common.length === one.size && common.length === other.size) return undefined;
    this.remarks.push(
      common.length === 0
        ? "the two conditions have no label in common: the second holds for all series or for none"
        : `the conditions are matched by the labels that both have: ${common.join(", ")}`,
    );
    return common;
  }
}

function labelText(name: string): string {
  return isLegacyLabelName(name) ? name : quote(name);
}

/** As one side of a comparison or of arithmetic. */
function operand(expr: Expr): string {
  const text = printQuery(expr);
  return expr.kind === "binary" || expr.kind === "unary" ? `(${text})` : text;
}

const SET_OPERATORS: ReadonlySet<BinaryOp> = new Set(["and", "or", "unless"]);

function hasSetOperator(expr: Expr): boolean {
  return expr.kind === "binary" && SET_OPERATORS.has(expr.op);
}

/** The function over time that goes with an aggregation; averages with all others. */
const OVER_TIME: ReadonlyMap<string, string> = new Map([
  ["max", "max_over_time"],
  ["min", "min_over_time"],
]);

/** The query over a range in place of its latest value: within an aggregation of series, else as a subquery. */
function averaged(expr: Expr, overMs: number): string {
  const range = formatDuration(overMs);
  if (expr.kind === "vector") return `avg_over_time(${printQuery(expr)}[${range}])`;
  if (expr.kind === "aggregation" && expr.expr.kind === "vector") {
    const func = OVER_TIME.get(expr.op) ?? "avg_over_time";
    const inner = parse(`${func}(${printQuery(expr.expr)}[${range}])`);
    return printQuery({ ...expr, expr: inner });
  }
  return `avg_over_time(${operand(expr)}[${range}:])`;
}
