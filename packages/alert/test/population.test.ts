import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { labelsFrom } from "@pharos/base";
import { parse, printExpr } from "@pharos/promql/syntax";
import { countThings, mayComeFrom, populationOf } from "../src/population.ts";

test("a condition is about what it compares", () => {
  const cases: readonly (readonly [expr: string, counted: string, threshold?: number])[] = [
    ["up == 0", "up", 0],
    ["(rate(errors_total[5m])) > 3", "(rate(errors_total[5m]))", 3],
    ["-5 < (temperature)", "(temperature)", -5],
    ["((x > 1)) < 5", "x", 1],
    ["used / size > 0.9 and on (instance) up == 1", "used / size", 0.9],
    ["up == 0 unless on (instance) maintenance", "up", 0],
    ["used > limit", "used"],
    ["sum by (job) (x) >= 10", "sum by (job) (x)", 10],
  ];
  for (const [expr, counted, threshold] of cases) {
    const population = populationOf(parse(expr));
    ok(population !== undefined, expr);
    deepEqual([printExpr(population.expr), population.threshold], [counted, threshold], expr);
  }
});

test("what chooses from nothing has no population", () => {
  for (const expr of [
    "absent(up)",
    "up",
    "up == bool 0",
    "vector(1)",
    "x > 1 or y > 1",
    "1 < bool 2",
  ])
    equal(populationOf(parse(expr)), undefined, expr);
});

test("things are counted by the label that tells them apart", () => {
  const hosts = (...names: string[]) =>
    names.map((instance, at) => labelsFrom({ instance, job: "node", cpu: String(at) }));
  deepEqual(countThings(hosts("a", "b"), hosts("a", "a", "b", "c")), {
    ...{ affected: 2, total: 3, label: "instances" },
  });
  const pods = ["x", "y", "z"].map((pod) => labelsFrom({ pod, job: "shop" }));
  deepEqual(countThings(pods.slice(0, 1), pods), { affected: 1, total: 3, label: "pods" });
  deepEqual(countThings([labelsFrom({ job: "a" })], [labelsFrom({ job: "a" }), labelsFrom({})]), {
    ...{ affected: 1, total: 2, label: "series" },
  });
  equal(countThings([], pods), undefined);
  equal(countThings(pods, []), undefined, "nothing is left to count among");
  deepEqual(countThings(pods, pods.slice(0, 1)), { affected: 3, total: 3, label: "pods" });
});

test("an alert can come from an element whose labels it has, but for those that its rule sets", () => {
  const element = labelsFrom({ __name__: "up", instance: "a", severity: "none" });
  const set = new Set(["severity"]);
  ok(mayComeFrom(labelsFrom({ alertname: "Down", instance: "a", severity: "page" }), element, set));
  ok(
    !mayComeFrom(labelsFrom({ alertname: "Down", instance: "b", severity: "page" }), element, set),
  );
});
