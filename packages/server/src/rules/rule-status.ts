import { type Alert, type RuleGroup, ruleLabels } from "@pharos/alert";
import { printExpr } from "@pharos/promql/syntax";
import type { ActiveAlert, AlertingRuleStatus, RecordingRuleStatus } from "../http/dependencies.ts";
import type { RuleEntry } from "./rule-entry.ts";

/** A rule as the API shows it. */
export function ruleStatus(
  entry: RuleEntry,
  group: RuleGroup,
): AlertingRuleStatus | RecordingRuleStatus {
  const { health, lastError, evaluationTimeMs, lastEvaluationMs, compiled } = entry;
  const base = {
    name: compiled.rule.name,
    query: printExpr(compiled.expr),
    labels: ruleLabels(compiled.rule, group),
    health,
    lastError,
    evaluationTimeMs,
    lastEvaluationMs,
  };
  if (entry.kind === "record") return { kind: "record", ...base };
  const { forMs, keepFiringForMs, annotations } = entry.compiled.rule;
  const alerts = [...entry.state.alerts.values()].flatMap(activeAlert);
  const state =
    lastEvaluationMs === undefined && alerts.length === 0
      ? "unknown"
      : alerts.some((alert) => alert.state === "firing")
        ? "firing"
        : alerts.length > 0
          ? "pending"
          : "inactive";
  return { kind: "alert", ...base, state, forMs, keepFiringForMs, annotations, alerts };
}

function activeAlert({ labels, annotations, value, state }: Alert): ActiveAlert[] {
  if (state.phase === "resolved") return [];
  const keepFiringSinceMs =
    state.phase === "firing" ? (state.falseSinceMs ?? undefined) : undefined;
  const { phase, activeAtMs } = state;
  return [{ labels, annotations, value, state: phase, activeAtMs, keepFiringSinceMs }];
}
