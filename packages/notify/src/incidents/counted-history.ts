import { type Clock, type OperatingError, StoredJson } from "@pharos/base";
import type { DocumentStore, DocumentTransaction, StoredDocument } from "@pharos/ports";
import { Periodic } from "../periodic.ts";
import { INCIDENT_COLLECTION, statusTag } from "./incident-documents.ts";

/** How many documents a history has; on disk for ever. */
const COUNT_COLLECTION = "history_counts";

/** How long history is kept, and how much of it. */
export interface HistoryRetention {
  readonly keepMs: number;
  /** Entries of one history; beyond it the oldest go. */
  readonly entriesMax: number;
}

export const DEFAULT_HISTORY_RETENTION: HistoryRetention = {
  keepMs: 90 * 24 * 3_600_000,
  entriesMax: 1_000_000,
};

/** How often what is too old is looked for. */
const SWEEP_INTERVAL_MS = 10 * 60_000;
/** So much goes in one transaction, */
const STEP_SIZE = 1000;
/** and then others get their turn. */
const STEP_PAUSE_MS = 50;
/** Steps of one sweep; the rest goes with the next. */
const STEPS_MAX = 100;

/** Adds entries to a history. An entry that is there already takes its own place. */
export async function appendCounted(
  tx: DocumentTransaction,
  collection: string,
  entries: readonly StoredDocument[],
): Promise<void> {
  if (entries.length === 0) return;
  await tx.putAll(collection, entries);
  await putCount(tx, collection, (await countOf(tx, collection)) + entries.length);
}

/** An entry that was written twice counts twice: never fewer than there are. */
async function countOf(tx: DocumentTransaction, collection: string): Promise<number> {
  const document = await tx.get(COUNT_COLLECTION, collection);
  if (document === undefined) return 0;
  return new StoredJson(document.body, `count of ${collection}`).member("count").number();
}

async function putCount(tx: DocumentTransaction, collection: string, count: number): Promise<void> {
  await tx.put(COUNT_COLLECTION, { id: collection, body: { count }, sortKey: 0 });
}

/**
 * Takes away the oldest entries of a history: those older than `keepMs`, and those beyond `entriesMax`. At most
 * `STEP_SIZE` at a time; gives whether more may go.
 */
export async function sweepStep(
  store: DocumentStore,
  collection: string,
  { keepMs, entriesMax }: HistoryRetention,
  nowMs: number,
): Promise<boolean> {
  return store.transaction(async (tx) => {
    const count = await countOf(tx, collection);
    const oldMs = nowMs - keepMs;
    let gone = await tx.deleteOldest(collection, { sortKeyMax: oldMs, limit: STEP_SIZE });
    const tooMany = count - gone - entriesMax;
    const limit = Math.min(tooMany, STEP_SIZE - gone);
    if (limit > 0)
      gone += await tx.deleteOldest(collection, { sortKeyMax: Number.MAX_VALUE, limit });
    // Nothing left though there should be: it was counted twice.
    const left = tooMany > 0 && gone === 0 ? 0 : Math.max(0, count - gone);
    if (left !== count) await putCount(tx, collection, left);
    return gone === STEP_SIZE;
  });
}

/** Takes away incidents that were opened so long ago and are over. Gives whether more may go. */
async function sweepIncidents(
  store: DocumentStore,
  { keepMs }: HistoryRetention,
  nowMs: number,
): Promise<boolean> {
  return store.transaction(async (tx) => {
    const old = await tx.list(INCIDENT_COLLECTION, {
      sortKeyMax: nowMs - keepMs,
      tags: [statusTag("resolved")],
      limit: STEP_SIZE,
    });
    for (const { id } of old) await tx.delete(INCIDENT_COLLECTION, id);
    return old.length === STEP_SIZE;
  });
}

export interface HistorySweeperOptions {
  readonly store: DocumentStore;
  readonly clock: Clock;
  /** Histories that `appendCounted` writes. */
  readonly collections: readonly string[];
  readonly retention?: HistoryRetention;
  readonly onProblem: (error: OperatingError, doing: string) => void;
}

/** Keeps histories within their bounds, now and then and in small steps. */
export class HistorySweeper implements AsyncDisposable {
  readonly #options: HistorySweeperOptions;
  readonly #periodic: Periodic;

  constructor(options: HistorySweeperOptions) {
    const { clock, onProblem } = options;
    this.#options = options;
    this.#periodic = new Periodic({
      clock,
      startsWith: "wait",
      waitMs: () => SWEEP_INTERVAL_MS,
      turn: (signal) => this.#sweep(signal),
      onProblem: (error) => onProblem(error, "taking away old history"),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#periodic[Symbol.asyncDispose]();
  }

  async #sweep(signal: AbortSignal): Promise<void> {
    const { store, clock, collections, retention = DEFAULT_HISTORY_RETENTION } = this.#options;
    const sweeps = [
      ...collections.map(
        (collection) => () => sweepStep(store, collection, retention, clock.nowMs()),
      ),
      () => sweepIncidents(store, retention, clock.nowMs()),
    ];
    for (const sweep of sweeps)
      for (let step = 0; step < STEPS_MAX && (await sweep()); step++)
        await clock.sleep(STEP_PAUSE_MS, signal);
  }
}
