import { deepEqual, equal, match, throws } from "node:assert/strict";
import { test } from "node:test";
import type { Rule } from "@pharos/alert";
import { readRuleBody } from "../src/rule-book/rule-body.ts";

const MINUTE = 60_000;

function ruleOf(body: string): Rule {
  const [content] = readRuleBody(body).contents;
  const [rule] = content?.rules ?? [];
  if (rule === undefined) throw new Error("no rule");
  return rule;
}

test("a threshold may name its metric in one word, with labels or a function too", () => {
  const written = [
    ["up", "up < 1"],
    ['up{job="a"}', 'up{job="a"} < 1'],
    ["sum(up)", "sum(up) < 1"],
    ["node.up", '{"node.up"} < 1'],
  ];
  for (const [metric, expr] of written) {
    const body = JSON.stringify({ name: "N", metric, condition: "<", threshold: 1 });
    equal(ruleOf(body).expr, expr);
  }
});

test("the table of a metric, a condition and a threshold is one rule", () => {
  const body = readRuleBody(
    JSON.stringify({
      name: "HighCPUUsage",
      metric_name: "cpu.load",
      condition: ">",
      threshold: 0.8,
      duration: "00:05:00",
      labels: { team: "infrastructure" },
      severity: "warning",
      channels: ["email", "pagerduty"],
      enabled: false,
    }),
  );
  equal(body.shape, "rule");
  equal(body.enabled, false);
  deepEqual(body.contents[0]?.rules, [
    {
      kind: "alert",
      name: "HighCPUUsage",
      expr: '{"cpu.load"} > 0.8',
      forMs: 5 * MINUTE,
      keepFiringForMs: 0,
      labels: [
        ["team", "infrastructure"],
        ["severity", "warning"],
        ["channels", "email,pagerduty"],
      ],
      annotations: [["summary", "cpu.load > 0.8: it is {{ $value }}"]],
    },
  ]);
});

test("a query with a condition of its own is the same in JSON and in YAML", () => {
  const json = ruleOf(
    '{"name":"Errors","metric_query":"sum(rate(errors[5m]))","condition":{"operator":">","threshold":5,"duration":"5m"},"severity":"P1","notification_channels":["pagerduty:team-a","slack:#alerts"]}',
  );
  const yaml = ruleOf(`name: Errors
metric_query: sum(rate(errors[5m]))
condition: {operator: ">", threshold: 5, duration: 5m}
severity: P1
notification_channels: [pagerduty:team-a, "slack:#alerts"]
`);
  deepEqual(json, yaml);
  equal(json.expr, "sum(rate(errors[5m])) > 5");
  deepEqual(json.labels, [
    ["severity", "P1"],
    ["channels", "pagerduty:team-a,slack:#alerts"],
  ]);
});

test("a rule of Prometheus stays as it is written", () => {
  const body = readRuleBody(`alert: HighCPUUsage
expr: "cpu.load > 0.8"
for: 5m
labels: {severity: warning}
annotations:
  summary: "High CPU on {{ host }}"
`);
  deepEqual(body.contents[0]?.rules[0], {
    kind: "alert",
    name: "HighCPUUsage",
    expr: "cpu.load > 0.8",
    forMs: 5 * MINUTE,
    keepFiringForMs: 0,
    labels: [["severity", "warning"]],
    annotations: [["summary", "High CPU on {{ host }}"]],
  });
  deepEqual(body.remarks, ['cpu.load is read as {"cpu.load"}']);
});

test("groups and files of groups are read as rule files are", () => {
  const group =
    "name: a\ninterval: 30s\nlimit: 5\nrules: [{record: x, expr: sum(y)}, {alert: B, expr: x > 1}]";
  const one = readRuleBody(group);
  equal(one.shape, "group");
  equal(one.contents[0]?.intervalMs, 30_000);
  equal(one.contents[0]?.rules.length, 2);
  const file = readRuleBody(
    `groups:\n  - {name: a, rules: [{alert: B, expr: x > 1}]}\n  - {name: b, rules: []}\n`,
  );
  deepEqual(
    file.contents.map(({ name }) => name),
    ["a", "b"],
  );
});

for (const [body, expr] of [
  [
    '{"name":"N","metric":"cpu_usage","change":{"percent":30,"window":"10m"}}',
    "100 * (cpu_usage - cpu_usage offset 10m) / abs(cpu_usage offset 10m) > 30",
  ],
  [
    '{"name":"N","metric":"x","change":{"direction":"decreases","absolute":3,"window":"1 hour","operator":">="}}',
    "x offset 1h - x >= 3",
  ],
  [
    '{"name":"N","all":["error_rate > 3%",{"metric_name":"latency_p99","condition":">","threshold":500}],"on":["service"]}',
    "error_rate > 3 and on (service) latency_p99 > 500",
  ],
  ['{"name":"N","any":["a > 1",{"all":["b > 2","c > 3"]}]}', "a > 1 or (b > 2 and c > 3)"],
  [
    '{"name":"N","condition":"avg(cpu_usage) > 90 over the last 5m, for: 5m"}',
    "avg(avg_over_time(cpu_usage[5m])) > 90",
  ],
  ['{"sentence":"IF up == 0 THEN ALERT Down"}', "up == 0"],
  ["IF api.error_rate > 5% FOR 5 minutes THEN alert", '{"api.error_rate"} > 5'],
  ["Alert: A\nCondition: x > 5 for 1m\nSeverity: page", "x > 5"],
  [
    '{"name":"N","metric_name":"http-requests","condition":"!=","threshold":"1M"}',
    '{"http-requests"} != 1000000',
  ],
] as const)
  test(`${JSON.stringify(body)} is ${expr}`, () => {
    equal(ruleOf(body).expr, expr);
  });

for (const [body, message] of [
  ["", /^the rule is missing$/],
  ["[1, 2]", /^a rule is a mapping, or a sentence$/],
  ['{"name":"N"}', /^the condition is missing: a rule has one of these: expr; sentence;/],
  ['{"name":"N","metric_name":"x","threshold":5}', /^condition: is missing; expected one of > </],
  [
    '{"name":"N","metric_name":"x","condition":"~","threshold":5}',
    /^condition: "~" is not one of >/,
  ],
  [
    '{"name":"N","metric":"x"}',
    /^condition and threshold, or change: is missing; change is {direction/,
  ],
  [
    '{"name":"N","metric":"x","condition":">","threshold":1,"change":{"direction":"increases","percent":1,"window":"1m"}}',
    /^change: there is a condition already$/,
  ],
  ['{"name":"N","metric_name":"x","condition":">"}', /^threshold: is missing; expected a number$/],
  [
    '{"name":"N","metric_name":"x","condition":">","threshold":"much"}',
    /^threshold: "much" is no number$/,
  ],
  ['{"name":"N","metric_name":"x","expr":"x > 1"}', /not several$/],
  [
    '{"name":"N","expr":"x > 1","duration":"soon"}',
    /^duration: "soon" is not a duration such as 5m/,
  ],
  ['{"name":"N","expr":"x >"}', /parse error/],
  [
    '{"name":"N","expr":"x > 1","annotations":{"a":"{{ if }}"}}',
    /^annotations\.a: could not parse template/,
  ],
  [
    '{"name":"N","all":["x > 1", {"metric_name":"y","condition":">"}]}',
    /^all\.1: threshold: is missing/,
  ],
  ['{"name":"N","all":["x > 1", {"colour":"red"}]}', /^all\.1: Unrecognized key/],
  ["name: N\nmetric_nam: x", /^rule:2:1: metric_nam: unknown key; did you mean metric_name\?/],
  ["alert: A\nexpr: x >", /^rule:2:10: expr: could not parse expression/],
  ["alert: A", /^rule:1:1: expr: is missing/],
  ["alert: ''\nexpr: x > 1", /^rule:1:8: alert: one of 'record' or 'alert' must be set$/],
  [`{"name":"N","all":${"[".repeat(5000)}`, /^rule:1:\d+: nested too deeply/],
  ["alert: A\nexpr: x > 1\nfor: [1]", /^rule:3:6: for: expected a string, got a list/],
  [
    "groups:\n  - name: a\n    rules:\n      - {alert: A, expr: '(x'}",
    /^rule:4:2\d: groups\[0\]\.rules\[0\]\.expr: could not parse/,
  ],
  [
    "name: a\nrules: [{alert: A, expr: x, nofor: 3}]",
    /^rule:2:\d+: rules\[0\]\.nofor: unknown key/,
  ],
  ["a: b: c", /^rule:1:\d+: not valid YAML/],
] as const)
  test(`${JSON.stringify(body)} is refused`, () => {
    throws(
      () => readRuleBody(body),
      (error: Error) => {
        match(error.message, message);
        return true;
      },
    );
  });
