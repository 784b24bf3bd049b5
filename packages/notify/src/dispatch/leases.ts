import { type Clock, OperatingError } from "@pharos/base";
import type {
  DocumentReader,
  DocumentStore,
  DocumentTransaction,
  StoredDocument,
} from "@pharos/ports";
import { ATTEMPT_MS_MAX } from "../delivery-loop.ts";
import type { DocumentWriter } from "./document-writer.ts";
import { Heartbeats } from "./heartbeats.ts";
import {
  entryFromDocument,
  entryWrite,
  leaseTag,
  OUTBOX_COLLECTION,
  type OutboxEntry,
} from "./outbox-entry.ts";
import { performWrites } from "./write.ts";

/** For how long a server has a notification to itself: an attempt and some difference between two clocks. */
export const LEASE_MS = 2 * ATTEMPT_MS_MAX;
/** How many notifications of dead servers are taken over in one transaction. */
const RECLAIMED_MAX = 200;

/**
 * Who sends what, among servers that share a store. Alone, everything is ours. What a dead server had is taken over when
 * it has been silent for a while; should nobody have noticed, when its lease runs out.
 */
export class Leases {
  readonly server: string;
  readonly #store: DocumentStore;
  readonly #writer: DocumentWriter;
  readonly #clock: Clock;
  readonly #heartbeats: Heartbeats;
  /** By key, of what this server has. */
  readonly #untilMs = new Map<string, number>();

  constructor(server: string, store: DocumentStore, writer: DocumentWriter, clock: Clock) {
    this.server = server;
    this.#store = store;
    this.#writer = writer;
    this.#clock = clock;
    this.#heartbeats = new Heartbeats({ server, store, clock });
  }

  /** Says that this server is at work; to be repeated every `BEAT_INTERVAL_MS`. */
  async beat(): Promise<void> {
    if (this.#store.shared) await this.#heartbeats.beat();
  }

  /** Leaves what is not sent to the others, at once. */
  async end(): Promise<void> {
    if (this.#store.shared) await this.#heartbeats.end();
  }

  /** For an entry that is about to be written. */
  fresh(): { readonly server: string; readonly untilMs: number } {
    return { server: this.server, untilMs: this.#clock.nowMs() + LEASE_MS };
  }

  isOurs(entry: OutboxEntry, nowMs: number): boolean {
    const { leasedBy, leasedUntilMs } = entry;
    if (!this.#store.shared || leasedBy === this.server) return true;
    return leasedUntilMs <= nowMs || this.#heartbeats.isDead(leasedBy);
  }

  /**
   * Makes sure that nobody else sends the entry during the next attempt; false where somebody does, or it is settled.
   * Where the store fails it is sent all the same: twice is better than never.
   */
  async claim(entry: OutboxEntry): Promise<boolean> {
    if (!this.#store.shared || this.#isSurelyOurs(entry)) return true;
    const isClaimed = await this.#writer.transaction(async (tx) => {
      const stored = await storedEntry(tx, entry.id);
      if (stored === undefined || !this.isOurs(stored, this.#clock.nowMs())) return false;
      await this.#take(tx, stored);
      return true;
    }, "leasing a notification");
    if (isClaimed === false) this.release(entry.id);
    return isClaimed ?? true;
  }

  #isSurelyOurs({ id, leasedBy, leasedUntilMs }: OutboxEntry): boolean {
    const untilMs = this.#untilMs.get(id) ?? (leasedBy === this.server ? leasedUntilMs : 0);
    return untilMs - this.#clock.nowMs() > ATTEMPT_MS_MAX && this.#heartbeats.isHeard;
  }

  release(id: string): void {
    this.#untilMs.delete(id);
  }

  /**
   * Takes over what servers have left that are no more, and renews what this one still has to send. Damaged documents
   * are left where they are.
   */
  async reclaim(): Promise<OutboxEntry[]> {
    const dead = this.#heartbeats.dead();
    if (dead.length === 0 && !(await this.#hasAnyRunOut())) return [];
    const taken = await this.#writer.transaction(async (tx) => {
      const left = [...(await tx.list(OUTBOX_COLLECTION, this.#runOut()))];
      for (const server of dead) {
        const bounds = { tags: [leaseTag(server)], limit: RECLAIMED_MAX };
        const had = await tx.list(OUTBOX_COLLECTION, bounds);
        left.push(...had);
        if (had.length === 0) await this.#heartbeats.bury(tx, server);
      }
      const entries = new Map<string, OutboxEntry>();
      for (const document of left) {
        const entry = readableEntry(document);
        if (entry === undefined || entries.has(entry.id)) continue;
        await this.#take(tx, entry);
        entries.set(entry.id, entry);
      }
      return [...entries.values()];
    }, "taking over notifications");
    return taken ?? [];
  }

  #runOut(): { readonly sortKeyMax: number; readonly limit: number } {
    return { sortKeyMax: this.#clock.nowMs(), limit: RECLAIMED_MAX };
  }

  /** Reading is cheap: mostly nothing is left. */
  async #hasAnyRunOut(): Promise<boolean> {
    try {
      const bounds = { ...this.#runOut(), limit: 1 };
      const left = await this.#store.read((reader) => reader.list(OUTBOX_COLLECTION, bounds));
      return left.length > 0;
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
