import { z } from "zod";
import { labelsSchema } from "./prometheus.ts";

/** Where rules are read and changed. */
export const ALERT_RULES_PATH = "/api/v1/alerts/rules";

const durationText = z.string().describe("A duration: 5m, 1h30m, 5 minutes, 00:05:00.");
const quantity = z.union([z.number(), z.string()]).describe("A number, or one with its unit: 5%.");
const operator = z.enum([">", "<", ">=", "<=", "==", "!="]);

/** What any rule may say beside what it is. */
const about = {
  enabled: z.boolean().optional(),
  interval: durationText.optional().describe("How often it is evaluated."),
  author: z.string().max(256).optional(),
  comment: z.string().max(4096).optional(),
  version: z.int().optional().describe("The version that this one follows; another is refused."),
  replay: durationText.optional().describe("Only where it is tested: over how long."),
};

/** A rule as in a rule file of Prometheus. */
export const prometheusRuleBodySchema = z.strictObject({
  alert: z.string().optional(),
  record: z.string().optional(),
  expr: z.string(),
  for: durationText.optional(),
  keep_firing_for: durationText.optional(),
  labels: labelsSchema.optional(),
  annotations: labelsSchema.optional(),
  ...about,
});

export const changeSchema = z.strictObject({
  direction: z.enum(["increases", "decreases", "changes"]).default("increases"),
  operator: z.enum([">", ">="]).default(">"),
  percent: z.number().min(0).optional(),
  absolute: z.number().min(0).optional(),
  window: durationText,
});

export const queryConditionSchema = z.strictObject({
  operator,
  threshold: quantity,
  duration: durationText.optional(),
});

/** What must hold; which keys there are says in which of its forms it is. */
export const conditionBodySchema = z.strictObject({
  expr: z.string().optional().describe("PromQL."),
  sentence: z.string().optional().describe("cpu_usage > 90 over the last 5m"),
  metric_name: z.string().optional(),
  metric_query: z.string().optional().describe("PromQL."),
  condition: z.union([operator, z.string(), queryConditionSchema]).optional(),
  threshold: quantity.optional(),
  metric: z.string().optional().describe("PromQL."),
  change: changeSchema.optional(),
  all: z.array(z.unknown()).min(1).optional().describe("Conditions, or sentences."),
  any: z.array(z.unknown()).min(1).optional().describe("Conditions, or sentences."),
  on: z.array(z.string()).optional().describe("Labels that the conditions have in common."),
});

/** A rule as its parts: a metric, a condition, a threshold. */
export const structuredRuleBodySchema = z.strictObject({
  name: z.string().min(1).optional(),
  ...conditionBodySchema.shape,
  duration: durationText.optional().describe("How long the condition must hold."),
  for: durationText.optional().describe("The same."),
  keep_firing_for: durationText.optional(),
  labels: labelsSchema.optional(),
  annotations: labelsSchema.optional(),
  severity: z.string().optional(),
  channels: z.array(z.string()).optional(),
  notification_channels: z.array(z.string()).optional(),
  ...about,
});

export const ruleGroupBodySchema = z.strictObject({
  name: z.string().optional(),
  interval: durationText.optional(),
  limit: z.int().min(0).optional(),
  query_offset: durationText.optional(),
  labels: labelsSchema.optional(),
  rules: z.array(z.unknown()),
});

/** What a rule may be sent as; in YAML, too. */
export const ruleBodySchema = z.union([
  prometheusRuleBodySchema,
  structuredRuleBodySchema,
  ruleGroupBodySchema,
  z.strictObject({ groups: z.array(ruleGroupBodySchema) }),
]);

/** Who enables or disables a rule, and why; may be left out. */
export const ruleEditBodySchema = z.strictObject({
  author: z.string().max(256).optional(),
  comment: z.string().max(4096).optional(),
  version: z.int().optional(),
});

/** Times are RFC 3339, durations as in Prometheus. */
export const alertRuleSchema = z.object({
  id: z.string(),
  name: z.string(),
  type: z.enum(["alerting", "recording"]),
  enabled: z.boolean(),
  /** The PromQL that is evaluated. */
  expr: z.string(),
  for: z.string(),
  keep_firing_for: z.string(),
  interval: z.string(),
  labels: labelsSchema,
  annotations: labelsSchema,
  severity: z.string(),
  channels: z.array(z.string()),
  /** Where the expression is a query compared with a number. */
  metric_name: z.string().optional(),
  metric_query: z.string().optional(),
  condition: z.object({ operator, threshold: z.string(), duration: z.string() }).optional(),
  provenance: z.object({
    source: z.enum(["api", "file"]),
    file: z.string(),
    group: z.string(),
    namespace: z.string().optional(),
  }),
  state: z.enum(["inactive", "pending", "firing", "unknown", "disabled"]),
  health: z.enum(["ok", "err", "unknown"]),
  last_error: z.string(),
  last_evaluation: z.string().nullable(),
  active_alerts: z.int(),
  /** Of rules of the API. */
  version: z.int().optional(),
  author: z.string().optional(),
  comment: z.string().optional(),
  created_at: z.string().optional(),
  updated_at: z.string().optional(),
  /** The form it was sent in, and the text that was sent. */
  form: z.string().optional(),
  written: z.string().optional(),
  /** What was read in another way than it may have been meant; only in the answer to a change. */
  warnings: z.array(z.string()).optional(),
});

export type AlertRuleJson = z.output<typeof alertRuleSchema>;

export const ruleVersionSchema = z.object({
  version: z.int(),
  action: z.enum(["created", "updated", "enabled", "disabled", "rolled back", "deleted"]),
  at: z.string(),
  author: z.string(),
  comment: z.string(),
  enabled: z.boolean(),
  /** As a group of a rule file. */
  rules: z.array(
    z.object({
      name: z.string(),
      type: z.enum(["alerting", "recording"]),
      expr: z.string(),
      for: z.string(),
      keep_firing_for: z.string(),
      labels: labelsSchema,
      annotations: labelsSchema,
    }),
  ),
});

export type RuleVersionJson = z.output<typeof ruleVersionSchema>;

export const rollbackBodySchema = z.strictObject({
  version: z.int(),
  author: z.string().max(256).optional(),
  comment: z.string().max(4096).optional(),
});

const testedAlertSchema = z.object({
  labels: labelsSchema,
  annotations: labelsSchema,
  state: z.enum(["pending", "firing"]),
  value: z.string(),
  active_at: z.string(),
});

const readSchema = z.object({ series: z.number(), samples: z.number() });

export const ruleReplaySchema = z.object({
  start: z.string(),
  end: z.string(),
  step: z.string(),
  /** How often an alert of the rule would have fired. */
  firings: z.int(),
  /** How many notifications the present routing would have sent; with those of resolved alerts. */
  notifications: z.int(),
  notifications_by_receiver: z.record(z.string(), z.int()),
  /** The times in which an alert fired; `end` is null while it still does. */
  intervals: z.array(
    z.object({
      labels: labelsSchema,
      pending_at: z.string(),
      start: z.string(),
      end: z.string().nullable(),
      /** What the condition gave when it fired. */
      value: z.string(),
    }),
  ),
  /** Whether there were more intervals than are listed. */
  truncated: z.boolean(),
  cost: z.object({ estimated: readSchema, actual: readSchema, seconds: z.number() }),
});

export const ruleTestSchema = z.object({
  would_fire: z.boolean(),
  /** Of the alert that fires, or else of the first series, now; null where there is none. */
  value: z.string().nullable(),
  name: z.string(),
  expr: z.string(),
  for: z.string(),
  /** What the rule would have now. */
  alerts: z.array(testedAlertSchema),
  warnings: z.array(z.string()),
  /** What it took to find this out: the evaluations that `for` looks back on. */
  cost: z.object({ estimated: readSchema, actual: readSchema, seconds: z.number() }),
  replay: ruleReplaySchema.optional(),
});

export type RuleTestJson = z.output<typeof ruleTestSchema>;
