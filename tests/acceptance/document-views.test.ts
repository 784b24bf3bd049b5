import { deepEqual, equal } from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { openPostgresDocumentStore } from "@pharos/adapters/postgres";
import { openSqliteDocumentStore } from "@pharos/adapters/sqlite";
import {
  type Alert,
  DEFAULT_FLAP_POLICY,
  fingerprint,
  type Incident,
  type IncidentEvent,
  type IncidentTransition,
  type RuleState,
  ruleStateToJson,
  stepIncident,
} from "@pharos/alert";
import { labelsFrom, labelsKey } from "@pharos/base";
import type { DocumentStore } from "@pharos/ports";
import { SimClock } from "@pharos/testing";
import {
  eventDocuments,
  INCIDENT_COLLECTION,
  INCIDENT_EVENT_COLLECTION,
  incidentToDocument,
} from "../../packages/notify/src/incidents/incident-documents.ts";
import { readRuleBody } from "../../packages/server/src/rule-book/rule-body.ts";
import { RuleBook } from "../../packages/server/src/rule-book/rule-book.ts";
import { RULE_STATE_COLLECTION } from "../../packages/server/src/rules/rule-surroundings.ts";
import { temporaryFolder } from "../harness/pharos-process.ts";
import { PostgresProcess, skipWithoutPostgres } from "../harness/postgres-process.ts";

const START_MS = Date.UTC(2026, 10, 21, 20);
const MINUTE_MS = 60_000;

/** NUL is what databases stumble over. */
const RULES = [
  '{"name":"HighErrors","metric_name":"error_rate","condition":">","threshold":5,"duration":"5m","severity":"P1","channels":["pagerduty:team-a","slack:#alerts"]}',
  '{"alert":"Gone","expr":"absent(up)","labels":{"odd":"a\\u0000b"}}',
  '{"name":"two","rules":[{"record":"r","expr":"1"},{"alert":"Slow","expr":"rate(slow[5m]) > 1e3","for":"90s","labels":{"severity":"page"}}]}',
];

const LABELS = labelsFrom({ alertname: "HighErrors", severity: "P1", host: "a" });

/** Writes documents as the server does. */
async function writeAll(store: DocumentStore): Promise<void> {
  const clock = new SimClock(START_MS);
  await using book = await RuleBook.open({
    clock,
    store,
    onChange: () => {},
    onProblem: (error) => {
      throw error;
    },
  });
  for (const text of RULES) {
    const { contents } = readRuleBody(text);
    await book.create("rules", contents, { author: "ann", comment: "" });
  }
  const firing: Alert = {
    labels: LABELS,
    annotations: [],
    value: 7.5,
    state: {
      ...{ phase: "firing", activeAtMs: START_MS, firedAtMs: START_MS + 5 * MINUTE_MS },
      falseSinceMs: null,
    },
  };
  const pending: Alert = {
    labels: labelsFrom({ alertname: "HighErrors", host: "b\0" }),
    annotations: [],
    value: Number.POSITIVE_INFINITY,
    state: { phase: "pending", activeAtMs: START_MS },
  };
  const state: RuleState = {
    alerts: new Map([firing, pending].map((alert) => [labelsKey(alert.labels), alert])),
    written: new Map(),
    evaluatedAtMs: START_MS + 6 * MINUTE_MS,
  };
  const { incident, transitions } = toldTwice();
  await store.transaction(async (tx) => {
    const body = ruleStateToJson(state);
    await tx.put(RULE_STATE_COLLECTION, { id: "some rule", body, sortKey: 0 });
    await tx.put(INCIDENT_COLLECTION, incidentToDocument(incident));
    await tx.putAll(INCIDENT_EVENT_COLLECTION, eventDocuments(incident, transitions));
  });
}

/** An incident of the firing alert, of which two notifications were delivered. */
function toldTwice(): { incident: Incident; transitions: readonly IncidentTransition[] } {
  const alert = {
    ...{ labels: LABELS, annotations: [], generatorUrl: "" },
    ...{ startsAtMs: START_MS + 5 * MINUTE_MS, endsAtMs: null },
  };
  const group = { id: "{}/0:{}", key: "{}:{}", receiver: "team", labels: labelsFrom({}) };
  const told: IncidentEvent = {
    kind: "notified",
    ...{ notification: "key", integration: "team/webhook[0]", receiver: "team" },
    outcome: "delivered",
    error: "",
  };
  const events: readonly IncidentEvent[] = [
    { kind: "alerts", group, alerts: [{ alert, suppressedBy: [] }] },
    told,
    told,
  ];
  let incident: Incident | undefined;
  const transitions: IncidentTransition[] = [];
  for (const [at, event] of events.entries()) {
    const step = stepIncident(
      incident,
      event,
      START_MS + (6 + at) * MINUTE_MS,
      DEFAULT_FLAP_POLICY,
    );
    incident = step.incident;
    transitions.push(...step.transitions);
  }
  if (incident === undefined) throw new Error("an alert that fires opens an incident");
  return { incident, transitions };
}

const TIMES = {
  start: "2026-11-21T20:00:00.000Z",
  fired: "2026-11-21T20:05:00.000Z",
  evaluated: "2026-11-21T20:06:00.000Z",
  told: "2026-11-21T20:08:00.000Z",
};

/** What each view shows of it, by its first columns; times as ISO 8601, JSON parsed. */
const EXPECTED = {
  "alert_rules ORDER BY name": [
    {
      ...{ name: "Gone", metric_query: "absent(up)", condition: null, severity: null },
      notification_channels: [],
    },
    {
      ...{ name: "HighErrors", metric_query: "error_rate", severity: "P1" },
      condition: { operator: ">", threshold: "5", duration: "5m" },
      notification_channels: ["pagerduty:team-a", "slack:#alerts"],
    },
    {
      ...{ name: "Slow", metric_query: "rate(slow[5m])", severity: "page" },
      condition: { operator: ">", threshold: "1000", duration: "1m30s" },
      notification_channels: [],
    },
  ],
  "alert_rule WHERE name = 'HighErrors'": [
    {
      ...{ name: "HighErrors", metric_name: "error_rate", condition: ">", threshold: 5 },
      ...{ severity: "P1", channels: ["pagerduty:team-a", "slack:#alerts"], enabled: true },
      labels: { channels: "pagerduty:team-a,slack:#alerts", severity: "P1" },
      created_at: TIMES.start,
    },
  ],
  alert_incidents: [
    {
      ...{ status: "firing", started_at: TIMES.fired, resolved_at: null, name: "HighErrors" },
      ...{ severity: "P1", priority: "P1", labels: {} },
    },
  ],
  "alert_instance ORDER BY state": [
    {
      ...{ rule: "HighErrors", fingerprint: fingerprint(LABELS), state: "firing" },
      ...{ pending_since: TIMES.start, firing_since: TIMES.fired, resolved_at: null },
      ...{ current_value: 7.5, labels: Object.fromEntries(LABELS), notifications_sent: 2 },
      ...{ last_notification_at: TIMES.told, updated_at: TIMES.evaluated },
    },
    {
      ...{ rule: "HighErrors", state: "pending", pending_since: TIMES.start, firing_since: null },
      ...{ resolved_at: null, notifications_sent: 0, last_notification_at: null },
      updated_at: TIMES.evaluated,
    },
  ],
};

type Row = Readonly<Record<string, unknown>>;

/** Every column that `EXPECTED` names is as it says; every incident names the rule of its alert. */
async function checkViews(rowsOf: (from: string) => Promise<readonly Row[]>): Promise<void> {
  for (const [view, expected] of Object.entries(EXPECTED)) {
    const rows = await rowsOf(view);
    const shown = rows.map((row, at) =>
      Object.fromEntries(Object.keys(expected[at] ?? {}).map((column) => [column, row[column]])),
    );
    deepEqual(shown, expected, view);
  }
  const [rule] = await rowsOf("alert_rules WHERE name = 'HighErrors'");
  const [incident] = await rowsOf("alert_incidents");
  deepEqual(incident?.["rule_id"], rule?.["rule_id"]);
}

test("the views of SQLite show rules, incidents and instances", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "pharos.db");
  {
    await using store = await openSqliteDocumentStore(path);
    await writeAll(store);
  }
  using database = new DatabaseSync(path, { readOnly: true });
  const parsed = (column: string, value: unknown): unknown => {
    if (["condition", "labels", "channels", "notification_channels"].includes(column))
      return typeof value === "string" && /^[[{]/.test(value) ? JSON.parse(value) : value;
    return column === "enabled" ? value === 1 : value;
  };
  await checkViews(async (from) =>
    database
      .prepare(`SELECT * FROM ${from}`)
      .all()
      .map((row) =>
        Object.fromEntries(Object.entries(row).map(([name, value]) => [name, parsed(name, value)])),
      ),
  );
  const [rule] = database.prepare("SELECT duration FROM alert_rule WHERE name = 'Slow'").all();
  equal(rule?.["duration"], "90.0 seconds");
});

test("the views of PostgreSQL show the same", { skip: skipWithoutPostgres() }, async () => {
  await using folder = await temporaryFolder();
  await using postgres = await PostgresProcess.start(folder.path);
  {
    await using store = await openPostgresDocumentStore({ url: postgres.url(), waitMsMax: 0 });
    await writeAll(store);
  }
  const parsed = (column: string, value: unknown): unknown =>
    /_at$|_since$/.test(column) && typeof value === "string"
      ? new Date(value).toISOString()
      : value;
  await checkViews(async (from) => {
    const text = await postgres.psql(
      `SELECT coalesce(json_agg(v), '[]') FROM (SELECT * FROM ${from}) AS v`,
    );
    return (JSON.parse(text) as Row[]).map((row) =>
      Object.fromEntries(Object.entries(row).map(([name, value]) => [name, parsed(name, value)])),
    );
  });
  equal(
    await postgres.psql("SELECT extract(epoch FROM duration) FROM alert_rule WHERE name = 'Slow'"),
    "90.000000",
  );
  equal(
    await postgres.psql("SELECT current_value FROM alert_instance WHERE state = 'pending'"),
    "Infinity",
  );
});
