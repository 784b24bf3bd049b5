import { join } from "node:path";
import { shownPostgresUrl } from "@pharos/adapters/postgres/url";
import { openSqliteDocumentStore } from "@pharos/adapters/sqlite";
import { errorText } from "@pharos/base";
import type { DocumentStore } from "@pharos/ports";
import type { Logger } from "./log.ts";
import type { ServeOptions } from "./options.ts";

/** How long a start waits for a database that does not answer: as long as one takes that is started beside us. */
const DATABASE_WAIT_MS_MAX = 30_000;

/**
 * Where alert state, silences, rules and the outbox are kept: the data folder's SQLite, or the PostgreSQL that
 * `--database-url` names.
 *
 * @param local the data folder's, which holds the lock on the folder in any case.
 * @throws OperatingError `database.unavailable`, `config.invalid` as `openPostgresDocumentStore`.
 */
export async function openDocuments(
  local: DocumentStore,
  { databaseUrl, databasePasswordFile }: ServeOptions,
  log: Logger,
): Promise<DocumentStore> {
  if (databaseUrl === undefined) return local;
  const database = shownPostgresUrl(databaseUrl);
  // A driver that most servers do not need.
  const { openPostgresDocumentStore } = await import("@pharos/adapters/postgres");
  const documents = await openPostgresDocumentStore({
    url: databaseUrl,
    passwordFile: databasePasswordFile,
    waitMsMax: DATABASE_WAIT_MS_MAX,
    onWaiting: (error) =>
      log.warn({ code: error.code, error: errorText(error) }, "waiting for the database"),
  });
  log.info({ database }, "documents are kept in PostgreSQL");
  return documents;
}

/** Opens the data folder's own documents, which nobody else uses meanwhile. @throws OperatingError `disk.failed`. */
export function openLocalDocuments(dataFolder: string): Promise<DocumentStore> {
  return openSqliteDocumentStore(join(dataFolder, "pharos.db"));
}
