import { type HistogramColumn, inLots, type SeriesColumns } from "@pharos/ports";
import type { VectorSelector } from "../syntax/ast.ts";
import { countsOnly } from "./histogram/counts-only.ts";
import type { QueryContext } from "./query-context.ts";
import { firstAfter } from "./range/extent.ts";
import { type Grid, gridEndMs } from "./step-series.ts";

/** Which samples of a selector are needed: those in (`afterMs`, `maxMs`]. */
export interface NeededSamples {
  readonly afterMs: number;
  readonly maxMs: number;
  /** Whether when their counters began, too. */
  readonly starts?: boolean;
}

/** What is computed from the series of a selector, one after the other. */
export interface Reading {
  readonly selector: VectorSelector;
  readonly needed: NeededSamples;
  /**
   * Takes a series with the samples needed; there may be some beyond. They hold until it returns or the promise resolves.
   */
  take(columns: SeriesColumns): Promise<void> | undefined | void;
  /** No series comes any more, for whatever reason: gives back what `take` has kept. */
  end?(): void;
}

/**
 * Reads the series for one reading, or for several whose selectors have the same matchers, in one pass. Counts what is
 * read, takes turns with others, and keeps nothing.
 */
export async function readSeries(
  context: QueryContext,
  readings: readonly [Reading, ...Reading[]],
): Promise<void> {
  const [{ selector }] = readings;
  const needed = unionOf(readings.map((reading) => reading.needed));
  const range = { minMs: needed.afterMs, maxMs: needed.maxMs };
  const selection = context.store.select(range, selector.matchers, {
    // The limit is on what a query holds at once, not on what passes through it.
    samplesMax: Number.POSITIVE_INFINITY,
    signal: context.signal,
    warn: (warning) => context.annotations.incomplete(warning),
    histograms: true,
    starts: needed.starts,
  });
  try {
    // Without a wait for each of thousands of series.
    for await (const lot of inLots(selection))
      for (const columns of lot) {
        const length = columns.timestampsMs.length + (columns.histograms?.timestampsMs.length ?? 0);
        context.countSeries(length);
        context.hold(length);
        for (const reading of readings) {
          const part = readings.length === 1 ? columns : partOf(columns, reading.needed);
          const busy =
            part &&
            reading.take(
              context.countsOnly.has(reading.selector)
                ? withoutBuckets(part, reading.needed)
                : part,
            );
          if (busy !== undefined) await busy;
          context.profile?.read(reading.selector, length);
        }
        context.release(length);
        if (context.tick(length)) await context.pause();
      }
  } finally {
    for (const reading of readings) reading.end?.();
  }
}

function withoutBuckets(columns: SeriesColumns, { afterMs }: NeededSamples): SeriesColumns {
  const { histograms } = columns;
  return histograms === undefined
    ? columns
    : { ...columns, histograms: countsOnly(histograms, afterMs) };
}

/** The least that holds all of what is needed. */
function unionOf(list: readonly NeededSamples[]): Required<NeededSamples> {
  return {
    afterMs: Math.min(...list.map(({ afterMs }) => afterMs)),
    maxMs: Math.max(...list.map(({ maxMs }) => maxMs)),
    starts: list.some(({ starts }) => starts === true),
  };
}

/** The samples of a series that are needed; undefined if there are none. */
function partOf(
  columns: SeriesColumns,
  { afterMs, maxMs }: NeededSamples,
): SeriesColumns | undefined {
  const { timestampsMs, values, stale, startsMs, histograms } = columns;
  const from = firstAfter(timestampsMs, 0, timestampsMs.length, afterMs);
  const to = firstAfter(timestampsMs, from, timestampsMs.length, maxMs);
  const hasHistograms = histograms !== undefined && hasBetween(histograms, afterMs, maxMs);
  if (from === to && !hasHistograms) return undefined;
  if (from === 0 && to === timestampsMs.length) return columns;
  return {
    ...columns,
    timestampsMs: timestampsMs.subarray(from, to),
    values: values.subarray(from, to),
    stale: stale?.subarray(from, to) ?? null,
    ...(startsMs === undefined ? {} : { startsMs: startsMs.subarray(from, to) }),
  };
}

function hasBetween({ timestampsMs }: HistogramColumn, afterMs: number, maxMs: number): boolean {
  const at = firstAfter(timestampsMs, 0, timestampsMs.length, afterMs);
  return at < timestampsMs.length && (timestampsMs[at] as number) <= maxMs;
}

/** The first and last times that a vector selector looks at on a grid, before lookback. */
export function shiftedRange(
  context: QueryContext,
  selector: VectorSelector,
  grid: Grid,
): { firstMs: number; lastMs: number } {
  return {
    firstMs: context.shiftedMs(selector, grid.startMs),
    lastMs: context.shiftedMs(selector, gridEndMs(grid)),
  };
}
