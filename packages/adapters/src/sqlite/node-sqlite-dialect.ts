import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { OperatingError } from "@pharos/base";
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";

/**
 * Kysely on Node's own SQLite. One connection: SQLite has one writer, and a query takes microseconds. Every commit is
 * on the disk when it returns (`synchronous = FULL` with a write-ahead log).
 */
export function nodeSqliteDialect(path: string): Dialect {
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new NodeSqliteDriver(path),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}

/** Result codes of SQLite. */
const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;
/** Statements kept compiled; their texts are few, and a long list of rows makes one of its own. */
const STATEMENTS_MAX = 100;

interface Prepared {
  readonly statement: StatementSync;
  /** Asked once: SQLite describes each column anew every time. */
  readonly givesRows: boolean;
}

class NodeSqliteDriver implements Driver {
  readonly #path: string;
  readonly #statements = new Map<string, Prepared>();
  #database: DatabaseSync | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async init(): Promise<void> {
    await this.#translated(() => {
      this.#database = new DatabaseSync(this.#path);
      this.#database.exec("PRAGMA busy_timeout = 1000");
      // One process owns the file for as long as it lives: the system lets go of the lock even after kill -9.
      this.#database.exec("PRAGMA locking_mode = EXCLUSIVE");
      this.#database.exec("PRAGMA journal_mode = WAL");
      this.#database.exec("PRAGMA synchronous = FULL");
      // 8 MB: tags are spread over their whole table, whose pages would be read from the file again and again.
      this.#database.exec("PRAGMA cache_size = -8000");
      this.#database.exec("BEGIN EXCLUSIVE; COMMIT");
    });
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    const run = <R>({ sql, parameters }: CompiledQuery): QueryResult<R> => {
      const { statement, givesRows } = this.#prepared(sql);
      if (givesRows) return { rows: statement.all(...(parameters as SQLInputValue[])) as R[] };
      const { changes, lastInsertRowid } = statement.run(...(parameters as SQLInputValue[]));
      return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
    };
    return {
      executeQuery: <R>(query: CompiledQuery) => this.#translated(() => run<R>(query)),
      // biome-ignore lint/correctness/useYield: the interface asks for it; SQLite has nothing to stream.
      async *streamQuery(): AsyncIterableIterator<never> {
        throw new Error("streaming is not supported on SQLite");
      },
    };
  }

  async beginTransaction(): Promise<void> {
    await this.#translated(() => this.#opened().exec("BEGIN IMMEDIATE"));
  }

  async commitTransaction(): Promise<void> {
    await this.#translated(() => this.#opened().exec("COMMIT"));
  }

  async rollbackTransaction(): Promise<void> {
    await this.#translated(() => this.#opened().exec("ROLLBACK"));
  }

  async releaseConnection(): Promise<void> {}

  async destroy(): Promise<void> {
    this.#statements.clear();
    this.#database?.close();
  }

  #prepared(sql: string): Prepared {
    const kept = this.#statements.get(sql);
    if (kept !== undefined) return kept;
    const statement = this.#opened().prepare(sql);
    const prepared = { statement, givesRows: statement.columns().length > 0 };
    const oldest = this.#statements.keys().next();
    if (this.#statements.size >= STATEMENTS_MAX && !oldest.done)
      this.#statements.delete(oldest.value);
    this.#statements.set(sql, prepared);
    return prepared;
  }

  /** SQLite's own errors become ours. */
  async #translated<T>(run: () => T): Promise<T> {
    try {
      return run();
    } catch (error) {
      const { code, errcode } = error as { code?: string; errcode?: number };
      if (code !== "ERR_SQLITE_ERROR") throw error;
      const reason =
        errcode === SQLITE_BUSY
          ? "another process uses this data folder"
          : (error as Error).message;
      const message = `${this.#path}: ${reason}`;
      throw new OperatingError(errcode === SQLITE_FULL ? "disk.full" : "disk.failed", message, {
        cause: error,
      });
    }
  }

  #opened(): DatabaseSync {
    if (this.#database === undefined) throw new Error("the database is not open");
    return this.#database;
  }
}
