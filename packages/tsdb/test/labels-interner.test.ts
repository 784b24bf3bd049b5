import { deepEqual, equal, notEqual } from "node:assert/strict";
import { test } from "node:test";
import { type Labels, labelsFrom, labelsKey, NO_LABELS } from "@pharos/base";
import fc from "fast-check";
import { LabelsInterner } from "../src/labels-interner.ts";

/** Few names and values, so that many sets are equal, or differ in little. */
const labelSet: fc.Arbitrary<Labels> = fc
  .dictionary(fc.constantFrom("a", "b", "ab", "c"), fc.constantFrom("1", "2", "12", "a1"))
  .map(labelsFrom);

test("label sets are the same object if and only if they are equal, and stay what they are", () => {
  fc.assert(
    fc.property(fc.array(labelSet, { maxLength: 200 }), (sets) => {
      const interner = new LabelsInterner();
      const byKey = new Map<string, Labels>();
      for (const labels of sets) {
        const same = interner.same(labels);
        deepEqual(same, labels);
        const before = byKey.getOrInsert(labelsKey(labels), same);
        equal(same, before);
      }
      equal(new Set(byKey.values()).size, byKey.size);
    }),
  );
});

test("label sets share their labels", () => {
  const interner = new LabelsInterner();
  const [first, second] = ["1", "2"].map((pod) => interner.same(labelsFrom({ job: "node", pod })));
  equal(first?.[0], second?.[0]);
  notEqual(first?.[1], second?.[1]);
});

test("a label set without labels is one like any other", () => {
  const interner = new LabelsInterner();
  equal(interner.same([]), interner.same(NO_LABELS));
});
