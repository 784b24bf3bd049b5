import {
  fingerprint,
  type GroupAlert,
  isResolved,
  type NotificationRecord,
  type PlannedNotification,
  planNotification,
  recordAfterFailure,
  recordWithout,
} from "@pharos/alert";
import type { Labels } from "@pharos/base";
import { idempotencyKey } from "./idempotency-key.ts";
import type { LiveGroup } from "./live-group.ts";
import type { OutboxEntry } from "./outbox-entry.ts";
import type { StoredRecord } from "./stored-record.ts";
import { resolvedBeside, type Sifted } from "./suppression.ts";

/** One way in which a route's receiver is told. */
export interface Integration {
  /** Such as `team/webhook[0]`. */
  readonly key: string;
  readonly receiver: string;
  readonly sendResolved: boolean;
}

/** How it stands with a notification that was decided before and not delivered yet. */
export type Pending =
  /** It may be taken back: no attempt is on its way, and no other server has it. */
  | { readonly kind: "waiting"; readonly entry: OutboxEntry }
  /** Its attempt ends some time; then it is decided anew. */
  | { readonly kind: "sending" }
  /** Another server has it; what changed meanwhile waits for the next flush. */
  | { readonly kind: "elsewhere" };

/** What was told so far, as of one moment. */
export interface ToldView {
  readonly record: (integration: string) => StoredRecord | undefined;
  readonly pending: (id: string, integration: string) => Pending | undefined;
}

/** What one look at a group decided. Nothing has changed yet. */
export interface GroupDecision {
  readonly group: LiveGroup;
  readonly sifted: Sifted;
  readonly records: readonly StoredRecord[];
  readonly entries: readonly OutboxEntry[];
  /** Keys of notifications that others stand in place of, or that are not to be told any more. */
  readonly withdrawn: readonly string[];
  readonly deferred: readonly string[];
  /** Alerts that resolved and of which somebody must hear yet, though they had left the group. */
  readonly restored: ReadonlyMap<string, GroupAlert>;
  /** Whether those that resolved may go: everybody who wanted to hear of them has it planned. */
  readonly isComplete: boolean;
}

export interface DecideOptions {
  readonly integrations: readonly Integration[];
  readonly told: ToldView;
  readonly lease: { readonly server: string; readonly untilMs: number };
  readonly routeLabels: (group: LiveGroup, alerts: readonly GroupAlert[]) => Labels;
  readonly firstGroup: (fingerprint: string) => string | undefined;
  /** Whether there are other servers, which may know of alerts that this one has never heard of. */
  readonly hasPeers: boolean;
}

/** Groups whose followers hear of one notification; of more, the others do not. */
const FOLLOWED_MAX = 10;

/** Decides what each integration must be told of a group now. */
export function decide(
  group: LiveGroup,
  sifted: Sifted,
  options: DecideOptions,
  nowMs: number,
): GroupDecision {
  const draft = new Draft(group, sifted, options, nowMs);
  for (const integration of options.integrations) draft.decideFor(integration);
  return draft.decision();
}

class Draft {
  readonly #group: LiveGroup;
  readonly #sifted: Sifted;
  readonly #options: DecideOptions;
  readonly #nowMs: number;
  readonly #records: StoredRecord[] = [];
  readonly #entries: OutboxEntry[] = [];
  readonly #withdrawn: string[] = [];
  readonly #deferred: string[] = [];
  readonly #restored = new Map<string, GroupAlert>();
  #isComplete: boolean;

  constructor(group: LiveGroup, sifted: Sifted, options: DecideOptions, nowMs: number) {
    this.#group = group;
    this.#sifted = sifted;
    this.#options = options;
    this.#nowMs = nowMs;
    this.#isComplete = !sifted.isHeld;
  }

  decision(): GroupDecision {
    return {
      group: this.#group,
      sifted: this.#sifted,
      records: this.#records,
      entries: this.#entries,
      withdrawn: this.#withdrawn,
      deferred: this.#deferred,
      restored: this.#restored,
      isComplete: this.#isComplete,
    };
  }

  decideFor(integration: Integration): void {
    const { told } = this.#options;
    const stored = told.record(integration.key);
    const pending =
      stored?.pending === undefined ? undefined : told.pending(stored.pending, integration.key);
    switch (pending?.kind) {
      case "sending":
        this.#deferred.push(integration.key);
        this.#isComplete = false;
        return;
      case "elsewhere":
        this.#isComplete = false;
        return;
      case "waiting":
        this.#decideAnew(integration, stored, pending.entry);
        return;
      case undefined: {
        const before = this.#withoutEndedMuted(stored?.record);
        const planned = this.#plan(integration, before, this.#sifted.notifiable);
        if (planned !== undefined) this.#take(integration, stored, before, planned);
        else if (before !== undefined && before !== stored?.record)
          this.#keep(integration, stored, before);
      }
    }
  }

  /** Nobody knows yet what the waiting notification says: it is as if it had never been decided. */
  #decideAnew(
    integration: Integration,
    stored: StoredRecord | undefined,
    entry: OutboxEntry,
  ): void {
    const planned = stored?.record;
    const before = this.#withoutEndedMuted(
      planned === undefined ? entry.recordBefore : recordAfterFailure(planned, entry.recordBefore),
    );
    const owed = resolvedBeside(entry.alerts, this.#sifted.members);
    const alerts = this.#sifted.isHeld
      ? this.#sifted.notifiable
      : new Map([...this.#sifted.notifiable, ...owed]);
    const anew = this.#plan(integration, before, alerts);
    // The same again: it keeps its key, so that whoever has heard it after all hears it once.
    if (anew !== undefined && saysTheSame(anew, entry)) return;
    this.#withdrawn.push(entry.id);
    if (anew !== undefined) {
      this.#take(integration, stored, before, anew);
      return;
    }
    for (const [id, alert] of owed) this.#restored.set(id, alert);
    if (before !== undefined) this.#keep(integration, stored, before);
  }

  #withoutEndedMuted(record: NotificationRecord | undefined): NotificationRecord | undefined {
    const { endedMuted } = this.#sifted;
    return record === undefined || endedMuted.size === 0
      ? record
      : recordWithout(record, endedMuted);
  }

  #plan(
    { sendResolved }: Integration,
    record: NotificationRecord | undefined,
    alerts: ReadonlyMap<string, GroupAlert>,
  ): PlannedNotification | undefined {
    const { repeatIntervalMs } = this.#group.route;
    const options = { sendResolved, repeatIntervalMs };
    const planned = planNotification(record, alerts, options, this.#nowMs);
    return planned === undefined || record === undefined || !this.#options.hasPeers
      ? planned
      : { ...planned, record: { ...planned.record, missed: this.#unknown(record, alerts) } };
  }

  /**
   * Of what people were told to fire, all that began and maybe ended while this server was away: it cannot say how that
   * stands, and leaves the end to a server that can.
   */
  #unknown(
    { firing, missed }: NotificationRecord,
    alerts: ReadonlyMap<string, GroupAlert>,
  ): readonly string[] {
    const { members } = this.#sifted;
    const unknown = new Set<string>();
    for (const ids of [firing, missed])
      for (const id of ids) if (!members.has(id) && !alerts.has(id)) unknown.add(id);
    return [...unknown].sort();
  }

  #take(
    integration: Integration,
    stored: StoredRecord | undefined,
    recordBefore: NotificationRecord | undefined,
    planned: PlannedNotification,
  ): void {
    const entry =
      planned.alerts.length === 0 ? undefined : this.#entry(integration, recordBefore, planned);
    if (entry !== undefined) this.#entries.push(entry);
    this.#keep(integration, stored, planned.record, entry?.id);
  }

  #keep(
    { key }: Integration,
    stored: StoredRecord | undefined,
    record: NotificationRecord,
    pending?: string,
  ): void {
    this.#records.push({
      integration: key,
      groupId: this.#group.id,
      record,
      pending,
      state: stored?.state,
      changedAtMs: this.#nowMs,
    });
  }

  #entry(
    { key, receiver }: Integration,
    recordBefore: NotificationRecord | undefined,
    planned: PlannedNotification,
  ): OutboxEntry {
    const { routeLabels, firstGroup, lease } = this.#options;
    const { id, key: groupKey, labels } = this.#group;
    const followed = new Set<string>();
    for (const alert of planned.alerts) {
      if (followed.size === FOLLOWED_MAX) break;
      followed.add(firstGroup(fingerprint(alert.labels)) ?? id);
    }
    return {
      id: idempotencyKey(key, id, planned, recordBefore),
      integration: key,
      receiver,
      groupId: id,
      groupKey,
      groupLabels: labels,
      routeLabels: routeLabels(this.#group, planned.alerts),
      reason: planned.reason,
      alerts: planned.alerts,
      recordBefore,
      followedGroups: [...followed],
      createdAtMs: this.#nowMs,
      leasedBy: lease.server,
      leasedUntilMs: lease.untilMs,
    };
  }
}

function saysTheSame(planned: PlannedNotification, entry: OutboxEntry): boolean {
  return (
    planned.reason === entry.reason &&
    planned.alerts.length === entry.alerts.length &&
    planned.alerts.every((alert, i) => {
      const other = entry.alerts[i];
      return (
        other !== undefined &&
        fingerprint(alert.labels) === fingerprint(other.labels) &&
        alert.startsAtMs === other.startsAtMs &&
        (alert.endsAtMs === null) === (other.endsAtMs === null)
      );
    })
  );
}

/** Whether an alert that was seen at a decision may leave its group: it is over, and nothing newer was heard of it. */
export function mayLeave(group: LiveGroup, id: string, seen: GroupAlert, nowMs: number): boolean {
  return isResolved(seen, nowMs) && group.members.get(id) === seen;
}
