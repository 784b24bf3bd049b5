import { deepEqual, equal, match, ok } from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { eventually, run } from "../harness/child.ts";
import { PharosProcess, pharosCommand, temporaryFolder } from "../harness/pharos-process.ts";

const CONFIG = `global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
`;
const RULE_FILE = `groups:
  - name: files
    rules: [{alert: FromFile, expr: vector(1)}]
`;

interface Rule {
  readonly id: string;
  readonly name: string;
  readonly expr: string;
  readonly state: string;
  readonly version: number;
  readonly author: string;
}

class RulesClient {
  readonly #url: string;

  constructor(pharos: PharosProcess) {
    this.#url = pharos.url;
  }

  async send<T = Rule>(
    method: string,
    path: string,
    body?: string,
  ): Promise<{ readonly status: number; readonly body: T }> {
    const init: RequestInit = { method };
    if (body !== undefined) init.body = body;
    if (body?.startsWith("{") === true) init.headers = { "Content-Type": "application/json" };
    const response = await fetch(`${this.#url}${path}`, init);
    const text = await response.text();
    return { status: response.status, body: (text === "" ? undefined : JSON.parse(text)) as T };
  }

  async list(): Promise<readonly Rule[]> {
    return (await this.send<readonly Rule[]>("GET", "/api/v1/alerts/rules?source=api")).body;
  }
}

const byName = (rules: readonly Rule[]): string[] =>
  rules.map(({ name, expr, version, author }) => `${name} ${expr} ${version} ${author}`);

test("rules of the API that were acknowledged are there after kill -9, and fire", async () => {
  await using folder = await temporaryFolder();
  await using pharos = await PharosProcess.start({
    ...{ folder: folder.path, config: CONFIG, files: { "rules.yml": RULE_FILE } },
  });
  const client = new RulesClient(pharos);
  const path = "/api/v1/alerts/rules";
  const made = await client.send(
    "POST",
    path,
    "alert: Always\nexpr: vector(1) == 2\nlabels: {severity: page}\nauthor: ann\n",
  );
  equal(made.status, 201);
  const always = `${path}/${made.body.id}`;
  await client.send("PUT", always, '{"alert":"Always","expr":"vector(1) == 1","author":"bob"}');
  // Many at once, of which each that was answered must be there.
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      client.send("POST", path, `IF vector(${i}) > ${i} THEN ALERT Rule${i}`),
    ),
  );
  deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]));
  await client.send("DELETE", `${path}/Rule7`);
  const before = byName(await client.list());
  equal(before.length, 20);

  await pharos.stop("SIGKILL");
  await pharos.restart();
  deepEqual(byName(await client.list()), before);
  await eventually("the rule fires", async () => {
    const { body } = await client.send<{ labels: { alertname: string } }[]>(
      "GET",
      "/api/v1/alerts/active",
    );
    const firing = body.map(({ labels }) => labels.alertname).sort();
    return firing.join() === "Always,FromFile";
  });

  const back = await client.send("POST", `${always}/rollback`, '{"version":1}');
  deepEqual([back.body.expr, back.body.version], ["vector(1) == 2", 3]);
  await eventually("the rule that was rolled back does not fire any more", async () => {
    const [rule] = (await client.list()).filter(({ name }) => name === "Always");
    return rule?.state === "inactive";
  });
  await pharos.stop("SIGKILL");
  await pharos.restart();
  const versions = await client.send<{ action: string }[]>("GET", `${always}/versions`);
  deepEqual(
    versions.body.map(({ action }) => action),
    ["rolled back", "updated", "created"],
  );
});

test("a rule is replayed over what a server has stored", async () => {
  await using folder = await temporaryFolder();
  await using pharos = await PharosProcess.start({ folder: folder.path, config: "global: {}\n" });
  const client = new RulesClient(pharos);
  const nowSeconds = Math.floor(Date.now() / 1000);
  // An hour in steps of 15 s, high in its second quarter.
  const metrics = Array.from({ length: 240 }, (_, i) => ({
    name: "cpu.load",
    labels: { host: "web-01" },
    timestamp: nowSeconds - 3600 + i * 15,
    value: i >= 60 && i < 120 ? 0.95 : 0.2,
  }));
  equal((await client.send("POST", "/api/v1/metrics", JSON.stringify({ metrics }))).status, 202);
  const tested = await eventually("the samples are stored", async () => {
    const rule = '{"expr":"cpu.load > 0.8","for":"5m","interval":"15s"}';
    const answer = await client.send<{
      readonly would_fire: boolean;
      readonly replay: {
        readonly firings: number;
        readonly intervals: readonly { readonly start: string; readonly end: string }[];
        readonly cost: { readonly actual: { readonly samples: number }; readonly seconds: number };
      };
    }>("POST", "/api/v1/alerts/test?replay=65m", rule);
    return answer.body.replay.firings > 0 ? answer : undefined;
  });
  equal(tested.status, 200);
  equal(tested.body.would_fire, false);
  const { firings, intervals, cost } = tested.body.replay;
  equal(firings, 1);
  const [interval] = intervals;
  const secondsOf = (time: string | undefined): number => Date.parse(time ?? "") / 1000;
  const startSeconds = secondsOf(interval?.start) - (nowSeconds - 3600);
  // After a quarter of an hour and `for`; evaluations need not stand where samples do.
  ok(startSeconds >= 1200 && startSeconds <= 1230, `${startSeconds} s`);
  ok(cost.actual.samples > 0);
});

test("rules are applied, listed, tested and deleted from a terminal", async () => {
  await using folder = await temporaryFolder();
  await using pharos = await PharosProcess.start({
    ...{ folder: folder.path, config: CONFIG, files: { "rules.yml": RULE_FILE } },
  });
  const call = async (...args: readonly string[]) => {
    const [program, all] = pharosCommand("rules", ...args, "--url", pharos.url);
    return run(program, all, { cwd: folder.path });
  };
  const file = join(folder.path, "rule.yml");
  await writeFile(file, "alert: Always\nexpr: vector(1) == 1\n");
  const first = await call("apply", "rule.yml", "--author", "ann");
  deepEqual([first.code, first.stdout], [0, "Always: vector(1) == 1 (version 1)\n"]);
  const again = await call("apply", "rule.yml");
  equal(again.stdout, "Always: vector(1) == 1 (version 2)\n");
  const shown = await call("get", "Always");
  match(shown.stdout, new RegExp(`^  "author": "${userInfo().username}",$`, "m"));
  const tested = await call("test", "rule.yml", "--replay", "10s");
  match(tested.stdout, /^Always: vector\(1\) == 1\nwould fire now\n/);
  const listed = await call("list");
  match(listed.stdout, /^FromFile .*\/rules\.yml .*vector\(1\)$/m);
  match(listed.stdout, /^Always .* api:rules .*vector\(1\) == 1$/m);
  equal((await call("delete", "Always")).code, 0);
  const gone = await call("delete", "FromFile");
  equal(gone.code, 1);
  match(gone.stderr, /the rule "FromFile" is in the group "files" of .*rules\.yml/);
});

test("a rule's channels lead to the receivers of those names, also after a restart", async () => {
  await using hook = await webhook();
  await using folder = await temporaryFolder();
  await using pharos = await PharosProcess.start({
    folder: folder.path,
    config: CONFIG,
    files: {
      "rules.yml": RULE_FILE,
      "alertmanager.yml": `route: {receiver: everybody, group_by: [alertname], group_wait: 1s, group_interval: 1s, repeat_interval: 1h}
receivers:
  - name: everybody
    webhook_configs: [{url: "${hook.url}everybody"}]
  - name: team-a
    webhook_configs: [{url: "${hook.url}team-a"}]
`,
    },
    args: ["--alertmanager-config", `${folder.path}/alertmanager.yml`],
  });
  const client = new RulesClient(pharos);
  await client.send(
    "POST",
    "/api/v1/alerts/rules",
    '{"name":"ForTeam","sentence":"vector(1) == 1","channels":["pagerduty:team-a"]}',
  );
  await eventually("both are told", async () => hook.told.length >= 2);
  deepEqual(hook.told.toSorted(), ["/everybody FromFile", "/team-a ForTeam"]);
  await pharos.stop("SIGKILL");
  await pharos.restart();
  await client.send("DELETE", "/api/v1/alerts/rules/ForTeam");
  // One that was not noted as sent before the kill is sent again, by the same way.
  await eventually("the end is told", async () => hook.told.includes("/team-a ForTeam resolved"));
  const ofRule = hook.told.filter((one) => one.includes("ForTeam"));
  deepEqual(
    ofRule.filter((one) => !one.startsWith("/team-a ")),
    [],
  );
});

/** Keeps who was told of which alert, in order. */
async function webhook(): Promise<
  AsyncDisposable & { readonly url: string; readonly told: readonly string[] }
> {
  const told: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = JSON.parse(Buffer.concat(chunks).toString("utf8")) as {
        readonly status: string;
        readonly groupLabels: { readonly alertname: string };
      };
      const end = body.status === "resolved" ? " resolved" : "";
      told.push(`${request.url} ${body.groupLabels.alertname}${end}`);
      response.end();
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  return {
    ...{ url: `http://127.0.0.1:${port}/`, told },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
