import { assert } from "@pharos/base";
import type { StoredDocument } from "@pharos/ports";
import { hashOf, recordIdOf } from "../dispatch/idempotency-key.ts";
import type { OutboxEntry } from "../dispatch/outbox-entry.ts";
import { ALERT_COLLECTION } from "../dispatch/stored-alert.ts";
import { recordWrite, type StoredRecord } from "../dispatch/stored-record.ts";
import type { Write } from "../dispatch/write.ts";
import type { Cluster } from "./cluster.ts";
import type { ToldUpdate } from "./cluster-message.ts";

/** Escalations of two servers reach a step within this time of each other: it is the same page. */
const SAME_PAGE_MS = 2 * 60_000;

/** What the dispatcher asks of a cluster. */
export interface DispatchCluster {
  /** Whether this server may send an entry now; "told" where another one has told of the same. */
  claim(entry: OutboxEntry): Promise<"granted" | "wait" | "told">;
  /** What became of an entry: the record as it is now. */
  settled(entry: OutboxEntry, record: StoredRecord | undefined): void;
  /** Documents that were written here. */
  kept(writes: readonly Write[]): void;
}

/** Speaks with the cluster for the dispatcher. */
export function dispatchCluster(cluster: Cluster, nowMs: () => number): DispatchCluster {
  return {
    async claim(entry) {
      const slot = slotOf(entry);
      const claim = await cluster.claim(slot);
      if (entry.page === undefined) return claim;
      return cluster.toldAtMs(slot) > entry.createdAtMs - SAME_PAGE_MS ? "told" : claim;
    },
    settled(entry, record) {
      if (entry.page === undefined && record === undefined) return;
      cluster.settled(slotOf(entry), nowMs(), (settledAtMs) =>
        entry.page !== undefined || record === undefined
          ? null
          : recordDocument({ ...record, changedAtMs: settledAtMs }),
      );
    },
    kept(writes) {
      const updates = writes.flatMap(({ collection, document }) =>
        collection === ALERT_COLLECTION && document !== undefined && isPosted(document)
          ? [{ kind: "alert" as const, document }]
          : [],
      );
      if (updates.length > 0) cluster.tell(updates);
    },
  };
}

/** What is known as told from before, as the cluster has it. */
export function toldOf(records: Iterable<StoredRecord>): ToldUpdate[] {
  const told: ToldUpdate[] = [];
  for (const record of records) {
    if (record.pending !== undefined || record.record.sequence === 0) continue;
    const document = recordDocument(record);
    const { changedAtMs: settledAtMs } = record;
    told.push({ kind: "told", slot: document.id, settledAtMs, document });
  }
  return told;
}

/** Of a page, the same for the same step of the same group's escalation, whichever server's incident it is. */
function slotOf({ integration, groupId, page, followedGroups, reason }: OutboxEntry): string {
  if (page === undefined) return recordIdOf(integration, groupId);
  const { policy = "", step = 0 } = page.context.escalation ?? {};
  return hashOf("page", integration, followedGroups[0] ?? groupId, reason, policy, String(step));
}

function recordDocument(record: StoredRecord): StoredDocument {
  const { document } = recordWrite(record);
  assert(document !== undefined, "a record is written as a document");
  return document;
}

function isPosted({ body }: StoredDocument): boolean {
  return typeof body === "object" && body !== null && "origin" in body && body.origin === "posted";
}
