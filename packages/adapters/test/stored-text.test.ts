import { equal, notEqual, ok } from "node:assert/strict";
import { test } from "node:test";
import { DOCUMENT_ID_SIZE_MAX } from "@pharos/ports";
import fc from "fast-check";
import { escapeText, idOf, storedId, unescapeText } from "../src/sql/stored-text.ts";

/** Text with more of what is escaped than chance would bring, halves of surrogate pairs too. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom("\0", "\u0001", "\u0002", "\u0003", "\u0100", "\u0101", "\u0fff", "🤔"),
      fc.integer({ min: 0xd7f0, max: 0xe00f }).map((code) => String.fromCharCode(code)),
      fc.string({ unit: "binary", maxLength: 5 }),
    ),
    { maxLength: 400 },
  )
  .map((parts) => parts.join(""));

test("escaped text is whole Unicode without NUL, and comes back as it was", () => {
  fc.assert(
    fc.property(text, (given) => {
      const escaped = escapeText(given);
      ok(escaped.isWellFormed() && !escaped.includes("\0"));
      ok(Buffer.byteLength(escaped) <= 4 * given.length);
      equal(unescapeText(escaped), given);
    }),
  );
});

test("text without anything strange in it is stored as it is", () => {
  equal(escapeText('{}:{alertname="Größe 🤔"}\n'), '{}:{alertname="Größe 🤔"}\n');
});

test("the key of an id is within its size and tells it, or the row keeps it beside", () => {
  fc.assert(
    fc.property(text, (id) => {
      const { key, longId } = storedId(id);
      ok(Buffer.byteLength(key) <= DOCUMENT_ID_SIZE_MAX);
      ok(key.isWellFormed());
      equal(idOf(key, longId), id);
    }),
  );
});

test("an id that looks like the key of a long one has a key of its own", () => {
  const { key } = storedId("long".repeat(1000));
  notEqual(storedId(key).key, key);
});
