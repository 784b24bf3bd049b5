import { equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compileRegex, REGEX_LENGTH_MAX, REGEX_SIZE_MAX, regexCost } from "../src/regex.ts";
import { regexSize } from "../src/regex-size.ts";

test("a pattern's size is that of its parts, as often as they are repeated", () => {
  const table: readonly (readonly [pattern: string, size: number])[] = [
    ["", 0],
    ["abc", 3],
    ["a|b", 3],
    ["a{3}", 3],
    ["xa{3,5}", 6],
    ["a{3,}", 3],
    ["a{0}", 1],
    ["a{,5}", 5],
    ["a{", 2],
    ["(ab)", 4],
    ["(ab){1000}", 4000],
    ["((a{10}){10}){10}", 1220],
    ["[a-z]{3}", 15],
    ["[]a]{2}", 8],
    ["\\d{3}", 6],
    ["\\x{10ffff}{2}", 20],
    ["\\pL{10}", 500],
    ["\\p{Greek}{10}", 500],
    ["[\\pL\\d]{2}", 100],
    ["\\Qa{100}\\E", 10],
    ["\\Q(", 3],
    ["\\", 1],
    ["(a", 1],
    ["a)", 3],
  ];
  for (const [pattern, size] of table) equal(regexSize(pattern), size, pattern);
});

test("any text has a size, and no part of it is missed", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-c|.^$]*$/), (text) => equal(regexSize(text), text.length)),
  );
  fc.assert(fc.property(fc.string(), (text) => ok(Number.isFinite(regexSize(text)))));
});

test("a small pattern that would be large written out is refused", () => {
  const large = `(abcdefghijk){1000}`.repeat(20);
  ok(large.length < REGEX_LENGTH_MAX && regexSize(large) > REGEX_SIZE_MAX);
  throws(() => compileRegex(large), {
    code: "input.invalid",
    message: `regular expression of ${regexSize(large)} parts, repetitions written out; at most ${REGEX_SIZE_MAX} are allowed`,
  });
  ok(compileRegex("([0-9a-f]{2}:){5}[0-9a-f]{2}").matches("00:1a:2b:3c:4d:5e"));
});

test("patterns that need no engine cost nothing, and still have their groups", () => {
  for (const pattern of ["", "a", "a|b c|d", ".*", ".+", "api-.*", ".+-x", ".*mid.+"]) {
    equal(regexCost(pattern), 0, pattern);
    const regex = compileRegex(pattern);
    for (const text of ["", "a", "b c", "api-1", "1-x", "amidb"]) {
      equal(regex.groups(text)?.[0], regex.matches(text) ? text : undefined, `${pattern} ${text}`);
      equal(regex.expand(text, "<$0>"), regex.matches(text) ? `<${text}>` : undefined);
    }
  }
  for (const pattern of ["a|", "a.b", "(a)", "a*", "\\d"]) ok(regexCost(pattern) > 50, pattern);
});
