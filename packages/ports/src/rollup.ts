import type { Labels, Matcher } from "@pharos/base";
import type { SelectOptions, TimeRange } from "./series-store.ts";

/** The rollup tiers, finest first. */
export const ROLLUP_TIERS = ["1m", "5m", "1h", "1d"] as const;

/** A tier of rows, one for each window of the length that names it. */
export type RollupTier = (typeof ROLLUP_TIERS)[number];

/** How long a tier's windows are. They are aligned to the epoch; a window's start is in it, its end is not. */
export const WINDOW_MS: Readonly<Record<RollupTier, number>> = {
  "1m": 60_000,
  "5m": 5 * 60_000,
  "1h": 3_600_000,
  "1d": 86_400_000,
};

/** What was read for an answer; it counts up. */
export interface RollupReading {
  /** Rows of the tier, or of finer ones. */
  rows: number;
  /** Samples, of the time for which there are no rows yet. */
  samples: number;
}

export interface RollupOptions extends SelectOptions {
  readonly tier: RollupTier;
  /** Whether quantiles will be asked for; without it they are not read. */
  readonly quantiles: boolean;
  /** Counts what is read, if given. `samplesMax` bounds the sum of both. */
  readonly reading?: RollupReading;
}

/**
 * The rows of one series in a tier, one a window in which it has a sample, by time. The arrays belong to the store and
 * hold until the next series is asked for.
 *
 * Against the samples of the window: `count`, `min`, `max`, `first` and `last` are exact, `sum` and `increase` are within
 * 1e-12 of the sum of their parts' magnitudes. Staleness markers count for nothing. An ordinary NaN is counted, makes
 * `sum` and `increase` NaN, and is left out of `min`, `max` and quantiles.
 */
export interface RollupColumns {
  readonly labels: Labels;
  /** Where each window starts, Unix epoch, ms. */
  readonly windowsMs: Float64Array;
  readonly count: Float64Array;
  readonly sum: Float64Array;
  readonly min: Float64Array;
  readonly max: Float64Array;
  readonly first: Float64Array;
  readonly last: Float64Array;
  /**
   * What a counter grew by up to the window's last sample: from the last sample of the row before, or from the window's
   * first sample in the first row. A value lower than the one before is a counter that began again at 0. The sum over
   * rows is what the counter grew by between the first and the last of all their samples.
   */
  readonly increase: Float64Array;
  /**
   * A quantile (0 to 1) of all samples of the rows `from` to `to` (not included), within 1 % of the exact value. Where
   * the tier keeps no quantiles, finer rows that do or the samples tell them, as long as they are there; after that it
   * is NaN, as it is where quantiles were not asked for.
   */
  quantile(q: number, from: number, to: number): number;
}

/** How far back a tier's rows go, for the series of a selection. */
export interface TierCoverage {
  readonly tier: RollupTier;
  /** Since when there are rows of all series that are to have some, ms; Infinity where there are none. */
  readonly sinceMs: number;
  /** The stretches of time, ends excluded, whose rows are stored: those of other times are made of samples, as they are read. */
  readonly made: readonly (readonly [startMs: number, endMs: number])[];
  /** Whether all of its rows tell quantiles by themselves. */
  readonly hasQuantiles: boolean;
}

/** What there is of the series that a selection may find: for who has to choose between samples and rows. */
export interface RollupCoverage {
  /** Since when the samples of all of them are kept, ms; -Infinity where none ever went. */
  readonly samplesSinceMs: number;
  /** The tiers that all of them get, finest first. */
  readonly tiers: readonly TierCoverage[];
}

/** A store that keeps rollups. */
export interface RollupReader {
  /**
   * The series that match all matchers, sorted by labels, each with the rows of the windows that start in `range`, up
   * to now; a series with none is left out. Native histograms have no rows. Rows that cannot be read are made of samples
   * again, with a warning; those whose samples are gone are left out.
   *
   * @throws OperatingError `query.too_many_samples`, `disk.corrupt`, or the signal's reason.
   */
  selectRollup(
    range: TimeRange,
    matchers: readonly Matcher[],
    options: RollupOptions,
  ): AsyncIterable<RollupColumns>;

  /**
   * How far back samples and rows go. Cheap: no series is looked at.
   *
   * @throws OperatingError of the store.
   */
  rollupCoverage(matchers: readonly Matcher[], nowMs: number): Promise<RollupCoverage>;
}
