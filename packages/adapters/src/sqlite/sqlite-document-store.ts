import type { DocumentStore } from "@pharos/ports";
import { Kysely } from "kysely";
import { ChangeWatchers } from "../sql/change-watchers.ts";
import type { DocumentTables } from "../sql/document-tables.ts";
import { SqlDocumentStore } from "../sql/sql-document-store.ts";
import { nodeSqliteDialect } from "./node-sqlite-dialect.ts";
import { migrateSqlite } from "./sqlite-schema.ts";

/**
 * Documents in one SQLite file, which no other process uses meanwhile. `path` may be ":memory:" in tests.
 *
 * @throws OperatingError `disk.failed` where the file cannot be opened or is no database, `disk.corrupt` where a newer
 *   Pharos wrote it.
 */
export async function openSqliteDocumentStore(path: string): Promise<DocumentStore> {
  const db = new Kysely<DocumentTables>({ dialect: nodeSqliteDialect(path) });
  try {
    await migrateSqlite(db, path);
  } catch (error) {
    await db.destroy().catch(() => {}); // Opening it may be what failed.
    throw error;
  }
  return new SqlDocumentStore({
    db,
    shared: false,
    begin: "BEGIN IMMEDIATE",
    beginRead: "BEGIN",
    // There is one connection.
    readsBesideWrites: false,
    // Its statements stop the whole thread.
    togetherMsMax: 30,
    watchers: new ChangeWatchers(),
    [Symbol.asyncDispose]: () => db.destroy(),
  });
}
