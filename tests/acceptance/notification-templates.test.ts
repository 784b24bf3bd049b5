// Alertmanager's own templates and ours, expanded over the same data by the real `amtool` and by us.

import { equal, ok } from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtempDisposable, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { test } from "node:test";
import {
  type GroupAlert,
  type Notification,
  NotificationTemplates,
  notificationData,
  webhookPayload,
} from "@pharos/alert";
import { labelsFrom } from "@pharos/base";
import { findProgram, run, skipWithout } from "../harness/child.ts";

const amtool = findProgram("amtool") ?? "amtool";
const THEIR_DEFAULTS = resolve(dirname(amtool), "../share/prometheus/alertmanager/default.tmpl");

const skip =
  skipWithout("amtool") ||
  (existsSync(THEIR_DEFAULTS) ? false : "Alertmanager's default templates are not on this machine");

const EXTERNAL_URL = "http://alerts.example.org";

/** What differs on purpose: our name, and where our alerts are shown. */
const SAME_NAMES = `{{ define "__alertmanager" }}Alertmanager{{ end }}
{{ define "__alertmanagerURL" }}{{ .ExternalURL }}/#/alerts?receiver={{ .Receiver | urlquery }}{{ end }}`;

const DEFAULT_NAMES = [
  "__subject",
  "__description",
  "slack.default.title",
  "slack.default.username",
  "slack.default.fallback",
  "slack.default.text",
  "slack.default.titlelink",
  "pagerduty.default.description",
  "pagerduty.default.client",
  "pagerduty.default.clientURL",
  "opsgenie.default.message",
  "opsgenie.default.description",
  "opsgenie.default.source",
  "wechat.default.message",
  "victorops.default.state_message",
  "victorops.default.entity_display_name",
  "victorops.default.monitoring_tool",
  "pushover.default.title",
  "pushover.default.message",
  "pushover.default.url",
  "sns.default.subject",
  "sns.default.message",
  "telegram.default.message",
  "discord.default.title",
  "discord.default.message",
  "webex.default.message",
];

/** What people write into their own templates. */
const TEXTS = [
  "{{ .Status }} {{ .Receiver }} {{ .ExternalURL }} {{ len .Alerts }} {{ .Alerts.Firing | len }}",
  "{{ range .Alerts }}{{ .Labels.instance }}={{ .Annotations.summary }};{{ end }}",
  "{{ range $i, $a := .Alerts }}{{ if $i }}, {{ end }}{{ $a.Labels.alertname }}{{ end }}",
  "{{ range .Alerts.Resolved }}{{ .EndsAt }}{{ else }}nothing resolved{{ end }}",
  "{{ range .Alerts }}{{ .StartsAt }} {{ .StartsAt.Unix }} {{ .StartsAt.Weekday }}\n{{ end }}",
  '{{ range .Alerts }}{{ .StartsAt.Format "Mon, 02 Jan 2006 15:04:05.000 MST" }}\n{{ end }}',
  '{{ range .Alerts }}{{ .StartsAt.Format "1/_2/06 3:04pm .999 Z07:00 002" }}{{ .StartsAt.Month }}\n{{ end }}',
  "{{ range .Alerts.Resolved }}{{ .EndsAt.Sub .StartsAt }} {{ .EndsAt.Before .StartsAt }}\n{{ end }}",
  "{{ range .Alerts }}{{ .Fingerprint }} {{ .EndsAt.IsZero }} {{ .EndsAt.Year }}\n{{ end }}",
  "{{ .GroupLabels.Names }} {{ .CommonLabels.Values }}",
  '{{ (.CommonLabels.Remove (stringSlice "alertname" "env")).Names }}{{ template "pagerduty.default.instances" .Alerts.Firing }}',
  "{{ (.CommonLabels.Remove .GroupLabels.Names).SortedPairs.Names | join `/` }}",
  '{{ .CommonLabels.alertname | toUpper | printf "%-12s|" }} {{ index .CommonLabels "job" | title }}',
  '{{ title "hELLO wORLD of-things" }} {{ "x y" | urlquery }} {{ "<b>" | html }} {{ js "it\'s" }}',
  '{{ if match "^A.*" .CommonLabels.alertname }}yes{{ else }}no{{ end }}{{ reReplaceAll "([a-z]+)" "<$1>" "ab1c" }}',
  "{{ with .CommonAnnotations.summary }}{{ . }}{{ else }}none{{ end }}{{ .CommonLabels.missing }}|",
  '{{ define "own" }}[{{ .Labels.instance }}]{{ end }}{{ range .Alerts }}{{ template "own" . }}{{ end }}',
  '{{ block "list" .Alerts.Firing }}{{ range . }}{{ .Labels.job }} {{ end }}{{ end }}',
  "{{- /* a comment */ -}}  a {{- 1 }} {{ 2 -}} b {{ (len .Alerts) | eq 2 }}",
  '{{ $x := "a" }}{{ range .Alerts }}{{ $x = .Labels.instance }}{{ end }}{{ $x }} {{ $.Status }}',
  '{{ and .Alerts 1 }} {{ or "" "x" }} {{ not true }} {{ slice "abcdef" 1 3 }} {{ print 1 2 "a" 3 }}',
  "{{ range .Alerts.Firing }}{{ .Labels.SortedPairs.Values }}{{ break }}{{ end }}",
];

/** As HTML. Where a value stands decides how it is escaped. */
const HTML_TEXTS = [
  "<p>{{ .CommonAnnotations.summary }}</p>{{ .CommonLabels.Values }}",
  '<a href="{{ (index .Alerts 0).GeneratorURL }}" title="{{ .CommonAnnotations.summary }}">x</a>',
  '<a href="https://x.example/?q={{ .CommonAnnotations.summary }}&r={{ .Status }}">x</a>',
  "<a title='{{ .CommonAnnotations.summary }}'>{{ .CommonAnnotations.summary | safeHtml }}</a>",
  '<title>{{ .CommonAnnotations.summary }}</title><img src="cid:{{ .Status }}">',
  '<td style="color:{{ .Status }};width:{{ len .Alerts }}px">{{ "a" | html }}</td><!-- gone -->',
  '<a href="{{ template "__alertmanagerURL" . }}">{{ template "__subject" . }}</a>',
];

const ODD = `<b>"it's"</b> & 50% + x=1`;

/** Twenty notifications: each a list of alerts and the names of the labels that they are grouped by. */
const DATA: readonly (readonly [groupBy: readonly string[], alerts: readonly GroupAlert[]])[] = [
  [["alertname"], [alert({ alertname: "Up" })]],
  [["alertname"], [alert({ alertname: "Up" }, {}, 60)]],
  [["alertname"], [alert({ alertname: "Up", job: "api" }, { summary: "one" })]],
  [["alertname", "job"], [alert({ alertname: "Up", job: "api" }, { summary: "one" })]],
  [
    ["alertname"],
    [alert({ alertname: "Up", instance: "a" }), alert({ alertname: "Up", instance: "b" })],
  ],
  [
    ["alertname"],
    [alert({ alertname: "Up", instance: "a" }), alert({ alertname: "Up", instance: "b" }, {}, 5)],
  ],
  [
    ["alertname"],
    [
      alert({ alertname: "Up", instance: "a" }, {}, 1),
      alert({ alertname: "Up", instance: "b" }, {}, 5),
    ],
  ],
  [[], [alert({ alertname: "A", env: "prod" }), alert({ alertname: "B", env: "prod" })]],
  [[], [alert({ alertname: "A", job: "x" }), alert({ alertname: "B", job: "y" })]],
  [["job"], [alert({ job: "no-name", instance: "a" })]],
  [
    ["alertname"],
    [alert({ alertname: "Odd", q: ODD }, { summary: ODD, description: "two\nlines" })],
  ],
  [["alertname"], [alert({ alertname: "Grüße", emoji: "🔥", zone: "ж" }, { summary: "日本" })]],
  [["alertname"], [alert({ alertname: "Up", B: "1", a: "2", _c: "3", Z: "4" })]],
  [["alertname"], [alert({ alertname: "Up", empty_like: " " }, { summary: "" })]],
  [["alertname", "env", "job"], [alert({ alertname: "A", env: "e", job: "j", pod: "p" })]],
  [["alertname"], [alert({ alertname: "A" }, { summary: "s" }, 86_400 * 3 + 61)]],
  [
    ["alertname"],
    [
      alert({ alertname: "A" }, { summary: "same" }),
      alert({ alertname: "A", x: "1" }, { summary: "same" }),
    ],
  ],
  [
    ["alertname"],
    [
      alert({ alertname: "A" }, { summary: "one" }),
      alert({ alertname: "A", x: "1" }, { summary: "two" }),
    ],
  ],
  [
    ["alertname"],
    Array.from({ length: 30 }, (_, i) =>
      alert({ alertname: "Many", instance: `host-${i}` }, {}, i % 3),
    ),
  ],
  [
    ["nothing"],
    [alert({ alertname: "A", severity: "critical" }, { runbook: "https://x.example/a?b=c&d=e" })],
  ],
];

/** Resolved where it lasted some seconds. */
function alert(
  labels: Readonly<Record<string, string>>,
  annotations: Readonly<Record<string, string>> = {},
  lastedSeconds = 0,
): GroupAlert {
  const startsAtMs = Date.UTC(2024, 4, 3, 14, 5, 6, 70);
  return {
    labels: labelsFrom(labels),
    annotations: Object.entries(annotations),
    startsAtMs,
    endsAtMs: lastedSeconds === 0 ? null : startsAtMs + lastedSeconds * 1000,
    generatorUrl: 'http://prometheus.example.org/graph?g0.expr=up{a="b"}&g0.tab=1',
  };
}

function notificationOf(groupBy: readonly string[], alerts: readonly GroupAlert[]): Notification {
  const labels = alerts[0]?.labels ?? [];
  return {
    receiver: "team",
    groupKey: "{}:{}",
    groupLabels: labels.filter(([name]) => groupBy.includes(name)),
    routeLabels: [],
    reason: "first notification",
    alerts,
  };
}

const SEPARATOR = "\u2063========\u2063";

for (const [kind, texts] of [
  ["text", [...DEFAULT_NAMES.map((name) => `{{ template "${name}" . }}`), ...TEXTS]],
  ["html", HTML_TEXTS],
] as const)
  test(`templates give the same ${kind} as Alertmanager's`, { skip }, async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), "pharos-templates-"));
    const templates = NotificationTemplates.parse([{ name: "same.tmpl", text: SAME_NAMES }]);
    const together = texts.join(SEPARATOR);
    let compared = 0;
    await Promise.all(
      DATA.map(async ([groupBy, alerts], i) => {
        const notification = notificationOf(groupBy, alerts);
        const payload = webhookPayload(notification, { alertsMax: 0, externalUrl: EXTERNAL_URL });
        const file = join(folder.path, `${i}.json`);
        await writeFile(file, JSON.stringify(payload));
        const { stdout, stderr, code } = await run(amtool, [
          ...["template", "render", `--template.glob=${THEIR_DEFAULTS}`],
          ...[`--template.type=${kind}`, `--template.data=${file}`, `--template.text=${together}`],
        ]);
        equal(code, 0, stderr);
        const data = notificationData(notification, { externalUrl: EXTERNAL_URL, nowMs: 0 });
        const theirs = stdout.replace(/\n$/, "").split(SEPARATOR);
        equal(theirs.length, texts.length);
        for (const [at, text] of texts.entries()) {
          const ours =
            kind === "html" ? templates.expandHtml(text, data) : templates.expand(text, data);
          equal(ours, theirs[at], `data ${i}: ${text}`);
          compared++;
        }
      }),
    );
    ok(compared >= 100, "something was compared");
  });
