import { OperatingError } from "@pharos/base";
import type { DocumentStore } from "@pharos/ports";
import { Kysely, PostgresDialect } from "kysely";
import { ChangeWatchers } from "../sql/change-watchers.ts";
import type { DocumentTables } from "../sql/document-tables.ts";
import { SqlDocumentStore } from "../sql/sql-document-store.ts";
import { ChangeListener } from "./change-listener.ts";
import { clientConfig, type PostgresAddress } from "./postgres-address.ts";
import { TranslatingPool, translatePostgres } from "./postgres-pool.ts";
import { BEGIN, BEGIN_READ, migratePostgres } from "./postgres-schema.ts";
import { databaseName } from "./postgres-url.ts";

const RETRY_MS = 500;

export interface PostgresOptions extends PostgresAddress {
  /** How long to go on trying where the database does not answer at first. */
  readonly waitMsMax: number;
  /** Called once, when the first try failed and others follow. */
  readonly onWaiting?: (error: OperatingError) => void;
}

/**
 * Documents in PostgreSQL, shared with the other servers that use the same database.
 *
 * @throws OperatingError `database.unavailable` where it did not answer in time, `config.invalid` where it refuses or
 *   cannot be used.
 */
export async function openPostgresDocumentStore(options: PostgresOptions): Promise<DocumentStore> {
  const config = clientConfig(options);
  const name = databaseName(options.url);
  const pool = new TranslatingPool(config, name);
  const db = new Kysely<DocumentTables>({ dialect: new PostgresDialect({ pool }) });
  const watchers = new ChangeWatchers();
  const listen = (): Promise<ChangeListener> =>
    ChangeListener.open(config, {
      onChange: (collection, processId) => {
        // Its own are told when they are kept.
        if (!pool.isOwn(processId)) watchers.changed(new Set([collection]));
      },
      onGap: () => watchers.allMayHaveChanged(),
    });
  try {
    const listener = await patiently(options, async () => {
      try {
        await migratePostgres(db, name);
        return await listen();
      } catch (error) {
        throw translatePostgres(error, name);
      }
    });
    return new SqlDocumentStore({
      db,
      shared: true,
      begin: BEGIN,
      beginRead: BEGIN_READ,
      readsBesideWrites: true,
      // The database works, this process does not.
      togetherMsMax: Number.POSITIVE_INFINITY,
      watchers,
      async [Symbol.asyncDispose]() {
        await listener[Symbol.asyncDispose]();
        await pool.end();
      },
    });
  } catch (error) {
    await pool.end();
    throw error;
  }
}

/** Tries again as long as the database does not answer. */
async function patiently<T>(
  { waitMsMax, onWaiting }: PostgresOptions,
  open: () => Promise<T>,
): Promise<T> {
  const startMs = performance.now();
  for (let tries = 1; ; tries++) {
    try {
      return await open();
    } catch (error) {
      const mayCome = error instanceof OperatingError && error.code === "database.unavailable";
      if (!mayCome) throw error;
      const waitedMs = performance.now() - startMs;
      if (waitedMs + RETRY_MS > waitMsMax)
        throw new OperatingError(
          "database.unavailable",
          `the database does not answer, tried for ${Math.round(waitedMs / 1000)} s: ${error.message}`,
          { cause: error },
        );
      if (tries === 1) onWaiting?.(error);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}
