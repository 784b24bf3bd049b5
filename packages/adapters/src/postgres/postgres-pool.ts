import { OperatingError } from "@pharos/base";
import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from "kysely";
import pg, { type ClientConfig, type PoolClient } from "pg";
import { COMMIT } from "../sql/sql-document-store.ts";

/** One for the transaction that writes, the others for reads; more reads wait. */
const CONNECTIONS_MAX = 8;
/** After a connection failed, how long the next ones fail at once instead of waiting as long again. */
const AWAY_MS = 1_000;
const IDLE_MS_MAX = 60_000;
/** What is acknowledged survives power loss, whatever the database's own default; stronger settings stay. */
const DURABLE_COMMITS =
  "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/**
 * Connections to one database. What fails comes out as `OperatingError` with the database's name; a connection that is
 * in doubt is not used again.
 */
export class TranslatingPool implements PostgresPool {
  readonly #pool: pg.Pool;
  readonly #name: string;
  readonly #processIds = new Set<number>();
  #failed: { readonly error: OperatingError; readonly untilMs: number } | undefined;

  constructor(config: ClientConfig, name: string) {
    this.#name = name;
    this.#pool = new pg.Pool({
      ...config,
      max: CONNECTIONS_MAX,
      min: 1,
      idleTimeoutMillis: IDLE_MS_MAX,
      // oxlint-disable-next-line typescript/no-misused-promises -- the pool waits for it; its types do not say so.
      onConnect: (client) => client.query(DURABLE_COMMITS),
    });
    // A connection that breaks while nobody uses it is replaced when it is needed.
    this.#pool.on("error", () => {});
    this.#pool.on("connect", (client) => {
      client.on("error", () => {}); // Whoever uses it hears of it from its query.
      this.#processIds.add(processIdOf(client));
    });
    this.#pool.on("remove", (client) => this.#processIds.delete(processIdOf(client)));
  }

  get options(): object {
    return this.#pool.options;
  }

  /** Whether a session of the database is one of these connections. */
  isOwn(processId: number): boolean {
    return this.#processIds.has(processId);
  }

  async connect(): Promise<PostgresPoolClient> {
    if (this.#failed !== undefined && performance.now() < this.#failed.untilMs)
      throw this.#failed.error;
    let client: PoolClient;
    try {
      client = await this.#pool.connect();
    } catch (error) {
      const failure = translatePostgres(error, this.#name);
      if (!(failure instanceof OperatingError)) throw failure;
      this.#failed = { error: failure, untilMs: performance.now() + AWAY_MS };
      throw failure;
    }
    this.#failed = undefined;
    return this.#checked(client);
  }

  #checked(client: PoolClient): PostgresPoolClient {
    let brokenBy: unknown;
    // The driver has one statement under way; whoever asks for several at once waits here.
    let last: Promise<unknown> = Promise.resolve();
    const query = <R>(
      sql: string,
      parameters: readonly unknown[],
    ): Promise<PostgresQueryResult<R>> => {
      const result = last.then(async () => {
        // It would wait behind the statement that never came back: a rollback for as long as that one did.
        if (brokenBy !== undefined) throw brokenBy;
        try {
          return (await client.query(sql, [...parameters])) as unknown as PostgresQueryResult<R>;
        } catch (error) {
          const failure = translatePostgres(error, this.#name, sql === COMMIT);
          if (!isAnswer(error)) brokenBy = failure;
          throw failure;
        }
      });
      last = result.catch(() => {});
      return result;
    };
    return {
      query: query as PostgresPoolClient["query"],
      release: () => client.release(brokenBy !== undefined),
    };
  }

  end(): Promise<void> {
    return this.#pool.end();
  }
}

/** Whether the database itself said no; otherwise nobody knows what became of the connection. */
function isAnswer(error: unknown): error is pg.DatabaseError {
  return error instanceof pg.DatabaseError && error.code !== undefined;
}

const DISK_FULL = "53100";
/** States, by their first two digits, that say nothing against the statement: another time it may work. */
const PASSING_STATES = new Set([
  ...["08", "25", "40", "53", "55", "57", "58", "XX"], // connection, transaction, conflict, resources, locks, operator, system
]);
/** States that stay until somebody changes something: log-in, no such database, no such schema, no permission. */
const REFUSING_STATES = ["28", "3D", "3F", "42501"];

/** What the database or the way to it did as our error; a statement that was wrong is a bug and stays as it is. */
export function translatePostgres(
  error: unknown,
  name: string,
  isCommit = false,
): OperatingError | Error {
  if (error instanceof OperatingError) return error;
  const { message } = error as Error;
  const options = { cause: error };
  if (!isAnswer(error)) {
    const doubt = isCommit
      ? "; the connection was lost during a commit, so that nobody knows whether it was kept"
      : "";
    const text = message || String((error as { code?: string }).code);
    return new OperatingError("database.unavailable", `${name}: ${text}${doubt}`, options);
  }
  const state = error.code ?? "";
  if (state === DISK_FULL) return new OperatingError("disk.full", `${name}: ${message}`, options);
  if (REFUSING_STATES.some((refusing) => state.startsWith(refusing)))
    return new OperatingError("config.invalid", `the database ${name}: ${message}`, options);
  if (PASSING_STATES.has(state.slice(0, 2)))
    return new OperatingError("database.unavailable", `${name}: ${message}`, options);
  return error;
}

/** The number of the session, by which a notification tells who sent it. */
function processIdOf(client: pg.ClientBase): number {
  return (client as unknown as { processID: number }).processID;
}
