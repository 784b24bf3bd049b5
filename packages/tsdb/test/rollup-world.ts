// Raw blocks and rollup tiers on a simulated disk, beside a model that keeps every sample and computes rows naively.
import { deepEqual, equal, fail } from "node:assert/strict";
import {
  type Clock,
  compareLabels,
  createMatcher,
  type Labels,
  labelsFrom,
  type Matcher,
  METRIC_NAME,
  matchesLabels,
} from "@pharos/base";
import type { Kernels } from "@pharos/kernels";
import {
  type Disk,
  ROLLUP_TIERS,
  type RollupColumns,
  type RollupOptions,
  type RollupTier,
  type SeriesColumns,
  WINDOW_MS,
} from "@pharos/ports";
import { BlockCache } from "../src/block/block-cache.ts";
import { Blocks } from "../src/block/blocks.ts";
import type { ColumnDecoder } from "../src/block/column-decoder.ts";
import { retentionPolicy } from "../src/retention/retention-policy.ts";
import { type RollupPolicy, rollupPolicy } from "../src/rollup/rollup-policy.ts";
import { counterStep } from "../src/rollup/rollup-rows.ts";
import { readRollup, windowsRange } from "../src/rollup/rollup-select.ts";
import { openTiers, Rollups } from "../src/rollup/rollups.ts";
import { goOn, TWO_HOURS_MS, writeBlock } from "./block-builder.ts";

export const KEEP_ALL = retentionPolicy({
  preset: "widest",
  rawMs: undefined,
  rules: [
    {
      matchers: [],
      keepMs: { raw: Infinity, "1m": Infinity, "5m": Infinity, "1h": Infinity, "1d": Infinity },
    },
  ],
});

/** Every tier, all of them with quantiles, whichever part is made soon. */
const EVERYTHING = rollupPolicy([
  {
    matchers: [],
    ...{ tiers: ROLLUP_TIERS, quantiles: ROLLUP_TIERS },
    made: { "5m": "daily", "1h": "at_once", "1d": "daily" },
  },
]);

export const HOSTS: readonly Labels[] = ["a", "b", "c"].map((host) =>
  labelsFrom({ [METRIC_NAME]: "requests_total", host }),
);

const doubles = new Float64Array(1);
const words = new Uint32Array(doubles.buffer);

/** A sample; its value is undefined for a staleness marker. */
export type WorldSample = readonly [timestampMs: number, value: number | undefined];

/** Samples by series, the index into `HOSTS`. */
export type WorldSamples = ReadonlyMap<number, readonly WorldSample[]>;

function bitsOf(samples: readonly WorldSample[]): Uint32Array {
  const bits = new Uint32Array(samples.length * 2);
  for (const [i, [, value]] of samples.entries()) {
    doubles[0] = value ?? 0;
    if (value === undefined) bits.set([2, 0x7ff00000], i * 2);
    else bits.set(words, i * 2);
  }
  return bits;
}

export class RollupWorld {
  readonly kernels: Kernels;
  readonly decoder: ColumnDecoder;
  readonly disk: Disk;
  readonly raw: Blocks;
  readonly rollups: Rollups;
  /** By series, then time. */
  readonly model: Map<number, number | undefined>[];
  /** Later samples are in the model alone, as if they were in a head. */
  flushedBeforeMs: number;
  /** Earlier samples can be read no more. */
  #samplesFromMs = 0;

  private constructor(
    kernels: Kernels,
    decoder: ColumnDecoder,
    disk: Disk,
    raw: Blocks,
    rollups: Rollups,
    before: Pick<RollupWorld, "model" | "flushedBeforeMs"> | undefined,
  ) {
    this.kernels = kernels;
    this.decoder = decoder;
    this.disk = disk;
    this.raw = raw;
    this.rollups = rollups;
    this.model = before?.model ?? HOSTS.map(() => new Map());
    this.flushedBeforeMs = before?.flushedBeforeMs ?? 0;
  }

  static async open(
    kernels: Kernels,
    decoder: ColumnDecoder,
    disk: Disk,
    before?: RollupWorld,
    policy: RollupPolicy = EVERYTHING,
  ): Promise<RollupWorld> {
    const cache = new BlockCache(1024 * 1024);
    const raw = Blocks.open(disk, "blocks", cache);
    await disk.syncDirectory("");
    const clock: Clock = { nowMs: () => 0, monotonicMs: () => 0, sleep: goOn };
    const tiers = await openTiers(disk, cache);
    const rollups = new Rollups({
      ...{ disk, clock, kernels, decoder, raw, tiers },
      ...{ retention: KEEP_ALL, rollups: policy, pause: () => goOn, drained: goOn },
    });
    return new RollupWorld(kernels, decoder, disk, raw, rollups, before);
  }

  /** Samples that are in no block yet. */
  append(samples: WorldSamples): void {
    for (const [series, list] of samples)
      for (const [timestampMs, value] of list) {
        const times = this.model[series] as Map<number, number | undefined>;
        if (!times.has(timestampMs)) times.set(timestampMs, value);
      }
  }

  /** Writes a raw block; the model knows the samples already, or gets to know them now. */
  async writeRaw(startMs: number, samples: WorldSamples, lengthMs = TWO_HOURS_MS): Promise<void> {
    const series = [...samples]
      .filter(([, list]) => list.length > 0)
      .map(([at, list]) => ({
        labels: HOSTS[at] as Labels,
        sets: [
          {
            kind: "samples" as const,
            timestampsMs: Float64Array.from(list, ([timestampMs]) => timestampMs),
            floats: [bitsOf(list)],
            bytes: [],
          },
        ],
      }));
    if (series.length === 0) return;
    const sequence = this.raw.takeSequence();
    const range = { rangeStartMs: startMs, rangeEndMs: startMs + lengthMs };
    this.raw.add(await writeBlock(this.disk, this.kernels, series, { ...range, sequence }));
    this.append(samples);
  }

  /** Makes all tiers, the deferred one too. */
  async make(): Promise<void> {
    for (const block of this.raw.all) this.rollups.mayGo(block);
    await this.rollups.make(0);
  }

  /** Moves all samples before a time, a multiple of two hours, to raw blocks. */
  async flush(beforeMs: number): Promise<void> {
    for (let startMs = this.flushedBeforeMs; startMs < beforeMs; startMs += TWO_HOURS_MS) {
      await this.writeRaw(startMs, this.#between(startMs, startMs + TWO_HOURS_MS - 1));
      this.flushedBeforeMs = startMs + TWO_HOURS_MS;
    }
  }

  #between(minMs: number, maxMs: number): WorldSamples {
    return new Map(
      this.model.map((times, series) => [
        series,
        [...times].filter(([ms]) => ms >= minMs && ms <= maxMs).sort((a, b) => a[0] - b[0]),
      ]),
    );
  }

  /** As a store's `select`. */
  async *#samples(
    minMs: number,
    maxMs: number,
    matchers: readonly Matcher[],
  ): AsyncGenerator<SeriesColumns, void, undefined> {
    for (const [series, list] of this.#between(Math.max(minMs, this.#samplesFromMs), maxMs)) {
      const labels = HOSTS[series] as Labels;
      if (list.length === 0 || !matchesLabels(matchers, labels)) continue;
      yield {
        labels,
        timestampsMs: Float64Array.from(list, ([ms]) => ms),
        values: Float64Array.from(list, ([, value]) => value ?? Number.NaN),
        stale: Uint8Array.from(list, ([, value]) => (value === undefined ? 1 : 0)),
      };
    }
  }

  select(
    tier: RollupTier,
    minMs: number,
    maxMs: number,
    matchers: readonly Matcher[] = [],
    changes: Partial<RollupOptions> = {},
  ): AsyncIterable<RollupColumns> {
    const range = windowsRange({ minMs, maxMs }, WINDOW_MS[tier]);
    const { signal } = new AbortController();
    const options = { tier, quantiles: true, samplesMax: Infinity, signal, ...changes };
    const { quantiles } = options;
    const sources = this.rollups.sourcesOf(tier, quantiles, range, this.flushedBeforeMs, (part) =>
      this.#samples(part.minMs, part.maxMs, matchers),
    );
    const hold = { check: () => {}, release: () => {} };
    return readRollup(sources, this.decoder, this.rollups.tools, range, matchers, options, hold);
  }

  /** Compares all rows of a tier whose windows start in a range with what the model's samples give. */
  async check(tier: RollupTier, minMs: number, maxMs: number, what: string): Promise<void> {
    const expected = this.#naive(tier, minMs, maxMs);
    const seen: Labels[] = [];
    for await (const columns of this.select(tier, minMs, maxMs)) {
      seen.push(columns.labels);
      const rows = expected.get(columns.labels[1]?.[1] ?? "") ?? [];
      const at = `${what}, ${tier}, host ${columns.labels[1]?.[1]}`;
      const missing = rows.findIndex(({ windowMs }, i) => columns.windowsMs[i] !== windowMs);
      equal(missing, -1, `${at}: window ${columns.windowsMs[missing]}`);
      equal(columns.windowsMs.length, rows.length, at);
      for (const [i, row] of rows.entries()) {
        for (const name of ["count", "min", "max", "first", "last"] as const)
          if (columns[name][i] !== row[name])
            equal(columns[name][i], row[name], `${at}, window ${row.windowMs}: ${name}`);
        near(columns.sum[i], row.sum, row.magnitude, `${at}: sum`);
        near(columns.increase[i], row.increase, row.magnitude + row.increase, `${at}: increase`);
        for (const q of [0, 0.5, 0.99])
          near(columns.quantile(q, i, i + 1), row.quantile(q), row.max, `${at}: quantile`, 0.0101);
      }
    }
    deepEqual(
      seen,
      HOSTS.filter((labels) => (expected.get(labels[1]?.[1] ?? "") ?? []).length > 0).toSorted(
        compareLabels,
      ),
      what,
    );
  }

  async checkAll(what: string): Promise<void> {
    for (const tier of ROLLUP_TIERS) await this.check(tier, 0, 1e12, what);
  }

  #naive(tier: RollupTier, minMs: number, maxMs: number): Map<string, NaiveRow[]> {
    const windowMs = WINDOW_MS[tier];
    const all = new Map<string, NaiveRow[]>();
    const whole = windowsRange({ minMs, maxMs }, windowMs);
    for (const [series, list] of this.#between(whole.minMs, whole.maxMs)) {
      const windows = Map.groupBy(
        list.filter((sample) => sample[1] !== undefined),
        ([ms]) => Math.floor(ms / windowMs) * windowMs,
      );
      let previous: number | undefined;
      const rows: NaiveRow[] = [];
      for (const [start, samples] of windows) {
        const values = samples.map(([, value]) => value as number);
        let increase = 0;
        for (const value of values) {
          increase += previous === undefined ? 0 : counterStep(previous, value);
          previous = value;
        }
        const sorted = values.toSorted((a, b) => a - b);
        rows.push({
          windowMs: start,
          count: values.length,
          sum: values.reduce((sum, value) => sum + value, 0),
          magnitude: values.reduce((sum, value) => sum + Math.abs(value), 0),
          min: Math.min(...values),
          max: Math.max(...values),
          first: values[0] as number,
          last: values.at(-1) as number,
          increase,
          quantile: (q) => {
            const rank = q * (sorted.length - 1);
            const [low, high] = [sorted[Math.floor(rank)], sorted[Math.ceil(rank)]];
            return (low as number) + ((high as number) - (low as number)) * (rank % 1);
          },
        });
      }
      all.set(HOSTS[series]?.[1]?.[1] ?? "", rows);
    }
    return all;
  }

  /** The raw blocks before a time go, and the model still knows their samples. */
  async dropRaw(beforeMs: number): Promise<void> {
    await this.raw.remove(this.raw.takeBefore(beforeMs));
    this.#samplesFromMs = beforeMs;
  }

  /** Deletes in the tiers, then in the raw blocks, as a store does. */
  async delete(host: string, minMs: number, maxMs: number): Promise<void> {
    const matchers = [createMatcher("=", "host", host)];
    await this.rollups.delete(matchers, { minMs, maxMs });
    await this.raw.delete({ matchers, minMs, maxMs });
    for (const [series, labels] of HOSTS.entries())
      if (matchesLabels(matchers, labels))
        for (const ms of [...(this.model[series]?.keys() ?? [])])
          if (ms >= minMs && ms <= maxMs) this.model[series]?.delete(ms);
  }
}

interface NaiveRow {
  readonly windowMs: number;
  readonly count: number;
  readonly sum: number;
  readonly magnitude: number;
  readonly min: number;
  readonly max: number;
  readonly first: number;
  readonly last: number;
  readonly increase: number;
  quantile(q: number): number;
}

function near(
  actual: number | undefined,
  expected: number,
  magnitude: number,
  what: string,
  part = 1e-12,
): void {
  const error = Math.abs((actual ?? Number.NaN) - expected);
  if (!(error <= part * magnitude)) fail(`${what}: ${actual}, expected ${expected}`);
}
