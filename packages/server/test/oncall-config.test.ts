import { deepEqual, equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { onCallAt, planEscalation } from "@pharos/alert";
import { OperatingError } from "@pharos/base";
import { loadNotificationConfig } from "../src/config/alertmanager/load-notification-config.ts";
import { ConfigError } from "../src/config/diagnostics.ts";
import { loadOnCallConfig } from "../src/config/oncall/load-oncall-config.ts";
import type { OnCallConfig } from "../src/config/oncall/oncall-config.ts";

const ALERTMANAGER = `
global:
  smtp_from: pharos@example.com
  smtp_smarthost: mail.example.com:587
route:
  receiver: team
receivers:
  - name: team
    webhook_configs: [{url: http://hook.test/}]
  - name: nobody
`;

const NO_FILES = {
  glob: (pattern: string) => [pattern],
  readFile: (path: string): string => {
    throw new OperatingError("not_found", `${path}: no such file`);
  },
};

function load(text: string): OnCallConfig {
  const { config, global } = loadNotificationConfig(ALERTMANAGER, "alertmanager.yml", NO_FILES);
  const surroundings = { notifications: config, global };
  return loadOnCallConfig(text, "oncall.yml", surroundings, NO_FILES).config;
}

/** `line:column: path: message` of all that is wrong. */
function problems(text: string): string[] {
  try {
    load(text);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.diagnostics.map(
      ({ line, column, path, message }) => `${line}:${column}: ${path}: ${message}`,
    );
  }
}

const EXAMPLE = readFileSync(new URL("../../../docs/examples/oncall.yml", import.meta.url), "utf8");

test("the example that is shipped escalates to who is on call, after 10 min to the lead, after 30 to the VP", () => {
  const { plan, receivers, acknowledgementMs } = load(EXAMPLE);
  const [critical] = plan.policies;
  ok(critical !== undefined);
  const sinceMs = Date.UTC(2026, 0, 14, 12);
  const planned = planEscalation(critical, plan, sinceMs, () => true);
  deepEqual(
    planned.map(({ atMs, names, receivers }) => [(atMs - sinceMs) / 60_000, names, receivers]),
    [
      [0, ["grace (schedule primary)"], ["oncall/grace"]],
      [10, ["lead"], ["oncall/lead"]],
      [30, ["vp"], ["oncall/vp"]],
    ],
  );
  deepEqual(
    receivers.map(({ name, integrations }) => [name, integrations.map(({ kind }) => kind)]).at(0),
    ["oncall/ada", ["email"]],
  );
  equal(acknowledgementMs, 8 * 3_600_000);
  const primary = plan.schedules.get("primary");
  ok(primary !== undefined);
  deepEqual(onCallAt(primary, Date.parse("2026-12-25T00:00:00+01:00")), {
    contact: "grace",
    via: { kind: "override", id: "file-1" },
  });
});

test("contacts are reached by receivers of alertmanager.yml and by lists of their own", () => {
  const { plan, receivers } = load(`
contacts:
  - name: ada
    receivers: [team]
    email: ada@example.com
    webhook_configs:
      - url: http://ada.test/
`);
  deepEqual(plan.contacts.get("ada")?.receivers, ["team", "oncall/ada"]);
  const [own] = receivers;
  deepEqual(
    own?.integrations.map((one) => (one.kind === "email" ? [one.to, one.from] : one.kind)),
    ["webhook", ["ada@example.com", "pharos@example.com"]],
  );
});

test("schedules say when turns end, and when they count", () => {
  const { plan } = load(`
contacts: [{name: ada, receivers: [team]}, {name: bob, receivers: [team]}]
schedules:
  - name: office
    time_zone: America/New_York
    layers:
      - participants: [ada, bob]
        starts: 2026-01-05 09:00
        handover_days: [friday, monday]
        restrictions:
          - weekdays: ["monday:friday"]
            times: [{start_time: "09:00", end_time: "17:00"}]
`);
  const layer = plan.schedules.get("office")?.layers[0];
  deepEqual(layer?.handover, { kind: "weekdays", weekdays: [1, 5] });
  equal(layer?.name, "layer 1");
  equal(layer?.restrictions?.[0]?.location, "America/New_York");
});

test("heartbeats and reminders have their defaults", () => {
  const { heartbeat, expected, silenceReminder } = load(`
dead_mans_switch:
  send: {receivers: [team]}
  expect: [{name: prometheus, matchers: ['alertname="Watchdog"'], within: 10m}]
silence_reminder: {receivers: [team]}
`);
  deepEqual(heartbeat, { receivers: ["team"], intervalMs: 60_000 });
  deepEqual(expected[0]?.severity, "critical");
  deepEqual(silenceReminder, { receivers: ["team"], beforeMs: 900_000 });
  deepEqual(load(""), load("{}"));
});

const ADA = "contacts: [{name: ada, receivers: [team]}]\n";
const WEEK = `${ADA}schedules:
  - name: week
    layers: [{participants: [ada], starts: 2026-01-05T09:00}]
`;
const policy = (steps: string): string => `${WEEK}policies:
  - name: p
    steps: ${steps}
`;
const schedule = (rest: string): string => `${ADA}schedules:
  - name: week
    ${rest}
`;
const layer = (rest: string): string =>
  schedule(`layers: [{participants: [ada], starts: 2026-01-05T09:00, ${rest}}]`);

/** What somebody may get wrong, and what they are told. */
const MISTAKES: readonly (readonly [text: string, ...problems: string[]])[] = [
  ["contact: []", "1:1: contact: unknown key; did you mean contacts?"],
  ["contacts: {}", "1:11: contacts: expected a list, got a mapping"],
  [
    "contacts: [{name: ada}]",
    '1:12: contacts[0]: "ada" has nowhere to be told; give it receivers, email, or a list such as slack_configs',
  ],
  ["contacts: [{receivers: [team]}]", "1:12: contacts[0].name: is missing; expected a string"],
  [
    "contacts: [{name: ada, receivers: [tem]}]",
    '1:36: contacts[0].receivers[0]: there is no receiver of alertmanager.yml "tem"; did you mean team?',
  ],
  [
    "contacts: [{name: ada, receivers: [nobody]}]",
    '1:36: contacts[0].receivers[0]: receiver "nobody" of alertmanager.yml tells nobody',
  ],
  [
    "contacts: [{name: ada, webhook_configs: [{ur: http://x/}]}]",
    "1:43: contacts[0].webhook_configs[0].ur: unknown key; did you mean url?",
  ],
  [
    `${ADA.slice(0, -2)}, {name: ada, receivers: [team]}]`,
    '1:51: contacts[1].name: "ada" is there already; names are unique in a section',
  ],
  [
    `${ADA}teams: [{name: t, members: [adda]}]`,
    '2:29: teams[0].members[0]: there is no contact "adda"; did you mean ada?',
  ],
  [`${ADA}teams: [{name: t, members: []}]`, "2:28: teams[0].members: must not be empty"],
  [
    schedule("layers: [{participants: [bob], starts: 2026-01-05T09:00}]"),
    '4:30: schedules[0].layers[0].participants[0]: there is no contact "bob"',
  ],
  [
    schedule("layers: [{participants: [ada], starts: tomorrow}]"),
    '4:44: schedules[0].layers[0].starts: "tomorrow": expected a local date and time such as 2026-01-05T09:00',
  ],
  [
    schedule("layers: [{participants: [ada], starts: 2026-02-30T09:00}]"),
    '4:44: schedules[0].layers[0].starts: "2026-02-30T09:00": expected a local date and time such as 2026-01-05T09:00',
  ],
  [schedule("layers: []"), "4:13: schedules[0].layers: must not be empty"],
  [
    `${WEEK}    time_zone: Berlin\n`,
    '5:16: schedules[0].time_zone: "Berlin" is not known; expected a time zone such as "Europe/Berlin" or "UTC"',
  ],
  [
    layer("every: 90m"),
    "4:69: schedules[0].layers[0].every: a turn lasts whole hours, at most a year: 12h, 1d, 1w",
  ],
  [
    layer("every: 1d, handover_days: [monday]"),
    "4:88: schedules[0].layers[0].handover_days: only one of every and handover_days",
  ],
  [
    layer("handover_days: [mondy]"),
    '4:78: schedules[0].layers[0].handover_days[0]: "mondy" is not one of monday, tuesday, wednesday, thursday, friday, saturday, sunday; did you mean monday?',
  ],
  [layer("ends: 2026-01-01T00:00"), "4:68: schedules[0].layers[0].ends: must be after starts"],
  [
    `${WEEK}    overrides: [{contact: ada, from: 2026-01-02, to: 2026-01-01}]\n`,
    "5:54: schedules[0].overrides[0].to: must be after from",
  ],
  [
    policy("[{notify: [{schedule: weak}]}]"),
    '7:34: policies[0].steps[0].notify[0].schedule: there is no schedule "weak"; did you mean week?',
  ],
  [
    policy("[{notify: [{receiver: nobody}]}]"),
    '7:34: policies[0].steps[0].notify[0].receiver: receiver "nobody" of alertmanager.yml tells nobody',
  ],
  [
    policy("[{notify: [{contact: ada, team: t}]}]"),
    "7:23: policies[0].steps[0].notify[0]: step 1: expected one of contact, team, schedule, receiver in each entry",
  ],
  [policy("[{notify: []}]"), "7:22: policies[0].steps[0].notify: must not be empty"],
  [policy("[]"), "7:12: policies[0].steps: must not be empty"],
  [
    policy("[{after: 10m, notify: [{contact: ada}]}, {after: 5m, notify: [{contact: ada}]}]"),
    "7:61: policies[0].steps[1].after: step 2 is due before the one in front of it, which is after 10m; times count from the beginning",
  ],
  [
    `${policy("[{notify: [{contact: ada}]}]")}    priorities: [P9]\n`,
    '8:18: policies[0].priorities[0]: "P9" is not one of P1, P2, P3, P4; did you mean P1?',
  ],
  [
    `${policy("[{notify: [{contact: ada}]}]")}    repeat: {after: 1h, times: 0}\n`,
    "8:32: policies[0].repeat.times: must be at least 1, got 0",
  ],
  [
    "dead_mans_switch: {send: {receivers: [tam]}}",
    '1:39: dead_mans_switch.send.receivers[0]: there is no receiver of alertmanager.yml "tam"; did you mean team?',
  ],
  [
    "dead_mans_switch: {send: {receivers: [team], every: 1s}}",
    "1:53: dead_mans_switch.send.every: must be at least 15s",
  ],
  [
    "dead_mans_switch: {expect: [{name: a, within: 1m}, {name: a, within: 1m}]}",
    '1:59: dead_mans_switch.expect[1].name: "a" is there already; names are unique in a section',
  ],
  [
    "silence_reminder: {receivers: [team], before: soon}",
    '1:47: silence_reminder.before: "soon" is not a duration such as "15s", "5m", "1h30m", "7d"',
  ],
];

test("what is wrong is told with its place and what is allowed", () => {
  for (const [text, ...wanted] of MISTAKES) deepEqual(problems(text), wanted, text);
});

test("all mistakes are told at once, in the order of the file", () => {
  deepEqual(
    problems(`contacts: [{name: ada}]
policies:
  - name: p
    steps: [{notify: [{contact: bob}]}]
silence_reminder: {receivers: [x]}
`).map((problem) => problem.split(": ")[1]),
    ["contacts[0]", "policies[0].steps[0].notify[0].contact", "silence_reminder.receivers[0]"],
  );
});
