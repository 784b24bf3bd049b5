import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { ConnectionOptions } from "node:tls";
import pg, { type ClientConfig } from "pg";
import { invalidDatabase, parsePostgresUrl } from "./postgres-url.ts";

/** Where a database is and how to log in. */
export interface PostgresAddress {
  /** `postgresql://user@host:port/database`, with libpq's parameters after a `?`. */
  readonly url: string;
  /** A file with the password, read for each connection; without it the URL's, `PGPASSWORD` or `~/.pgpass`. */
  readonly passwordFile?: string | undefined;
}

const SSL_MODES = ["disable", "require", "verify-ca", "verify-full"];

/** Connecting, and waiting for a connection of the pool. */
const CONNECT_MS_MAX = 5_000;
/** One statement, waiting for the lock of all transactions among it. */
const STATEMENT_MS_MAX = 10_000;
/** Longer than a statement may take: the database is not there any more, and nothing says so. */
const ANSWER_MS_MAX = STATEMENT_MS_MAX + 5_000;
/** A server that stands still in the middle of a transaction keeps the others waiting no longer than this. */
const IDLE_IN_TRANSACTION_MS_MAX = 10_000;

/** PostgreSQL's number of the type `json`: it comes as its text, which is parsed where documents are read. */
const JSON_TYPE = 114;

/** @throws OperatingError `config.invalid`, also for files of certificates; as `parsePostgresUrl`. */
export function clientConfig({ url, passwordFile }: PostgresAddress): ClientConfig {
  const { host, port, user, password, database, parameters } = parsePostgresUrl(url);
  const ssl = sslOptions(parameters);
  return {
    host,
    port,
    user,
    password: passwordFile === undefined ? password : () => readPassword(passwordFile),
    database,
    ...(ssl === undefined ? {} : { ssl }),
    options: parameters.get("options") ?? undefined,
    application_name: parameters.get("application_name") ?? "pharos",
    connectionTimeoutMillis: CONNECT_MS_MAX,
    statement_timeout: STATEMENT_MS_MAX,
    query_timeout: ANSWER_MS_MAX,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS_MAX,
    keepAlive: true,
    types: {
      getTypeParser: (type: number) =>
        type === JSON_TYPE ? String : pg.types.getTypeParser(type, "text"),
    },
  };
}

/** As libpq: `require` encrypts and believes any server, `verify-ca` its certificate, `verify-full` its name too. */
function sslOptions(parameters: URLSearchParams): ConnectionOptions | false | undefined {
  const mode = parameters.get("sslmode");
  if (mode === null) return undefined;
  if (!SSL_MODES.includes(mode)) throw invalidDatabase(`sslmode is one of ${SSL_MODES.join(", ")}`);
  if (mode === "disable") return false;
  const file = (name: string): { [option: string]: string } => {
    const path = parameters.get(name);
    const option = { sslrootcert: "ca", sslcert: "cert", sslkey: "key" }[name] ?? name;
    return path === null ? {} : { [option]: readText(name, path) };
  };
  const isChecked = mode !== "require" || parameters.has("sslrootcert");
  return {
    ...{ ...file("sslrootcert"), ...file("sslcert"), ...file("sslkey") },
    rejectUnauthorized: isChecked,
    ...(mode === "verify-full" ? {} : { checkServerIdentity: () => undefined }),
  };
}

function readText(what: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw invalidDatabase(`${what}: ${(error as Error).message}`, error);
  }
}

async function readPassword(file: string): Promise<string> {
  try {
    return (await readFile(file, "utf8")).replace(/\r?\n$/, "");
  } catch (error) {
    throw invalidDatabase(`the file with its password: ${(error as Error).message}`, error);
  }
}
