// The real process from its start to its end: what it says, what it keeps, what makes it refuse.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { eventually, run } from "../harness/child.ts";
import {
  PharosProcess,
  pharosCommand,
  scalarOf,
  temporaryFolder,
} from "../harness/pharos-process.ts";

const NOTHING = "global: {}\n";

test("a graceful stop loses nothing that was acknowledged, and ends with exit code 0", async () => {
  await using folder = await temporaryFolder();
  await using pharos = await PharosProcess.start({ folder: folder.path, config: NOTHING });
  let pushed = 0;
  // Each pushes until nobody listens any more: some of these pushes are under way when the stop comes.
  const lanes = [0, 1, 2, 3].map(async (lane) => {
    for (let round = 0; ; round++) {
      const status = await pushOne(pharos.url, { lane: String(lane), round: String(round) });
      if (status !== 202) return status;
      pushed++;
    }
  });
  await eventually("some pushes are acknowledged", async () => pushed > 200);
  equal(await pharos.stop("SIGTERM"), 0, pharos.output);
  deepEqual(new Set(await Promise.all(lanes)), new Set(["refused"]), "no push is answered wrongly");
  match(pharos.output, /stopping on SIGTERM/);
  await pharos.restart();
  const kept = (await scalarOf(pharos.url, "count(pushed)")) ?? 0;
  ok(kept >= pushed, `${kept} of ${pushed} are there`);
});

test("without a configuration the page, the host and our own metrics are there, and every rule works", async () => {
  await using folder = await temporaryFolder();
  await using pharos = await PharosProcess.start({ folder: folder.path });
  match(pharos.output, /Pharos \S+ is ready after \d+\.\d\d s\n {2}page {3}http:\/\/127\.0\.0\.1:/);
  await eventually(
    "both targets are up",
    async () => (await scalarOf(pharos.url, "sum(up)")) === 2,
  );
  ok(((await scalarOf(pharos.url, "count(node_cpu_seconds_total)")) ?? 0) > 0);
  const health = await eventually("every rule is evaluated", async () => {
    const { groups } = await pharos.api<{
      groups: { rules: { name: string; health: string }[] }[];
    }>("rules");
    const rules = groups.flatMap((group) => group.rules);
    return rules.every((rule) => rule.health !== "unknown") && rules;
  });
  deepEqual(
    health.filter((rule) => rule.health !== "ok"),
    [],
  );
  match(await (await fetch(pharos.url)).text(), /<html/);
});

test("with a configuration nothing is scraped that it does not name, and what is not done is listed", async () => {
  await using folder = await temporaryFolder();
  const config = "global: {}\ntracing: {endpoint: localhost:4317}\n";
  await using pharos = await PharosProcess.start({ folder: folder.path, config });
  const { activeTargets } = await pharos.api<{ activeTargets: unknown[] }>("targets");
  deepEqual(activeTargets, []);
  deepEqual(await pharos.api<string[]>("label/__name__/values"), []);
  match(pharos.output, /WARN {2}\S*pharos\.yml:2:1: tracing is not supported yet/);
});

test("an unknown key keeps the server from starting, and is named with its place and the nearest known one", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "pharos.yml");
  await writeFile(path, "global:\n  scrape_intervall: 15s\n");
  const { code, stdout, stderr } = await run(...pharosCommand("serve", "--config", path), {
    cwd: folder.path,
  });
  equal(code, 1);
  equal(stdout, "");
  match(stderr, /pharos\.yml:2:3: global\.scrape_intervall: .*did you mean scrape_interval\?/);
  match(stderr, /^ {6}scrape_intervall: 15s$/m, "the line is shown");
});

test("a second process on the same data says that another one uses it", async () => {
  await using folder = await temporaryFolder();
  await using pharos = await PharosProcess.start({ folder: folder.path, config: NOTHING });
  const data = join(folder.path, "data");
  const second = await run(...pharosCommand("serve", "--listen", "127.0.0.1:0", "--data", data));
  equal(second.code, 1);
  match(second.stderr, /another process uses this data folder/);
  ok(!second.stderr.includes("    at "), "no stack");
  equal((await fetch(`${pharos.url}/-/ready`)).status, 200, "the first goes on");
});

test("a changed configuration is taken on SIGHUP and by POST /-/reload; a bad one changes nothing and says why", async () => {
  await using folder = await temporaryFolder();
  await using pharos = await PharosProcess.start({ folder: folder.path, config: NOTHING });
  const write = (text: string): Promise<void> => writeFile(join(folder.path, "pharos.yml"), text);
  const reload = (): Promise<Response> => fetch(`${pharos.url}/-/reload`, { method: "POST" });
  const pools = async (): Promise<string[]> =>
    (await pharos.api<{ scrapePools: string[] }>("scrape_pools")).scrapePools;
  const succeeded = async (): Promise<string | undefined> =>
    /^pharos_config_last_reload_successful (\d)$/m.exec(await metrics(pharos.url))?.[1];

  await write("scrape_configs: [{job_name: one}]\n");
  process.kill(pharos.pid, "SIGHUP");
  await eventually("the file is taken on SIGHUP", async () => (await pools())[0] === "one");

  await write("scrape_configs: [{job_name: one}, {job_name: two}]\n");
  equal((await reload()).status, 200);
  deepEqual(await pools(), ["one", "two"]);
  equal(await succeeded(), "1");

  await write("scrape_configs:\n  - job_nam: three\n");
  const refused = await reload();
  equal(refused.status, 500);
  match(await refused.text(), /^failed to reload config: \S*pharos\.yml:2:5: .*job_nam\b/);
  deepEqual(await pools(), ["one", "two"]);
  equal(await succeeded(), "0");
  match((await pharos.api<{ yaml: string }>("status/config")).yaml, /two/);

  await write("scrape_configs: [{job_name: three}]\n");
  equal((await reload()).status, 200);
  equal(await succeeded(), "1");
  deepEqual(await pools(), ["three"]);
});

test("with a bad alertmanager.yml a reload says where the mistake is, and alerts go on to who was told before", async () => {
  await using folder = await temporaryFolder();
  const told: string[] = [];
  await using hooks = await listening((path) => told.push(path));
  const file = join(folder.path, "alertmanager.yml");
  const naming = (path: string, more = ""): string => `route:
  receiver: hook
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1s
receivers:
  - name: hook
    webhook_configs:
      - url: ${hooks.url}/${path}
${more}`;
  await using pharos = await PharosProcess.start({
    folder: folder.path,
    config: "global: {evaluation_interval: 1s}\nrule_files: [rules.yml]\n",
    files: {
      "rules.yml": "groups: [{name: g, rules: [{alert: Always, expr: vector(1)}]}]\n",
      "alertmanager.yml": naming("first"),
    },
    args: ["--alertmanager-config", file],
  });
  const reload = (): Promise<Response> => fetch(`${pharos.url}/-/reload`, { method: "POST" });
  await eventually("the first receiver is told", async () => told.includes("/first"));

  await writeFile(file, naming("second", "        send_resolve: true\n"));
  const refused = await reload();
  equal(refused.status, 500);
  const said = await refused.text();
  match(
    said,
    /alertmanager\.yml:10:9: receivers\[0\]\.webhook_configs\[0\]\.send_resolve: unknown key; did you mean send_resolved\?/,
  );
  ok(!said.includes("/second"), "the address, which may hold a key, is not in the answer");
  const before = told.length;
  await eventually("the first receiver is told again", async () => told.length > before);
  ok(!told.includes("/second"));

  await writeFile(file, naming("second"));
  equal((await reload()).status, 200);
  await eventually("the second receiver is told", async () => told.includes("/second"));
});

/** A server that hears paths and answers that all is well. */
async function listening(
  hear: (path: string) => void,
): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer((request, response) => {
    hear(request.url ?? "");
    response.end("ok");
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

test("a change of a target file is found without a reload", async () => {
  await using folder = await temporaryFolder();
  await using exporter = await metricsServer("found 1\n");
  await using pharos = await PharosProcess.start({
    folder: folder.path,
    config: `scrape_configs:
  - job_name: files
    scrape_interval: 1s
    file_sd_configs: [{files: ["targets/*.json"], refresh_interval: 1h}]
`,
    files: { "targets/a.json": "[]" },
  });
  const targets = async (): Promise<number> =>
    (await pharos.api<{ activeTargets: unknown[] }>("targets")).activeTargets.length;
  equal(await targets(), 0);
  const text = JSON.stringify([{ targets: [exporter.address], labels: { env: "test" } }]);
  await writeFile(join(folder.path, "targets/a.json"), text);
  await eventually(
    "the new target is scraped",
    async () => (await scalarOf(pharos.url, 'found{env="test"}')) === 1,
  );
  await writeFile(join(folder.path, "targets/a.json"), "[]");
  await eventually("it is gone again", async () => (await targets()) === 0);
});

/** Pushes one sample of a new series; answers the status, or "refused" where nobody listens any more. */
async function pushOne(
  url: string,
  labels: Readonly<Record<string, string>>,
): Promise<number | "refused"> {
  try {
    const response = await fetch(`${url}/api/v1/metrics`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ metrics: [{ name: "pushed", labels, value: 1 }] }),
    });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return "refused";
  }
}

async function metrics(url: string): Promise<string> {
  return (await fetch(`${url}/metrics`)).text();
}

/** A target that always tells the same. */
async function metricsServer(body: string): Promise<AsyncDisposable & { address: string }> {
  const server = createServer((_, response) => {
    response.setHeader("Content-Type", "text/plain; version=0.0.4");
    response.end(body);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
