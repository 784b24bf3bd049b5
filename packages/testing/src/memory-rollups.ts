import type { Matcher } from "@pharos/base";
import {
  type RollupColumns,
  type RollupCoverage,
  type RollupOptions,
  type RollupReader,
  type SelectionEstimate,
  type SelectOptions,
  type SeriesColumns,
  type SeriesReader,
  type TimeRange,
  WINDOW_MS,
} from "@pharos/ports";

/**
 * Rollups as plain as the contract allows: rows are computed from all samples whenever they are asked for, and quantiles
 * are exact. What is kept is what `coverage` says: samples before `samplesSinceMs` are given to nobody else.
 */
export class MemoryRollups implements RollupReader, Pick<SeriesReader, "select" | "estimate"> {
  coverage: RollupCoverage;
  /** Rows and samples that were given. */
  readonly given = { rows: 0, samples: 0 };
  readonly #samples: Pick<SeriesReader, "select" | "estimate">;

  constructor(samples: Pick<SeriesReader, "select" | "estimate">, coverage: RollupCoverage) {
    this.#samples = samples;
    this.coverage = coverage;
  }

  async *select(
    { minMs, maxMs }: TimeRange,
    matchers: readonly Matcher[],
    options: SelectOptions,
  ): AsyncGenerator<SeriesColumns, void, undefined> {
    const range = { minMs: Math.max(minMs, this.coverage.samplesSinceMs), maxMs };
    for await (const columns of this.#samples.select(range, matchers, options)) {
      this.given.samples += columns.timestampsMs.length;
      yield columns;
    }
  }

  async estimate(range: TimeRange, matchers: readonly Matcher[]): Promise<SelectionEstimate> {
    const found = await this.#samples.estimate?.(range, matchers);
    return found ?? { series: 0, samples: 0, size: 0, isPartial: true };
  }

  async rollupCoverage(): Promise<RollupCoverage> {
    return this.coverage;
  }

  async *selectRollup(
    { minMs, maxMs }: TimeRange,
    matchers: readonly Matcher[],
    options: RollupOptions,
  ): AsyncGenerator<RollupColumns, void, undefined> {
    const windowMs = WINDOW_MS[options.tier];
    const range = {
      minMs: Math.ceil(minMs / windowMs) * windowMs,
      maxMs: Math.floor(maxMs / windowMs) * windowMs + windowMs - 1,
    };
    for await (const columns of this.#samples.select(range, matchers, options)) {
      const rows = rollUp(columns, windowMs);
      if (rows.windowsMs.length === 0) continue;
      this.given.rows += rows.windowsMs.length;
      if (options.reading !== undefined) options.reading.rows += rows.windowsMs.length;
      yield rows;
    }
  }
}

function rollUp({ labels, timestampsMs, values, stale }: SeriesColumns, windowMs: number) {
  const windows = new Map<number, number[]>();
  for (let i = 0; i < timestampsMs.length; i++) {
    if (stale?.[i] === 1) continue;
    const startMs = Math.floor((timestampsMs[i] as number) / windowMs) * windowMs;
    windows.getOrInsertComputed(startMs, () => []).push(values[i] as number);
  }
  const lists = [...windows.values()];
  const column = (of: (list: readonly number[]) => number): Float64Array =>
    Float64Array.from(lists, of);
  let previous: number | undefined;
  const increase = column((list) => {
    let grown = 0;
    for (const value of list) {
      if (previous !== undefined) grown += value < previous ? value : value - previous;
      previous = value;
    }
    return grown;
  });
  const numbers = (list: readonly number[]): number[] => list.filter((one) => !Number.isNaN(one));
  const best = (list: readonly number[], of: (...list: number[]) => number): number =>
    numbers(list).length === 0 ? Number.NaN : of(...numbers(list));
  return {
    labels,
    windowsMs: Float64Array.from(windows.keys()),
    count: column((list) => list.length),
    sum: column((list) => list.reduce((sum, value) => sum + value, 0)),
    min: column((list) => best(list, Math.min)),
    max: column((list) => best(list, Math.max)),
    first: column((list) => list[0] as number),
    last: column((list) => list.at(-1) as number),
    increase,
    quantile(q: number, from: number, to: number): number {
      const sorted = numbers(lists.slice(from, to).flat()).sort((a, b) => a - b);
      const rank = q * (sorted.length - 1);
      const [low = Number.NaN, high = Number.NaN] = [
        sorted[Math.floor(rank)],
        sorted[Math.ceil(rank)],
      ];
      return low + (high - low) * (rank % 1);
    },
  };
}
