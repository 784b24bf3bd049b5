import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import { OperatingError } from "@pharos/base";
import { parse } from "@pharos/promql/syntax";
import fc from "fast-check";
import { compileRuleForm, simpleCondition } from "../src/rule-forms/compile-rule-form.ts";
import { conditionExpr } from "../src/rule-forms/condition-expr.ts";
import { readQuantity } from "../src/rule-forms/quantity.ts";
import { readQuery } from "../src/rule-forms/query-text.ts";
import type { RuleCondition, RuleForm } from "../src/rule-forms/rule-form.ts";
import { readRuleSentence } from "../src/rule-forms/rule-sentence.ts";
import { readRuleText } from "../src/rule-forms/rule-text.ts";
import { parseSpokenDuration } from "../src/rule-forms/spoken-duration.ts";

const MINUTE = 60_000;

const LABELS: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ["error_rate", new Set(["service", "error_code"])],
  ["latency_p99", new Set(["service", "host"])],
  ["disk_full", new Set(["mount"])],
]);

function formOf(sentence: string): RuleForm {
  const read = readRuleSentence(sentence);
  const plain = { labels: [], annotations: [], severity: undefined, channels: [] };
  return { ...read, keepFiringForMs: 0, ...plain };
}

/** `expr | for in minutes`, of a sentence. */
function promql(sentence: string): string {
  const { rule } = compileRuleForm(formOf(sentence), (metric) => LABELS.get(metric));
  return rule.forMs === 0 ? rule.expr : `${rule.expr} | ${rule.forMs / MINUTE}m`;
}

for (const [sentence, expected] of [
  ["IF api.error_rate > 5% FOR 5 minutes THEN alert", '{"api.error_rate"} > 5 | 5m'],
  [
    "IF cpu_usage increases > 30% in 10 minutes THEN alert",
    "100 * (cpu_usage - cpu_usage offset 10m) / abs(cpu_usage offset 10m) > 30",
  ],
  ["x decreases by >= 5 within 1h", "x offset 1h - x >= 5"],
  ["x changes 5 in 1 hour", "abs(x - x offset 1h) > 5"],
  ["x offset 5m increases 5 in 1h", "x offset 5m - x offset 1h5m > 5"],
  ["rate(x[5m]) increases 1 in 1h", "rate(x[5m]) - rate(x[5m] offset 1h) > 1"],
  [
    "IF error_rate > 3% AND latency_p99 > 500ms THEN alert",
    "error_rate > 3 and on (service) latency_p99 > 500",
  ],
  ["error_rate > 3 AND disk_full > 1", "error_rate > 3 and on () disk_full > 1"],
  ["error_rate > 3 and other > 1", "error_rate > 3 and other > 1"],
  [
    "sum by (service) (error_rate) > 3 and max by (service) (latency_p99) > 1",
    "sum by (service) (error_rate) > 3 and max by (service) (latency_p99) > 1",
  ],
  [
    "a > 1 AND ON (host) b > 2 AND ON (host) c > 3",
    "a > 1 and on (host) b > 2 and on (host) c > 3",
  ],
  ["a > 1 OR b > 2 AND c > 3", "a > 1 or (b > 2 and c > 3)"],
  ["avg(cpu_usage) > 90 over the last 5m, for: 5m", "avg(avg_over_time(cpu_usage[5m])) > 90 | 5m"],
  ["max(t) > 4 over 10 minutes", "max(max_over_time(t[10m])) > 4"],
  ["a / b > 4 over 10m", "avg_over_time((a / b)[10m:]) > 4"],
  ["cpu > 90%", "cpu > 90"],
  ["up == 0", "up == 0"],
  ["db.connections.available = 0", '{"db.connections.available"} == 0'],
  ["request_duration_seconds > 500ms", "request_duration_seconds > 0.5"],
  ["errors_ratio > 5%", "errors_ratio > 0.05"],
  ["consumer_lag > 1M", "consumer_lag > 1000000"],
  ["absent(up{job='a AND b'}) FOR 1m", 'absent(up{job="a AND b"}) | 1m'],
  ["a > 1 unless b > 2", "a > 1 unless b > 2"],
  ["a < -1.5e3", "a < -1500"],
] as const)
  test(`"${sentence}" is ${expected}`, () => {
    equal(promql(sentence), expected);
  });

for (const [sentence, message] of [
  ["IF cpu", '1:4: "cpu" is compared with nothing; write cpu > 90'],
  ["IF > 5", '1:4: ">" has no query before it'],
  ["cpu >", '1:5: ">" has no number after it'],
  ["x > five%", '1:5: "five%" is no number with a unit that is known'],
  ["x > 5lightyears", '1:5: "5lightyears" is no number with a unit that is known'],
  ["x > 5% > 3%", '1:8: ">" is a second comparison; join them with AND or OR'],
  [
    "x > 5 FOR four minutes",
    '1:11: "four minutes" is no duration; write a duration such as 5m, 1h30m, 5 minutes or 00:05:00',
  ],
  [
    "x > 5 FOR",
    "1:10: nothing stands after FOR; write a duration such as 5m, 1h30m, 5 minutes or 00:05:00",
  ],
  ["x > 5 THEN page", '1:12: "page" does not go on as THEN ALERT'],
  ["IF AND x > 4", '1:4: a condition is missing before "AND"'],
  ["x > 1 AND", "1:10: a condition is missing"],
  ["x increases 4", '1:3: "increases" does not say in what time; write IN 10 minutes'],
  ["x increases < 4 in 1h", '1:13: "<" cannot be there: a change is ">" or ">=" an amount'],
  ["x increases much in 1h", '1:13: "much" is no amount of a change; write 30% or 30'],
  ["x increases 4 in 0s", '1:15: "in" needs a duration above zero'],
  ["rate(x[5m] > 4", '1:5: "(" is not closed'],
  ['x{a="b} > 4', '1:5: the string that begins with " does not end'],
  ["a > 1 AND ON (x) b > 2 AND c > 3", "1:27: every AND beside it must have the same ON (…)"],
] as const)
  test(`"${sentence}" is refused with the place of the mistake`, () => {
    throws(() => promql(sentence), { message, code: "input.invalid" });
  });

test("any text at all is a sentence or is refused as one", () => {
  const words = [
    "IF",
    "cpu",
    ">",
    "5%",
    "AND",
    "OR",
    "FOR",
    "5m",
    "in",
    "over",
    "(",
    ")",
    '"',
    "=",
  ];
  const sentence = fc.oneof(
    fc.string({ maxLength: 40 }),
    fc
      .array(fc.constantFrom(...words, "increases", "THEN", "alert", "the last"), { maxLength: 12 })
      .map((all) => all.join(" ")),
  );
  fc.assert(
    fc.property(sentence, (text) => {
      try {
        parse(promql(text).replace(/ \| [\d.]+m$/, ""));
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error;
      }
    }),
    { numRuns: 2000 },
  );
});

test("a name with dots is said to be what it is elsewhere", () => {
  deepEqual(readQuery('rate(http.requests{code=~"5.."}[5m]) > cpu.load').remarks, [
    'http.requests is read as {"http.requests"}',
    'cpu.load is read as {"cpu.load"}',
  ]);
  deepEqual(readQuery('{"cpu.load"} > 0.8 * cpu_load').remarks, []);
  throws(() => readQuery("cpu.load >"), { code: "query.invalid" });
});

test("a unit is converted where the metric's name says its own, and never silently dropped", () => {
  deepEqual(readQuantity("500ms", "http_request_duration_seconds"), {
    value: 0.5,
    remark: "500ms is compared as 0.5",
  });
  deepEqual(readQuantity("500ms", "latency_ms"), { value: 500, remark: undefined });
  equal(readQuantity("2GiB", "memory_bytes")?.value, 2 * 1024 ** 3);
  equal(readQuantity("90%", "disk_usage_pct")?.value, 90);
  equal(
    readQuantity("5%", "error_rate")?.remark,
    "5% is compared as 5: the name of error_rate does not say its unit",
  );
  equal(readQuantity("5 bananas", "x"), undefined);
});

for (const [text, durationMs] of [
  ["5m", 5 * MINUTE],
  ["1h30m", 90 * MINUTE],
  ["5 minutes", 5 * MINUTE],
  ["1.5 hours", 90 * MINUTE],
  ["00:05:00", 5 * MINUTE],
  ["1 02:00:00", 26 * 60 * MINUTE],
  ["0", 0],
  ["five minutes", undefined],
  ["5 parsecs", undefined],
  ["99999999999999 weeks", undefined],
] as const)
  test(`the duration "${text}" is ${durationMs ?? "none"}`, () => {
    equal(parseSpokenDuration(text), durationMs);
  });

test("lines of a rule are read, channels too", () => {
  const form = readRuleText(`Alert: HighCPUUsage
Condition: avg(cpu_usage{service="api-gateway"}) > 80 for 5 minutes
Severity: warning
Notification: slack-channel=#alerts, email
`);
  const { rule } = compileRuleForm(form);
  deepEqual(rule, {
    kind: "alert",
    name: "HighCPUUsage",
    expr: 'avg(cpu_usage{service="api-gateway"}) > 80',
    forMs: 5 * MINUTE,
    keepFiringForMs: 0,
    labels: [
      ["severity", "warning"],
      ["channels", "slack:#alerts,email"],
    ],
    annotations: [["summary", 'avg(cpu_usage{service="api-gateway"}) > 80: it is {{ $value }}']],
  });
});

for (const [text, message] of [
  ["Alert: A\nSeverity: b", /^a Condition: is missing$/],
  ["Alert: A\nCondition: x > 5 for ever", /^2:Condition:11: "ever" is no duration/],
  ["Alert: A\n  Colour: red", /^2:3: "Colour: red" is no line of a rule/],
  ["Alert: A\nAlert: B\nCondition: x > 5", /^2:1: Alert: is there twice$/],
] as const)
  test(`${JSON.stringify(text)} is refused as a rule`, () => {
    throws(() => readRuleText(text), { message });
  });

test("all and any of conditions nest, and labels to match by are kept", () => {
  const condition: RuleCondition = {
    kind: "all",
    on: ["host"],
    conditions: [
      {
        kind: "any",
        on: undefined,
        conditions: [
          { kind: "expr", expr: "a > 1" },
          { kind: "expr", expr: "b.c > 2" },
        ],
      },
      { kind: "threshold", query: "d", operator: "<", threshold: 3, overMs: 0 },
    ],
  };
  equal(conditionExpr(condition).text, '(a > 1 or {"b.c"} > 2) and on (host) d < 3');
});

test("a rule has a limited number of conditions", () => {
  const one: RuleCondition = { kind: "expr", expr: "a > 1" };
  const many: RuleCondition = {
    kind: "any",
    on: undefined,
    conditions: Array.from({ length: 65 }, () => one),
  };
  throws(() => conditionExpr(many), { code: "input.invalid" });
});

test("a condition that is a string or a range is refused", () => {
  throws(() => compileRuleForm(formOf('IF "a"')), { message: /is a string$/ });
  throws(() => compileRuleForm(formOf("IF rate(a[5m])[5m:] ")), { message: /is a range vector$/ });
});

test("a query compared with a number has columns, anything else has none", () => {
  deepEqual(simpleCondition(parse("sum(rate(a[5m])) > 5")), {
    metricQuery: "sum(rate(a[5m]))",
    operator: ">",
    threshold: "5",
  });
  equal(simpleCondition(parse("a <= -5"))?.threshold, "-5");
  equal(simpleCondition(parse("a > b")), undefined);
  equal(simpleCondition(parse("a > bool 5")), undefined);
  equal(simpleCondition(parse("a > 5 and b > 5")), undefined);
});
