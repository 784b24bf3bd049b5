import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import { OperatingError } from "@pharos/base";
import fc from "fast-check";
import {
  ByteBuffer,
  bitWidthOf,
  encodeDeltas,
  encodeRuns,
  joinBytes,
  splitBytes,
  ValueReader,
} from "../src/archive/parquet-values.ts";

const isDamage = (error: unknown): boolean =>
  error instanceof OperatingError && error.code === "disk.corrupt";

const timestamps = fc
  .tuple(
    fc.integer({ min: -(2 ** 43), max: 2 ** 43 }),
    fc.array(fc.oneof(fc.constant(15_000), fc.nat(40_000), fc.nat(2 ** 40)), { maxLength: 300 }),
  )
  .map(([first, steps]) => {
    const all = [first];
    for (const step of steps)
      if ((all.at(-1) as number) + step < 2 ** 45) all.push((all.at(-1) as number) + step);
    return Float64Array.from(all);
  });

test("timestamps come back from their deltas, whatever their steps", () => {
  fc.assert(
    fc.property(timestamps, (values) => {
      const out = new ByteBuffer();
      encodeDeltas(values, out);
      const back = new Float64Array(values.length);
      const reader = new ValueReader(out.bytes);
      reader.deltas(back);
      deepEqual(back, values);
      equal(reader.rest.length, 0);
    }),
  );
});

test("steady timestamps cost a byte in seven samples", () => {
  const out = new ByteBuffer();
  encodeDeltas(
    Float64Array.from({ length: 8192 }, (_, i) => 1_700_000_000_123 + i * 15_000),
    out,
  );
  equal(out.length < 8192 / 16, true, `${out.length} bytes`);
});

test("deltas that are cut short or of another count are damage", () => {
  const out = new ByteBuffer();
  encodeDeltas(Float64Array.from([1, 5, 6, 100]), out);
  const whole = out.bytes.slice();
  for (let size = 0; size < whole.length; size++)
    throws(() => new ValueReader(whole.subarray(0, size)).deltas(new Float64Array(4)), isDamage);
  throws(() => new ValueReader(whole).deltas(new Float64Array(5)), isDamage);
});

test("runs come back, and those of more or fewer values are damage", () => {
  const out = new ByteBuffer();
  const runs = [
    { value: 1, count: 3 },
    { value: 1, count: 100_000 },
    { value: 0, count: 1 },
    { value: 1, count: 64 },
  ];
  encodeRuns(runs, 1, out);
  deepEqual(
    [...new ValueReader(out.bytes).bitRuns(100_068)],
    [
      { value: 1, count: 100_003 },
      { value: 0, count: 1 },
      { value: 1, count: 64 },
    ],
  );
  throws(() => [...new ValueReader(out.bytes).bitRuns(100_067)], isDamage);
  throws(() => [...new ValueReader(out.bytes).bitRuns(100_069)], isDamage);
});

test("bytes that were split by their place come together again", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      const values = bytes.subarray(0, bytes.length - (bytes.length % 8));
      const split = new Uint8Array(values.length);
      splitBytes(values, split);
      const joined = new Uint8Array(values.length);
      joinBytes(split, joined);
      deepEqual(joined, values.slice());
    }),
  );
  const split = new Uint8Array(16);
  splitBytes(
    Uint8Array.from({ length: 16 }, (_, i) => i),
    split,
  );
  deepEqual([...split], [0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15]);
});

test("a bit width is just wide enough", () => {
  deepEqual([0, 1, 2, 3, 4, 5, 256, 257].map(bitWidthOf), [0, 0, 1, 2, 2, 3, 8, 9]);
});
