import { unreachable } from "@pharos/base";
import {
  DEFAULT_FLAP_POLICY,
  type FlapPolicy,
  type FlapState,
  noteFlap,
  quiet,
  settledFlaps,
  stableAtMs,
} from "./flapping.ts";
import {
  type Acknowledgement,
  firingAlerts,
  GROUP_FLAP,
  type Incident,
  type IncidentAlert,
  type IncidentEscalation,
  type IncidentGroup,
  type IncidentStatus,
  incidentId,
  isCovered,
  worstSeverity,
} from "./incident.ts";
import {
  alertKinds,
  endedBy,
  fired,
  isSameState,
  mapAlerts,
  named,
  type ObservedAlert,
  stopped,
  withAlerts,
  withoutOldEnds,
} from "./incident-alerts.ts";
import {
  ALERTS_NAMED_MAX,
  type EscalationResult,
  type IncidentTransition,
  type NotificationResult,
  type Remark,
  type TransitionDetail,
} from "./incident-transition.ts";

export type IncidentEvent =
  /** Alerts of the group that began, changed or ended. Opens an incident where one fires and none is open. */
  | {
      readonly kind: "alerts";
      readonly group: IncidentGroup;
      readonly alerts: readonly ObservedAlert[];
      /** What a new incident begins with: alerts that were acknowledged in the group that they come from. */
      readonly acknowledgement?: Acknowledgement;
    }
  /** Time has gone by: see `nextStepMs`. */
  | { readonly kind: "time" }
  /** `untilMs` must lie ahead. */
  | ({ readonly kind: "acknowledge"; readonly untilMs: number | null } & Remark)
  | ({ readonly kind: "unacknowledge" } & Remark)
  /** A person calls it over. What fires on is dismissed: it opens another incident only when it fires anew. */
  | ({ readonly kind: "resolve" } & Remark)
  | ({ readonly kind: "comment" } & Remark)
  | ({ readonly kind: "notified" } & NotificationResult)
  /** Where the escalation stands; with `told`, because a step was taken. */
  | {
      readonly kind: "escalation";
      readonly escalation: IncidentEscalation | null;
      readonly told?: EscalationResult;
      /** The receivers that were told by it. */
      readonly receivers?: readonly string[];
    }
  /** Its alerts belong to other groups now. */
  | { readonly kind: "regrouped" };

export interface IncidentStep {
  /** Undefined where there was none and nothing fires. The same object as before where nothing is different. */
  readonly incident: Incident | undefined;
  /** Those of `incident`, in order. */
  readonly transitions: readonly IncidentTransition[];
  /** The incident before, where another was opened in its place. */
  readonly superseded: Incident | undefined;
}

/**
 * The life of an incident. Once resolved it stays so: alerts that fire then open another one. What asks for something
 * that cannot be (acknowledging what is over) changes nothing and gives no transition.
 */
export function stepIncident(
  before: Incident | undefined,
  event: IncidentEvent,
  nowMs: number,
  policy: FlapPolicy = DEFAULT_FLAP_POLICY,
): IncidentStep {
  if (before === undefined || before.status === "resolved")
    return event.kind === "alerts"
      ? openOrWait(before, event, nowMs, policy)
      : afterTheEnd(before, event, nowMs);
  const draft = new Draft(before, nowMs);
  act(draft, event, nowMs);
  if (draft.status !== "resolved") settle(draft, nowMs, policy);
  return { ...draft.done(), superseded: undefined };
}

/** When to step again with `time` though nothing is heard; undefined for never. */
export function nextStepMs(
  incident: Incident,
  policy: FlapPolicy = DEFAULT_FLAP_POLICY,
): number | undefined {
  let nextMs = Number.POSITIVE_INFINITY;
  for (const alert of incident.alerts.values())
    if (alert.firing && alert.endsAtMs !== null) nextMs = Math.min(nextMs, alert.endsAtMs);
  if (incident.status !== "resolved") {
    nextMs = Math.min(nextMs, incident.acknowledgement?.untilMs ?? Number.POSITIVE_INFINITY);
    for (const flap of incident.flaps.values())
      nextMs = Math.min(nextMs, stableAtMs(flap, policy) ?? Number.POSITIVE_INFINITY);
  }
  return nextMs === Number.POSITIVE_INFINITY ? undefined : nextMs;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** An incident on its way to what it is next. */
class Draft {
  readonly before: Incident;
  readonly next: Mutable<Incident>;
  readonly transitions: IncidentTransition[] = [];
  readonly #atMs: number;

  constructor(before: Incident, nowMs: number) {
    this.before = before;
    this.next = { ...before };
    this.#atMs = Math.max(nowMs, before.updatedAtMs);
  }

  get status(): IncidentStatus {
    return this.next.status;
  }

  note(detail: TransitionDetail, status: IncidentStatus = this.next.status): void {
    this.next.status = status;
    this.next.updatedAtMs = this.#atMs;
    this.next.transitionCount++;
    this.transitions.push({ atMs: this.#atMs, status, ...detail });
  }

  resolve(detail: Extract<TransitionDetail, { kind: "resolved" }>): void {
    this.next.resolvedAtMs = this.#atMs;
    this.next.escalation = null;
    this.note(detail, "resolved");
  }

  done(): { incident: Incident; transitions: readonly IncidentTransition[] } {
    const keys = Object.keys(this.next) as (keyof Incident)[];
    const same = keys.every((key) => this.next[key] === this.before[key]);
    return { incident: same ? this.before : this.next, transitions: this.transitions };
  }
}

/** What an event says by itself; what follows from it for the state is `settle`'s. */
function act(draft: Draft, event: IncidentEvent, nowMs: number): void {
  const { next } = draft;
  switch (event.kind) {
    case "alerts":
      next.alerts = withAlerts(next.alerts, event.alerts);
      return;
    case "time":
      return;
    case "acknowledge": {
      const { by, comment, untilMs } = event;
      const covers = alertKinds([...next.alerts.values()].filter((alert) => !alert.dismissed));
      next.acknowledgement = { by, comment, atMs: nowMs, untilMs, covers };
      next.escalation = null;
      draft.note({ kind: "acknowledged", by, comment, untilMs, covers }, "acknowledged");
      return;
    }
    case "unacknowledge":
      if (next.acknowledgement === null) return;
      next.acknowledgement = null;
      draft.note({ kind: "unacknowledged", by: event.by, comment: event.comment }, "firing");
      return;
    case "resolve":
      next.alerts = mapAlerts(next.alerts, (alert) =>
        alert.firing && !alert.dismissed ? { ...alert, dismissed: true } : alert,
      );
      draft.resolve({ kind: "resolved", cause: "person", by: event.by, comment: event.comment });
      return;
    case "regrouped":
      next.alerts = mapAlerts(next.alerts, stopped);
      draft.resolve({ kind: "resolved", cause: "regrouped", by: "", comment: "" });
      return;
    case "comment":
    case "notified":
    case "escalation":
      remark(draft, event);
      return;
    default:
      unreachable(event);
  }
}

type RemarkEvent = Extract<IncidentEvent, { kind: "comment" | "notified" | "escalation" }>;

function remark(draft: Draft, event: RemarkEvent): void {
  const { next } = draft;
  switch (event.kind) {
    case "comment":
      draft.note({ kind: "commented", by: event.by, comment: event.comment });
      return;
    case "notified": {
      const { notification, integration, receiver, outcome, error } = event;
      if (outcome === "delivered") next.notificationCount++;
      else next.failedNotificationCount++;
      draft.note({ kind: "notified", notification, integration, receiver, outcome, error });
      return;
    }
    case "escalation":
      if (draft.status !== "resolved") next.escalation = event.escalation;
      next.pagedReceivers = withNew(next.pagedReceivers, event.receivers ?? []);
      if (event.told !== undefined) draft.note({ kind: "escalated", ...event.told });
      return;
    default:
      unreachable(event);
  }
}

/** Of an incident that is over, people may still speak, and what was on its way arrives. */
function afterTheEnd(
  before: Incident | undefined,
  event: Exclude<IncidentEvent, { kind: "alerts" }>,
  nowMs: number,
): IncidentStep {
  if (before === undefined) return { incident: undefined, transitions: [], superseded: undefined };
  const draft = new Draft(before, nowMs);
  if (event.kind === "comment" || event.kind === "notified" || event.kind === "escalation")
    remark(draft, event);
  else if (event.kind === "time")
    draft.next.alerts = mapAlerts(before.alerts, (alert) => endedBy(alert, nowMs));
  else if (event.kind === "regrouped") draft.next.alerts = mapAlerts(before.alerts, stopped);
  return { ...draft.done(), superseded: undefined };
}

/** Opens an incident where an alert fires that nobody has dismissed. */
function openOrWait(
  last: Incident | undefined,
  event: Extract<IncidentEvent, { kind: "alerts" }>,
  nowMs: number,
  policy: FlapPolicy,
): IncidentStep {
  // Of the last incident only what was dismissed may still fire.
  const dismissed = new Map<string, IncidentAlert>();
  for (const [id, alert] of last?.alerts ?? []) if (alert.dismissed) dismissed.set(id, alert);
  const alerts = mapAlerts(withAlerts(dismissed, event.alerts), (alert) =>
    endedBy(fired(alert, nowMs), nowMs),
  );
  const firing = firingAlerts({ alerts });
  if (firing.length === 0) {
    if (last === undefined) return { incident: undefined, transitions: [], superseded: undefined };
    const draft = new Draft(last, nowMs);
    if (dismissed.size > 0)
      draft.next.alerts = mapAlerts(last.alerts, (alert, id) => alerts.get(id) ?? alert);
    return { ...draft.done(), superseded: undefined };
  }

  const openedAtMs = Math.max(nowMs, (last?.openedAtMs ?? Number.NEGATIVE_INFINITY) + 1);
  const { group, acknowledgement = null } = event;
  const draft = new Draft(
    {
      id: incidentId(group.id, openedAtMs),
      group,
      status: "firing",
      ...worstSeverity(firing, { severity: "", priority: "P3" }),
      // Those that were over before they were heard of are not of this episode.
      alerts: new Map([...alerts].filter(([, alert]) => alert.firing)),
      openedAtMs,
      startedAtMs: firing.reduce((least, { startsAtMs }) => Math.min(least, startsAtMs), nowMs),
      resolvedAtMs: null,
      updatedAtMs: openedAtMs,
      acknowledgement,
      flapping: false,
      flaps: flapsAtOpening(last, [...alerts], nowMs, policy),
      suppressed: false,
      escalation: null,
      pagedReceivers: [],
      notificationCount: 0,
      failedNotificationCount: 0,
      firingCountMax: firing.length,
      transitionCount: 0,
    },
    openedAtMs,
  );
  const opening = [...alerts].filter(([, alert]) => alert.firing && !alert.dismissed);
  draft.note({ kind: "opened", alerts: named(opening) });
  settle(draft, nowMs, policy);
  const { incident, transitions } = draft.done();
  // What it had dismissed goes on in the new one.
  const superseded =
    last !== undefined && [...last.alerts.values()].some((alert) => alert.firing)
      ? { ...last, alerts: mapAlerts(last.alerts, stopped) }
      : undefined;
  return { incident, transitions, superseded };
}

/** What went on and off in the episodes before does so again. */
function flapsAtOpening(
  last: Incident | undefined,
  alerts: readonly (readonly [string, IncidentAlert])[],
  nowMs: number,
  policy: FlapPolicy,
): Map<string, FlapState> {
  const flaps = new Map(last?.flaps);
  const firing = new Set(
    alerts.filter(([, alert]) => alert.firing && !alert.dismissed).map(([id]) => id),
  );
  for (const [id, flap] of flaps)
    flaps.set(id, noteFlap(flap, id === GROUP_FLAP || firing.has(id), nowMs, policy));
  return flaps;
}

/** Brings everything that follows from alerts and time to where it belongs, and says what that changed. */
function settle(draft: Draft, nowMs: number, policy: FlapPolicy): void {
  settleAlerts(draft, nowMs, policy);
  settleAcknowledgement(draft, nowMs);
  const { next } = draft;
  const firing = firingAlerts(next);
  settlePriority(draft, firing);
  settleFlapping(draft);
  settleSuppression(draft, firing);
  if (firing.length === 0 && !next.flapping) {
    draft.resolve({ kind: "resolved", cause: "alerts", by: "", comment: "" });
    return;
  }
  const { acknowledgement } = next;
  const news = firing.filter(({ labels }) => !isCovered(acknowledgement, labels, nowMs));
  if (draft.status === "acknowledged" && news.length > 0)
    draft.note({ kind: "reopened", alertKinds: alertKinds(news) }, "firing");
  else if (draft.status === "firing" && acknowledgement !== null && news.length === 0) {
    next.escalation = null;
    draft.note({ kind: "covered", by: acknowledgement.by }, "acknowledged");
  }
}

function settleAlerts(draft: Draft, nowMs: number, policy: FlapPolicy): void {
  const { before, next } = draft;
  const known = draft.transitions.some(({ kind }) => kind === "opened");
  const started: [string, IncidentAlert][] = [];
  const ended: [string, IncidentAlert][] = [];
  const flaps = new Map(next.flaps);
  const alerts = mapAlerts(next.alerts, (alert, id) => {
    const now = endedBy(fired(alert, nowMs), nowMs);
    if (known) return now;
    const was = before.alerts.get(id);
    const fires = now.firing && !now.dismissed;
    const firedBefore = was?.firing === true && !was.dismissed;
    if (fires === firedBefore) return now;
    (fires ? started : ended).push([id, now]);
    if (was !== undefined || flaps.has(id))
      flaps.set(id, noteFlap(flaps.get(id) ?? quiet(firedBefore), fires, nowMs, policy));
    return now;
  });
  next.alerts = withoutOldEnds(alerts);
  const firing = firingAlerts(next);
  const fires = firing.length > 0;
  const group = flaps.get(GROUP_FLAP) ?? quiet(true);
  if (group.firing !== fires) flaps.set(GROUP_FLAP, noteFlap(group, fires, nowMs, policy));
  next.flaps = settledFlaps(next.flaps, flaps, nowMs, policy);
  next.firingCountMax = Math.max(next.firingCountMax, firing.length);
  for (const { startsAtMs } of firing) next.startedAtMs = Math.min(next.startedAtMs, startsAtMs);
  if (started.length + ended.length > 0)
    draft.note({ kind: "alerts", started: named(started), ended: named(ended) });
}

function settleAcknowledgement(draft: Draft, nowMs: number): void {
  const { next } = draft;
  const { acknowledgement } = next;
  if (acknowledgement === null || acknowledgement.untilMs === null) return;
  if (acknowledgement.untilMs > nowMs) return;
  next.acknowledgement = null;
  draft.note({ kind: "acknowledgement_expired", by: acknowledgement.by }, "firing");
}

function settlePriority(draft: Draft, firing: readonly IncidentAlert[]): void {
  const { next } = draft;
  const { severity, priority } = worstSeverity(firing, next);
  const from = next.priority;
  next.severity = severity;
  next.priority = priority;
  if (from !== priority) draft.note({ kind: "priority", from, to: priority });
}

function settleFlapping(draft: Draft): void {
  const { next } = draft;
  const flapping = [...next.flaps.values()].some(({ flappingSinceMs }) => flappingSinceMs !== null);
  if (flapping === next.flapping) return;
  next.flapping = flapping;
  draft.note({ kind: flapping ? "flapping_started" : "flapping_ended" });
}

function settleSuppression(draft: Draft, firing: readonly IncidentAlert[]): void {
  const { next } = draft;
  // With nothing firing, it is as it was: an alert that flaps under a silence is not news each time.
  const suppressed =
    firing.length === 0
      ? next.suppressed
      : firing.every(({ suppressedBy }) => suppressedBy.length > 0);
  if (suppressed === next.suppressed) return;
  next.suppressed = suppressed;
  if (!suppressed) draft.note({ kind: "unsuppressed" });
  else {
    const suppressedBy = [...new Set(firing.flatMap((alert) => alert.suppressedBy))];
    draft.note({ kind: "suppressed", suppressedBy: suppressedBy.slice(0, ALERTS_NAMED_MAX) });
  }
}

/**
 * Whether a step changed what must outlive a crash. Texts, and ends of alerts that lie ahead, come anew with every
 * evaluation and every resend: a document each time would be a lot of writing for nothing.
 */
export function needsKeeping(before: Incident | undefined, after: Incident): boolean {
  if (before === undefined) return true;
  if (before === after) return false;
  for (const key of Object.keys(after) as (keyof Incident)[])
    if (key !== "alerts" && before[key] !== after[key]) return true;
  if (before.alerts.size !== after.alerts.size) return true;
  for (const [id, alert] of after.alerts) {
    const known = before.alerts.get(id);
    if (known === undefined || !isSameState(known, alert)) return true;
  }
  return false;
}

/** The same list where nothing is new. */
function withNew(known: readonly string[], names: readonly string[]): readonly string[] {
  return names.every((name) => known.includes(name)) ? known : [...new Set([...known, ...names])];
}
