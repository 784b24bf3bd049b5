import {
  CHANNELS_LABEL,
  type Comparison,
  channelsOf,
  type Rule,
  type RuleGroup,
  ruleLabels,
  simpleCondition,
} from "@pharos/alert";
import { formatDuration, METRIC_NAME } from "@pharos/base";
import type { Json } from "@pharos/ports";
import { parse } from "@pharos/promql/syntax";

/** A rule that is a query compared with a number, taken apart; of any other rule, nothing. */
export interface ConditionColumns {
  /** Where the query is the name of a metric and nothing more. */
  readonly metric_name?: string;
  readonly metric_query?: string;
  readonly condition?: {
    readonly operator: Comparison;
    readonly threshold: string;
    readonly duration: string;
  };
}

export function conditionColumns(rule: Rule): ConditionColumns {
  if (rule.kind === "record") return {};
  const expr = parse(rule.expr);
  const simple = simpleCondition(expr);
  if (simple === undefined) return {};
  const { metricQuery, operator, threshold } = simple;
  const query = expr.kind === "binary" ? expr.left : expr;
  const [only, ...others] = query.kind === "vector" ? query.matchers : [];
  const isName = only?.name === METRIC_NAME && only.type === "=" && others.length === 0;
  return {
    ...(isName ? { metric_name: only.value } : {}),
    metric_query: metricQuery,
    condition: { operator, threshold, duration: formatDuration(rule.forMs) },
  };
}

/** What is kept beside a rule for reports in SQL, which cannot read PromQL; nothing here reads it back. */
export function reportColumns(rule: Rule, group: Pick<RuleGroup, "labels">): Json {
  const labels = new Map(ruleLabels(rule, group));
  return {
    ...conditionColumns(rule),
    labels: Object.fromEntries(labels),
    severity: labels.get("severity") ?? null,
    channels: [...channelsOf(labels.get(CHANNELS_LABEL) ?? "")],
  };
}
