import { compareLabels, type Labels, type Matcher, OperatingError } from "@pharos/base";
import type { QuantileSketch } from "@pharos/kernels";
import {
  type RollupColumns,
  type RollupOptions,
  type RollupReading,
  type RollupTier,
  type SeriesColumns,
  type TimeRange,
  WINDOW_MS,
} from "@pharos/ports";
import type { Block } from "../block/block.ts";
import type { ColumnDecoder } from "../block/column-decoder.ts";
import type { Hold } from "../selection.ts";
import type { RollupChoice } from "./rollup-policy.ts";
import { counterStep, RollupRows } from "./rollup-rows.ts";
import type { RollupTools } from "./rollup-tools.ts";

/** Where the rows of a selection come from. No two parts have the same samples in them. */
export interface RollupSources {
  /** Blocks of the tier, or of a finer one where its own rows are not made yet. */
  readonly blocks: readonly Block[];
  /** Samples of the time for which there are no rows, each stretch by itself: sorted by labels. */
  readonly samples: readonly {
    readonly startMs: number;
    readonly series: AsyncIterable<SeriesColumns>;
  }[];
  /** Which tiers a series gets: samples of one that does not get this tier make no rows. */
  choose(labels: Labels): RollupChoice;
}

/** One source, at one of its series. */
interface Cursor {
  readonly startMs: number;
  /** Undefined at the end. */
  labels: Labels | undefined;
  advance(): Promise<void> | void;
  /** Adds the rows of the series, and says how much it read. */
  read(out: RollupRows): void;
}

/** The stretch of a range that whole windows lie in that start in it: first and last moment. */
export function windowsRange({ minMs, maxMs }: TimeRange, windowMs: number): TimeRange {
  return {
    minMs: Math.ceil(minMs / windowMs) * windowMs,
    maxMs: Math.floor(maxMs / windowMs) * windowMs + windowMs - 1,
  };
}

/** Puts the rows of a selection together, series by series. @throws OperatingError, as `selectRollup`. */
export async function* readRollup(
  { blocks, samples, choose }: RollupSources,
  decoder: ColumnDecoder,
  tools: RollupTools,
  range: TimeRange,
  matchers: readonly Matcher[],
  options: RollupOptions,
  hold: Hold,
): AsyncGenerator<RollupColumns, void, undefined> {
  const windowMs = WINDOW_MS[options.tier];
  const sketch = options.quantiles ? tools.sketch : null;
  const reading = options.reading ?? { rows: 0, samples: 0 };
  const before = reading.rows + reading.samples;
  const cursors: Cursor[] = [
    ...blocks.map(
      (block) =>
        new BlockCursor(block, range, options.tier, matchers, decoder, choose, sketch, reading),
    ),
    ...samples.map(
      ({ startMs, series }) => new SamplesCursor(startMs, series, options, choose, tools, reading),
    ),
  ].sort((a, b) => a.startMs - b.startMs);
  try {
    for (const cursor of cursors) await cursor.advance();
    const rows = new RollupRows(windowMs);
    for (;;) {
      options.signal.throwIfAborted();
      hold.check();
      let least: Labels | undefined;
      for (const { labels } of cursors)
        if (labels !== undefined && (least === undefined || compareLabels(labels, least) < 0))
          least = labels;
      if (least === undefined) return;
      rows.clear();
      for (const cursor of cursors) {
        if (cursor.labels === undefined || compareLabels(cursor.labels, least) !== 0) continue;
        cursor.read(rows);
        const advancing = cursor.advance();
        if (advancing !== undefined) await advancing;
      }
      if (reading.rows + reading.samples - before > options.samplesMax)
        throw new OperatingError(
          "query.too_many_samples",
          `the selection holds more than ${options.samplesMax} samples`,
        );
      if (rows.length > 0) yield rollupColumns(least, rows, sketch);
    }
  } finally {
    for (const cursor of cursors) if (cursor instanceof SamplesCursor) await cursor.close();
    hold.release();
  }
}

class BlockCursor implements Cursor {
  readonly startMs: number;
  labels: Labels | undefined;
  readonly #block: Block;
  readonly #range: TimeRange;
  readonly #series: Uint32Array;
  /** Whether a series gets the tier; of a block of the tier itself, all do. */
  readonly #isWanted: (labels: Labels) => boolean;
  readonly #decoder: ColumnDecoder;
  readonly #sketch: QuantileSketch | null;
  readonly #reading: RollupReading;
  readonly #rows: RollupRows;
  #at = -1;

  constructor(
    block: Block,
    range: TimeRange,
    tier: RollupTier,
    matchers: readonly Matcher[],
    decoder: ColumnDecoder,
    choose: (labels: Labels) => RollupChoice,
    sketch: QuantileSketch | null,
    reading: RollupReading,
  ) {
    this.startMs = block.meta.rangeStartMs;
    this.#block = block;
    this.#range = range;
    this.#series = block.select(matchers);
    const standsIn = block.meta.tier !== tier;
    this.#isWanted = (labels) => !standsIn || choose(labels).tiers.includes(tier);
    this.#decoder = decoder;
    this.#sketch = sketch;
    this.#reading = reading;
    this.#rows = new RollupRows(WINDOW_MS[block.meta.tier as RollupTier]);
  }

  advance(): void {
    do {
      const series = this.#series[++this.#at];
      this.labels = series === undefined ? undefined : this.#block.labelsOf(series);
    } while (this.labels !== undefined && !this.#isWanted(this.labels));
  }

  read(out: RollupRows): void {
    const series = this.#series[this.#at] as number;
    const { minMs, maxMs } = this.#range;
    this.#rows.clear();
    this.#block.read(series, "rollup", minMs, maxMs, this.#decoder, (set) =>
      this.#rows.appendColumns(set),
    );
    this.#reading.rows += this.#rows.length;
    out.append(this.#rows, this.#sketch);
  }
}

class SamplesCursor implements Cursor {
  readonly startMs: number;
  labels: Labels | undefined;
  readonly #iterator: AsyncIterator<SeriesColumns>;
  readonly #tier: RollupTier;
  readonly #choose: (labels: Labels) => RollupChoice;
  #columns: SeriesColumns | undefined;
  #withQuantiles = false;
  readonly #tools: RollupTools;
  readonly #wantsQuantiles: boolean;
  readonly #reading: RollupReading;
  readonly #rows: RollupRows;

  constructor(
    startMs: number,
    series: AsyncIterable<SeriesColumns>,
    { tier, quantiles }: RollupOptions,
    choose: (labels: Labels) => RollupChoice,
    tools: RollupTools,
    reading: RollupReading,
  ) {
    this.startMs = startMs;
    this.#iterator = series[Symbol.asyncIterator]();
    this.#tier = tier;
    this.#choose = choose;
    this.#tools = tools;
    this.#wantsQuantiles = quantiles;
    this.#reading = reading;
    this.#rows = new RollupRows(WINDOW_MS[tier]);
  }

  async advance(): Promise<void> {
    for (;;) {
      const { done, value } = await this.#iterator.next();
      this.#columns = done === true ? undefined : value;
      this.labels = this.#columns?.labels;
      if (this.labels === undefined) return;
      const { tiers, quantiles } = this.#choose(this.labels);
      this.#withQuantiles = quantiles.includes(this.#tier);
      if (tiers.includes(this.#tier)) return;
    }
  }

  read(out: RollupRows): void {
    const { timestampsMs, values, stale } = this.#columns as SeriesColumns;
    const { length } = timestampsMs;
    this.#reading.samples += length;
    this.#rows.clear();
    const withSketches = this.#wantsQuantiles && this.#withQuantiles;
    this.#tools.rollUp({ length, timestampsMs, values, stale }, this.#rows, withSketches);
    out.append(this.#rows, this.#wantsQuantiles ? this.#tools.sketch : null);
  }

  async close(): Promise<void> {
    await this.#iterator.return?.();
  }
}

function rollupColumns(
  labels: Labels,
  rows: RollupRows,
  sketch: QuantileSketch | null,
): RollupColumns {
  const first = rows.column("first");
  const last = rows.column("last");
  const increase = rows.column("increase").slice();
  for (let row = 1; row < rows.length; row++)
    increase[row] =
      (increase[row] as number) + counterStep(last[row - 1] as number, first[row] as number);
  return {
    labels,
    windowsMs: rows.timestampsMs,
    count: rows.column("count"),
    sum: rows.column("sum"),
    min: rows.column("min"),
    max: rows.column("max"),
    first,
    last,
    increase,
    quantile: (q, from, to) => {
      if (sketch === null) return Number.NaN;
      sketch.clear();
      const whole = rows.hasSketches(from, to);
      if (!whole || !sketch.addEncodedAll(rows.sketchBytes, rows.sketchEnds, from, to))
        return Number.NaN;
      return sketch.quantile(q);
    },
  };
}
