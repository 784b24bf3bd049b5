// Debian's amtool against the real server: what its own command line tests do, and what people do with it every day.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { eventually, findProgram, run, skipWithout } from "../harness/child.ts";
import { PharosProcess, temporaryFolder } from "../harness/pharos-process.ts";
import { WebhookServer } from "../harness/webhook-server.ts";

const skip = skipWithout("amtool");

const CONFIG = (webhook: string): string => `global: {resolve_timeout: 5m}
route:
  receiver: default
  group_by: [alertname]
  group_wait: 1s
  group_interval: 1s
  repeat_interval: 1h
  routes:
    - {receiver: team-a, matchers: ['team="a"'], continue: true}
    - {receiver: team b, matchers: ['team=~"a|b"', 'severity!="info"']}
receivers:
  - {name: default, webhook_configs: [{url: "${webhook}"}]}
  - {name: team-a, slack_configs: [{api_url: "https://127.0.0.1:9/services/s3cr3t", channel: "#a"}]}
  - name: team b
inhibit_rules:
  - {source_matchers: ['severity="critical"'], target_matchers: ['severity="warning"'], equal: [alertname]}
`;

let pharos: PharosProcess;
let hook: WebhookServer;
let folder: string;
const closers = new AsyncDisposableStack();

before(async () => {
  if (skip !== false) return;
  folder = closers.use(await temporaryFolder()).path;
  hook = closers.use(await WebhookServer.start());
  pharos = closers.use(
    await PharosProcess.start({
      folder,
      config: "{}",
      files: { "alertmanager.yml": CONFIG(hook.url) },
      args: ["--alertmanager-config", join(folder, "alertmanager.yml")],
    }),
  );
});
after(() => closers.disposeAsync());

/** Runs amtool; its own warning about versions is not part of what it says. */
async function amtool(...args: readonly string[]) {
  const url = `--alertmanager.url=${pharos.url}`;
  const env = { ...process.env, HOME: folder };
  return run(findProgram("amtool") ?? "amtool", [url, "--no-version-check", ...args], { env });
}

/** What amtool prints where it succeeds. */
async function says(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await amtool(...args);
  equal(code, 0, `${args.join(" ")}: ${stderr}`);
  return stdout;
}

interface ShownAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly status: { readonly state: string; readonly silencedBy: readonly string[] };
}
interface ShownSilence {
  readonly id: string;
  readonly comment: string;
  readonly createdBy: string;
  readonly status: { readonly state: string };
  readonly matchers: readonly unknown[];
}

const alertsOf = async (...args: readonly string[]): Promise<readonly ShownAlert[]> =>
  JSON.parse(await says("alert", "query", "-o", "json", ...args));
const silencesOf = async (...args: readonly string[]): Promise<readonly ShownSilence[]> =>
  JSON.parse(await says("silence", "query", "-o", "json", ...args));

test("alert add makes an alert that its receiver is told of", { skip }, async () => {
  await says("alert", "add", "Added", "team=web", "--annotation=summary=It is there");
  await eventually("the webhook is told", async () => hook.told("Added") === "firing");
  const [told] = hook.bodies.flatMap(({ alerts }) => alerts);
  deepEqual(told?.labels, { alertname: "Added", team: "web" });
  deepEqual(told?.annotations, { summary: "It is there" });
  const end = new Date(Date.now() - 1000).toISOString();
  await says("alert", "add", "Added", "team=web", `--end=${end}`);
  await eventually("and that it is over", async () => hook.told("Added") === "resolved");
});

test("alert add says what is wrong with an alert", { skip }, async () => {
  const start = "2030-01-02T00:00:00Z";
  const end = "2030-01-01T00:00:00Z";
  const { code, stderr } = await amtool(
    "alert",
    "add",
    "Wrong",
    `--start=${start}`,
    `--end=${end}`,
  );
  equal(code, 1);
  match(stderr, /start time must be before end time/);
});

test("alert query finds alerts by matchers and by what suppresses them", { skip }, async () => {
  await says("alert", "add", "Queried", "severity=critical", "instance=a");
  await says("alert", "add", "Queried", "severity=warning", "instance=a");
  await says("alert", "add", "Other", "severity=info");
  const names = (alerts: readonly ShownAlert[]) =>
    alerts.map(({ labels }) => `${labels["alertname"]} ${labels["severity"]}`).toSorted();
  deepEqual(names(await alertsOf("Queried")), ["Queried critical"], "the other one is inhibited");
  deepEqual(names(await alertsOf("--inhibited", "Queried")), ["Queried warning"]);
  deepEqual(names(await alertsOf("alertname=~Q.*|Other", "severity!=critical")), ["Other info"]);
  deepEqual(names(await alertsOf("--receiver=team.*")), []);
  match(await says("alert", "query", "Other"), /^Alertname +Starts At +Summary +State *\nOther /);
  match(
    await says("alert", "query", "-o", "extended", "Other"),
    /alertname="Other" severity="info"/,
  );
  const { code, stderr } = await amtool("alert", "query", "Other", "a=~[");
  equal(code, 1);
  match(stderr, /missing closing \]/);
});

test("a silence hides an alert until it is ended", { skip }, async () => {
  await says("alert", "add", "Hidden", "node=n1");
  const id = (
    await says("silence", "add", "-a", "ann", "-c", "moving", "Hidden", "node=~n.")
  ).trim();
  match(id, /^[0-9a-f-]{36}$/);
  deepEqual(await alertsOf("Hidden"), []);
  const [hidden] = await alertsOf("--silenced", "Hidden");
  deepEqual(hidden?.status.silencedBy, [id]);
  equal(hidden?.status.state, "suppressed");
  const { length } = hook.bodies;
  await says("silence", "expire", id);
  await eventually("the webhook is told", async () => hook.told("Hidden") === "firing");
  ok(hook.bodies.length > length, "and was not while it was hidden");
  const found = await silencesOf("--expired", "alertname=Hidden");
  deepEqual(
    found.map((silence) => [silence.id, silence.status.state]),
    [[id, "expired"]],
  );
});

test("silence query finds silences by matcher, author and end", { skip }, async () => {
  const add = (comment: string, ...args: readonly string[]) =>
    says("silence", "add", "-a", "bob", "-c", comment, ...args);
  await add("short", "-d", "30m", "app=shop", "tier=web");
  await add("long", "-d", "9h", "app=shop", "tier!=db");
  const comments = async (...args: readonly string[]) =>
    (await silencesOf(...args)).map(({ comment }) => comment).toSorted();
  deepEqual(await comments("app=shop"), ["long", "short"]);
  deepEqual(await comments("app=shop", "tier=web"), ["short"]);
  deepEqual(await comments("--created-by=bob", "--within=1h"), ["short"]);
  deepEqual(await comments("app=~shop"), [], "a matcher is found as it is written");
  match(await says("silence", "query", "app=shop"), /^ID +Matchers +Ends At +Created By +Comment/);
  const quiet = (await says("silence", "query", "-q", "app=shop")).trim().split("\n");
  await says("silence", "expire", ...quiet);
  deepEqual(await comments("app=shop"), []);
});

test("silence update changes the end and the comment, and nothing else", { skip }, async () => {
  const id = (await says("silence", "add", "-a", "ann", "-c", "before", "app=updated")).trim();
  const [before] = await silencesOf("app=updated");
  await says("silence", "update", "-d", "3h", "-c", "after", id);
  const [updated, ...others] = await silencesOf("app=updated");
  deepEqual(others, []);
  equal(updated?.id, id);
  equal(updated?.comment, "after");
  equal(updated?.createdBy, "ann");
  deepEqual(updated?.matchers, before?.matchers);
  const unknown = await amtool("silence", "update", "4b1e0b7c-0000-4000-8000-000000000000");
  equal(unknown.code, 1);
});

test("silences that were exported are imported", { skip }, async () => {
  const times = (hours: number) => ({
    startsAt: new Date().toISOString(),
    endsAt: new Date(Date.now() + hours * 3_600_000).toISOString(),
  });
  const silence = (app: string, hours: number) => ({
    matchers: [{ name: "app", value: app, isRegex: false }],
    ...times(hours),
    ...{ createdBy: "import", comment: app },
  });
  const importing = async (name: string, text: string) => {
    const path = join(folder, name);
    await writeFile(path, text);
    return amtool("silence", "import", path);
  };
  const good = await importing("good.json", JSON.stringify([silence("one", 1), silence("two", 2)]));
  equal(good.code, 0, good.stderr);
  equal(good.stdout.trim().split("\n").length, 2);
  deepEqual(
    (await silencesOf("--created-by=import")).map(({ comment }) => comment),
    ["one", "two"],
    "that which ends first is first",
  );

  const broken = await importing("broken.json", "[{");
  equal(broken.code, 1);

  const partly = [silence("three", 1), silence("", 1)];
  const failed = await importing("partly.json", JSON.stringify(partly));
  // Its exit code is a matter of luck: amtool counts failures in one thread and asks for the count in another.
  match(failed.stderr, /Error adding silence .*must not match the empty string/);
  equal((await silencesOf("app=three")).length, 1, "what is right is there all the same");

  const exported = await says("silence", "query", "-o", "json", "--created-by=import");
  const again = await importing("again.json", exported);
  equal(again.code, 0, again.stderr);
  equal((await silencesOf("--created-by=import")).length, 3, "the same ids: nothing new");
});

test("config show and config routes read the server's configuration, without its secrets", {
  skip,
}, async () => {
  const shown = await says("config", "show");
  match(shown, /api_url: <secret>/);
  ok(!shown.includes("s3cr3t"));
  const routes = await says("config", "routes", "show");
  match(routes, /default-route\s+receiver: default/);
  match(routes, /\{team="a"\}\s+continue: true\s+receiver: team-a/);
  const tested = (...labels: readonly string[]) => says("config", "routes", "test", ...labels);
  equal((await tested("team=a", "severity=page")).trim(), "team-a,team b");
  equal((await tested("team=b", "severity=info")).trim(), "default");
  const verified = await amtool("config", "routes", "test", "--verify.receivers=team-a", "team=b");
  equal(verified.code, 1);
  match(verified.stdout + verified.stderr, /Expected receivers did not match resolved receivers/);
});

test("the file that the server runs with passes check-config, and cluster show knows that it is alone", {
  skip,
}, async () => {
  match(await says("check-config", join(folder, "alertmanager.yml")), /SUCCESS/);
  match(await says("cluster", "show"), /Cluster Status: +disabled/);
});

test("commands go on where only the versions differ", { skip }, async () => {
  const url = `--alertmanager.url=${pharos.url}/alertmanager`;
  const program = findProgram("amtool") ?? "amtool";
  const { code, stdout } = await run(program, [url, "silence", "query", "-q", "app=one"], {
    env: { ...process.env, HOME: folder },
  });
  equal(code, 0);
  match(stdout, /^[0-9a-f-]{36}$/m, "below /alertmanager as well");
});
