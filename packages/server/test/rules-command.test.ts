import { equal } from "node:assert/strict";
import { test } from "node:test";
import type { RuleTestJson, RuleVersionJson } from "@pharos/api";
import { namedIn, testText, versionTable } from "../src/commands/rules.ts";

test("what is wrong with a rule is said with the name of its file", () => {
  const said = "rule:3:1: fro: unknown key\nrule:12:8: the expression of rule:1:1: is wrong";
  equal(
    namedIn("a$&.yml", said),
    "a$&.yml:3:1: fro: unknown key\na$&.yml:12:8: the expression of rule:1:1: is wrong",
  );
  equal(namedIn("-", "rule:3:1: expr"), "standard input:3:1: expr");
  equal(namedIn("a.yml", 'the rule "X" is in a file'), 'the rule "X" is in a file');
});

const LABELS = { alertname: "Down", host: "a" };
const COST = {
  estimated: { series: 1, samples: 9 },
  actual: { series: 1, samples: 9 },
  seconds: 0.25,
};

test("a test says whether the rule would fire, and a replay when it would have", () => {
  const now: RuleTestJson = {
    ...{ would_fire: true, value: "0", name: "Down", expr: "up == 0", for: "5m", warnings: [] },
    alerts: [{ labels: LABELS, annotations: {}, state: "firing", value: "0", active_at: "" }],
    cost: COST,
  };
  const alert = 'ALERT       STATE   VALUE\n{host="a"}  firing      0\n';
  const head = "Down: up == 0 for 5m\nwould fire now\n";
  equal(testText(now), head + alert);
  const start = "2026-01-01T00:00:00.000Z";
  const once = { labels: LABELS, pending_at: start, start, end: null, value: "0" };
  const replay = {
    ...{ start, end: start, step: "15s", firings: 1, notifications: 2, truncated: false },
    ...{ notifications_by_receiver: { team: 2 }, intervals: [once], cost: COST },
  };
  equal(
    testText({ ...now, would_fire: false, alerts: [], for: "0s", replay }),
    `Down: up == 0
would not fire now
since ${start}: fired 1 time, 2 notifications; read 9 samples in 0.250 s
ALERT       FROM                      TO     VALUE
{host="a"}  ${start}  still      0
`,
  );
});

test("versions are a line each, with all expressions of a group", () => {
  const rule = {
    ...{ name: "A", type: "alerting" as const, for: "0s", keep_firing_for: "0s" },
    labels: {},
  };
  const rules = ["up == 0", "sum by (job)\n  (up) > 1"].map((expr) => ({
    ...rule,
    annotations: {},
    expr,
  }));
  const made: RuleVersionJson = {
    ...{
      version: 1,
      action: "created",
      at: "2026-01-01T00:00:00.000Z",
      author: "ann",
      comment: "",
    },
    ...{ enabled: true, rules },
  };
  const deleted: RuleVersionJson = {
    ...made,
    version: 2,
    action: "deleted",
    comment: "not needed",
  };
  equal(
    versionTable([deleted, made]),
    `VERSION  AT                        WHAT     BY   WHY         EXPR
2        2026-01-01T00:00:00.000Z  deleted  ann  not needed  up == 0; sum by (job) (up) > 1
1        2026-01-01T00:00:00.000Z  created  ann              up == 0; sum by (job) (up) > 1
`,
  );
});
