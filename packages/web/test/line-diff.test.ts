import fc from "fast-check";
import { expect, test } from "vitest";
import { diffLines } from "../src/line-diff.ts";

const texts = fc.array(fc.constantFrom("a", "b", "c", ""), { maxLength: 12 });
const side = (lines: ReturnType<typeof diffLines>, not: "added" | "removed") =>
  lines.filter(({ kind }) => kind !== not).map(({ text }) => text);

/** By definition: the longest sequence of lines that both have, in their order. */
function commonCount(a: readonly string[], b: readonly string[]): number {
  const [first, ...rest] = a;
  if (first === undefined || b.length === 0) return 0;
  const at = b.indexOf(first);
  const without = commonCount(rest, b);
  return at < 0 ? without : Math.max(without, 1 + commonCount(rest, b.slice(at + 1)));
}

test("a comparison holds both texts, and keeps as many lines as they have in common", () => {
  fc.assert(
    fc.property(texts, texts, (a, b) => {
      const lines = diffLines(a.join("\n"), b.join("\n"));
      expect(side(lines, "added").join("\n")).toBe(a.join("\n"));
      expect(side(lines, "removed").join("\n")).toBe(b.join("\n"));
      const same = lines.filter(({ kind }) => kind === "same").length;
      const split = (text: readonly string[]) => text.join("\n").split("\n");
      expect(same).toBe(commonCount(split(a), split(b)));
    }),
  );
});

test("texts that are too long to compare line by line still keep how they begin and end", () => {
  const many = (name: string) => Array.from({ length: 2500 }, (_, at) => `${name}${at}`);
  const lines = diffLines(["x", ...many("a"), "z"].join("\n"), ["x", ...many("b"), "z"].join("\n"));
  expect(lines.filter(({ kind }) => kind === "same").map(({ text }) => text)).toEqual(["x", "z"]);
  expect(lines).toHaveLength(5002);
});
