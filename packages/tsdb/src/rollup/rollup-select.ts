import {
  compareLabels,
  createMatcher,
  type Labels,
  type Matcher,
  OperatingError,
} from "@pharos/base";
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
import type { Block, OnDamage } from "../block/block.ts";
import type { ColumnDecoder } from "../block/column-decoder.ts";
import type { Hold } from "../selection.ts";
import type { RollupChoice } from "./rollup-policy.ts";
import { counterStep, RollupRows } from "./rollup-rows.ts";
import type { RollupTools } from "./rollup-tools.ts";
import { RowQuantiles } from "./row-quantiles.ts";

/** Where rows come from. No two parts have the same samples in them. */
export interface RowSources {
  /** Blocks of the tier, or of a finer one where its own rows are not made yet. */
  readonly blocks: readonly Block[];
  /** Samples of the time for which there are no rows, each stretch by itself: sorted by labels. */
  readonly samples: readonly {
    readonly startMs: number;
    readonly series: AsyncIterable<SeriesColumns>;
  }[];
}

/** What a selection is read from. */
export interface RollupSources {
  readonly rows: RowSources;
  /** The same windows, or some of them, once more: for the sketches that those rows lack; undefined for nothing. */
  readonly sketches: RowSources | undefined;
  /** Which tiers a series gets: samples of one that does not get this tier make no rows. */
  choose(labels: Labels): RollupChoice;
}

/** How to go on where rows cannot be read. */
export interface RowRepair {
  /** Told of each damage. */
  readonly damaged: OnDamage;
  /** The samples there still are. */
  samples(range: TimeRange, matchers: readonly Matcher[]): AsyncIterable<SeriesColumns>;
}

/** One source, at one of its series. */
interface Cursor {
  readonly startMs: number;
  /** Whether its rows are read for their sketches alone. */
  readonly isForSketches: boolean;
  /** Undefined at the end. */
  labels: Labels | undefined;
  advance(): Promise<void> | void;
  /** Adds the rows of the series, and says how much it read. */
  read(out: RollupRows): Promise<void> | undefined;
}

/** The stretch of a range that whole windows lie in that start in it: first and last moment. */
export function windowsRange({ minMs, maxMs }: TimeRange, windowMs: number): TimeRange {
  return {
    minMs: Math.ceil(minMs / windowMs) * windowMs,
    maxMs: Math.floor(maxMs / windowMs) * windowMs + windowMs - 1,
  };
}

/**
 * Puts the rows of a selection together, series by series.
 *
 * @param repair how to go on where rows are damaged; without it they end the reading.
 * @throws OperatingError, as `selectRollup`.
 */
export async function* readRollup(
  { rows: rowSources, sketches: sketchSources, choose }: RollupSources,
  decoder: ColumnDecoder,
  tools: RollupTools,
  range: TimeRange,
  matchers: readonly Matcher[],
  options: RollupOptions,
  hold: Hold,
  repair?: RowRepair,
): AsyncGenerator<RollupColumns, void, undefined> {
  const windowMs = WINDOW_MS[options.tier];
  const sketch = options.quantiles ? tools.sketch : null;
  const reading = options.reading ?? { rows: 0, samples: 0 };
  const before = reading.rows + reading.samples;
  const rollUp = { options, choose, tools, reading };
  const blockCursor = (block: Block, isForSketches: boolean): Cursor => {
    try {
      return new BlockCursor(
        ...([block, isForSketches, range, options.tier, matchers] as const),
        ...([decoder, choose, sketch, reading] as const),
        repair && { ...repair, ...rollUp },
      );
    } catch (error) {
      if (repair === undefined || !isDamage(error)) throw error;
      repair.damaged(error);
      const { rangeStartMs, rangeEndMs } = block.meta;
      const series = repair.samples(within(range, rangeStartMs, rangeEndMs), matchers);
      return new SamplesCursor(rangeStartMs, isForSketches, series, rollUp);
    }
  };
  const cursorsOf = ({ blocks, samples }: RowSources, isForSketches: boolean): Cursor[] => [
    ...blocks.map((block) => blockCursor(block, isForSketches)),
    ...samples.map(
      ({ startMs, series }) => new SamplesCursor(startMs, isForSketches, series, rollUp),
    ),
  ];
  const cursors = [
    ...cursorsOf(rowSources, false),
    ...(sketchSources === undefined ? [] : cursorsOf(sketchSources, true)),
  ].sort((a, b) => a.startMs - b.startMs);
  try {
    for (const cursor of cursors) await cursor.advance();
    const rows = new RollupRows(windowMs);
    const others = new RollupRows(windowMs);
    const quantiles = sketch === null ? undefined : new RowQuantiles(rows, others, sketch);
    for (;;) {
      options.signal.throwIfAborted();
      hold.check();
      let least: Labels | undefined;
      for (const { labels } of cursors)
        if (labels !== undefined && (least === undefined || compareLabels(labels, least) < 0))
          least = labels;
      if (least === undefined) return;
      rows.clear();
      others.clear();
      for (const cursor of cursors) {
        if (cursor.labels === undefined || compareLabels(cursor.labels, least) !== 0) continue;
        const repairing = cursor.read(cursor.isForSketches ? others : rows);
        if (repairing !== undefined) await repairing;
        const advancing = cursor.advance();
        if (advancing !== undefined) await advancing;
      }
      if (reading.rows + reading.samples - before > options.samplesMax)
        throw new OperatingError(
          "query.too_many_samples",
          `the selection holds more than ${options.samplesMax} samples`,
        );
      if (rows.length > 0) yield rollupColumns(least, rows, quantiles);
    }
  } finally {
    for (const cursor of cursors) if (cursor instanceof SamplesCursor) await cursor.close();
    hold.release();
  }
}

function isDamage(error: unknown): error is OperatingError {
  return error instanceof OperatingError && error.code === "disk.corrupt";
}

/** The part of a range that lies in a block's. */
function within({ minMs, maxMs }: TimeRange, startMs: number, endMs: number): TimeRange {
  return { minMs: Math.max(minMs, startMs), maxMs: Math.min(maxMs, endMs - 1) };
}

/** What rows are made of samples with. */
interface RollUpContext {
  readonly options: RollupOptions;
  readonly choose: (labels: Labels) => RollupChoice;
  readonly tools: RollupTools;
  readonly reading: RollupReading;
}

class BlockCursor implements Cursor {
  readonly startMs: number;
  readonly isForSketches: boolean;
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
  readonly #repair: (RowRepair & RollUpContext) | undefined;
  #at = -1;

  constructor(
    block: Block,
    isForSketches: boolean,
    range: TimeRange,
    tier: RollupTier,
    matchers: readonly Matcher[],
    decoder: ColumnDecoder,
    choose: (labels: Labels) => RollupChoice,
    sketch: QuantileSketch | null,
    reading: RollupReading,
    repair: (RowRepair & RollUpContext) | undefined,
  ) {
    this.#repair = repair;
    this.startMs = block.meta.rangeStartMs;
    this.isForSketches = isForSketches;
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

  read(out: RollupRows): Promise<void> | undefined {
    const series = this.#series[this.#at] as number;
    const { minMs, maxMs } = this.#range;
    const repair = this.#repair;
    let isWhole = true;
    const noteDamage = (error: OperatingError): void => {
      isWhole = false;
      repair?.damaged(error);
    };
    this.#rows.clear();
    this.#block.read(
      ...([series, "rollup", minMs, maxMs, this.#decoder] as const),
      (set) => this.#rows.appendColumns(set),
      repair && noteDamage,
    );
    this.#reading.rows += this.#rows.length;
    if (!isWhole && repair !== undefined && this.labels !== undefined)
      return this.#repaired(repair, this.labels, out);
    out.append(this.#rows, this.#sketch);
    return undefined;
  }

  /** Adds the rows that could be read, and between them those of the series' samples in the block's time. */
  async #repaired(repair: RowRepair & RollUpContext, labels: Labels, out: RollupRows) {
    const { rangeStartMs, rangeEndMs } = this.#block.meta;
    const matchers = labels.map(([name, value]) => createMatcher("=", name, value));
    const range = within(this.#range, rangeStartMs, rangeEndMs);
    const made = new RollupRows(WINDOW_MS[repair.options.tier]);
    const series = repair.samples(range, matchers);
    const samples = new SamplesCursor(rangeStartMs, this.isForSketches, series, repair);
    try {
      await samples.advance();
      while (samples.labels !== undefined && compareLabels(samples.labels, labels) !== 0)
        await samples.advance();
      if (samples.labels !== undefined) samples.read(made);
    } finally {
      await samples.close();
    }
    const there = new RollupRows(made.windowMs);
    there.append(this.#rows, this.#sketch);
    let next = 0;
    for (let row = 0; row < there.length; row++) {
      const startMs = there.windowStartMs(row);
      const from = next;
      while (next < made.length && made.windowStartMs(next) < startMs) next++;
      out.append(made, this.#sketch, from, next);
      if (next < made.length && made.windowStartMs(next) === startMs) next++;
      out.append(there, this.#sketch, row, row + 1);
    }
    out.append(made, this.#sketch, next);
  }
}

class SamplesCursor implements Cursor {
  readonly startMs: number;
  readonly isForSketches: boolean;
  labels: Labels | undefined;
  readonly #iterator: AsyncIterator<SeriesColumns>;
  readonly #context: RollUpContext;
  #columns: SeriesColumns | undefined;
  readonly #rows: RollupRows;

  constructor(
    startMs: number,
    isForSketches: boolean,
    series: AsyncIterable<SeriesColumns>,
    context: RollUpContext,
  ) {
    this.startMs = startMs;
    this.isForSketches = isForSketches;
    this.#iterator = series[Symbol.asyncIterator]();
    this.#context = context;
    this.#rows = new RollupRows(WINDOW_MS[context.options.tier]);
  }

  async advance(): Promise<void> {
    for (;;) {
      const { done, value } = await this.#iterator.next();
      this.#columns = done === true ? undefined : value;
      this.labels = this.#columns?.labels;
      if (this.labels === undefined) return;
      const { choose, options } = this.#context;
      if (choose(this.labels).tiers.includes(options.tier)) return;
    }
  }

  read(out: RollupRows): undefined {
    const { timestampsMs, values, stale } = this.#columns as SeriesColumns;
    const { length } = timestampsMs;
    const { tools, options, reading } = this.#context;
    reading.samples += length;
    this.#rows.clear();
    tools.rollUp({ length, timestampsMs, values, stale }, this.#rows, options.quantiles);
    out.append(this.#rows, options.quantiles ? tools.sketch : null);
  }

  async close(): Promise<void> {
    await this.#iterator.return?.();
  }
}

function rollupColumns(
  labels: Labels,
  rows: RollupRows,
  quantiles: RowQuantiles | undefined,
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
    quantile: (q, from, to) => quantiles?.of(q, from, to) ?? Number.NaN,
  };
}
