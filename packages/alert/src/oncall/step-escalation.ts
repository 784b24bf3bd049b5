import { formatDuration, type Labels, matchesLabels } from "@pharos/base";
import {
  firingAlerts,
  type Incident,
  type IncidentAlert,
  type IncidentEscalation,
  isCovered,
  mayEscalate,
} from "../incident/incident.ts";
import type { EscalationResult } from "../incident/incident-transition.ts";
import { priorityOf, severityOf } from "../incident/severity.ts";
import { type EscalationPolicy, type OnCallPlan, resolveTargets } from "./oncall-plan.ts";

/**
 * A step that is taken later than this delays the ones behind it as much: after an outage, who is told first must have
 * their time before the next hears of it.
 */
export const LATE_MS_MAX = 60_000;

/** Where an escalation goes from here. */
export interface EscalationMove {
  readonly escalation: IncidentEscalation;
  /** Set where a step is taken, also one that reaches nobody. */
  readonly told?: EscalationResult;
  /** Set where somebody is to be told. */
  readonly page?: EscalationPage;
}

/** Who is told of what step. */
export interface EscalationPage {
  /** The same for the same step of the same escalation, whoever decides it. */
  readonly id: string;
  readonly receivers: readonly string[];
  readonly policy: string;
  /** From 1. */
  readonly step: number;
  readonly reason: string;
}

/**
 * What is due in the escalation of an incident: at most one move; ask again after it. Undefined where nothing is due.
 *
 * The time runs while the incident fires, nobody is at it and nothing hides it. It stops while everything that fires is
 * hidden, or nothing fires any more and the incident is only held because it flaps. An acknowledgement ends the
 * escalation; when it is over, or something else begins to fire, another one begins with the first step.
 */
export function stepEscalation(
  incident: Incident,
  plan: OnCallPlan,
  nowMs: number,
  isReachable: (receiver: string) => boolean,
): EscalationMove | undefined {
  if (incident.status !== "firing") return undefined;
  const { escalation: current } = incident;
  if (!mayEscalate(incident, nowMs)) {
    const isWaiting = current !== null && current.nextAtMs !== null && current.pausedAtMs === null;
    return isWaiting ? { escalation: { ...current, pausedAtMs: nowMs } } : undefined;
  }
  const policy = policyOf(incident, plan.policies, nowMs);
  if (policy === undefined)
    return current === null || current.nextAtMs === null
      ? undefined
      : { escalation: { ...current, nextAtMs: null } };
  if (current === null || current.policy !== policy.name) return begin(policy, incident);
  if (current.nextAtMs === null) return undefined;
  if (current.pausedAtMs !== null) {
    const pauseMs = Math.max(0, nowMs - current.pausedAtMs);
    const nextAtMs = current.nextAtMs + pauseMs;
    return { escalation: { ...current, nextAtMs, pausedAtMs: null } };
  }
  const next = nextStep(policy, current);
  if (next === undefined) return { escalation: { ...current, nextAtMs: null } };
  // The clock was set back: nobody waits for longer than the policy says.
  if (current.nextAtMs > nowMs + next.waitMs)
    return { escalation: { ...current, nextAtMs: nowMs + next.waitMs } };
  if (current.nextAtMs > nowMs) return undefined;
  return take(policy, current, current.nextAtMs, next, incident, plan, nowMs, isReachable);
}

/** When to ask again though the incident does not change; undefined for never. */
export function nextEscalationMs(incident: Incident): number | undefined {
  const { status, escalation } = incident;
  if (status !== "firing" || escalation === null || escalation.pausedAtMs !== null)
    return undefined;
  return escalation.nextAtMs ?? undefined;
}

/**
 * The first policy that is for an alert which fires and which nobody is at. One that has begun stays, as long as it is
 * there and none in front of it has come to be for the incident: an incident that gets better is not told anew.
 */
export function policyOf(
  incident: Incident,
  policies: readonly EscalationPolicy[],
  nowMs: number,
): EscalationPolicy | undefined {
  const needy = needyAlerts(incident, nowMs);
  for (const policy of policies) {
    if (policy.name === incident.escalation?.policy) return policy;
    if (needy.some(({ labels }) => isFor(policy, labels))) return policy;
  }
  return undefined;
}

/** The alerts of an incident that somebody should look at: those that fire, and are neither covered nor hidden. */
export function needyAlerts(incident: Incident, nowMs: number): IncidentAlert[] {
  return firingAlerts(incident).filter(
    ({ labels, suppressedBy }) =>
      suppressedBy.length === 0 && !isCovered(incident.acknowledgement, labels, nowMs),
  );
}

/** Whether a policy is for incidents with such an alert. */
export function isFor(policy: EscalationPolicy, labels: Labels): boolean {
  const { severities, priorities, matchers } = policy;
  const severity = severityOf(labels).toLowerCase();
  if (severities?.some((each) => each.toLowerCase() === severity) === false) return false;
  if (priorities?.includes(priorityOf(severity)) === false) return false;
  return matchesLabels(matchers, labels);
}

function begin(policy: EscalationPolicy, incident: Incident): EscalationMove {
  const { updatedAtMs: sinceMs, transitionCount: run } = incident;
  const nextAtMs = sinceMs + (policy.steps[0]?.afterMs ?? 0);
  const start = { round: 0, step: -1, nextAtMs, pausedAtMs: null };
  return { escalation: { policy: policy.name, run, sinceMs, ...start } };
}

interface NextStep {
  readonly index: number;
  readonly round: number;
  /** From the step before it. */
  readonly waitMs: number;
}

/** Undefined after the last one, also where the policy has lost steps meanwhile. */
function nextStep(
  { steps, repeat }: EscalationPolicy,
  { step, round }: Pick<IncidentEscalation, "step" | "round">,
): NextStep | undefined {
  const index = step + 1;
  const next = steps[index];
  if (next !== undefined)
    return { index, round, waitMs: next.afterMs - (steps[step]?.afterMs ?? 0) };
  if (repeat === undefined || round >= repeat.times) return undefined;
  return { index: 0, round: round + 1, waitMs: repeat.afterMs };
}

function take(
  policy: EscalationPolicy,
  current: IncidentEscalation,
  dueAtMs: number,
  { index, round }: NextStep,
  incident: Incident,
  plan: OnCallPlan,
  nowMs: number,
  isReachable: (receiver: string) => boolean,
): EscalationMove {
  const { notify = [], afterMs = 0 } = policy.steps[index] ?? {};
  const { receivers, names, gaps } = resolveTargets(notify, plan, nowMs, isReachable);
  const after = nextStep(policy, { step: index, round });
  const baseMs = nowMs - dueAtMs > LATE_MS_MAX ? nowMs : dueAtMs;
  // Where a step reaches nobody, the next one has its turn at once; not the next round, for which it would never end.
  const isSkipped = receivers.length === 0 && after?.round === round;
  const nextAtMs = after === undefined ? null : isSkipped ? nowMs : baseMs + after.waitMs;
  // Shorter than `afterMs` where steps before this one reached nobody.
  const waitedMs = Math.min(afterMs, Math.max(0, dueAtMs - current.sinceMs));
  const reason = [reasonOf(waitedMs, round), ...gaps].join("; ");
  const escalation = { ...current, round, step: index, nextAtMs };
  const told = { policy: policy.name, step: index + 1, targets: names, reason };
  if (receivers.length === 0) return { escalation, told };
  const id = `escalation/${incident.id}/${current.run}/${policy.name}/${round}/${index}`;
  const page = { id, receivers, policy: policy.name, step: index + 1, reason };
  return { escalation, told, page };
}

function reasonOf(waitedMs: number, round: number): string {
  const wholeMs = Math.floor(waitedMs / 1000) * 1000;
  const since =
    wholeMs === 0 ? "not acknowledged" : `not acknowledged within ${formatDuration(wholeMs)}`;
  return round === 0 ? since : `still not acknowledged, round ${round + 1}`;
}

/** A step as it would be taken. */
export interface PlannedStep {
  /** From 1. */
  readonly step: number;
  readonly atMs: number;
  readonly receivers: readonly string[];
  readonly names: readonly string[];
  readonly gaps: readonly string[];
}

/** Who would be told when by a policy that begins at `sinceMs`, if nobody acknowledged: one round. */
export function planEscalation(
  policy: EscalationPolicy,
  plan: OnCallPlan,
  sinceMs: number,
  isReachable: (receiver: string) => boolean,
): PlannedStep[] {
  const planned: PlannedStep[] = [];
  let shiftMs = 0;
  for (const [index, { afterMs, notify }] of policy.steps.entries()) {
    const atMs = sinceMs + afterMs - shiftMs;
    const resolved = resolveTargets(notify, plan, atMs, isReachable);
    planned.push({ step: index + 1, atMs, ...resolved });
    // The next one has its turn at once.
    const next = policy.steps[index + 1];
    if (resolved.receivers.length === 0 && next !== undefined) shiftMs += next.afterMs - afterMs;
  }
  return planned;
}
