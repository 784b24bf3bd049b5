// Reloads, restarts, and webhooks that fail or take their time.

import {
  alert,
  expire,
  hook,
  post,
  reload,
  restart,
  type Scenario,
  scenario,
  silence,
} from "../scenario.ts";

const RETRIES =
  "Alertmanager retries after intervals that grow by chance and keeps the whole group waiting; we retry after 1, 2 and 4 s";
const TIMERS =
  "Alertmanager starts all timers anew at a reload and a restart; our groups keep theirs";
const RESTARTING = "a real program takes a while to start";

function config(route: string, ...hooks: readonly string[]): string {
  return `
route: { receiver: default, ${route} }
receivers:
- name: default
  webhook_configs: [${hooks.map((path) => `{ url: 'http://hooks${path}' }`).join(", ")}]
`;
}

const SELDOM = "group_by: [], group_wait: 1s, group_interval: 4s, repeat_interval: 10m";
const OFTEN = "group_by: [alertname], group_wait: 1s, group_interval: 2s, repeat_interval: 10m";

function teams(...names: readonly string[]): string {
  return `
route:
  { receiver: rest, group_by: [alertname], group_wait: 1s, group_interval: 2s, routes: [
    ${names.map((name) => `{ receiver: ${name}, matchers: [team="${name}"] }`).join(", ")} ] }
receivers:
${["rest", ...names].map((name) => `- name: ${name}\n  webhook_configs: [{ url: 'http://hooks/${name}' }]\n`).join("")}`;
}

const RELOADS: readonly Scenario[] = [
  scenario(
    "after a reload nothing is told twice",
    config(SELDOM, "/a"),
    [
      post(1, alert("test1", { startsAt: 1 })),
      reload(3, config(SELDOM, "/a")),
      post(4, alert("test2", { startsAt: 4 })),
    ],
    { until: 12.75, slack: { seconds: 1, because: TIMERS } },
  ),
  scenario(
    "after a reload another receiver is told",
    config(OFTEN, "/a"),
    [
      post(1, alert("test", { startsAt: 1 })),
      reload(
        2.5,
        config(OFTEN, "/a")
          .replace("receiver: default,", "receiver: other,")
          .replace("name: default", "name: other"),
      ),
      post(5.5, alert("test", { startsAt: 1, endsAt: 5.5 })),
    ],
    { until: 9.75, slack: { seconds: 2, because: TIMERS } },
  ),
  scenario(
    "after a reload alerts go to the route that matches them now",
    teams("database"),
    [
      post(
        1,
        alert({ alertname: "A", team: "database" }, { startsAt: 1 }),
        alert({ alertname: "B", team: "network" }, { startsAt: 1 }),
        alert({ alertname: "C" }, { startsAt: 1 }),
      ),
      reload(3.5, teams("database", "network")),
      post(
        5.5,
        alert({ alertname: "A", team: "database" }, { startsAt: 1, endsAt: 5.5 }),
        alert({ alertname: "B", team: "network" }, { startsAt: 1, endsAt: 5.5 }),
      ),
    ],
    { until: 10.75, slack: { seconds: 2, because: TIMERS } },
  ),
  scenario(
    "after a restart nothing is told twice",
    config(OFTEN, "/a"),
    [
      post(1, alert("test", { startsAt: 1 }), alert("ended", { startsAt: 1 })),
      restart(2.5),
      post(5, alert("test", { startsAt: 1 }), alert("ended", { startsAt: 1, endsAt: 2.75 })),
      post(9.5, alert("test", { startsAt: 1, endsAt: 9.5 })),
    ],
    { until: 13.75, slack: { seconds: 2, because: RESTARTING } },
  ),
  scenario(
    "silences outlive a restart",
    config(OFTEN, "/a"),
    [
      silence(0.5, "a", [0.5, 100], "alertname=A"),
      silence(0.75, "b", [0.75, 100], "alertname=B"),
      restart(1),
      post(4.5, ...["A", "B", "C"].map((name) => alert(name, { startsAt: 4.5 }))),
      expire(7, "b"),
    ],
    { until: 10.75 },
  ),
];

const FAILURES: readonly Scenario[] = [
  scenario(
    "a webhook that fails for a while is told as soon as it works, and others only once",
    config(
      "group_by: [alertname], group_wait: 1s, group_interval: 2s, repeat_interval: 1h",
      "/a",
      "/b",
    ),
    [
      hook(0, "/b", { status: 500 }),
      post(1, alert("test1", { startsAt: 1 })),
      hook(4.5, "/b", { status: 200 }),
    ],
    { until: 9.75, slack: { seconds: 2, because: RETRIES } },
  ),
  scenario(
    "what a webhook refuses is offered again at the next look at the group",
    config(OFTEN, "/a", "/b"),
    [
      hook(0, "/b", { status: 400 }),
      post(1, alert("test1", { startsAt: 1 })),
      hook(4.5, "/b", { status: 200 }),
      post(7, alert("test1", { startsAt: 1, endsAt: 7 })),
    ],
    { until: 10.75 },
  ),
  scenario(
    "who could not be told that it is over is told when it works again",
    config(OFTEN, "/a"),
    [
      post(1, alert("test1", { startsAt: 1 })),
      hook(3.5, "/a", { status: 503 }),
      post(3.75, alert("test1", { startsAt: 1, endsAt: 3.75 })),
      hook(6, "/a", { status: 200 }),
    ],
    { until: 10.75, slack: { seconds: 2, because: RETRIES } },
  ),
  scenario(
    "a webhook that answers late delays nobody else",
    config(
      "group_by: [alertname], group_wait: 1s, group_interval: 2s, repeat_interval: 2500ms",
      "/a",
      "/b",
    ),
    [
      hook(0, "/b", { lateSeconds: 1 }),
      post(1, alert("test1", { startsAt: 1 }), alert("test2", { startsAt: 1 })),
      post(4.5, alert("test2", { startsAt: 1, endsAt: 4.5 })),
    ],
    { until: 9.75 },
  ),
  scenario(
    "one receiver that fails keeps no other from being told",
    teams("database", "network"),
    [
      hook(0, "/database", { status: 502 }),
      post(
        1,
        alert({ alertname: "A", team: "database" }, { startsAt: 1 }),
        alert({ alertname: "B", team: "network" }, { startsAt: 1 }),
        alert({ alertname: "C" }, { startsAt: 1 }),
      ),
      post(3.5, alert({ alertname: "B", team: "network" }, { startsAt: 1, endsAt: 3.5 })),
    ],
    { until: 7.75 },
  ),
];

export const TROUBLE: readonly Scenario[] = [...RELOADS, ...FAILURES];
