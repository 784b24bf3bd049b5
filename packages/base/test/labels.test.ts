import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  compareLabels,
  compareUtf8,
  equalLabels,
  formatLabels,
  labelsFrom,
  labelsKey,
  labelValue,
  mergeLabels,
  quote,
  withLabel,
  withoutLabels,
} from "../src/labels.ts";

const text = fc.string({ unit: "grapheme", maxLength: 6 });
const labels = fc.uniqueArray(fc.tuple(text, text), { selector: ([name]) => name }).map(labelsFrom);

test("strings compare as their UTF-8 bytes do", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (a, b) => {
      const byBytes = Buffer.compare(Buffer.from(a), Buffer.from(b));
      equal(Math.sign(compareUtf8(a, b)), byBytes);
    }),
  );
  equal(compareUtf8("\u{ffff}", "😀") < 0, true, "an emoji sorts after U+FFFF");
});

test("a label set is sorted, without empty values, each name once", () => {
  deepEqual(labelsFrom({ b: "2", a: "1", c: "" }), [
    ["a", "1"],
    ["b", "2"],
  ]);
  throws(
    () =>
      labelsFrom([
        ["a", "1"],
        ["a", "2"],
      ]),
    /comes twice/,
  );
});

test("an absent label has the empty value", () => {
  equal(labelValue(labelsFrom({ a: "1" }), "b"), "");
});

test("setting a label keeps the order, and an empty value takes it out", () => {
  fc.assert(
    fc.property(labels, text, text, (set, name, value) => {
      const changed = withLabel(set, name, value);
      deepEqual(changed, labelsFrom(new Map([...set, [name, value]])));
    }),
  );
});

test("merging lets the second set's labels stand", () => {
  deepEqual(mergeLabels(labelsFrom({ a: "1", b: "2" }), labelsFrom({ b: "3", c: "4" })), [
    ["a", "1"],
    ["b", "3"],
    ["c", "4"],
  ]);
});

test("label sets are equal exactly when their keys are", () => {
  fc.assert(
    fc.property(labels, labels, (a, b) => {
      equal(labelsKey(a) === labelsKey(b), equalLabels(a, b));
      equal(Math.sign(compareLabels(a, b)) + Math.sign(compareLabels(b, a)), 0);
    }),
  );
  deepEqual(withoutLabels(labelsFrom({ a: "1", b: "2" }), new Set(["a"])), [["b", "2"]]);
});

test("no text in a value makes two label sets have one key", () => {
  const one = labelsKey([["a", "b\u00ffc\u00ffd"]]);
  ok(one !== labelsKey(labelsFrom({ a: "b", c: "d" })));
  ok(labelsKey([["a", "1,1,xb"]]) !== labelsKey([["a", "1"]]));
});

test("label sets are written as PromQL writes them", () => {
  const written: readonly (readonly [Record<string, string>, string])[] = [
    [{ __name__: "up", job: "api" }, 'up{job="api"}'],
    [{ __name__: "up" }, "up"],
    [{ job: "api", instance: "a" }, '{instance="a", job="api"}'],
    [{}, "{}"],
    [
      { __name__: "cpu.load", "host.name": 'a"b\\c\n' },
      '{"cpu.load", "host.name"="a\\"b\\\\c\\n"}',
    ],
  ];
  for (const [set, expected] of written) equal(formatLabels(labelsFrom(set)), expected);
});

test("control characters are quoted as Go quotes them", () => {
  const controls = Array.from({ length: 32 }, (_, code) => String.fromCharCode(code)).join("");
  equal(
    quote(`${controls}\x7fé`),
    '"\\x00\\x01\\x02\\x03\\x04\\x05\\x06\\a\\b\\t\\n\\v\\f\\r\\x0e\\x0f\\x10\\x11\\x12\\x13' +
      '\\x14\\x15\\x16\\x17\\x18\\x19\\x1a\\x1b\\x1c\\x1d\\x1e\\x1f\\x7fé"',
  );
});

test("merging is what a map of both gives, sorted", () => {
  fc.assert(
    fc.property(labels, labels, (base, extra) => {
      deepEqual(mergeLabels(base, extra), labelsFrom(new Map([...base, ...extra])));
    }),
  );
});
