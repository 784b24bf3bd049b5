import { existsSync, readdirSync } from "node:fs";
import { chmod, chown, copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Child, eventually, findProgram, freePort, run } from "./child.ts";

export const MAIL_USER = "pharos";
export const MAIL_PASSWORD = "s3cret pass";

/** Where scripts/services.sh unpacks what is not installed. */
const UNPACKED = resolve(import.meta.dirname, "../../.setup/debian");
/** The name of the user is built into Debian's exim. */
const USER = "Debian-exim";
const USER_ID = 9871;

function programPath(): string | undefined {
  return ["/usr/sbin/exim4", join(UNPACKED, "usr/sbin/exim4")].find((path) => existsSync(path));
}

/** What to give `test` as `skip`. Its user is made in a mount namespace of the process's own, which takes root. */
export function skipWithoutExim(): string | false {
  if (programPath() === undefined) return "exim4 is not on this machine";
  for (const program of ["unshare", "openssl"])
    if (findProgram(program) === undefined) return `${program} is not on this machine`;
  return process.getuid?.() === 0 ? false : "exim4 is started as root only";
}

/** A real mail server of the test's own: STARTTLS and logins at one port, TLS from the start at another. */
export class EximProcess implements AsyncDisposable {
  readonly port: number;
  readonly tlsPort: number;
  /** Of the certificate authority that signed the server's. */
  readonly certificate: string;
  readonly #folder: string;
  readonly #child: Child;

  private constructor(
    folder: string,
    child: Child,
    ports: readonly [port: number, tlsPort: number],
    certificate: string,
  ) {
    this.#folder = folder;
    this.#child = child;
    [this.port, this.tlsPort] = ports;
    this.certificate = certificate;
  }

  static async start(folder: string): Promise<EximProcess> {
    const path = (name: string): string => join(folder, name);
    // A copy that is not set to another user: for such ones the libraries beside them are not looked for.
    const program = path("exim4");
    await copyFile(programPath() ?? "exim4", program);
    await chmod(program, 0o755);
    const { code, stderr } = await run("openssl", [
      ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"],
      ...["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
      ...["-keyout", path("key.pem"), "-out", path("cert.pem")],
    ]);
    if (code !== 0) throw new Error(`openssl: ${stderr}`);
    for (const name of ["spool", "mail"]) await mkdir(path(name));
    for (const name of ["", "spool", "mail", "key.pem"]) await chown(path(name), USER_ID, USER_ID);
    const ports = [await freePort(), await freePort()] as const;
    await writeFile(path("exim.conf"), settings(folder, program, ports));
    await writeFile(
      path("passwd"),
      `${await readFile("/etc/passwd", "utf8")}${USER}:x:${USER_ID}:${USER_ID}::/:/bin/false\n`,
    );
    await writeFile(
      path("group"),
      `${await readFile("/etc/group", "utf8")}${USER}:x:${USER_ID}:\n`,
    );
    const script = `
      mount --bind ${path("passwd")} /etc/passwd && mount --bind ${path("group")} /etc/group &&
      exec ${program} -C ${path("exim.conf")} -bdf -oX ${ports.join(":")}`;
    const child = new Child("unshare", ["--mount", "sh", "-c", script], {
      env: { ...process.env, LD_LIBRARY_PATH: libraries() },
      detached: true, // A process group, since there is a process for each connection and delivery.
    });
    await eventually("exim4 listens", async () => {
      if (child.ended) throw new Error(`exim4 ended:\n${child.output}`);
      return (await log(folder)).includes("daemon started");
    });
    return new EximProcess(folder, child, ports, await readFile(path("cert.pem"), "utf8"));
  }

  /** What was delivered, as it was written to the mailbox. */
  async mails(): Promise<string[]> {
    const inbox = join(this.#folder, "mail/new");
    if (!existsSync(inbox)) return [];
    const names = await readdir(inbox);
    return Promise.all(names.sort().map((name) => readFile(join(inbox, name), "utf8")));
  }

  /** Its log of what came how, and what it refused. */
  log(): Promise<string> {
    return log(this.#folder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { pid } = this.#child.process;
    if (pid !== undefined)
      await eventually("exim4 and its children are gone", async () => {
        try {
          process.kill(-pid, "SIGKILL");
        } catch {
          return true; // There is no such group any more.
        }
        return false;
      });
    await this.#child[Symbol.asyncDispose]();
  }
}

async function log(folder: string): Promise<string> {
  const path = join(folder, "spool/mainlog");
  return existsSync(path) ? readFile(path, "utf8") : "";
}

/** What an unpacked program loads lies beside it. */
function libraries(): string {
  const folder = join(UNPACKED, "usr/lib");
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names
    .filter((name) => name.endsWith("-linux-gnu"))
    .map((name) => join(folder, name))
    .join(":");
}

/** Mail for example.org is put into one mailbox; mail for others, and for two odd people, is refused. */
function settings(
  folder: string,
  program: string,
  [port, tlsPort]: readonly [port: number, tlsPort: number],
): string {
  return `exim_user = ${USER}
exim_group = ${USER}
exim_path = ${program}
deliver_drop_privilege = true
keep_environment = LD_LIBRARY_PATH
spool_directory = ${folder}/spool
log_file_path = ${folder}/spool/%slog
pid_file_path =
primary_hostname = mail.test
daemon_smtp_ports = ${port} : ${tlsPort}
tls_on_connect_ports = ${tlsPort}
local_interfaces = 127.0.0.1
tls_advertise_hosts = *
tls_certificate = ${folder}/cert.pem
tls_privatekey = ${folder}/key.pem
acl_smtp_rcpt = recipients
acl_smtp_data = accept
host_lookup =
rfc1413_query_timeout = 0s
never_users =

begin acl
recipients:
  defer local_parts = later
        message = come back tomorrow
  deny  domains = ! example.org
        message = not for us
  accept

begin routers
all:
  driver = accept
  transport = mailbox

begin transports
mailbox:
  driver = appendfile
  directory = ${folder}/mail
  maildir_format
  user = ${USER}
  group = ${USER}

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = \${if and{{eq{$auth2}{${MAIL_USER}}}{eq{$auth3}{${MAIL_PASSWORD}}}}}
  server_set_id = $auth2 for $auth1
  server_advertise_condition = \${if def:tls_in_cipher}
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = \${if eq{$auth1}{${MAIL_USER}}{${MAIL_PASSWORD}}fail}
  server_set_id = $auth1
`;
}
