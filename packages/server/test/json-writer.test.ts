import { equal } from "node:assert/strict";
import { test } from "node:test";
import { formatSampleValue, labelsFrom } from "@pharos/base";
import fc from "fast-check";
import { JsonWriter } from "../src/http/json-writer.ts";

function written(write: (json: JsonWriter) => void): string {
  const json = new JsonWriter();
  write(json);
  return new TextDecoder().decode(json.take());
}

const decimal = fc
  .tuple(fc.integer({ min: -(10 ** 9), max: 10 ** 9 }), fc.integer({ min: 0, max: 12 }))
  .map(([digits, decimals]) => digits / 10 ** decimals);

test("every value is written as it is formatted elsewhere", () => {
  const special = [0, -0, 0.1, -0.001, 1e-7, 1e15, 1e15 - 1, -1e15, 1e21, 2 ** 53, 5e-324];
  const values = fc.oneof(
    fc.double(),
    decimal,
    fc.maxSafeInteger(),
    fc.constantFrom(...special, Number.MAX_VALUE),
  );
  fc.assert(
    fc.property(values, (value) =>
      equal(
        written((json) => json.sampleValue(value)),
        `"${formatSampleValue(value)}"`,
      ),
    ),
    { numRuns: 5000 },
  );
});

test("times are seconds, with three decimals where they are not whole", () => {
  const cases: readonly (readonly [timestampMs: number, text: string])[] = [
    [0, "0"],
    [1_700_000_000_000, "1700000000"],
    [1_700_000_000_120, "1700000000.120"],
    [1_700_000_000_007, "1700000000.007"],
    [-1500, "-1.500"],
    [-1, "-0.001"],
    [8.64e15, "8640000000000"],
    [-8.64e15 + 1, "-8639999999999.999"],
  ];
  for (const [timestampMs, text] of cases)
    equal(
      written((json) => json.seconds(timestampMs)),
      text,
    );
});

test("label sets are objects whose strings come back as they were", () => {
  const unit = fc.constantFrom("a", "_", '"', "\\", "\n", "\u007f", "\u2028", "é", "😀", "\ud800");
  const text = fc.string({ unit, minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(fc.dictionary(text, text, { maxKeys: 5 }), (pairs) => {
      const labels = labelsFrom(pairs);
      const back = JSON.parse(written((json) => json.labels(labels))) as Record<string, string>;
      equal(
        JSON.stringify(Object.entries(back).sort()),
        JSON.stringify(Object.entries(pairs).sort()),
      );
    }),
  );
});

test("text of any length is whole, whatever was written before it", () => {
  const json = new JsonWriter();
  json.text("é".repeat(100_000));
  json.string("x".repeat(100_000));
  equal(new TextDecoder().decode(json.take()), `${"é".repeat(100_000)}"${"x".repeat(100_000)}"`);
  json.text("next");
  equal(new TextDecoder().decode(json.take()), "next");
  equal(json.end().length, 0);
});

test("a writer that is done leaves nothing behind for the next one, nor for those beside it", () => {
  const first = new JsonWriter();
  const beside = new JsonWriter();
  beside.text("beside");
  first.text("first");
  const piece = first.end();
  const second = new JsonWriter();
  second.text("2nd");
  equal(new TextDecoder().decode(second.end()), "2nd");
  equal(new TextDecoder().decode(beside.end()), "beside");
  equal(new TextDecoder().decode(piece), "first");
});
