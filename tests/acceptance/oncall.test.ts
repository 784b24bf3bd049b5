import { deepEqual, equal } from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { eventually } from "../harness/child.ts";
import { PharosProcess, temporaryFolder } from "../harness/pharos-process.ts";

const RULES = `groups:
  - name: g
    rules:
      - alert: DiskFull
        expr: vector(1)
        labels: {severity: critical}
`;

const ROUTES = `route:
  receiver: nobody
receivers:
  - name: nobody
`;

const onCall = (hook: string): string => `contacts:
  - {name: ada, webhook_configs: [{url: "${hook}ada"}]}
  - {name: lead, webhook_configs: [{url: "${hook}lead"}]}
  - {name: vp, webhook_configs: [{url: "${hook}vp"}]}
schedules:
  - name: primary
    layers: [{participants: [ada], starts: 2020-01-06T09:00}]
policies:
  - name: critical
    priorities: [P1]
    steps:
      - notify: [schedule: primary]
      - {after: 1s, notify: [contact: lead]}
      - {after: 1h, notify: [contact: vp]}
`;

test("people on call are told by a real server, and see who comes next", async () => {
  const told: string[] = [];
  await using folder = await temporaryFolder();
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      told.push((request.url ?? "").slice(1));
      response.end("ok");
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  using stack = new DisposableStack();
  stack.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  const hook = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  await using pharos = await PharosProcess.start({
    folder: folder.path,
    config: "global: {evaluation_interval: 1s}\nrule_files: [rules.yml]\n",
    files: { "rules.yml": RULES, "alertmanager.yml": ROUTES, "oncall.yml": onCall(hook) },
    args: [
      ...["--alertmanager-config", `${folder.path}/alertmanager.yml`],
      ...["--oncall-config", `${folder.path}/oncall.yml`],
    ],
  });
  await eventually("the lead is called", async () => told.includes("lead") || undefined);
  deepEqual(told, ["ada", "lead"]);
  const { schedules } = await pharos.api<{
    schedules: { now: { contact: string } | null }[];
  }>("oncall");
  equal(schedules[0]?.now?.contact, "ada");
  const { incidents } = await pharos.api<{
    incidents: { escalation: { policy: string; step: number } | null }[];
  }>("incidents", { status: "open" });
  equal(incidents[0]?.escalation?.step, 2);
  equal(incidents[0]?.escalation?.policy, "critical");
});
