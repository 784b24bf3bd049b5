import fc from "fast-check";
import { expect, test } from "vitest";
import { placeError } from "../src/error-position.ts";

function marked(message: string, expr: string): string | undefined {
  const placed = placeError(message, expr);
  if (placed === undefined) return undefined;
  const { from, to } = placed.span;
  return `${expr.slice(0, from)}[${expr.slice(from, to)}]${expr.slice(to)}: ${placed.message}`;
}

test("the word at the place is marked", () => {
  const message = 'invalid parameter "query": 1:5: parse error: unexpected identifier "by"';
  expect(marked(message, "sum foo")).toBe('sum [foo]: unexpected identifier "by"');
});

test("a place right behind the text marks its end", () => {
  expect(marked("1:5: parse error: unclosed left parenthesis", "sum(")).toBe(
    "sum([]: unclosed left parenthesis",
  );
});

test("the line counts, and columns are bytes as the server counts them", () => {
  expect(marked("2:3: parse error: no", "a +\n  b")).toBe("a +\n  [b]: no");
  // Two bytes for ü, four for the lighthouse keeper's beam.
  expect(marked("1:14: parse error: no", '{a="ü🔦"} b')).toBe('{a="ü🔦"} [b]: no');
});

test("a message without a place, or with one outside the text, marks nothing", () => {
  expect(marked("query timed out", "up")).toBeUndefined();
  expect(marked("7:1: parse error: no", "up")).toBeUndefined();
});

test("whatever the server says, the mark lies within the text", () => {
  fc.assert(
    fc.property(fc.string(), fc.nat(9), fc.nat(40), (expr, line, column) => {
      const placed = placeError(`${line}:${column}: parse error: x`, expr);
      if (placed === undefined) return;
      expect(placed.span.from).toBeLessThanOrEqual(placed.span.to);
      expect(placed.span.to).toBeLessThanOrEqual(expr.length);
    }),
  );
});
