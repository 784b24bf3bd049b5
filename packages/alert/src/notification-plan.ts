import { type GroupAlert, isResolved, sortAlerts } from "./alert-group.ts";

/** What one integration was told last of one group: fingerprints of alerts. */
export interface NotificationRecord {
  readonly firing: readonly string[];
  readonly resolved: readonly string[];
  /** Of the telling; 0 for never. */
  readonly timestampMs: number;
  /**
   * Those of which it is not known what people believe: their firing was decided to be told, in vain so far, or the
   * server that told last knew nothing of them. Their end is news, though maybe nobody heard the beginning.
   */
  readonly missed: readonly string[];
  /** How many notifications were decided so far; makes the key of the next one its own. */
  readonly sequence: number;
}

/** Nothing was told or decided yet. */
export const NO_RECORD: NotificationRecord = {
  firing: [],
  resolved: [],
  timestampMs: 0,
  missed: [],
  sequence: 0,
};

/** Why a notification is sent: in Alertmanager's words, and for a dead man's switch in ours. */
export const NOTIFICATION_REASONS = [
  "first notification",
  "new alerts added",
  "all alerts resolved",
  "some alerts resolved",
  "repeat interval elapsed",
  "heartbeat",
] as const;

export type NotificationReason = (typeof NOTIFICATION_REASONS)[number];

/** A record's time may lie ahead by this much, for another server's clock; beyond, our clock was set back. */
const CLOCK_SKEW_MS_MAX = 60_000;

/**
 * Whether a receiver must be told, given what it was told last, and why: undefined for no. Fingerprints of the alerts
 * that are firing, and that resolved since the last flush. With nothing firing and something told, the answer is yes
 * even for a receiver that wants no resolved ones: its record must be cleared.
 */
export function needsNotification(
  record: NotificationRecord | undefined,
  firing: readonly string[],
  resolved: readonly string[],
  sendResolved: boolean,
  repeatIntervalMs: number,
  nowMs: number,
): NotificationReason | undefined {
  if (record === undefined) return firing.length > 0 ? "first notification" : undefined;
  if (!isSubset(firing, record.firing))
    return record.firing.length === 0 ? "first notification" : "new alerts added";
  if (firing.length === 0) {
    if (record.firing.length > 0) return "all alerts resolved";
    return hasMissed(record, resolved) ? "all alerts resolved" : undefined;
  }
  if (sendResolved && (!isSubset(resolved, record.resolved) || hasMissed(record, resolved)))
    return "some alerts resolved";
  const toldAtMs = record.timestampMs > nowMs + CLOCK_SKEW_MS_MAX ? 0 : record.timestampMs;
  return toldAtMs < nowMs - repeatIntervalMs ? "repeat interval elapsed" : undefined;
}

function isSubset(part: readonly string[], whole: readonly string[]): boolean {
  if (part.length === 0) return true;
  const set = new Set(whole);
  return part.every((item) => set.has(item));
}

function hasMissed({ missed }: NotificationRecord, resolved: readonly string[]): boolean {
  if (missed.length === 0 || resolved.length === 0) return false;
  const set = new Set(missed);
  return resolved.some((id) => set.has(id));
}

/** The alerts of a group that are to be notified, by fingerprint: nothing mutes them. */
export type NotifiableAlerts = ReadonlyMap<string, GroupAlert>;

/** What one flush decided for one integration. */
export interface PlannedNotification {
  readonly reason: NotificationReason;
  /** Sorted by job, instance, labels; firing ones have no end. Empty where only the record changes. */
  readonly alerts: readonly GroupAlert[];
  /** What the integration has been told once this is delivered. */
  readonly record: NotificationRecord;
}

export interface PlanOptions {
  readonly sendResolved: boolean;
  readonly repeatIntervalMs: number;
}

/** Decides what one integration must be told of a group now, as Alertmanager's deduplication does; undefined: nothing. */
export function planNotification(
  record: NotificationRecord | undefined,
  alerts: NotifiableAlerts,
  { sendResolved, repeatIntervalMs }: PlanOptions,
  nowMs: number,
): PlannedNotification | undefined {
  // Where everything is muted, nothing is told to be over either.
  if (alerts.size === 0) return undefined;
  const firing: string[] = [];
  const resolved: string[] = [];
  for (const [id, alert] of alerts) (isResolved(alert, nowMs) ? resolved : firing).push(id);
  const reason = needsNotification(record, firing, resolved, sendResolved, repeatIntervalMs, nowMs);
  if (reason === undefined) return undefined;
  const told: GroupAlert[] = [];
  for (const alert of alerts.values())
    if (!isResolved(alert, nowMs)) told.push({ ...alert, endsAtMs: null });
    else if (sendResolved) told.push(alert);
  return {
    reason,
    alerts: sortAlerts(told),
    record: {
      firing: firing.sort(),
      resolved: resolved.sort(),
      timestampMs: nowMs,
      missed: [],
      sequence: (record?.sequence ?? 0) + 1,
    },
  };
}

/**
 * The record after a notification was given up: the integration knows what it knew before. Or else it has heard and
 * only its answer was lost; therefore what was said to be over counts as not known either way: its end is told again,
 * and so is that it fires again.
 */
export function recordAfterFailure(
  planned: NotificationRecord,
  before: NotificationRecord | undefined,
): NotificationRecord {
  const known = before ?? NO_RECORD;
  const ended = new Set(planned.resolved);
  const firing = known.firing.filter((id) => !ended.has(id));
  const missed = new Set(known.missed);
  for (const id of known.firing) if (ended.has(id)) missed.add(id);
  const sure = new Set(firing);
  for (const id of planned.firing) if (!sure.has(id)) missed.add(id);
  return { ...known, firing, missed: [...missed].sort(), sequence: planned.sequence };
}

/**
 * What a server takes over that was told later by another one, beside what it knew. Tellers hand on what is in doubt:
 * where that one says nothing of it, it had never heard of it, and it stays in doubt here. Where it did not know what
 * was told here, as after a network that was cut, so does what was told to fire and of which it says nothing.
 */
export function recordBesides(
  told: NotificationRecord,
  known: NotificationRecord | undefined,
): NotificationRecord {
  if (known === undefined) return told;
  // Whoever tells with this knowledge counts on from it.
  const isSuccessor = told.sequence > known.sequence;
  const said = new Set([...told.firing, ...told.resolved]);
  const missed = new Set(told.missed);
  for (const ids of isSuccessor ? [known.missed] : [known.firing, known.missed])
    for (const id of ids) if (!said.has(id)) missed.add(id);
  return { ...told, missed: [...missed].sort() };
}

/**
 * The record after alerts ended while they were muted: nobody is told of their end, and when they fire again, that is
 * news. The same object where it knows nothing of them.
 */
export function recordWithout(
  record: NotificationRecord,
  ended: ReadonlySet<string>,
): NotificationRecord {
  const firing = record.firing.filter((id) => !ended.has(id));
  const missed = record.missed.filter((id) => !ended.has(id));
  if (firing.length === record.firing.length && missed.length === record.missed.length)
    return record;
  return { ...record, firing, missed };
}
