import { equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { OperatingError } from "../src/errors.ts";
import { labelsFrom } from "../src/labels.ts";
import {
  createMatcher,
  formatMatcher,
  type MatchType,
  matchesLabels,
  matchesValue,
} from "../src/matcher.ts";
import { compileRegex } from "../src/regex.ts";

test("matchers match as in Prometheus: anchored, and an absent label is empty", () => {
  const table: readonly (readonly [MatchType, string, string, boolean])[] = [
    ["=", "api", "api", true],
    ["=", "api", "apis", false],
    ["=", "", "", true],
    ["!=", "api", "web", true],
    ["!=", "api", "", true],
    ["=~", "a|b", "b", true],
    ["=~", "a|b", "ab", false],
    ["=~", ".*", "", true],
    ["=~", ".+", "", false],
    ["=~", "api-.*", "api-1", true],
    ["=~", ".*-1", "api-1", true],
    ["=~", ".+pi.+", "api-1", true],
    ["=~", ".+pi.+", "pi", false],
    ["=~", "a.c", "a\nc", true],
    ["=~", "[0-9]{3}", "200", true],
    ["=~", "(?i)GET", "get", true],
    ["!~", "5..", "503", false],
    ["!~", "5..", "200", true],
    ["!~", "", "x", true],
  ];
  for (const [type, pattern, value, expected] of table)
    equal(
      matchesValue(createMatcher(type, "x", pattern), value),
      expected,
      `${JSON.stringify(value)} ${type} ${pattern}`,
    );
});

test("what is refused without the engine, the engine refuses", () => {
  const piece = fc.constantFrom(
    ...[
      "a",
      "b",
      "\u{1f600}",
      "\\.",
      "\\|",
      "\\(",
      "\\d",
      "\\Qa|b\\E",
      ".",
      "|",
      "(",
      "(?:",
      "(?i)",
      ")",
    ],
    ...["[ab]", "[(|]", "*", "+", "?", "{2}", "{0,1}", "{", "^", "$"],
  );
  const text = fc.array(fc.constantFrom("a", "b", "A", ".", "|", "(", "{", "1", "\u{1f600}"), {
    maxLength: 4,
  });
  let matchCount = 0;
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), fc.array(text), (pieces, texts) => {
      let regex: ReturnType<typeof compileRegex>;
      try {
        regex = compileRegex(pieces.join(""));
      } catch (error) {
        if (error instanceof OperatingError) return;
        throw error;
      }
      for (const characters of texts) {
        const each = characters.join("");
        const isMatch = regex.groups(each) !== undefined;
        equal(regex.matches(each), isMatch, `${JSON.stringify(each)} =~ ${regex.source}`);
        if (isMatch) matchCount++;
      }
    }),
    { numRuns: 3000 },
  );
  ok(matchCount > 200, `${matchCount} texts match`);
});

test("a repetition behind flags is of the character before them", () => {
  for (const source of ["a(?i)?", "a\\Q\\E*", "a(?i)(?s-i){0,2}"])
    equal(compileRegex(source).matches(""), true, source);
});

test("a pattern closes no parentheses but its own", () => {
  for (const source of ["a)?(?:", "a)|(b", "[(]a)|(?:b", "\\Q(\\E)(", ")("])
    throws(() => compileRegex(source), /unexpected \)/, source);
  equal(compileRegex("[)]a").matches(")a"), true);
});

test("all matchers must match", () => {
  const labels = labelsFrom({ job: "api", code: "200" });
  const job = createMatcher("=", "job", "api");
  equal(matchesLabels([job, createMatcher("=~", "code", "2..")], labels), true);
  equal(matchesLabels([job, createMatcher("!=", "code", "200")], labels), false);
  equal(matchesLabels([createMatcher("=", "host", "")], labels), true);
});

test("matchers are written as PromQL writes them", () => {
  equal(formatMatcher(createMatcher("=~", "job", "a|b")), 'job=~"a|b"');
  equal(formatMatcher(createMatcher("!=", "host.name", 'x"')), '"host.name"!="x\\""');
});

test("a pattern that RE2 does not know is refused with a reason", () => {
  throws(() => createMatcher("=~", "x", "a("), /missing closing \)/);
  throws(() => createMatcher("=~", "x", "(?=a)"), /regular expression/);
});

test("a hostile pattern takes no longer than its text", () => {
  const matcher = createMatcher("=~", "x", "(a+)+$");
  equal(matchesValue(matcher, `${"a".repeat(5000)}b`), false);
});
