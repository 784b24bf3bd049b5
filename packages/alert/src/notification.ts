import type { Labels } from "@pharos/base";
import type { GroupAlert } from "./alert-group.ts";
import type { NotificationReason } from "./notification-plan.ts";

/** What goes to one integration: which group, why, and its alerts. */
export interface Notification {
  readonly receiver: string;
  /** As Alertmanager names groups: `{}/{severity="critical"}:{alertname="Down"}`. */
  readonly groupKey: string;
  readonly groupLabels: Labels;
  /** The labels of the route that the group is under, expanded. */
  readonly routeLabels: Labels;
  readonly reason: NotificationReason;
  /** Sorted by job, instance, labels; a firing one has no end. */
  readonly alerts: readonly GroupAlert[];
  /** What Alertmanager does not know; found out before the first attempt, and undefined where that failed. */
  readonly context?: NotificationContext;
}

/** What helps whoever is told beyond the alerts themselves. */
export interface NotificationContext {
  readonly incident?: NotificationIncident;
  /** "50/100 hosts": how many of all fire. */
  readonly population?: NotificationPopulation;
  /** Where a silence for these alerts can be made. */
  readonly silenceUrl?: string;
  /** Set where an escalation tells, not a route. */
  readonly escalation?: NotificationEscalation;
  /** A picture of the alert's expression over the last while. */
  readonly chart?: NotificationChart;
}

export interface NotificationIncident {
  readonly id: string;
  readonly url: string;
  /** A signed link that acknowledges without a login; undefined once somebody is at it, or it is over. */
  readonly acknowledgeUrl?: string;
  readonly status: "firing" | "acknowledged" | "resolved";
}

export interface NotificationPopulation {
  readonly affected: number;
  readonly total: number;
  /** What is counted, in the plural: `hosts`. */
  readonly label: string;
}

export interface NotificationEscalation {
  readonly policy: string;
  /** From 1. */
  readonly step: number;
  /** Such as "not acknowledged within 10m". */
  readonly reason: string;
}

export interface NotificationChart {
  /** Its title, in one line. */
  readonly title: string;
  /** Where the graph can be seen. */
  readonly url: string;
  /** What the alert's condition compares with. */
  readonly threshold?: number;
  /** In the order of time, evenly spaced; null where there is no value. At most a few hundred points a series. */
  readonly series: readonly {
    readonly name: string;
    readonly points: readonly (readonly [timestampMs: number, value: number | null])[];
  }[];
}
