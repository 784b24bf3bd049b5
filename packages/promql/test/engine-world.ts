import {
  assert,
  formatLabels,
  formatValue,
  type Labels,
  labelsFrom,
  METRIC_NAME,
} from "@pharos/base";
import { createEngine, type EngineOptions, type QueryResult } from "@pharos/promql/engine";
import { MemoryStore, SimClock } from "@pharos/testing";

const NEVER = new AbortController().signal;

/**
 * A store filled with lines such as `http_total{job="api"} 0 60 _ 120 stale`: one sample a minute from time 0, `_`
 * for none.
 */
export async function worldOf(text: string, options: Partial<EngineOptions> = {}): Promise<World> {
  const store = new MemoryStore();
  for (const line of text.split("\n").map((part) => part.trim())) {
    if (line === "") continue;
    const match = /^([^\s{]*)(?:\{([^}]*)\})?((?:\s+\S+)*)$/.exec(line);
    assert(match !== null, () => `series line ${line}`);
    const [, name = "", labels = "", points = ""] = match;
    const pairs = [...labels.matchAll(/([\w.]+)="([^"]*)"/g)].map(
      ([, label = "", value = ""]) => [label, value] as const,
    );
    await addSeries(store, labelsFrom([[METRIC_NAME, name], ...pairs]), points.trim().split(/\s+/));
  }
  return new World(store, options);
}

async function addSeries(
  store: MemoryStore,
  labels: Labels,
  points: readonly string[],
): Promise<void> {
  const samples = points
    .map((point, minute) => ({ point, timestampMs: minute * 60_000 }))
    .filter(({ point }) => point !== "_" && point !== "");
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
  readonly store: MemoryStore;
  readonly clock = new SimClock();
  readonly engine;

  constructor(store: MemoryStore, options: Partial<EngineOptions>) {
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
    return result.series.map(({ labels, timestampsMs, values }) => {
      const byMinute = new Map(
        Array.from(timestampsMs, (timestampMs, i) => [timestampMs / 60_000, values[i] as number]),
      );
      const points = Array.from({ length: to - from + 1 }, (_, i) => {
        const value = byMinute.get(from + i);
        return value === undefined ? "_" : short(value);
      });
      return [formatLabels(labels), ...points].join(" ");
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
        (labels, i) => `${formatLabels(labels)} ${short(result.values[i] as number)}`,
      );
    case "matrix":
      return result.series.map(({ labels, timestampsMs, values }) =>
        [
          formatLabels(labels),
          ...Array.from(
            values,
            (value, i) => `${(timestampsMs[i] as number) / 60_000}m:${short(value)}`,
          ),
        ].join(" "),
      );
  }
}

/** Nine digits: enough to tell results apart, few enough to write down. */
function short(value: number): string {
  return formatValue(Number.isFinite(value) ? Number(value.toPrecision(9)) : value);
}
