import { z } from "zod";
import { apiMatcherSchema, gettableSilenceSchema } from "./alertmanager.ts";
import { AUTHOR_LENGTH_MAX, COMMENT_LENGTH_MAX } from "./incidents.ts";

export const ONCALL_PATH = "/api/v1/oncall";
export const HEARTBEATS_PATH = "/api/v1/heartbeats";
export const SILENCES_PATH = "/api/v1/silences";

const labelsSchema = z.record(z.string(), z.string());
/** RFC 3339 in UTC. */
const timeSchema = z.string();

const author = z.string().trim().min(1).max(AUTHOR_LENGTH_MAX);
const comment = z.string().max(COMMENT_LENGTH_MAX).optional();

/** Who is on call, and by what: a layer's name, or an override's id. */
export const onDutySchema = z.object({
  contact: z.string(),
  layer: z.string().nullable(),
  override: z.string().nullable(),
});

export const shiftSchema = z.object({
  /** Null where nobody is on call. */
  onDuty: onDutySchema.nullable(),
  startsAt: timeSchema,
  endsAt: timeSchema,
});

const targetSchema = z.object({
  kind: z.enum(["contact", "team", "schedule", "receiver"]),
  name: z.string(),
});

/** Who is on call now and next, and who is called when nobody acknowledges. */
export const oncallSchema = z.object({
  schedules: z.array(
    z.object({
      name: z.string(),
      timeZone: z.string(),
      now: onDutySchema.nullable(),
      /** Null where nobody takes over within two months. */
      until: timeSchema.nullable(),
      next: shiftSchema.nullable(),
    }),
  ),
  contacts: z.array(z.object({ name: z.string(), receivers: z.array(z.string()) })),
  teams: z.array(z.object({ name: z.string(), members: z.array(z.string()) })),
  policies: z.array(
    z.object({
      name: z.string(),
      severities: z.array(z.string()).nullable(),
      priorities: z.array(z.string()).nullable(),
      matchers: z.array(z.string()),
      steps: z.array(z.object({ after: z.string(), notify: z.array(targetSchema) })),
      repeat: z.object({ after: z.string(), times: z.number() }).nullable(),
    }),
  ),
});
export type OnCallJson = z.output<typeof oncallSchema>;

export const shiftListSchema = z.object({
  schedule: z.string(),
  timeZone: z.string(),
  shifts: z.array(shiftSchema),
  /** Each layer as if there were no other and no override, the last that counts most. */
  layers: z.array(z.object({ name: z.string(), shifts: z.array(shiftSchema) })),
});

/** What a person sends to stand in for somebody. */
export const overrideBodySchema = z.strictObject({
  contact: z.string().min(1),
  /** RFC 3339, or Unix seconds as text. */
  start: z.string(),
  end: z.string(),
  by: author,
  comment,
});

export const overrideSchema = z.object({
  id: z.string(),
  schedule: z.string(),
  contact: z.string(),
  startsAt: timeSchema,
  endsAt: timeSchema,
  by: z.string(),
  comment: z.string(),
  createdAt: timeSchema,
});

export const overrideListSchema = z.object({ overrides: z.array(overrideSchema) });

export const pagePreviewBodySchema = z.strictObject({
  labels: labelsSchema,
  /** RFC 3339, or Unix seconds as text; now, and in an hour, unless given. */
  at: z.string().optional(),
});

/** Who gets paged for an alert with these labels that begins at a time. */
export const pagePreviewSchema = z.object({
  labels: labelsSchema,
  times: z.array(
    z.object({
      at: timeSchema,
      /** Whether anybody is told at all. */
      told: z.boolean(),
      silencedBy: z.array(z.string()),
      inhibitedBy: z.array(z.string()),
      /** The nodes of the tree of routes that take it, in order. */
      routes: z.array(
        z.object({
          key: z.string(),
          receiver: z.string(),
          integrations: z.array(z.string()),
          groupWait: z.string(),
          /** Names of time intervals. */
          mutedBy: z.array(z.string()),
        }),
      ),
      /** Null where no policy is for it, or where it is hidden. */
      escalation: z
        .object({
          policy: z.string(),
          steps: z.array(
            z.object({
              step: z.number(),
              at: timeSchema,
              names: z.array(z.string()),
              receivers: z.array(z.string()),
              gaps: z.array(z.string()),
            }),
          ),
        })
        .nullable(),
    }),
  ),
});
export type PagePreviewJson = z.output<typeof pagePreviewSchema>;

export const heartbeatSchema = z.object({
  name: z.string(),
  within: z.string(),
  /** Null where it was never heard of. */
  lastSeen: timeSchema.nullable(),
  /** Null while it is there. */
  missingSince: timeSchema.nullable(),
});

export const heartbeatListSchema = z.object({ heartbeats: z.array(heartbeatSchema) });

/** A matcher as text, `team=~"a|b"`, or as Alertmanager has it. */
const matcherSchema = z.union([z.string(), apiMatcherSchema]);

const recurrenceSchema = z.strictObject({
  /** RFC 5545, such as FREQ=WEEKLY;BYDAY=SU. */
  rrule: z.string(),
  /** How long each window lasts, such as 4h. */
  duration: z.string(),
  /** UTC unless given. */
  timeZone: z.string().optional(),
});

/** What a silence is for, and when it hides where that is asked as well. */
export const silencePreviewBodySchema = z.strictObject({
  matchers: z.array(matcherSchema).min(1),
  /** Now unless given. */
  startsAt: z.string().optional(),
  endsAt: z.string().optional(),
  recurrence: recurrenceSchema.optional(),
});

/** A silence that may hide alerts again and again. */
export const silenceBodySchema = z.strictObject({
  /** Of the one that it takes the place of. */
  id: z.string().optional(),
  matchers: z.array(matcherSchema).min(1),
  /** Now unless given. RFC 3339, or Unix seconds as text; when in the day a recurring one begins. */
  startsAt: z.string().optional(),
  endsAt: z.string(),
  createdBy: author,
  comment,
  annotations: labelsSchema.optional(),
  recurrence: recurrenceSchema.optional(),
});

const timeWindowSchema = z.object({ startsAt: timeSchema, endsAt: timeSchema });

/** A silence as it is kept, and when it hides alerts: the window that it is in, else the next. */
export const keptSilenceSchema = gettableSilenceSchema.extend({
  window: timeWindowSchema.nullable(),
});

/** What a silence would hide now. */
export const silencePreviewSchema = z.object({
  /** How many alerts fire, of which `count` would be hidden. */
  total: z.number(),
  count: z.number(),
  /** The first ones. */
  alerts: z.array(
    z.object({
      fingerprint: z.string(),
      labels: labelsSchema,
      /** Ids of silences that hide it already. */
      silencedBy: z.array(z.string()),
    }),
  ),
  /** When it hides, from now on: the first ones, where its end was said. */
  windows: z.array(timeWindowSchema),
});
