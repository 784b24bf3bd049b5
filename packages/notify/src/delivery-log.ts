import type { DocumentStore } from "@pharos/ports";
import type { Delivery } from "./delivery-loop.ts";
import { LOG_COLLECTION, type OutboxEntry, type Write } from "./stored-group.ts";

/** How many results are kept; the oldest go first. */
export const DELIVERY_LOG_MAX = 1000;

/** What became of notifications: for people who ask why they were not told. */
export class DeliveryLog {
  /** Ids of what is kept, the oldest first. */
  readonly #ids: string[];

  private constructor(ids: string[]) {
    this.#ids = ids;
  }

  static async open(store: DocumentStore): Promise<DeliveryLog> {
    const documents = await store.transaction((tx) =>
      tx.list(LOG_COLLECTION, { limit: 2 * DELIVERY_LOG_MAX }),
    );
    return new DeliveryLog(documents.map(({ id }) => id));
  }

  /** The documents to write so that the result is kept and the log stays within its size. */
  add(entry: OutboxEntry, delivery: Delivery, nowMs: number): Write[] {
    const { id, integration, groupKey, reason } = entry;
    const body = {
      integration,
      groupKey,
      reason,
      outcome: delivery.outcome,
      attempts: delivery.attempts,
      error: delivery.outcome === "failed" ? delivery.error.message : null,
      createdAtMs: entry.createdAtMs,
      settledAtMs: nowMs,
    };
    const writes: Write[] = [
      { collection: LOG_COLLECTION, id, document: { id, body, sortKey: nowMs } },
    ];
    this.#ids.push(id);
    while (this.#ids.length > DELIVERY_LOG_MAX) {
      const oldest = this.#ids.shift() as string;
      writes.push({ collection: LOG_COLLECTION, id: oldest, document: undefined });
    }
    return writes;
  }
}
