import { z } from "zod";

/** The release of Alertmanager whose API and configuration these are: what its clients compare versions with. */
export const ALERTMANAGER_VERSION = "0.34.0";

/** Where Mimir, Cortex and most proxies have Alertmanager. */
export const ALERTMANAGER_PREFIX = "/alertmanager";
/** Where its API is. */
export const ALERTMANAGER_PATHS: readonly string[] = ["/api/v2", `${ALERTMANAGER_PREFIX}/api/v2`];

const labelSet = z.record(z.string(), z.string());
/** An object as its pairs: `__proto__` is a name as good as others, which a record would leave out. */
const postedPairs = z.transform((value: unknown, { issues }): (readonly [string, string])[] => {
  const pairs: (readonly [string, string])[] = [];
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    issues.push({ code: "invalid_type", expected: "record", input: value });
    return pairs;
  }
  for (const [name, text] of Object.entries(value) as [string, unknown][])
    if (typeof text === "string") pairs.push([name, text]);
    else issues.push({ code: "invalid_type", expected: "string", input: text, path: [name] });
  return pairs;
});
/** RFC 3339; null and the year 1 are as good as nothing. */
const time = z.string().nullish();

/** One alert as somebody posts it. Keys in alphabetical order: of several mistakes, Alertmanager names that of the first. */
const postableAlertSchema = z.object({
  annotations: postedPairs.nullish(),
  endsAt: time,
  generatorURL: z.string().nullish(),
  labels: postedPairs,
  startsAt: time,
});
export const postableAlertsSchema = z.array(postableAlertSchema).nullable();
export type PostableAlert = z.output<typeof postableAlertSchema>;

export const apiMatcherSchema = z.object({
  isEqual: z.boolean().nullish(),
  isRegex: z.boolean(),
  name: z.string(),
  value: z.string(),
});

/** A silence as somebody posts it. */
export const postableSilenceSchema = z.object({
  annotations: postedPairs.nullish(),
  comment: z.string(),
  createdBy: z.string(),
  endsAt: z.string(),
  id: z.string().nullish(),
  matchers: z.array(apiMatcherSchema).min(1),
  startsAt: z.string(),
});
export type PostableSilence = z.output<typeof postableSilenceSchema>;

const receiverSchema = z.object({ name: z.string(), labels: labelSet.optional() });

/** An alert as it is shown. */
export const gettableAlertSchema = z.object({
  annotations: labelSet,
  endsAt: z.string(),
  fingerprint: z.string(),
  receivers: z.array(z.object({ name: z.string() })),
  startsAt: z.string(),
  status: z.object({
    inhibitedBy: z.array(z.string()),
    mutedBy: z.array(z.string()),
    silencedBy: z.array(z.string()),
    state: z.enum(["unprocessed", "active", "suppressed"]),
  }),
  updatedAt: z.string(),
  generatorURL: z.string().optional(),
  labels: labelSet,
});

export const alertGroupSchema = z.object({
  alerts: z.array(gettableAlertSchema),
  labels: labelSet,
  receiver: z.object({ name: z.string() }),
  routeLabels: labelSet,
});

/** A silence as it is shown. */
export const gettableSilenceSchema = z.object({
  id: z.string(),
  status: z.object({ state: z.enum(["expired", "active", "pending"]) }),
  updatedAt: z.string(),
  annotations: labelSet.optional(),
  comment: z.string(),
  createdBy: z.string(),
  endsAt: z.string(),
  matchers: z.array(apiMatcherSchema.extend({ isEqual: z.boolean() })),
  startsAt: z.string(),
  /** Of Pharos: set for one that hides alerts again and again. */
  recurrence: z
    .object({ rrule: z.string(), duration: z.string(), timeZone: z.string() })
    .optional(),
});

export const alertmanagerStatusSchema = z.object({
  cluster: z.object({
    name: z.string().optional(),
    peers: z.array(z.object({ name: z.string(), address: z.string() })),
    status: z.enum(["ready", "settling", "disabled"]),
  }),
  config: z.object({ original: z.string() }),
  uptime: z.string(),
  versionInfo: z.object({
    branch: z.string(),
    buildDate: z.string(),
    buildUser: z.string(),
    goVersion: z.string(),
    revision: z.string(),
    version: z.string(),
  }),
});
export const receiversSchema = z.array(receiverSchema);
