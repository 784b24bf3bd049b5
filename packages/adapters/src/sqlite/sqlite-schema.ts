import { OperatingError } from "@pharos/base";
import { type Kysely, sql } from "kysely";
import type { DocumentTables } from "../sql/document-tables.ts";
import { SQLITE_VIEWS } from "./sqlite-views.ts";

/** Each brings the tables from the version before to the next; what has been released does not change. */
const MIGRATIONS: readonly (readonly string[])[] = [
  [
    // Files from before the versions have these already.
    `CREATE TABLE IF NOT EXISTS documents (
      collection TEXT NOT NULL, id TEXT NOT NULL, sort_key REAL NOT NULL, body TEXT NOT NULL,
      CONSTRAINT documents_key PRIMARY KEY (collection, id))`,
    "CREATE INDEX IF NOT EXISTS documents_by_sort_key ON documents (collection, sort_key, id)",
  ],
  [
    "ALTER TABLE documents ADD COLUMN tags TEXT",
    "ALTER TABLE documents ADD COLUMN long_id TEXT",
    `CREATE TABLE document_tags (
      collection TEXT NOT NULL, tag TEXT NOT NULL, sort_key REAL NOT NULL, id TEXT NOT NULL,
      PRIMARY KEY (collection, tag, sort_key, id)) WITHOUT ROWID`,
    `CREATE TRIGGER documents_inserted AFTER INSERT ON documents WHEN NEW.tags IS NOT NULL BEGIN
      INSERT OR IGNORE INTO document_tags
        SELECT NEW.collection, value, NEW.sort_key, NEW.id FROM json_each(NEW.tags);
    END`,
    `CREATE TRIGGER documents_updated AFTER UPDATE ON documents
      WHEN NEW.tags IS NOT OLD.tags OR NEW.sort_key <> OLD.sort_key BEGIN
      DELETE FROM document_tags WHERE (collection, tag, sort_key, id) IN
        (SELECT OLD.collection, value, OLD.sort_key, OLD.id FROM json_each(OLD.tags));
      INSERT OR IGNORE INTO document_tags
        SELECT NEW.collection, value, NEW.sort_key, NEW.id FROM json_each(NEW.tags);
    END`,
    `CREATE TRIGGER documents_deleted AFTER DELETE ON documents WHEN OLD.tags IS NOT NULL BEGIN
      DELETE FROM document_tags WHERE (collection, tag, sort_key, id) IN
        (SELECT OLD.collection, value, OLD.sort_key, OLD.id FROM json_each(OLD.tags));
    END`,
  ],
  SQLITE_VIEWS,
];

/** @throws OperatingError `disk.corrupt` for tables of a newer version, which stay as they are. */
export async function migrateSqlite(db: Kysely<DocumentTables>, path: string): Promise<void> {
  const { rows } = await sql<{ user_version: number }>`PRAGMA user_version`.execute(db);
  const version = rows[0]?.user_version ?? 0;
  if (version > MIGRATIONS.length)
    throw new OperatingError(
      "disk.corrupt",
      `${path}: its tables are of version ${version} and this Pharos knows ${MIGRATIONS.length}: it was written by a newer Pharos`,
    );
  for (const [at, statements] of MIGRATIONS.entries()) {
    if (at < version) continue;
    await db.transaction().execute(async (tx) => {
      for (const statement of statements) await sql.raw(statement).execute(tx);
      await sql.raw(`PRAGMA user_version = ${at + 1}`).execute(tx);
    });
  }
}
