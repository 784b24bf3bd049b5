import fc from "fast-check";
import { expect, test } from "vitest";
import { selectorOf } from "../src/label-query.ts";
import { formatMatchers, matchesNothing, parseMatchers } from "../src/silence-draft.ts";
import { MATCH_OPERATORS, recurrenceText } from "../src/silence-state.ts";

test("words are parts of the alert's name, terms are matchers, and a selector is left as it is", () => {
  expect(selectorOf("  ")).toBeUndefined();
  expect(selectorOf("disk.full")).toBe('{alertname=~"(?i).*disk\\\\.full.*"}');
  expect(selectorOf('team=storage, instance=~"db-.*"')).toBe('{team="storage",instance=~"db-.*"}');
  expect(selectorOf('team="a b" x!=1')).toBe('{team="a b",x!="1"}');
  expect(selectorOf('{a="b"}')).toBe('{a="b"}');
  expect(selectorOf('Up{a="b"}')).toBe('Up{a="b"}');
});

test("any matchers survive the URL of a new silence", () => {
  const matcher = fc.record({
    name: fc.string({ unit: "grapheme", minLength: 1 }),
    operator: fc.constantFrom(...MATCH_OPERATORS),
    value: fc.string({ unit: "grapheme" }),
  });
  fc.assert(
    fc.property(fc.array(matcher, { maxLength: 5 }), (matchers) => {
      expect(parseMatchers(formatMatchers(matchers))).toEqual(matchers);
    }),
  );
});

test("matchers are read with and without braces and quotes", () => {
  const expected = [
    { name: "a", operator: "=", value: "b" },
    { name: "c", operator: "!~", value: "d,e" },
  ];
  expect(parseMatchers('{a=b, c!~"d,e"}')).toEqual(expected);
  expect(parseMatchers('"a"="b",c!~"d,e"')).toEqual(expected);
});

test("a matcher that is true without the label would hide everything", () => {
  const one = (operator: "=" | "!=" | "=~" | "!~", value: string) =>
    matchesNothing({ name: "a", operator, value });
  expect([one("=", ""), one("!=", "b"), one("=~", ".*"), one("!~", "b")]).toEqual([
    true,
    true,
    true,
    true,
  ]);
  expect([one("=", "b"), one("!=", ""), one("=~", "b.+"), one("!~", ".*")]).toEqual([
    false,
    false,
    false,
    false,
  ]);
});

test("common recurrences are words, others are shown as they are", () => {
  expect(recurrenceText("FREQ=DAILY")).toBe("every day");
  expect(recurrenceText("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR")).toBe("Monday to Friday");
  expect(recurrenceText("FREQ=WEEKLY;BYDAY=SU;INTERVAL=2")).toBe("FREQ=WEEKLY;BYDAY=SU;INTERVAL=2");
});
