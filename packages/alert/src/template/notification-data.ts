import type { Label, Labels } from "@pharos/base";
import type { GroupAlert } from "../alert-group.ts";
import { fingerprint } from "../fingerprint.ts";
import type { Notification, NotificationContext } from "../notification.ts";
import { kv, ZERO_TIME_MS } from "./members.ts";
import { localTime, type NotificationContextValues } from "./notification-functions.ts";
import { int, type StructValue, type Value } from "./value.ts";

/** By this name a mail's text shows the chart that is attached: `<img src="cid:…">`. */
export const CHART_CONTENT_ID = "chart@pharos";

/** What templates cannot know from a notification itself. */
export interface NotificationEnvironment {
  /** Where this server is reached from outside, without a slash at the end. */
  readonly externalUrl: string;
  readonly nowMs: number;
  /** An IANA name: what `.Local` turns times to. */
  readonly timeZone?: string;
}

/** A notification as templates see it; `notificationData` makes it once for all texts of a message. */
export interface NotificationData {
  readonly root: Value;
  readonly values: NotificationContextValues;
  readonly status: "firing" | "resolved";
}

/** Alertmanager's `Data`, and beside it what Pharos knows of the incident. */
export function notificationData(
  notification: Notification,
  { externalUrl, nowMs, timeZone = "UTC" }: NotificationEnvironment,
): NotificationData {
  const { alerts, context } = notification;
  const status = alerts.some(({ endsAtMs }) => endsAtMs === null) ? "firing" : "resolved";
  const root = struct([
    ["Receiver", quoteMeta(notification.receiver)],
    ["Status", status],
    ["Alerts", { kind: "list", items: alerts.map((alert) => alertValue(alert)), type: "Alerts" }],
    ["GroupLabels", kv(notification.groupLabels)],
    ["CommonLabels", kv(commonPairs(alerts.map(({ labels }) => labels)))],
    ["CommonAnnotations", kv(commonPairs(alerts.map(({ annotations }) => annotations)))],
    ["ExternalURL", externalUrl],
    ["GroupKey", notification.groupKey],
    ["TruncatedAlerts", int(0)],
    ["NotificationReason", notification.reason],
    ["RouteLabels", kv(notification.routeLabels)],
    ...contextFields(context),
  ]);
  const routeLabels = new Map(notification.routeLabels);
  return { root, values: { nowMs, timeZone, routeLabels }, status };
}

/** The pairs of the first list that all others have; as in Alertmanager, those without a name have "" there. */
export function commonPairs(lists: readonly (readonly Label[])[]): Label[] {
  const [first = [], ...rest] = lists;
  const common = new Map(first);
  for (const list of rest) {
    if (common.size === 0) break;
    const other = new Map(list);
    for (const [name, value] of common) if ((other.get(name) ?? "") !== value) common.delete(name);
  }
  return [...common];
}

/** Alertmanager gives templates and webhooks the receiver's name as a regular expression that matches it. */
export function quoteMeta(text: string): string {
  return text.replace(/[\\.+*?()|[\]{}^$]/g, "\\$&");
}

function alertValue(alert: GroupAlert): StructValue {
  return struct([
    ["Status", alert.endsAtMs === null ? "firing" : "resolved"],
    ["Labels", kv(alert.labels)],
    ["Annotations", kv(alert.annotations)],
    ["StartsAt", localTime(alert.startsAtMs, "UTC")],
    ["EndsAt", localTime(alert.endsAtMs ?? ZERO_TIME_MS, "UTC")],
    ["GeneratorURL", alert.generatorUrl],
    ["Fingerprint", fingerprint(alert.labels as Labels)],
  ]);
}

/** What is not known is nil, so that `{{ with .Incident }}` asks for it. */
function contextFields(context: NotificationContext | undefined): (readonly [string, Value])[] {
  const { incident, population, silenceUrl, escalation, chart } = context ?? {};
  return [
    [
      "Incident",
      incident === undefined
        ? null
        : struct([
            ["ID", incident.id],
            ["URL", incident.url],
            ["AcknowledgeURL", incident.acknowledgeUrl ?? ""],
            ["Status", incident.status],
          ]),
    ],
    [
      "Population",
      population === undefined
        ? null
        : struct([
            ["Affected", int(population.affected)],
            ["Total", int(population.total)],
            ["Label", population.label],
          ]),
    ],
    ["SilenceURL", silenceUrl ?? ""],
    [
      "Escalation",
      escalation === undefined
        ? null
        : struct([
            ["Policy", escalation.policy],
            ["Step", int(escalation.step)],
            ["Reason", escalation.reason],
          ]),
    ],
    [
      "Chart",
      chart === undefined
        ? null
        : struct([
            ["Title", chart.title],
            ["URL", chart.url],
            ["ContentID", CHART_CONTENT_ID],
          ]),
    ],
  ];
}

function struct(fields: readonly (readonly [string, Value])[]): StructValue {
  return { kind: "struct", fields: new Map(fields), json: "lower" };
}
