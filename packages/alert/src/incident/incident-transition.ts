import type { Labels } from "@pharos/base";
import type { AlertKind, IncidentStatus } from "./incident.ts";
import type { Priority } from "./severity.ts";

/** So many alerts are named in one transition; of the others it has the number. */
export const ALERTS_NAMED_MAX = 10;

/** One thing that happened to an incident; all of them are its timeline. */
export type IncidentTransition = {
  /** Never before that of the transition before. */
  readonly atMs: number;
  /** Of the incident, after it. */
  readonly status: IncidentStatus;
} & TransitionDetail;

export type TransitionKind = TransitionDetail["kind"];

export type TransitionDetail =
  | { readonly kind: "opened"; readonly alerts: NamedAlerts }
  | { readonly kind: "alerts"; readonly started: NamedAlerts; readonly ended: NamedAlerts }
  | { readonly kind: "priority"; readonly from: Priority; readonly to: Priority }
  | ({
      readonly kind: "acknowledged";
      readonly untilMs: number | null;
      readonly covers: readonly AlertKind[];
    } & Remark)
  | ({ readonly kind: "unacknowledged" } & Remark)
  | { readonly kind: "acknowledgement_expired"; readonly by: string }
  /** Something fires that the acknowledgement is not for. */
  | { readonly kind: "reopened"; readonly alertKinds: readonly AlertKind[] }
  /** What the acknowledgement is not for is over; the rest goes on. */
  | { readonly kind: "covered"; readonly by: string }
  | { readonly kind: "suppressed"; readonly suppressedBy: readonly string[] }
  | { readonly kind: "unsuppressed" }
  | { readonly kind: "flapping_started" }
  | { readonly kind: "flapping_ended" }
  | ({ readonly kind: "commented" } & Remark)
  | ({ readonly kind: "notified" } & NotificationResult)
  | ({ readonly kind: "escalated" } & EscalationResult)
  | ({ readonly kind: "resolved"; readonly cause: ResolutionCause } & Remark);

/** Why an incident ended: its alerts did, a person said so, or its alerts belong to other groups since a reload. */
export type ResolutionCause = "alerts" | "person" | "regrouped";

export interface Remark {
  /** Who; "" where nobody but Pharos did it. */
  readonly by: string;
  readonly comment: string;
}

export interface NamedAlerts {
  readonly count: number;
  /** The first `ALERTS_NAMED_MAX` of them. */
  readonly named: readonly { readonly fingerprint: string; readonly labels: Labels }[];
}

/** What became of one notification. */
export interface NotificationResult {
  /** The idempotency key, by which the delivery log has its attempts. */
  readonly notification: string;
  /** Such as `team/webhook[0]`. */
  readonly integration: string;
  readonly receiver: string;
  readonly outcome: "delivered" | "failed";
  /** "" where it was delivered. */
  readonly error: string;
}

export interface EscalationResult {
  readonly policy: string;
  /** From 1. */
  readonly step: number;
  /** Receivers, or people, that were told. */
  readonly targets: readonly string[];
  /** Such as "not acknowledged within 10m". */
  readonly reason: string;
}
