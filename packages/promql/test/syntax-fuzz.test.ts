import { equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { checkText, fuzzText } from "./syntax-fuzz.ts";

const SEEDS = 5000;

test(`what the parser promises for any text holds for ${SEEDS} written and mutated ones`, () => {
  const counts = { parsed: 0, refused: 0 };
  for (let seed = 0; seed < SEEDS; seed++) {
    const text = fuzzText(seed);
    try {
      counts[checkText(text)]++;
    } catch (error) {
      throw new Error(`seed ${seed}, ${JSON.stringify(text)}`, { cause: error });
    }
  }
  ok(counts.parsed > SEEDS / 4, `${counts.parsed} texts parse`);
  ok(counts.refused > SEEDS / 4, `${counts.refused} texts are refused`);
});

test("a number gives the same text every time", () => {
  for (let seed = 0; seed < 100; seed++) equal(fuzzText(seed), fuzzText(seed));
});
