import { z } from "zod";

export const INCIDENTS_PATH = "/api/v1/incidents";
export const ALERT_HISTORY_PATH = "/api/v1/alerts/history";

const labelsSchema = z.record(z.string(), z.string());
/** RFC 3339 in UTC. */
const timeSchema = z.string();

/** Characters of who did something, and of what they say about it. */
export const AUTHOR_LENGTH_MAX = 256;
export const COMMENT_LENGTH_MAX = 4096;

/** What a person sends with an action, as JSON or as a form. */
export const incidentActionSchema = z.strictObject({
  /** Who does it. */
  by: z.string().trim().min(1).max(AUTHOR_LENGTH_MAX),
  comment: z.string().max(COMMENT_LENGTH_MAX).optional(),
});

/** An acknowledgement lasts as long as the incident, unless one of the two is given. */
export const acknowledgeSchema = incidentActionSchema.extend({
  /** A duration such as `2h`, or seconds. */
  expires_in: z.string().optional(),
  /** Unix seconds or RFC 3339. */
  until: z.string().optional(),
});

export const commentSchema = incidentActionSchema.extend({
  comment: z.string().trim().min(1).max(COMMENT_LENGTH_MAX),
});

export const incidentSchema = z.object({
  id: z.string(),
  status: z.enum(["firing", "acknowledged", "resolved"]),
  /** As the worst alert's label has it; may be "". */
  severity: z.string(),
  /** What that means: P1 is the most urgent. */
  priority: z.enum(["P1", "P2", "P3", "P4"]),
  receiver: z.string(),
  groupKey: z.string(),
  labels: labelsSchema,
  /** Names of its alerts. */
  rules: z.array(z.string()),
  /** Of an alert that fires, else of one that did. */
  summary: z.string(),
  startedAt: timeSchema,
  openedAt: timeSchema,
  updatedAt: timeSchema,
  resolvedAt: timeSchema.nullable(),
  acknowledgement: z
    .object({
      by: z.string(),
      comment: z.string(),
      at: timeSchema,
      until: timeSchema.nullable(),
      covers: z.array(z.object({ alertname: z.string(), severity: z.string() })),
    })
    .nullable(),
  /** Its alerts go on and off so often that it is not resolved meanwhile. */
  flapping: z.boolean(),
  /** All that fires is silenced, inhibited or muted. */
  suppressed: z.boolean(),
  /** `step`: the last one taken, from 1; 0 before the first. */
  escalation: z
    .object({ policy: z.string(), step: z.number(), nextAt: timeSchema.nullable() })
    .nullable(),
  /** How often people were told, and how often that failed for good. */
  notifications: z.object({ delivered: z.number(), failed: z.number() }),
  /** Alerts that fire now, and at most. */
  firing: z.number(),
  firingMax: z.number(),
});

export const incidentListSchema = z.object({
  incidents: z.array(incidentSchema),
  /** Absent on the last page. */
  cursor: z.string().optional(),
});

export const incidentAlertSchema = z.object({
  fingerprint: z.string(),
  labels: labelsSchema,
  summary: z.string(),
  /** `dismissed`: it fires on, though somebody resolved the incident. */
  state: z.enum(["firing", "resolved", "dismissed"]),
  startsAt: timeSchema,
  endsAt: timeSchema.nullable(),
  /** Such as `silence:<id>`, `alert:<fingerprint>`, `interval:<name>`. */
  suppressedBy: z.array(z.string()),
  generatorURL: z.string(),
});

export const timelineEntrySchema = z.object({
  sequence: z.number(),
  at: timeSchema,
  kind: z.string(),
  /** Of the incident, after it. */
  status: z.string(),
  detail: z.record(z.string(), z.json()),
});

export const incidentDeliverySchema = z.object({
  at: timeSchema,
  integration: z.string(),
  receiver: z.string(),
  reason: z.string(),
  outcome: z.enum(["delivered", "retrying", "failed"]),
  /** From 1. */
  attempt: z.number(),
  error: z.string(),
  /** The same for all attempts at one notification. */
  key: z.string(),
});

export const incidentDetailSchema = incidentSchema.extend({
  alerts: z.array(incidentAlertSchema),
  /** The newest first. */
  timeline: z.array(timelineEntrySchema),
  /** Where the timeline goes on; absent at its end. */
  cursor: z.string().optional(),
  /** Attempts to notify, the newest first. */
  deliveries: z.array(incidentDeliverySchema),
});

export const alertTransitionSchema = z.object({
  at: timeSchema,
  rule: z.string(),
  ruleGroup: z.string(),
  fingerprint: z.string(),
  labels: labelsSchema,
  from: z.enum(["inactive", "pending", "firing", "resolved"]),
  to: z.enum(["inactive", "pending", "firing", "resolved"]),
  /** As PromQL writes it; null where there is none. */
  value: z.string().nullable(),
});

export const alertHistorySchema = z.object({
  transitions: z.array(alertTransitionSchema),
  /** Absent on the last page. */
  cursor: z.string().optional(),
});

export type IncidentJson = z.infer<typeof incidentSchema>;
export type IncidentDetailJson = z.infer<typeof incidentDetailSchema>;
export type IncidentAlertJson = z.infer<typeof incidentAlertSchema>;
export type AlertTransitionJson = z.infer<typeof alertTransitionSchema>;
