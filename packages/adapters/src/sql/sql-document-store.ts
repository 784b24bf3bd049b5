import type { DocumentReader, DocumentStore, DocumentTransaction } from "@pharos/ports";
import { type Kysely, sql } from "kysely";
import type { ChangeWatchers } from "./change-watchers.ts";
import type { DocumentTables } from "./document-tables.ts";
import { SqlDocumentReader, SqlDocumentTransaction } from "./sql-documents.ts";

/** What differs from database to database. */
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
  /** The database's own errors as ours; anything else as it is. */
  translate(error: unknown, during: "work" | "commit"): unknown;
}

/** `DocumentStore` on a database that is open and has its tables. */
export class SqlDocumentStore implements DocumentStore {
  readonly shared: boolean;
  readonly #database: SqlDatabase;
  /** Transactions wait for each other here, in the order of the calls, and not for locks. */
  #last: Promise<unknown> = Promise.resolve();
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
    const result = this.#last.then(run);
    this.#last = result.catch(() => {}); // The caller hears of it; the next one in line does not.
    return result;
  }

  async #within<T>(begin: string, work: (db: Kysely<DocumentTables>) => Promise<T>): Promise<T> {
    let during: "work" | "commit" = "work";
    try {
      return await this.#database.db.connection().execute(async (db) => {
        await sql.raw(begin).execute(db);
        try {
          const result = await work(db);
          during = "commit";
          await sql.raw("COMMIT").execute(db);
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
    } catch (error) {
      throw this.#database.translate(error, during);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
    await Promise.allSettled(this.#reads);
    await this.#database[Symbol.asyncDispose]();
  }
}
