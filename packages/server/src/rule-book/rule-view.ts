import {
  CHANNELS_LABEL,
  channelsOf,
  hashLabels,
  type Rule,
  type RuleGroup,
  ruleLabels,
} from "@pharos/alert";
import type { AlertRuleJson, RuleVersionJson } from "@pharos/api";
import { formatDuration, labelsFrom } from "@pharos/base";
import { labelsObject } from "../http/answer.ts";
import type {
  AlertingRuleStatus,
  RecordingRuleStatus,
  RuleGroupStatus,
} from "../http/dependencies.ts";
import { groupOf } from "./rule-book.ts";
import { conditionColumns } from "./rule-columns.ts";
import type { RuleVersion, StoredRule } from "./stored-rule.ts";

type RuleStatus = AlertingRuleStatus | RecordingRuleStatus;

/** How a group is doing; undefined for one that is not evaluated. */
export type GroupStatus = (group: Pick<RuleGroup, "file" | "name">) => RuleGroupStatus | undefined;

/** The rules of a stored group as the API shows them; most have one. */
export function storedRuleViews(
  stored: StoredRule,
  defaultIntervalMs: number,
  statusOf: GroupStatus,
  warnings?: readonly string[],
): readonly AlertRuleJson[] {
  const defaults = { evaluationIntervalMs: defaultIntervalMs, ruleQueryOffsetMs: 0 };
  const group = groupOf(stored.namespace, stored.content, defaults);
  const status = stored.enabled ? statusOf(group) : undefined;
  return stored.content.rules.map((rule, at) => ({
    ...ruleView(stored.id, rule, group, stored.enabled ? status?.rules[at] : "disabled"),
    provenance: {
      ...{ source: "api" as const, file: group.file, group: group.name },
      namespace: stored.namespace,
    },
    version: stored.version,
    author: stored.author,
    comment: stored.comment,
    created_at: new Date(stored.createdAtMs).toISOString(),
    updated_at: new Date(stored.updatedAtMs).toISOString(),
    form: stored.content.form,
    ...(stored.content.written === "" ? {} : { written: stored.content.written }),
    ...(warnings === undefined ? {} : { warnings: [...warnings] }),
  }));
}

/** The rules of a group of a file. */
export function fileRuleViews(group: RuleGroup, statusOf: GroupStatus): readonly AlertRuleJson[] {
  const status = statusOf(group);
  return group.rules.map((rule, at) =>
    ruleView(fileRuleId(group, at), rule, group, status?.rules[at]),
  );
}

/** Names a rule of a file, as long as it stays where it is. */
export function fileRuleId({ file, name }: Pick<RuleGroup, "file" | "name">, at: number): string {
  const { high, low } = hashLabels([
    ["file", file],
    ["group", name],
    ["at", String(at)],
  ]);
  return `file-${[high, low].map((half) => half.toString(16).padStart(8, "0")).join("")}`;
}

function ruleView(
  id: string,
  rule: Rule,
  group: RuleGroup,
  status: RuleStatus | "disabled" | undefined,
): AlertRuleJson {
  const labels = labelsObject(labelsFrom(Object.fromEntries(ruleLabels(rule, group))));
  const isAlert = rule.kind === "alert";
  const live = status === "disabled" ? undefined : status;
  const alerts = live?.kind === "alert" ? live.alerts.length : 0;
  const state = live?.kind === "alert" ? live.state : live === undefined ? "unknown" : "inactive";
  return {
    ...{ id, name: rule.name, type: isAlert ? "alerting" : "recording" },
    enabled: status !== "disabled",
    expr: rule.expr,
    for: formatDuration(isAlert ? rule.forMs : 0),
    keep_firing_for: formatDuration(isAlert ? rule.keepFiringForMs : 0),
    interval: formatDuration(group.intervalMs),
    labels,
    annotations: isAlert ? Object.fromEntries(rule.annotations) : {},
    severity: labels["severity"] ?? "",
    channels: [...channelsOf(labels[CHANNELS_LABEL] ?? "")],
    ...conditionColumns(rule),
    provenance: { source: "file", file: group.file, group: group.name },
    state: status === "disabled" ? "disabled" : state,
    health: live?.health ?? "unknown",
    last_error: live?.lastError ?? "",
    last_evaluation:
      live?.lastEvaluationMs === undefined ? null : new Date(live.lastEvaluationMs).toISOString(),
    active_alerts: alerts,
  };
}

export function versionView({ action, rule }: RuleVersion): RuleVersionJson {
  return {
    ...{ version: rule.version, action, at: new Date(rule.updatedAtMs).toISOString() },
    ...{ author: rule.author, comment: rule.comment, enabled: rule.enabled },
    rules: rule.content.rules.map((one) => ({
      name: one.name,
      type: one.kind === "alert" ? "alerting" : "recording",
      expr: one.expr,
      for: formatDuration(one.kind === "alert" ? one.forMs : 0),
      keep_firing_for: formatDuration(one.kind === "alert" ? one.keepFiringForMs : 0),
      labels: Object.fromEntries(one.labels),
      annotations: one.kind === "alert" ? Object.fromEntries(one.annotations) : {},
    })),
  };
}

/** Where the alerting rule of a name is among files, for people; undefined where it is in none. */
export function fileOfRule(groups: readonly RuleGroup[], name: string): RuleGroup | undefined {
  return groups.find(({ rules }) =>
    rules.some((rule) => rule.kind === "alert" && rule.name === name),
  );
}
