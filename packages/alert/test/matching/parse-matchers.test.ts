import { deepEqual, equal, match, throws } from "node:assert/strict";
import { test } from "node:test";
import { createMatcher, labelsFrom, type MatchType, matchesLabels } from "@pharos/base";
import fc from "fast-check";
import {
  formatAlertMatcher,
  formatAlertMatchers,
} from "../../src/matching/format-alert-matcher.ts";
import { MatcherSyntaxError } from "../../src/matching/matcher-syntax-error.ts";
import {
  MATCHERS_LENGTH_MAX,
  type MatcherMode,
  parseMatcher,
  parseMatchers,
} from "../../src/matching/parse-matchers.ts";

/** What a text means, printed; or where and why it means nothing. */
function read(text: string, mode: MatcherMode): string {
  try {
    return formatAlertMatchers(parseMatchers(text, mode).matchers);
  } catch (error) {
    if (!(error instanceof MatcherSyntaxError)) throw error;
    return `${error.column}: ${error.problem}`;
  }
}

const UTF8: readonly (readonly [text: string, meaning: string])[] = [
  ["", "{}"],
  ["{}", "{}"],
  [" { } ", "{}"],
  ["foo=bar", '{foo="bar"}'],
  ['{foo="bar"}', '{foo="bar"}'],
  ['{ foo = "bar" , }', '{foo="bar"}'],
  ["foo=bar,", '{foo="bar"}'],
  ['{foo="bar",bar!="baz",a=~"b|c",d!~"e.*"}', '{foo="bar",bar!="baz",a=~"b|c",d!~"e.*"}'],
  ['foo="bar",foo="baz"', '{foo="bar",foo="baz"}'],
  ['"foo"="bar"', '{foo="bar"}'],
  ['"foo bar"="x"', '{"foo bar"="x"}'],
  ["fooΣ🙂=bar🙂", '{fooΣ🙂="bar🙂"}'],
  ['foo:bar.baz="x"', '{foo:bar.baz="x"}'],
  ['foo=""', '{foo=""}'],
  ['foo="a,b}c=d"', '{foo="a,b}c=d"}'],
  ['foo="\\"quoted\\" \\\\ \\n \\t"', '{foo="\\"quoted\\" \\\\ \\n \t"}'],
  ['foo="\\u00e9\\x41\\101"', '{foo="éAA"}'],
  ['foo="\\xf0\\x9f\\x99\\x82"', '{foo="🙂"}'],
  ["foo=\u00a0bar", '{foo="bar"}'],
  ["{", "2: end of the text: the closing } is missing"],
  ["}", '1: "}": } without {'],
  ["{foo=bar", "9: end of the text: the closing } is missing"],
  ["foo=bar}", '8: "}": } without {'],
  ["foo=bar,}", '9: "}": } without {'],
  ["{foo=bar}}", '10: "}": nothing may follow the closing }'],
  ["{foo=bar},", '10: ",": nothing may follow the closing }'],
  ["{foo=bar baz=x}", '10: "b": expected a comma or }'],
  ["foo=bar baz", '9: "b": expected a comma'],
  ["{,}", '2: ",": expected a label name'],
  ["foo=bar,,", '9: ",": expected a label name'],
  ["=bar", '1: "=": expected a label name'],
  ["foo", "4: end of the text: expected =, !=, =~ or !~"],
  ["foo!bar", '4: "!": expected =, !=, =~ or !~'],
  ["🙂!bar", '2: "!": expected =, !=, =~ or !~'],
  ["foo=", "5: end of the text: expected a value"],
  ["foo==bar", '5: "=": expected a value'],
  ["foo='bar'", `5: "'": expected a value`],
  ["foo=bar\\", '8: "\\\\": expected a comma'],
  ['foo="bar', '5: the closing " is missing'],
  ['foo="\\d"', "6: unknown escape sequence U+0064 'd'"],
  ['foo="a\nb"', "7: a line break in quotes"],
  ['foo="\\xff"', "5: the escapes in quotes are no UTF-8"],
];

test("the UTF-8 language reads names and values of any characters, and says where it cannot", () => {
  for (const [text, meaning] of UTF8) equal(read(text, "strict"), meaning, text);
});

const CLASSIC: readonly (readonly [text: string, meaning: string])[] = [
  ["", "{}"],
  ["{}", "{}"],
  ["{foo=bar", '{foo="bar"}'],
  ["foo=bar}", '{foo="bar"}'],
  ["foo=bar, dings!=bums", '{foo="bar",dings!="bums"}'],
  ['{foo = "bar", dings != "bums", }', '{foo="bar",dings!="bums"}'],
  ["{foo=bar,}", '{foo="bar"}'],
  ["foo=", '{foo=""}'],
  ["foo=a b c", '{foo="a b c"}'],
  ["foo=bar=baz", '{foo="bar=baz"}'],
  ["foo='bar'", `{foo="'bar'"}`],
  ['statuscode=~"5.."', '{statuscode=~"5.."}'],
  ['foo="a,b"', '{foo="a,b"}'],
  ["foo=a,bar=b", '{foo="a",bar="b"}'],
  ['foo="She said: \\"Hi, all!\\""', '{foo="She said: \\"Hi, all!\\""}'],
  ['foo="\\d\\n\\\\"', '{foo="\\\\d\\n\\\\"}'],
  ["foo=bar\\", '{foo="bar\\\\"}'],
  ['foo="line\nbreak"', '{foo="line\\nbreak"}'],
  ["foo=bar,,", "9: this is no matcher"],
  ["foo=bar, ,", "9: this is no matcher"],
  ['"foo"=bar', "1: this is no matcher"],
  ["foo bar", "1: this is no matcher"],
  ["1foo=bar", "1: this is no matcher"],
  ['foo="bar', '5: the closing " is missing'],
  ['foo="', '5: the closing " is missing'],
  ['foo=b"ar', '6: a " within the value'],
  ['foo="b"ar"', '7: a " within the value'],
];

test("the classic language takes what stands between commas, quotes or not", () => {
  for (const [text, meaning] of CLASSIC) equal(read(text, "classic"), meaning, text);
});

test("with fallback, a text of either language is read, and a warning says how to write it for both", () => {
  deepEqual(parseMatchers('{foo="bar"}').warning, undefined);
  deepEqual(parseMatchers('"a b"="c"').warning, undefined, "only the new language knows it");
  const classic = parseMatchers("foo=a b");
  equal(formatAlertMatchers(classic.matchers), '{foo="a b"}');
  match(classic.warning ?? "", /write foo="a b"$/);
  const differing = parseMatchers('foo="\\u00e9"');
  equal(formatAlertMatchers(differing.matchers), '{foo="\\\\u00e9"}', "the classic reading stands");
  match(differing.warning ?? "", /taken as foo="\\\\u00e9", not as foo="é"/);
  equal(read("foo!bar", "fallback"), read("foo!bar", "strict"));
});

test("one matcher stands alone and without braces", () => {
  equal(formatAlertMatcher(parseMatcher("foo!=bar").matcher), 'foo!="bar"');
  equal(parseMatcher("foo=a b").warning !== undefined, true);
  for (const text of ["{foo=bar}", "foo=bar}", "foo=bar,baz=x", "", "{}"])
    throws(() => parseMatcher(text, "strict"), MatcherSyntaxError, text);
  for (const text of ["{foo=bar}", "foo=bar}", ""])
    throws(() => parseMatcher(text), MatcherSyntaxError, text);
});

test("a regular expression that is none, or too large, is refused at the matcher", () => {
  throws(() => parseMatchers('a=b,foo=~"("'), /column 5: .*missing closing \)/);
  const large = Array.from({ length: 4 }, (_, i) => `a${i}=~"${"x{1000}".repeat(30)}"`).join(",");
  throws(() => parseMatchers(large), /too large/);
  throws(() => parseMatchers("a".repeat(MATCHERS_LENGTH_MAX + 1)), /at most 65536 are read/);
});

test("hostile texts are refused in time", () => {
  for (const text of [`foo=${" ".repeat(60_000)}x y`, `${"a=b,".repeat(16_000)}`])
    parseMatchers(text);
});

const text = fc
  .string({ unit: "binary", maxLength: 8 })
  .filter((written) => written.isWellFormed());
const type = fc.constantFrom<MatchType>("=", "!=");

test("what is printed reads back as the same matchers", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(type, text, text), { maxLength: 4 }), (parts) => {
      const matchers = parts.map(([kind, name, value]) => createMatcher(kind, `n${name}`, value));
      const printed = formatAlertMatchers(matchers);
      deepEqual(parseMatchers(printed, "strict").matchers, matchers, printed);
    }),
    { numRuns: 300 },
  );
});

test("any text is read or refused, never worse", () => {
  const piece = fc.constantFrom(
    "foo",
    "=",
    "!=",
    "=~",
    ",",
    "{",
    "}",
    '"',
    "\\",
    " ",
    "é",
    "n",
    "'",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      for (const mode of ["strict", "classic", "fallback"] as const) read(pieces.join(""), mode);
    }),
    { numRuns: 2000 },
  );
});

test("a matcher on an absent label sees an empty value", () => {
  const labels = labelsFrom({ a: "1" });
  equal(matchesLabels(parseMatchers('b=""').matchers, labels), true);
  equal(matchesLabels(parseMatchers('b!="x",a=~"[0-9]"').matchers, labels), true);
  equal(matchesLabels(parseMatchers('b=~".+"').matchers, labels), false);
});
