import { setImmediate as immediate } from "node:timers/promises";
import { OperatingError } from "@pharos/base";
import type { DocumentReader, DocumentStore, DocumentTransaction } from "@pharos/ports";
import type { Kysely } from "kysely";
import type { ChangeWatchers } from "./change-watchers.ts";
import { DocumentStatements, plain } from "./document-statements.ts";
import type { DocumentTables } from "./document-tables.ts";
import { SqlDocumentReader, SqlDocumentTransaction } from "./sql-documents.ts";

/** Transactions of this process that wait for their turn; more are refused. */
export const TRANSACTIONS_WAITING_MAX = 10_000;
/** Transactions that are committed together, so that other servers and the first of them need not wait long. */
const TOGETHER_MAX = 50;
/** What ends every transaction that is kept. */
export const COMMIT = "COMMIT";
const END_KEPT = plain(COMMIT);
const END_UNDONE = plain("ROLLBACK");
const BEGIN_ONE = plain("SAVEPOINT one");
const UNDO_ONE = plain("ROLLBACK TO SAVEPOINT one");
const END_ONE = plain("RELEASE SAVEPOINT one");

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
  /** Once transactions that are to be committed together have taken so long, the others wait for the next commit. */
  readonly togetherMsMax: number;
  readonly watchers: ChangeWatchers;
}

/**
 * `DocumentStore` on a database that is open and has its tables. Transactions that wait at the same time are committed
 * together: a commit waits for the disk, and that is the longest part of most. Each has a savepoint, so that one that
 * fails takes none of the others with it.
 */
export class SqlDocumentStore implements DocumentStore {
  readonly shared: boolean;
  readonly #database: SqlDatabase;
  readonly #statements: DocumentStatements;
  /** In the order of the calls. */
  readonly #waiting: Turn[] = [];
  #draining: Promise<void> | undefined;
  readonly #reads = new Set<Promise<unknown>>();

  constructor(database: SqlDatabase) {
    this.#database = database;
    this.#statements = new DocumentStatements(database.db);
    this.shared = database.shared;
  }

  transaction<T>(work: (tx: DocumentTransaction) => Promise<T>): Promise<T> {
    const statements = this.#statements;
    return this.#wait((resolve: (result: T) => void, reject) => {
      let resolveKept = (): void => {};
      return {
        kind: "write",
        async run(db) {
          const tx = new SqlDocumentTransaction(db, statements);
          const result = await tx.use(work);
          resolveKept = () => resolve(result);
          return tx.changed;
        },
        kept: () => resolveKept(),
        failed: reject,
      };
    });
  }

  read<T>(work: (tx: DocumentReader) => Promise<T>): Promise<T> {
    const read = (): Promise<T> =>
      this.#within(this.#database.beginRead, (db) =>
        new SqlDocumentReader(db, this.#statements).use(work),
      );
    if (!this.#database.readsBesideWrites)
      return this.#wait((resolve: (result: T) => void, reject) => ({
        kind: "read",
        run: () => read().then(resolve, reject),
      }));
    const reading = read();
    this.#reads.add(reading);
    const done = (): void => void this.#reads.delete(reading);
    reading.then(done, done);
    return reading;
  }

  watch(collection: string, onChange: () => void): Disposable {
    return this.#database.watchers.add(collection, onChange);
  }

  #wait<T>(
    turn: (resolve: (result: T) => void, reject: (error: unknown) => void) => Turn,
  ): Promise<T> {
    if (this.#waiting.length >= TRANSACTIONS_WAITING_MAX) {
      const message = `${TRANSACTIONS_WAITING_MAX} transactions wait for the database already`;
      return Promise.reject(new OperatingError("queue.full", message));
    }
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push(turn(resolve, reject));
      this.#draining ??= this.#drain();
    });
  }

  async #drain(): Promise<void> {
    // All that has come meanwhile is heard first, since its transactions are committed with this one: SQLite's commits
    // stop the whole thread, and one for each request would have the requests wait for as many.
    await immediate();
    for (let first = this.#waiting.shift(); first !== undefined; first = this.#waiting.shift()) {
      if (first.kind === "read") {
        await first.run();
        continue;
      }
      const together = [first];
      for (let next = this.#waiting[0]; next?.kind === "write"; next = this.#waiting[0]) {
        if (together.length === TOGETHER_MAX) break;
        together.push(next);
        this.#waiting.shift();
      }
      await this.#commit(together);
      await immediate();
    }
    this.#draining = undefined;
  }

  /** Never throws: each transaction hears how it went. */
  async #commit(together: readonly WaitingWrite[]): Promise<void> {
    const changed = new Set<string>();
    const failed = new Set<WaitingWrite>();
    const begun: WaitingWrite[] = [];
    const runOne = async (write: WaitingWrite, db: Kysely<DocumentTables>): Promise<void> => {
      for (const collection of await write.run(db)) changed.add(collection);
    };
    try {
      await this.#within(this.#database.begin, async (db) => {
        const startMs = performance.now();
        for (const write of together) {
          const isLong = performance.now() - startMs > this.#database.togetherMsMax;
          if (begun.length > 0 && isLong) break;
          begun.push(write);
          if (together.length === 1) await runOne(write, db);
          else {
            await db.executeQuery(BEGIN_ONE);
            try {
              await runOne(write, db);
            } catch (error) {
              failed.add(write);
              write.failed(error);
              await db.executeQuery(UNDO_ONE);
            }
            await db.executeQuery(END_ONE);
          }
        }
      });
    } catch (error) {
      // A transaction that could not begin is every one's.
      const lost = begun.length === 0 ? together : begun;
      this.#waiting.unshift(...together.slice(lost.length));
      for (const write of lost) if (!failed.has(write)) write.failed(error);
      return;
    }
    this.#waiting.unshift(...together.slice(begun.length));
    this.#database.watchers.changed(changed);
    for (const write of begun) if (!failed.has(write)) write.kept();
  }

  #within<T>(begin: string, work: (db: Kysely<DocumentTables>) => Promise<T>): Promise<T> {
    return this.#database.db.connection().execute(async (db) => {
      try {
        await db.executeQuery(plain(begin));
        const result = await work(db);
        await db.executeQuery(END_KEPT);
        return result;
      } catch (error) {
        // Where the connection is gone, or the database has rolled back by itself, there is nothing to undo.
        await db.executeQuery(END_UNDONE).catch(() => {});
        throw error;
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#draining;
    await Promise.allSettled(this.#reads);
    await this.#database[Symbol.asyncDispose]();
  }
}

type Turn = WaitingWrite | { readonly kind: "read"; run(): Promise<void> };

interface WaitingWrite {
  readonly kind: "write";
  /** Gives the collections that it changed. */
  run(db: Kysely<DocumentTables>): Promise<ReadonlySet<string>>;
  /** It is on the disk. */
  kept(): void;
  failed(error: unknown): void;
}
