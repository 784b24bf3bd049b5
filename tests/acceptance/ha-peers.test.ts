// Two servers that share no database and tell each other: people hear of everything once, and from whichever lives.
import { deepEqual, equal, ok } from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { eventually, findProgram, freePort, run, skipWithout } from "../harness/child.ts";
import { PharosProcess, temporaryFolder } from "../harness/pharos-process.ts";
import { WebhookServer } from "../harness/webhook-server.ts";

const ROUTING = (hook: string): string => `
route:
  receiver: team
  group_by: [alertname]
  group_wait: 1s
  group_interval: 2s
  repeat_interval: 1h
receivers:
  - {name: team, webhook_configs: [{url: "${hook}"}]}
`;
const RULES = `
groups:
  - name: always
    interval: 1s
    rules:
      - {alert: OnBoth, expr: vector(1)}
`;
const SECRET = "between us";
const TIMEOUT = "4s";

interface Deliveries {
  readonly deliveries: readonly unknown[];
}

interface Pair extends AsyncDisposable {
  readonly servers: readonly PharosProcess[];
  readonly hook: WebhookServer;
}

/** Two servers with the same list of peers, themselves in it. */
async function startPair(): Promise<Pair> {
  await using closers = new AsyncDisposableStack();
  const folder = closers.use(await temporaryFolder());
  const hook = closers.use(await WebhookServer.start());
  const secretFile = join(folder.path, "secret");
  await writeFile(secretFile, `${SECRET}\n`);
  const ports = [await freePort(), await freePort()];
  const peers = ports.flatMap((port) => ["--cluster-peer", `http://127.0.0.1:${port}`]);
  const start = async (port: number, name: string): Promise<PharosProcess> => {
    const own = join(folder.path, name);
    await mkdir(own);
    return closers.use(
      await PharosProcess.start({
        folder: own,
        port,
        config: "global: {evaluation_interval: 1s}\nrule_files: [rules.yml]\n",
        files: { "rules.yml": RULES, "alertmanager.yml": ROUTING(hook.url) },
        args: [
          ...["--alertmanager-config", join(own, "alertmanager.yml"), "--replica-name", name],
          ...["--cluster-secret-file", secretFile, "--cluster-peer-timeout", TIMEOUT, ...peers],
        ],
      }),
    );
  };
  const servers = await Promise.all(ports.map((port, i) => start(port, i === 0 ? "a" : "b")));
  const owned = closers.move();
  return { servers, hook, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function told(hook: WebhookServer, alertname: string): string[] {
  return hook.bodies
    .filter(({ alerts }) => alerts.some(({ labels }) => labels["alertname"] === alertname))
    .map(({ status }) => status);
}

async function post(url: string, body: unknown): Promise<unknown> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  ok(response.ok, `${url}: ${response.status} ${text}`);
  return text === "" ? undefined : JSON.parse(text);
}

/** Resolves when the other server knows it, and so all that the first one had told it before. */
async function silence(at: PharosProcess, other: PharosProcess, value: string): Promise<void> {
  const { silenceID } = (await post(`${at.url}/api/v2/silences`, {
    matchers: [{ name: "alertname", value, isRegex: false, isEqual: true }],
    startsAt: new Date(Date.now() - 1000).toISOString(),
    endsAt: new Date(Date.now() + 3_600_000).toISOString(),
    ...{ createdBy: "ann", comment: "known" },
  })) as { silenceID: string };
  await eventually("the silence is at the other", async () => {
    return (await fetch(`${other.url}/api/v2/silence/${silenceID}`)).ok;
  });
}

async function status(pharos: PharosProcess): Promise<{ status: string; peers: unknown[] }> {
  const response = await fetch(`${pharos.url}/api/v2/status`);
  return ((await response.json()) as { cluster: { status: string; peers: unknown[] } }).cluster;
}

async function incidentOf(pharos: PharosProcess): Promise<{ id: string; status: string }> {
  return eventually("there is an incident", async () => {
    const { incidents } = await pharos.api<{ incidents: { id: string; status: string }[] }>(
      "incidents",
    );
    return incidents[0];
  });
}

test("peers tell once, and know each other's silences, acknowledgements and posted alerts", async () => {
  await using pair = await startPair();
  const { servers, hook } = pair;
  const [a, b] = servers as [PharosProcess, PharosProcess];
  for (const each of servers)
    await eventually("they have met", async () => {
      const { status: state, peers } = await status(each);
      return state === "ready" && peers.length === 2;
    });
  await eventually("people hear", async () => told(hook, "OnBoth").length > 0);

  await post(`${a.url}/api/v1/incidents/${(await incidentOf(a)).id}/acknowledge`, {
    ...{ by: "ann", comment: "on it", expires_in: "1h" },
  });
  await eventually("the other knows", async () => (await incidentOf(b)).status === "acknowledged");

  await silence(b, a, "Quiet");

  // As an HA pair of Prometheus: both post the same, with times of their own.
  for (const [i, each] of servers.entries()) {
    const startsAt = new Date(Date.now() - 1000 * i).toISOString();
    for (const alertname of ["Posted", "Quiet"])
      await post(`${each.url}/api/v2/alerts`, [{ labels: { alertname }, startsAt }]);
  }
  await post(`${a.url}/api/v2/alerts`, [{ labels: { alertname: "Single" } }]);
  await eventually("people hear of what was posted", async () => {
    return told(hook, "Posted").length > 0 && told(hook, "Single").length > 0;
  });
  await eventually("the other knows what was posted to one", async () => {
    const response = await fetch(`${b.url}/api/v2/alerts?filter=alertname=Single`);
    return ((await response.json()) as unknown[]).length === 1;
  });
  const endsAt = new Date().toISOString();
  for (const each of servers)
    await post(`${each.url}/api/v2/alerts`, [{ labels: { alertname: "Posted" }, endsAt }]);
  await eventually("people hear of the end", async () => told(hook, "Posted").length > 1);

  deepEqual(told(hook, "OnBoth"), ["firing"]);
  deepEqual(told(hook, "Posted"), ["firing", "resolved"]);
  deepEqual(told(hook, "Single"), ["firing"]);
  deepEqual(told(hook, "Quiet"), []);
  equal(new Set(hook.keys).size, hook.keys.length);

  const refused = await fetch(`${a.url}/api/v1/cluster/state`, {
    method: "POST",
    body: JSON.stringify({ from: "b", digest: "" }),
  });
  equal(refused.status, 403, "whoever does not know the secret hears nothing");
});

test("a peer that is left alone tells, and who comes back hears what was told meanwhile", async () => {
  await using pair = await startPair();
  const { servers, hook } = pair;
  const [a, b] = servers as [PharosProcess, PharosProcess];
  await eventually("people hear", async () => told(hook, "OnBoth").length > 0);
  await eventually("whoever told knows that it was heard", async () => {
    const all = await Promise.all(servers.map((each) => each.api<Deliveries>("deliveries")));
    return all.some(({ deliveries }) => deliveries.length > 0);
  });
  await silence(a, b, "Quiet");
  await silence(b, a, "Quiet");
  // The first in the order of names, whom the other asks.
  await a.stop("SIGKILL");
  await post(`${b.url}/api/v2/alerts`, [{ labels: { alertname: "Alone" } }]);
  await eventually("the other tells", async () => told(hook, "Alone").length > 0);
  await a.restart();
  await post(`${a.url}/api/v2/alerts`, [{ labels: { alertname: "Alone" } }]);
  await post(`${a.url}/api/v2/alerts`, [{ labels: { alertname: "Again" } }]);
  await eventually("they tell on", async () => told(hook, "Again").length > 0);
  deepEqual(told(hook, "Alone"), ["firing"]);
  deepEqual(told(hook, "Again"), ["firing"]);
  deepEqual(told(hook, "OnBoth"), ["firing"]);
});

test("amtool shows the cluster", { skip: skipWithout("amtool") }, async () => {
  await using pair = await startPair();
  const [a] = pair.servers as [PharosProcess];
  await eventually("they have met", async () => {
    const { status: state, peers } = await status(a);
    return state === "ready" && peers.length === 2;
  });
  const amtool = findProgram("amtool") ?? "";
  const { code, stdout } = await run(amtool, [
    "--alertmanager.url",
    a.url,
    "-o",
    "extended",
    "cluster",
    "show",
  ]);
  equal(code, 0);
  ok(/Cluster Status:\s+ready/.test(stdout), stdout);
  ok(
    pair.servers.every(({ url }) => stdout.includes(url)),
    stdout,
  );
});
