// Series as services have them, made from a number: counters that reset, gauges, gaps, series that end, classic
// histograms, values that are no numbers, labels that only some have.
import {
  compareLabels,
  type Labels,
  labelsFrom,
  METRIC_NAME,
  type Rng,
  seededRng,
} from "@pharos/base";
import type { SentSample, SentSeries } from "@pharos/testing";

/** When the first scrape is, ms since the epoch: a round number in every step that queries use. */
export const DATA_START_MS = 1_700_006_400_000;
const SCRAPE_INTERVAL_MS = 10_000;
const SCRAPES = 540;
export const DATA_END_MS = DATA_START_MS + SCRAPES * SCRAPE_INTERVAL_MS;

/**
 * Whether samples lie where windows of queries end. Windows end at multiples of 250 ms; samples off the grid lie
 * between, so that it does not matter to which of two windows an edge belongs.
 */
export type Grid = "off-grid" | "on-grid";

const OFF_GRID_MS_MIN = 13;
const OFF_GRID_MS_SPREAD = 220;

const BUCKETS = ["0.005", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "+Inf"];
const REGEX_BAIT = ["plain", "two\nlines", "ünï-cödé 😀", 'quote"d', "back\\slash", "a.b.c"];
const ODD_VALUES: Readonly<Record<string, (round: number, rng: Rng) => number>> = {
  nan: () => Number.NaN,
  inf: () => Number.POSITIVE_INFINITY,
  minus_inf: () => Number.NEGATIVE_INFINITY,
  sometimes_nan: (round) => (round % 7 < 3 ? Number.NaN : round),
  sometimes_inf: (round) => (round % 11 === 0 ? Number.POSITIVE_INFINITY : round / 3),
  zero: () => 0,
  alternating: (round) => (round % 2 === 0 ? -1.5 : 1.5),
  // Not below the smallest normal number: 2.42 has wrong logarithms of those.
  tiny: (_, rng) => 3e-308 * (1 + rng.below(9)),
  huge: (_, rng) => 1e307 * (1 + rng.unit()),
  steps: (round) => Math.floor(round / 20),
  half: (round) => (round % 8) / 2 - 2,
};

/** A random walk that stays between two bounds. */
function walkBetween(rng: Rng, low: number, high: number): () => number {
  let value = low + rng.unit() * (high - low);
  return () => {
    value += (rng.unit() - 0.5) * (high - low) * 0.1;
    value = Math.min(high, Math.max(low, value));
    return value;
  };
}

/** Rises by what `perScrape` says, and starts again at 0 about every `scrapesToReset` scrapes; 0 for never. */
function counter(rng: Rng, perScrape: () => number, scrapesToReset = 0): () => number {
  let value = rng.below(10_000);
  return () => {
    if (scrapesToReset > 0 && rng.below(scrapesToReset) === 0) value = 0;
    value += perScrape();
    return value;
  };
}

type Sample = (round: number, timestampMs: number) => number | "stale" | undefined;

class DataSet {
  readonly series: SentSeries[] = [];
  readonly #rng: Rng;

  constructor(rng: Rng) {
    this.#rng = rng;
  }

  add(timesMs: readonly number[], labels: Record<string, string>, sample: Sample): void {
    const samples: SentSample[] = [];
    for (const [round, timestampMs] of timesMs.entries()) {
      const value = sample(round, timestampMs);
      if (value === undefined) continue;
      if (value === "stale") samples.push({ timestampMs, value: 0, stale: true });
      else samples.push({ timestampMs, value });
    }
    this.series.push({ labels: labelsFrom(labels), samples });
  }

  /** Now and then something is there for some scrapes, ends with a marker or without one, and comes back. */
  intermittent(sample: () => number): Sample {
    let left = 10;
    let there = true;
    return () => {
      if (--left > 0) return there ? sample() : undefined;
      left = 2 + this.#rng.below(60);
      there = !there;
      return there || this.#rng.chance(50) ? "stale" : undefined;
    };
  }
}

/** The same series for the same seed, sorted by labels. */
export function demoSeries(seed: number, grid: Grid): readonly SentSeries[] {
  const rng = seededRng(seed);
  const data = new DataSet(rng);
  for (const instance of ["demo:10000", "demo:10001", "demo:10002"])
    addInstance(data, rng, instance, scrapeTimes(rng, grid));
  const timesMs = scrapeTimes(rng, grid);
  for (const [kind, value] of Object.entries(ODD_VALUES))
    data.add(timesMs, { [METRIC_NAME]: "odd_values", job: "odd", kind }, (round) =>
      value(round, rng),
    );
  for (const [i, text] of REGEX_BAIT.entries())
    data.add(
      timesMs,
      { [METRIC_NAME]: "label_shapes", text, ...(i < 3 && { some: "x" }) },
      () => i,
    );
  for (const n of ["1", "2", "3", "4"])
    data.add(timesMs, { [METRIC_NAME]: "ties", n }, (round) => (n === "4" ? round : 7));
  return data.series.sort((a, b) => compareLabels(a.labels, b.labels));
}

/** About every ten seconds, as a scraper that is busy: each a little late, some left out. */
function scrapeTimes(rng: Rng, grid: Grid): number[] {
  const timesMs: number[] = [];
  for (let round = 0; round < SCRAPES; round++) {
    if (rng.chance(2)) continue;
    const roundMs = DATA_START_MS + round * SCRAPE_INTERVAL_MS;
    const lateMs = rng.below(3) * 1000 + OFF_GRID_MS_MIN + rng.below(OFF_GRID_MS_SPREAD);
    timesMs.push(grid === "on-grid" ? roundMs : roundMs + lateMs);
  }
  return timesMs;
}

function addInstance(data: DataSet, rng: Rng, instance: string, timesMs: readonly number[]): void {
  const add = (name: string, labels: Record<string, string>, sample: Sample): void =>
    data.add(timesMs, { [METRIC_NAME]: name, job: "demo", instance, ...labels }, sample);

  add("demo_num_cpus", {}, () => 4);
  add("demo_disk_usage_bytes", {}, walkBetween(rng, 1e9, 5e9));
  add("demo_disk_total_bytes", {}, () => 5e9);
  add(
    "demo_batch_last_success_timestamp_seconds",
    {},
    (round, timestampMs) => Math.floor(timestampMs / 1000) - (round % 30) * 10,
  );
  for (const type of ["buffers", "cached", "free", "used"])
    add("demo_memory_usage_bytes", { type }, walkBetween(rng, 1e6, 4e9));
  for (const mode of ["idle", "system", "user"])
    add(
      "demo_cpu_usage_seconds_total",
      { mode },
      counter(rng, () => rng.unit() * 10, 150),
    );
  for (const path of ["/api/bar", "/api/foo"])
    addHistogram(rng, { method: "GET", path, status: "200" }, add);
  addHistogram(rng, { method: "POST", path: "/api/foo", status: "500" }, add);
  add("demo_intermittent_metric", {}, data.intermittent(walkBetween(rng, -5, 5)));
  add("demo_items_shipped_total", {}, data.intermittent(counter(rng, () => rng.below(4), 80)));
}

/** A classic histogram: buckets that contain one another, a count and a sum. */
function addHistogram(
  rng: Rng,
  labels: Record<string, string>,
  add: (name: string, labels: Record<string, string>, sample: Sample) => void,
): void {
  const name = "demo_api_request_duration_seconds";
  const resets = new Set([rng.below(SCRAPES), rng.below(SCRAPES)]);
  const rows: { readonly counts: readonly number[]; readonly sum: number }[] = [];
  let counts = BUCKETS.map(() => 0);
  let sum = 0;
  for (let round = 0; round < SCRAPES; round++) {
    if (resets.has(round)) {
      counts = BUCKETS.map(() => 0);
      sum = 0;
    }
    for (let request = rng.below(20); request > 0; request--) {
      const seconds = rng.unit() ** 4 * 4;
      sum += seconds;
      counts = counts.map((count, i) =>
        seconds <= Number((BUCKETS[i] ?? "").replace("+Inf", "Infinity")) ? count + 1 : count,
      );
    }
    rows.push({ counts, sum });
  }
  for (const [i, le] of BUCKETS.entries())
    add(`${name}_bucket`, { ...labels, le }, (round) => rows[round]?.counts[i]);
  add(`${name}_count`, labels, (round) => rows[round]?.counts.at(-1));
  add(`${name}_sum`, labels, (round) => rows[round]?.sum);
}

/** The series in pieces of time, oldest first, as a sender hands them on. */
export function* inTimeOrder(series: readonly SentSeries[]): Generator<readonly SentSeries[]> {
  const PIECE_MS = 600_000;
  const empty = (piece: { readonly labels: Labels; readonly samples: readonly SentSample[] }) =>
    piece.samples.length === 0;
  for (let fromMs = DATA_START_MS; fromMs < DATA_END_MS + PIECE_MS; fromMs += PIECE_MS) {
    const piece = series.map(({ labels, samples }) => ({
      labels,
      samples: samples.filter(
        ({ timestampMs }) => timestampMs >= fromMs && timestampMs < fromMs + PIECE_MS,
      ),
    }));
    if (!piece.every(empty)) yield piece.filter((each) => !empty(each));
  }
}
