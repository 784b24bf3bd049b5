import { OperatingError } from "@pharos/base";

// Apart from what connects, so that a server without a database does not load a driver to read its options.

/** Libpq's parameters that are taken after the `?` of a URL. */
const PARAMETERS = [
  ...["host", "port", "user", "password", "dbname", "application_name", "options"],
  ...["sslmode", "sslrootcert", "sslcert", "sslkey"],
];

export interface PostgresUrl {
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly database: string | undefined;
  readonly parameters: URLSearchParams;
}

/**
 * What is missing comes from `PGHOST` and its like. Errors do not quote the URL, since it may hold a password.
 *
 * @throws OperatingError `config.invalid`.
 */
export function parsePostgresUrl(text: string): PostgresUrl {
  const url = URL.parse(text);
  if (url === null || !/^postgres(?:ql)?:$/.test(url.protocol) || url.hash !== "")
    throw invalidDatabase(
      'want a URL such as "postgresql://user@host:5432/database"; what is special in names is percent-encoded',
    );
  const parameters = url.searchParams;
  for (const name of parameters.keys())
    if (!PARAMETERS.includes(name))
      throw invalidDatabase(`parameter ${name} is not known; there are ${PARAMETERS.join(", ")}`);
  const port = url.port || parameters.get("port") || undefined;
  if (port !== undefined && !/^\d{1,5}$/.test(port)) throw invalidDatabase("its port is no number");
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
    throw invalidDatabase("a % in it is not followed by two hexadecimal digits");
  }
}

/** The URL without its password, for people. @throws OperatingError `config.invalid`. */
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

function given(encoded: string): string | undefined {
  return encoded === "" ? undefined : decodeURIComponent(encoded);
}

export function invalidDatabase(message: string, cause?: unknown): OperatingError {
  return new OperatingError("config.invalid", `the database: ${message}`, { cause });
}
