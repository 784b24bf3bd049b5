import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { extentProblem, FUNCTIONS } from "@pharos/promql/syntax";

test("there are the 90 functions of Prometheus 3.14, 17 of them experimental", () => {
  const names = Object.keys(FUNCTIONS);
  equal(names.length, 90);
  deepEqual(
    names.filter((name) => FUNCTIONS[name]?.experimental),
    [
      "double_exponential_smoothing",
      "end",
      "histogram_quantiles",
      "info",
      "mad_over_time",
      "max_of",
      "min_of",
      "range",
      "sort_by_label",
      "sort_by_label_desc",
      "start",
      "start_timestamp",
      "step",
      "ts_of_first_over_time",
      "ts_of_last_over_time",
      "ts_of_max_over_time",
      "ts_of_min_over_time",
    ],
  );
});

test("only functions that look at changes take ranges with an extent", () => {
  const takers = (extent: "anchored" | "smoothed"): readonly string[] =>
    Object.keys(FUNCTIONS).filter((name) => extentProblem(name, extent) === undefined);
  deepEqual(takers("anchored"), ["changes", "delta", "increase", "rate", "resets"]);
  deepEqual(takers("smoothed"), ["delta", "increase", "rate"]);
  equal(
    extentProblem("max_over_time", "smoothed"),
    "smoothed modifier can only be used with: delta, increase, rate - not with max_over_time",
  );
});
