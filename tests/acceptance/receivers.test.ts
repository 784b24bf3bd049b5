// One alert, posted as Prometheus posts it, and what each kind of receiver is told by the real server: over HTTP at a
// fake of the public APIs, by mail in the mailbox of a real server where there is one.

import { equal, match, ok } from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { eventually } from "../harness/child.ts";
import { EximProcess, MAIL_PASSWORD, MAIL_USER, skipWithoutExim } from "../harness/exim-process.ts";
import { PharosProcess, temporaryFolder } from "../harness/pharos-process.ts";

interface Told {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: Record<string, unknown>;
}

/** Slack, PagerDuty and a webhook at one address, each as its API answers. */
async function publicApis(): Promise<
  AsyncDisposable & { readonly url: string; readonly told: Told[] }
> {
  const told: Told[] = [];
  const server: Server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
    request.on("end", () => {
      const path = request.url ?? "";
      const body = JSON.parse(text) as Told["body"];
      told.push({ path, authorization: request.headers.authorization, body });
      const answers: Readonly<Record<string, object>> = {
        "/slack/chat.postMessage": { ok: true, channel: "C1", ts: "7.1" },
        "/slack/chat.update": { ok: true, channel: "C1", ts: "7.1" },
      };
      response
        .setHeader("content-type", "application/json")
        .end(JSON.stringify(answers[path] ?? {}));
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    told,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

function configuration(url: string): string {
  return `global:
  resolve_timeout: 5m
templates: [templates/*.tmpl]
route: {receiver: all, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}
receivers:
  - name: all
    webhook_configs:
      - url: ${url}/hook
        payload: {text: '{{ template "own.text" . }}', labels: '{{ toJson .CommonLabels }}'}
    slack_configs:
      - app_token: xoxb-secret
        app_url: ${url}/slack/chat.postMessage
        channel: "#ops"
        send_resolved: true
        update_message: true
        title: '{{ template "own.text" . }}'
    pagerduty_configs:
      - routing_key: routing-secret
        url: ${url}/pagerduty
`;
}

async function post(pharos: PharosProcess, changes: object): Promise<void> {
  const alert = { labels: { alertname: "Up", host: "a" }, annotations: { summary: "a is down" } };
  const response = await fetch(`${pharos.url}/api/v2/alerts`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify([{ ...alert, ...changes }]),
  });
  equal(response.status, 200, await response.text());
}

test("a posted alert is told by webhook, Slack and PagerDuty, with the templates of the files", async (t) => {
  await using folder = await temporaryFolder();
  await using apis = await publicApis();
  const template = join(folder.path, "templates/own.tmpl");
  await using pharos = await PharosProcess.start({
    folder: folder.path,
    config: "{}",
    files: {
      "templates/own.tmpl":
        '{{ define "own.text" }}first: {{ .Status }} {{ .CommonLabels.host }}{{ end }}',
      "alertmanager.yml": configuration(apis.url),
    },
    args: ["--alertmanager-config", join(folder.path, "alertmanager.yml")],
  });
  const told = (path: string, count: number): Promise<Told[]> =>
    eventually(`${path} is told ${count} times`, async () => {
      const all = apis.told.filter((each) => each.path === path);
      return all.length >= count && all;
    });

  await post(pharos, {});
  await t.test("when it fires", async () => {
    const [hook] = await told("/hook", 1);
    equal(hook?.body["text"], "first: firing a");
    equal(JSON.stringify(hook?.body["labels"]), '{"alertname":"Up","host":"a"}');
    const [slack] = await told("/slack/chat.postMessage", 1);
    equal(slack?.authorization, "Bearer xoxb-secret");
    equal(slack?.body["channel"], "#ops");
    const [attachment] = (slack?.body["attachments"] ?? []) as Record<string, string>[];
    equal(attachment?.["title"], "first: firing a");
    match(attachment?.["text"] ?? "", /\|Incident> · <http.*\|Acknowledge>$/);
    const [event] = await told("/pagerduty", 1);
    equal(event?.body["event_action"], "trigger");
    equal(event?.body["routing_key"], "routing-secret");
    const payload = (event?.body["payload"] ?? {}) as Record<string, unknown>;
    equal(payload["summary"], "[FIRING:1] Up (a)");
  });

  await t.test("when it is over, with templates that were changed meanwhile", async () => {
    await writeFile(template, '{{ define "own.text" }}second: {{ .Status }}{{ end }}');
    const reloaded = await fetch(`${pharos.url}/-/reload`, { method: "POST" });
    equal(reloaded.status, 200, await reloaded.text());
    await post(pharos, { endsAt: new Date(Date.now() - 1000).toISOString() });
    const [, hook] = await told("/hook", 2);
    equal(hook?.body["text"], "second: resolved");
    const [update] = await told("/slack/chat.update", 1);
    equal(update?.body["ts"], "7.1");
    const events = await told("/pagerduty", 2);
    equal(events[1]?.body["event_action"], "resolve");
    equal(events[1]?.body["dedup_key"], events[0]?.body["dedup_key"]);
  });

  await t.test("without a secret in the log", () => {
    ok(!/xoxb-secret|routing-secret/.test(pharos.output), pharos.output);
  });
});

test("a posted alert is told by mail", { skip: skipWithoutExim() }, async () => {
  await using folder = await temporaryFolder();
  await using mailFolder = await temporaryFolder(); // Another user's, so that it is no part of ours.
  await using server = await EximProcess.start(mailFolder.path);
  await using pharos = await PharosProcess.start({
    folder: folder.path,
    config: "{}",
    files: {
      "ca.pem": server.certificate,
      "alertmanager.yml": `global:
  smtp_smarthost: localhost:${server.port}
  smtp_from: pharos@example.org
  smtp_auth_username: ${MAIL_USER}
  smtp_auth_password: "${MAIL_PASSWORD}"
  smtp_tls_config: {ca_file: ca.pem}
route: {receiver: ops, group_wait: 0s}
receivers:
  - name: ops
    email_configs: [{to: ops@example.org}]
`,
    },
    args: ["--alertmanager-config", join(folder.path, "alertmanager.yml")],
  });
  await post(pharos, {});
  const [mail] = await eventually("the mail is in the mailbox", async () => {
    const mails = await server.mails();
    return mails.length > 0 && mails;
  });
  match(mail ?? "", /^Subject: =\?UTF-8\?|^Subject: \[FIRING:1\]/m);
  match(mail ?? "", /a is down/);
  match(mail ?? "", /Acknowledge: http/);
  match(await server.log(), /A=plain:pharos/);
});
