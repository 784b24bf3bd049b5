import { type Labels, labelsFrom } from "@pharos/base";
import type { Json } from "./json-reader.ts";

export const ALERT_STATES = ["firing", "pending", "inactive"] as const;
export type AlertState = (typeof ALERT_STATES)[number];

/** A series for which an alerting rule's expression holds. */
export interface ActiveAlert {
  readonly labels: Labels;
  readonly annotations: readonly (readonly [string, string])[];
  readonly state: AlertState;
  readonly activeAtMs: number | undefined;
  readonly value: string;
}

interface RuleCommon {
  readonly name: string;
  readonly expr: string;
  readonly labels: Labels;
  readonly health: "ok" | "err" | "unknown";
  /** "" where the last evaluation went well. */
  readonly lastError: string;
  readonly lastEvaluationMs: number | undefined;
  readonly evaluationMs: number;
}

export interface AlertingRule extends RuleCommon {
  readonly kind: "alerting";
  readonly state: AlertState;
  readonly forMs: number;
  readonly keepFiringForMs: number;
  readonly annotations: readonly (readonly [string, string])[];
  readonly alerts: readonly ActiveAlert[];
}

export interface RecordingRule extends RuleCommon {
  readonly kind: "recording";
}

export type Rule = AlertingRule | RecordingRule;

export interface RuleGroup {
  readonly name: string;
  readonly file: string;
  readonly intervalMs: number;
  readonly lastEvaluationMs: number | undefined;
  readonly evaluationMs: number;
  readonly rules: readonly Rule[];
}

/** Reads `data` of /api/v1/rules, in the order of the server. */
export function readRuleGroups(data: Json): RuleGroup[] {
  return data
    .get("groups")
    .list()
    .map((group) => ({
      name: group.get("name").text(),
      file: group.get("file").textOrEmpty(),
      intervalMs: group.get("interval").numberOr(0) * 1000,
      lastEvaluationMs: group.get("lastEvaluation").timestampMs(),
      evaluationMs: group.get("evaluationTime").numberOr(0) * 1000,
      rules: group.get("rules").list().map(readRule),
    }));
}

function readRule(rule: Json): Rule {
  const common: RuleCommon = {
    name: rule.get("name").text(),
    expr: rule.get("query").text(),
    labels: labelsFrom(rule.get("labels").textEntries()),
    health: rule.get("health").oneOf(["ok", "err", "unknown"]),
    lastError: rule.get("lastError").textOrEmpty(),
    lastEvaluationMs: rule.get("lastEvaluation").timestampMs(),
    evaluationMs: rule.get("evaluationTime").numberOr(0) * 1000,
  };
  if (rule.get("type").oneOf(["alerting", "recording"]) === "recording")
    return { ...common, kind: "recording" };
  return {
    ...common,
    kind: "alerting",
    state: readState(rule.get("state")),
    forMs: rule.get("duration").numberOr(0) * 1000,
    keepFiringForMs: rule.get("keepFiringFor").numberOr(0) * 1000,
    annotations: rule.get("annotations").textEntries(),
    alerts: rule.get("alerts").list().map(readAlert),
  };
}

function readAlert(alert: Json): ActiveAlert {
  return {
    labels: labelsFrom(alert.get("labels").textEntries()),
    annotations: alert.get("annotations").textEntries(),
    state: readState(alert.get("state")),
    activeAtMs: alert.get("activeAt").timestampMs(),
    value: alert.get("value").textOrEmpty(),
  };
}

/** A rule that was not evaluated since the start is "unknown" in newer Prometheus: nothing of it is active. */
function readState(state: Json): AlertState {
  return state.value === "unknown" ? "inactive" : state.oneOf(ALERT_STATES);
}

/** How many alerts, not rules, are firing. */
export function countFiring(groups: readonly RuleGroup[]): number {
  let count = 0;
  for (const { rules } of groups)
    for (const rule of rules)
      if (rule.kind === "alerting")
        count += rule.alerts.filter((alert) => alert.state === "firing").length;
  return count;
}
