import { OperatingError } from "@pharos/base";
import type { DocumentStore, StoredDocument } from "@pharos/ports";
import { ALERT_COLLECTION, alertFromDocument, type StoredAlert } from "./stored-alert.ts";

/** How many alerts are read at once. */
const PAGE_SIZE = 2000;
/** Clocks of servers may differ by this much: so much is looked at again. */
const CLOCK_SKEW_MS = 30_000;

/** Hears of alerts that were posted to other servers of the same store. */
export class AlertSync {
  readonly #store: DocumentStore;
  readonly #server: string;
  /** Alerts of before were read. */
  #readUntilMs: number;
  #hasNews = false;

  constructor(store: DocumentStore, server: string, nowMs: number) {
    this.#store = store;
    this.#server = server;
    this.#readUntilMs = nowMs;
  }

  /** Rings when there may be news. */
  watch(ring: () => void): Disposable {
    return this.#store.watch(ALERT_COLLECTION, () => {
      this.#hasNews = true;
      ring();
    });
  }

  /**
   * What others have written since the last time, some of it again.
   *
   * @throws OperatingError of the store.
   */
  async news(nowMs: number): Promise<StoredAlert[]> {
    if (!this.#hasNews) return [];
    this.#hasNews = false;
    const found: StoredAlert[] = [];
    try {
      await this.#store.read(async (reader) => {
        // The clock may have been set back.
        const sortKeyMin = Math.min(this.#readUntilMs, nowMs) - CLOCK_SKEW_MS;
        let after: { sortKey: number; id: string } | undefined;
        for (;;) {
          const page: readonly StoredDocument[] = await reader.list(ALERT_COLLECTION, {
            sortKeyMin,
            limit: PAGE_SIZE,
            ...(after === undefined ? {} : { after }),
          });
          for (const document of page) this.#take(document, found);
          after = page.at(-1);
          if (page.length < PAGE_SIZE) return;
        }
      });
    } catch (error) {
      this.#hasNews = true;
      throw error;
    }
    return found;
  }

  #take(document: StoredDocument, found: StoredAlert[]): void {
    let stored: StoredAlert;
    try {
      stored = alertFromDocument(document);
    } catch (error) {
      if (error instanceof OperatingError) return; // Reported at the next start.
      throw error;
    }
    this.#readUntilMs = Math.max(this.#readUntilMs, stored.updatedAtMs);
    if (stored.server !== this.#server && stored.origin === "posted") found.push(stored);
  }
}
