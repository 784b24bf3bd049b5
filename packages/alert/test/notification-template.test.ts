import { equal, ok, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import { labelsFrom, OperatingError } from "@pharos/base";
import fc from "fast-check";
import type { GroupAlert } from "../src/alert-group.ts";
import type { Notification } from "../src/notification.ts";
import { notificationData } from "../src/template/notification-data.ts";
import { NotificationTemplates, type TemplateFile } from "../src/template/notification-template.ts";

const STARTS_AT_MS = Date.UTC(2024, 6, 1, 21, 4, 5, 60);
const ENVIRONMENT = {
  externalUrl: "https://pharos.example.org",
  nowMs: STARTS_AT_MS + 90_000,
  timeZone: "Asia/Kolkata",
};

function alertOf(instance: string, changes: Partial<GroupAlert> = {}): GroupAlert {
  return {
    labels: labelsFrom({ alertname: "HighCpu", job: "api", env: "prod", instance }),
    annotations: [["summary", `${instance} is <hot> & "busy"`]],
    startsAtMs: STARTS_AT_MS,
    endsAtMs: null,
    generatorUrl: "https://pharos.example.org/graph?g0.expr=cpu",
    ...changes,
  };
}

const NOTIFICATION: Notification = {
  receiver: "team-x",
  groupKey: '{}:{alertname="HighCpu"}',
  groupLabels: labelsFrom({ alertname: "HighCpu" }),
  routeLabels: labelsFrom({ team: "web" }),
  reason: "new alerts added",
  alerts: [alertOf("a"), alertOf("b", { endsAtMs: STARTS_AT_MS + 60_000 })],
};

const KNOWN: Notification = {
  ...NOTIFICATION,
  context: {
    incident: {
      id: "i-1",
      url: "https://pharos.example.org/incidents/i-1",
      acknowledgeUrl: "https://pharos.example.org/a?t=1",
      status: "firing",
    },
    population: { affected: 50, total: 100, label: "hosts" },
    silenceUrl: "https://pharos.example.org/silences/new",
    escalation: { policy: "critical", step: 2, reason: "not acknowledged within 10m" },
    chart: { title: "cpu", url: "https://pharos.example.org/graph", series: [] },
  },
};

function expand(text: string, notification = NOTIFICATION, files: readonly TemplateFile[] = []) {
  return NotificationTemplates.parse(files).expand(
    text,
    notificationData(notification, ENVIRONMENT),
  );
}

function expandHtml(text: string): string {
  return NotificationTemplates.parse().expandHtml(text, notificationData(KNOWN, ENVIRONMENT));
}

function check(title: string, rows: readonly (readonly [template: string, expected: string])[]) {
  describe(title, () => {
    for (const [template, expected] of rows)
      test(`${template} gives ${JSON.stringify(expected)}`, () => {
        equal(expand(template), expected);
      });
  });
}

check("a notification has Alertmanager's fields", [
  ["{{ .Receiver }} {{ .Status }} {{ .GroupKey }}", 'team-x firing {}:{alertname="HighCpu"}'],
  ["{{ .NotificationReason }} {{ .TruncatedAlerts }}", "new alerts added 0"],
  ["{{ .RouteLabels.team }} {{ routeLabels `team` }} {{ routeLabels `none` }}|", "web web |"],
  ["{{ .CommonLabels }}", "alertname=HighCpu, env=prod, job=api"],
  ["{{ .CommonLabels.SortedPairs }}", "alertname=HighCpu, env=prod, job=api"],
  ["{{ len .CommonAnnotations }} {{ len .Alerts }} {{ len .Alerts.Resolved }}", "0 2 1"],
  ["{{ (index .Alerts 1).EndsAt }}", "2024-07-01 21:05:05.06 +0000 UTC"],
  ["{{ (index .Alerts 0).EndsAt.IsZero }}", "true"],
]);

check("a notification says what Pharos knows of it, and nothing where that is not known", [
  ["{{ with .Incident }}{{ .URL }}{{ else }}no incident{{ end }}", "no incident"],
  ["{{ if .Population }}many{{ else }}unknown{{ end }}", "unknown"],
]);

check("functions are Alertmanager's", [
  ['{{ "a b" | title }} {{ "  x " | trimSpace }}|{{ toUpper "straße" }}', "A B x|STRAßE"],
  [
    "{{ join `, ` (stringSlice `a` `b`) }} {{ list 1 `b` }} {{ append (list 1) 2 3 }}",
    "a, b [1 b] [1 2 3]",
  ],
  ["{{ (dict `a` 1 `b` (dict `c` 2)).b.c }} {{ dict `k` `v` }}", "2 map[k:v]"],
  [
    "{{ toJson (dict `b` 1 `a` (list true nil 1.5 `<&>`)) }}",
    '{"a":[true,null,1.5,"\\u003c\\u0026\\u003e"],"b":1}',
  ],
  [
    "{{ toJson .GroupLabels }} {{ (index .Alerts 0).Labels | toJson }}",
    '{"alertname":"HighCpu"} {"alertname":"HighCpu","env":"prod","instance":"a","job":"api"}',
  ],
  ["{{ base64encode `grün` }} {{ base64decode `Z3LDvG4=` }}", "Z3LDvG4= grün"],
  ["{{ urlUnescape `a%20b+c` }} {{ `a b&c` | urlquery }}", "a b c a+b%26c"],
  [
    "{{ since (index .Alerts 0).StartsAt }} {{ humanizeDuration (since (index .Alerts 0).StartsAt) }}",
    "1m30s 1m 30s",
  ],
  ["{{ humanizeDuration `3661` }} {{ humanizeDuration 0.5 }}", "1h 1m 1s 500ms"],
  [
    "{{ now.Sub (index .Alerts 0).StartsAt }} {{ now.After (index .Alerts 0).StartsAt }}",
    "1m30s true",
  ],
  ["{{ toDate `2006-01-02` `2024-02-29` | date `02.01.2006` }}", "29.02.2024"],
  ["{{ (toDate `2006-01-02` `2023-02-29`).IsZero }}", "true"],
  [
    "{{ (mustToDate `2006-01-02T15:04:05Z07:00` `2024-01-02T03:04:05+02:00`).UTC }}",
    "2024-01-02 01:04:05 +0000 UTC",
  ],
  [
    "{{ match `^H.*u$` .CommonLabels.alertname }} {{ reReplaceAll `(\\w)p` `$1-` `up` }}",
    "true u-",
  ],
]);

check("times are shown in the zone that is asked for", [
  [
    "{{ (index .Alerts 0).StartsAt | tz `Europe/Paris` | date `15:04 MST -0700` }}",
    "23:04 CEST +0200",
  ],
  ["{{ (index .Alerts 0).StartsAt | tz `America/New_York` }}", "2024-07-01 17:04:05.06 -0400 EDT"],
  ["{{ ((index .Alerts 0).StartsAt | tz `Asia/Tokyo`).Day }}", "2"],
  [
    "{{ (index .Alerts 0).StartsAt.UTC.Format `2006-01-02T15:04:05.000Z07:00` }}",
    "2024-07-01T21:04:05.060Z",
  ],
  ["{{ now.Local.Format `Mon Jan _2 15:04 -07:00` }}", "Tue Jul  2 02:35 +05:30"],
  [
    "{{ (index .Alerts 0).StartsAt.Format `Monday, January 2, 2006 at 3:04 PM, day 002` }}",
    "Monday, July 1, 2024 at 9:04 PM, day 183",
  ],
]);

test("the subject is Alertmanager's, with how many of all are affected", () => {
  equal(expand('{{ template "__subject" . }}'), "[FIRING:1] HighCpu (prod api)");
  equal(
    expand('{{ template "__subject" . }}', KNOWN),
    "[FIRING:1] HighCpu (prod api) on 50/100 hosts",
  );
  equal(
    expand('{{ template "__subject" . }}', {
      ...NOTIFICATION,
      groupLabels: NOTIFICATION.alerts[0]?.labels ?? [],
      alerts: NOTIFICATION.alerts.slice(1),
    }),
    "[RESOLVED] HighCpu prod a api ",
  );
});

test("every default text with a link says where to acknowledge", () => {
  const names = [
    ...["slack.default.text", "opsgenie.default.description", "victorops.default.state_message"],
    ...["wechat.default.message", "pushover.default.message", "sns.default.message"],
    ...["telegram.default.message", "discord.default.message", "webex.default.message"],
    ...["msteams.default.text", "msteamsv2.default.text", "jira.default.description"],
    ...["rocketchat.default.text", "mattermost.default.text", "email.default.text"],
  ];
  for (const name of names) {
    const text = expand(`{{ template "${name}" . }}`, KNOWN);
    ok(text.includes("https://pharos.example.org/a?t=1"), `${name}: ${text}`);
    ok(!expand(`{{ template "${name}" . }}`).includes("Acknowledge"), name);
  }
});

test("a file's definition replaces the default one, and a later file's replaces an earlier one's", () => {
  const files = [
    { name: "a.tmpl", text: '{{ define "__subject" }}first{{ end }}{{ define "x" }}x1{{ end }}' },
    { name: "b.tmpl", text: '{{ define "x" }}x2{{ end }}{{ define "__subject" }} {{ end }}' },
  ];
  equal(
    expand('{{ template "slack.default.title" . }} {{ template "x" }}', NOTIFICATION, files),
    "first x2",
  );
});

test("a definition in the text of a field is the field's own", () => {
  const templates = NotificationTemplates.parse();
  const data = notificationData(NOTIFICATION, ENVIRONMENT);
  equal(templates.expand('{{ define "own" }}1{{ end }}{{ template "own" }}', data), "1");
  throws(() => templates.expand('{{ template "own" }}', data), /template "own" not defined/);
});

describe("mistakes are told with file, line and column", () => {
  const rows: readonly (readonly [text: string, message: string])[] = [
    ['{{ define "x" }}\n{{ .A | upper }}{{ end }}', 's.tmpl:2:9: function "upper" not defined'],
    ['{{ define "x" }}', "s.tmpl:1:1: {{define}} without {{end}}"],
    ["a\n{{ if }}{{ end }}", "s.tmpl:2:7: missing value for if"],
    ["{{ host }}", 's.tmpl:1:4: function "host" not defined'],
  ];
  for (const [text, message] of rows)
    test(`${JSON.stringify(text)}: ${message}`, () => {
      throws(() => NotificationTemplates.parse([{ name: "s.tmpl", text }]), {
        name: "OperatingError",
        message,
      });
    });

  test("also where the mistake shows when the text is expanded", () => {
    const files = [{ name: "s.tmpl", text: '{{ define "x" }}\n  {{ .Nope }}{{ end }}' }];
    throws(() => expand('{{ template "x" . }}', NOTIFICATION, files), {
      code: "input.invalid",
      message: "s.tmpl:2:6: at <.Nope>: can't evaluate field Nope in type struct",
    });
    throws(() => expand("{{ (index .Alerts 0).StartsAt.Format 1 }}"), {
      message: /error calling Format: wrong type for value; expected string; got int/,
    });
    throws(() => expand('{{ now | tz "Mars/Olympus" }}'), { message: /unknown time zone Mars/ });
  });
});

describe("HTML", () => {
  const rows: readonly (readonly [template: string, expected: string])[] = [
    ["<b>{{ `<i>'+` }}</b>", "<b>&lt;i&gt;&#39;&#43;</b>"],
    ["<b>{{ `<i>x</i>` | safeHtml }}</b>", "<b><i>x</i></b>"],
    ['<a title="{{ `a"b` }}">', '<a title="a&#34;b">'],
    ["<a title={{ `a b` }}>", "<a title=a&#32;b>"],
    ['<a href="{{ `javascript:alert(1)` }}">', '<a href="#ZgotmplZ">'],
    ['<a href="{{ ` javascript:alert(1)` }}">', '<a href="#ZgotmplZ">'],
    ['<a href="{{ `javascript:x` | safeUrl }}">', '<a href="javascript:x">'],
    ['<a href="{{ `https://x/?a=b c&d=é` }}">', '<a href="https://x/?a=b%20c&amp;d=%c3%a9">'],
    ['<a href="/x?q={{ `a&b=c` }}">', '<a href="/x?q=a%26b%3dc">'],
    ['<a onclick="f({{ `"` }})">', '<a onclick="f(&#34;\\&#34;&#34;)">'],
    [
      "<script>var a = {{ `</script>` }};</script>",
      '<script>var a = "\\u003c/script\\u003e";</script>',
    ],
    ['<p style="color:{{ `red;x:expression(1)` }}">', '<p style="color:ZgotmplZ">'],
    ["<{{ `script` }}><!-- {{ `gone` }} -->x", "<script>x"],
    ["<title>{{ `</title><b>` | safeHtml }}</title>", "<title>&lt;/title&gt;&lt;b&gt;</title>"],
  ];
  for (const [template, expected] of rows)
    test(`${template} gives ${expected}`, () => {
      equal(expandHtml(template), expected);
    });

  test("the default mail shows the alerts, the chart and the links, with nothing unescaped", () => {
    const html = expandHtml('{{ template "email.default.html" . }}');
    for (const part of [
      "a is &lt;hot&gt; &amp; &#34;busy&#34;",
      "50/100 hosts affected",
      'href="https://pharos.example.org/a?t=1"',
      'src="cid:chart@pharos"',
      "[1] Firing",
      "[1] Resolved",
      "Escalated: critical, step 2 (not acknowledged within 10m)",
    ])
      ok(html.includes(part), part);
    ok(!html.includes("ZgotmplZ"));
  });

  test("no value gets out of the text or the attribute that it stands in", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...`<>"'&=/ ab\`\0-!`, "script", "é"), { maxLength: 12 }),
        (parts) => {
          const value = parts.join("");
          const data = notificationData({ ...NOTIFICATION, groupKey: value }, ENVIRONMENT);
          const templates = NotificationTemplates.parse();
          const text = templates.expandHtml("{{ .GroupKey }}", data);
          ok(!/[<>"']/.test(text), text);
          for (const quote of ['"', "'"]) {
            const attribute = templates.expandHtml(
              `<a title=${quote}{{ .GroupKey }}${quote}>`,
              data,
            );
            ok(!/[<>"']/.test(attribute.slice(10, -2)), attribute);
          }
          const bare = templates.expandHtml("<a title={{ .GroupKey }}>", data);
          ok(!/[\s<>"'`=]/.test(bare.slice(9, -1)), bare);
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe("a template that asks for too much is refused", () => {
  const rows: readonly (readonly [what: string, template: string, message: RegExp])[] = [
    [
      "loops in loops",
      "{{ range 5000 }}{{ range 5000 }}{{ end }}{{ end }}",
      /more than 2000000 steps/,
    ],
    [
      "endless recursion",
      '{{ define "x" }}{{ template "x" . }}{{ end }}{{ template "x" . }}',
      /deeper than/,
    ],
    [
      "recursion in many blocks",
      `{{ define "x" }}${"{{ if true }}".repeat(40)}{{ template "x" . }}${"{{ end }}".repeat(41)}{{ template "x" . }}`,
      /deeper than/,
    ],
    [
      "a text that doubles",
      "{{ $x := `0123456789abcdef` }}{{ range 60 }}{{ $x = printf `%s%s` $x $x }}{{ end }}",
      /characters of text/,
    ],
    [
      "a list that doubles",
      "{{ $x := list 1 }}{{ range 60 }}{{ $x = list $x $x }}{{ end }}{{ $x }}",
      /more than 100000 values/,
    ],
  ];
  for (const [what, template, message] of rows)
    test(what, () => {
      throws(() => expand(template), { name: "OperatingError", message });
    });
});

test("whatever a template is, it is expanded or refused with an error for its author", () => {
  const piece = fc.constantFrom(
    ...[
      "{{",
      "}}",
      "{{-",
      "-}}",
      "if",
      "range",
      "end",
      "else",
      "with",
      "define",
      "template",
      "block",
    ],
    ...[
      " ",
      ".",
      "$",
      "$x",
      ":=",
      "=",
      "|",
      "(",
      ")",
      ",",
      '"x"',
      "`y`",
      "1",
      "-2.5",
      "nil",
      "true",
    ],
    ...[".Alerts", ".Labels", ".Alerts.Firing", ".StartsAt", ".Format", ".CommonLabels", ".Remove"],
    ...["len", "index", "slice", "printf", "toJson", "join", "date", "tz", "now", "since", "list"],
    ...["append", "dict", "safeHtml", "eq", "lt", "and", "or", "not", "html", "<a href=", '"', ">"],
    ...["break", "continue", "/*", "*/", "%s%d", "routeLabels", "toDate", "match", "(("],
  );
  const templates = NotificationTemplates.parse();
  const data = notificationData(KNOWN, ENVIRONMENT);
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 25 }), (pieces) => {
      const inAction = `{{ ${pieces.join(" ")} }}`;
      for (const text of [pieces.join(""), inAction])
        for (const html of [false, true])
          try {
            if (html) templates.expandHtml(text, data);
            else templates.expand(text, data);
          } catch (error) {
            ok(error instanceof OperatingError, `${text}: ${String(error)}`);
          }
    }),
    { numRuns: 600 },
  );
});
