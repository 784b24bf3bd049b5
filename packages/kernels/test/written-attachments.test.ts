import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import {
  CUSTOM_BOUNDS_SCHEMA,
  DEFAULT_ZERO_THRESHOLD,
  decodeHistogram,
  labelsFrom,
  METRIC_NAME,
  type NativeHistogram,
  OperatingError,
  STALE_HISTOGRAM,
} from "@pharos/base";
import { encodeWriteRequest, type SentSeries } from "@pharos/testing";
import fc from "fast-check";
import { compress } from "snappyjs";
import {
  decodeLabels,
  HEAD_NAMESPACE,
  Kernels,
  RemoteWriteDecoder,
  SampleColumns,
  SeriesTable,
  VALUE_DROPPED,
} from "../src/index.ts";
import { readAttachments } from "../src/written-attachments.ts";

const kernels = await Kernels.load();
const T = 1_700_000_000_000;

const INTEGER: NativeHistogram = {
  ...STALE_HISTOGRAM,
  stale: false,
  schema: -2,
  counterReset: "none",
  zeroThreshold: DEFAULT_ZERO_THRESHOLD,
  zeroCount: 300,
  count: 1_000_000_305,
  sum: -12.25,
  positiveSpans: [
    { offset: -5, length: 2 },
    { offset: 3, length: 1 },
  ],
  positiveCounts: [1_000_000_000, 0, 4],
  negativeSpans: [{ offset: 200, length: 1 }],
  negativeCounts: [1],
};
const FLOAT: NativeHistogram = {
  ...INTEGER,
  isInteger: false,
  counterReset: "gauge",
  positiveCounts: [0.5, 1e300, 0.1],
  negativeCounts: [1 / 3],
  zeroCount: 0.25,
  count: 2.5,
};
const CUSTOM: NativeHistogram = {
  ...STALE_HISTOGRAM,
  stale: false,
  schema: CUSTOM_BOUNDS_SCHEMA,
  sum: 3,
  count: 3,
  positiveSpans: [{ offset: 0, length: 2 }],
  positiveCounts: [1, 2],
  customBounds: [0.5],
};

/** A decoder whose resolver numbers series as it meets them. */
function setUp(drop: (name: string) => boolean = () => false) {
  const table = new SeriesTable(kernels);
  const columns = new SampleColumns(kernels, 100);
  const decoder = new RemoteWriteDecoder(kernels, table, columns);
  const names: string[] = [];
  const decode = (request: Uint8Array) =>
    decoder.decode(compress(request), (bytes) => {
      const name = decodeLabels(bytes)[0]?.[1] ?? "";
      if (drop(name)) return VALUE_DROPPED;
      table.insert(HEAD_NAMESPACE, bytes, names.length);
      return names.push(name) - 1;
    });
  return { columns, decode, names };
}

function series(name: string, sent: Partial<SentSeries>): SentSeries {
  return { labels: labelsFrom({ [METRIC_NAME]: name }), samples: [], ...sent };
}

test("histograms are read as they were sent, integers, floats, custom bounds and markers", () => {
  const { decode, names } = setUp();
  const sent = [INTEGER, FLOAT, CUSTOM, STALE_HISTOGRAM];
  const histograms = sent.map((histogram, at) => ({ histogram, timestampMs: T + at }));
  const { attachments } = decode(encodeWriteRequest([series("h", { histograms })]));
  deepEqual(names, ["h"]);
  const read = attachments?.histograms;
  deepEqual([...(read?.refs ?? [])], [0, 0, 0, 0]);
  deepEqual([...(read?.timestampsMs ?? [])], [T, T + 1, T + 2, T + 3]);
  const { ends = new Uint32Array(), bytes = new Uint8Array() } = read?.histograms ?? {};
  deepEqual(
    Array.from(ends, (end, at) => decodeHistogram(bytes.subarray(ends[at - 1] ?? 0, end))),
    sent,
  );
  deepEqual(attachments?.refused, { histograms: 0, exemplars: 0, reason: "" });
});

test("counts, differences and times of any size are read, up to 2^52", () => {
  const { decode } = setUp();
  const counts = [2 ** 6, 2 ** 7, 2 ** 48, 2 ** 49 + 1, 2 ** 51, 0, 1];
  const sent: NativeHistogram = {
    ...INTEGER,
    zeroCount: 2 ** 50 + 7,
    count: counts.reduce((sum, count) => sum + count, 2 ** 50 + 7),
    positiveSpans: [{ offset: -(2 ** 20), length: counts.length }],
    positiveCounts: counts,
    negativeSpans: [],
    negativeCounts: [],
  };
  const times = [-1, 0, 127, 128, T, 2 ** 52];
  const histograms = times.map((timestampMs) => ({ histogram: sent, timestampMs }));
  const { attachments } = decode(encodeWriteRequest([series("h", { histograms })]));
  deepEqual([...(attachments?.histograms.timestampsMs ?? [])], times);
  const { ends, bytes } = attachments?.histograms.histograms ?? {};
  deepEqual(decodeHistogram((bytes ?? new Uint8Array()).subarray(0, ends?.[0])), sent);
});

test("exemplars come with their series' reference, whichever message of the body has it", () => {
  const { columns, decode, names } = setUp();
  const exemplar = (trace: string, value: number) => ({
    labels: labelsFrom({ trace_id: trace, span: "s" }),
    timestampMs: T,
    value,
  });
  const request = encodeWriteRequest([
    series("a", { samples: [{ timestampMs: T, value: 1 }] }),
    series("b", { samples: [{ timestampMs: T, value: 2 }] }),
    series("b", { exemplars: [exemplar("x", -0)] }),
    series("a", { exemplars: [exemplar("y", 0.5)] }),
  ]);
  for (const _ of [1, 2]) {
    const { attachments, samples } = decode(request);
    equal(samples, 2);
    deepEqual([...columns.series.subarray(0, 2)], [0, 1]);
    const read = attachments?.exemplars;
    deepEqual([...(read?.refs ?? [])], [1, 0]);
    deepEqual([...(read?.values ?? [])], [-0, 0.5]);
    deepEqual([...(read?.timed ?? [])], [1, 1]);
    const { ends = new Uint32Array(), bytes = new Uint8Array() } = read?.labels ?? {};
    deepEqual(decodeLabels(bytes.subarray(0, ends[0])), [
      ["span", "s"],
      ["trace_id", "x"],
    ]);
  }
  deepEqual(names, ["a", "b"]);
});

test("what stands between labels is read as well", () => {
  const { decode } = setUp();
  const histograms = [{ histogram: INTEGER, timestampMs: T }];
  const whole = encodeWriteRequest([series("m", { histograms })]);
  const label = [0x0a, 6, 0x0a, 1, 0x7a, 0x12, 1, 0x31];
  // The series message, with one more label behind the histogram.
  const size = (whole[1] as number) + label.length;
  equal(size < 0x80, true, "its size takes a byte");
  const request = Uint8Array.from([0x0a, size, ...whole.subarray(2), ...label]);
  const { attachments } = decode(request);
  const { bytes } = attachments?.histograms.histograms ?? {};
  deepEqual(decodeHistogram(bytes ?? new Uint8Array()), INTEGER);
});

test("a histogram that contradicts itself is left out with the reason, and the others are taken", () => {
  const { decode } = setUp();
  const { attachments } = decode(
    encodeWriteRequest([
      series("h", {
        histograms: [
          { histogram: { ...INTEGER, count: 1 }, timestampMs: T },
          { histogram: INTEGER, timestampMs: T + 1 },
        ],
      }),
    ]),
  );
  equal(attachments?.histograms.refs.length, 1);
  equal(attachments?.refused.histograms, 1);
  match(attachments?.refused.reason ?? "", /1000000305 observations .* count of 1/);
});

test("those of a series that is not taken are counted", () => {
  const { decode } = setUp((name) => name === "bad");
  const histograms = [{ histogram: INTEGER, timestampMs: T }];
  const exemplars = [{ labels: [], timestampMs: T, value: 1 }];
  const { attachments } = decode(
    encodeWriteRequest([series("bad", { histograms, exemplars }), series("h", { histograms })]),
  );
  deepEqual(attachments?.refused, {
    histograms: 1,
    exemplars: 1,
    reason: "their series is not taken",
  });
  equal(attachments?.histograms.refs.length, 1);
});

test("whatever stands in an exemplar or a histogram, reading ends, and says what is wrong", () => {
  const sent = encodeWriteRequest([
    series("h", {
      histograms: [INTEGER, FLOAT, CUSTOM].map((histogram) => ({ histogram, timestampMs: T })),
      exemplars: [{ labels: labelsFrom({ trace_id: "x" }), timestampMs: T, value: 1 }],
    }),
  ]);
  const change = fc.tuple(fc.nat(sent.length - 1), fc.nat(255));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const request = sent.slice();
      for (const [at, byte] of changes) request[at] = byte;
      try {
        const { histograms, exemplars } = readAttachments(request, () => 1);
        for (const [at, end] of histograms.histograms.ends.entries()) {
          const from = histograms.histograms.ends[at - 1] ?? 0;
          const bytes = histograms.histograms.bytes.subarray(from, end);
          equal(decodeHistogram(bytes) === undefined, false);
        }
        equal(exemplars.labels.ends.length, exemplars.refs.length);
      } catch (error) {
        if (!(error instanceof OperatingError && error.code === "input.invalid")) throw error;
      }
    }),
    { numRuns: 2000 },
  );
});
