import type { ApiTransport } from "./api-transport.ts";
import type { Json } from "./json-reader.ts";

/** Who is on call, and by what. */
export interface OnDuty {
  readonly contact: string;
  /** Whether they stand in for somebody. */
  readonly isOverride: boolean;
}

export interface Shift {
  /** Undefined where nobody is on call. */
  readonly onDuty: OnDuty | undefined;
  readonly startsAtMs: number;
  readonly endsAtMs: number;
}

/** Who is on call when, and who would be by each layer alone. */
export interface ShiftList {
  readonly shifts: readonly Shift[];
  readonly layers: readonly { readonly name: string; readonly shifts: readonly Shift[] }[];
}

export interface ScheduleNow {
  readonly name: string;
  readonly timeZone: string;
  readonly now: OnDuty | undefined;
  /** Undefined where nobody takes over soon. */
  readonly untilMs: number | undefined;
  readonly next: Shift | undefined;
}

export interface Policy {
  readonly name: string;
  /** What it is for, in words; "" for everything. */
  readonly isFor: string;
  readonly steps: readonly { readonly after: string; readonly notify: readonly string[] }[];
  readonly repeat: string | undefined;
}

export interface OnCall {
  readonly schedules: readonly ScheduleNow[];
  /** Names of those who can be on call. */
  readonly contacts: readonly string[];
  readonly policies: readonly Policy[];
}

export interface Override {
  readonly id: string;
  readonly contact: string;
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly by: string;
  readonly comment: string;
}

/** Something that must be heard of. */
export interface Heartbeat {
  readonly name: string;
  readonly within: string;
  readonly lastSeenMs: number | undefined;
  /** Undefined while it is there. */
  readonly missingSinceMs: number | undefined;
}

export async function loadOnCall(transport: ApiTransport, signal: AbortSignal): Promise<OnCall> {
  return readOnCall((await transport.send("v1/oncall", undefined, signal)).data);
}

export function readOnCall(data: Json): OnCall {
  return {
    schedules: data
      .get("schedules")
      .list()
      .map((schedule) => ({
        name: schedule.get("name").text(),
        timeZone: schedule.get("timeZone").text(),
        now: readOnDuty(schedule.get("now")),
        untilMs: schedule.get("until").timestampMs(),
        next: isNull(schedule.get("next")) ? undefined : readShift(schedule.get("next")),
      })),
    contacts: data
      .get("contacts")
      .list()
      .map((contact) => contact.get("name").text()),
    policies: data.get("policies").list().map(readPolicy),
  };
}

function readPolicy(policy: Json): Policy {
  const texts = (list: Json) => list.list().map((text) => text.text());
  const repeat = policy.get("repeat");
  return {
    name: policy.get("name").text(),
    isFor: [
      ...texts(policy.get("severities")),
      ...texts(policy.get("priorities")),
      ...texts(policy.get("matchers")),
    ].join(", "),
    steps: policy
      .get("steps")
      .list()
      .map((step) => ({
        after: step.get("after").text(),
        notify: step
          .get("notify")
          .list()
          .map((target) => targetText(target.get("kind").text(), target.get("name").text())),
      })),
    repeat: isNull(repeat)
      ? undefined
      : `again ${repeat.get("times").number()} times, after ${repeat.get("after").text()}`,
  };
}

function targetText(kind: string, name: string): string {
  if (kind === "schedule") return `whoever is on call in ${name}`;
  return kind === "contact" ? name : `${kind} ${name}`;
}

function readOnDuty(json: Json): OnDuty | undefined {
  if (isNull(json)) return undefined;
  return { contact: json.get("contact").text(), isOverride: !isNull(json.get("override")) };
}

function readShift(shift: Json): Shift {
  return {
    onDuty: readOnDuty(shift.get("onDuty")),
    startsAtMs: shift.get("startsAt").timestampMs() ?? Number.NaN,
    endsAtMs: shift.get("endsAt").timestampMs() ?? Number.NaN,
  };
}

function isNull({ value }: Json): boolean {
  return value === null || value === undefined;
}

const schedulePath = (name: string) => `v1/oncall/schedules/${encodeURIComponent(name)}`;

export async function listShifts(
  transport: ApiTransport,
  schedule: string,
  fromMs: number,
  toMs: number,
  signal: AbortSignal,
): Promise<ShiftList> {
  const query = new URLSearchParams({ start: String(fromMs / 1000), end: String(toMs / 1000) });
  const path = `${schedulePath(schedule)}/shifts?${query}`;
  return readShifts((await transport.send(path, undefined, signal)).data);
}

export function readShifts(data: Json): ShiftList {
  const shiftsOf = (json: Json) => json.get("shifts").list().map(readShift);
  return {
    shifts: shiftsOf(data),
    layers: data
      .get("layers")
      .list()
      .map((layer) => ({ name: layer.get("name").text(), shifts: shiftsOf(layer) })),
  };
}

export async function listOverrides(
  transport: ApiTransport,
  schedule: string,
  signal: AbortSignal,
): Promise<Override[]> {
  const path = `${schedulePath(schedule)}/overrides`;
  return readOverrides((await transport.send(path, undefined, signal)).data);
}

export function readOverrides(data: Json): Override[] {
  return data
    .get("overrides")
    .list()
    .map((override) => ({
      id: override.get("id").text(),
      contact: override.get("contact").text(),
      startsAtMs: override.get("startsAt").timestampMs() ?? Number.NaN,
      endsAtMs: override.get("endsAt").timestampMs() ?? Number.NaN,
      by: override.get("by").textOrEmpty(),
      comment: override.get("comment").textOrEmpty(),
    }));
}

export async function addOverride(
  transport: ApiTransport,
  schedule: string,
  override: Omit<Override, "id">,
  signal: AbortSignal,
): Promise<void> {
  const { by, comment, contact, endsAtMs, startsAtMs } = override;
  const json = {
    contact,
    start: new Date(startsAtMs).toISOString(),
    end: new Date(endsAtMs).toISOString(),
    by,
    ...(comment === "" ? {} : { comment }),
  };
  await transport.send(`${schedulePath(schedule)}/overrides`, { json }, signal);
}

export async function deleteOverride(
  transport: ApiTransport,
  schedule: string,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  const path = `${schedulePath(schedule)}/overrides/${encodeURIComponent(id)}`;
  await transport.change("DELETE", path, undefined, signal);
}

export async function listHeartbeats(
  transport: ApiTransport,
  signal: AbortSignal,
): Promise<Heartbeat[]> {
  return readHeartbeats((await transport.send("v1/heartbeats", undefined, signal)).data);
}

export function readHeartbeats(data: Json): Heartbeat[] {
  return data
    .get("heartbeats")
    .list()
    .map((heartbeat) => ({
      name: heartbeat.get("name").text(),
      within: heartbeat.get("within").text(),
      lastSeenMs: heartbeat.get("lastSeen").timestampMs(),
      missingSinceMs: heartbeat.get("missingSince").timestampMs(),
    }));
}
