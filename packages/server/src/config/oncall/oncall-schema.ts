import { PRIORITIES } from "@pharos/alert";
import { INTEGRATION_KINDS } from "@pharos/notify";
import { z } from "zod";
import { matchersSchema } from "../alertmanager/matcher-config.ts";
import { writtenInterval } from "../alertmanager/time-interval-config.ts";
import { duration, positiveDuration } from "../field-schemas.ts";

const name = z.string().min(1);
const names = z.array(name).min(1);

/** One entry of `contacts`; its own integrations are read by themselves. */
export const contactSchema = z.strictObject({
  name,
  /** Names of receivers of alertmanager.yml. */
  receivers: z.array(name).default([]),
  /** Short for an entry of `email_configs` with this address. */
  email: name.optional(),
  ...Object.fromEntries(
    INTEGRATION_KINDS.map((kind) => [`${kind}_configs`, z.array(z.unknown()).optional()]),
  ),
});

export const teamSchema = z.strictObject({ name, members: names });

const WEEKDAYS = [
  "monday",
  "tuesday",
  "wednesday",
  "thursday",
  "friday",
  "saturday",
  "sunday",
] as const;

/** From 1 for Monday to 7. */
const weekday = z.enum(WEEKDAYS).transform((day) => WEEKDAYS.indexOf(day) + 1);

const LOCAL_TIME = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?)?$/;
export const LOCAL_TIME_HINT = "expected a local date and time such as 2026-01-05T09:00";

/** A date and a time of the day on the clock of a zone, which is said elsewhere. */
export const localTime = z.string().transform((text, context) => {
  try {
    if (LOCAL_TIME.test(text))
      return Temporal.PlainDateTime.from(text, { overflow: "reject" }).toString();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  context.addIssue({ code: "custom", message: `${JSON.stringify(text)}: ${LOCAL_TIME_HINT}` });
  return z.NEVER;
});

export const layerSchema = z.strictObject({
  name: name.optional(),
  participants: names,
  starts: localTime,
  ends: localTime.optional(),
  /** How long a turn lasts. */
  every: positiveDuration.optional(),
  /** Or the days on which turns end. */
  handover_days: z.array(weekday).min(1).optional(),
  restrictions: z.array(writtenInterval).min(1).optional(),
});

export const scheduleSchema = z.strictObject({
  name,
  time_zone: z.string().default("UTC"),
  layers: z.array(layerSchema).min(1),
  overrides: z.array(z.strictObject({ contact: name, from: localTime, to: localTime })).default([]),
});

export const targetSchema = z.strictObject({
  contact: name.optional(),
  team: name.optional(),
  schedule: name.optional(),
  receiver: name.optional(),
});

export const policySchema = z.strictObject({
  name,
  severities: names.optional(),
  priorities: z.array(z.enum(PRIORITIES)).min(1).optional(),
  matchers: matchersSchema,
  steps: z
    .array(z.strictObject({ after: duration.default(0), notify: z.array(targetSchema).min(1) }))
    .min(1),
  repeat: z
    .strictObject({ after: positiveDuration, times: z.number().int().min(1).max(100) })
    .optional(),
});

/** Each one is kept for some days, so that it is sent once. */
const heartbeatInterval = duration.refine((ms) => ms >= 15_000, "must be at least 15s");

export const deadMansSwitchSchema = z.strictObject({
  send: z.strictObject({ receivers: names, every: heartbeatInterval.default(60_000) }).optional(),
  expect: z
    .array(
      z.strictObject({
        name,
        matchers: matchersSchema,
        within: positiveDuration,
        severity: name.default("critical"),
      }),
    )
    .default([]),
});

export const silenceReminderSchema = z.strictObject({
  receivers: names,
  before: positiveDuration.default(15 * 60_000),
});

export const incidentsSchema = z.strictObject({
  acknowledgement_expires_in: positiveDuration.optional(),
});

/** The whole file. */
export const oncallSchema = z.strictObject({
  contacts: z.array(contactSchema).default([]),
  teams: z.array(teamSchema).default([]),
  schedules: z.array(scheduleSchema).default([]),
  policies: z.array(policySchema).default([]),
  dead_mans_switch: deadMansSwitchSchema.prefault({}),
  silence_reminder: silenceReminderSchema.optional(),
  incidents: incidentsSchema.prefault({}),
});
