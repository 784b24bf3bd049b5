import { deepEqual, equal, match, ok } from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { eventually, run } from "../harness/child.ts";
import {
  PharosProcess,
  pharosCommand,
  scalarOf,
  temporaryFolder,
} from "../harness/pharos-process.ts";

interface ShownIncident {
  readonly id: string;
  readonly status: string;
  readonly acknowledgement: { readonly by: string; readonly comment: string } | null;
  readonly notifications: { readonly delivered: number };
}

interface ShownDetail extends ShownIncident {
  readonly timeline: readonly { readonly kind: string; readonly detail: Record<string, unknown> }[];
}

const RULES = `groups:
  - name: g
    rules:
      - alert: DiskFull
        expr: vector(1)
        labels: {severity: critical}
        annotations: {summary: "the disk is full"}
`;

const routing = (hook: string): string => `route:
  receiver: team
  group_by: [alertname]
  group_wait: 500ms
  group_interval: 500ms
  repeat_interval: 1s
receivers:
  - name: team
    webhook_configs: [{url: "${hook}"}]
`;

async function openIncident(pharos: PharosProcess): Promise<ShownIncident> {
  return eventually("an incident is open", async () => {
    const { incidents } = await pharos.api<{ incidents: ShownIncident[] }>("incidents", {
      status: "open",
    });
    return incidents[0];
  });
}

async function act(pharos: PharosProcess, id: string, action: string, body: object) {
  const response = await fetch(`${pharos.url}/api/v1/incidents/${id}/${action}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  equal(response.status, 200, `${action}: ${await response.text()}`);
}

/** Counts how often it is told that something fires. */
async function webhook(): Promise<AsyncDisposable & { readonly url: string; told: number }> {
  const hook = {
    url: "",
    told: 0,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      hook.told++;
      response.end("ok");
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  hook.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return hook;
}

test("what a person was told is done survives kill -9 right after the answer", async () => {
  await using folder = await temporaryFolder();
  await using hook = await webhook();
  await using pharos = await PharosProcess.start({
    folder: folder.path,
    config: "global: {evaluation_interval: 1s}\nrule_files: [rules.yml]\n",
    files: { "rules.yml": RULES, "alertmanager.yml": routing(hook.url) },
    args: ["--alertmanager-config", `${folder.path}/alertmanager.yml`],
  });
  const { id } = await openIncident(pharos);
  await eventually("people are told again and again", async () => hook.told >= 2);

  await act(pharos, id, "acknowledge", { by: "ann", comment: "on it", expires_in: "1h" });
  await pharos.stop("SIGKILL");
  await pharos.restart();
  const acknowledged = await pharos.api<ShownDetail>(`incidents/${id}`);
  equal(acknowledged.status, "acknowledged");
  equal(acknowledged.acknowledgement?.by, "ann");
  equal(acknowledged.acknowledgement?.comment, "on it");
  equal((await openIncident(pharos)).id, id, "it goes on as the same incident");

  for (const comment of ["first", "second"]) {
    await act(pharos, id, "comment", { by: "ann", comment });
    await pharos.stop("SIGKILL");
    await pharos.restart();
  }
  const { timeline, status } = await pharos.api<ShownDetail>(`incidents/${id}`);
  const said = timeline.filter(({ kind }) => kind === "commented");
  deepEqual(
    said.map(({ detail }) => detail["comment"]),
    ["second", "first"],
  );
  equal(status, "acknowledged");

  const command = pharosCommand("incidents", "show", id, "--url", pharos.url);
  const { code, stdout } = await run(...command);
  equal(code, 0);
  match(stdout, /acknowledged by ann until .*: on it\n.*commented +acknowledged +ann, second\n/s);

  const toldBefore = hook.told;
  await eventually("the series of incidents says so", async () => {
    const query = 'INCIDENTS{status="acknowledged",alertname="DiskFull",severity="critical"}';
    return (await scalarOf(pharos.url, query)) === 1;
  });
  equal(hook.told, toldBefore, "nobody is told again meanwhile");
  ok(acknowledged.notifications.delivered >= 2);
});
