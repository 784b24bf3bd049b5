import { OperatingError } from "@pharos/base";
import type { DocumentStore, DocumentTransaction, Json } from "@pharos/ports";
import { Kysely, type Transaction } from "kysely";
import { nodeSqliteDialect } from "./node-sqlite-dialect.ts";

interface Tables {
  documents: { collection: string; id: string; sort_key: number; body: string };
}

/**
 * Documents in one SQLite file. `path` may be ":memory:" in tests.
 * @throws OperatingError `disk.failed` where the file cannot be opened or is no database.
 */
export async function openSqliteDocumentStore(path: string): Promise<DocumentStore> {
  const db = new Kysely<Tables>({ dialect: nodeSqliteDialect(path) });
  await translated(path, () => createTables(db));

  // SQLite has one writer: transactions wait for each other here, not for a lock.
  let last: Promise<unknown> = Promise.resolve();
  return {
    transaction(work) {
      const run = last.then(() =>
        translated(path, () => db.transaction().execute((tx) => work(documentTransaction(tx)))),
      );
      last = run.catch(() => {}); // The caller hears of it; the next one in line does not.
      return run;
    },
    async [Symbol.asyncDispose]() {
      await last;
      await db.destroy();
    },
  };
}

async function createTables(db: Kysely<Tables>): Promise<void> {
  await db.schema
    .createTable("documents")
    .ifNotExists()
    .addColumn("collection", "text", (column) => column.notNull())
    .addColumn("id", "text", (column) => column.notNull())
    .addColumn("sort_key", "real", (column) => column.notNull())
    .addColumn("body", "text", (column) => column.notNull())
    .addPrimaryKeyConstraint("documents_key", ["collection", "id"])
    .execute();
  await db.schema
    .createIndex("documents_by_sort_key")
    .ifNotExists()
    .on("documents")
    .columns(["collection", "sort_key", "id"])
    .execute();
}

function documentTransaction(tx: Transaction<Tables>): DocumentTransaction {
  return {
    async get(collection, id) {
      const row = await tx
        .selectFrom("documents")
        .select(["id", "sort_key", "body"])
        .where("collection", "=", collection)
        .where("id", "=", id)
        .executeTakeFirst();
      return row && { id: row.id, sortKey: row.sort_key, body: JSON.parse(row.body) as Json };
    },
    async put(collection, { id, sortKey, body }) {
      const row = { sort_key: sortKey, body: JSON.stringify(body) };
      await tx
        .insertInto("documents")
        .values({ collection, id, ...row })
        .onConflict((conflict) => conflict.columns(["collection", "id"]).doUpdateSet(row))
        .execute();
    },
    async delete(collection, id) {
      await tx
        .deleteFrom("documents")
        .where("collection", "=", collection)
        .where("id", "=", id)
        .execute();
    },
    async list(collection, { sortKeyMax, limit }) {
      let query = tx
        .selectFrom("documents")
        .select(["id", "sort_key", "body"])
        .where("collection", "=", collection)
        .orderBy("sort_key")
        .orderBy("id")
        .limit(limit);
      if (sortKeyMax !== undefined) query = query.where("sort_key", "<=", sortKeyMax);
      const rows = await query.execute();
      return rows.map((row) => ({
        id: row.id,
        sortKey: row.sort_key,
        body: JSON.parse(row.body) as Json,
      }));
    },
  };
}

/** Result codes of SQLite. */
const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;

/** SQLite's own errors become ours; whatever `work` threw is passed on as it is. */
async function translated<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code, errcode } = error as { code?: string; errcode?: number };
    if (code !== "ERR_SQLITE_ERROR") throw error;
    const reason =
      errcode === SQLITE_BUSY ? "another process uses this data folder" : (error as Error).message;
    throw new OperatingError(
      errcode === SQLITE_FULL ? "disk.full" : "disk.failed",
      `${path}: ${reason}`,
      {
        cause: error,
      },
    );
  }
}
