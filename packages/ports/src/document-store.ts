/** What a document may hold. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json };

export interface StoredDocument {
  /** Any text; one longer than `DOCUMENT_ID_SIZE_MAX` costs a hash each time. */
  readonly id: string;
  readonly body: Json;
  /** Finite. Orders documents in `list`; a time in ms where a document waits for one, or happened at one. */
  readonly sortKey: number;
  /** What `list` can ask for, such as `rule=HighCpu`: at most `DOCUMENT_TAGS_MAX`, each up to `DOCUMENT_TAG_LENGTH_MAX`. */
  readonly tags?: readonly string[];
}

/** Bytes of an id as UTF-8 up to which it is a key of the database as it is. */
export const DOCUMENT_ID_SIZE_MAX = 500;
/** Tags of one document. */
export const DOCUMENT_TAGS_MAX = 100;
/** UTF-16 units of one tag; a longer one is cut by whoever writes and whoever asks. */
export const DOCUMENT_TAG_LENGTH_MAX = 512;

/**
 * Documents that must not be lost: alert state, outbox, silences, rules, dashboards. Collections of JSON documents by
 * id; SQLite in one process, PostgreSQL when several servers share them. Every implementation passes
 * `documentStoreConformance`.
 */
export interface DocumentStore {
  /** Whether other processes may read and write the same documents. */
  readonly shared: boolean;

  /**
   * Runs `work` in one transaction, after those called before it: what it wrote is kept as a whole when the promise
   * resolves (and then survives power loss), and not at all if `work` throws, whose error is passed on. Transactions
   * do not overlap, not even those of other processes; `work` must not start another one, nor wait for one.
   *
   * @throws OperatingError `disk.full`, `disk.failed`; `queue.full` where too many wait; `database.unavailable`, whose
   *   message says so where nobody knows whether it was kept.
   */
  transaction<T>(work: (tx: DocumentTransaction) => Promise<T>): Promise<T>;

  /**
   * Runs `work` on what is kept at one moment, everything that this process was told is kept among it; waits for no
   * transaction of another process. `work` must not start a transaction, nor a transaction's `work` a read. Errors as
   * `transaction`.
   */
  read<T>(work: (tx: DocumentReader) => Promise<T>): Promise<T>;

  /**
   * Calls `onChange` after transactions that wrote to the collection, its own process's too; those of other processes
   * are told within about a second. May be called more often than something changed, and once for several changes.
   */
  watch(collection: string, onChange: () => void): Disposable;

  [Symbol.asyncDispose](): Promise<void>;
}

export interface DocumentReader {
  get(collection: string, id: string): Promise<StoredDocument | undefined>;
  /**
   * By `sortKey`, then id as UTF-8 (from `DOCUMENT_ID_SIZE_MAX` bytes on, ids that begin alike come in any order that
   * stays the same); backwards for `desc`. Tags are given as they were put.
   */
  list(collection: string, options: DocumentListOptions): Promise<readonly StoredDocument[]>;
}

export interface DocumentListOptions {
  /** Both bounds belong to what is listed. */
  readonly sortKeyMin?: number;
  readonly sortKeyMax?: number;
  /** Only documents that have all of these; name the rarest first, which is where the search begins. */
  readonly tags?: readonly string[];
  /** "asc" unless told. */
  readonly order?: "asc" | "desc";
  /** Goes on behind this one, in the order asked for; it need not exist any more. */
  readonly after?: { readonly sortKey: number; readonly id: string };
  readonly limit: number;
}

export interface DocumentTransaction extends DocumentReader {
  /** Creates or replaces, tags too. */
  put(collection: string, document: StoredDocument): Promise<void>;
  /** As `put` for each, in few statements. Ids must differ. */
  putAll(collection: string, documents: readonly StoredDocument[]): Promise<void>;
  /** Nothing happens if there is none. */
  delete(collection: string, id: string): Promise<void>;
  /** Deletes up to `limit` of the documents with the smallest sort keys up to `sortKeyMax`; gives how many went. */
  deleteOldest(
    collection: string,
    options: { readonly sortKeyMax: number; readonly limit: number },
  ): Promise<number>;
}
