import { type Alert, type CompiledAlertingRule, type GroupAlert, queryEscape } from "@pharos/alert";
import { type Labels, mergeLabels } from "@pharos/base";
import { printExpr } from "@pharos/promql/syntax";

/** Links to the expressions of rules, which are written anew for no alert. */
const paths = new WeakMap<CompiledAlertingRule, string>();

/** Alerts of a rule as others are told of them: without those that never fired. */
export function toldAlerts(
  rule: CompiledAlertingRule,
  alerts: Iterable<Alert>,
  surroundings: { readonly externalLabels: () => Labels; readonly externalUrl: string },
): GroupAlert[] {
  const told: GroupAlert[] = [];
  for (const { labels, annotations, state } of alerts) {
    if (state.phase === "pending") continue;
    told.push({
      labels: mergeLabels(surroundings.externalLabels(), labels),
      annotations,
      startsAtMs: state.firedAtMs,
      endsAtMs: state.phase === "resolved" ? state.resolvedAtMs : null,
      generatorUrl: surroundings.externalUrl + paths.getOrInsertComputed(rule, graphPath),
    });
  }
  return told;
}

function graphPath({ expr }: CompiledAlertingRule): string {
  return `/graph?g0.expr=${queryEscape(printExpr(expr))}&g0.tab=1`;
}
