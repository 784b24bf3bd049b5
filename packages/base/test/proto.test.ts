import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type BucketSpan,
  type NativeHistogram,
  ProtoFields,
  ProtoWriter,
  packSnappy,
  readHistogramMessage,
  STALE_HISTOGRAM,
  unpackSnappy,
  writeHistogramMessage,
} from "../src/index.ts";

test("what is packed unpacks to the same bytes, whatever repeats in them", () => {
  const pieces = fc.array(
    fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.integer({ min: 1, max: 400 })),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(pieces, (list) => {
      const bytes = Buffer.concat(list.flatMap(([piece, times]) => Array(times).fill(piece)));
      const packed = packSnappy(bytes);
      deepEqual(Buffer.from(unpackSnappy(packed) as Uint8Array), bytes);
    }),
    { numRuns: 60 },
  );
});

test("bytes that repeat take little room, and those that do not take little more than they are", () => {
  const text = Buffer.from("http_requests_total{job=api}".repeat(4000));
  equal(packSnappy(text).length < text.length / 15, true);
  let state = 1;
  const noise = Uint8Array.from({ length: 200_000 }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 24;
  });
  equal(packSnappy(noise).length < noise.length * 1.001 + 32, true);
});

test("any bytes at all either unpack or are said to be wrong", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const unpacked = unpackSnappy(bytes);
      equal(typeof unpacked === "string" || unpacked.length <= bytes.length * 32, true);
    }),
  );
});

test("every kind of field is read as it was written", () => {
  const whole = fc.integer({ min: -(2 ** 53) + 1, max: 2 ** 53 - 1 });
  const small = fc.integer({ min: -(2 ** 51), max: 2 ** 51 });
  fc.assert(
    fc.property(whole, small, fc.double(), fc.string({ unit: "binary" }), (a, b, c, d) => {
      const out = new ProtoWriter(1);
      out.begin(7);
      out.int64(1, a);
      out.sint64(2, b);
      out.double(3, c);
      out.text(1000, d.toWellFormed());
      out.end();
      const outer = new ProtoFields("test", out.bytes);
      equal(outer.varint(), 7 * 8 + 2);
      const fields = outer.message();
      equal(outer.done, true);
      const read: unknown[] = [0, 0, 0, ""];
      while (!fields.done) {
        const tag = fields.varint();
        if (tag === 8) read[0] = fields.int64();
        else if (tag === 16) read[1] = fields.sint64();
        else if (tag === 25) {
          const bytes = fields.fixed64();
          read[2] = new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0, true);
        } else if (tag === 8002) read[3] = fields.text();
      }
      deepEqual(read, [a, b, c, d.toWellFormed()]);
    }),
  );
});

test("messages within messages keep their sizes, however long they are", () => {
  for (const size of [0, 1, 127, 128, 16_383, 16_384, 2_097_152]) {
    const out = new ProtoWriter();
    out.begin(1);
    out.begin(2);
    out.raw(new Uint8Array(size).fill(9));
    out.end();
    out.int64(3, 5);
    out.end();
    const outer = new ProtoFields("test", out.bytes);
    equal(outer.varint(), 10);
    const inner = outer.message();
    equal(inner.varint(), 18);
    equal(inner.bytes().length, size);
    equal(inner.varint(), 24);
    equal(inner.int64(), 5);
    equal(inner.done && outer.done, true);
  }
});

/** Spans with as many buckets as there are counts. */
function spansOf(lengths: readonly number[]): readonly BucketSpan[] {
  return lengths.map((length, i) => ({ offset: i === 0 ? -3 : 2, length }));
}

test("a histogram is read as it was written", () => {
  const arbitrary = fc.record({
    isInteger: fc.boolean(),
    lengths: fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 4 }),
    schema: fc.integer({ min: -4, max: 8 }),
    zeroCount: fc.integer({ min: 0, max: 1000 }),
    counterReset: fc.constantFrom("unknown", "reset", "none", "gauge"),
    timestampMs: fc.integer({ min: -(2 ** 47), max: 2 ** 47 }),
  });
  fc.assert(
    fc.property(
      arbitrary,
      ({ isInteger, lengths, schema, zeroCount, counterReset, timestampMs }) => {
        const spans = spansOf(lengths);
        const counts = spans.flatMap(({ length }, i) =>
          Array.from({ length }, (_, j) => ((i * 7 + j * 3) % 11) + (isInteger ? 0 : 0.5)),
        );
        const histogram: NativeHistogram = {
          ...{ schema, isInteger, counterReset, stale: false, zeroThreshold: 0.001, zeroCount },
          count: zeroCount + counts.reduce((sum, count) => sum + count, 0),
          sum: -12.5,
          positiveSpans: spans,
          positiveCounts: counts,
          negativeSpans: [],
          negativeCounts: [],
          customBounds: [],
        };
        const out = new ProtoWriter();
        writeHistogramMessage(out, histogram, timestampMs);
        deepEqual(readHistogramMessage(out.bytes), { histogram, timestampMs });
      },
    ),
  );
});

test("the end of a series of histograms stays what it is", () => {
  const out = new ProtoWriter();
  writeHistogramMessage(out, STALE_HISTOGRAM, 5);
  deepEqual(readHistogramMessage(out.bytes), { histogram: STALE_HISTOGRAM, timestampMs: 5 });
});
