import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
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

/** Statements kept compiled; their texts are few, and a long list of rows makes one of its own. */
const STATEMENTS_MAX = 100;

class NodeSqliteDriver implements Driver {
  readonly #path: string;
  readonly #statements = new Map<string, StatementSync>();
  #database: DatabaseSync | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async init(): Promise<void> {
    this.#database = new DatabaseSync(this.#path);
    this.#database.exec("PRAGMA busy_timeout = 1000");
    // One process owns the file for as long as it lives: the system lets go of the lock even after kill -9.
    this.#database.exec("PRAGMA locking_mode = EXCLUSIVE");
    this.#database.exec("PRAGMA journal_mode = WAL");
    this.#database.exec("PRAGMA synchronous = FULL");
    this.#database.exec("BEGIN EXCLUSIVE; COMMIT");
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    const prepared = (sql: string): StatementSync => this.#prepared(sql);
    return {
      async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
        const statement = prepared(sql);
        if (statement.columns().length > 0)
          return { rows: statement.all(...(parameters as SQLInputValue[])) as R[] };
        const { changes, lastInsertRowid } = statement.run(...(parameters as SQLInputValue[]));
        return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
      },
      // biome-ignore lint/correctness/useYield: the interface asks for it; SQLite has nothing to stream.
      async *streamQuery(): AsyncIterableIterator<never> {
        throw new Error("streaming is not supported on SQLite");
      },
    };
  }

  async beginTransaction(): Promise<void> {
    this.#opened().exec("BEGIN IMMEDIATE");
  }

  async commitTransaction(): Promise<void> {
    this.#opened().exec("COMMIT");
  }

  async rollbackTransaction(): Promise<void> {
    this.#opened().exec("ROLLBACK");
  }

  async releaseConnection(): Promise<void> {}

  async destroy(): Promise<void> {
    this.#statements.clear();
    this.#database?.close();
  }

  #prepared(sql: string): StatementSync {
    const kept = this.#statements.get(sql);
    if (kept !== undefined) return kept;
    const statement = this.#opened().prepare(sql);
    const oldest = this.#statements.keys().next();
    if (this.#statements.size >= STATEMENTS_MAX && !oldest.done)
      this.#statements.delete(oldest.value);
    this.#statements.set(sql, statement);
    return statement;
  }

  #opened(): DatabaseSync {
    if (this.#database === undefined) throw new Error("the database is not open");
    return this.#database;
  }
}
