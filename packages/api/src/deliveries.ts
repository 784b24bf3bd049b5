import { z } from "zod";

export const DELIVERIES_PATH = "/api/v1/deliveries";
export const RECEIVER_TEST_PATH = "/api/v1/receivers/test";
export const TEMPLATE_PREVIEW_PATH = "/api/v1/templates/preview";

const pairs = z.record(z.string(), z.string());

/** One attempt to notify somebody. */
export const deliverySchema = z.object({
  id: z.string(),
  /** RFC 3339: when it began. */
  at: z.string(),
  /** Of the notification: the same for all its attempts, and sent along. */
  key: z.string(),
  /** `team/webhook[0]`. */
  integration: z.string(),
  receiver: z.string(),
  groupKey: z.string(),
  /** The incident that it was about; null where there is none, as with alerts that nothing follows. */
  incident: z.string().nullable(),
  /** Why this notification was sent, such as "first notification". */
  reason: z.string(),
  /** Alerts that it told as firing, and as resolved. */
  firing: z.number(),
  resolved: z.number(),
  outcome: z.enum(["delivered", "retrying", "failed"]),
  /** "" where it was delivered. */
  error: z.string(),
  /** From 1. */
  attempt: z.number(),
  durationMs: z.number(),
  /** Which server sent it. */
  server: z.string(),
});
export type DeliveryJson = z.output<typeof deliverySchema>;

export const deliveryListSchema = z.object({
  deliveries: z.array(deliverySchema),
  /** Absent on the last page. */
  cursor: z.string().optional(),
});

/** Which receiver is tried out: one that is configured, by its name, or one as `alertmanager.yml` would have it. */
export const receiverTestBodySchema = z.strictObject({
  receiver: z.string().optional(),
  /** Only this integration of it: `team/webhook[0]`. */
  integration: z.string().optional(),
  config: z.looseObject({ name: z.string().min(1) }).optional(),
  /** Beside `config`: as `global` of an `alertmanager.yml`. */
  global: z.looseObject({}).optional(),
  /** Of the alert that is sent, beside the usual ones. */
  labels: pairs.optional(),
  annotations: pairs.optional(),
});

export const receiverTestSchema = z.object({
  receiver: z.string(),
  integrations: z.array(
    z.object({
      integration: z.string(),
      status: z.enum(["delivered", "failed"]),
      /** Why it failed, without secrets. */
      error: z.string().optional(),
      /** Whether another attempt may go better. */
      transient: z.boolean().optional(),
      durationMs: z.number(),
    }),
  ),
});

/** UTF-16 units of a template that is tried out, and of definitions for it. */
const TEMPLATE_LENGTH_MAX = 1024 * 1024;

/** A text with a template in it, and which alerts it is filled in with: those of one group, or a made-up one. */
export const templatePreviewBodySchema = z.strictObject({
  template: z.string().max(TEMPLATE_LENGTH_MAX),
  /** A file of templates, as `templates:` names them, beside those that are configured. */
  definitions: z.string().max(TEMPLATE_LENGTH_MAX).optional(),
  /** Whether values are escaped for HTML, as in mails. */
  html: z.boolean().optional(),
  /** Of a group of this receiver, */
  receiver: z.string().optional(),
  /** of this key, */
  groupKey: z.string().optional(),
  /** and with an alert that has all of these: `severity="critical"`. */
  matchers: z.array(z.string()).max(100).optional(),
});

export const templatePreviewSchema = z.object({
  text: z.string(),
  receiver: z.string(),
  groupKey: z.string(),
  alerts: z.number(),
  /** No group of alerts is as it was asked for: the alert is made up. */
  isSample: z.boolean(),
});
