import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import { type Labels, labelsFrom, labelValue, METRIC_NAME, OperatingError } from "@pharos/base";
import fc from "fast-check";
import { decodeLabels, encodeLabels, Kernels, LabelCheck, LabelNumbers } from "../src/index.ts";

const kernels = await Kernels.load();
const check = new LabelCheck(kernels);

const labels = fc
  .dictionary(fc.string({ minLength: 1, unit: "grapheme" }), fc.string({ unit: "grapheme" }))
  .map((entries) => labelsFrom(Object.entries(entries)));

const damaged = fc.tuple(labels, fc.nat(), fc.nat(255)).map(([set, at, byte]) => {
  const bytes = encodeLabels(set);
  if (bytes.length > 0) bytes[at % bytes.length] = byte;
  return bytes;
});

test("label bytes give back their labels, and only sorted ones are canonical", () => {
  fc.assert(
    fc.property(labels, (set) => {
      const bytes = encodeLabels(set);
      deepEqual(decodeLabels(bytes), set);
      equal(check.isCanonical(bytes), true);
      if (set.length < 2) return;
      const reversed = encodeLabels(set.toReversed());
      deepEqual(decodeLabels(reversed), set);
      equal(check.isCanonical(reversed), false);
    }),
  );
  equal(check.isCanonical(encodeLabels([["a", ""]])), false);
});

test("any bytes at all either are label bytes or are refused", () => {
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 30 }), damaged), (bytes) => {
      try {
        const set = decodeLabels(bytes);
        deepEqual(decodeLabels(encodeLabels(set)), set);
      } catch (error) {
        if (!(error instanceof OperatingError && error.code === "input.invalid")) throw error;
      }
    }),
  );
});

test("a name that comes twice, or none, is refused", () => {
  throws(
    () =>
      decodeLabels(
        encodeLabels([
          ["a", "1"],
          ["a", "2"],
        ]),
      ),
    /label a comes twice/,
  );
  throws(() => decodeLabels(encodeLabels([["", "1"]])), /byte 0: a label without a name/);
});

/** What `LabelCheck` finds without strings. */
function canonicalLabels(bytes: Uint8Array): Labels | undefined {
  try {
    const set = decodeLabels(bytes);
    const canonical = encodeLabels(set);
    return Buffer.compare(canonical, bytes) === 0 ? set : undefined;
  } catch (error) {
    if (error instanceof OperatingError) return undefined;
    throw error;
  }
}

test("bytes are canonical if they are those of the labels that are in them", () => {
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 30 }), damaged), (bytes) => {
      equal(check.isCanonical(bytes), canonicalLabels(bytes) !== undefined);
    }),
    { numRuns: 2000 },
  );
  // A size in more bytes than it needs.
  equal(check.isCanonical(Uint8Array.of(0x0a, 6, 0x0a, 1, 97, 0x12, 1, 98)), true);
  equal(check.isCanonical(Uint8Array.of(0x0a, 0x86, 0, 0x0a, 1, 97, 0x12, 1, 98)), false);
  const long = encodeLabels([["a", "é".repeat(10_000)]]);
  equal(check.isCanonical(long), true);
  long[long.length - 1] = 0x20;
  equal(check.isCanonical(long), false);
});

test("a label set is within limits up to each of them, and has a metric name", () => {
  const limits = { labelsPerSeriesMax: 2, labelNameSizeMax: 8, labelValueSizeMax: 3 };
  const within = (set: Record<string, string>): boolean =>
    check.isNamedWithin(encodeLabels(labelsFrom(set)), limits);
  equal(within({ __name__: "abc", b: "c" }), true);
  equal(within({ a: "b", b: "c" }), false);
  equal(within({ __name__: "abc", a: "b", b: "c" }), false);
  equal(within({ __name__: "abcd" }), false);
  equal(within({ __name__: "éa", b: "c" }), true);
  equal(within({ __name__: "éé", b: "c" }), false);
  equal(within({ __name__: "abc", long_name: "c" }), false);
  equal(labelValue(decodeLabels(encodeLabels(labelsFrom({ __name__: "x" }))), METRIC_NAME), "x");
});

test("each label has one number, from its first series until it is removed", () => {
  const used = kernels.memoryUse().usedSize;
  const numbers = new LabelNumbers(kernels);
  const look = (set: Record<string, string>): { number: number; isNew: boolean }[] => {
    const count = numbers.look(encodeLabels(labelsFrom(set)));
    return Array.from({ length: count }, (_, at) => ({
      number: numbers.numberAt(at),
      isNew: numbers.isNewAt(at),
    }));
  };
  const [a, b] = look({ a: "1", b: "2" });
  deepEqual([a?.isNew, b?.isNew], [true, true]);
  deepEqual(numbers.labelOf(b?.number as number), ["b", "2"]);
  const again = look({ a: "2", b: "2" });
  deepEqual(again[1], { number: b?.number, isNew: false });
  equal(again[0]?.isNew, true);
  numbers.remove(b?.number as number);
  deepEqual(look({ b: "2" }), [{ number: b?.number, isNew: true }]);
  equal(numbers.size, 3);
  throws(() => numbers.look(Uint8Array.of(0x0a, 9, 1)), /the bytes are canonical/);
  throws(() => numbers.look(Uint8Array.of(...encodeLabels([["new", "1"]]), 1, 0xff)), /canonical/);
  equal(numbers.size, 3);
  numbers.destroy();
  equal(kernels.memoryUse().usedSize, used);
});
