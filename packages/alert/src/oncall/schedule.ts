import { isActiveAt, type TimeInterval } from "../routing/time-interval.ts";

/** Who is on call when. Of several layers the later one counts where it has somebody; overrides count before all. */
export interface Schedule {
  readonly name: string;
  /** A zone of the IANA database: hand-overs are at the same time of its day, summer and winter. */
  readonly timeZone: string;
  readonly layers: readonly ScheduleLayer[];
  /** Of those that hold at once the last one counts. */
  readonly overrides: readonly ScheduleOverride[];
}

/** People who take turns. */
export interface ScheduleLayer {
  readonly name: string;
  /** Contacts, in the order of their turns; at least one. */
  readonly participants: readonly string[];
  /** When the first turn begins, on the clock of the zone: `2026-01-05T09:00`. All hand-overs are at this time of the day. */
  readonly startsAt: string;
  /** When the layer ends, likewise; without it never. */
  readonly endsAt?: string;
  readonly handover: Handover;
  /** When the layer counts at all; always where absent. Turns go on meanwhile. */
  readonly restrictions?: readonly TimeInterval[];
}

export type Handover =
  /** Each turn lasts so many hours of the clock on the wall: 24 for a day, also where the clock is changed in it. */
  | { readonly kind: "every"; readonly hours: number }
  /** A turn ends on each of these days of the week; 1 for Monday to 7. Sorted, each once, at least one. */
  | { readonly kind: "weekdays"; readonly weekdays: readonly number[] };

/** Somebody takes over, from the start to the end, which does not belong to it. */
export interface ScheduleOverride {
  readonly id: string;
  readonly contact: string;
  readonly startsAtMs: number;
  readonly endsAtMs: number;
}

/** Who is on call at a time, and what says so. */
export interface OnDuty {
  readonly contact: string;
  readonly via:
    | { readonly kind: "layer"; readonly name: string }
    | { readonly kind: "override"; readonly id: string };
}

/** A stretch of time with the same person on call for the same reason; null where there is nobody. */
export interface Shift {
  readonly onDuty: OnDuty | null;
  readonly startsAtMs: number;
  readonly endsAtMs: number;
}

/** How long a stretch of time may be asked about. */
export const SHIFTS_RANGE_MS_MAX = 366 * 86_400_000;

/** Undefined where nobody is on call. */
export function onCallAt(schedule: Schedule, timeMs: number): OnDuty | undefined {
  for (const { id, contact, startsAtMs, endsAtMs } of schedule.overrides.toReversed())
    if (startsAtMs <= timeMs && timeMs < endsAtMs)
      return { contact, via: { kind: "override", id } };
  for (const layer of schedule.layers.toReversed()) {
    if (layer.restrictions !== undefined && !isActiveAt(layer.restrictions, timeMs)) continue;
    const turn = turnAt(layer, schedule.timeZone, timeMs);
    if (turn !== undefined)
      return { contact: turn.participant, via: { kind: "layer", name: layer.name } };
  }
  return undefined;
}

/** Who is on call from `fromMs` to `toMs`, without holes: times with nobody are shifts of nobody. */
export function shifts(schedule: Schedule, fromMs: number, toMs: number): Shift[] {
  const changes = [...changesBetween(schedule, fromMs, toMs)].sort((a, b) => a - b);
  const found: Shift[] = [];
  for (const startsAtMs of changes) {
    const onDuty = onCallAt(schedule, startsAtMs) ?? null;
    const last = found.at(-1);
    if (last !== undefined && isSameDuty(last.onDuty, onDuty)) continue;
    if (last !== undefined) found[found.length - 1] = { ...last, endsAtMs: startsAtMs };
    found.push({ onDuty, startsAtMs, endsAtMs: toMs });
  }
  return found;
}

function isSameDuty(a: OnDuty | null, b: OnDuty | null): boolean {
  if (a === null || b === null) return a === b;
  return a.contact === b.contact && a.via.kind === b.via.kind && nameOf(a) === nameOf(b);
}

function nameOf({ via }: OnDuty): string {
  return via.kind === "layer" ? via.name : via.id;
}

/** A turn of a layer, whatever its restrictions. */
interface Turn {
  readonly participant: string;
  readonly startsAtMs: number;
  readonly endsAtMs: number;
}

/** Undefined before the layer begins and from its end on. */
function turnAt(layer: ScheduleLayer, timeZone: string, timeMs: number): Turn | undefined {
  const { participants, handover } = layer;
  const start = Temporal.PlainDateTime.from(layer.startsAt);
  if (timeMs < toMs(start, timeZone)) return undefined;
  const end =
    layer.endsAt === undefined
      ? Number.POSITIVE_INFINITY
      : toMs(Temporal.PlainDateTime.from(layer.endsAt), timeZone);
  if (timeMs >= end) return undefined;
  const boundaryMs = (n: number): number => toMs(boundary(start, handover, n), timeZone);
  // On the wall a hand-over may come twice, or not at all: the guess is right but for those nights.
  const now = Temporal.Instant.fromEpochMilliseconds(Math.floor(timeMs))
    .toZonedDateTimeISO(timeZone)
    .toPlainDateTime();
  let index = Math.max(0, turnsBetween(start, handover, now));
  while (index > 0 && boundaryMs(index) > timeMs) index--;
  while (boundaryMs(index + 1) <= timeMs) index++;
  return {
    participant: participants[index % participants.length] as string,
    startsAtMs: boundaryMs(index),
    endsAtMs: Math.min(boundaryMs(index + 1), end),
  };
}

/** When turn `n` begins, on the wall. */
function boundary(
  start: Temporal.PlainDateTime,
  handover: Handover,
  n: number,
): Temporal.PlainDateTime {
  if (handover.kind === "every") return start.add({ hours: n * handover.hours });
  if (n === 0) return start;
  const days = daysToWeekdays(start, handover.weekdays);
  const inWeek = days[(n - 1) % days.length] as number;
  return start.add({ days: inWeek + 7 * Math.floor((n - 1) / days.length) });
}

/** How many turns have begun since the first one, give or take one. */
function turnsBetween(
  start: Temporal.PlainDateTime,
  handover: Handover,
  now: Temporal.PlainDateTime,
): number {
  const hours = start.until(now, { largestUnit: "hours" }).hours;
  if (handover.kind === "every") return Math.floor(hours / handover.hours);
  return Math.floor((hours / (7 * 24)) * handover.weekdays.length);
}

/** From the start to the first hand-over on each of the days: 1 to 7, ascending. */
function daysToWeekdays(start: Temporal.PlainDateTime, weekdays: readonly number[]): number[] {
  return weekdays.map((weekday) => ((weekday - start.dayOfWeek + 6) % 7) + 1).sort((a, b) => a - b);
}

/** A time that the clocks skip is as much later as they were moved; one that comes twice is the first of the two. */
function toMs(wall: Temporal.PlainDateTime, timeZone: string): number {
  return wall.toZonedDateTime(timeZone, { disambiguation: "compatible" }).epochMilliseconds;
}

/** Every time at which somebody else may be on call, `fromMs` among them. */
function changesBetween(schedule: Schedule, fromMs: number, toMs: number): Set<number> {
  const changes = new Set([fromMs]);
  const add = (atMs: number): void => {
    if (fromMs < atMs && atMs < toMs) changes.add(atMs);
  };
  for (const { startsAtMs, endsAtMs } of schedule.overrides) {
    add(startsAtMs);
    add(endsAtMs);
  }
  for (const layer of schedule.layers) {
    addTurns(layer, schedule.timeZone, fromMs, toMs, add);
    for (const interval of layer.restrictions ?? []) addRestriction(interval, fromMs, toMs, add);
  }
  return changes;
}

function addTurns(
  layer: ScheduleLayer,
  timeZone: string,
  fromMs: number,
  untilMs: number,
  add: (atMs: number) => void,
): void {
  const startMs = toMs(Temporal.PlainDateTime.from(layer.startsAt), timeZone);
  let atMs = Math.max(fromMs, startMs);
  add(atMs);
  while (atMs < untilMs) {
    const turn = turnAt(layer, timeZone, atMs);
    if (turn === undefined) return;
    add(turn.endsAtMs);
    atMs = turn.endsAtMs;
  }
}

/** A restriction begins and ends at midnight, at one of its times, or where the clock is changed. */
function addRestriction(
  interval: TimeInterval,
  fromMs: number,
  untilMs: number,
  add: (atMs: number) => void,
): void {
  const zone = interval.location ?? "UTC";
  const at = (ms: number): Temporal.ZonedDateTime =>
    Temporal.Instant.fromEpochMilliseconds(Math.floor(ms)).toZonedDateTimeISO(zone);
  const minutes = new Set([0]);
  for (const { startMinute, endMinute } of interval.times ?? [])
    minutes.add(startMinute).add(endMinute % (24 * 60));
  for (let day = at(fromMs).toPlainDate(); ; day = day.add({ days: 1 })) {
    const midnight = day.toPlainDateTime();
    if (toMs(midnight, zone) >= untilMs) break;
    for (const minute of minutes)
      for (const disambiguation of ["earlier", "later"] as const) {
        const wall = midnight.add({ minutes: minute });
        add(wall.toZonedDateTime(zone, { disambiguation }).epochMilliseconds);
      }
  }
  for (let change = at(fromMs).getTimeZoneTransition("next"); change !== null; ) {
    if (change.epochMilliseconds >= untilMs) break;
    add(change.epochMilliseconds);
    change = change.getTimeZoneTransition("next");
  }
}
