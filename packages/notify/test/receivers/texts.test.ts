// What cuts texts, over many texts.

import { equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fittedMessage } from "../../src/receivers/fitted-text.ts";
import { escapedHtml, truncateHtml, visibleText } from "../../src/receivers/html-text.ts";
import { truncateBytes, truncateCharacters } from "../../src/receivers/truncate.ts";

const text = fc.string({ unit: "binary", maxLength: 200 });
/** HTML as templates write it: tags that are closed, values that are escaped. */
const html = fc
  .array(
    fc
      .tuple(fc.constantFrom("b", "i", "code", 'a href="http://x/?a=1&amp;b=2"'), text)
      .map(([tag, inner]) => `<${tag}>${escapedHtml(inner)}</${tag.split(" ")[0]}>`),
    { maxLength: 6 },
  )
  .map((parts) => parts.join(" "));

const characters = (value: string): number => Array.from(value).length;
const bytes = (value: string): number => new TextEncoder().encode(value).length;

test("a text that is cut is at most as long as it may be, and the beginning of what it was", () => {
  fc.assert(
    fc.property(text, fc.nat({ max: 250 }), (value, extra) => {
      const max = extra + 4;
      for (const [cut, length] of [
        [truncateCharacters(value, max), characters],
        [truncateBytes(value, max), bytes],
      ] as const) {
        ok(length(cut) <= max);
        if (cut === value) continue;
        ok(cut.endsWith("…"));
        ok(length(value) > max, "it had to be cut");
        ok(value.toWellFormed().startsWith(cut.slice(0, -1).toWellFormed()));
      }
    }),
  );
});

test("HTML that is cut shows at most so many characters, and leaves no tag open", () => {
  fc.assert(
    fc.property(html, fc.nat({ max: 300 }), (value, max) => {
      const cut = truncateHtml(value, max + 1);
      ok(characters(visibleText(cut)) <= max + 1);
      if (cut !== value) ok(!cut.includes("<"));
    }),
  );
});

test("escaped text is read as it was", () => {
  fc.assert(fc.property(text, (value) => equal(visibleText(escapedHtml(value)), value)));
});

test("a message that is cut fits, and not one character less is left than would", () => {
  fc.assert(
    fc.property(text, fc.nat({ max: 400 }), (value, extra) => {
      const sizeMax = extra + 20;
      const size = (message: object): number => bytes(JSON.stringify(message));
      const fitted = fittedMessage((fitting) => ({ text: fitting }), value, sizeMax);
      ok(size(fitted) <= sizeMax);
      if (fitted.text === value) return;
      const kept = Array.from(fitted.text.slice(0, -1));
      const next = Array.from(value.toWellFormed())[kept.length] ?? "";
      ok(size({ text: `${kept.join("")}${next}…` }) > sizeMax);
    }),
    { examples: [["\0\0", 0]] }, // With the ellipsis it has more bytes than without, and fewer of JSON.
  );
});
