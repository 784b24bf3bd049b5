import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { labelsFrom, NO_LABELS } from "@pharos/base";
import {
  type GroupAlert,
  groupKey,
  groupLabels,
  mergeAlerts,
  NO_RECORD,
  type NotificationRecord,
  needsNotification,
  planNotification,
  recordAfterFailure,
  recordWithout,
  sortAlerts,
  webhookPayload,
} from "../src/index.ts";

const NOW_MS = 1_700_000_000_000;
const REPEAT_MS = 3_600_000;

function record(
  firing: string,
  resolved: string,
  agoMs = 0,
  change: Partial<NotificationRecord> = {},
): NotificationRecord {
  return {
    ...NO_RECORD,
    firing: [...firing],
    resolved: [...resolved],
    timestampMs: NOW_MS - agoMs,
    ...change,
  };
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
    // The clock was set back by more than two servers' clocks differ.
    [record("a", "", -3600_000), "a", "", "repeat interval elapsed"],
    [record("a", "", -30_000), "a", "", undefined],
    // Whoever was to hear of a, in vain, hears that it is over.
    [record("", "", 0, { missed: ["a"] }), "", "a", "all alerts resolved", "all alerts resolved"],
    [record("b", "", 0, { missed: ["a"] }), "b", "a", "some alerts resolved", undefined],
    [record("b", "a", 0, { missed: ["a"] }), "b", "a", "some alerts resolved", undefined],
    [record("", "", 0, { missed: ["a"] }), "a", "", "first notification"],
  ];
  for (const [before, firing, resolved, expected, ...rest] of rows) {
    const decide = (sendResolved: boolean): string | undefined =>
      needsNotification(before, [...firing], [...resolved], sendResolved, REPEAT_MS, NOW_MS);
    const row = JSON.stringify([before, firing, resolved]);
    equal(decide(true), expected, row);
    equal(decide(false), rest.length > 0 ? rest[0] : expected, `${row} without resolved`);
  }
});

const ROOT = { key: "{}" };

test("groups are named as in Alertmanager", () => {
  const labels = labelsFrom({ alertname: "Down", job: 'a"b', zone: "eu" });
  equal(
    groupKey(ROOT, groupLabels({ groupBy: ["job", "alertname", "none"] }, labels)),
    '{}:{alertname="Down", job="a\\"b"}',
  );
  equal(groupKey(ROOT, groupLabels({ groupBy: [] }, labels)), "{}:{}");
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

test("an empty annotation of the first alert is common to those without it", () => {
  const annotated = [
    { ...alert({ instance: "a" }), annotations: [["note", ""] as const, ["x", "1"] as const] },
    { ...alert({ instance: "b" }), annotations: [] },
  ];
  const payload = webhookPayload(
    { ...NOTIFICATION, alerts: annotated },
    { alertsMax: 0, externalUrl: "" },
  );
  deepEqual(payload.commonAnnotations, { note: "" });
});

test("alerts are sorted by all labels as Alertmanager does: fewer first, then those without a name", () => {
  const sorted = sortAlerts([
    alert({ alertname: "A", dc: "1", zone: "a" }),
    alert({ alertname: "A", rack: "1" }),
    alert({ alertname: "A", zone: "a" }),
    alert({ alertname: "A", zone: "B" }),
    alert({ alertname: "B" }),
  ]);
  deepEqual(
    sorted.map(({ labels }) => labels.map(([name, value]) => name + value).join()),
    [
      "alertnameB",
      "alertnameA,zoneB",
      "alertnameA,zonea",
      "alertnameA,rack1",
      "alertnameA,dc1,zonea",
    ],
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
        startsAt: "2023-11-14T22:13:20Z",
        endsAt: "0001-01-01T00:00:00Z",
        generatorURL: "http://pharos/graph",
        fingerprint: "fa1f18494c760c21",
      },
      {
        status: "resolved",
        labels: { alertname: "Down", instance: "b", job: "node" },
        annotations: { summary: "it is down", host: "b" },
        startsAt: "2023-11-14T22:13:20Z",
        endsAt: "2023-11-14T22:13:21.5Z",
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

const OPTIONS = { sendResolved: true, repeatIntervalMs: REPEAT_MS };
const A = alert({ alertname: "Down", instance: "a" });
const B = alert({ alertname: "Down", instance: "b" });

function over(one: GroupAlert): GroupAlert {
  return { ...one, endsAtMs: NOW_MS };
}

test("a plan says what fires and what is over, and what is known once it is delivered", () => {
  const alerts = new Map([
    ["a", { ...A, endsAtMs: NOW_MS + 60_000 }],
    ["b", over(B)],
  ]);
  const planned = planNotification(undefined, alerts, OPTIONS, NOW_MS);
  deepEqual(planned, {
    reason: "first notification",
    alerts: [A, over(B)],
    record: { firing: ["a"], resolved: ["b"], timestampMs: NOW_MS, missed: [], sequence: 1 },
  });
});

test("a receiver that wants no resolved ones is told nothing when all is over, but its record is cleared", () => {
  const told = record("a", "", 0, { sequence: 4 });
  const options = { ...OPTIONS, sendResolved: false };
  const planned = planNotification(told, new Map([["a", over(A)]]), options, NOW_MS);
  deepEqual(planned?.alerts, []);
  deepEqual(planned?.record.firing, []);
  equal(planned?.record.sequence, 5);
});

test("where everything is muted nothing is told to be over", () => {
  equal(planNotification(record("a", ""), new Map(), OPTIONS, NOW_MS), undefined);
});

test("after a failure a receiver knows what it knew before, and what it missed is remembered", () => {
  const before = record("a", "", 1000, { sequence: 1 });
  const planned = record("ab", "", 0, { sequence: 2 });
  deepEqual(recordAfterFailure(planned, before), { ...before, missed: ["b"], sequence: 2 });
  const unsure = recordAfterFailure(record("b", "a", 0, { sequence: 3 }), record("ab", ""));
  deepEqual([unsure.firing, unsure.missed], [["b"], ["a"]], "it may have heard that a is over");
  const first = recordAfterFailure(planned, undefined);
  deepEqual(first, { ...NO_RECORD, missed: ["a", "b"], sequence: 2 });
});

test("an alert that ended while it was muted is news when it fires again", () => {
  const told = record("ab", "", 0, { missed: ["c"] });
  equal(recordWithout(told, new Set(["x"])), told);
  const without = recordWithout(told, new Set(["a", "c"]));
  deepEqual([without.firing, without.missed], [["b"], []]);
});

test("alerts that overlap in time are merged as Alertmanager merges them", () => {
  const at = (startsAtMs: number, endsAtMs: number | null): GroupAlert => ({
    ...A,
    startsAtMs: NOW_MS + startsAtMs,
    endsAtMs: endsAtMs === null ? null : NOW_MS + endsAtMs,
  });
  type Span = readonly [startsAtMs: number, endsAtMs: number | null, timedOut?: "timedOut"];
  const rows: readonly (readonly [known: Span, heard: Span, expected: Span])[] = [
    // The same again, with a later end.
    [
      [-10, 60, "timedOut"],
      [-10, 90, "timedOut"],
      [-10, 90, "timedOut"],
    ],
    // It began earlier than is said now.
    [
      [-10, 60, "timedOut"],
      [-5, 90, "timedOut"],
      [-10, 90, "timedOut"],
    ],
    // An end that somebody named outlasts a guess, and a later guess outlasts it.
    [
      [-10, 90],
      [-5, 60, "timedOut"],
      [-10, 90],
    ],
    [
      [-10, 60],
      [-5, 90, "timedOut"],
      [-10, 90, "timedOut"],
    ],
    // An earlier end counts where the later one was only a guess.
    [
      [-10, 90, "timedOut"],
      [-5, 60],
      [-10, 60],
    ],
    // It is over: the word counts at once.
    [
      [-10, 90],
      [-10, 0],
      [-10, 0],
    ],
    [
      [-10, null],
      [-10, 0],
      [-10, 0],
    ],
    // Of two ends in the past, the later one.
    [
      [-10, -2],
      [-10, -5],
      [-10, -2],
    ],
    // It came back: another alert, which began when it says.
    [
      [-10, -5],
      [-2, null],
      [-2, null],
    ],
    [
      [-10, -5],
      [-10, null],
      [-10, null],
    ],
    // Rules never guess: what they say stands beside somebody's end.
    [
      [-10, null],
      [-5, 60],
      [-10, null],
    ],
  ];
  for (const [known, heard, expected] of rows) {
    const of = ([startsAtMs, endsAtMs, timedOut]: Span) => ({
      alert: at(startsAtMs, endsAtMs),
      timedOut: timedOut !== undefined,
    });
    deepEqual(
      mergeAlerts(of(known), of(heard), NOW_MS),
      of(expected),
      JSON.stringify([known, heard]),
    );
  }
});
