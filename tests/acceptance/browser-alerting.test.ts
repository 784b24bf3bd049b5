// The views of alerting in a real browser, with a server that has rules, routes and people on call: what a person does
// in them by mouse and by keyboard, and whether everybody can use them.
import { deepEqual, equal, ok } from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { test } from "node:test";
import type { AxeResults } from "axe-core";
import type { Locator, Page } from "playwright-core";
import { openBrowser, openPage, shot } from "../harness/browser.ts";
import { eventually, skipWithout } from "../harness/child.ts";
import { PharosProcess, temporaryFolder } from "../harness/pharos-process.ts";
import { WebhookServer } from "../harness/webhook-server.ts";

const RULES = `groups:
  - name: disks
    interval: 1s
    rules:
      - alert: DiskFull
        expr: vector(93) > 90
        labels: {severity: critical, team: storage}
        annotations:
          summary: "the disk is {{ $value }} % full"
          runbook_url: https://runbooks.example.com/disk-full
`;

const routes = (hook: string): string => `route:
  receiver: team
  group_by: [alertname, instance]
  group_wait: 1s
  routes:
    - matchers: [team="storage"]
      receiver: storage
receivers:
  - name: team
    webhook_configs: [{url: "${hook}"}]
  - name: storage
    webhook_configs: [{url: "${hook}"}, {url: "http://127.0.0.1:1/away"}]
`;

const onCall = (hook: string): string => `contacts:
  - {name: ada, webhook_configs: [{url: "${hook}"}]}
  - {name: grace, webhook_configs: [{url: "${hook}"}]}
schedules:
  - name: primary
    layers:
      - {name: weekly, participants: [ada], starts: 2020-01-06T09:00}
policies:
  - name: critical
    priorities: [P1]
    steps:
      - {after: 10m, notify: [schedule: primary]}
dead_mans_switch:
  expect: [{name: backup, within: 26h}]
`;

const RULE = "alert: HighLoad\nexpr: node_load1 > 1000\nfor: 5m\nlabels:\n  severity: warning\n";

async function startPharos(folder: string, hook: string): Promise<PharosProcess> {
  return PharosProcess.start({
    folder,
    config: "global: {evaluation_interval: 1s}\nrule_files: [rules.yml]\n",
    files: { "rules.yml": RULES, "alertmanager.yml": routes(hook), "oncall.yml": onCall(hook) },
    args: [
      ...["--alertmanager-config", "alertmanager.yml", "--oncall-config", "oncall.yml"],
      ...["--external-url", "http://pharos.example.com"],
    ],
  });
}

async function send(url: string, body: string | object): Promise<void> {
  const isText = typeof body === "string";
  const response = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": isText ? "application/yaml" : "application/json" },
    body: isText ? body : JSON.stringify(body),
  });
  ok(response.ok, `${url}: ${response.status} ${await response.text()}`);
}

const region = (page: Page, name: string): Locator => page.getByRole("region", { name });
const button = (within: Page | Locator, name: string): Locator =>
  within.getByRole("button", { name, exact: true });

test("people deal with what fires in a real browser, by mouse and by keyboard", {
  skip: skipWithout("chromium"),
}, async (t) => {
  await using folder = await temporaryFolder();
  await using webhooks = await WebhookServer.start();
  await using pharos = await startPharos(folder.path, webhooks.url);
  const { url } = pharos;
  // Alerts of somebody else's Prometheus, with the labels that people really have.
  await send(
    `${url}/api/v2/alerts`,
    Array.from({ length: 40 }, (_, at) => ({
      labels: {
        ...{ alertname: at % 2 === 0 ? "ReplicationLagBeyondTheAgreedServiceLevel" : "ApiDown" },
        instance: `node-${at}.storage.production.eu-central-1.example.com:9100`,
        ...{ severity: at % 3 === 0 ? "warning" : "info", team: "platform" },
      },
      annotations: { summary: `node-${at} lags behind by 93 seconds, and more every minute` },
    })),
  );
  await send(`${url}/api/v1/alerts/rules?author=ann&comment=first`, RULE);
  await using browser = await openBrowser();
  const { page, problems, foreign } = await openPage(browser.instance, url);
  await page.goto(`${url}/incidents?tz=utc`);

  await t.test("j chooses what is most urgent, a acknowledges it, Enter opens it", async () => {
    await page.getByRole("link", { name: "DiskFull" }).waitFor();
    await page.keyboard.press("j");
    await page.keyboard.press("a");
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("textbox", { name: "You are" }).fill("ann");
    await dialog.getByRole("textbox", { name: /^Comment/ }).fill("making room");
    await page.keyboard.press("Enter");
    await dialog.waitFor({ state: "detached" });
    await page.getByText("making room").waitFor();
    await shot(page, "incidents");
    await page.getByRole("link", { name: "DiskFull" }).press("Enter");
    await page.getByRole("heading", { level: 1, name: "DiskFull" }).waitFor();
    await region(page, "Timeline").getByText("making room").waitFor();
    await page.getByText("storage/webhook[1]").first().waitFor();
    await page.locator("canvas").first().waitFor();
    await shot(page, "incident");
    await page.goBack();
    equal(new URL(page.url()).pathname, "/incidents");
  });

  await t.test("a rule is changed, compared with what it was, and put back", async () => {
    await page.goto(`${url}/alerts/HighLoad?tz=utc`);
    await page
      .getByRole("textbox", { name: /^Rule/ })
      .fill(RULE.replace("1000", "2000").replace("5m", "10m"));
    await page.getByText("node_load1 > 2000").first().waitFor();
    await button(page, "Save").click();
    await page.getByRole("heading", { level: 1, name: "Rules" }).waitFor();
    await page.goto(`${url}/alerts/HighLoad?tz=utc`);
    const versions = region(page, "Versions");
    await versions.getByRole("button", { name: "Changes of version 2" }).click();
    const changes = region(page, "What changed");
    deepEqual(await changes.locator("del, ins").allTextContents(), [
      ...["- expr: node_load1 > 1000\n", "- for: 5m\n"],
      ...["+ expr: node_load1 > 2000\n", "+ for: 10m\n"],
    ]);
    ok(page.url().includes("compare=1..2"), "the comparison has an address");
    await shot(page, "rule-versions");
    await versions.getByRole("button", { name: "Restore version 1" }).click();
    await button(page.getByRole("dialog"), "Restore").click();
    await page.getByText("version 3 by ann").waitFor();
    const rule = page.getByRole("textbox", { name: /^Rule/ });
    ok((await rule.inputValue()).includes("> 1000"), "the editor has the old rule again");
  });

  await t.test("a silence that recurs says what it hides now, and when it hides", async () => {
    await page.goto(
      `${url}/silences/new?tz=utc&matchers=${encodeURIComponent('alertname="ApiDown"')}`,
    );
    await region(page, "Hidden now").getByText("20 of 41 alerts").waitFor();
    await page.getByRole("textbox", { name: "From (UTC)" }).fill("2030-01-06 02:00");
    await page.getByRole("button", { name: "4h" }).click();
    await page.getByRole("button", { name: "Every week" }).click();
    await page.getByRole("textbox", { name: /^For the last time/ }).fill("2030-01-31");
    const windows = region(page, "When it hides").getByRole("listitem");
    await windows.nth(3).waitFor();
    deepEqual((await windows.allTextContents()).at(-1), "Sun 2030-01-27 02:00 to 2030-01-27 06:00");
    await page.getByRole("textbox", { name: "Why" }).fill("backups");
    await button(page, "Silence").click();
    await page.getByText("every week").waitFor();
    await button(page, "Expire").click();
    await button(page.getByRole("dialog"), "Expire").click();
    await page.getByText("Nothing is silenced.").waitFor();
  });

  await t.test(
    "somebody stands in, is who gets paged, and the layer shows who would be",
    async () => {
      await page.goto(`${url}/on-call?tz=utc`);
      const schedule = region(page, "Schedule primary");
      await button(schedule, "Stand in").click();
      const dialog = page.getByRole("dialog");
      await dialog.getByRole("combobox", { name: "Who stands in" }).selectOption("grace");
      await button(dialog, "Stand in").click();
      await dialog.waitFor({ state: "detached" });
      await schedule.getByText("grace stands in from").waitFor();
      await schedule.getByRole("list", { name: "Layer weekly of primary" }).waitFor();
      await page.getByRole("textbox", { name: "Labels of an alert" }).fill("severity=critical");
      const told = region(page, "Who is told");
      await told.getByText("grace (schedule primary)").first().waitFor();
      equal(await told.getByRole("heading", { level: 3 }).count(), 2, "now, and in an hour");
      await shot(page, "on-call");
      await page.getByRole("button", { name: "Remove: grace stands in" }).click();
      await schedule.getByText("grace stands in from").waitFor({ state: "detached" });
    },
  );

  equal(foreign.join("\n"), "", "no request leaves this server");
  equal(problems.join("\n"), "", "nothing complains in the console");
});

/** What must not be found on any view. */
const GRAVE = ["serious", "critical"];

test("no view of the page, light and wide or dark and narrow, keeps anybody out", {
  skip: skipWithout("chromium"),
}, async (t) => {
  await using folder = await temporaryFolder();
  await using webhooks = await WebhookServer.start();
  await using pharos = await startPharos(folder.path, webhooks.url);
  const { url } = pharos;
  await send(`${url}/api/v1/alerts/rules?author=ann`, RULE);
  await send(`${url}/api/v1/alerts/rules?author=ben&replace=true`, RULE.replace("5m", "10m"));
  await send(`${url}/api/v1/silences`, {
    ...{ matchers: ["alertname=~Disk.*", "team!=platform"], createdBy: "ann", comment: "swapped" },
    endsAt: "2030-01-01T00:00:00Z",
    recurrence: { rrule: "FREQ=DAILY", duration: "2h" },
  });
  await send(`${url}/api/v1/oncall/schedules/primary/overrides`, {
    ...{ contact: "grace", start: "2030-01-01T00:00:00Z", end: "2030-01-02T00:00:00Z", by: "ann" },
  });
  const incident = await eventually("an incident is open", async () => {
    const { incidents } = await pharos.api<{ incidents: { id: string }[] }>("incidents");
    return incidents[0];
  });
  const [silence] = (await (await fetch(`${url}/api/v2/silences`)).json()) as { id: string }[];
  const rules = await (await fetch(`${url}/api/v1/alerts/rules?name=DiskFull`)).json();
  const [ofFile] = rules as { id: string }[];
  const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  await using browser = await openBrowser();

  /** Each view, and what is there when it has loaded. */
  const views: readonly (readonly [path: string, loaded: string])[] = [
    ["/?g0.expr=up&g0.tab=table", "up"],
    ["/?g0.expr=up&g0.tab=graph", "up"],
    ["/?g0.expr=up%7B", "error"],
    ["/incidents", "DiskFull"],
    ["/incidents?status=resolved", "No incident passes these filters."],
    ["/incidents/history?days=7", "1 in all"],
    [`/incidents/${incident.id}`, "Timeline"],
    ["/silences", "every day"],
    [`/silences/${silence?.id}`, "When it hides"],
    ["/alerts", "DiskFull"],
    ["/alerts/HighLoad?compare=1..2", "for: 10m"],
    [`/alerts/${ofFile?.id}`, "it cannot be edited here"],
    ["/routing?labels=team%3Dstorage", "takes it"],
    ["/on-call?labels=severity%3Dcritical", "ada (schedule primary)"],
    ["/targets", "Targets"],
    ["/status", "Flags"],
  ];
  for (const [colorScheme, width] of [
    ["light", 1440],
    ["dark", 400],
  ] as const)
    await t.test(`${colorScheme}, ${width} px`, async () => {
      const { page } = await openPage(browser.instance, url);
      // What fades in has, for a moment, colours that nobody is meant to read.
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.setViewportSize({ width, height: 900 });
      const found: string[] = [];
      const look = async (where: string) => {
        await page.evaluate(
          "Promise.allSettled(document.getAnimations().map((one) => one.finished))",
        );
        // Evaluated from outside: the page itself may run no script but its own.
        await page.evaluate(axe);
        const results = (await page.evaluate(
          'axe.run({ resultTypes: ["violations"] })',
        )) as AxeResults;
        for (const { id, impact, nodes } of results.violations)
          if (GRAVE.includes(impact ?? "")) found.push(`${where}: ${id}: ${nodes[0]?.html}`);
        const wide = await page.evaluate(
          "document.documentElement.scrollWidth - document.documentElement.clientWidth",
        );
        if (wide !== 0) found.push(`${where}: ${String(wide)} px too wide`);
      };
      for (const [path, loaded] of views) {
        await page.goto(`${url}${path}`);
        await page.locator("main").getByText(loaded).first().waitFor();
        await look(path);
      }
      equal(
        await page.evaluate("document.documentElement.dataset.mantineColorScheme"),
        colorScheme,
      );
      await page.goto(`${url}/incidents/${incident.id}`);
      await button(page, "Acknowledge").click();
      await page.getByRole("dialog").getByText("You are at it").waitFor();
      await look("the dialog");
      await page.keyboard.press("Escape");
      await page.keyboard.press("?");
      await page.getByRole("dialog").getByText("Show this help").waitFor();
      await look("the help");
      await page.close();
      equal(found.join("\n"), "");
    });
});
