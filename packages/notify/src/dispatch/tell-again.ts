import type { DocumentTransaction } from "@pharos/ports";
import type { DispatchState } from "./dispatch-state.ts";
import { recordIdOf } from "./idempotency-key.ts";
import type { LiveGroup } from "./live-group.ts";
import {
  RECORD_COLLECTION,
  recordFromDocument,
  recordWrite,
  type StoredRecord,
} from "./stored-record.ts";
import { performWrites } from "./write.ts";

/**
 * Makes the groups of these alerts due at once, and lets whoever was told of them count as not told for long: as if
 * `repeat_interval` were over. What is on its way is left alone.
 */
export async function tellAgain(
  state: DispatchState,
  fingerprints: Iterable<string>,
): Promise<void> {
  const { table, writer, clock } = state;
  const groups = new Set<LiveGroup>();
  for (const id of fingerprints) for (const group of table.groupsOf(id)) groups.add(group);
  if (groups.size === 0) return;
  await writer.transaction(async (tx) => {
    for (const group of groups) {
      const records = await recordsOf(state, tx, group);
      const changed = records.map((stored) => ({
        ...stored,
        record: { ...stored.record, timestampMs: 0 },
      }));
      await performWrites(tx, changed.map(recordWrite));
      for (const stored of changed) state.records.set(stored);
    }
  }, "telling again");
  for (const group of groups) {
    if (!group.flushed) continue;
    group.nextFlushMs = Math.min(group.nextFlushMs, clock.nowMs());
    table.requeue(group);
  }
}

/** Of several servers, what is stored counts: another one may have told something since. */
async function recordsOf(
  { shared, records }: DispatchState,
  tx: DocumentTransaction,
  { id }: LiveGroup,
): Promise<StoredRecord[]> {
  const known = [...records.ofGroup(id)];
  if (!shared) return known;
  const found: StoredRecord[] = [];
  for (const { integration } of known) {
    const document = await tx.get(RECORD_COLLECTION, recordIdOf(integration, id));
    if (document !== undefined) found.push(recordFromDocument(document));
  }
  return found;
}
