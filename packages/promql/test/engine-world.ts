import {
  assert,
  type CounterReset,
  compareLabels,
  formatLabels,
  formatValue,
  type Labels,
  labelsFrom,
  METRIC_NAME,
  matchesLabels,
  type NativeHistogram,
} from "@pharos/base";
import type { HistogramColumn, SeriesColumns, SeriesReader } from "@pharos/ports";
import {
  createEngine,
  type EngineOptions,
  type MatrixSeries,
  type QueryResult,
} from "@pharos/promql/engine";
import { MemoryStore, SimClock } from "@pharos/testing";
import { formatHistogram } from "../src/engine/format-number.ts";
import { histogramOf } from "./histogram-arbitrary.ts";

const NEVER = new AbortController().signal;

/**
 * A store filled with lines such as `http_total{job="api"} 0 60 _ 120 stale`: one sample a minute from time 0, `_`
 * for none. `{1,2}` is a native histogram with so many observations in (0.5,1] and (1,2], each of which counts as its
 * bucket's end in the sum; `{1,2|5,10}` one with the custom bounds 5 and 10; `{1,2;gauge}` says something of
 * resets, and `{1,2;nan}` has two more observations that are NaN.
 */
export async function worldOf(text: string, options: Partial<EngineOptions> = {}): Promise<World> {
  const floats = new MemoryStore();
  const histograms: HistogramSeries[] = [];
  for (const line of text.split("\n").map((part) => part.trim())) {
    if (line === "") continue;
    const match = /^([^\s{]*)(?:\{([^}]*)\})?((?:\s+\S+)*)$/.exec(line);
    assert(match !== null, () => `series line ${line}`);
    const [, name = "", labels = "", points = ""] = match;
    const pairs = [...labels.matchAll(/([\w.]+)="([^"]*)"/g)].map(
      ([, label = "", value = ""]) => [label, value] as const,
    );
    const series = labelsFrom([[METRIC_NAME, name], ...pairs]);
    const samples = points.trim().split(/\s+/);
    await addSeries(floats, series, samples);
    if (samples.some(isHistogram)) histograms.push(histogramSeries(series, samples));
  }
  const store = histograms.length === 0 ? floats : new MixedReader(floats, histograms);
  return new World(store, options);
}

interface HistogramSeries {
  readonly labels: Labels;
  readonly samples: readonly {
    readonly timestampMs: number;
    readonly histogram: NativeHistogram;
  }[];
}

function isHistogram(point: string): boolean {
  return point.startsWith("{");
}

function histogramSeries(labels: Labels, points: readonly string[]): HistogramSeries {
  const samples = points.flatMap((point, minute) =>
    isHistogram(point) ? { timestampMs: minute * 60_000, histogram: parseHistogram(point) } : [],
  );
  return { labels, samples };
}

const RESETS: readonly CounterReset[] = ["unknown", "reset", "none", "gauge"];

/** `{1,2|5,10;gauge}`: counts, custom bounds, what it says of resets, or `nan` for two observations of NaN more. */
function parseHistogram(text: string): NativeHistogram {
  const match = /^\{([-\d.,]*)(?:\|([-\d.,]+))?(?:;(\w+))?\}$/.exec(text);
  assert(match !== null, () => `histogram ${text}`);
  const [, countText = "", boundText, word = "unknown"] = match;
  const reset = word === "nan" ? "unknown" : word;
  const counts = countText === "" ? [] : countText.split(",").map(Number);
  const customBounds = boundText?.split(",").map(Number);
  const counterReset = RESETS.find((one) => one === reset);
  assert(counterReset !== undefined, () => `resets ${reset}`);
  const ends = customBounds ?? counts.map((_, i) => 2 ** i);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const sum = counts.reduce((sum, count, i) => sum + count * (ends[i] ?? ends.at(-1) ?? 0), 0);
  return histogramOf({
    positive: Object.fromEntries(counts.entries()),
    counterReset,
    ...(word === "nan" ? { count: total + 2, sum: Number.NaN } : { sum }),
    ...(customBounds && { customBounds }),
  });
}

/** Floats of one store, with native histograms beside them. */
class MixedReader implements Pick<SeriesReader, "select"> {
  readonly #floats: MemoryStore;
  readonly #histograms: readonly HistogramSeries[];

  constructor(floats: MemoryStore, histograms: readonly HistogramSeries[]) {
    this.#floats = floats;
    this.#histograms = histograms;
  }

  async *select(
    ...[range, matchers, options]: Parameters<SeriesReader["select"]>
  ): AsyncGenerator<SeriesColumns> {
    const waiting = this.#histograms
      .filter(({ labels }) => matchesLabels(matchers, labels))
      .map(({ labels, samples }) => ({
        labels,
        samples: samples.filter(
          ({ timestampMs }) => timestampMs >= range.minMs && timestampMs <= range.maxMs,
        ),
      }))
      .filter(({ samples }) => samples.length > 0)
      .sort((a, b) => compareLabels(a.labels, b.labels));
    const columnsOf = ({ labels, samples }: HistogramSeries): SeriesColumns => ({
      labels,
      timestampsMs: new Float64Array(0),
      values: new Float64Array(0),
      stale: null,
      histograms: histogramColumn(samples),
    });
    for await (const columns of this.#floats.select(range, matchers, options)) {
      while (waiting[0] !== undefined && compareLabels(waiting[0].labels, columns.labels) < 0)
        yield columnsOf(waiting.shift() as HistogramSeries);
      const same =
        waiting[0] !== undefined && compareLabels(waiting[0].labels, columns.labels) === 0;
      if (same) {
        const { samples } = waiting.shift() as HistogramSeries;
        yield { ...columns, histograms: histogramColumn(samples) };
      } else yield columns;
    }
    for (const series of waiting) yield columnsOf(series);
  }
}

function histogramColumn(samples: HistogramSeries["samples"]): HistogramColumn {
  return {
    timestampsMs: Float64Array.from(samples, ({ timestampMs }) => timestampMs),
    at(index) {
      const sample = samples[index];
      assert(sample !== undefined, () => `histogram ${index}`);
      return sample.histogram;
    },
  };
}

async function addSeries(
  store: MemoryStore,
  labels: Labels,
  points: readonly string[],
): Promise<void> {
  const samples = points
    .map((point, minute) => ({ point, timestampMs: minute * 60_000 }))
    .filter(({ point }) => point !== "_" && point !== "" && !isHistogram(point));
  if (samples.length === 0) return;
  await store.append({
    labelSets: [labels],
    series: new Uint32Array(samples.length),
    timestampsMs: Float64Array.from(samples, ({ timestampMs }) => timestampMs),
    values: Float64Array.from(samples, ({ point }) => parseValue(point)),
    stale: Uint8Array.from(samples, ({ point }) => (point === "stale" ? 1 : 0)),
  });
}

function parseValue(text: string): number {
  return Number(text.replace("Inf", "Infinity").replace("stale", "NaN"));
}

export class World {
  readonly store: Pick<SeriesReader, "select">;
  readonly clock = new SimClock();
  readonly engine;

  constructor(store: Pick<SeriesReader, "select">, options: Partial<EngineOptions>) {
    this.store = store;
    this.engine = createEngine({ clock: this.clock, ...options });
  }

  /** The answer at a time in minutes, a line a series: `up{job="api"} 1`; a number for a scalar. */
  async at(minute: number, query: string): Promise<string[]> {
    return describe(await this.instant(minute, query));
  }

  instant(minute: number, query: string): Promise<QueryResult> {
    return this.engine.instant(this.store, query, minute * 60_000, { signal: NEVER });
  }

  /** The answer at each minute from one to the other, a line a series, `_` for none: `up 1 1 _ 0`. */
  async over(from: number, to: number, query: string): Promise<string[]> {
    const result = await this.range(from, to, query);
    assert(result.type === "matrix", "a range query gives a matrix");
    return result.series.map((series) => {
      const byMinute = new Map(pointsOf(series));
      const points = Array.from({ length: to - from + 1 }, (_, i) => byMinute.get(from + i) ?? "_");
      return [formatLabels(series.labels), ...points].join(" ");
    });
  }

  range(from: number, to: number, query: string): Promise<QueryResult> {
    const range = { startMs: from * 60_000, endMs: to * 60_000, stepMs: 60_000 };
    return this.engine.range(this.store, query, range, { signal: NEVER });
  }
}

function describe(result: QueryResult): string[] {
  switch (result.type) {
    case "scalar":
      return [short(result.value)];
    case "string":
      return [result.value];
    case "vector":
      return result.labels.map(
        (labels, i) =>
          `${formatLabels(labels)} ${sample(result.values[i], result.histograms?.get(i))}`,
      );
    case "matrix":
      return result.series.map((series) =>
        [
          formatLabels(series.labels),
          ...pointsOf(series).map(([minute, text]) => `${minute}m:${text}`),
        ].join(" "),
      );
  }
}

/** The samples of a series by minute, as text. */
function pointsOf({ timestampsMs, values, histograms = [] }: MatrixSeries): [number, string][] {
  const points: [number, string][] = Array.from(timestampsMs, (timestampMs, i) => [
    timestampMs / 60_000,
    sample(values[i]),
  ]);
  for (const { timestampMs, histogram } of histograms)
    points.push([timestampMs / 60_000, sample(undefined, histogram)]);
  return points.sort(([a], [b]) => a - b);
}

/** A histogram without the spaces that stand between samples. */
function sample(value: number | undefined, histogram?: NativeHistogram): string {
  return histogram === undefined
    ? short(value ?? Number.NaN)
    : formatHistogram(histogram).replaceAll(" ", "");
}

/** Nine digits: enough to tell results apart, few enough to write down. */
function short(value: number): string {
  return formatValue(Number.isFinite(value) ? Number(value.toPrecision(9)) : value);
}
