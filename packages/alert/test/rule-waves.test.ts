import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compileRule, type Rule } from "../src/rule.ts";
import { ruleWaves } from "../src/rule-waves.ts";

function record(name: string, expr: string): Rule {
  return { kind: "record", name, expr, labels: [] };
}

function alert(name: string, expr: string, summary = ""): Rule {
  const times = { forMs: 0, keepFiringForMs: 0 };
  return { kind: "alert", name, expr, ...times, labels: [], annotations: [["summary", summary]] };
}

/** The names of the rules in each wave. */
function waves(...rules: readonly Rule[]): string[][] {
  const compiled = rules.map((rule) => ({ compiled: compileRule(rule, { labels: [] }) }));
  return ruleWaves(compiled).map((wave) => wave.map((each) => each.compiled.rule.name));
}

test("rules that read nothing of each other are one wave, in their order", () => {
  deepEqual(
    waves(alert("A", "x > 1"), record("r", "sum(x)"), alert("B", "y > 1"), record("s", "sum(y)")),
    [["A", "r", "B", "s"]],
  );
  deepEqual(waves(), []);
});

test("a rule that reads what one before it records begins a wave, one that reads what comes later does not", () => {
  deepEqual(waves(record("r", "sum(x)"), alert("A", "r > 1"), record("q", "r + 1")), [
    ["r"],
    ["A", "q"],
  ]);
  deepEqual(waves(alert("A", "r > 1"), record("r", "sum(x)")), [["A", "r"]]);
  deepEqual(waves(record("r", "sum(x)"), record("q", "r"), record("p", "q")), [
    ["r"],
    ["q"],
    ["p"],
  ]);
});

test("selectors read what they may match: by pattern, by name in braces, by no name at all", () => {
  const first = record("job:up:sum", "sum(up)");
  for (const expr of [
    '{__name__=~"job:.*"}',
    '{__name__="job:up:sum"}',
    '{job="a"}',
    'sum({job!=""})',
  ])
    deepEqual(waves(first, alert("A", `${expr} > 0`)), [["job:up:sum"], ["A"]], expr);
  for (const expr of ['{__name__=~"node:.*"}', '{__name__!~"job:.*", job="a"}', "job:up:count"])
    deepEqual(waves(first, alert("A", `${expr} > 0`)), [["job:up:sum", "A"]], expr);
});

test("rules read ALERTS of the alerts that they name, or of all", () => {
  const down = alert("Down", "up == 0");
  for (const expr of [
    "ALERTS",
    'ALERTS{alertname="Down"}',
    "ALERTS_FOR_STATE",
    'ALERTS{alertname=~"D.*"}',
  ])
    deepEqual(waves(down, record("r", `count(${expr})`)), [["Down"], ["r"]], expr);
  deepEqual(waves(down, record("r", 'count(ALERTS{alertname="Up"})')), [["Down", "r"]]);
  deepEqual(waves(record("ALERTS", "x"), record("r", "ALERTS")), [["ALERTS"], ["r"]]);
});

test("what is read out of sight counts: info, and queries of templates", () => {
  const first = record("r", "sum(x)");
  deepEqual(waves(first, record("q", "info(x)")), [["r"], ["q"]]);
  deepEqual(waves(first, alert("A", "x > 1", '{{ query "r" | first | value }}')), [["r"], ["A"]]);
  deepEqual(waves(first, alert("A", "x > 1", "this is no query")), [["r", "A"]]);
});

test("the waves are all rules in their order, and within one none reads what one before it writes", () => {
  const name = fc.integer({ min: 0, max: 5 }).map((i) => `m${i}`);
  const rule = fc
    .tuple(name, fc.array(name, { minLength: 1, maxLength: 3 }))
    .map(([own, read]) => ({ own, read }));
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 20 }), (rules) => {
      const compiled = rules.map(({ own, read }) => ({
        read,
        own,
        compiled: compileRule(record(own, read.join(" + ")), { labels: [] }),
      }));
      const found = ruleWaves(compiled);
      deepEqual(found.flat(), compiled);
      for (const wave of found) {
        const written = new Set<string>();
        for (const { own, read } of wave) {
          deepEqual(
            read.filter((metric) => written.has(metric)),
            [],
          );
          written.add(own);
        }
      }
    }),
  );
});
