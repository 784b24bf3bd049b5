import { OperatingError } from "@pharos/base";
import type {
  DocumentReader,
  DocumentStore,
  DocumentTransaction,
  StoredDocument,
} from "@pharos/ports";
import { ATTEMPT_MS_MAX } from "../delivery-loop.ts";
import type { DocumentWriter } from "./document-writer.ts";
import {
  entryFromDocument,
  entryWrite,
  OUTBOX_COLLECTION,
  type OutboxEntry,
} from "./outbox-entry.ts";
import { performWrites } from "./write.ts";

/** For how long a server has a notification to itself: an attempt and some difference between two clocks. */
export const LEASE_MS = 2 * ATTEMPT_MS_MAX;
/** How many notifications of dead servers are taken over in one transaction. */
const RECLAIMED_MAX = 200;

/** Who sends what, among servers that share a store. Alone, everything is ours. */
export class Leases {
  readonly server: string;
  readonly #store: DocumentStore;
  readonly #writer: DocumentWriter;
  readonly #nowMs: () => number;
  /** By key, of what this server has. */
  readonly #untilMs = new Map<string, number>();

  constructor(server: string, store: DocumentStore, writer: DocumentWriter, nowMs: () => number) {
    this.server = server;
    this.#store = store;
    this.#writer = writer;
    this.#nowMs = nowMs;
  }

  /** For an entry that is about to be written. */
  fresh(): { readonly server: string; readonly untilMs: number } {
    return { server: this.server, untilMs: this.#nowMs() + LEASE_MS };
  }

  isOurs(entry: OutboxEntry, nowMs: number): boolean {
    return !this.#store.shared || entry.leasedBy === this.server || entry.leasedUntilMs <= nowMs;
  }

  /**
   * Makes sure that nobody else sends the entry during the next attempt; false where somebody does, or it is settled.
   * Where the store fails it is sent all the same: twice is better than never.
   */
  async claim(entry: OutboxEntry): Promise<boolean> {
    const untilMs = this.#untilMs.get(entry.id) ?? entry.leasedUntilMs;
    if (!this.#store.shared || untilMs - this.#nowMs() > ATTEMPT_MS_MAX) return true;
    const isClaimed = await this.#writer.transaction(async (tx) => {
      const stored = await storedEntry(tx, entry.id);
      if (stored === undefined || !this.isOurs(stored, this.#nowMs())) return false;
      await this.#take(tx, stored);
      return true;
    }, "leasing a notification");
    return isClaimed ?? true;
  }

  release(id: string): void {
    this.#untilMs.delete(id);
  }

  /** Takes over what servers have left that are no more. Damaged documents are left where they are. */
  async reclaim(): Promise<OutboxEntry[]> {
    const bounds = { sortKeyMax: this.#nowMs(), limit: RECLAIMED_MAX };
    if (!(await this.#isAnyLeft(bounds))) return [];
    const taken = await this.#writer.transaction(async (tx) => {
      const entries: OutboxEntry[] = [];
      for (const document of await tx.list(OUTBOX_COLLECTION, bounds)) {
        const entry = readableEntry(document);
        if (entry === undefined || this.#untilMs.has(entry.id)) continue;
        await this.#take(tx, entry);
        entries.push(entry);
      }
      return entries;
    }, "taking over notifications");
    return taken ?? [];
  }

  /** Reading is cheap: mostly nothing is left. */
  async #isAnyLeft(bounds: {
    readonly sortKeyMax: number;
    readonly limit: number;
  }): Promise<boolean> {
    try {
      const left = await this.#store.read((reader) => reader.list(OUTBOX_COLLECTION, bounds));
      return left.some(({ id }) => !this.#untilMs.has(id));
    } catch (error) {
      if (error instanceof OperatingError) return false; // The next time, then.
      throw error;
    }
  }

  async #take(tx: DocumentTransaction, entry: OutboxEntry): Promise<void> {
    const lease = this.fresh();
    await performWrites(tx, [
      entryWrite({ ...entry, leasedBy: lease.server, leasedUntilMs: lease.untilMs }),
    ]);
    this.#untilMs.set(entry.id, lease.untilMs);
  }
}

export async function storedEntry(
  reader: DocumentReader,
  id: string,
): Promise<OutboxEntry | undefined> {
  const document = await reader.get(OUTBOX_COLLECTION, id);
  return document === undefined ? undefined : entryFromDocument(document);
}

function readableEntry(document: StoredDocument): OutboxEntry | undefined {
  try {
    return entryFromDocument(document);
  } catch (error) {
    if (error instanceof OperatingError) return undefined; // Reported at the start.
    throw error;
  }
}
