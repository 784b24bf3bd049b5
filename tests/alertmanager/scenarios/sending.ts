// When notifications are sent: after group_wait, at group_interval, after repeat_interval, and of what.

import { alert, post, type Scenario, type ScenarioAlert, scenario } from "../scenario.ts";

function oneReceiver(route: string, webhook = ""): string {
  return `
route: { receiver: default, ${route} }
receivers:
- name: default
  webhook_configs:
  - url: http://hooks/a
${webhook}`;
}

const EVERY_SECOND = oneReceiver(
  "group_by: [alertname], group_wait: 1s, group_interval: 1s, repeat_interval: 1ms",
);
const SELDOM = oneReceiver(
  "group_by: [alertname], group_wait: 1s, group_interval: 2s, repeat_interval: 1h",
);

const LINGERS = {
  seconds: 0.5,
  because:
    "a group in which nothing is left ends at once and what comes back waits for group_wait; with Alertmanager the group goes on for up to half a minute",
};

/** Several senders tell of one alert, with ends or without. */
function merging(lastsSeconds: number | undefined) {
  const from = (startsAt: number, version?: string): ScenarioAlert =>
    alert("test", {
      startsAt,
      ...(lastsSeconds === undefined ? {} : { endsAt: startsAt + lastsSeconds }),
      ...(version === undefined ? {} : { annotations: { ann: version } }),
    });
  const ended = (startsAt: number, endsAt: number, version: string): ScenarioAlert =>
    alert("test", { startsAt, endsAt, annotations: { ann: version } });
  return [
    post(1, from(1.25)),
    post(1.25, from(1)),
    post(2.25, from(2, "v1")),
    post(3.5, from(1.5, "v2")),
    post(4.5, ended(3, 4.5, "v2")),
    post(4.75, ended(3, 4.75, "v3"), ended(3, 4.25, "v3")),
    post(5.25, from(5)),
  ];
}

const LABELLED = (value: string): Record<string, string> => ({ alertname: "test", lbl: value });

export const SENDING: readonly Scenario[] = [
  scenario("what several senders say of one alert is merged", EVERY_SECOND, merging(undefined), {
    until: 7.5,
    slack: LINGERS,
  }),
  scenario("what several senders say of one alert with ends is merged", EVERY_SECOND, merging(3), {
    until: 7.5,
    slack: LINGERS,
  }),
  scenario(
    "what fires is told again after the repeat interval, and its end once",
    EVERY_SECOND,
    [post(1, alert("test", { startsAt: 1 })), post(3.5, alert("test", { startsAt: 1, endsAt: 3 }))],
    { until: 6.5 },
  ),
  scenario(
    "the repeat interval need be no multiple of the group interval",
    oneReceiver("group_by: [alertname], group_wait: 1s, group_interval: 2s, repeat_interval: 5s"),
    [post(1, alert("test", { startsAt: 1 }))],
    { until: 17.5 },
  ),
  scenario(
    "alerts are gathered in batches",
    oneReceiver("group_by: [], group_wait: 1s, group_interval: 1s, repeat_interval: 4900ms"),
    [
      post(1, alert("test1", { startsAt: 1 })),
      post(1.75, alert("test5", { startsAt: 1 })),
      post(
        3.25,
        alert("test2", { startsAt: 2.5 }),
        alert("test3", { startsAt: 2.5 }),
        alert("test4", { startsAt: 2.75 }),
      ),
    ],
    { until: 10.5 },
  ),
  scenario(
    "alerts of which nobody says more resolve after the resolve timeout",
    `global: { resolve_timeout: 5s }\n${SELDOM}`,
    [post(1, alert(LABELLED("v1")), alert(LABELLED("v2")), alert(LABELLED("v3")))],
    { until: 9.5 },
  ),
  scenario(
    "who wants no resolved ones is not told of them, and yet they count as told",
    `global: { resolve_timeout: 8500ms }\n${oneReceiver(
      "group_by: [alertname], group_wait: 1s, group_interval: 3s, repeat_interval: 1h",
      "    send_resolved: true\n  - url: http://hooks/b\n    send_resolved: false\n",
    )}`,
    [
      post(1, alert(LABELLED("v1")), alert(LABELLED("v2"))),
      post(3, alert(LABELLED("v1"), { startsAt: 1, endsAt: 3.5 }), alert(LABELLED("v3"))),
      post(6, alert(LABELLED("v3"), { startsAt: 3 })),
      post(8.5, alert(LABELLED("v3"), { startsAt: 3 }), alert(LABELLED("v1"), { startsAt: 8.5 })),
    ],
    { until: 16.5 },
  ),
  scenario(
    "who wants no resolved ones is told when it fires anew",
    oneReceiver(
      "group_by: [alertname], group_wait: 1s, group_interval: 2s, repeat_interval: 1h",
      "    send_resolved: false\n",
    ),
    [
      post(1, alert("test", { startsAt: 1 })),
      post(2.5, alert("test", { startsAt: 1, endsAt: 2.5 })),
      post(4.75, alert("test", { startsAt: 4.75 })),
    ],
    { until: 8.5, slack: LINGERS },
  ),
  scenario(
    "an alert that began long ago is told at once",
    SELDOM,
    [post(1, alert("test", { startsAt: -60 })), post(1.5, alert("test2", { startsAt: 1.25 }))],
    { until: 4.75 },
  ),
  scenario(
    "an old alert ends the wait of its group",
    oneReceiver("group_by: [], group_wait: 3s, group_interval: 2s, repeat_interval: 1h"),
    [post(1, alert("new", { startsAt: 1 })), post(2, alert("old", { startsAt: -60 }))],
    { until: 6.75 },
  ),
  scenario(
    "of many alerts the first ones are told and the others counted",
    oneReceiver(
      "group_by: [alertname], group_wait: 1s, group_interval: 2s, repeat_interval: 1h",
      "    max_alerts: 2\n",
    ),
    [
      post(
        1,
        ...["d", "b", "e", "a", "c"].map((instance) =>
          alert({ alertname: "test", instance }, { startsAt: 1 }),
        ),
      ),
      post(2.5, alert({ alertname: "test", instance: "a" }, { startsAt: 1, endsAt: 2.5 })),
    ],
    { until: 5.75 },
  ),
  scenario(
    "changed annotations alone are no news, and are told with the next",
    SELDOM,
    [
      post(1, alert(LABELLED("v1"), { startsAt: 1, annotations: { summary: "one", all: "x" } })),
      post(2.5, alert(LABELLED("v1"), { startsAt: 1, annotations: { summary: "two", all: "x" } })),
      post(
        4.5,
        alert(LABELLED("v1"), { startsAt: 1, annotations: { summary: "three", all: "x" } }),
        alert(LABELLED("v2"), { startsAt: 4.5, annotations: { summary: "four", all: "x" } }),
      ),
    ],
    { until: 7.75 },
  ),
  scenario(
    "alerts are sorted by job, by instance, and by all labels",
    SELDOM,
    [
      post(
        1,
        ...[
          { job: "b", instance: "1" },
          { job: "a", instance: "2", zone: "z" },
          { job: "a", instance: "2", zone: "y", rack: "9" },
          { instance: "1" },
          { job: "a" },
          { job: "a", instance: "10" },
          { zone: "a" },
          { job: "Z", instance: "ж" },
        ].map((labels) =>
          alert(
            { alertname: "test", ...labels },
            { startsAt: 1, generatorURL: "http://prometheus/graph?g0.expr=up%3D%3D0&g0.tab=1" },
          ),
        ),
      ),
    ],
    { until: 2.75 },
  ),
  scenario(
    "what resolves before anybody was told is never told",
    SELDOM,
    [
      post(1, alert("test", { startsAt: 1 }), alert("other", { startsAt: 1 })),
      post(1.5, alert("test", { startsAt: 1, endsAt: 1.5 })),
    ],
    { until: 5.75 },
  ),
  scenario(
    "a resolved alert goes along when its group is told for the first time",
    oneReceiver("group_by: [], group_wait: 1s, group_interval: 2s, repeat_interval: 1h"),
    [
      post(1, alert("test", { startsAt: 1 }), alert("other", { startsAt: 1 })),
      post(1.5, alert("test", { startsAt: 1, endsAt: 1.5 })),
    ],
    { until: 5.75 },
  ),
  scenario(
    "an alert that goes on and off within the group wait is told as it is then",
    SELDOM,
    [
      post(1, alert("test", { startsAt: 1 })),
      post(1.25, alert("test", { startsAt: 1, endsAt: 1.25 })),
      post(1.75, alert("test", { startsAt: 1.5 })),
    ],
    { until: 5.75 },
  ),
  scenario(
    "an alert that comes back within the group interval has not been away",
    SELDOM,
    [
      post(1, alert("test", { startsAt: 1 })),
      post(2.5, alert("test", { startsAt: 1, endsAt: 2.5 })),
      post(3.25, alert("test", { startsAt: 3 })),
      post(4.5, alert("test", { startsAt: 3, endsAt: 4.5 })),
    ],
    { until: 8.75 },
  ),
  scenario(
    "an alert that comes back later is told as new",
    SELDOM,
    [
      post(1, alert("test", { startsAt: 1 })),
      post(2.5, alert("test", { startsAt: 1, endsAt: 2.5 })),
      post(4.5, alert("test", { startsAt: 4.5 })),
      post(7.25, alert("test", { startsAt: 4.5, endsAt: 7 })),
      post(9.5, alert("test", { startsAt: 9.5 })),
    ],
    { until: 13.25, slack: LINGERS },
  ),
  scenario(
    "what was over when it was first heard of is not told",
    SELDOM,
    [
      post(1, alert("past", { startsAt: -10, endsAt: -5 })),
      post(1.5, alert("past without a start", { endsAt: 0 })),
    ],
    { until: 5.75 },
  ),
  scenario(
    "an alert that begins in the future is told like any other",
    SELDOM,
    [
      post(1, alert("future", { startsAt: 60, endsAt: 120 })),
      post(3.5, alert("future", { startsAt: 60, endsAt: 60 })),
    ],
    { until: 7.75 },
  ),
  scenario(
    "an end that was announced comes by itself, unless it is moved",
    SELDOM,
    [
      post(1, alert(LABELLED("v1"), { startsAt: 1, endsAt: 4.5 })),
      post(1.5, alert(LABELLED("v2"), { startsAt: 1, endsAt: 3.5 })),
      post(4, alert(LABELLED("v1"), { startsAt: 1, endsAt: 8.5 })),
    ],
    { until: 11.75 },
  ),
  scenario(
    "of one alert twice in a request the later counts",
    SELDOM,
    [
      post(
        1,
        alert("test", { startsAt: 1, annotations: { version: "first" } }),
        alert("test", { startsAt: 0.5, annotations: { version: "second" } }),
      ),
    ],
    { until: 3.75 },
  ),
  scenario(
    "labels without a value do not count",
    SELDOM,
    [
      post(1, alert({ alertname: "test", empty: "" }, { startsAt: 1, annotations: { none: "" } })),
      post(2.5, alert({ alertname: "test" }, { startsAt: 1, endsAt: 2.5 })),
    ],
    { until: 5.75 },
  ),
  scenario(
    "the alerts of a group resolve one after the other",
    SELDOM,
    [
      post(1, ...["v1", "v2", "v3"].map((value) => alert(LABELLED(value), { startsAt: 1 }))),
      post(2.5, alert(LABELLED("v2"), { startsAt: 1, endsAt: 2.25 })),
      post(4.5, alert(LABELLED("v1"), { startsAt: 1, endsAt: 4.25 })),
      post(4.75, alert(LABELLED("v3"), { startsAt: 1 })),
      post(6.5, alert(LABELLED("v3"), { startsAt: 1, endsAt: 6.25 })),
    ],
    { until: 11.75 },
  ),
];
