// What keeps alerts from being told: silences, inhibition, times of the day.

import { alert, expire, post, type Scenario, scenario, silence } from "../scenario.ts";

const EVERY_SECOND = `
route: { receiver: default, group_by: [], group_wait: 1s, group_interval: 1s, repeat_interval: 1ms }
receivers: [{ name: default, webhook_configs: [{ url: 'http://hooks/a' }] }]
`;
const SELDOM = `
route:
  { receiver: default, group_by: [alertname], group_wait: 1s, group_interval: 2s, repeat_interval: 1h }
receivers: [{ name: default, webhook_configs: [{ url: 'http://hooks/a' }] }]
`;

const SILENCES: readonly Scenario[] = [
  scenario(
    "a silence hides the alerts that it matches until it ends",
    EVERY_SECOND,
    [
      post(1, alert("test1", { startsAt: 1 }), alert("test2", { startsAt: 1 })),
      silence(2.25, "one", [2.5, 4.5], "alertname=test1"),
    ],
    { until: 6.5 },
  ),
  scenario(
    "a silence that is taken back hides nothing",
    EVERY_SECOND,
    [
      post(1, alert("test1", { startsAt: 1 }), alert("test2", { startsAt: 1 })),
      silence(1.25, "all", [1.5, 100], "alertname=~.+"),
      expire(3.5, "all"),
    ],
    { until: 4.75 },
  ),
  scenario(
    "all matchers of a silence must match, and may be negative",
    SELDOM,
    [
      silence(0.5, "not a", [0.5, 100], "alertname=~A|B", "zone!=a", "rack!~r.+"),
      post(
        1,
        ...["A", "B", "C"].flatMap((alertname) =>
          [{ zone: "a" }, { zone: "b" }, { zone: "b", rack: "r1" }].map((labels) =>
            alert({ alertname, ...labels }, { startsAt: 1 }),
          ),
        ),
      ),
    ],
    { until: 5.75 },
  ),
  scenario(
    "what was silenced from the start is told when the silence is over",
    SELDOM,
    [silence(0.5, "short", [0.5, 4.5], "alertname=test"), post(1, alert("test", { startsAt: 1 }))],
    { until: 7.75 },
  ),
  scenario(
    "the end of what is silenced is not told",
    SELDOM,
    [
      post(1, alert("test", { startsAt: 1 })),
      silence(2.5, "long", [2.5, 6.5], "alertname=test"),
      post(3.5, alert("test", { startsAt: 1, endsAt: 3.5 })),
    ],
    { until: 9.75 },
  ),
  scenario(
    "what fires through a silence is no news after it",
    SELDOM,
    [
      post(1, alert("test", { startsAt: 1 })),
      silence(2.5, "short", [2.5, 4.5], "alertname=test"),
      post(7.5, alert("test", { startsAt: 1, endsAt: 7.5 })),
    ],
    { until: 11.75 },
  ),
  scenario(
    "of a group only what no silence hides is told",
    SELDOM,
    [
      silence(0.5, "x", [0.5, 100], "instance=x"),
      post(
        1,
        ...["x", "y"].map((instance) => alert({ alertname: "t", instance }, { startsAt: 1 })),
      ),
      post(2.5, alert({ alertname: "t", instance: "z" }, { startsAt: 2.5 })),
      post(4.5, alert({ alertname: "t", instance: "y" }, { startsAt: 1, endsAt: 4.5 })),
    ],
    { until: 7.75 },
  ),
];

function inhibiting(rules: string, route = "group_by: [], repeat_interval: 1s"): string {
  return `
route: { receiver: default, group_wait: 1s, group_interval: 1s, ${route} }
receivers: [{ name: default, webhook_configs: [{ url: 'http://hooks/a' }] }]
inhibit_rules:
${rules}`;
}

const JOB_INHIBITS_INSTANCE = `
- source_match: { alertname: JobDown }
  target_match: { alertname: InstanceDown }
  equal: [job, zone]
`;
const ONCE = "group_by: [alertname], repeat_interval: 1h";

const INHIBITION: readonly Scenario[] = [
  scenario(
    "what is inhibited is told when its source is over",
    inhibiting(JOB_INHIBITS_INSTANCE, "group_by: [], repeat_interval: 900ms"),
    [
      post(
        1,
        alert({ alertname: "test1", job: "testjob", zone: "aa" }),
        alert({ alertname: "InstanceDown", job: "testjob", zone: "aa" }),
        alert({ alertname: "InstanceDown", job: "testjob", zone: "ab" }),
      ),
      post(2.25, alert({ alertname: "JobDown", job: "testjob", zone: "aa" })),
      post(
        3.5,
        alert(
          { alertname: "JobDown", job: "testjob", zone: "aa" },
          { startsAt: 2.25, endsAt: 3.5 },
        ),
      ),
    ],
    { until: 5.5 },
  ),
  scenario(
    "source and target that resolve together are told together",
    inhibiting(JOB_INHIBITS_INSTANCE, "group_by: [], repeat_interval: 10s"),
    [
      post(
        1,
        alert({ alertname: "InstanceDown", job: "testjob", zone: "aa" }),
        alert({ alertname: "JobDown", job: "testjob", zone: "aa" }),
      ),
      post(
        2.5,
        alert({ alertname: "JobDown", job: "testjob", zone: "aa" }, { startsAt: 1, endsAt: 2.5 }),
        alert(
          { alertname: "InstanceDown", job: "testjob", zone: "aa" },
          { startsAt: 1, endsAt: 2.5 },
        ),
      ),
    ],
    { until: 5.5 },
  ),
  scenario(
    "an inhibition rule with nothing in it inhibits nothing",
    inhibiting("- {}\n", ONCE),
    [post(1, alert("test1", { startsAt: 1 }), alert("test2", { startsAt: 1 }))],
    { until: 3.5 },
  ),
  scenario(
    "labels that neither alert has are equal",
    inhibiting(
      `- { source_matchers: [severity="critical"], target_matchers: [severity="warning"], equal: [cluster] }\n`,
      ONCE,
    ),
    [
      post(
        1,
        alert({ alertname: "A", severity: "critical" }, { startsAt: 1 }),
        alert({ alertname: "B", severity: "warning" }, { startsAt: 1 }),
        alert({ alertname: "C", severity: "warning", cluster: "c" }, { startsAt: 1 }),
      ),
    ],
    { until: 3.5 },
  ),
  scenario(
    "an alert that is source and target inhibits no other of its kind",
    inhibiting(
      `- { source_matchers: [severity=~"critical|warning"], target_matchers: [severity="warning"] }\n`,
      ONCE,
    ),
    [
      post(
        1,
        alert({ alertname: "A", severity: "warning" }, { startsAt: 1 }),
        alert({ alertname: "B", severity: "warning" }, { startsAt: 1 }),
      ),
      post(2.75, alert({ alertname: "C", severity: "critical" }, { startsAt: 2.75 })),
      post(4.5, alert({ alertname: "D", severity: "warning" }, { startsAt: 4.5 })),
      post(6.25, alert({ alertname: "C", severity: "critical" }, { startsAt: 2.75, endsAt: 6.25 })),
    ],
    { until: 9.25 },
  ),
  scenario(
    "a silenced source inhibits all the same, and so does an inhibited one",
    inhibiting(
      `
- { source_matchers: [alertname="A"], target_matchers: [alertname="B"] }
- { source_matchers: [alertname="B"], target_matchers: [alertname="C"] }
`,
      ONCE,
    ),
    [
      silence(0.5, "a", [0.5, 100], "alertname=A"),
      post(1, ...["A", "B", "C", "D"].map((name) => alert(name, { startsAt: 1 }))),
      post(3.5, alert("A", { startsAt: 1, endsAt: 3.5 })),
      post(5.5, alert("B", { startsAt: 1, endsAt: 5.5 })),
    ],
    { until: 8.5 },
  ),
  scenario(
    "a source inhibits until its announced end, and what it inhibited ends unheard",
    inhibiting(
      `- { source_matchers: [alertname="A"], target_matchers: [alertname=~"B|C"], equal: [dc] }\n`,
      ONCE,
    ),
    [
      post(
        1,
        alert({ alertname: "A", dc: "1" }, { startsAt: 1, endsAt: 4.5 }),
        alert({ alertname: "B", dc: "1" }, { startsAt: 1 }),
        alert({ alertname: "C", dc: "1" }, { startsAt: 1 }),
        alert({ alertname: "B", dc: "2" }, { startsAt: 1 }),
      ),
      post(3.5, alert({ alertname: "C", dc: "1" }, { startsAt: 1, endsAt: 3.5 })),
    ],
    { until: 7.5 },
  ),
];

function timed(route: string, intervals: string): string {
  return `
route:
  receiver: default
  group_wait: 1s
  group_interval: 2s
  repeat_interval: 1h
  group_by: [alertname]
  routes:
  - { matchers: [alertname=~"Timed.*"], ${route} }
receivers: [{ name: default, webhook_configs: [{ url: 'http://hooks/a' }] }]
time_intervals:
- { name: always, time_intervals: [{}] }
- { name: never, time_intervals: [{ years: ['1999'] }] }
${intervals}`;
}

const LIFE = [
  post(1, alert("Timed", { startsAt: 1 }), alert("Other", { startsAt: 1 })),
  post(4.5, alert("Timed", { startsAt: 1, endsAt: 4.5 })),
];
/** A scenario that starts here passes into the next minute after 5 s, in the middle between two looks at its groups. */
const BEFORE_MINUTE = { startSecond: 55, until: 9.75 };

/** The minute in which a scenario starts, and the next one, as times of day. */
function minutes(startMs: number): { readonly from: string; readonly to: string } {
  const time = (ms: number): string => new Date(ms).toISOString().slice(11, 16);
  const to = time(startMs + 60_000);
  return { from: time(startMs), to: to === "00:00" ? "24:00" : to };
}

const TIMES: readonly Scenario[] = [
  scenario(
    "an interval that is open mutes",
    timed("mute_time_intervals: [never, always]", ""),
    LIFE,
    { until: 7.75 },
  ),
  scenario(
    "an interval that is shut mutes nothing",
    timed("mute_time_intervals: [never]", ""),
    LIFE,
    { until: 7.75 },
  ),
  scenario(
    "outside its active intervals a route is mute",
    timed("active_time_intervals: [never]", ""),
    LIFE,
    { until: 7.75 },
  ),
  scenario(
    "one open interval is enough for a route to be active",
    timed("active_time_intervals: [never, always]", ""),
    LIFE,
    { until: 7.75 },
  ),
  scenario(
    "what was muted is told when the interval ends",
    (startMs) => {
      const { from, to } = minutes(startMs);
      return timed(
        "mute_time_intervals: [minute]",
        `- { name: minute, time_intervals: [{ times: [{ start_time: '${from}', end_time: '${to}' }] }] }`,
      );
    },
    [post(1, alert("Timed", { startsAt: 1 }))],
    BEFORE_MINUTE,
  ),
  scenario(
    "an active route falls mute when its interval ends",
    (startMs) => {
      const { from, to } = minutes(startMs);
      const day = new Date(startMs).toLocaleDateString("en", { weekday: "long", timeZone: "UTC" });
      return timed(
        "active_time_intervals: [minute]",
        `- name: minute
  time_intervals:
  - { times: [{ start_time: '${from}', end_time: '${to}' }], weekdays: [${day}], location: UTC }`,
      );
    },
    [
      post(1, alert({ alertname: "Timed", i: "x" }, { startsAt: 1 })),
      post(2.5, alert({ alertname: "Timed", i: "y" }, { startsAt: 2.5 })),
      post(5.25, alert({ alertname: "Timed", i: "z" }, { startsAt: 5.25 })),
      post(5.5, alert({ alertname: "Timed", i: "x" }, { startsAt: 1, endsAt: 5.5 })),
    ],
    BEFORE_MINUTE,
  ),
];

export const MUTING: readonly Scenario[] = [...SILENCES, ...INHIBITION, ...TIMES];
