import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { labelsFrom, NO_LABELS } from "@pharos/base";
import {
  emptyGroup,
  type GroupAlert,
  groupKey,
  groupLabels,
  type NotificationRecord,
  needsNotification,
  type Route,
  sortAlerts,
  stepGroup,
  webhookPayload,
} from "../src/index.ts";

const NOW_MS = 1_700_000_000_000;
const REPEAT_MS = 3_600_000;

function record(firing: string, resolved: string, agoMs = 0): NotificationRecord {
  return { firing: [...firing], resolved: [...resolved], timestampMs: NOW_MS - agoMs };
}

test("whether to notify is decided as Alertmanager decides it", () => {
  const rows: readonly (readonly [
    before: NotificationRecord | undefined,
    firing: string,
    resolved: string,
    expected: string | undefined,
    expectedWithoutResolved?: string | undefined,
  ])[] = [
    [undefined, "", "", undefined],
    [undefined, "a", "", "first notification"],
    [undefined, "", "a", undefined],
    [record("", "a"), "b", "", "first notification"],
    [record("a", ""), "a", "", undefined],
    [record("a", ""), "ab", "", "new alerts added"],
    [record("ab", ""), "a", "", undefined],
    [record("ab", ""), "a", "b", "some alerts resolved", undefined],
    [record("a", "b"), "a", "b", undefined],
    [record("a", ""), "", "a", "all alerts resolved", "all alerts resolved"],
    [record("", "a"), "", "a", undefined],
    [record("a", "", REPEAT_MS), "a", "", undefined],
    [record("a", "", REPEAT_MS + 1), "a", "", "repeat interval elapsed", "repeat interval elapsed"],
    [record("", "", REPEAT_MS + 1), "", "", undefined],
  ];
  for (const [before, firing, resolved, expected, ...rest] of rows) {
    const decide = (sendResolved: boolean): string | undefined =>
      needsNotification(before, [...firing], [...resolved], sendResolved, REPEAT_MS, NOW_MS);
    const row = JSON.stringify([before, firing, resolved]);
    equal(decide(true), expected, row);
    equal(decide(false), rest.length > 0 ? rest[0] : expected, `${row} without resolved`);
  }
});

test("groups are named as in Alertmanager", () => {
  const labels = labelsFrom({ alertname: "Down", job: 'a"b', zone: "eu" });
  equal(
    groupKey(groupLabels({ groupBy: ["job", "alertname", "none"] }, labels)),
    '{}:{alertname="Down", job="a\\"b"}',
  );
  equal(groupKey(groupLabels({ groupBy: [] }, labels)), "{}:{}");
  deepEqual(groupLabels({ groupBy: "all" }, labels), labels);
});

function alert(labels: Record<string, string>, endsAtMs: number | null = null): GroupAlert {
  return {
    labels: labelsFrom(labels),
    annotations: [
      ["summary", "it is down"],
      ["host", labels["instance"] ?? ""],
    ],
    startsAtMs: NOW_MS,
    endsAtMs,
    generatorUrl: "http://pharos/graph",
  };
}

test("alerts are sorted by job, instance, then all labels; those without come last", () => {
  const sorted = sortAlerts([
    alert({ alertname: "z" }),
    alert({ alertname: "b", job: "b", instance: "1" }),
    alert({ alertname: "c", job: "a", instance: "2" }),
    alert({ alertname: "d", job: "a", instance: "1" }),
    alert({ alertname: "a" }),
  ]);
  deepEqual(
    sorted.map(({ labels }) => labels[0]?.[1]),
    ["d", "c", "b", "a", "z"],
  );
});

const NOTIFICATION = {
  receiver: "team",
  groupKey: '{}:{alertname="Down"}',
  groupLabels: labelsFrom({ alertname: "Down" }),
  routeLabels: NO_LABELS,
  reason: "first notification",
  alerts: [
    alert({ alertname: "Down", instance: "a", job: "node" }),
    alert({ alertname: "Down", instance: "b", job: "node" }, NOW_MS + 1500),
  ],
} as const;

test("the webhook's body is Alertmanager's, version 4", () => {
  const payload = webhookPayload(NOTIFICATION, { alertsMax: 0, externalUrl: "http://pharos" });
  deepEqual(JSON.parse(JSON.stringify(payload)), {
    version: "4",
    groupKey: '{}:{alertname="Down"}',
    truncatedAlerts: 0,
    status: "firing",
    receiver: "team",
    groupLabels: { alertname: "Down" },
    commonLabels: { alertname: "Down", job: "node" },
    commonAnnotations: { summary: "it is down" },
    externalURL: "http://pharos",
    notification_reason: "first notification",
    alerts: [
      {
        status: "firing",
        labels: { alertname: "Down", instance: "a", job: "node" },
        annotations: { summary: "it is down", host: "a" },
        startsAt: "2023-11-14T22:13:20.000Z",
        endsAt: "0001-01-01T00:00:00Z",
        generatorURL: "http://pharos/graph",
        fingerprint: "fa1f18494c760c21",
      },
      {
        status: "resolved",
        labels: { alertname: "Down", instance: "b", job: "node" },
        annotations: { summary: "it is down", host: "b" },
        startsAt: "2023-11-14T22:13:20.000Z",
        endsAt: "2023-11-14T22:13:21.500Z",
        generatorURL: "http://pharos/graph",
        fingerprint: "a267578ac33945e8",
      },
    ],
  });
});

test("a body with fewer alerts says how many are left out, and what is common to those it has", () => {
  const payload = webhookPayload(NOTIFICATION, { alertsMax: 1, externalUrl: "" });
  equal(payload.truncatedAlerts, 1);
  equal(payload.alerts.length, 1);
  deepEqual(payload.commonLabels, { alertname: "Down", instance: "a", job: "node" });
});

test("a notification in which nothing fires is resolved, and a label may be called __proto__", () => {
  const alerts = [alert({ ["__proto__"]: "x" }, NOW_MS)];
  const payload = webhookPayload({ ...NOTIFICATION, alerts }, { alertsMax: 0, externalUrl: "" });
  equal(payload.status, "resolved");
  equal(JSON.stringify(payload.commonLabels), '{"__proto__":"x"}');
});

const ROUTE: Route = {
  receiver: "team",
  groupBy: ["alertname"],
  groupWaitMs: 30_000,
  groupIntervalMs: 300_000,
  repeatIntervalMs: REPEAT_MS,
};

test("a step of a group changes nothing of what it was given", () => {
  const labels = labelsFrom({ alertname: "Down" });
  const group = emptyGroup(labels, ROUTE, NOW_MS);
  const down = alert({ alertname: "Down", instance: "a" });
  const one = stepGroup(group, { kind: "alerts", alerts: [down] }, ROUTE, NOW_MS).group;
  equal(group.alerts.size, 0);
  equal(one?.alerts.size, 1);
  equal(one?.nextFlushMs, NOW_MS + 30_000);
});

test("a group is over when its last alert has been told as resolved", () => {
  const group = emptyGroup(labelsFrom({ alertname: "Down" }), ROUTE, NOW_MS);
  const integrations = [{ key: "team/webhook[0]", sendResolved: true }];
  const down = alert({ alertname: "Down", instance: "a" });
  const fired = stepGroup(group, { kind: "alerts", alerts: [down] }, ROUTE, NOW_MS).group;
  const told = stepGroup(fired ?? group, { kind: "flush", integrations }, ROUTE, NOW_MS);
  equal(told.notifications.length, 1);
  const ended = { ...down, endsAtMs: NOW_MS + 1 };
  const later = NOW_MS + 300_000;
  const resolved = stepGroup(
    told.group ?? group,
    { kind: "alerts", alerts: [ended] },
    ROUTE,
    later,
  );
  const last = stepGroup(resolved.group ?? group, { kind: "flush", integrations }, ROUTE, later);
  equal(last.group, undefined);
  deepEqual(
    last.notifications.map(({ reason, alerts }) => [reason, alerts.length]),
    [["all alerts resolved", 1]],
  );
});
