// Two servers on one PostgreSQL, each with the same files: people hear of everything once, whichever server dies.
import { deepEqual, equal, ok } from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { eventually } from "../harness/child.ts";
import { PharosProcess, temporaryFolder } from "../harness/pharos-process.ts";
import { PostgresProcess, skipWithoutPostgres } from "../harness/postgres-process.ts";
import { WebhookServer } from "../harness/webhook-server.ts";

const skip = skipWithoutPostgres();

/** What one server does, the other knows within about a second; the machine may be busy. */
const HEARD_MS_MAX = 5000;

const RULES = `
groups:
  - name: machine
    interval: 1s
    rules:
      - alert: Broken
        expr: broken > 0
        labels: {severity: page}
`;

const ROUTING = (hook: string): string => `
route:
  receiver: team
  group_by: [alertname, part]
  group_wait: 1s
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - {name: team, webhook_configs: [{url: "${hook}"}]}
`;

/** Parts that a test breaks and repairs, as both servers scrape them. */
class Machine implements AsyncDisposable {
  readonly broken = new Set<string>();
  readonly address: string;
  readonly #server: ReturnType<typeof createServer>;

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server;
    this.address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(): Promise<Machine> {
    let machine: Machine | undefined;
    const parts = ["disk", "fan", "mains"];
    const server = createServer((_request, response) => {
      const line = (part: string): string =>
        `broken{part="${part}"} ${machine?.broken.has(part) === true ? 1 : 0}\n`;
      response.setHeader("Content-Type", "text/plain; version=0.0.4");
      response.end(parts.map(line).join(""));
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    machine = new Machine(server);
    return machine;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }
}

/** Two servers with everything around them. */
class Pair implements AsyncDisposable {
  readonly #closers: AsyncDisposableStack;
  readonly machine: Machine;
  readonly hook: WebhookServer;
  readonly servers: readonly [PharosProcess, PharosProcess];

  private constructor(
    machine: Machine,
    hook: WebhookServer,
    servers: readonly [PharosProcess, PharosProcess],
    closers: AsyncDisposableStack,
  ) {
    this.machine = machine;
    this.hook = hook;
    this.servers = servers;
    this.#closers = closers;
  }

  static async start(): Promise<Pair> {
    await using closers = new AsyncDisposableStack();
    const folder = closers.use(await temporaryFolder());
    const postgres = closers.use(await PostgresProcess.start(folder.path));
    const machine = closers.use(await Machine.start());
    const hook = closers.use(await WebhookServer.start());
    const start = async (name: string): Promise<PharosProcess> => {
      const own = join(folder.path, name);
      await mkdir(own);
      const pharos = await PharosProcess.start({
        folder: own,
        config: `
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
scrape_configs:
  - {job_name: machine, static_configs: [{targets: ["${machine.address}"]}]}
`,
        files: { "rules.yml": RULES, "alertmanager.yml": ROUTING(hook.url) },
        args: [
          ...["--alertmanager-config", join(own, "alertmanager.yml")],
          ...["--database-url", postgres.url()],
        ],
      });
      return closers.use(pharos);
    };
    const servers = await Promise.all([start("a"), start("b")]);
    return new Pair(machine, hook, servers as [PharosProcess, PharosProcess], closers.move());
  }

  /** Waits until each server says so. */
  async both(what: string, says: (pharos: PharosProcess) => Promise<boolean>): Promise<void> {
    for (const pharos of this.servers)
      await eventually(`${what} at ${pharos.url}`, () => says(pharos), HEARD_MS_MAX);
  }

  /** How often each part was told, by status. */
  told(part: string): string[] {
    return this.hook.bodies
      .filter(({ alerts }) => alerts.some(({ labels }) => labels["part"] === part))
      .map(({ status }) => status);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closers.disposeAsync();
  }
}

interface ShownAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly state: string;
}

async function isFiring(pharos: PharosProcess, name: string, value: string): Promise<boolean> {
  const { alerts } = await pharos.api<{ alerts: readonly ShownAlert[] }>("alerts");
  return alerts.some(({ labels, state }) => labels[name] === value && state === "firing");
}

interface V2Alert {
  readonly labels: Readonly<Record<string, string>>;
  readonly status: { readonly state: string; readonly silencedBy: readonly string[] };
}

async function v2Alert(pharos: PharosProcess, part: string): Promise<V2Alert | undefined> {
  const response = await fetch(`${pharos.url}/api/v2/alerts?filter=part=${part}`);
  const [alert] = (await response.json()) as V2Alert[];
  return alert;
}

interface ShownIncident {
  readonly id: string;
  readonly status: string;
  readonly group: { readonly labels: Readonly<Record<string, string>> };
}

async function incidentsOf(pharos: PharosProcess): Promise<readonly ShownIncident[]> {
  return (await pharos.api<{ incidents: ShownIncident[] }>("incidents")).incidents;
}

async function post(url: string, body: object): Promise<Response> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  ok(response.ok, `${url}: ${response.status} ${await response.clone().text()}`);
  return response;
}

test("two servers on one database tell once, know of one incident, and heed what is done at the other", {
  skip,
}, async () => {
  await using pair = await Pair.start();
  const { machine, hook, servers } = pair;
  const [a, b] = servers;

  machine.broken.add("disk");
  await pair.both("the disk is broken", (each) => isFiring(each, "part", "disk"));
  await eventually("people hear of it", async () => pair.told("disk").length > 0);
  await pair.both("there is one incident", async (each) => (await incidentsOf(each)).length === 1);
  const [incident] = await incidentsOf(a);
  deepEqual(
    (await incidentsOf(b)).map(({ id }) => id),
    [incident?.id],
  );

  await post(`${b.url}/api/v1/incidents/${incident?.id}/acknowledge`, {
    ...{ by: "ann", comment: "on it", expires_in: "1h" },
  });
  await pair.both("it is acknowledged", async (each) => {
    const [alert] = await incidentsOf(each);
    return alert?.status === "acknowledged";
  });

  const silenced = await post(`${a.url}/api/v2/silences`, {
    matchers: [{ name: "part", value: "fan", isRegex: false, isEqual: true }],
    startsAt: new Date(Date.now() - 1000).toISOString(),
    endsAt: new Date(Date.now() + 3_600_000).toISOString(),
    ...{ createdBy: "ann", comment: "the fan is being exchanged" },
  });
  const { silenceID } = (await silenced.json()) as { silenceID: string };
  await pair.both("the silence is there", async (each) => {
    return (await fetch(`${each.url}/api/v2/silence/${silenceID}`)).ok;
  });
  machine.broken.add("fan");
  await pair.both("the fan's alert is silenced", async (each) => {
    const alert = await v2Alert(each, "fan");
    return alert?.status.silencedBy.includes(silenceID) === true;
  });

  // A rule that one server is given fires at both.
  const rule = { alert: "ByApi", expr: "vector(1)", author: "ann", labels: { part: "api" } };
  await post(`${a.url}/api/v1/alerts/rules`, { ...rule, interval: "1s" });
  await pair.both("the new rule fires", (each) => isFiring(each, "alertname", "ByApi"));
  await eventually("people hear of the new rule", async () => pair.told("api").length > 0);

  machine.broken.clear();
  await eventually("people hear that the disk is repaired", async () =>
    pair.told("disk").includes("resolved"),
  );
  const deleted = await fetch(`${b.url}/api/v1/alerts/rules/ByApi`, { method: "DELETE" });
  ok(deleted.ok, await deleted.text());
  await eventually("people hear that the rule is gone", async () =>
    pair.told("api").includes("resolved"),
  );
  await pair.both("nothing is open", async (each) => {
    const all = await incidentsOf(each);
    return all.every(({ status }) => status === "resolved");
  });

  deepEqual(pair.told("disk"), ["firing", "resolved"]);
  deepEqual(pair.told("api"), ["firing", "resolved"]);
  deepEqual(pair.told("fan"), []);
  equal(new Set(hook.keys).size, hook.keys.length);
});

test("when a server dies between the decision and the sending, the other sends under the same key", {
  skip,
}, async () => {
  await using pair = await Pair.start();
  const { machine, hook, servers } = pair;
  hook.status = 503;
  machine.broken.add("mains");
  const first = await eventually("somebody is being told", async () => hook.refused[0]);
  const dead = servers.find(({ url }) => url === first.body.externalURL);
  ok(dead !== undefined, `${first.body.externalURL} is none of the two`);
  await dead.stop("SIGKILL");
  hook.status = 200;
  await eventually("the other server tells", async () => pair.told("mains").length > 0, 60_000);
  equal(hook.keys[0], first.key);
  const [told] = hook.bodies;
  ok(told !== undefined && told.externalURL !== first.body.externalURL);

  // The dead one comes back: it knows what was told meanwhile.
  await dead.restart();
  await eventually("it fires there again", () => isFiring(dead, "part", "mains"));
  machine.broken.clear();
  await eventually("people hear of the end", async () => pair.told("mains").length > 1);
  deepEqual(pair.told("mains"), ["firing", "resolved"]);
  equal(new Set(hook.keys).size, 2);
});
