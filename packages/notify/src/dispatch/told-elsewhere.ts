import { OperatingError } from "@pharos/base";
import type { DocumentStore, StoredDocument } from "@pharos/ports";
import type { DispatchState } from "./dispatch-state.ts";
import { recordIdOf } from "./idempotency-key.ts";
import { RECORD_COLLECTION, recordFromDocument, type StoredRecord } from "./stored-record.ts";

/** So many records are read at once: with more, it takes several rounds until all are known. */
const ASKED_MAX = 500;

/** What was decided within this time may not have reached the store or a loop of deliveries yet. */
const SETTLING_MS = 60_000;

/**
 * Learns what became of notifications that other servers of the store had when this one looked at their groups last:
 * of a group that is over nobody looks again, and what is remembered for its sake would be so for ever.
 */
export class ToldElsewhere {
  readonly #state: DispatchState;
  readonly #store: DocumentStore;
  /** How many records were passed over when the last round ended, so that none waits behind others for ever. */
  #passed = 0;

  constructor(state: DispatchState, store: DocumentStore) {
    this.#state = state;
    this.#store = store;
  }

  /** @throws OperatingError of the store. */
  async ask(): Promise<void> {
    const open = this.#open();
    if (open.length === 0) return;
    const start = this.#passed % open.length;
    const asked = [...open.slice(start), ...open.slice(0, start)].slice(0, ASKED_MAX);
    this.#passed = start + asked.length;
    await this.#store.read(async (reader) => {
      for (const stored of asked) {
        const id = recordIdOf(stored.integration, stored.groupId);
        this.#take(stored, await reader.get(RECORD_COLLECTION, id));
      }
    });
  }

  /** Those whose notification is not told yet, as far as is known here, and not for this server to tell. */
  #open(): StoredRecord[] {
    const { records, deliveries, jumps } = this.#state;
    const open: StoredRecord[] = [];
    for (const stored of records.all()) {
      const { pending, integration, changedAtMs } = stored;
      if (pending === undefined || jumps.agoMs(changedAtMs) < SETTLING_MS) continue;
      if (deliveries.pending(integration, pending) === undefined) open.push(stored);
    }
    return open;
  }

  #take(asked: StoredRecord, document: StoredDocument | undefined): void {
    const { records } = this.#state;
    const { groupId, integration } = asked;
    // What was decided here while it was read is newer.
    if (records.get(groupId, integration) !== asked) return;
    if (document === undefined) {
      records.forget(groupId, integration);
      return;
    }
    try {
      records.set(recordFromDocument(document));
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error; // Reported at the next start.
    }
  }
}
