import { deepEqual, equal, match, ok } from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { answering, Child, eventually, freePort, run } from "../harness/child.ts";
import { PharosProcess, pharosCommand, temporaryFolder } from "../harness/pharos-process.ts";
import { PostgresProcess, skipWithoutPostgres } from "../harness/postgres-process.ts";

const skip = skipWithoutPostgres();

/** A rule that fires at once and stays. */
const RULES = `
groups:
  - name: always
    interval: 100ms
    rules:
      - { alert: Always, expr: vector(1), labels: { severity: page } }
`;
const CONFIG = "global: {}\nrule_files: [rules.yml]\n";

test("a server keeps its alerts in PostgreSQL and shows no password", { skip }, async () => {
  await using folder = await temporaryFolder();
  await using postgres = await PostgresProcess.start(folder.path);
  const url = new URL(postgres.url());
  url.password = "";
  const passwordFile = join(folder.path, "password");
  await writeFile(passwordFile, `${postgres.password}\n`);
  await using pharos = await PharosProcess.start({
    folder: folder.path,
    config: CONFIG,
    files: { "rules.yml": RULES },
    args: ["--database-url", url.href, "--database-password-file", passwordFile],
  });
  const states = (): Promise<string> =>
    postgres.psql("SELECT count(*) FROM documents WHERE collection = 'rule_states'");
  await eventually("the alert is in the database", async () => (await states()) === "1");
  const flags = await pharos.api<Record<string, string>>("status/flags");
  equal(flags["database-url"], url.href);

  // A crash of the server, and the alert is the one from before.
  const activeSince = await activeAt(pharos);
  await pharos.restart();
  equal(await eventually("the alert fires", () => activeAt(pharos)), activeSince);

  // A crash of the database, and the server goes on.
  await postgres.stop("SIGQUIT");
  await eventually("the rules' state cannot be kept", async () =>
    pharos.output.includes("database.unavailable"),
  );
  const probe = async (name: string): Promise<string> => {
    const response = await fetch(`${pharos.url}/-/${name}`);
    return `${response.status} ${await response.text()}`;
  };
  const isUp = async (): Promise<string | undefined> =>
    /^pharos_database_up \d$/m.exec(await (await fetch(`${pharos.url}/metrics`)).text())?.[0];
  await eventually("it is not ready, and says why", async () =>
    /^503 Service Unavailable: the database does not answer: .*127\.0\.0\.1/.test(
      await probe("ready"),
    ),
  );
  equal(await isUp(), "pharos_database_up 0");
  equal(await probe("healthy"), "200 Pharos is healthy.\n");
  equal(await activeAt(pharos), activeSince);
  await postgres.restart();
  await eventually("it is ready again", async () => (await probe("ready")).startsWith("200"));
  equal(await isUp(), "pharos_database_up 1");
  await eventually("the state is kept again", async () => (await states()) === "1");
  ok(!pharos.output.includes(postgres.password) && !pharos.output.includes("secret"));
});

async function activeAt(pharos: PharosProcess): Promise<string | undefined> {
  const { alerts } = await pharos.api<{ alerts: { activeAt: string }[] }>("alerts");
  return alerts[0]?.activeAt;
}

test("a server whose database comes up later waits for it", { skip }, async () => {
  await using folder = await temporaryFolder();
  await using postgres = await PostgresProcess.start(folder.path);
  await postgres.stop("SIGINT");
  const address = `127.0.0.1:${await freePort()}`;
  const [program, args] = pharosCommand(
    ...["serve", "--listen", address, "--data", join(folder.path, "data")],
    ...["--database-url", postgres.url()],
  );
  await using pharos = new Child(program, args, { cwd: folder.path });
  await eventually("it waits", async () => pharos.output.includes("waiting for the database"));
  equal((await fetch(`http://${address}/-/healthy`)).status, 200);
  postgres.begin();
  await answering(`http://${address}/-/ready`, pharos);
});

test("a server that the database refuses ends at once, says why and not the password", {
  skip,
}, async () => {
  await using folder = await temporaryFolder();
  await using postgres = await PostgresProcess.start(folder.path);
  const url = new URL(postgres.url());
  url.password = "wrong-secret";
  const [program, args] = pharosCommand(
    ...["serve", "--listen", `127.0.0.1:${await freePort()}`, "--data", join(folder.path, "data")],
    ...["--database-url", url.href],
  );
  const { code, stderr } = await run(program, args, { cwd: folder.path });
  deepEqual([code, stderr.includes("wrong-secret")], [1, false]);
  match(stderr, /password authentication failed for user "pharos"/);
});
