import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import { formatLabels, labelsFrom, mergeLabels, OperatingError } from "@pharos/base";
import {
  type AlertingRule,
  type CompiledAlertingRule,
  type CompiledRecordingRule,
  checkRuleGroups,
  compileRule,
  EMPTY_RULE_STATE,
  endAlerts,
  fingerprint,
  type Rule,
  type RuleGroup,
  type RuleState,
  type RuleStep,
  type RuleVector,
  ruleStateFromJson,
  ruleStateToJson,
  stepRecordingRule,
  stepRule,
  writtenSeries,
} from "../src/index.ts";

const DOWN: AlertingRule = {
  kind: "alert",
  name: "Down",
  expr: "up == 0",
  forMs: 60_000,
  keepFiringForMs: 0,
  labels: [["severity", '{{ if eq $labels.job "db" }}page{{ else }}ticket{{ end }}']],
  annotations: [["summary", "{{ $labels.instance }} has been {{ $value }}"]],
};

function alertingRule(change: Partial<AlertingRule> = {}): CompiledAlertingRule {
  const compiled = compileRule({ ...DOWN, ...change }, { labels: [["team", "infra"]] });
  ok(compiled.kind === "alert");
  return compiled;
}

/** `up{instance="a",job="db"}` for "a/db", each with the value 0. */
function down(...names: string[]): RuleVector {
  return {
    labels: names.map((name) => {
      const [instance = "", job = "web"] = name.split("/");
      return labelsFrom({ __name__: "up", instance, job });
    }),
    values: names.map(() => 0),
  };
}

function step(
  rule: CompiledAlertingRule,
  state: RuleState,
  vector: RuleVector,
  minute: number,
  limit = 0,
): RuleStep {
  const environment = { limit, externalLabels: [], externalUrl: "http://pharos" };
  return stepRule(rule, state, vector, minute * 60_000, environment);
}

function good(result: RuleStep): Extract<RuleStep, { status: "ok" }> {
  ok(result.status === "ok", result.status === "failed" ? result.error : "");
  return result;
}

/** What a step wrote, a line a series. */
function written(result: RuleStep): string[] {
  const { samples } = good(result);
  return [
    ...samples.labelSets.map((labels, i) => `${formatLabels(labels)} ${samples.values[i]}`),
    ...samples.stale.map((labels) => `${formatLabels(labels)} stale`),
  ];
}

const IDENTITY = 'instance="a", job="db", severity="page", team="infra"';

test("an alert has the labels of the series, the rule and the group, and its texts expanded", () => {
  const { state } = good(step(alertingRule(), EMPTY_RULE_STATE, down("a/db"), 1));
  const [alert] = state.alerts.values();
  equal(formatLabels(alert?.labels ?? []), `{alertname="Down", ${IDENTITY}}`);
  deepEqual(alert?.annotations, [["summary", "a has been 0"]]);
});

test("a rule's own label stands over its group's, and an empty text takes a label away", () => {
  const rule = alertingRule({
    labels: [
      ["team", "own"],
      ["job", "{{ $labels.nothing }}"],
    ],
  });
  const { state } = good(step(rule, EMPTY_RULE_STATE, down("a"), 1));
  const [alert] = state.alerts.values();
  equal(formatLabels(alert?.labels ?? []), '{alertname="Down", instance="a", team="own"}');
});

test("ALERTS and ALERTS_FOR_STATE follow the alert, and series that end are marked stale", () => {
  const rule = alertingRule();
  const pending = good(step(rule, EMPTY_RULE_STATE, down("a/db"), 1));
  deepEqual(written(pending), [
    `ALERTS{alertname="Down", alertstate="pending", ${IDENTITY}} 1`,
    `ALERTS_FOR_STATE{alertname="Down", ${IDENTITY}} 60`,
  ]);
  const firing = good(step(rule, pending.state, down("a/db"), 2));
  deepEqual(written(firing), [
    `ALERTS{alertname="Down", alertstate="firing", ${IDENTITY}} 1`,
    `ALERTS_FOR_STATE{alertname="Down", ${IDENTITY}} 60`,
    `ALERTS{alertname="Down", alertstate="pending", ${IDENTITY}} stale`,
  ]);
  const resolved = good(step(rule, firing.state, down(), 3));
  deepEqual(written(resolved), [
    `ALERTS{alertname="Down", alertstate="firing", ${IDENTITY}} stale`,
    `ALERTS_FOR_STATE{alertname="Down", ${IDENTITY}} stale`,
  ]);
  deepEqual(written(step(rule, resolved.state, down(), 4)), []);
  deepEqual(
    resolved.changes.map(({ transition }) => transition),
    ["resolved"],
  );
});

test("value and annotations follow the series while the alert is active", () => {
  const rule = alertingRule({ forMs: 0 });
  const first = good(step(rule, EMPTY_RULE_STATE, down("a"), 1));
  const vector = { ...down("a"), values: [0.5] };
  const [alert] = good(step(rule, first.state, vector, 2)).state.alerts.values();
  equal(alert?.value, 0.5);
  deepEqual(alert?.annotations, [["summary", "a has been 0.5"]]);
  const [resolved] = good(step(rule, first.state, down(), 2)).state.alerts.values();
  equal(resolved?.value, 0, "a resolved alert keeps what it had");
});

test("two results with the same labels fail the rule and change nothing", () => {
  const rule = alertingRule({ labels: [["instance", ""]] });
  const before = good(step(rule, EMPTY_RULE_STATE, down("a"), 1)).state;
  const failed = step(rule, before, down("a", "b"), 2);
  ok(failed.status === "failed");
  equal(failed.error, "vector contains metrics with the same labelset after applying alert labels");
  equal(failed.state, before);
});

test("a rule over its limit fails, loses its alerts and resolves those that fired", () => {
  const rule = alertingRule({ forMs: 0 });
  const before = good(step(rule, EMPTY_RULE_STATE, down("a"), 1, 1)).state;
  const failed = step(rule, before, down("a", "b"), 2, 1);
  ok(failed.status === "failed");
  equal(failed.error, "exceeded limit of 1 with 2 alerts");
  equal(failed.state.alerts.size, 0);
  deepEqual(
    failed.changes.map(({ transition, alert }) => [transition, alert.state.phase]),
    [["resolved", "resolved"]],
  );
  // The series end with the next good evaluation.
  equal(written(step(rule, failed.state, down(), 3, 1)).length, 2);
});

test("resolved alerts do not count towards the limit", () => {
  const rule = alertingRule({ forMs: 0 });
  const first = good(step(rule, EMPTY_RULE_STATE, down("a"), 1, 1));
  good(step(rule, first.state, down("b"), 2, 1));
});

test("state survives JSON, with values that JSON does not have", () => {
  const rule = alertingRule({ keepFiringForMs: 600_000, forMs: 0 });
  let { state } = good(step(rule, EMPTY_RULE_STATE, { ...down("a"), values: [Number.NaN] }, 1));
  state = good(step(rule, state, { ...down("b"), values: [Number.POSITIVE_INFINITY] }, 2)).state;
  state = good(step(alertingRule({ forMs: 0 }), state, down("c"), 3)).state;
  state = good(step(alertingRule(), state, down("c", "d"), 4)).state;
  const kept = ruleStateFromJson(JSON.parse(JSON.stringify(ruleStateToJson(state))));
  deepEqual(kept, state);
  deepEqual(
    [...state.alerts.values()].map((alert) => alert.state.phase),
    ["firing", "pending", "resolved", "resolved"],
  );
});

test("a kept alert has the fingerprint by which people are told of it, and its own labels", () => {
  const { state } = good(step(alertingRule({ forMs: 0 }), EMPTY_RULE_STATE, down("a"), 1));
  const external = labelsFrom([["cluster", "eu"]]);
  const [alert] = [...state.alerts.values()];
  const [kept] = ruleStateToJson(state, external).alerts;
  equal(kept?.fingerprint, fingerprint(mergeLabels(external, alert?.labels ?? [])));
  deepEqual(kept?.labels, alert?.labels);
});

test("stored state that is damaged or from another version is refused", () => {
  for (const json of [null, {}, { version: 2 }, { version: 1, evaluatedAtMs: 1, alerts: [{}] }])
    throws(
      () => ruleStateFromJson(json),
      (error) => error instanceof OperatingError && error.code === "disk.corrupt",
    );
});

test("a rule that is taken away resolves what fired and knows which series to end", () => {
  const { state } = good(step(alertingRule({ forMs: 0 }), EMPTY_RULE_STATE, down("a", "b"), 1));
  equal(endAlerts(state, 120_000).length, 2);
  equal(writtenSeries(state).length, 4);
});

test("a recording rule names its result, sets its labels and ends series that vanish", () => {
  const rule = compileRule(
    { kind: "record", name: "job:up:sum", expr: "sum by (job) (up)", labels: [["env", "prod"]] },
    { labels: [] },
  ) as CompiledRecordingRule;
  const first = stepRecordingRule(rule, new Map(), down("a", "b"), 0);
  ok(first.status === "ok");
  deepEqual(first.samples.labelSets.map(formatLabels), [
    'job:up:sum{env="prod", instance="a", job="web"}',
    'job:up:sum{env="prod", instance="b", job="web"}',
  ]);
  const second = stepRecordingRule(rule, first.written, down("b"), 0);
  ok(second.status === "ok");
  deepEqual(second.samples.stale.map(formatLabels), [
    'job:up:sum{env="prod", instance="a", job="web"}',
  ]);
  const limited = stepRecordingRule(rule, first.written, down("a", "b"), 1);
  deepEqual(limited, { status: "failed", error: "exceeded limit of 1 with 2 series" });
  const doubled = stepRecordingRule(
    { ...rule, labels: [["instance", ""]] },
    first.written,
    down("a", "b"),
    0,
  );
  ok(doubled.status === "failed");
});

function group(...rules: Rule[]): RuleGroup {
  return {
    name: "g",
    file: "rules.yml",
    intervalMs: 60_000,
    limit: 0,
    queryOffsetMs: 0,
    labels: [],
    rules,
  };
}

/** The problems, as `level path: message`. */
function problems(...groups: RuleGroup[]): string[] {
  return checkRuleGroups(groups).map(({ level, path, message }) => `${level} ${path}: ${message}`);
}

test("a good file has no problems", () => {
  deepEqual(problems(group(DOWN, { kind: "record", name: "a:b", expr: "up", labels: [] })), []);
});

test("each problem of a rule file is reported with its place", () => {
  deepEqual(
    problems(
      group({
        ...DOWN,
        labels: [
          ["__name__", "x"],
          ["se.verity", "{{ $x }}"],
        ],
      }),
    ),
    [
      "error groups[0].rules[0].labels.__name__: invalid label name: __name__",
      'error groups[0].rules[0].labels["se.verity"]: could not parse template: 1:4: undefined variable "$x"',
    ],
  );
  deepEqual(
    problems(
      group({
        ...DOWN,
        annotations: [
          ["", "x"],
          ["s", "{{ if }}"],
        ],
      }),
    ),
    [
      'error groups[0].rules[0].annotations[""]: invalid annotation name: ',
      "error groups[0].rules[0].annotations.s: could not parse template: 1:7: missing value for if",
    ],
  );
  deepEqual(problems(group({ ...DOWN, expr: " " })), [
    "error groups[0].rules[0].expr: field 'expr' must be set in rule",
  ]);
  ok(problems(group({ ...DOWN, expr: "up ==" }))[0]?.includes("could not parse expression: 1:"));
  deepEqual(problems(group({ kind: "record", name: "up{a}", expr: "up", labels: [] })), [
    "error groups[0].rules[0].record: braces present in the recording rule name; should it be in expr?: up{a}",
  ]);
  deepEqual(problems(group({ ...DOWN, name: "" })), [
    "error groups[0].rules[0].alert: one of 'record' or 'alert' must be set",
  ]);
});

test("an expression that can never be a rule's is a warning, since Prometheus loads it", () => {
  for (const [expr, type] of [
    ["up[5m]", "range vector"],
    ['("text")', "string"],
    ["rate(up[5m])[1h:1m]", "range vector"],
  ])
    deepEqual(problems(group({ ...DOWN, expr: expr as string })), [
      `warning groups[0].rules[0].expr: this is a ${type}: the rule fails, which needs an instant vector or a scalar`,
    ]);
  for (const expr of ["time()", "1", "-up", "sum(up)"])
    deepEqual(problems(group({ ...DOWN, expr })), []);
});

test("a template that asks for what is not supported yet is a warning, since the alert matters more", () => {
  const summary = '{{ with call "up" }}{{ . | first | value }}{{ end }}';
  deepEqual(problems(group({ ...DOWN, annotations: [["summary", summary]] })), [
    'warning groups[0].rules[0].annotations.summary: 1:9: function "call" is not supported yet',
  ]);
});

test("a group name may come once in a file, and a doubled rule is a warning", () => {
  deepEqual(problems(group(), group()), [
    'error groups[1].name: groupname: "g" is repeated in the same file',
  ]);
  deepEqual(problems(group(DOWN, DOWN)), [
    "warning groups[0].rules[1]: same name, labels and expression as rules[0]",
  ]);
});
