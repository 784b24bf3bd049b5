import { OperatingError } from "@pharos/base";
import type { DocumentReader, DocumentStore, DocumentTransaction } from "@pharos/ports";
import { type Kysely, sql } from "kysely";
import type { ChangeWatchers } from "./change-watchers.ts";
import type { DocumentTables } from "./document-tables.ts";
import { SqlDocumentReader, SqlDocumentTransaction } from "./sql-documents.ts";

/** Transactions of this process that wait for their turn; more are refused. */
export const TRANSACTIONS_WAITING_MAX = 10_000;
/** What ends every transaction that is kept. */
export const COMMIT = "COMMIT";

/** What differs from database to database. The database's own errors come out of `db` as `OperatingError`. */
export interface SqlDatabase extends AsyncDisposable {
  readonly db: Kysely<DocumentTables>;
  /** Whether other processes use the same database. */
  readonly shared: boolean;
  /** Statements that begin a transaction that excludes all others, and one that reads what is kept at one moment. */
  readonly begin: string;
  readonly beginRead: string;
  /** Whether transactions that read run beside those that write, on connections of their own. */
  readonly readsBesideWrites: boolean;
  readonly watchers: ChangeWatchers;
}

/** `DocumentStore` on a database that is open and has its tables. */
export class SqlDocumentStore implements DocumentStore {
  readonly shared: boolean;
  readonly #database: SqlDatabase;
  /** Transactions wait for each other here, in the order of the calls, and not for locks. */
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  readonly #reads = new Set<Promise<unknown>>();

  constructor(database: SqlDatabase) {
    this.#database = database;
    this.shared = database.shared;
  }

  transaction<T>(work: (tx: DocumentTransaction) => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      const { begin, watchers } = this.#database;
      const [result, changed] = await this.#within(begin, async (db) => {
        const tx = new SqlDocumentTransaction(db);
        return [await tx.use(work), tx.changed];
      });
      watchers.changed(changed);
      return result;
    });
  }

  read<T>(work: (tx: DocumentReader) => Promise<T>): Promise<T> {
    const read = (): Promise<T> =>
      this.#within(this.#database.beginRead, (db) => new SqlDocumentReader(db).use(work));
    if (!this.#database.readsBesideWrites) return this.#inTurn(read);
    const reading = read();
    this.#reads.add(reading);
    const done = (): void => void this.#reads.delete(reading);
    reading.then(done, done);
    return reading;
  }

  watch(collection: string, onChange: () => void): Disposable {
    return this.#database.watchers.add(collection, onChange);
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    if (this.#waiting >= TRANSACTIONS_WAITING_MAX) {
      const message = `${TRANSACTIONS_WAITING_MAX} transactions wait for the database already`;
      return Promise.reject(new OperatingError("queue.full", message));
    }
    this.#waiting++;
    const result = this.#last.then(() => {
      this.#waiting--;
      return run();
    });
    this.#last = result.catch(() => {}); // The caller hears of it; the next one in line does not.
    return result;
  }

  #within<T>(begin: string, work: (db: Kysely<DocumentTables>) => Promise<T>): Promise<T> {
    return this.#database.db.connection().execute(async (db) => {
      try {
        await sql.raw(begin).execute(db);
        const result = await work(db);
        await sql.raw(COMMIT).execute(db);
        return result;
      } catch (error) {
        // Where the connection is gone, or the database has rolled back by itself, there is nothing to undo.
        await sql
          .raw("ROLLBACK")
          .execute(db)
          .catch(() => {});
        throw error;
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
    await Promise.allSettled(this.#reads);
    await this.#database[Symbol.asyncDispose]();
  }
}
