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

  *ofGroup(groupId: string): Generator<StoredRecord> {
    yield* this.#records.get(groupId)?.values() ?? [];
  }

  /** Whether somebody knows the alert as firing, or was to. */
  isOwed(groupId: string, fingerprint: string): boolean {
    for (const { record } of this.ofGroup(groupId))
      if (record.firing.includes(fingerprint) || record.missed.includes(fingerprint)) return true;
    return false;
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
