import type { Label } from "@pharos/base";
import type { GroupAlert } from "./alert-group.ts";
import { fingerprint } from "./fingerprint.ts";
import type { Notification } from "./notification.ts";
import type { NotificationReason } from "./notification-plan.ts";
import { commonPairs, quoteMeta } from "./template/notification-data.ts";

/** The body that Alertmanager's webhook receivers read, version 4. */
export interface WebhookPayload {
  readonly version: "4";
  readonly groupKey: string;
  readonly truncatedAlerts: number;
  readonly status: "firing" | "resolved";
  /** As a regular expression that matches its name: that is how Alertmanager writes it. */
  readonly receiver: string;
  readonly groupLabels: Readonly<Record<string, string>>;
  readonly commonLabels: Readonly<Record<string, string>>;
  readonly commonAnnotations: Readonly<Record<string, string>>;
  readonly externalURL: string;
  readonly notification_reason: NotificationReason;
  readonly alerts: readonly WebhookAlert[];
}

export interface WebhookAlert {
  readonly status: "firing" | "resolved";
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** RFC 3339, UTC. */
  readonly startsAt: string;
  /** Of a firing alert, Go's zero time. */
  readonly endsAt: string;
  readonly generatorURL: string;
  readonly fingerprint: string;
}

const ZERO_TIME = "0001-01-01T00:00:00Z";

/** At most `alertsMax` alerts go into the body (0 for all); `truncatedAlerts` counts the others. */
export function webhookPayload(
  { receiver, groupKey, groupLabels, reason, alerts: all }: Notification,
  { alertsMax, externalUrl }: { readonly alertsMax: number; readonly externalUrl: string },
): WebhookPayload {
  const alerts = alertsMax > 0 ? all.slice(0, alertsMax) : all;
  return {
    version: "4",
    groupKey,
    truncatedAlerts: all.length - alerts.length,
    status: alerts.some((alert) => alert.endsAtMs === null) ? "firing" : "resolved",
    receiver: quoteMeta(receiver),
    groupLabels: record(groupLabels),
    commonLabels: record(commonPairs(alerts.map((alert) => alert.labels))),
    commonAnnotations: record(commonPairs(alerts.map((alert) => alert.annotations))),
    externalURL: externalUrl,
    notification_reason: reason,
    alerts: alerts.map(webhookAlert),
  };
}

function webhookAlert(alert: GroupAlert): WebhookAlert {
  return {
    status: alert.endsAtMs === null ? "firing" : "resolved",
    labels: record(alert.labels),
    annotations: record(alert.annotations),
    startsAt: goTime(alert.startsAtMs),
    endsAt: alert.endsAtMs === null ? ZERO_TIME : goTime(alert.endsAtMs),
    generatorURL: alert.generatorUrl,
    fingerprint: fingerprint(alert.labels),
  };
}

/** As Go writes times in JSON: `12:00:00Z`, `12:00:00.5Z`. */
function goTime(ms: number): string {
  return new Date(ms)
    .toISOString()
    .replace(/(\.\d*?)0+Z$/, (_all, kept: string) => (kept === "." ? "Z" : `${kept}Z`));
}

/** A plain object for JSON, safe for a label named `__proto__`. */
function record(pairs: readonly Label[]): Readonly<Record<string, string>> {
  return Object.fromEntries(pairs);
}
