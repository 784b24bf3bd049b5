import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import { OperatingError } from "@pharos/base";
import {
  DURATION_PARTS_MAX,
  type Expr,
  PromqlSyntaxError,
  parse,
  printExpr,
  type QueryTimes,
  resolveDurations,
  toJson,
  walk,
} from "@pharos/promql/syntax";

/** One hour in steps of 15 s. */
const HOUR: QueryTimes = { startMs: 0, endMs: 3_600_000, stepMs: 15_000 };
const INSTANT: QueryTimes = { startMs: 60_000, endMs: 60_000, stepMs: 0 };

/** Ranges, steps and offsets in the order in which they are met, outermost first; in ms. */
function durationsOf(expr: Expr): number[] {
  const found: number[] = [];
  walk(expr, (node) => {
    if (node.kind === "matrix" || node.kind === "subquery") found.push(node.rangeMs);
    if (node.kind === "subquery" && node.stepMs !== undefined) found.push(node.stepMs);
    if ((node.kind === "vector" || node.kind === "subquery") && node.offsetMs !== 0)
      found.push(node.offsetMs);
  });
  return found;
}

describe("durations that are worked out", () => {
  const cases: readonly (readonly [text: string, ...durationsMs: number[]])[] = [
    ["x[26m + 4m]", 1_800_000],
    ["x[2m * (10 + 5)]", 1_800_000],
    ["x[24m + ((1.5 * 2m) + 2m)]", 1_740_000],
    ["x[-5m + 35m]", 1_800_000],
    ["x[1h30m % 1h]", 1_800_000],
    ["x[1h / 2]", 1_800_000],
    ["x[2 ^ 3 ^ 2]", 512_000],
    ["x[10 - 2 - 3]", 5000],
    ["x[10 - -2 ^ 2]", 14_000],
    ["x[(-2) ^ 2]", 4000],
    ["x[100 / 10 / 5]", 2000],
    ["x[1m - 0.0004 * 1]", 59_999],
    ["x[step()]", 15_000],
    ["x[step() + 1ms]", 15_001],
    ["x[range()]", 3_600_000],
    ["x[min_of(step() * 100, 1h)]", 1_500_000],
    ["x[max_of(min_of(step() + 1, 1h), 20s)]", 20_000],
    ["x offset -step()", -15_000],
    ["x offset -(step() + 5s)", -20_000],
    ["x offset (step() - 15s)"],
    ["x offset (-2 ^ 2)", -4000],
    ["x[step()] offset range()", 15_000, 3_600_000],
    ["x[range() / 4:step() * 2] offset (1m + 1s)", 900_000, 30_000, 61_000],
    ["sum(rate(x[step() * 4])) / -max_over_time(y[5m:step()]) > bool 1", 60_000, 300_000, 15_000],
  ];
  for (const [text, ...durationsMs] of cases)
    test(`${text} in an hour by 15 s has ${durationsMs.join(", ")} ms`, () => {
      const expr = resolveDurations(parse(text), HOUR, text);
      deepEqual(durationsOf(expr), durationsMs);
      equal(printExpr(expr), printExpr(parse(text)), "it is printed as it was written");
    });

  test("what needs no working out is given back as it is", () => {
    for (const text of ["1", '"a"', "x[5m:1m] offset 2m", "sum by (a) (-(x + y)) and z"]) {
      const expr = parse(text);
      equal(resolveDurations(expr, HOUR, text), expr);
    }
  });

  test("in an instant query, step() and range() are 0", () => {
    const expr = resolveDurations(parse("x[1m + range()] offset (step() + 5s)"), INSTANT);
    deepEqual(durationsOf(expr), [60_000, 5000]);
  });

  test("until then they are not a number", () => {
    deepEqual(durationsOf(parse("x[step():step()] offset step()")), [NaN, NaN, NaN]);
  });
});

describe("durations that cannot be worked out", () => {
  const cases: readonly (readonly [text: string, message: string])[] = [
    ["x[step() - 15s]", "1:3: parse error: duration must be greater than 0"],
    ["x[5m:step() - 1m]", "1:6: parse error: duration must be greater than 0"],
    ["x[0.0004 * 1]", "1:3: parse error: duration must be greater than 0"],
    ["sum(\n  rate(x[1m - range()])\n)", "2:10: parse error: duration must be greater than 0"],
    ["x[1m / (step() - 15s)]", "1:3: parse error: division by zero"],
    ["x offset (1m % (step() - 15s))", "1:11: parse error: modulo by zero"],
    ["x[step() ^ 1000]", "1:3: parse error: duration is out of range"],
    ["x offset -(step() * 1e9)", "1:10: parse error: duration is out of range"],
    ["x offset ((0 - step()) ^ 0.5)", "1:10: parse error: duration is out of range"],
  ];
  for (const [text, message] of cases)
    test(`${JSON.stringify(text)}: ${message}`, () => {
      const expr = parse(text);
      throws(
        () => resolveDurations(expr, HOUR, text),
        (error) => {
          ok(error instanceof PromqlSyntaxError);
          equal(error.message, message);
          return true;
        },
      );
    });

  test("without the text, the place is left out", () => {
    throws(
      () => resolveDurations(parse("x[step()]"), INSTANT),
      (error) => {
        ok(error instanceof OperatingError);
        equal(error.code, "query.invalid");
        equal(error.message, "duration must be greater than 0");
        return true;
      },
    );
  });
});

test("the JSON tree has calculated durations as text, and 0 for the number", () => {
  const json = toJson(parse("x[step() + 1:range() / 4] offset (step())"));
  ok(json.type === "subquery");
  const { range, rangeExpr, step, stepExpr, offset, offsetExpr } = json;
  deepEqual(
    { range, rangeExpr, step, stepExpr, offset, offsetExpr },
    {
      range: 0,
      rangeExpr: "step() + 1",
      step: 0,
      stepExpr: "range() / 4",
      offset: 0,
      offsetExpr: "(step())",
    },
  );
  const plain = toJson(parse("x[5m]"));
  ok(plain.type === "matrixSelector" && !("rangeExpr" in plain) && !("offsetExpr" in plain));
});

test("a duration has a limited number of parts, and everything works at the limit", () => {
  const shapes: readonly ((count: number) => string)[] = [
    (count) => `x[${"(".repeat(count - 2)}step() * 2${")".repeat(count - 2)}]`,
    (count) => `x[${"-".repeat(count - 1)}step()]`,
    (count) => `x offset (step()${" + 1".repeat(count / 2 - 1)})`,
  ];
  for (const shape of shapes) {
    const text = shape(DURATION_PARTS_MAX - 2);
    const expr = parse(text);
    equal(printExpr(parse(printExpr(expr))), printExpr(expr));
    throws(() => parse(shape(100 * DURATION_PARTS_MAX)), {
      reason: `duration expression of more than ${DURATION_PARTS_MAX} parts`,
    });
  }
});
