/** What a document may hold. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json };

export interface StoredDocument {
  readonly id: string;
  readonly body: Json;
  /** Orders documents in `list`; a time in ms where a document waits for one. */
  readonly sortKey: number;
}

/**
 * Documents that must not be lost: alert state, outbox, silences, rules, dashboards. Collections of JSON documents by
 * id; SQLite in one process, PostgreSQL when scaled out. Every implementation passes `documentStoreConformance`.
 */
export interface DocumentStore {
  /**
   * Runs `work` in one transaction, after those called before it: what it wrote is kept as a whole when the promise
   * resolves (and then survives power loss), and not at all if `work` throws, whose error is passed on. Transactions
   * do not overlap; `work` must not start another one.
   *
   * @throws OperatingError `disk.full`, `disk.failed`.
   */
  transaction<T>(work: (tx: DocumentTransaction) => Promise<T>): Promise<T>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface DocumentTransaction {
  get(collection: string, id: string): Promise<StoredDocument | undefined>;
  /** Creates or replaces. */
  put(collection: string, document: StoredDocument): Promise<void>;
  /** Nothing happens if there is none. */
  delete(collection: string, id: string): Promise<void>;
  /** By `sortKey`, then id. */
  list(
    collection: string,
    options: { readonly sortKeyMax?: number; readonly limit: number },
  ): Promise<readonly StoredDocument[]>;
}
