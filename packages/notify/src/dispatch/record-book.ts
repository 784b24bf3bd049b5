import { type GroupAlert, isResolved, NO_RECORD, recordWithout } from "@pharos/alert";
import type { Moved } from "./group-table.ts";
import { recordIdOf } from "./idempotency-key.ts";
import { RECORD_COLLECTION, RECORD_RETENTION_MS, type StoredRecord } from "./stored-record.ts";
import type { Write } from "./write.ts";

/** What each integration was told of each group, as memory knows it. */
export class RecordBook {
  /** By group, then by integration. */
  readonly #records = new Map<string, Map<string, StoredRecord>>();

  get(groupId: string, integration: string): StoredRecord | undefined {
    return this.#records.get(groupId)?.get(integration);
  }

  set(stored: StoredRecord): void {
    this.#records
      .getOrInsertComputed(stored.groupId, () => new Map())
      .set(stored.integration, stored);
  }

  forget(groupId: string, integration: string): void {
    const records = this.#records.get(groupId);
    records?.delete(integration);
    if (records?.size === 0) this.#records.delete(groupId);
  }

  *all(): Generator<StoredRecord> {
    for (const ofGroup of this.#records.values()) yield* ofGroup.values();
  }

  *ofGroup(groupId: string): Generator<StoredRecord> {
    yield* this.#records.get(groupId)?.values() ?? [];
  }

  /** Whether something fires of which nobody has heard, neither that it does nor that it is over. */
  hasUnheard(groupId: string, members: ReadonlyMap<string, GroupAlert>, nowMs: number): boolean {
    const heard = new Set<string>();
    for (const { record } of this.ofGroup(groupId))
      for (const ids of [record.firing, record.resolved, record.missed])
        for (const id of ids) heard.add(id);
    for (const [id, alert] of members) if (!heard.has(id) && !isResolved(alert, nowMs)) return true;
    return false;
  }

  /** Whether somebody knows the alert as firing, or was to. */
  isOwed(groupId: string, fingerprint: string): boolean {
    for (const { record } of this.ofGroup(groupId))
      if (record.firing.includes(fingerprint) || record.missed.includes(fingerprint)) return true;
    return false;
  }

  /** Those whose end was told in vain so far, or is being told: nobody knows yet whether it is heard. */
  inDoubt(): ReadonlySet<string> {
    const inDoubt = new Set<string>();
    for (const { record, pending } of this.all()) {
      for (const id of record.missed) inDoubt.add(id);
      if (pending !== undefined) for (const id of record.resolved) inDoubt.add(id);
    }
    return inDoubt;
  }

  /**
   * An alert has left a group for others: integrations that know it from there, or were to, are to hear of its end from
   * these. Gives what has changed.
   */
  carry(
    { fingerprint, from }: Moved,
    to: readonly { readonly groupId: string; readonly integrations: readonly string[] }[],
    isOver: boolean,
    nowMs: number,
  ): StoredRecord[] {
    const changed: StoredRecord[] = [];
    for (const stored of [...this.ofGroup(from)]) {
      const { record, integration } = stored;
      if (!record.firing.includes(fingerprint) && !record.missed.includes(fingerprint)) continue;
      for (const { groupId, integrations } of to) {
        if (!integrations.includes(integration)) continue;
        const there = this.get(groupId, integration) ?? nothingTold(integration, groupId, nowMs);
        const { missed } = there.record;
        if (missed.includes(fingerprint)) continue;
        changed.push({
          ...there,
          record: { ...there.record, missed: [...missed, fingerprint].sort() },
          changedAtMs: nowMs,
        });
      }
      if (isOver)
        changed.push({ ...stored, record: recordWithout(record, new Set([fingerprint])) });
      for (const each of changed) this.set(each);
    }
    return changed;
  }

  /**
   * A group that was there before its alerts were grouped otherwise comes back: what began meanwhile was not told here,
   * whatever is said of a time before. Gives what has changed.
   */
  renew(groupId: string, members: ReadonlyMap<string, GroupAlert>): StoredRecord[] {
    const changed: StoredRecord[] = [];
    for (const stored of [...this.ofGroup(groupId)]) {
      const { record } = stored;
      const anew = record.firing.filter(
        (id) => (members.get(id)?.startsAtMs ?? 0) > record.timestampMs,
      );
      if (anew.length === 0) continue;
      const without = recordWithout(record, new Set(anew));
      const missed = [...without.missed, ...anew].sort();
      const renewed = { ...stored, record: { ...without, missed } };
      this.set(renewed);
      changed.push(renewed);
    }
    return changed;
  }

  /** Forgets what nobody needs any more: of groups that are over for long. */
  collect(nowMs: number, isLive: (groupId: string) => boolean): Write[] {
    const writes: Write[] = [];
    for (const [groupId, records] of this.#records) {
      if (isLive(groupId)) continue;
      for (const [integration, { changedAtMs, pending }] of records) {
        if (pending !== undefined || changedAtMs + RECORD_RETENTION_MS > nowMs) continue;
        records.delete(integration);
        const id = recordIdOf(integration, groupId);
        writes.push({ collection: RECORD_COLLECTION, id, document: undefined });
      }
      if (records.size === 0) this.#records.delete(groupId);
    }
    return writes;
  }
}

function nothingTold(integration: string, groupId: string, nowMs: number): StoredRecord {
  return {
    integration,
    groupId,
    record: NO_RECORD,
    pending: undefined,
    state: undefined,
    changedAtMs: nowMs,
  };
}
