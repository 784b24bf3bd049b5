// The specification of alert generators (github.com/prometheus/compliance) against the real server, with its times
// shortened: an alert that fires, is told again, resolves, is told again, and fires anew, as an Alertmanager hears of it.
import { deepEqual, equal, ok } from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { eventually } from "../harness/child.ts";
import { PharosProcess, temporaryFolder } from "../harness/pharos-process.ts";

const FOR_MS = 2000;
const INTERVAL_MS = 1000;
const RESEND_DELAY_MS = 2000;
/** What an evaluation and a request may be late by, on a machine that has other things to do. */
const SLACK_MS = 2500;

interface Received {
  readonly atMs: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly generatorURL: string;
}

test("an Alertmanager elsewhere hears of an alert when it fires, again and again, and of its end", async () => {
  await using folder = await temporaryFolder();
  await using alertmanager = await fakeAlertmanager();
  const { received } = alertmanager;
  await using pharos = await PharosProcess.start({
    folder: folder.path,
    config: `global: { evaluation_interval: 1s, external_labels: { region: eu, replica: a } }
rule_files: [rules.yml]
alerting:
  alert_relabel_configs: [{ action: labeldrop, regex: replica }]
  alertmanagers:
    - path_prefix: /am
      static_configs: [{ targets: ["${alertmanager.address}"] }]
`,
    files: {
      "rules.yml": `groups:
  - name: spec
    rules:
      - alert: High
        expr: load > 10
        for: 2s
        labels: { severity: page }
        annotations: { summary: 'The value is {{ $value }}, of {{ with query "count(load)" }}{{ . | first | value }}{{ end }}' }
      - alert: Both
        expr: ALERTS{alertname="High", alertstate="firing"} == 1
`,
    },
    args: ["--rules.alert.resend-delay", "2s"],
  });
  const push = async (value: number): Promise<void> => {
    const response = await fetch(`${pharos.url}/api/v1/metrics`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ metrics: [{ name: "load", labels: { host: "a" }, value }] }),
    });
    ok(response.ok, await response.text());
  };
  const ofAlert = (name: string): Received[] =>
    received.filter(({ labels }) => labels["alertname"] === name);
  const isOver = ({ endsAt, atMs }: Received): boolean => Date.parse(endsAt) <= atMs;

  await push(5);
  const shown = await pharos.api<{ activeAlertmanagers: { url: string }[] }>("alertmanagers");
  deepEqual(shown.activeAlertmanagers, [
    { url: `http://${alertmanager.address}/am/api/v2/alerts` },
  ]);
  await push(15);
  const pushedAtMs = Date.now();
  await eventually(
    "the alert fires and is told again twice",
    async () => ofAlert("High").length >= 3,
  );
  const [first, second, third] = ofAlert("High") as [Received, Received, Received];
  deepEqual(first.labels, { alertname: "High", host: "a", region: "eu", severity: "page" });
  deepEqual(first.annotations, { summary: "The value is 15, of 1" });
  const firedMs = Date.parse(first.startsAt);
  ok(firedMs - pushedAtMs >= FOR_MS - INTERVAL_MS, "it was pending for as long as it should");
  ok(
    firedMs - pushedAtMs <= FOR_MS + INTERVAL_MS + SLACK_MS,
    `fired ${firedMs - pushedAtMs} ms later`,
  );
  ok(first.atMs - firedMs <= SLACK_MS, "told at once");
  for (const again of [second, third]) equal(again.startsAt, first.startsAt);
  // The end of one that fires is four times the resend delay, or the interval where that is longer, from its evaluation on.
  const evaluatedMs = ofAlert("High").map(({ endsAt }) => Date.parse(endsAt) - 4 * RESEND_DELAY_MS);
  equal(evaluatedMs[0], firedMs);
  ok(
    evaluatedMs.every(
      (timeMs, at) => at === 0 || timeMs - (evaluatedMs[at - 1] ?? 0) >= RESEND_DELAY_MS,
    ),
  );
  ok(URL.canParse(first.generatorURL), first.generatorURL);
  equal(ofAlert("Both")[0]?.startsAt, first.startsAt, "a rule sees what the rule before it wrote");

  await push(20);
  await eventually("its text follows its value", async () =>
    ofAlert("High").some(({ annotations }) => annotations["summary"] === "The value is 20, of 1"),
  );

  await push(5);
  await eventually(
    "the end is told, and again",
    async () => ofAlert("High").filter(isOver).length >= 2,
  );
  const [over, overAgain] = ofAlert("High").filter(isOver) as [Received, Received];
  equal(over.startsAt, first.startsAt);
  equal(overAgain.endsAt, over.endsAt);
  ok(Date.parse(over.endsAt) > firedMs);

  await push(15);
  const anew = await eventually("it fires anew", async () =>
    ofAlert("High").find(({ startsAt }) => startsAt !== first.startsAt),
  );
  ok(Date.parse(anew.startsAt) >= Date.parse(over.endsAt) + FOR_MS);
});

/** An Alertmanager that keeps what it gets. */
async function fakeAlertmanager(): Promise<
  AsyncDisposable & { readonly address: string; readonly received: Received[] }
> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (request.method !== "POST" || request.url !== "/am/api/v2/alerts") {
        response.statusCode = 404;
        response.end();
        return;
      }
      const alerts = JSON.parse(Buffer.concat(chunks).toString("utf8")) as Received[];
      for (const alert of alerts) received.push({ ...alert, atMs: Date.now() });
      response.end();
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    received,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
