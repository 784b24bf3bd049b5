import { deepEqual, equal, rejects } from "node:assert/strict";
import { describe, test } from "node:test";
import {
  createMatcher,
  formatLabels,
  type Labels,
  labelsFrom,
  METRIC_NAME,
  type NativeHistogram,
  STALE_HISTOGRAM,
} from "@pharos/base";
import type {
  AppendResult,
  ExemplarResult,
  ExemplarStore,
  HistogramStore,
  MetadataStore,
  SeriesStore,
} from "@pharos/ports";

/** Times below count from here, in seconds. */
const EPOCH_MS = 1_700_000_000_000;
const EVERYTHING = { minMs: EPOCH_MS - 3_600_000, maxMs: EPOCH_MS + 3_600_000 };

type AttachmentStore = SeriesStore & HistogramStore & ExemplarStore & MetadataStore;

/** What `HistogramStore`, `ExemplarStore` and `MetadataStore` promise, as tests, for a store that is all of them. */
export function attachmentStoreConformance(
  name: string,
  open: () => Promise<AttachmentStore>,
): void {
  describe(`${name} keeps the contracts of histograms, exemplars and metadata`, () => {
    test("histograms are read back by time, whatever order they came in", async () => {
      await using store = await open();
      deepEqual(await appendHistograms(store, "h 30:3 10:1"), appended(2));
      deepEqual(await appendHistograms(store, "h 20:2"), appended(1));
      deepEqual(await readHistograms(store, "h"), ["h 10:1 20:2 30:3"]);
      deepEqual(await readHistograms(store, "h", 20, 29), ["h 20:2"]);
    });

    test("a histogram is what it was, with all its buckets", async () => {
      await using store = await open();
      const float: NativeHistogram = {
        ...histogramOf(0),
        isInteger: false,
        counterReset: "gauge",
        sum: -0.1,
        count: 2.5,
        zeroCount: 0.5,
        zeroThreshold: 0.001,
        positiveSpans: [
          { offset: -3, length: 1 },
          { offset: 2, length: 1 },
        ],
        positiveCounts: [0.25, 1.5],
        negativeSpans: [{ offset: 0, length: 1 }],
        negativeCounts: [0.25],
      };
      const sent = [histogramOf(7), float, STALE_HISTOGRAM];
      await store.appendHistograms({
        labelSets: [labelsOf("h")],
        series: Uint32Array.of(0, 0, 0),
        timestampsMs: Float64Array.of(EPOCH_MS, EPOCH_MS + 1, EPOCH_MS + 2),
        histograms: sent,
      });
      const back: NativeHistogram[] = [];
      for await (const { histograms } of select(store, "h", true))
        for (const at of histograms?.timestampsMs.keys() ?? [])
          back.push(histograms?.at(at) as NativeHistogram);
      deepEqual(back, sent);
    });

    test("whoever does not ask for histograms gets none, and no series that has only them", async () => {
      await using store = await open();
      await appendHistograms(store, "h 10:1");
      await appendSample(store, "h", 15, 5);
      await appendHistograms(store, "only 10:1");
      const seen: string[] = [];
      for await (const { labels, values, histograms } of select(store, ".+", false))
        seen.push(`${formatLabels(labels)} ${values.join(" ")} ${histograms}`);
      deepEqual(seen, ["h 5 undefined"]);
      const asked: string[] = [];
      for await (const { labels, values, histograms } of select(store, ".+", true))
        asked.push(`${formatLabels(labels)} ${values.length} ${histograms?.timestampsMs.length}`);
      deepEqual(asked, ["h 1 1", "only 0 1"]);
    });

    test("histograms count where the number of samples is limited", async () => {
      await using store = await open();
      await appendHistograms(store, "h 10:1 20:2");
      const signal = new AbortController().signal;
      const options = { samplesMax: 1, signal, histograms: true };
      const selection = store.select(EVERYTHING, [createMatcher("=", METRIC_NAME, "h")], options);
      await rejects(Array.fromAsync(selection), { code: "query.too_many_samples" });
    });

    test("the same histogram again changes nothing, and another at its time is refused", async () => {
      await using store = await open();
      await appendHistograms(store, "h 10:1 20:2");
      deepEqual(await appendHistograms(store, "h 10:1 20:2"), { ...appended(0), duplicate: 2 });
      deepEqual(await appendHistograms(store, "h 10:9 20:9"), { ...appended(0), conflicting: 2 });
      deepEqual(await readHistograms(store, "h"), ["h 10:1 20:2"]);
    });

    test("a histogram that contradicts itself is refused, and nothing of its batch is stored", async () => {
      await using store = await open();
      const batch = {
        labelSets: [labelsOf("h")],
        series: Uint32Array.of(0, 0),
        timestampsMs: Float64Array.of(EPOCH_MS, EPOCH_MS + 1),
        histograms: [histogramOf(1), { ...histogramOf(1), count: 77 }],
      };
      await rejects(store.appendHistograms(batch), { code: "input.invalid", message: /77/ });
      deepEqual(await readHistograms(store, ".+"), []);
    });

    test("series with nothing but histograms are found by their labels", async () => {
      await using store = await open();
      await appendHistograms(store, "h 10:1");
      const lists = [[createMatcher("=", METRIC_NAME, "h")]];
      deepEqual((await store.series(EVERYTHING, lists)).map(formatLabels), ["h"]);
      const later = { minMs: EPOCH_MS + 11_000, maxMs: EPOCH_MS + 99_000 };
      deepEqual(await store.series(later, lists), []);
    });

    test("exemplars are read back with their labels, for the series that match any of the lists", async () => {
      await using store = await open();
      deepEqual(await appendExemplars(store, "a 10:0.5:t1 20:1:t2", "b 10:-0:t3"), {
        appended: 3,
        outOfOrder: 0,
        refused: 0,
      });
      const all = ["a 10:0.5:t1 20:1:t2", "b 10:-0:t3"];
      deepEqual(await readExemplars(store, ["a", "b"]), all);
      deepEqual(await readExemplars(store, [".+", "a"]), all);
      deepEqual(await readExemplars(store, ["a"], 15, 20), ["a 20:1:t2"]);
      deepEqual(await readExemplars(store, ["c"]), []);
    });

    test("an exemplar that comes again changes nothing, and one that comes too late is counted", async () => {
      await using store = await open();
      await appendExemplars(store, "a 20:1:t1");
      const nothing = { appended: 0, outOfOrder: 0, refused: 0 };
      deepEqual(await appendExemplars(store, "a 20:1:t1"), nothing);
      deepEqual(await appendExemplars(store, "a 10:1:t0"), { ...nothing, outOfOrder: 1 });
      deepEqual(await appendExemplars(store, "a 20:1:t9"), { ...nothing, outOfOrder: 1 });
      deepEqual(await readExemplars(store, ["a"]), ["a 20:1:t1"]);
    });

    test("an exemplar's labels have at most 128 characters", async () => {
      await using store = await open();
      const long = "é".repeat(128 - "trace_id".length);
      const result = await appendExemplars(store, `a 10:1:${long} 20:1:${long}x`);
      deepEqual(result, { appended: 1, outOfOrder: 0, refused: 1 });
      deepEqual(await readExemplars(store, ["a"]), [`a 10:1:${long}`]);
    });

    test("what is said of a metric last is what is kept of it", async () => {
      await using store = await open();
      await store.appendMetadata([family("up", "gauge"), family("a_total", "counter")]);
      await store.appendMetadata([family("up", "unknown")]);
      deepEqual(await store.metadata(), [family("a_total", "counter"), family("up", "unknown")]);
      deepEqual(await store.metadata("up"), [family("up", "unknown")]);
      deepEqual(await store.metadata("down"), []);
    });
  });
}

function family(metric: string, type: string) {
  return { metric, type, help: `Help of ${metric}.`, unit: "" };
}

function labelsOf(metric: string): Labels {
  return labelsFrom({ [METRIC_NAME]: metric });
}

/** An integer histogram with so many observations in one bucket. */
function histogramOf(count: number): NativeHistogram {
  return {
    ...STALE_HISTOGRAM,
    stale: false,
    schema: 3,
    sum: count * 1.5,
    count,
    positiveSpans: [{ offset: 4, length: 1 }],
    positiveCounts: [count],
  };
}

function appended(count: number): AppendResult {
  return { appended: count, duplicate: 0, tooOld: 0, tooNew: 0, conflicting: 0 };
}

/** `h 10:3`: at second 10 a histogram with three observations. */
function appendHistograms(store: HistogramStore, line: string): Promise<AppendResult> {
  const [metric = "", ...points] = line.split(" ");
  const parts = points.map((point) => point.split(":").map(Number) as [number, number]);
  return store.appendHistograms({
    labelSets: [labelsOf(metric)],
    series: new Uint32Array(parts.length),
    timestampsMs: Float64Array.from(parts, ([second]) => EPOCH_MS + second * 1000),
    histograms: parts.map(([, count]) => histogramOf(count)),
  });
}

function select(store: SeriesStore, pattern: string, histograms: boolean, from = 0, to = 3600) {
  return store.select(
    { minMs: EPOCH_MS + from * 1000, maxMs: EPOCH_MS + to * 1000 },
    [createMatcher("=~", METRIC_NAME, pattern)],
    {
      samplesMax: Number.POSITIVE_INFINITY,
      signal: new AbortController().signal,
      histograms,
    },
  );
}

async function readHistograms(store: SeriesStore, pattern: string, from?: number, to?: number) {
  const lines: string[] = [];
  for await (const { labels, histograms } of select(store, pattern, true, from, to)) {
    const points = Array.from(
      histograms?.timestampsMs ?? [],
      (ms, at) => `${(ms - EPOCH_MS) / 1000}:${histograms?.at(at).count}`,
    );
    lines.push([formatLabels(labels), ...points].join(" "));
  }
  return lines;
}

async function appendSample(store: SeriesStore, metric: string, second: number, value: number) {
  const result = await store.append({
    labelSets: [labelsOf(metric)],
    series: Uint32Array.of(0),
    timestampsMs: Float64Array.of(EPOCH_MS + second * 1000),
    values: Float64Array.of(value),
    stale: null,
  });
  equal(result.appended, 1);
}

/** `a 10:0.5:t1`: at second 10 an exemplar of 0.5 with the trace t1. */
function appendExemplars(
  store: ExemplarStore,
  ...lines: readonly string[]
): Promise<ExemplarResult> {
  const parts = lines.map((line) => line.split(" "));
  return store.appendExemplars({
    labelSets: parts.map(([metric = ""]) => labelsOf(metric)),
    series: Uint32Array.from(parts.flatMap((part, at) => part.slice(1).map(() => at))),
    exemplars: parts.flatMap((part) =>
      part.slice(1).map((point) => {
        const [second, value, trace = ""] = point.split(":");
        const labels = labelsFrom({ trace_id: trace });
        return { labels, timestampMs: EPOCH_MS + Number(second) * 1000, value: Number(value) };
      }),
    ),
  });
}

async function readExemplars(
  store: ExemplarStore,
  patterns: readonly string[],
  from = 0,
  to = 3600,
): Promise<string[]> {
  const found = await store.exemplars(
    { minMs: EPOCH_MS + from * 1000, maxMs: EPOCH_MS + to * 1000 },
    patterns.map((pattern) => [createMatcher("=~", METRIC_NAME, pattern)]),
  );
  return found.map(({ labels, exemplars }) => {
    const points = exemplars.map((exemplar) => {
      const second = (exemplar.timestampMs - EPOCH_MS) / 1000;
      const value = Object.is(exemplar.value, -0) ? "-0" : String(exemplar.value);
      return `${second}:${value}:${exemplar.labels.map(([, text]) => text).join(",")}`;
    });
    return [formatLabels(labels), ...points].join(" ");
  });
}
