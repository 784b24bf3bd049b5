import {
  alertRuleSchema,
  deliveryListSchema,
  gettableSilenceSchema,
  heartbeatListSchema,
  incidentDetailSchema,
  incidentListSchema,
  oncallSchema,
  overrideListSchema,
  pagePreviewSchema,
  queryDataSchema,
  receiverTestSchema,
  routingSchema,
  rulesDataSchema,
  ruleTestSchema,
  ruleVersionSchema,
  shiftListSchema,
  silencePreviewSchema,
  targetsDataSchema,
} from "@pharos/api";
import { expect, test } from "vitest";
import { readAlertRule, readRuleTest } from "../src/alert-rules.ts";
import { readIncidentDetail, readIncidentPage } from "../src/incident-state.ts";
import { Json } from "../src/json-reader.ts";
import { readHeartbeats, readOnCall, readOverrides, readShifts } from "../src/oncall-state.ts";
import { readPagePreviews } from "../src/page-preview.ts";
import { readInstantResult } from "../src/query-result.ts";
import { readDeliveries, readRouting, readTested } from "../src/routing-state.ts";
import { readRuleGroups } from "../src/rule-state.ts";
import { readRuleVersions } from "../src/rule-versions.ts";
import { readPreview, readSilence } from "../src/silence-state.ts";
import { readTargets } from "../src/target-state.ts";
import { RULE_VERSIONS } from "./rule-versions-sample.ts";
import {
  alertRule,
  DELIVERIES,
  HEARTBEATS,
  INCIDENT_DETAIL,
  incident,
  ONCALL,
  OVERRIDES,
  PAGE_PREVIEW,
  RECEIVER_TEST,
  ROUTING,
  RULE_REPLAY,
  RULE_TEST,
  RULES,
  SHIFTS,
  SILENCE_PREVIEW,
  SILENCES,
  TARGETS,
} from "./samples.ts";

// The page reads answers by hand: the schemas of the contract would be a quarter of its script. These tests hold both
// to the same answers.

test("incidents and silences as the contract has them are what the page reads", () => {
  const detail = incidentDetailSchema.parse(INCIDENT_DETAIL);
  expect(readIncidentDetail(new Json(detail, "data")).timeline).toHaveLength(5);
  const list = incidentListSchema.parse({ incidents: [incident("a")], cursor: "c" });
  expect(readIncidentPage(new Json(list, "data")).incidents).toHaveLength(1);
  const silences = SILENCES.map((silence) => gettableSilenceSchema.parse(silence));
  expect(silences.map((silence) => readSilence(new Json(silence, "answer")).state)).toEqual([
    "expired",
    "active",
  ]);
  const preview = silencePreviewSchema.parse(SILENCE_PREVIEW);
  expect(readPreview(new Json(preview, "data")).alerts).toHaveLength(1);
});

test("rules of the API and their tests as the contract has them are what the page reads", () => {
  const rule = readAlertRule(new Json(alertRuleSchema.parse(alertRule("r1")), "answer"));
  expect([rule.threshold, rule.metricQuery, rule.source]).toEqual([10, "node_load1", "api"]);
  const tested = ruleTestSchema.parse({ ...RULE_TEST, replay: RULE_REPLAY });
  expect(readRuleTest(new Json(tested, "answer")).replay?.intervals).toHaveLength(2);
  const versions = RULE_VERSIONS.map((version) => ruleVersionSchema.parse(version));
  expect(readRuleVersions(new Json(versions, "answer"))).toHaveLength(3);
});

test("routing and on-call as the contract has them are what the page reads", () => {
  const read = <T>(
    schema: { parse(value: unknown): unknown },
    value: unknown,
    of: (json: Json) => T,
  ) => of(new Json(schema.parse(value), "data"));
  expect(read(routingSchema, ROUTING, readRouting).receivers).toHaveLength(3);
  expect(read(receiverTestSchema, RECEIVER_TEST, readTested)).toHaveLength(1);
  expect(read(deliveryListSchema, DELIVERIES, readDeliveries).deliveries).toHaveLength(1);
  expect(read(pagePreviewSchema, PAGE_PREVIEW, readPagePreviews)).toHaveLength(2);
  expect(read(oncallSchema, ONCALL, readOnCall).policies).toHaveLength(1);
  expect(read(shiftListSchema, SHIFTS, readShifts).shifts).toHaveLength(3);
  expect(read(overrideListSchema, OVERRIDES, readOverrides)).toHaveLength(1);
  expect(read(heartbeatListSchema, HEARTBEATS, readHeartbeats)).toHaveLength(1);
});

test("rules and targets as the contract has them are what the page reads", () => {
  const rules = rulesDataSchema.parse(RULES);
  expect(readRuleGroups(new Json(rules, "data"))).toHaveLength(RULES.groups.length);
  const targets = targetsDataSchema.parse(TARGETS);
  expect(readTargets(new Json(targets, "data")).active).toHaveLength(TARGETS.activeTargets.length);
});

test("each type of query result in the contract is read", () => {
  const metric = { __name__: "up" };
  const answers = [
    { resultType: "scalar", result: [1, "2"] },
    { resultType: "string", result: [1, "2"] },
    { resultType: "vector", result: [{ metric, value: [1, "2"] }] },
    { resultType: "matrix", result: [{ metric, values: [[1, "2"]] }] },
  ];
  for (const answer of answers) {
    const data = new Json(queryDataSchema.parse(answer), "data");
    expect(readInstantResult(data).rows.map(({ value }) => value)).toEqual(["2"]);
  }
  const histogram = { count: "3", sum: "1.5", buckets: [[0, "1", "2", "3"]] };
  for (const answer of [
    { resultType: "vector", result: [{ metric, histogram: [1, histogram] }] },
    { resultType: "matrix", result: [{ metric, histograms: [[1, histogram]] }] },
  ]) {
    const { rows } = readInstantResult(new Json(queryDataSchema.parse(answer), "data"));
    expect(rows.map(({ value }) => value)).toEqual(["histogram: count 3, sum 1.5"]);
  }
});
