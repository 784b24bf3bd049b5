import { existsSync, readdirSync, readFileSync } from "node:fs";
import { chown, mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Child, eventually, freePort, run } from "./child.ts";

const PASSWORD = "not:a/secret";

/** Where scripts/services.sh unpacks what is not installed. */
const UNPACKED = resolve(import.meta.dirname, "../../.setup/debian/usr/lib");

/** The folder with PostgreSQL's programs, the newest there is: Debian's, or what scripts/services.sh unpacked. */
function programFolder(): string | undefined {
  for (const folder of ["/usr/lib/postgresql", join(UNPACKED, "postgresql")]) {
    const versions = existsSync(folder) ? readdirSync(folder) : [];
    for (const version of versions.sort((a, b) => Number(b) - Number(a)))
      if (existsSync(join(folder, version, "bin/initdb"))) return join(folder, version, "bin");
  }
  return undefined;
}

/** What to give `test` as `skip`. PostgreSQL does not run as root, so root needs somebody else to run it as. */
export function skipWithoutPostgres(): string | false {
  if (programFolder() === undefined) return "PostgreSQL is not on this machine";
  if (process.getuid?.() === 0 && otherUser() === undefined)
    return "PostgreSQL does not run as root, and there is no user nobody";
  return false;
}

/** What an unpacked program loads lies beside it. */
function programEnvironment(): NodeJS.ProcessEnv {
  if (!programFolder()?.startsWith(UNPACKED) || !existsSync(UNPACKED)) return process.env;
  const libraries = readdirSync(UNPACKED).filter((name) => name.endsWith("-linux-gnu"));
  const folders = libraries.map((name) => join(UNPACKED, name)).join(":");
  return { ...process.env, LD_LIBRARY_PATH: folders };
}

interface UnixUser {
  readonly uid: number;
  readonly gid: number;
}

/** Who runs PostgreSQL where the tests run as root. */
function otherUser(): UnixUser | undefined {
  const users = readFileSync("/etc/passwd", "utf8").split("\n");
  for (const name of ["postgres", "nobody"]) {
    const [, , uid, gid] = users.find((line) => line.startsWith(`${name}:`))?.split(":") ?? [];
    if (uid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  return undefined;
}

/** A real PostgreSQL of the test's own, in a folder of its own and on loopback only. Passwords are asked for. */
export class PostgresProcess implements AsyncDisposable {
  readonly port: number;
  readonly #folder: string;
  readonly #user: UnixUser | undefined;
  readonly #settings: readonly string[];
  #child: Child;

  private constructor(
    folder: string,
    port: number,
    user: UnixUser | undefined,
    settings: readonly string[],
  ) {
    this.#folder = folder;
    this.port = port;
    this.#user = user;
    this.#settings = settings;
    this.#child = this.#spawn();
  }

  /** `settings` are of postgresql.conf, as `name=value`. */
  static async start(folder: string, settings: readonly string[] = []): Promise<PostgresProcess> {
    const user = process.getuid?.() === 0 ? otherUser() : undefined;
    const data = join(folder, "postgres");
    await mkdir(data, { mode: 0o700 });
    if (user !== undefined) {
      await chown(data, user.uid, user.gid);
      await chown(folder, user.uid, user.gid); // Else its own way to the data is barred.
    }
    const passwordFile = join(folder, "postgres-password");
    await writeFile(passwordFile, PASSWORD, { mode: 0o644 });
    const initialised = await run(
      join(programFolder() ?? "", "initdb"),
      [
        ...["--pgdata", data, "--username", "pharos", "--pwfile", passwordFile],
        ...["--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--no-sync"],
      ],
      { ...user, cwd: folder, env: programEnvironment() },
    );
    if (initialised.code !== 0) throw new Error(`initdb: ${initialised.stderr}`);
    const postgres = new PostgresProcess(data, await freePort(), user, settings);
    await postgres.ready();
    return postgres;
  }

  #spawn(): Child {
    const settings = [
      `port=${this.port}`,
      "listen_addresses=127.0.0.1",
      "unix_socket_directories=",
      ...["shared_buffers=16MB", "max_connections=50"],
      ...this.#settings,
    ];
    return new Child(
      join(programFolder() ?? "", "postgres"),
      ["-D", this.#folder, ...settings.flatMap((setting) => ["-c", setting])],
      { ...this.#user, cwd: this.#folder, env: programEnvironment() },
    );
  }

  /** A URL with the password. */
  url(database = "postgres"): string {
    return `postgresql://pharos:${encodeURIComponent(PASSWORD)}@127.0.0.1:${this.port}/${database}`;
  }

  get password(): string {
    return PASSWORD;
  }

  /** Runs SQL as a person would and gives what psql prints, without alignment. */
  async psql(sql: string, database = "postgres"): Promise<string> {
    const { code, stdout, stderr } = await run(
      join(programFolder() ?? "", "psql"),
      [
        "--no-psqlrc",
        "--quiet",
        "--tuples-only",
        "--no-align",
        "-v",
        "ON_ERROR_STOP=1",
        "-f",
        "-",
        this.url(database),
      ],
      { input: sql, env: programEnvironment() },
    );
    if (code !== 0) throw new Error(`psql: ${stderr}`);
    return stdout.trim();
  }

  /** An empty database; gives its URL. */
  async createDatabase(name: string): Promise<string> {
    await this.psql(`CREATE DATABASE "${name}"`);
    return this.url(name);
  }

  async ready(): Promise<void> {
    await eventually("PostgreSQL takes connections", async () => {
      if (this.#child.ended) throw new Error(`PostgreSQL ended:\n${this.#child.output}`);
      return this.psql("SELECT 1").then(
        () => true,
        () => false,
      );
    });
  }

  get output(): string {
    return this.#child.output;
  }

  /** `SIGINT` closes all connections and ends in order; `SIGQUIT` ends as a crash would. */
  async stop(signal: "SIGINT" | "SIGQUIT"): Promise<void> {
    await this.#child.stop(signal);
  }

  /** Begins again after `stop`, without waiting until it takes connections. */
  begin(): void {
    this.#child = this.#spawn();
  }

  async restart(): Promise<void> {
    this.begin();
    await this.ready();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Killed, it would leave its own children behind for a while.
    await this.stop("SIGQUIT");
  }
}
