// How long queries as dashboards send them take, on series that are in memory already, with kernels and without:
//   node packages/promql/test/engine.bench.ts
import { type Clock, type Labels, labelsFrom } from "@pharos/base";
import { Kernels } from "@pharos/kernels";
import type { SeriesColumns, SeriesStore } from "@pharos/ports";
import { createEngine } from "@pharos/promql/engine";
import { MemoryStore } from "@pharos/testing";

const START_MS = 1_700_000_000_000;
const INTERVAL_MS = 15_000;
const HOUR_MS = 3_600_000;
const RUNS = 9;
/** Runs before, so that the code is compiled. */
const WARM_UP_RUNS = 5;

/** Gives what is in memory, so that the engine is measured and not a store. */
class ReadyStore extends MemoryStore {
  readonly #columns: readonly SeriesColumns[];

  constructor(columns: readonly SeriesColumns[]) {
    super();
    this.#columns = columns;
  }

  override async *select(
    ...[{ minMs, maxMs }]: Parameters<SeriesStore["select"]>
  ): AsyncGenerator<SeriesColumns> {
    const from = Math.max(0, Math.ceil((minMs - START_MS) / INTERVAL_MS));
    const to = Math.floor((maxMs - START_MS) / INTERVAL_MS) + 1;
    for (const { labels, timestampsMs, values } of this.#columns)
      yield {
        labels,
        timestampsMs: timestampsMs.subarray(from, to),
        values: values.subarray(from, to),
        stale: null,
      };
  }
}

function counters(count: number, samples: number, labelsOf: (index: number) => Labels): ReadyStore {
  return new ReadyStore(
    Array.from({ length: count }, (_, index) => {
      const timestampsMs = Float64Array.from(
        { length: samples },
        (_, i) => START_MS + i * INTERVAL_MS,
      );
      let total = 0;
      const values = timestampsMs.map((_, i) => {
        total += (index * 7 + i * 13) % 10;
        return total;
      });
      return { labels: labelsOf(index), timestampsMs, values, stale: null };
    }),
  );
}

const clock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, ms);
      signal.addEventListener("abort", () => {
        clearTimeout(timer);
        reject(signal.reason);
      });
    }),
};
const engines = [
  createEngine({ clock }),
  createEngine({ clock, kernels: await Kernels.load() }),
] as const;

async function measure(
  store: ReadyStore,
  query: string,
  hours: { from: number; to: number; stepMs: number },
): Promise<void> {
  const range = {
    startMs: START_MS + hours.from * HOUR_MS,
    endMs: START_MS + hours.to * HOUR_MS,
    stepMs: hours.stepMs,
  };
  const figures: number[][] = engines.map(() => []);
  for (let run = -WARM_UP_RUNS; run < RUNS; run++)
    for (const [at, engine] of engines.entries()) {
      const before = process.cpuUsage();
      await engine.range(store, query, range, { signal: new AbortController().signal });
      const { user, system } = process.cpuUsage(before);
      if (run >= 0) figures[at]?.push((user + system) / 1000);
    }
  const medians = figures.map((list) => list.sort((a, b) => a - b)[RUNS >> 1] as number);
  const text = medians.map((ms) => ms.toFixed(1).padStart(8)).join("");
  console.log(`${text} ms CPU  ${query}`);
}

const requests = (index: number): Labels =>
  labelsFrom({ __name__: "http_requests_total", job: `j${index % 20}`, instance: `i${index}` });
const bounds = ["0.1", "0.5", "1", "5", "+Inf"];
const buckets = (index: number): Labels =>
  labelsFrom({
    __name__: "latency_bucket",
    le: bounds[index % 5] as string,
    instance: `i${Math.floor(index / 5)}`,
  });

console.log("in TypeScript, with kernels\n2,000 series, 260 samples each; an hour by 15 s");
const small = counters(2000, 260, requests);
await measure(small, "rate(http_requests_total[5m])", { from: 0, to: 1, stepMs: 15_000 });

console.log("10,000 series of 6 h; the last hour by 15 s");
const large = counters(10_000, 1440, requests);
const lastHour = { from: 5, to: 6, stepMs: 15_000 };
await measure(large, "http_requests_total", lastHour);
await measure(large, "sum by (job) (rate(http_requests_total[5m]))", lastHour);
await measure(large, "topk(5, rate(http_requests_total[5m]))", lastHour);
await measure(large, "sum(avg_over_time(http_requests_total[1h]))", lastHour);
await measure(large, "max(max_over_time(http_requests_total[1h]))", lastHour);
await measure(large, "sum(http_requests_total / http_requests_total)", lastHour);
const histograms = counters(10_000, 1440, buckets);
await measure(
  histograms,
  "histogram_quantile(0.99, sum by (le) (rate(latency_bucket[5m])))",
  lastHour,
);
await measure(histograms, "histogram_quantile(0.99, rate(latency_bucket[5m]))", lastHour);
