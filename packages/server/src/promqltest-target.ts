import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeDisk, systemClock } from "@pharos/adapters/node";
import { errorText, type NativeHistogram, OperatingError, STALE_HISTOGRAM } from "@pharos/base";
import { Kernels, SeriesTable } from "@pharos/kernels";
import type { HistogramBatch, SampleBatch, SeriesReader } from "@pharos/ports";
import { detectReset, type Engine, type QueryResult } from "@pharos/promql/engine";
import { type Expr, parse, pinSelectors, printExpr } from "@pharos/promql/syntax";
import type {
  LoadedSample,
  PromqlTestTarget,
  ResultPoint,
  ResultSeries,
  ResultValue,
  SeriesToLoad,
  TestResult,
} from "@pharos/testing/promqltest";
import { type EmbeddedStore, openStore } from "@pharos/tsdb";

/**
 * The query engine on the embedded store in a temporary folder, which is removed on disposal. The engine must have 5
 * minutes of lookback and 1 minute as the default step.
 */
export async function openEngineTarget(engine: Engine): Promise<EngineTarget> {
  const target = new EngineTarget(engine, mkdtempSync(join(tmpdir(), "pharos-promqltest-")));
  await target.clear();
  return target;
}

export class EngineTarget implements PromqlTestTarget, AsyncDisposable {
  readonly #engine: Engine;
  readonly #folder: string;
  readonly #signal = new AbortController().signal;
  #store: EmbeddedStore | undefined;
  #lives = 0;

  constructor(engine: Engine, folder: string) {
    this.#engine = engine;
    this.#folder = folder;
  }

  async load(series: readonly SeriesToLoad[]): Promise<void> {
    await this.#opened.append(floatsOf(series));
    await this.#opened.appendHistograms(histogramsOf(series));
  }

  /** An empty store each time: nothing of the one before can be left. */
  async clear(): Promise<void> {
    await this.#close();
    const kernels = await Kernels.load();
    this.#store = await openStore({
      disk: nodeDisk(join(this.#folder, String(this.#lives++))),
      clock: systemClock,
      kernels,
      table: new SeriesTable(kernels),
      // Scripts begin in 1970, and may load what is older than what they loaded before.
      retentionMs: Number.POSITIVE_INFINITY,
      outOfOrderWindowMs: Number.POSITIVE_INFINITY,
    });
  }

  /** Adds what rules write. */
  append(batch: SampleBatch): Promise<unknown> {
    return this.#opened.append(batch);
  }

  /** As `instant`, but gives the engine's own result. @throws OperatingError */
  evaluate(expr: Expr | string, timeMs: number): Promise<QueryResult> {
    return this.#engine.instant(this.#reader, expr, timeMs, { signal: this.#signal });
  }

  instant(expr: string, timeMs: number): Promise<TestResult> {
    return answer(this.evaluate(expr, timeMs));
  }

  range(expr: string, startMs: number, endMs: number, stepMs: number): Promise<TestResult> {
    const range = { startMs, endMs, stepMs };
    return answer(this.#engine.range(this.#reader, expr, range, { signal: this.#signal }));
  }

  pinned(expr: string, timeMs: number): string | undefined {
    const parsed = parseOrNothing(expr);
    const pinned = parsed === undefined ? undefined : pinSelectors(parsed, timeMs);
    return pinned === undefined ? undefined : printExpr(pinned);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #close(): Promise<void> {
    await this.#store?.[Symbol.asyncDispose]();
    this.#store = undefined;
  }

  get #reader(): Pick<SeriesReader, "select"> {
    return this.#opened;
  }

  get #opened(): EmbeddedStore {
    if (this.#store === undefined) throw new OperatingError("not_found", "the store is closed");
    return this.#store;
  }
}

function parseOrNothing(expr: string): Expr | undefined {
  try {
    return parse(expr);
  } catch (error) {
    if (error instanceof OperatingError) return undefined;
    throw error;
  }
}

function floatsOf(series: readonly SeriesToLoad[]): SampleBatch {
  const samples = series.flatMap(({ samples: list }, index) =>
    list
      .filter((sample, i) => !("histogram" in sample) && !endsHistograms(list, i))
      .map((sample) => ({ index, sample })),
  );
  return {
    labelSets: series.map(({ labels }) => labels),
    series: Uint32Array.from(samples, ({ index }) => index),
    timestampsMs: Float64Array.from(samples, ({ sample }) => sample.timestampMs),
    values: Float64Array.from(samples, ({ sample }) =>
      "value" in sample ? sample.value : Number.NaN,
    ),
    stale: Uint8Array.from(samples, ({ sample }) => ("value" in sample ? 0 : 1)),
    ...startsOf(samples),
  };
}

function histogramsOf(series: readonly SeriesToLoad[]): HistogramBatch {
  const samples = series.flatMap(({ samples: list }, index) =>
    list.flatMap((sample, i) => {
      const histogram =
        "histogram" in sample
          ? withKnownReset(sample.histogram, list[i - 1])
          : endsHistograms(list, i)
            ? STALE_HISTOGRAM
            : undefined;
      return histogram === undefined ? [] : [{ index, sample, histogram }];
    }),
  );
  return {
    labelSets: series.map(({ labels }) => labels),
    series: Uint32Array.from(samples, ({ index }) => index),
    timestampsMs: Float64Array.from(samples, ({ sample }) => sample.timestampMs),
    histograms: samples.map(({ histogram }) => histogram),
    ...startsOf(samples),
  };
}

/** When the counting of samples began, where that is said of some. */
function startsOf(
  samples: readonly { readonly sample: LoadedSample }[],
): Pick<SampleBatch, "startsMs"> {
  if (samples.every(({ sample }) => sample.startMs === undefined)) return {};
  return { startsMs: Float64Array.from(samples, ({ sample }) => sample.startMs ?? Number.NaN) };
}

/** Whether the sample is a staleness marker behind a histogram, which then is one of histograms. */
function endsHistograms(samples: readonly LoadedSample[], at: number): boolean {
  const before = samples[at - 1];
  return "stale" in (samples[at] as LoadedSample) && before !== undefined && "histogram" in before;
}

/**
 * The histogram as Prometheus would have it read back: its storage notes of a counter that there was no reset since the
 * sample before, as a sender of remote write passes on, and that it does not know where there was one.
 */
function withKnownReset(
  histogram: NativeHistogram,
  before: LoadedSample | undefined,
): NativeHistogram {
  if (histogram.counterReset === "gauge") return histogram;
  const previous = before !== undefined && "histogram" in before ? before.histogram : undefined;
  const isContinued =
    previous !== undefined &&
    previous.counterReset !== "gauge" &&
    histogram.counterReset !== "reset" &&
    histogram.schema === previous.schema &&
    histogram.zeroThreshold === previous.zeroThreshold &&
    !detectReset({ ...histogram, counterReset: "unknown" }, previous);
  return { ...histogram, counterReset: isContinued ? "none" : "unknown" };
}

async function answer(query: Promise<QueryResult>): Promise<TestResult> {
  try {
    const result = await query;
    return { value: resultValue(result), warnings: result.warnings, infos: result.infos };
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    return { value: { type: "error", message: errorText(error) }, warnings: [], infos: [] };
  }
}

function resultValue(result: QueryResult): ResultValue {
  switch (result.type) {
    case "scalar":
    case "string":
      return result;
    case "vector": {
      const { timestampMs, values, histograms } = result;
      const series = result.labels.map((labels, i): ResultSeries => {
        const histogram = histograms?.get(i);
        const value = values[i] as number;
        const point = histogram === undefined ? { timestampMs, value } : { timestampMs, histogram };
        return { labels, points: [point] };
      });
      return { type: "vector", series };
    }
    case "matrix": {
      const series = result.series.map(
        ({ labels, timestampsMs, values, histograms = [] }): ResultSeries => {
          const floats = Array.from(timestampsMs, (timestampMs, i): ResultPoint => {
            return { timestampMs, value: values[i] as number };
          });
          const points = [...floats, ...histograms].sort((a, b) => a.timestampMs - b.timestampMs);
          return { labels, points };
        },
      );
      return { type: "matrix", series };
    }
  }
}
