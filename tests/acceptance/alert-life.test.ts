import { equal, ok } from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { eventually, skipWithout } from "../harness/child.ts";
import { PharosProcess, scalarOf, temporaryFolder } from "../harness/pharos-process.ts";
import { NodeExporterProcess } from "../harness/prometheus-process.ts";

const FOR_MS = 10_000;
const INTERVAL_MS = 1000;
const GROUP_WAIT_MS = 1000;
/** What the rule promises beyond its own times: one second of ours, and one scrape until `up` is 0. */
const SLACK_MS = 1000 + INTERVAL_MS;

interface WebhookBody {
  readonly status: "firing" | "resolved";
  readonly groupKey: string;
  readonly alerts: readonly { readonly status: string; readonly labels: Record<string, string> }[];
}

test("an alert on a stopped exporter survives kill -9, is notified in time and resolves", {
  skip: skipWithout("prometheus-node-exporter"),
}, async () => {
  await using folder = await temporaryFolder();
  await using exporter = await NodeExporterProcess.start();
  await using hook = await webhook();
  await using pharos = await PharosProcess.start({
    folder: folder.path,
    config: `global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
scrape_configs:
  - job_name: node
    static_configs: [{targets: ["${exporter.address}"]}]
`,
    files: {
      "rules.yml": `groups:
  - name: targets
    rules:
      - alert: TargetDown
        expr: up == 0
        for: 10s
        labels: {severity: critical}
        annotations: {summary: "{{ $labels.instance }} of {{ job }} is down, up = {{ value }}"}
`,
      "alertmanager.yml": `route: {receiver: hook, group_by: [alertname], group_wait: 1s, group_interval: 1s, repeat_interval: 1h}
receivers:
  - name: hook
    webhook_configs: [{url: "${hook.url}"}]
`,
    },
    args: ["--alertmanager-config", `${folder.path}/alertmanager.yml`],
  });
  await eventually("the exporter is up", async () => (await scalarOf(pharos.url, "up")) === 1);

  await exporter.stop();
  const stoppedAtMs = performance.now();
  await eventually("the alert is pending", async () => {
    const { alerts } = await pharos.api<{ alerts: { state: string }[] }>("alerts");
    return alerts.some(({ state }) => state === "pending");
  });
  const killedAtMs = performance.now();
  await pharos.stop("SIGKILL");
  await pharos.restart();
  const downMs = performance.now() - killedAtMs;

  const fired = await eventually("the webhook is called", async () => hook.bodies[0]);
  const tookMs = performance.now() - stoppedAtMs;
  equal(fired.status, "firing");
  equal(fired.alerts[0]?.labels["alertname"], "TargetDown");
  equal(fired.alerts[0]?.labels["severity"], "critical");
  const dueMs = FOR_MS + INTERVAL_MS + GROUP_WAIT_MS + SLACK_MS;
  ok(downMs < FOR_MS, `it was away for ${downMs} ms, less than the rule's \`for\``);
  ok(tookMs >= FOR_MS, `not before its time: ${tookMs} ms`);
  ok(tookMs <= dueMs, `within ${dueMs} ms: ${tookMs} ms`);

  const firing = await scalarOf(pharos.url, 'ALERTS{alertname="TargetDown",alertstate="firing"}');
  equal(firing, 1, "ALERTS says so too");
  ok(((await scalarOf(pharos.url, "ALERTS_FOR_STATE")) ?? 0) > 1e9, "and since when");

  await exporter.restart();
  const resolved = await eventually("the resolution is notified", async () =>
    hook.bodies.find(({ status }) => status === "resolved"),
  );
  equal(resolved.groupKey, fired.groupKey);
  equal(hook.bodies.filter(({ status }) => status === "firing").length, 1, "it fired once");
});

/** A webhook receiver that keeps what it got. */
async function webhook(): Promise<
  AsyncDisposable & { readonly url: string; readonly bodies: WebhookBody[] }
> {
  const bodies: WebhookBody[] = [];
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      bodies.push(JSON.parse(Buffer.concat(chunks).toString("utf8")) as WebhookBody);
      response.end("ok");
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    bodies,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
