import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { OperatingError } from "../src/errors.ts";
import { compileRegex, type Regex } from "../src/regex.ts";
import { regexShape } from "../src/regex-shape.ts";

test("alternatives behind a common beginning are listed", () => {
  deepEqual(compileRegex("web-(1|7|9)").literals, ["web-1", "web-7", "web-9"]);
  deepEqual(compileRegex("(?:web|db)-[1-3]x?").literals?.length, 12);
  deepEqual(compileRegex("10\\.0\\.0\\.(1|2)").literals, ["10.0.0.1", "10.0.0.2"]);
  deepEqual(compileRegex("a{2}b?").literals, ["aa", "aab"]);
  for (const source of ["web-(1|7).*", "web-\\d", "^web$", "(?i)web", "a+", "[^a]", "a\\b"])
    equal(compileRegex(source).literals, undefined, source);
});

test("a pattern says how what matches begins and ends", () => {
  const table: readonly (readonly [string, readonly string[], readonly string[], string])[] = [
    ["web-(1|7).*", ["web-1", "web-7"], [""], ""],
    ["(web|db)-.*-x[12]", ["db-", "web-"], ["-x1", "-x2"], "-x"],
    ["(web|webby).*", ["web"], [""], ""],
    ["web-[0-9]+-x17-.*", [...Array(10).keys()].map((digit) => `web-${digit}`), [""], "-x17-"],
    ["web-\\d+-x17-.+", ["web-"], [""], "-x17-"],
    ["^web-\\d+$", ["web-"], [""], ""],
    ["ab*c", ["ab", "ac"], ["bc", "ac"], ""],
    ["a+b", ["a"], ["ab"], ""],
    ["(ab){2,}", ["abab"], ["abab"], ""],
    ["a|.*", [""], [""], ""],
    ["(?i)web.*", [""], [""], ""],
    ["a\\Qb\\E", [""], [""], ""],
  ];
  for (const [source, starts, ends, inner] of table) {
    const shape = regexShape(source);
    deepEqual([...shape.starts].sort(), [...starts].sort(), source);
    deepEqual([...shape.ends].sort(), [...ends].sort(), source);
    equal(shape.inner, inner, source);
  }
});

test("a pattern with very many beginnings says what they have in common", () => {
  const numbers = Array.from({ length: 100 }, (_, i) => `${i}x`).join("|");
  deepEqual(regexShape(`web-(${numbers}).*`).starts, ["web-"]);
  deepEqual(regexShape("[a-z][a-z].*").starts.length, 26);
  const long = regexShape(`${"ab".repeat(1000)}[xy]`).starts;
  ok(long.length === 1 && (long[0]?.length ?? 0) < 200);
});

test("what a shape says of matching texts, the engine agrees with", () => {
  const letter = fc.constantFrom("a", "b", "-", "1", "\u{1f600}", "\\.", "\\d", "\\w", "[ab]");
  const other = fc.constantFrom(
    ...[".", "[^a]", "[a-]", "[1-3b]", "[[:alpha:]]", "[\\]a]", "^", "$", "\\b", "\\x61", "(?i)"],
    ...["\\Qa|\\E", "|", "{", "{x}", "]", "}", "()", "(?:a|b)", "(1|)", "(?P<n>a)"],
  );
  const atom = fc.oneof({ weight: 3, arbitrary: letter }, { weight: 2, arbitrary: other });
  const count = fc.constantFrom("", "", "", "*", "+", "?", "*?", "??", "{2}", "{0,1}", "{1,}");
  const run = fc
    .array(fc.tuple(atom, count), { maxLength: 4 })
    .map((parts) => parts.map((part) => part.join("")).join(""));
  const source = fc.oneof(
    run,
    fc.tuple(run, fc.array(run, { minLength: 1, maxLength: 3 }), count, run).map(
      // A group of alternatives in the middle.
      ([before, options, times, after]) => `${before}(${options.join("|")})${times}${after}`,
    ),
  );
  const texts = fc.array(
    fc
      .array(fc.constantFrom("a", "b", "A", "-", "1", ".", "|", "{", "\u{1f600}", "\n"), {
        maxLength: 5,
      })
      .map((characters) => characters.join("")),
    { minLength: 10, maxLength: 20 },
  );
  const counts = { match: 0, exact: 0, narrowed: 0 };
  fc.assert(
    fc.property(source, texts, (pattern, each) => {
      const regex = compiled(pattern);
      if (regex === undefined) return;
      const { starts, ends, inner } = regex.shape;
      // Texts that come close: of what the shape itself is made.
      const near = starts.flatMap((start) => ends.map((end) => start + inner + end)).slice(0, 20);
      if (regex.literals !== undefined) counts.exact++;
      if (starts[0] !== "" || ends[0] !== "") counts.narrowed++;
      for (const text of [...each, ...near, ...(regex.literals ?? [])]) {
        const isMatch: boolean = regex.groups(text) !== undefined;
        const shown = `${JSON.stringify(text)} =~ ${JSON.stringify(pattern)}`;
        equal(regex.matches(text), isMatch, shown);
        if (regex.literals !== undefined) equal(regex.literals.includes(text), isMatch, shown);
        if (!isMatch) continue;
        counts.match++;
        ok(
          starts.some((start) => text.startsWith(start)),
          shown,
        );
        ok(
          ends.some((end) => text.endsWith(end)),
          shown,
        );
        ok(text.includes(inner), shown);
      }
    }),
    { numRuns: 3000 },
  );
  for (const [what, times] of Object.entries(counts)) ok(times > 300, `${what}: ${times}`);
});

function compiled(source: string): Regex | undefined {
  try {
    return compileRegex(source);
  } catch (error) {
    if (error instanceof OperatingError) return undefined;
    throw error;
  }
}
