import { equal } from "node:assert/strict";
import { test } from "node:test";
import { type Labels, labelsFrom } from "@pharos/base";
import fc from "fast-check";
import { fingerprint, rememberFingerprint } from "../src/index.ts";

test("fingerprints are those of Prometheus and Alertmanager", () => {
  equal(fingerprint([]), "cbf29ce484222325");
  const labels = labelsFrom({ name: "garland, briggs", fear: "love is not enough" });
  equal(BigInt(`0x${fingerprint(labels)}`), 5_799_056_148_416_392_346n);
});

test("the arithmetic in halves equals 64-bit FNV-1a", () => {
  const reference = (labels: Labels): string => {
    let hash = 0xcbf29ce484222325n;
    const bytes = labels.flatMap((label) =>
      label.flatMap((text) => [...new TextEncoder().encode(text), 0xff]),
    );
    for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
    return hash.toString(16).padStart(16, "0");
  };
  fc.assert(
    fc.property(fc.dictionary(fc.string({ minLength: 1 }), fc.string()), (pairs) => {
      const labels = labelsFrom(pairs);
      equal(fingerprint(labels), reference(labels));
    }),
  );
});

test("a fingerprint that is remembered is looked up for the same array, and for no other", () => {
  const labels = labelsFrom({ alertname: "Down", instance: "a" });
  const computed = fingerprint(labels);
  rememberFingerprint(labels, "0123456789abcdef");
  equal(fingerprint(labels), "0123456789abcdef");
  equal(fingerprint(labelsFrom({ alertname: "Down", instance: "a" })), computed);
});
