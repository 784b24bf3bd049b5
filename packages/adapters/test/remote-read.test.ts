import { deepEqual, equal, rejects, throws } from "node:assert/strict";
import { test } from "node:test";
import {
  type BucketSpan,
  createMatcher,
  labelsFrom,
  type NativeHistogram,
  OperatingError,
  ProtoWriter,
  packSnappy,
  STALE_HISTOGRAM,
  type TimedHistogram,
} from "@pharos/base";
import type { SeriesColumns } from "@pharos/ports";
import fc from "fast-check";
import { decodeHistogramChunk } from "../src/prometheus/histogram-chunk.ts";
import { HistogramChunkWriter } from "../src/prometheus/histogram-chunk-writer.ts";
import {
  ChunkFrames,
  decodeChunkStream,
  decodeReadRequest,
  decodeSamplesResponse,
  encodeReadRequest,
  type ReceivedSeries,
  SamplesResponse,
} from "../src/prometheus/index.ts";
import { decodeXorChunk, SampleBuffer } from "../src/prometheus/xor-chunk.ts";
import { XorChunkWriter } from "../src/prometheus/xor-chunk-writer.ts";

const EVERYTHING = { minMs: -(2 ** 52), maxMs: 2 ** 52 };

/** Rising times, some far apart. */
const times = fc
  .array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constant(15_000), fc.nat(2 ** 40)), {
    minLength: 1,
    maxLength: 300,
  })
  .map((steps) => {
    let at = 1_700_000_000_000;
    return steps.map((step) => {
      at += step + 1;
      return at;
    });
  });

const value = fc.oneof(fc.double(), fc.integer({ min: -1000, max: 1000 }), fc.constant(5));

/** As many values as times. */
const samples = times.chain((list) =>
  fc.tuple(
    fc.constant(Float64Array.from(list)),
    fc
      .array(value, { minLength: list.length, maxLength: list.length })
      .map((values) => Float64Array.from(values)),
  ),
);

test("a chunk of samples is read as it was written, bit by bit", () => {
  const writer = new XorChunkWriter();
  fc.assert(
    fc.property(samples, ([timestampsMs, values]) => {
      const bits = new Uint32Array(values.buffer);
      const out = new SampleBuffer();
      const chunk = writer.write(timestampsMs, bits);
      equal(decodeXorChunk(chunk, EVERYTHING.minMs, EVERYTHING.maxMs, out), undefined);
      deepEqual(out.timestampsMs.subarray(0, out.length), timestampsMs);
      deepEqual(out.valueBits.subarray(0, out.length * 2), bits);
    }),
  );
});

/** A histogram of a layout with counts from a seed. */
function histogramOf(
  seed: number,
  {
    isInteger,
    spans,
    custom,
  }: { isInteger: boolean; spans: readonly BucketSpan[]; custom: boolean },
): NativeHistogram {
  const size = spans.reduce((sum, { length }) => sum + length, 0);
  const counts = Array.from(
    { length: size },
    (_, i) => seed * (i + 1) + i + (isInteger ? 0 : seed / 7),
  );
  const negative = custom ? [] : counts.toReversed();
  const zeroCount = custom ? 0 : seed * 3;
  const all = [...counts, ...negative, zeroCount];
  return {
    ...{ schema: custom ? -53 : 3, isInteger, counterReset: "unknown", stale: false },
    ...{ zeroThreshold: custom ? 0 : 2 ** -128, zeroCount, sum: seed * 1.1 - 3 },
    count: all.reduce((sum, one) => sum + one, 0),
    positiveSpans: spans,
    positiveCounts: counts,
    negativeSpans: custom ? [] : spans,
    negativeCounts: negative,
    customBounds: custom ? Array.from({ length: size }, (_, i) => i + (i % 2) * 0.1234) : [],
  };
}

test("a chunk of histograms is read as it was written, whatever their layout", () => {
  const writer = new HistogramChunkWriter();
  const lengths = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(times, lengths, fc.boolean(), fc.boolean(), (timesMs, sizes, isInteger, custom) => {
      const spans = custom
        ? [{ offset: 0, length: sizes.length }]
        : sizes.map((length, i) => ({ length, offset: i === 0 ? -2 : i }));
      const list = timesMs.map((timestampMs, i): TimedHistogram => {
        const histogram = histogramOf((i * i) % 300, { isInteger, spans, custom });
        return { timestampMs, histogram };
      });
      const out: TimedHistogram[] = [];
      const chunk = writer.write(list);
      equal(
        decodeHistogramChunk(chunk, isInteger, EVERYTHING.minMs, EVERYTHING.maxMs, out),
        undefined,
      );
      const expected = list.map(({ timestampMs, histogram }, i) => ({
        timestampMs,
        histogram: { ...histogram, counterReset: i === 0 ? "unknown" : "none" },
      }));
      deepEqual(out, expected);
    }),
    { numRuns: 40 },
  );
});

test("any bytes at all are a chunk of histograms or said to be none", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (bytes, isInteger) => {
      const problem = decodeHistogramChunk(bytes, isInteger, 0, 1, []);
      equal(problem === undefined || problem.length > 0, true);
    }),
  );
});

/** A series as a store hands it out. */
function columnsOf(
  labels: Record<string, string>,
  timestampsMs: Float64Array,
  values: Float64Array,
  stale: Uint8Array | null = null,
  histograms: readonly TimedHistogram[] = [],
): SeriesColumns {
  const column = {
    timestampsMs: Float64Array.from(histograms, ({ timestampMs }) => timestampMs),
    at: (index: number) => (histograms[index] as TimedHistogram).histogram,
  };
  return {
    ...{ labels: labelsFrom(labels), timestampsMs, values, stale },
    ...(histograms.length > 0 ? { histograms: column } : {}),
  };
}

/** The same series as it is received. */
function received({ labels, timestampsMs, values, stale }: SeriesColumns): ReceivedSeries {
  return { labels, timestampsMs, values, stale, histograms: [] };
}

/** All frames, cut into pieces of a size. */
async function* inPieces(
  frames: Iterable<Uint8Array>,
  size: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const all = Buffer.concat([...frames]);
  for (let at = 0; at < all.length; at += size) yield all.subarray(at, at + size);
}

/** What is received of some series, each put together from its parts. */
async function throughStream(
  series: readonly SeriesColumns[],
  pieceSize: number,
  frameSizeMax?: number,
): Promise<readonly ReceivedSeries[]> {
  const frames = new ChunkFrames(frameSizeMax);
  const list: Uint8Array[] = [];
  for (const columns of series) list.push(...frames.frames(0, columns.labels, columns));
  const whole: ReceivedSeries[] = [];
  for await (const part of decodeChunkStream(inPieces(list, pieceSize), EVERYTHING)) {
    const { queryIndex, ...one } = part;
    equal(queryIndex, 0);
    const last = whole.at(-1);
    if (last === undefined || JSON.stringify(last.labels) !== JSON.stringify(one.labels))
      whole.push(one);
    else
      whole[whole.length - 1] = {
        labels: last.labels,
        timestampsMs: Float64Array.from([...last.timestampsMs, ...one.timestampsMs]),
        values: Float64Array.from([...last.values, ...one.values]),
        stale: null,
        histograms: [...last.histograms, ...one.histograms],
      };
  }
  return whole;
}

test("series come through a stream of chunks as they are, whatever pieces it comes in", async () => {
  await fc.assert(
    fc.asyncProperty(samples, samples, fc.integer({ min: 1, max: 5000 }), async (a, b, size) => {
      const series = [columnsOf({ __name__: "a", x: "é" }, ...a), columnsOf({ b: "2" }, ...b)];
      deepEqual(await throughStream(series, size), series.map(received));
    }),
    { numRuns: 30 },
  );
});

test("a series that fills more than a frame comes in several", async () => {
  const times = Float64Array.from({ length: 5000 }, (_, i) => i * 15_000);
  const values = times.map((at) => Math.sin(at));
  const series = columnsOf({ __name__: "long" }, times, values);
  equal([...new ChunkFrames(4096).frames(0, series.labels, series)].length > 5, true);
  deepEqual(await throughStream([series], 1000, 4096), [received(series)]);
});

test("the end of a series comes through either kind of response", async () => {
  const times = Float64Array.of(1000, 2000, 3000);
  const values = Float64Array.of(1, Number.NaN, Number.NaN);
  const series = columnsOf({ __name__: "gone" }, times, values, Uint8Array.of(0, 0, 1));
  const [streamed] = await throughStream([series], 10);
  deepEqual(streamed?.stale, Uint8Array.of(0, 0, 1));
  const response = new SamplesResponse();
  response.add(series.labels, series);
  response.endQuery();
  deepEqual(decodeSamplesResponse(response.packed())[0]?.[0]?.stale, Uint8Array.of(0, 0, 1));
});

test("samples and histograms of one series come in the order of time", async () => {
  const layout = { isInteger: true, spans: [{ offset: 0, length: 3 }], custom: false };
  const histograms: TimedHistogram[] = [
    { timestampMs: 1500, histogram: histogramOf(1, layout) },
    { timestampMs: 1600, histogram: histogramOf(2, layout) },
    { timestampMs: 2500, histogram: { ...histogramOf(5, layout), counterReset: "reset" } },
    { timestampMs: 2600, histogram: STALE_HISTOGRAM },
    { timestampMs: 2700, histogram: { ...histogramOf(1, layout), counterReset: "gauge" } },
  ];
  const times = Float64Array.of(1000, 2000, 3000);
  const series = columnsOf({ __name__: "both" }, times, Float64Array.of(1, 2, 3), null, histograms);
  const [streamed] = await throughStream([series], 7);
  deepEqual(streamed?.timestampsMs, times);
  // What is said of the second one follows from the first.
  const expected = histograms.map((one, i) =>
    i === 1 ? { ...one, histogram: { ...one.histogram, counterReset: "none" } } : one,
  );
  deepEqual(streamed?.histograms, expected);
  const response = new SamplesResponse();
  response.add(series.labels, series);
  response.endQuery();
  deepEqual(decodeSamplesResponse(response.packed()), [[{ ...received(series), histograms }]]);
});

test("a response holds the series of each query apart", () => {
  const response = new SamplesResponse();
  const series = columnsOf({ a: "1" }, Float64Array.of(0, 5), Float64Array.of(0, -0));
  response.add(series.labels, series);
  response.endQuery();
  response.endQuery();
  response.add(series.labels, series);
  response.endQuery();
  deepEqual(decodeSamplesResponse(response.packed()), [[received(series)], [], [received(series)]]);
});

test("a stream that is damaged or ends too early is not taken for a whole one", async () => {
  const series = columnsOf({ a: "1" }, Float64Array.of(1), Float64Array.of(1));
  const [frame] = new ChunkFrames().frames(0, series.labels, series);
  const read = async (bytes: Uint8Array): Promise<void> => {
    for await (const _ of decodeChunkStream(inPieces([bytes], 1000), EVERYTHING));
  };
  const whole = new Uint8Array(frame as Uint8Array);
  await rejects(read(whole.subarray(0, whole.length - 1)), /ends within a frame/);
  const damaged = whole.slice();
  (damaged[damaged.length - 3] as number) ^= 1;
  await rejects(read(damaged), /checksum/);
  await rejects(read(Uint8Array.of(255, 255, 255, 255, 15)), /a frame of more than/);
  await rejects(read(new Uint8Array(200).fill(128)), /the size of a frame does not end/);
});

test("a request is read as it was written", () => {
  const request = {
    queries: [
      {
        range: { minMs: -5, maxMs: 1_700_000_000_000 },
        matchers: [
          createMatcher("=", "__name__", "up"),
          createMatcher("!=", "a", ""),
          createMatcher("=~", "b", "x|y"),
          createMatcher("!~", "c", ".+"),
        ],
      },
      { range: { minMs: 0, maxMs: 0 }, matchers: [] },
    ],
    accepted: ["STREAMED_XOR_CHUNKS", "SAMPLES"],
  } as const;
  const { queries, accepted } = decodeReadRequest(encodeReadRequest(request));
  deepEqual(accepted, request.accepted);
  deepEqual(
    queries.map(({ range, matchers }) => ({
      range,
      matchers: matchers.map(({ type, name, value: text }) => [type, name, text]),
    })),
    request.queries.map(({ range, matchers }) => ({
      range,
      matchers: matchers.map(({ type, name, value: text }) => [type, name, text]),
    })),
  );
});

test("who says nothing of responses gets samples, and who wants only unknown ones an error", () => {
  deepEqual(decodeReadRequest(packSnappy(new Uint8Array(0))).accepted, ["SAMPLES"]);
  const out = new ProtoWriter();
  out.int64(2, 7);
  throws(
    () => decodeReadRequest(packSnappy(out.bytes)),
    /server does not support any of the requested response types: 7; supported: SAMPLES/,
  );
});

test("any bytes at all are a request or refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      try {
        decodeReadRequest(packSnappy(bytes));
      } catch (error) {
        if (!(error instanceof OperatingError && error.code === "input.invalid")) throw error;
      }
    }),
  );
});
