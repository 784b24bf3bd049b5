import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { ConnectionOptions } from "node:tls";
import { OperatingError } from "@pharos/base";
import pg, { type ClientConfig } from "pg";

/** Where a database is and how to log in. */
export interface PostgresAddress {
  /** `postgresql://user@host:port/database`, with libpq's parameters after a `?`: see `PARAMETERS`. */
  readonly url: string;
  /** A file with the password, read for each connection; without it the URL's, `PGPASSWORD` or `~/.pgpass`. */
  readonly passwordFile?: string | undefined;
}

const PARAMETERS = [
  ...["host", "port", "user", "password", "dbname", "application_name", "options"],
  ...["sslmode", "sslrootcert", "sslcert", "sslkey"],
];
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

/** @throws OperatingError `config.invalid`, also for files of certificates; it does not quote the URL: see below. */
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

/** The URL without its password, for people. @throws OperatingError `config.invalid` as `clientConfig`. */
export function shownPostgresUrl(url: string): string {
  parsePostgresUrl(url);
  const shown = new URL(url);
  shown.password = "";
  shown.searchParams.delete("password");
  return shown.href;
}

/** Host and database, for messages. */
export function databaseName(url: string): string {
  const { host, port, database } = parsePostgresUrl(url);
  const place = host ?? process.env["PGHOST"] ?? "localhost";
  return `${place}${port === undefined ? "" : `:${port}`}/${database ?? process.env["PGDATABASE"] ?? ""}`;
}

interface PostgresUrl {
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly database: string | undefined;
  readonly parameters: URLSearchParams;
}

/** What is missing comes from `PGHOST` and its like. Errors do not quote the URL, since it may hold a password. */
function parsePostgresUrl(text: string): PostgresUrl {
  const url = URL.parse(text);
  if (url === null || !/^postgres(?:ql)?:$/.test(url.protocol) || url.hash !== "")
    throw invalid(
      'want a URL such as "postgresql://user@host:5432/database"; what is special in names is percent-encoded',
    );
  const parameters = url.searchParams;
  for (const name of parameters.keys())
    if (!PARAMETERS.includes(name))
      throw invalid(`parameter ${name} is not known; there are ${PARAMETERS.join(", ")}`);
  const port = url.port || parameters.get("port") || undefined;
  if (port !== undefined && !/^\d{1,5}$/.test(port)) throw invalid("its port is no number");
  try {
    return {
      host: parameters.get("host") ?? given(url.hostname.replace(/^\[(.+)\]$/, "$1")),
      port: port === undefined ? undefined : Number(port),
      user: parameters.get("user") ?? given(url.username),
      password: parameters.get("password") ?? given(url.password),
      database: parameters.get("dbname") ?? given(url.pathname.replace(/^\//, "")),
      parameters,
    };
  } catch {
    throw invalid("a % in it is not followed by two hexadecimal digits");
  }
}

function given(encoded: string): string | undefined {
  return encoded === "" ? undefined : decodeURIComponent(encoded);
}

/** As libpq: `require` encrypts and believes any server, `verify-ca` its certificate, `verify-full` its name too. */
function sslOptions(parameters: URLSearchParams): ConnectionOptions | false | undefined {
  const mode = parameters.get("sslmode");
  if (mode === null) return undefined;
  if (!SSL_MODES.includes(mode)) throw invalid(`sslmode is one of ${SSL_MODES.join(", ")}`);
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
    throw invalid(`${what}: ${(error as Error).message}`, error);
  }
}

async function readPassword(file: string): Promise<string> {
  try {
    return (await readFile(file, "utf8")).replace(/\r?\n$/, "");
  } catch (error) {
    throw invalid(`the file with its password: ${(error as Error).message}`, error);
  }
}

function invalid(message: string, cause?: unknown): OperatingError {
  return new OperatingError("config.invalid", `the database: ${message}`, { cause });
}
