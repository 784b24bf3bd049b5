import { OperatingError } from "@pharos/base";
import { type Kysely, sql } from "kysely";
import type { DocumentTables } from "../sql/document-tables.ts";
import { CHANGES_CHANNEL } from "./change-listener.ts";
import { POSTGRES_VIEWS } from "./postgres-views.ts";

/** The first PostgreSQL that this is tested with. */
const SERVER_VERSION_MIN = 150_000;

/**
 * Transactions of all servers exclude each other by this lock, which the database lets go of at their end, whatever
 * that is. A number that other programs on the same database do not use.
 */
const TRANSACTION_LOCK = 5_787_213_846_271;

export const BEGIN = `BEGIN; SELECT pg_advisory_xact_lock(${TRANSACTION_LOCK})`;
export const BEGIN_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/** Each brings the tables from the version before to the next; what has been released does not change. */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE documents (
    collection text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, sort_key double precision NOT NULL,
    body json NOT NULL, tags json, long_id text,
    CONSTRAINT documents_key PRIMARY KEY (collection, id));
  CREATE INDEX documents_by_sort_key ON documents (collection, sort_key, id);
  CREATE TABLE document_tags (
    collection text COLLATE "C" NOT NULL, tag text COLLATE "C" NOT NULL, sort_key double precision NOT NULL,
    id text COLLATE "C" NOT NULL,
    PRIMARY KEY (collection, tag, sort_key, id));

  CREATE FUNCTION pharos_document_changed() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF TG_OP = 'DELETE' THEN PERFORM pg_notify('${CHANGES_CHANNEL}', OLD.collection);
    ELSE PERFORM pg_notify('${CHANGES_CHANNEL}', NEW.collection);
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.sort_key = NEW.sort_key AND OLD.tags::text IS NOT DISTINCT FROM NEW.tags::text THEN
      RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' AND OLD.tags IS NOT NULL THEN
      DELETE FROM document_tags AS t USING json_array_elements_text(OLD.tags) AS old_tag
        WHERE t.collection = OLD.collection AND t.tag = old_tag AND t.sort_key = OLD.sort_key AND t.id = OLD.id;
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.tags IS NOT NULL THEN
      INSERT INTO document_tags (collection, tag, sort_key, id)
        SELECT NEW.collection, new_tag, NEW.sort_key, NEW.id FROM json_array_elements_text(NEW.tags) AS new_tag
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
  END $$;
  CREATE TRIGGER document_changed AFTER INSERT OR UPDATE OR DELETE ON documents
    FOR EACH ROW EXECUTE FUNCTION pharos_document_changed();
  `,
  POSTGRES_VIEWS,
];

/**
 * Brings the tables up to date; two servers that start at once do it one after the other.
 *
 * @throws OperatingError `config.invalid` for a database that cannot be used: too old, not UTF-8, or written by a newer
 *   Pharos, whose tables stay as they are. And what the database throws.
 */
export async function migratePostgres(db: Kysely<DocumentTables>, name: string): Promise<void> {
  const refuse = (reason: string): OperatingError =>
    new OperatingError("config.invalid", `the database ${name}: ${reason}`);
  const { rows: servers } = await sql<{ version: string; encoding: string }>`
    SELECT current_setting('server_version_num') AS version, current_setting('server_encoding') AS encoding
  `.execute(db);
  const { version = "0", encoding = "" } = servers[0] ?? {};
  if (Number(version) < SERVER_VERSION_MIN)
    throw refuse(
      `PostgreSQL is of version ${Math.floor(Number(version) / 10_000)}, and want 15 or newer`,
    );
  if (encoding !== "UTF8") throw refuse(`its encoding is ${encoding}, and want UTF8`);

  await db.connection().execute(async (connection) => {
    try {
      await sql.raw(BEGIN).execute(connection);
      await sql
        .raw("CREATE TABLE IF NOT EXISTS pharos_schema (version integer NOT NULL)")
        .execute(connection);
      const { rows } = await sql<{ version: number }>`SELECT version FROM pharos_schema`.execute(
        connection,
      );
      const before = rows[0]?.version ?? 0;
      if (before > MIGRATIONS.length)
        throw refuse(
          `its tables are of version ${before} and this Pharos knows ${MIGRATIONS.length}: they were written by a newer Pharos`,
        );
      for (const migration of MIGRATIONS.slice(before))
        await sql.raw(migration).execute(connection);
      if (before < MIGRATIONS.length)
        await sql
          .raw(`DELETE FROM pharos_schema; INSERT INTO pharos_schema VALUES (${MIGRATIONS.length})`)
          .execute(connection);
      await sql.raw("COMMIT").execute(connection);
    } catch (error) {
      await sql
        .raw("ROLLBACK")
        .execute(connection)
        .catch(() => {});
      throw error;
    }
  });
}
