// Programs that evaluate rules elsewhere, unchanged, and tell Pharos as they would an Alertmanager.
import { deepEqual, equal, ok } from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import {
  answering,
  Child,
  eventually,
  findProgram,
  freePort,
  skipWithout,
} from "../harness/child.ts";
import { PharosProcess, scalarOf, temporaryFolder } from "../harness/pharos-process.ts";
import { PrometheusProcess } from "../harness/prometheus-process.ts";
import { WebhookServer } from "../harness/webhook-server.ts";

const CONFIG = (webhook: string): string => `
route: {receiver: hook, group_by: [alertname], group_wait: 1s, group_interval: 1s, repeat_interval: 1h}
receivers:
  - {name: hook, webhook_configs: [{url: "${webhook}"}]}
`;

const RULES = `
groups:
  - name: elsewhere
    interval: 1s
    rules:
      - record: broken:total
        expr: sum(broken)
      - alert: Broken
        expr: broken > 0
        for: 2s
        labels: {severity: page}
        annotations: {summary: "{{ $labels.part }} is broken, {{ $value }} times"}
`;

interface ApiAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly generatorURL: string;
  readonly receivers: readonly { readonly name: string }[];
}

/** What Prometheus says of its notifications, by Alertmanager. */
const SENT_TOTAL = "prometheus_notifications_sent_total{";

/** Something with a part that a test breaks and repairs. */
class Machine implements AsyncDisposable {
  brokenCount = 0;
  readonly address: string;
  readonly #server: ReturnType<typeof createServer>;

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server;
    this.address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(): Promise<Machine> {
    let machine: Machine | undefined;
    const server = createServer((_request, response) => {
      response.setHeader("Content-Type", "text/plain; version=0.0.4");
      response.end(`broken{part="disk"} ${machine?.brokenCount ?? 0}\n`);
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

function startPharos(folder: string, webhook: string, config = "{}"): Promise<PharosProcess> {
  return PharosProcess.start({
    folder,
    config,
    files: { "alertmanager.yml": CONFIG(webhook) },
    args: ["--alertmanager-config", join(folder, "alertmanager.yml")],
  });
}

async function alertsOf(url: string): Promise<readonly ApiAlert[]> {
  const response = await fetch(`${url}/api/v2/alerts?filter=alertname=Broken`);
  return (await response.json()) as readonly ApiAlert[];
}

test("Debian's Prometheus sends alerts here, at two paths at once: each is told once, over a crash, and resolves", {
  skip: skipWithout("prometheus"),
}, async () => {
  await using folder = await temporaryFolder();
  await using machine = await Machine.start();
  await using hook = await WebhookServer.start();
  await using pharos = await startPharos(folder.path, hook.url);
  const { host } = new URL(pharos.url);
  await writeFile(join(folder.path, "rules.yml"), RULES);
  await using prometheus = await PrometheusProcess.start(
    folder.path,
    () => `
global: {scrape_interval: 1s, evaluation_interval: 1s, external_labels: {cluster: c1}}
rule_files: [rules.yml]
alerting:
  alertmanagers:
    - static_configs: [{targets: ["${host}"]}]
    - path_prefix: /alertmanager
      static_configs: [{targets: ["${host}"]}]
scrape_configs:
  - {job_name: machine, static_configs: [{targets: ["${machine.address}"]}]}
`,
    // Told again often, so that the test need not wait.
    ["--rules.alert.resend-delay=1s"],
  );
  machine.brokenCount = 3;
  await eventually("the webhook is told", async () => hook.told("Broken") === "firing");
  const [told] = hook.bodies.flatMap(({ alerts }) => alerts);
  deepEqual(told?.labels, {
    ...{ alertname: "Broken", cluster: "c1", instance: machine.address, job: "machine" },
    ...{ part: "disk", severity: "page" },
  });
  deepEqual(told?.annotations, { summary: "disk is broken, 3 times" });
  ok(told?.generatorURL.includes("/graph?g0.expr=broken"), told?.generatorURL);
  const [shown] = await alertsOf(pharos.url);
  deepEqual(shown?.labels, told?.labels);
  deepEqual(shown?.receivers, [{ name: "hook" }]);

  await pharos.stop("SIGKILL");
  await pharos.restart();
  const [again] = await eventually("the alert is there after a crash", async () => {
    const alerts = await alertsOf(pharos.url);
    return alerts.length > 0 && alerts;
  });
  equal(again?.startsAt, shown?.startsAt);
  // Prometheus has told it to the new process: it would have been notified again by now.
  const sentTotal = async (): Promise<number> => {
    const text = await (await fetch(`${prometheus.url}/metrics`)).text();
    const lines = text.split("\n").filter((line) => line.startsWith(SENT_TOTAL));
    return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  };
  const before = await sentTotal();
  await eventually("Prometheus sends on", async () => (await sentTotal()) >= before + 6);
  equal(hook.bodies.length, 1);

  machine.brokenCount = 0;
  await eventually("the webhook hears the end", async () => hook.told("Broken") === "resolved");
  equal(hook.bodies.length, 2);
  deepEqual(await alertsOf(pharos.url), []);
});

test("Debian's vmalert asks here, writes here and tells here", {
  skip: skipWithout("vmalert"),
}, async () => {
  await using folder = await temporaryFolder();
  await using machine = await Machine.start();
  await using hook = await WebhookServer.start();
  await using pharos = await startPharos(
    folder.path,
    hook.url,
    `global: {scrape_interval: 1s}
scrape_configs:
  - {job_name: machine, static_configs: [{targets: ["${machine.address}"]}]}
`,
  );
  await writeFile(join(folder.path, "rules.yml"), RULES);
  const port = await freePort();
  await using vmalert = new Child(findProgram("vmalert") ?? "vmalert", [
    ...[`-rule=${join(folder.path, "rules.yml")}`, `-httpListenAddr=127.0.0.1:${port}`],
    ...[`-datasource.url=${pharos.url}`, `-notifier.url=${pharos.url}/alertmanager`],
    ...[`-remoteWrite.url=${pharos.url}`, `-remoteRead.url=${pharos.url}`],
    ...[
      "-remoteWrite.flushInterval=500ms",
      "-evaluationInterval=1s",
      "-external.label=via=vmalert",
    ],
  ]);
  await answering(`http://127.0.0.1:${port}/health`, vmalert);
  machine.brokenCount = 2;
  await eventually("the webhook is told", async () => hook.told("Broken") === "firing");
  const [told] = hook.bodies.flatMap(({ alerts }) => alerts);
  equal(told?.labels["part"], "disk");
  equal(told?.labels["via"], "vmalert");
  deepEqual(told?.annotations, { summary: "disk is broken, 2 times" });
  await eventually("its recording rule is written here", async () => {
    return (await scalarOf(pharos.url, "broken:total")) === 2;
  });
  await eventually("and the state of its alert", async () => {
    return (await scalarOf(pharos.url, 'ALERTS{alertname="Broken",alertstate="firing"}')) === 1;
  });
  machine.brokenCount = 0;
  await eventually("the webhook hears the end", async () => hook.told("Broken") === "resolved");
  equal(hook.bodies.length, 2, JSON.stringify(hook.bodies));
});
