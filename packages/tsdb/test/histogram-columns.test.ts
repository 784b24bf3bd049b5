import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { zstdCompressSync } from "node:zlib";
import { encodeHistogram, type NativeHistogram, STALE_HISTOGRAM, seededRng } from "@pharos/base";
import { Kernels } from "@pharos/kernels";
import fc from "fast-check";
import { MalformedBytes } from "../src/block/byte-reader.ts";
import { ColumnDecoder } from "../src/block/column-decoder.ts";
import {
  ColumnEncoder,
  HISTOGRAMS_IN_COLUMNS,
  HISTOGRAMS_PLAIN,
} from "../src/block/column-encoder.ts";
import type { BytesColumn } from "../src/block/column-set.ts";

const kernels = await Kernels.load();
const encoder = new ColumnEncoder(kernels);
const decoder = new ColumnDecoder(kernels);

function columnOf(histograms: readonly NativeHistogram[]): BytesColumn {
  const pieces = histograms.map(encodeHistogram);
  let end = 0;
  const ends = Uint32Array.from(pieces, ({ length }) => {
    end += length;
    return end;
  });
  return { ends, bytes: Uint8Array.from(pieces.flatMap((piece) => [...piece])) };
}

/** Observations of a busy service, as its histogram has them every 15 s: `count` samples, a gap in the buckets. */
function latencies(count: number): NativeHistogram[] {
  const rng = seededRng(7);
  const buckets = new Array<number>(40).fill(0);
  let sum = 0;
  let zeroCount = 0;
  return Array.from({ length: count }, () => {
    for (let i = 0; i < 200; i++) {
      const bucket = Math.min(39, rng.below(10) + rng.below(10) + rng.below(10) + rng.below(5));
      buckets[bucket] = (buckets[bucket] as number) + 1;
      sum += 2 ** (bucket / 8 - 3);
    }
    if (rng.below(50) === 0) zeroCount++;
    return {
      ...STALE_HISTOGRAM,
      stale: false,
      schema: 3,
      zeroThreshold: 2 ** -128,
      zeroCount,
      count: buckets.reduce((total, one) => total + one, zeroCount),
      sum,
      positiveSpans: [
        { offset: -24, length: 30 },
        { offset: 3, length: 10 },
      ],
      positiveCounts: [...buckets],
    };
  });
}

test("histograms come back byte for byte, in columns or as they are", () => {
  const some = latencies(20);
  const [first, second, third] = some as [NativeHistogram, NativeHistogram, NativeHistogram];
  const reset = {
    ...second,
    counterReset: "reset",
    zeroCount: 0,
    count: second.count - second.zeroCount,
  } as const;
  const float = { ...first, isInteger: false };
  const cases: [readonly NativeHistogram[], number][] = [
    [some, HISTOGRAMS_IN_COLUMNS],
    [[first], HISTOGRAMS_IN_COLUMNS],
    // Layouts that change, and counts that go down.
    [[third, reset, first, { ...first, sum: -0 }, { ...first, schema: 2 }], HISTOGRAMS_IN_COLUMNS],
    [[first, float], HISTOGRAMS_PLAIN],
    [[first, STALE_HISTOGRAM], HISTOGRAMS_PLAIN],
  ];
  for (const [histograms, way] of cases) {
    const column = columnOf(histograms);
    const written = encoder.histograms(column, 0, histograms.length).slice();
    equal(written[0], way);
    deepEqual(plain(decoder.histograms(written, histograms.length)), plain(column));
  }
  const middle = encoder.histograms(columnOf(some), 5, 12).slice();
  deepEqual(plain(decoder.histograms(middle, 7)), plain(columnOf(some.slice(5, 12))));
});

function plain({ ends, bytes }: BytesColumn) {
  return { ends: [...ends], bytes: [...bytes] };
}

test("two hours of a busy histogram take a fraction of what its bytes take, also compressed", () => {
  const histograms = latencies(480);
  const column = columnOf(histograms);
  const written = encoder.histograms(column, 0, histograms.length).slice();
  const perSample = (bytes: Uint8Array): number => bytes.length / histograms.length;
  ok(perSample(written) < perSample(column.bytes) * 0.75, `${perSample(written)} bytes each`);
  const [ours, theirs] = [zstdCompressSync(written), zstdCompressSync(column.bytes)].map(perSample);
  ok((ours as number) < (theirs as number) * 0.75, `${ours} bytes each, not ${theirs}`);
});

test("damaged bytes are found or read as others, and never take more than they should", () => {
  const histograms = latencies(30);
  const written = encoder.histograms(columnOf(histograms), 0, 30).slice();
  const read = (bytes: Uint8Array): boolean => {
    try {
      return decoder.histograms(bytes, 30).ends.length === 30;
    } catch (error) {
      if (error instanceof MalformedBytes) return true;
      throw error;
    }
  };
  for (let size = 1; size < written.length; size += 3) ok(read(written.subarray(0, size)));
  const change = fc.tuple(fc.nat(written.length - 1), fc.nat(255));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      const bytes = written.slice();
      for (const [at, byte] of changes) bytes[at] = byte;
      return read(bytes);
    }),
    { numRuns: 500 },
  );
});
