// The same alerts and the same alertmanager.yml into the real Alertmanager and into our receivers: what reaches the
// APIs of the kinds that this Alertmanager knows, and whose address can be pointed at a server of ours.

import { deepEqual, equal, ok } from "node:assert/strict";
import { mkdtempDisposable, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text as readText } from "node:stream/consumers";
import { test } from "node:test";
import { nodeHttpClient, systemClock } from "@pharos/adapters/node";
import { type GroupAlert, type Notification, NotificationTemplates } from "@pharos/alert";
import { labelsFrom, OperatingError, Secret } from "@pharos/base";
import { createReceiver } from "@pharos/notify";
import { signedHeaders } from "../../packages/notify/src/receivers/sigv4.ts";
import { loadNotificationConfig } from "../../packages/server/src/config/alertmanager/load-notification-config.ts";
import {
  answering,
  Child,
  eventually,
  findProgram,
  freePort,
  skipWithout,
} from "../harness/child.ts";

const skip = skipWithout("prometheus-alertmanager");

const EXTERNAL_URL = "http://alerts.example.org";
const SECRET_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const START_MS = Date.now() - 60_000;

/** What differs on purpose: our name, and where our alerts are shown. */
const SAME_NAMES = `{{ define "__alertmanager" }}Alertmanager{{ end }}
{{ define "__alertmanagerURL" }}{{ .ExternalURL }}/#/alerts?receiver={{ .Receiver | urlquery }}{{ end }}`;

/** One integration of each kind, each under a path of its own. */
function configText(url: string): string {
  return `
route: { receiver: team, group_by: [alertname], group_wait: 300ms, group_interval: 1s }
receivers:
- name: team
  opsgenie_configs:
  - send_resolved: true
    api_url: ${url}/opsgenie/
    api_key: genie
    details: { team: '{{ .Receiver }}' }
    responders:
    - { name: 'a,b', type: teams }
    - { name: '{{ .CommonLabels.missing }}', type: '{{ .CommonLabels.missing }}' }
    - { id: u-1, type: user }
    tags: 'x,{{ .Status }}'
    note: note
    priority: P2
    entity: '{{ .GroupLabels.alertname }}'
    actions: 'restart,reboot'
    update_alerts: true
  wechat_configs:
  - send_resolved: true
    api_url: ${url}/wechat/
    api_secret: secret
    corp_id: corp
    agent_id: '7'
    to_user: '@all'
    to_tag: '{{ .Status }}'
  - send_resolved: true
    api_url: ${url}/wechat-markdown/
    api_secret: secret
    corp_id: corp
    message_type: markdown
  slack_configs:
  - send_resolved: true
    api_url: ${url}/slack/hook
    channel: '#alerts'
    fields: [{ title: a, value: '{{ .Status }}' }, { title: b, value: c, short: true }]
    actions: [{ type: button, text: Go, url: 'http://go/{{ .Status }}', style: primary }]
    link_names: true
  pagerduty_configs:
  - send_resolved: true
    url: ${url}/pagerduty/enqueue
    routing_key: '0123'
    severity: '{{ .CommonLabels.severity }}'
    class: c
    component: '{{ .Receiver }}'
    group: g
    # The usual details have become JSON since this Alertmanager.
    details:
      extra: '{{ .Status }}'
      firing: '{{ template "pagerduty.default.instances" .Alerts.Firing }}'
      resolved: '{{ template "pagerduty.default.instances" .Alerts.Resolved }}'
      num_firing: '{{ .Alerts.Firing | len }} firing'
      num_resolved: '{{ .Alerts.Resolved | len }} resolved'
    images: [{ src: 'http://i', alt: a, href: 'http://h' }]
    links: [{ href: 'http://l/{{ .Status }}', text: t }]
  victorops_configs:
  - send_resolved: true
    api_url: ${url}/victorops/
    api_key: key
    routing_key: '{{ .GroupLabels.alertname }}'
    message_type: WARNING
    custom_fields: { team: '{{ .Receiver }}' }
  sns_configs:
  - send_resolved: true
    api_url: ${url}/sns
    sigv4: { region: us-east-2, access_key: AKIDEXAMPLE, secret_key: '${SECRET_KEY}' }
    topic_arn: arn:aws:sns:us-east-2:123456789012:alerts
    attributes: { severity: '{{ .CommonLabels.severity }}' }
  telegram_configs:
  - send_resolved: true
    api_url: ${url}/telegram
    bot_token: 1:token
    chat_id: -100123
    disable_notifications: true
  - send_resolved: true
    api_url: ${url}/telegram-plain
    bot_token: 1:token
    chat_id: 42
    parse_mode: MarkdownV2
    message: '*{{ .Status }}* {{ .CommonLabels.severity }}'
  discord_configs:
  - send_resolved: true
    webhook_url: ${url}/discord/hook
  webex_configs:
  - send_resolved: true
    api_url: ${url}/webex/messages
    room_id: room
    http_config: { authorization: { credentials: token } }
`;
}

/** Where each integration tells, and in how many requests at first: tokens and updates are asked for beside. */
const REQUESTS = {
  ...{ opsgenie: 3, wechat: 2, "wechat-markdown": 2, slack: 1, pagerduty: 1, victorops: 1 },
  ...{ sns: 1, telegram: 1, "telegram-plain": 1, discord: 1, webex: 1 },
} as const;
const PATHS = Object.keys(REQUESTS) as (keyof typeof REQUESTS)[];

interface Seen {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What the API under this path says to a message that it takes. */
function answerTo(path: string): string {
  if (path.startsWith("/slack/")) return "ok";
  if (path.startsWith("/sns")) {
    return (
      '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>' +
      "<MessageId>m</MessageId></PublishResult></PublishResponse>"
    );
  }
  return JSON.stringify({
    ...{ ok: true, result: { message_id: 1, chat: { id: 1 } } },
    ...{ errcode: 0, errmsg: "ok", access_token: "t", expires_in: 7200 },
    status: "success",
  });
}

/** Keeps what it is told, and answers as the APIs do. */
class Apis implements AsyncDisposable {
  readonly seen: Seen[] = [];
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  async listen(): Promise<string> {
    await new Promise<void>((done) => this.#server.listen(0, "127.0.0.1", done));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url: path = "", headers } = request;
    const body = await readText(request);
    this.seen.push({ method, path, headers: headers as Record<string, string>, body });
    response.setHeader(
      "content-type",
      path.startsWith("/slack/") ? "text/plain" : "application/json",
    );
    response.end(answerTo(path));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }
}

const ALERTS = ["a", "b"].map((instance) => ({
  labels: { alertname: "HighCpu", instance, severity: "critical", zone: `<${instance}&"ж">` },
  annotations: {
    summary: `${instance} is *hot* & <bad>`,
    runbook: "http://runbook.test/x?a=b&c=d",
  },
  generatorURL: `http://prometheus.test/graph?g0.expr=cpu%7Binstance%3D%22${instance}%22%7D`,
}));

/** The integration that a request is for, from the beginning of its path. */
function placeOf({ path }: Seen): string {
  return path.split(/[/?]/)[1] ?? "";
}

/** What is compared: bodies as values, forms by name, headers that matter. */
function comparable({ method, path, headers, body }: Seen): object {
  const url = new URL(path, "http://x");
  const type = (headers["content-type"] ?? "").split(";")[0];
  const place = path.split("/")[1] ?? "";
  const fields: object | undefined =
    type === "application/x-www-form-urlencoded"
      ? Object.fromEntries([...new URLSearchParams(body)].sort())
      : body === ""
        ? undefined
        : (JSON.parse(body) as object);
  return {
    method,
    path: url.pathname.replace(/\/$/, ""),
    query: Object.fromEntries([...url.searchParams].sort()),
    type: body === "" ? undefined : type,
    authorization: place === "sns" ? undefined : headers["authorization"],
    fields: place.startsWith("telegram") ? texts(fields ?? {}) : withoutEmpty(fields, place),
  };
}

/** Alertmanager's client for Telegram sends every value as text, which Telegram takes as well. */
function texts(fields: object): object {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, String(value)]));
}

/** Alertmanager sends WeChat the kind of content that it does not mean as well, with nothing in it. */
function withoutEmpty(fields: object | undefined, place: string): object | undefined {
  if (fields === undefined || !place.startsWith("wechat")) return fields;
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => JSON.stringify(value) !== '{"content":""}'),
  );
}

/** What Alertmanager tells them of a firing group, and then of a resolved one. */
async function tellAlertmanager(folder: string, apis: Apis, url: string): Promise<Seen[][]> {
  const config = join(folder, "alertmanager.yml");
  await writeFile(config, configText(url));
  const port = await freePort();
  await using child = new Child(findProgram("prometheus-alertmanager") ?? "", [
    ...[`--config.file=${config}`, `--storage.path=${join(folder, "data")}`],
    ...[`--web.listen-address=127.0.0.1:${port}`, `--web.external-url=${EXTERNAL_URL}`],
    ...["--cluster.listen-address=", "--web.route-prefix=/"],
  ]);
  const base = `http://127.0.0.1:${port}`;
  await answering(`${base}/-/ready`, child);
  const told: Seen[][] = [];
  for (const endsAtMs of [Date.now() + 3_600_000, Date.now() - 1]) {
    const posted = ALERTS.map((alert) => ({
      ...alert,
      startsAt: new Date(START_MS).toISOString(),
      endsAt: new Date(endsAtMs).toISOString(),
    }));
    const before = apis.seen.length;
    const response = await fetch(`${base}/api/v2/alerts`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(posted),
    });
    equal(response.status, 200, await response.text());
    const fresh = (): Seen[] => apis.seen.slice(before);
    await eventually("every integration is told", async () => {
      const places = fresh().map(placeOf);
      return PATHS.every((path) => {
        const needed = told.length === 0 ? REQUESTS[path] : 1;
        return places.filter((place) => place === path).length >= needed;
      });
    }).catch((error: unknown) => {
      const seen = fresh().map(placeOf).sort().join(" ");
      throw new Error(`${String(error)}; told: ${seen}\n${child.output}`);
    });
    told.push(fresh());
  }
  return told;
}

/** What our receivers tell of the same, by the server's own HTTP client. */
async function tellOurs(folder: string, apis: Apis, url: string): Promise<Seen[][]> {
  const { config, unsupported } = loadNotificationConfig(
    configText(url),
    join(folder, "alertmanager.yml"),
    { readFile: () => "", glob: () => [] },
  );
  deepEqual(unsupported, []);
  const http = nodeHttpClient();
  using closers = new DisposableStack();
  closers.defer(() => http.close());
  const environment = {
    http,
    mail: {
      async send(): Promise<never> {
        throw new OperatingError("http.failed", "there is no mail here");
      },
    },
    templates: NotificationTemplates.parse([{ name: "same.tmpl", text: SAME_NAMES }]),
    clock: systemClock,
    externalUrl: EXTERNAL_URL,
    userAgent: "Pharos/0.0.0",
  };
  const [team] = config.receivers;
  ok(team !== undefined);
  const receivers = team.integrations.map((each) => createReceiver(each, environment));
  equal(receivers.length, PATHS.length);
  const told: Seen[][] = [];
  for (const endsAtMs of [null, Date.now()]) {
    const before = apis.seen.length;
    for (const receiver of receivers)
      await receiver.send(
        { idempotencyKey: "k", notification: notificationOf(endsAtMs), state: undefined },
        new AbortController().signal,
      );
    told.push(apis.seen.slice(before));
  }
  return told;
}

function notificationOf(endsAtMs: number | null): Notification {
  const alerts: GroupAlert[] = ALERTS.map(({ labels, annotations, generatorURL }) => ({
    labels: labelsFrom(labels),
    annotations: Object.entries(annotations).sort(),
    startsAtMs: START_MS,
    endsAtMs,
    generatorUrl: generatorURL,
  }));
  return {
    receiver: "team",
    groupKey: '{}:{alertname="HighCpu"}',
    groupLabels: labelsFrom({ alertname: "HighCpu" }),
    routeLabels: [],
    reason: endsAtMs === null ? "first notification" : "all alerts resolved",
    alerts,
  };
}

test("receivers tell APIs what Alertmanager tells them", { skip }, async (t) => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "pharos-receivers-"));
  await using apis = new Apis();
  const url = await apis.listen();
  const theirs = await tellAlertmanager(folder.path, apis, url);
  const ours = await tellOurs(folder.path, apis, url);
  for (const [i, status] of ["firing", "resolved"].entries())
    for (const place of PATHS)
      await t.test(`${place}, ${status}`, () => {
        const of = (told: readonly Seen[] = []): object[] =>
          told.filter((seen) => placeOf(seen) === place).map(comparable);
        deepEqual(of(ours[i]), of(theirs[i]));
      });

  await t.test("what Alertmanager signs for Amazon we sign the same", () => {
    const signed = theirs[0]?.find((seen) => placeOf(seen) === "sns");
    ok(signed !== undefined);
    const { authorization = "", ...headers } = signed.headers;
    const names = /SignedHeaders=([^,]+)/.exec(authorization)?.[1]?.split(";") ?? [];
    const time = headers["x-amz-date"] ?? "";
    const again = signedHeaders(
      {
        method: "POST",
        url: url + signed.path,
        headers: Object.fromEntries(
          names.filter((name) => name !== "host").map((name) => [name, headers[name] ?? ""]),
        ),
        body: signed.body,
      },
      {
        region: "us-east-2",
        service: "sns",
        credentials: { accessKey: "AKIDEXAMPLE", secretKey: new Secret(SECRET_KEY) },
        nowMs: Date.parse(
          time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"),
        ),
      },
    );
    equal(again["authorization"], authorization);
  });
});
