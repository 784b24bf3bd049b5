// Which receivers hear of which alerts, in which groups.

import { alert, post, type Scenario, scenario } from "../scenario.ts";

const TIMES = "group_wait: 1s, group_interval: 2s, repeat_interval: 1h";

function receivers(...names: readonly string[]): string {
  return `receivers:
${names.map((name) => `- name: ${name}\n  webhook_configs: [{ url: 'http://hooks/${name}' }]\n`).join("")}`;
}

const TEAMS = ["database", "frontend", "network"];

export const ROUTING: readonly Scenario[] = [
  scenario(
    "the first matching route has an alert, unless it continues",
    `
route:
  { receiver: rest, ${TIMES}, routes: [
    { receiver: database, matchers: [team="database"], continue: true },
    { receiver: critical, matchers: [severity="critical"] },
    { receiver: frontend, matchers: [team=~"front.*"] },
    { receiver: frontend2, matchers: [team="frontend"] } ] }
${receivers("rest", "database", "critical", "frontend", "frontend2")}`,
    [
      post(
        1,
        ...TEAMS.flatMap((team) =>
          ["critical", "warning"].map((severity) =>
            alert({ alertname: "Down", team, severity }, { startsAt: 1 }),
          ),
        ),
      ),
      post(
        2.5,
        alert({ alertname: "Down", team: "database", severity: "critical" }, { endsAt: 2.5 }),
      ),
    ],
    { until: 5.75 },
  ),
  scenario(
    "routes inherit what they do not set",
    `
route:
  receiver: rest
  group_by: [alertname, zone]
  group_wait: 2s
  group_interval: 3s
  repeat_interval: 1h
  routes:
  - matchers: [team=~"database|network"]
    receiver: database
    group_wait: 1s
    routes:
    - matchers: [team="network"]
      group_by: [zone]
    - matchers: [severity="critical"]
      receiver: critical
      group_interval: 1s
      routes:
      - matchers: [zone="b"]
        group_by: []
${receivers("rest", "database", "critical")}`,
    [
      post(
        1,
        ...TEAMS.flatMap((team) =>
          ["critical", "warning"].flatMap((severity) =>
            ["a", "b"].map((zone) =>
              alert({ alertname: "Down", team, severity, zone }, { startsAt: 1 }),
            ),
          ),
        ),
      ),
      post(
        4.5,
        ...TEAMS.flatMap((team) =>
          ["critical", "warning"].map((severity) =>
            alert({ alertname: "Slow", team, severity, zone: "b" }, { startsAt: 4.5 }),
          ),
        ),
      ),
    ],
    { until: 9.25 },
  ),
  scenario(
    "group_by ... makes a group of each alert",
    `
route: { receiver: a, group_by: ['...'], ${TIMES} }
${receivers("a")}`,
    [
      post(
        1,
        ...TEAMS.map((team) =>
          alert({ alertname: "Down", team, quote: `"${team}"\n` }, { startsAt: 1 }),
        ),
      ),
      post(
        2.5,
        alert({ alertname: "Down", team: "network", quote: '"network"\n' }, { endsAt: 2.5 }),
      ),
    ],
    { until: 5.75 },
  ),
  scenario(
    "without group_by there is one group",
    `
route: { receiver: a, ${TIMES} }
${receivers("a")}`,
    [post(1, ...TEAMS.map((team) => alert({ alertname: "Down", team }, { startsAt: 1 })))],
    { until: 5.75 },
  ),
  scenario(
    "labels that an alert does not have make no group of their own",
    `
route: { receiver: a, group_by: [team, zone], ${TIMES} }
${receivers("a")}`,
    [
      post(
        1,
        ...[
          {},
          { team: "x" },
          { zone: "y" },
          { team: "x", zone: "y" },
          { team: "x", rack: "r" },
        ].map((labels) => alert({ alertname: "Down", ...labels }, { startsAt: 1 })),
      ),
    ],
    { until: 3.75 },
  ),
  scenario(
    "many groups have timers of their own",
    `
route: { receiver: a, group_by: [shard], ${TIMES} }
${receivers("a")}`,
    Array.from({ length: 40 }, (_, i) =>
      post(
        1 + (i % 8) * 0.25,
        ...["x", "y"].map((instance) =>
          alert(
            { alertname: "Down", shard: String(i), instance },
            { startsAt: 1 + (i % 8) * 0.25 },
          ),
        ),
      ),
    ),
    { until: 6.25 },
  ),
  scenario(
    "match and match_re of old configurations match as ever",
    `
route:
  { receiver: rest, group_by: [alertname], ${TIMES}, routes: [
    { receiver: database, match: { team: database }, match_re: { severity: 'crit|warn.*' } },
    { receiver: frontend, match_re: { team: '^front(end)?$', zone: '' } } ] }
${receivers("rest", "database", "frontend")}`,
    [
      post(
        1,
        alert({ alertname: "A", team: "database", severity: "crit" }, { startsAt: 1 }),
        alert({ alertname: "B", team: "database", severity: "critical" }, { startsAt: 1 }),
        alert({ alertname: "C", team: "database", severity: "warning" }, { startsAt: 1 }),
        alert({ alertname: "D", team: "front" }, { startsAt: 1 }),
        alert({ alertname: "E", team: "frontend", zone: "z" }, { startsAt: 1 }),
        alert({ alertname: "F", team: "fronte" }, { startsAt: 1 }),
      ),
    ],
    { until: 3.75 },
  ),
  scenario(
    "matchers compare, negate, and take a missing label for an empty one",
    `
route:
  receiver: rest
  group_by: [alertname]
  group_wait: 1s
  group_interval: 2s
  routes:
  - { receiver: database, matchers: [ 'team = database', 'severity != "info"' ] }
  - { receiver: frontend, matchers: [ '{team=~"front|web", zone!~"a|b"}' ] }
  - { receiver: network, matchers: [ 'team=""', path=~".*\\\\.log" ] }
${receivers("rest", "database", "frontend", "network")}`,
    [
      post(
        1,
        alert({ alertname: "A", team: "database" }, { startsAt: 1 }),
        alert({ alertname: "B", team: "database", severity: "info" }, { startsAt: 1 }),
        alert({ alertname: "C", team: "web" }, { startsAt: 1 }),
        alert({ alertname: "D", team: "web", zone: "a" }, { startsAt: 1 }),
        alert({ alertname: "E", team: "web", zone: "ab" }, { startsAt: 1 }),
        alert({ alertname: "F", path: "/var/x.log" }, { startsAt: 1 }),
        alert({ alertname: "G", path: "/var/xlog" }, { startsAt: 1 }),
      ),
    ],
    { until: 3.75 },
  ),
  scenario(
    "two routes to one receiver are two groups",
    `
route:
  { receiver: a, group_by: [alertname], ${TIMES}, routes: [
    { matchers: [zone="z"], continue: true },
    { matchers: [alertname="Down"], group_by: [zone] } ] }
${receivers("a")}`,
    [
      post(1, alert({ alertname: "Down", zone: "z" }, { startsAt: 1 })),
      post(2.5, alert({ alertname: "Down", zone: "z" }, { startsAt: 1, endsAt: 2.5 })),
    ],
    { until: 5.75 },
  ),
  scenario(
    "each integration of a receiver is told",
    `
route: { receiver: a, group_by: [alertname], ${TIMES} }
receivers:
- name: a
  webhook_configs:
  - url: http://hooks/one
  - { url: 'http://hooks/two', send_resolved: false }
  - { url: 'http://hooks/three', max_alerts: 1 }
`,
    [
      post(1, ...["x", "y"].map((i) => alert({ alertname: "Down", i }, { startsAt: 1 }))),
      post(2.5, alert({ alertname: "Down", i: "x" }, { startsAt: 1, endsAt: 2.5 })),
    ],
    { until: 7.75 },
  ),
  scenario(
    "names of receivers and values of matchers are written as Alertmanager writes them",
    `
route:
  receiver: 'team.a+b (x)'
  group_by: [alertname]
  group_wait: 1s
  group_interval: 2s
  routes:
  - receiver: 'ж/[1]|"q"'
    matchers: [ 'quote="a\\"b"', 'back="\\\\\\\\"', team=~"a|b.c" ]
receivers:
- name: 'team.a+b (x)'
  webhook_configs: [{ url: 'http://hooks/a' }]
- name: 'ж/[1]|"q"'
  webhook_configs: [{ url: 'http://hooks/b' }]
`,
    [
      post(
        1,
        alert(
          { alertname: "A <&> ж\t\\ \u{1f642}" },
          { startsAt: 1, annotations: { html: "<b>&\u2028</b>" } },
        ),
        alert({ alertname: "B", quote: 'a"b', back: "\\\\", team: "b.c" }, { startsAt: 1 }),
        alert({ alertname: "C", quote: 'a"b', back: "\\", team: "b.c" }, { startsAt: 1 }),
      ),
    ],
    { until: 3.75 },
  ),
  scenario(
    "a receiver without integrations keeps alerts from others",
    `
route:
  { receiver: a, group_by: [alertname], ${TIMES}, routes: [
    { receiver: nobody, matchers: [severity="info"] } ] }
receivers:
- name: a
  webhook_configs: [{ url: 'http://hooks/a' }]
- name: nobody
`,
    [
      post(
        1,
        alert({ alertname: "A", severity: "info" }, { startsAt: 1 }),
        alert({ alertname: "A", severity: "page" }, { startsAt: 1 }),
      ),
    ],
    { until: 5.75 },
  ),
  scenario(
    "labels and annotations that all alerts share are common",
    `
route: { receiver: a, group_by: [cluster], ${TIMES} }
${receivers("a")}`,
    [
      post(
        1,
        alert(
          { alertname: "A", cluster: "c", job: "j", dc: "1" },
          { startsAt: 1, annotations: { runbook: "r", summary: "a" } },
        ),
        alert(
          { alertname: "B", cluster: "c", job: "j" },
          { startsAt: 1, annotations: { runbook: "r", summary: "b", more: "m" } },
        ),
      ),
      post(
        2.5,
        alert({ alertname: "A", cluster: "c", job: "j", dc: "1" }, { startsAt: 1, endsAt: 2.5 }),
      ),
    ],
    { until: 5.75 },
  ),
];
