import { type GroupAlert, type HeardAlert, isResolved } from "@pharos/alert";
import { OperatingError } from "@pharos/base";
import type { KnownAlert } from "./alert-intake.ts";
import type { DispatchState } from "./dispatch-state.ts";
import type { Moved } from "./group-table.ts";
import type { GroupIdentity, SeenAlert } from "./observer.ts";
import type { AlertOrigin, StoredAlert } from "./stored-alert.ts";
import { groupWrite } from "./stored-group.ts";
import { recordWrite } from "./stored-record.ts";
import type { Write } from "./write.ts";

/** Hears of alerts, and puts them into their groups. */
export class Placement {
  readonly #state: DispatchState;
  readonly #ring: () => void;

  /** @param ring called when a group is due sooner than it was. */
  constructor(state: DispatchState, ring: () => void) {
    this.#state = state;
    this.#ring = ring;
  }

  /** Resolves when a crash no longer loses what is new. */
  async hear(heard: readonly HeardAlert[], origin: AlertOrigin): Promise<void> {
    const { intake, inhibitor, writer, clock, counts } = this.#state;
    const nowMs = clock.nowMs();
    const { changed, refused, refusedName, writes } = intake.hear(heard, origin, nowMs);
    const limit =
      refusedName === undefined
        ? `${intake.size} alerts`
        : `as many alerts ${refusedName} as may be`;
    if (refused > 0) this.#refuse(refused, limit);
    counts.refusedAlerts += refused;
    for (const { fingerprint, alert } of changed) inhibitor.set({ fingerprint, ...alert });
    const placed = this.place(changed, nowMs);
    this.#state.cluster?.kept(writes);
    await writer.write([...writes, ...placed], "keeping alerts");
  }

  /** Hears of alerts that were posted to other servers; gives what is news. */
  adopt(alerts: readonly StoredAlert[], nowMs: number): readonly KnownAlert[] {
    const { intake, inhibitor } = this.#state;
    const adopted = alerts.flatMap((stored) => intake.adopt(stored, nowMs) ?? []);
    for (const { fingerprint, alert } of adopted) inhibitor.set({ fingerprint, ...alert });
    return adopted;
  }

  /** Puts alerts into their groups, and tells whoever follows them. */
  place(alerts: readonly KnownAlert[], nowMs: number): Write[] {
    const { table, records, counts, observer } = this.#state;
    const writes: Write[] = [];
    const followed = new Map<string, { group: GroupIdentity; alerts: SeenAlert[] }>();
    let refused = 0;
    for (const known of alerts) {
      const placing = table.place(known, nowMs, (groupId) =>
        records.isOwed(groupId, known.fingerprint),
      );
      if (placing.refused) refused++;
      for (const group of placing.made) writes.push(groupWrite(group));
      if (placing.isSooner) this.#ring();
      const [first] = placing.groups;
      if (first === undefined || first.id !== table.firstGroupOf(known.fingerprint)) continue;
      const { identity: group } = first;
      followed
        .getOrInsertComputed(first.id, () => ({ group, alerts: [] }))
        .alerts.push({ alert: known.alert });
    }
    if (refused > 0) this.#refuse(refused, `${table.size} groups`);
    counts.refusedAlerts += refused;
    for (const { group, alerts: seen } of followed.values())
      writes.push(...observer.alertsSeen(group, seen, nowMs));
    return writes;
  }

  /** Whoever was told of an alert in its group of before is told of its end by the group that it is in now. */
  carry(moved: readonly Moved[], nowMs: number): Write[] {
    const { intake, table, records, deliveries } = this.#state;
    const writes: Write[] = [];
    const ended: KnownAlert[] = [];
    for (const each of moved) {
      const known = intake.get(each.fingerprint);
      if (known === undefined) continue;
      const isOver = isResolved(known.alert, nowMs);
      const to = table
        .targetsOf(each.fingerprint, known.alert.labels)
        .map(({ groupId, route }) => ({
          groupId,
          integrations: deliveries.integrationsOf(route.receiver).map(({ key }) => key),
        }));
      writes.push(...records.carry(each, to, isOver, nowMs).map(recordWrite));
      if (isOver) ended.push(known);
    }
    writes.push(...this.place(ended, nowMs));
    return writes;
  }

  #refuse(count: number, limit: string): void {
    const text = `there are ${limit} already: ${count} more are refused`;
    this.#state.onProblem(new OperatingError("queue.full", text), "hearing of alerts");
  }
}

/** Rules say that something is over, not that it will be; an end that lies ahead is of a clock that was set back. */
export function endedBy(alert: GroupAlert, nowMs: number): GroupAlert {
  if (alert.endsAtMs === null || alert.endsAtMs <= nowMs) return alert;
  return { ...alert, endsAtMs: nowMs };
}
