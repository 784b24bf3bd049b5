import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { NotificationTemplates } from "@pharos/alert";
import { OperatingError } from "@pharos/base";
import { INTEGRATION_KINDS, type IntegrationConfig, type IntegrationKind } from "@pharos/notify";
import {
  type LoadedNotificationConfig,
  loadNotificationConfig,
} from "../src/config/alertmanager/load-notification-config.ts";

/** Loads /etc/am/alertmanager.yml of a folder with these files. */
function load(
  text: string,
  files: Readonly<Record<string, string>> = {},
): LoadedNotificationConfig {
  return loadNotificationConfig(text, "/etc/am/alertmanager.yml", {
    glob: (pattern) =>
      pattern.includes("*")
        ? Object.keys(files).filter((name) => name.startsWith(pattern.replace(/\*.*$/, "")))
        : [pattern],
    readFile(path) {
      const content = files[path];
      if (content === undefined) throw new OperatingError("not_found", `${path}: no such file`);
      return content;
    },
  });
}

/** The first integration of a kind in a configuration of one receiver, whose entry is given as YAML. */
function integration<K extends IntegrationKind>(
  kind: K,
  entry: string,
  { global = "{}", files = {} }: { global?: string; files?: Readonly<Record<string, string>> } = {},
): IntegrationConfig & { readonly kind: K } {
  const { config } = load(
    `global: ${global}\nroute: {receiver: a}\nreceivers: [{name: a, ${kind}_configs: [${entry}]}]\n`,
    files,
  );
  const [found] = config.receivers[0]?.integrations ?? [];
  ok(found?.kind === kind);
  return found as IntegrationConfig & { readonly kind: K };
}

/** An entry of each kind with no more than it must have. */
const LEAST: Readonly<Record<IntegrationKind, string>> = {
  webhook: "{url: 'http://hook/'}",
  email: "{to: a@example.com, from: b@example.com, smarthost: 'mail:25'}",
  pagerduty: "{routing_key: hunter2}",
  opsgenie: "{api_key: hunter2}",
  wechat: "{api_secret: hunter2, corp_id: c}",
  slack: "{api_url: 'https://hooks.slack.com/services/hunter2'}",
  victorops: "{api_key: hunter2, routing_key: team}",
  pushover: "{user_key: hunter2, token: hunter2}",
  sns: "{topic_arn: 'arn:aws:sns:us-east-1:1:t'}",
  telegram: "{bot_token: hunter2, chat_id: -100123}",
  discord: "{webhook_url: 'https://discord.com/api/webhooks/1/hunter2'}",
  webex: "{room_id: r, http_config: {authorization: {credentials: hunter2}}}",
  msteams: "{webhook_url: 'https://outlook.office.com/hunter2'}",
  msteamsv2: "{webhook_url: 'https://prod.azure.com/hunter2'}",
  jira: "{api_url: 'https://x.atlassian.net/rest/api/3', project: P, issue_type: Bug}",
  rocketchat: "{token_id: hunter2, token: hunter2}",
  mattermost: "{webhook_url: 'https://mm/hooks/hunter2'}",
  incidentio: "{url: 'https://api.incident.io/v2/x', alert_source_token: hunter2}",
};

test("each of Alertmanager's kinds is read, and what it does not say has Alertmanager's defaults", () => {
  for (const kind of INTEGRATION_KINDS) {
    const { index, sendResolved } = integration(kind, LEAST[kind]);
    equal(index, 0, kind);
    // As in Alertmanager's documentation, these four do not tell of the end unless they are asked to.
    const isQuiet = ["email", "slack", "wechat", "rocketchat"].includes(kind);
    equal(sendResolved, !isQuiet, kind);
  }
});

test("every template that a default names comes with Pharos", () => {
  const templates = NotificationTemplates.parse();
  for (const kind of INTEGRATION_KINDS) {
    const text = JSON.stringify(integration(kind, LEAST[kind]));
    for (const [, name = ""] of text.matchAll(/\{\{ ?template \\"([^"\\]+)\\"/g))
      ok(templates.has(name), `${kind}: ${name}`);
  }
});

test("no secret of a receiver is in what is shown, logged or written as JSON", () => {
  for (const kind of INTEGRATION_KINDS) {
    const text = `route: {receiver: a}\nreceivers: [{name: a, ${kind}_configs: [${LEAST[kind]}]}]\n`;
    const loaded = load(text);
    ok(!loaded.text.includes("hunter2"), loaded.text);
    ok(!inspect(loaded.config, { depth: 20 }).includes("hunter2"), kind);
    ok(!JSON.stringify(loaded.config).includes("hunter2"), kind);
  }
});

test("a file that is shown can be loaded again", () => {
  for (const kind of INTEGRATION_KINDS) {
    const text = `route: {receiver: a}\nreceivers: [{name: a, ${kind}_configs: [${LEAST[kind]}]}]\n`;
    equal(load(load(text).text).text, load(text).text, kind);
  }
});

const TREE = `
route:
  receiver: default
  group_by: [alertname, cluster]
  group_wait: 10s
  labels: {team: "{{ .CommonLabels.team }}"}
  routes:
    - receiver: db
      match: {service: mysql}
      match_re: {env: prod|stage}
      matchers: ['severity!="info"', '{zone=~"eu.*", zone!=eu9}']
      repeat_interval: 1d
      continue: true
      mute_time_intervals: [holidays]
      routes:
        - {group_by: ['...'], active_time_intervals: [office]}
    - {receiver: db, matchers: []}
mute_time_intervals:
  - name: holidays
    time_intervals: [{months: [december], days_of_month: ['24:26']}]
time_intervals:
  - name: office
    time_intervals:
      - weekdays: ['monday:friday']
        times: [{start_time: '09:00', end_time: '17:00'}]
        location: Europe/Berlin
receivers: [{name: default}, {name: db, labels: {team: dba}}]
`;

test("routes have what they do not say from their parent, and keys as Alertmanager forms them", () => {
  const { route } = load(TREE).config;
  const [db, last] = route.routes;
  const child = db?.routes[0];
  deepEqual(
    [route.groupBy, route.groupWaitMs, route.groupIntervalMs, route.repeatIntervalMs],
    [["alertname", "cluster"], 10_000, 300_000, 14_400_000],
  );
  deepEqual(
    [child?.receiver, child?.groupBy, child?.groupWaitMs, child?.repeatIntervalMs],
    ["db", "all", 10_000, 86_400_000],
  );
  equal(
    db?.key,
    '{}/{env=~"^(?:prod|stage)$",service="mysql",severity!="info",zone=~"eu.*",zone!="eu9"}',
  );
  equal(last?.id, "{}/{}/1");
  deepEqual([db?.continues, last?.continues], [true, false]);
  deepEqual([db?.muteTimeIntervals, child?.activeTimeIntervals], [["holidays"], ["office"]]);
  deepEqual(child?.labels, [["team", "{{ .CommonLabels.team }}"]]);
});

test("time intervals of the old and the new section have their names", () => {
  const { timeIntervals, receivers } = load(TREE).config;
  deepEqual(
    [...timeIntervals],
    [
      ["holidays", [{ months: [{ begin: 12, end: 12 }], daysOfMonth: [{ begin: 24, end: 26 }] }]],
      [
        "office",
        [
          {
            weekdays: [{ begin: 1, end: 5 }],
            times: [{ startMinute: 540, endMinute: 1020 }],
            location: "Europe/Berlin",
          },
        ],
      ],
    ],
  );
  deepEqual(receivers[1]?.labels, [["team", "dba"]]);
});

test("inhibition is written in the old way, with matchers, or with several sources", () => {
  const { inhibitRules } = load(`
route: {receiver: a}
receivers: [{name: a}]
inhibit_rules:
  - source_match: {severity: critical}
    target_match_re: {severity: warning|info}
    equal: [cluster]
  - name: n
    sources: [{matchers: [a=b], equal: [x]}, {matchers: [c=d]}]
    target_matchers: ['e!~f']
`).config;
  const said = inhibitRules.map(({ name, sources, targetMatchers }) => [
    name,
    ...sources.map(({ matchers, equal: labels }) => [
      ...matchers.map((one) => `${one.name}${one.type}${one.value}`),
      ...labels,
    ]),
    targetMatchers.map((one) => `${one.name}${one.type}${one.value}`),
  ]);
  deepEqual(said, [
    ["", ["severity=critical", "cluster"], ["severity=~^(?:warning|info)$"]],
    ["n", ["a=b", "x"], ["c=d"], ["e!~f"]],
  ]);
});

test("a receiver's integrations come in the order in which Alertmanager tells them", () => {
  const { config } = load(`
route: {receiver: a}
receivers:
  - name: a
    slack_configs: [${LEAST.slack}]
    webhook_configs: [${LEAST.webhook}, ${LEAST.webhook}]
    email_configs: [${LEAST.email}]
`);
  deepEqual(
    config.receivers[0]?.integrations.map(({ kind, index }) => `${kind}[${index}]`),
    ["webhook[0]", "webhook[1]", "email[0]", "slack[0]"],
  );
});

test("integrations have from the globals what they do not say themselves", () => {
  const global = `{
    smtp_from: am@example.com, smtp_smarthost: 'mail:587', smtp_hello: me, smtp_auth_username: u,
    smtp_auth_password_file: pw, smtp_auth_identity: i, smtp_require_tls: false,
    smtp_tls_config: {server_name: mail.example.com}, smtp_force_implicit_tls: true,
    opsgenie_api_url: 'https://eu.example.com', opsgenie_api_key: k,
    http_config: {basic_auth: {username: all, password: p}}}`;
  const files = { "/etc/am/pw": "secret\n" };
  const email = integration("email", "{to: a@example.com}", { global, files });
  deepEqual(
    [email.from, email.smarthost, email.hello, email.requireTls, email.forceImplicitTls],
    ["am@example.com", { host: "mail", port: "587" }, "me", false, true],
  );
  deepEqual([email.auth?.username, email.auth?.identity], ["u", "i"]);
  equal(email.auth?.password?.reveal(), "secret");
  equal(email.tls?.serverName, "mail.example.com");
  const own = integration("email", "{to: a, from: me, require_tls: true, auth_password: q}", {
    global,
    files,
  });
  deepEqual([own.from, own.requireTls, own.auth?.password?.reveal()], ["me", true, "q"]);
  const opsgenie = integration("opsgenie", "{}", { global, files });
  equal(opsgenie.apiUrl, "https://eu.example.com/");
  equal(opsgenie.apiKey.reveal(), "k");
  equal(opsgenie.http.basicAuth?.username, "all");
  // One's own settings stand in place of the global ones, not beside them.
  const other = integration("opsgenie", "{http_config: {follow_redirects: false}}", {
    global,
    files,
  });
  equal(other.http.basicAuth, undefined);
  equal(other.http.followRedirects, false);
});

test("mail has its three headers whatever the file says, and names in one way of writing", () => {
  const { headers } = integration(
    "email",
    "{to: a@x, from: b@x, smarthost: 'mail:25', headers: {subject: S, REPLY-TO: r@x}}",
  );
  deepEqual(headers, [
    ["Subject", "S"],
    ["Reply-To", "r@x"],
    ["To", "a@x"],
    ["From", "b@x"],
  ]);
  const { headers: usual } = integration("email", LEAST.email);
  deepEqual(usual[0], ["Subject", '{{ template "email.default.subject" . }}']);
});

test("Slack is told by a webhook, or as an app with a token", () => {
  const webhook = integration("slack", LEAST.slack);
  deepEqual([webhook.appToken, webhook.messageStrategy], [undefined, "new"]);
  const app = integration("slack", "{channel: '#ops', update_message: true}", {
    global: "{slack_app_token: xoxb-1}",
  });
  equal(app.apiUrl.reveal(), "https://slack.com/api/chat.postMessage");
  equal(app.http.authorization?.credentials.reveal(), "xoxb-1");
  equal(app.messageStrategy, "update");
  // Who has an address of his own does not get the global token.
  const both = integration("slack", LEAST.slack, { global: "{slack_app_token: xoxb-1}" });
  equal(both.appToken, undefined);
  equal(both.http.authorization, undefined);
});

test("what may be written in two ways is the same in both", () => {
  const jira = (keys: string) =>
    integration("jira", `{api_url: 'https://j', project: P, issue_type: Bug, ${keys}}`);
  const plain = jira("summary: S, labels: [a]");
  const long = jira("summary: {template: S}, labels: {values: [a]}");
  deepEqual(plain.summary, { template: "S", enableUpdate: true });
  deepEqual(plain, long);
  const changed = jira(
    "labels: {values: [a], update_mode: merge}, description: {enable_update: no}",
  );
  equal(changed.labels.updateMode, "merge");
  equal(changed.description.template, '{{ template "jira.default.description" . }}');
  equal(changed.description.enableUpdate, false);
  equal(jira("summary: 12").summary.template, "12");
});

test("PagerDuty's usual details are there unless the file says otherwise", () => {
  const { details, source } = integration(
    "pagerduty",
    "{routing_key: k, client: c, details: {num_firing: x, more: {a: [1, '{{ .Status }}']}}}",
  );
  equal(source, "c");
  deepEqual(details, [
    ["firing", "{{ .Alerts.Firing | toJson }}"],
    ["resolved", "{{ .Alerts.Resolved | toJson }}"],
    ["num_firing", "x"],
    ["num_resolved", "{{ .Alerts.Resolved | len }}"],
    ["more", { a: [1, "{{ .Status }}"] }],
  ]);
});

test("a webhook's payload is any JSON, and its address may be a template or in a file", () => {
  const { payload, url, timeoutMs, alertsMax } = integration(
    "webhook",
    "{url: 'https://{{ .GroupLabels.host }}/x', payload: {a: null, b: [1.5, true]}, timeout: 1m30s, max_alerts: 3}",
  );
  equal(url.reveal(), "https://{{ .GroupLabels.host }}/x");
  deepEqual([payload, timeoutMs, alertsMax], [{ a: null, b: [1.5, true] }, 90_000, 3]);
  const files = { "/etc/am/hook": "https://example.com/hook\n" };
  equal(
    integration("webhook", "{url_file: hook}", { files }).url.reveal(),
    "https://example.com/hook",
  );
});

test("durations are written as Go or as Prometheus does", () => {
  const { retryMs, expireMs, ttlMs } = integration(
    "pushover",
    "{user_key: u, token: t, retry: 1.5m, expire: 1h30m, ttl: 2d}",
  );
  deepEqual([retryMs, expireMs, ttlMs], [90_000, 5_400_000, 172_800_000]);
});

test("requests may get a token by OAuth 2, and go through a proxy", () => {
  const files = { "/etc/am/secret": "hunter2\n" };
  const { http } = integration(
    "webhook",
    `{url: 'http://x', http_config: {
      oauth2: {client_id: me, client_secret_file: secret, token_url: 'https://id/token', scopes: [a], endpoint_params: {b: c}, tls_config: {server_name: n}},
      proxy_url: 'http://joe:hunter3@proxy:3128', no_proxy: '.local'}}`,
    { files },
  );
  equal(http.oauth2?.clientSecret.reveal(), "hunter2");
  deepEqual(
    [
      http.oauth2?.clientId,
      http.oauth2?.tokenUrl,
      http.oauth2?.scopes,
      http.oauth2?.endpointParams,
    ],
    ["me", "https://id/token", ["a"], [["b", "c"]]],
  );
  equal(http.oauth2?.tls?.serverName, "n");
  equal(http.proxy?.url?.reveal(), "http://joe:hunter3@proxy:3128");
  equal(http.proxy?.noProxy, ".local");
  equal(http.oauth2?.proxy, undefined, "it has one of its own");
});

test("a proxy may be the environment's, and be told headers; versions of TLS have bounds", () => {
  const { http } = integration(
    "webhook",
    `{url: 'http://x', http_config: {
      oauth2: {client_id: me, client_secret: s, token_url: 'https://id/token', proxy_url: 'http://tokens:1'},
      tls_config: {min_version: TLS12, max_version: TLS13},
      proxy_from_environment: true, proxy_connect_header: {X-Team: [a, b], X-Token: [hunter4]}}}`,
  );
  equal(http.proxy?.url, undefined);
  deepEqual(
    http.proxy?.connectHeaders?.map(([name, values]) => [
      name,
      values.map((each) => each.reveal()),
    ]),
    [
      ["X-Team", ["a", "b"]],
      ["X-Token", ["hunter4"]],
    ],
  );
  equal(http.oauth2?.proxy?.url?.reveal(), "http://tokens:1");
  deepEqual([http.tls?.minVersion, http.tls?.maxVersion], ["TLSv1.2", "TLSv1.3"]);
});

test("files of templates are found by pattern, each read once", () => {
  const define = '{{ define "x" }}{{ .Status }}{{ end }}';
  const files = { "/etc/am/t/a.tmpl": define, "/etc/am/t/b.tmpl": define };
  const text = "route: {receiver: a}\nreceivers: [{name: a}]\n";
  deepEqual(
    load(`templates: ['t/*.tmpl', t/a.tmpl, 'none/*']\n${text}`, files).config.templates.map(
      ({ name }) => name,
    ),
    ["/etc/am/t/a.tmpl", "/etc/am/t/b.tmpl"],
  );
});

test("what is not needed here is said to be so, at its place", () => {
  const { unsupported } = load(
    "route: {receiver: a}\nreceivers: [{name: a}]\nevent_recorder: {outputs: [{stdout: {}}]}\n",
  );
  deepEqual(
    unsupported.map(({ line, path, means }) => [line, path, means]),
    [[3, "event_recorder", "nothing is written there; the history of alerts is kept anyway"]],
  );
});

test("matchers that the two languages read differently are taken, with a warning", () => {
  const { config, warnings } = load(
    "route: {receiver: a, routes: [{matchers: ['team=a\\b']}]}\nreceivers: [{name: a}]\n",
  );
  equal(config.route.routes[0]?.matchers[0]?.value, "a\\b");
  equal(warnings.length, 1);
  equal(warnings[0]?.slice(0, 60), "/etc/am/alertmanager.yml:1:43: route.routes[0].matchers[0]: ");
});
