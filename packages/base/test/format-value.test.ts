import { equal, match } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatSampleValue, formatValue } from "../src/format-value.ts";

test("values are written as Go writes them, without an exponent", () => {
  const table: readonly (readonly [number, string])[] = [
    [0, "0"],
    [-0, "-0"],
    [1.5, "1.5"],
    [-2.25, "-2.25"],
    [1e21, "1000000000000000000000"],
    [1.5e-7, "0.00000015"],
    [-1e-9, "-0.000000001"],
    [1.7976931348623157e308, `17976931348623157${"0".repeat(292)}`],
    [5e-324, `0.${"0".repeat(323)}5`],
    [Number.NaN, "NaN"],
    [Number.POSITIVE_INFINITY, "+Inf"],
    [Number.NEGATIVE_INFINITY, "-Inf"],
  ];
  for (const [value, text] of table) equal(formatValue(value), text);
});

test("every finite value comes back from its text", () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const text = formatValue(value);
      match(text, /^-?\d+(\.\d+)?$/);
      equal(Object.is(Number(text), value), true);
    }),
    { numRuns: 2000 },
  );
});

test("sample values in JSON have an exponent of two digits where Prometheus has one", () => {
  const table: readonly (readonly [number, string])[] = [
    [3.61e-7, "3.61e-07"],
    [0.000001, "0.000001"],
    [-1.5e-12, "-1.5e-12"],
    [1e21, "1e+21"],
    [123456789012345680000, "123456789012345680000"],
    [5e-324, "5e-324"],
    [-0, "-0"],
    [42, "42"],
    [Number.NaN, "NaN"],
    [Number.NEGATIVE_INFINITY, "-Inf"],
  ];
  for (const [value, text] of table) equal(formatSampleValue(value), text);
});
