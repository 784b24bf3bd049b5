import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import {
  createMatcher,
  labelsFrom,
  type Matcher,
  type MatchType,
  matchesLabels,
} from "@pharos/base";
import fc from "fast-check";
import { MatcherIndex } from "../../src/matching/matcher-index.ts";

const nameArb = fc.constantFrom("a", "b", "c");
const matcherArb = fc
  .tuple(
    fc.constantFrom<MatchType>("=", "!=", "=~", "!~"),
    nameArb,
    fc.constantFrom(
      "",
      "1",
      "2",
      "1|2",
      "1|",
      "[12]",
      "[12]?",
      "1.+",
      ".+2",
      "(1|21).*2?",
      ".+1.+",
      "\\d+",
      ".+",
      ".*",
    ),
  )
  .map(([type, name, value]) => createMatcher(type, name, value));
const labelsArb = fc
  .dictionary(nameArb, fc.constantFrom("", "1", "2", "3", "12", "212"))
  .map((labels) => labelsFrom(labels));

test("after any changes, exactly the sets that hold are found", () => {
  const change = fc.record({
    item: fc.integer({ min: 0, max: 9 }),
    matchers: fc.option(fc.array(matcherArb, { maxLength: 3 })),
    labels: labelsArb,
  });
  let foundCount = 0;
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
      const index = new MatcherIndex<number>();
      const sets = new Map<number, readonly Matcher[]>();
      for (const { item, matchers, labels } of changes) {
        if (matchers === null) {
          index.delete(item);
          sets.delete(item);
        } else {
          index.set(item, matchers);
          sets.set(item, matchers);
        }
        const expected = [...sets].filter(([, set]) => matchesLabels(set, labels));
        deepEqual(index.matching(labels).sort(), expected.map(([each]) => each).sort());
        equal(index.size, sets.size);
        foundCount += expected.length;
      }
    }),
    { numRuns: 500 },
  );
  ok(foundCount > 1000, "sets are found");
});

/** Tells of each text that the expression is asked about. */
function counted(name: string, value: string, onAsked: () => void): Matcher {
  const matcher = createMatcher("=~", name, value);
  const { regex } = matcher;
  ok(regex !== undefined);
  const matches = (text: string): boolean => {
    onAsked();
    return regex.matches(text);
  };
  return { ...matcher, regex: { ...regex, matches } };
}

test("of many expressions a value is compared with those whose beginning, end or middle it has", () => {
  let asked = 0;
  const counting = (value: string): Matcher => counted("host", value, () => asked++);
  const index = new MatcherIndex<string>();
  for (let i = 100; i < 300; i++) {
    index.set(`start ${i}`, [counting(`web-(${i}|x${i}).*`)]);
    index.set(`end ${i}`, [counting(`[a-z]+-.*-(${i}|x${i})`)]);
    index.set(`inner ${i}`, [counting(`[a-z]+-.*-rack${i}-[0-9x]+`)]);
  }
  const host = "web-x107-rack207-x217";
  deepEqual(index.matching(labelsFrom({ host })).sort(), ["end 217", "inner 207", "start 107"]);
  ok(asked < 20, `${asked} of 600 are asked`);
  const long = `web-${"9-".repeat(1000)}rack207-1`;
  deepEqual(index.matching(labelsFrom({ host: long })), ["inner 207"]);
  for (let i = 100; i < 300; i++)
    for (const kind of ["start", "end", "inner"]) index.delete(`${kind} ${i}`);
  deepEqual(index.matching(labelsFrom({ host })), []);
});

test("expressions are asked once for each value, not for each label set", () => {
  let asked = 0;
  const counting = (value: string): Matcher => counted("team", value, () => asked++);
  const index = new MatcherIndex<number>();
  for (let i = 0; i < 50; i++) index.set(i, [counting(`(?i)${i}.*x`)]);
  for (let i = 0; i < 1000; i++)
    deepEqual(index.matching(labelsFrom({ team: "none", instance: String(i) })), []);
  equal(asked, 50);
  index.set(50, [counting("n.y.")]);
  for (const instance of ["a", "b"])
    deepEqual(index.matching(labelsFrom({ team: "none", instance })), []);
  equal(asked, 51, "of a set that comes, its expression alone");
});
