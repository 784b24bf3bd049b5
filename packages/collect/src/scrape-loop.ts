import { type Clock, type Labels, labelsKey, OperatingError } from "@pharos/base";
import type { ExpositionDecoder } from "@pharos/kernels";
import type { AppendResult, HttpClient } from "@pharos/ports";
import { ColumnAppender } from "./column-appender.ts";
import type { ColumnSink } from "./column-sink.ts";
import type { ScrapeJob } from "./scrape-job.ts";
import { reportSeriesLabels } from "./scrape-labels.ts";
import { fetchMetrics, type ScrapedBody } from "./scrape-request.ts";
import { scrapeOffsetMs, type Target } from "./target.ts";
import type { TargetMetadata } from "./target-metadata.ts";
import {
  NOTHING_SCRAPED,
  SampleLimitExceeded,
  type ScrapedCounts,
  type SeriesMemory,
  TargetSeries,
} from "./target-series.ts";

/** What all scrape loops of a server share. */
export interface ScrapeEnvironment {
  readonly clock: Clock;
  readonly http: HttpClient;
  readonly sink: ColumnSink;
  readonly decoder: ExpositionDecoder;
  readonly userAgent: string;
  /** Tells apart servers that scrape the same targets, so that they do not do it at the same moment. */
  readonly offsetSeed: string;
  readonly counters: ScrapeCounters;
}

/** What all scrape loops have done since the start. */
export class ScrapeCounters {
  scrapes = 0;
  failures = 0;
  /** Scrapes that did not happen, because the one before took too long or the process was held up. */
  missed = 0;
  /** Samples appended, those about the scrapes themselves counted. */
  samples = 0;
  tooOld = 0;
  tooNew = 0;
  duplicate = 0;
  conflicting = 0;

  /** Counts what became of appended samples. */
  add(result: AppendResult): void {
    this.samples += result.appended;
    this.tooOld += result.tooOld;
    this.tooNew += result.tooNew;
    this.duplicate += result.duplicate;
    this.conflicting += result.conflicting;
  }
}

export type TargetHealth = "up" | "down" | "unknown";

/** How the last scrape went. */
export interface ScrapeState {
  readonly health: TargetHealth;
  /** "" where there was none. */
  readonly lastError: string;
  /** Unix epoch; undefined before the first scrape. */
  readonly lastScrapeMs: number | undefined;
  readonly lastScrapeDurationMs: number;
}

/** What a loop hands over to the one that goes on with its target. */
export interface LoopMemory {
  readonly series: SeriesMemory;
  readonly state: ScrapeState;
  /** The last scrape's place on the grid, and when it was on the monotonic clock; -Infinity if there was none. */
  readonly lastDueMs: number;
  readonly lastMonotonicMs: number;
}

const FIRST_STATE: ScrapeState = {
  health: "unknown",
  lastError: "",
  lastScrapeMs: undefined,
  lastScrapeDurationMs: 0,
};

/** Timestamps this near to the grid are put on it: steady steps cost the store next to nothing. */
const ALIGN_TOLERANCE_MS = 2;

/**
 * After so long without a sample a series has gone stale by itself, and its reference may mean another series by now:
 * no marker then.
 */
const MARK_STALE_WITHIN_MS = 3_600_000;

const REPORT_NAMES = [
  "up",
  "scrape_duration_seconds",
  "scrape_samples_scraped",
  "scrape_samples_post_metric_relabeling",
  "scrape_series_added",
] as const;

/** What is scraped by others when a target's loop ends for good: it must not be marked stale. */
export interface Successors {
  /** References of their series. */
  readonly series: ReadonlySet<number>;
  /** Keys of their targets' label sets. */
  readonly targets: ReadonlySet<string>;
}

type Ending = "none" | "retire" | "replace" | "shutdown";

/**
 * Scrapes one target at its interval until it is told to end. Scrapes of a target never overlap; they fall on a fixed
 * grid of times, which the target's offset shifts, so that neither restarts nor slow answers make them drift.
 */
export class ScrapeLoop {
  readonly target: Target;
  readonly job: ScrapeJob;
  readonly settingsKey: string;
  /** When the loop began, on the monotonic clock. */
  readonly startedMonotonicMs: number;
  /** As discovered last; a reload may change them without changing the target. */
  discoveredLabels: Labels;
  /** Where set, every scrape fails with this text without asking the target. */
  forcedError: string | undefined;

  readonly #env: ScrapeEnvironment;
  readonly #series: TargetSeries;
  readonly #reportLabels: readonly Labels[];
  readonly #offsetMs: number;
  /** Ends the waiting between scrapes; a scrape under way goes on. */
  readonly #waiting = new AbortController();
  /** Ends everything. */
  readonly #living = new AbortController();
  #ending: Ending = "none";
  #successors: () => Successors = () => ({ series: new Set(), targets: new Set() });
  #state: ScrapeState = FIRST_STATE;
  #lastDueMs = Number.NEGATIVE_INFINITY;
  #lastMonotonicMs = Number.NEGATIVE_INFINITY;

  /** @throws OperatingError `memory.full`. */
  constructor(target: Target, job: ScrapeJob, settingsKey: string, env: ScrapeEnvironment) {
    this.target = target;
    this.job = job;
    this.settingsKey = settingsKey;
    this.startedMonotonicMs = env.clock.monotonicMs();
    this.discoveredLabels = target.discoveredLabels;
    this.#env = env;
    this.#series = new TargetSeries(target, job, env);
    this.#reportLabels = REPORT_NAMES.map((name) => reportSeriesLabels(name, target.labels));
    this.#offsetMs = scrapeOffsetMs(target, env.offsetSeed);
  }

  get state(): ScrapeState {
    return this.#state;
  }

  get metadata(): TargetMetadata {
    return this.#series.metadata;
  }

  get memory(): LoopMemory {
    return {
      series: this.#series.memory,
      state: this.#state,
      lastDueMs: this.#lastDueMs,
      lastMonotonicMs: this.#lastMonotonicMs,
    };
  }

  /** Goes on where another loop with the same target has ended. */
  takeOver({ series, state, lastDueMs, lastMonotonicMs }: LoopMemory): void {
    this.#series.takeOver(series);
    this.#state = state;
    this.#lastDueMs = lastDueMs;
    this.#lastMonotonicMs = lastMonotonicMs;
  }

  /** Scrapes until the loop is told to end. Call it once. Rejects only on a bug. */
  async run(): Promise<void> {
    try {
      await this.#scrapeUntilEnd();
      if (this.#ending === "retire") await this.#markGone();
    } catch (error) {
      if (error !== this.#living.signal.reason) throw error;
    } finally {
      this.#series.close();
    }
  }

  /**
   * The target is gone: no more scrapes. Its series are marked stale two intervals later, unless others scrape them by
   * then, which `successors` is asked for.
   */
  retire(successors: () => Successors): void {
    this.#successors = successors;
    this.#stop("retire");
  }

  /** Another loop takes over the target, with `memory`, when `run` is done. */
  replace(): void {
    this.#stop("replace");
  }

  /** Ends at once, also a scrape under way. Nothing is marked stale: the next process goes on. */
  shutdown(): void {
    this.#stop("shutdown");
    this.#living.abort(new OperatingError("scrape.failed", "the server shuts down"));
  }

  #stop(ending: Ending): void {
    this.#ending = ending;
    this.#waiting.abort(new OperatingError("scrape.failed", "the loop ends"));
  }

  async #scrapeUntilEnd(): Promise<void> {
    const { clock, counters } = this.#env;
    const { scrapeIntervalMs } = this.target;
    let dueMs = this.#gridBefore(clock.nowMs()) + scrapeIntervalMs;
    for (;;) {
      if (!(await this.#waitUntil(dueMs))) return;
      const startedMs = clock.monotonicMs();
      this.#lastDueMs = dueMs;
      this.#lastMonotonicMs = startedMs;
      await this.#scrape(this.#alignedMs(dueMs));
      const intervalsTaken = Math.floor((clock.monotonicMs() - startedMs) / scrapeIntervalMs);
      if (intervalsTaken > 1) counters.missed += intervalsTaken;
      dueMs = this.#dueAfter(dueMs);
    }
  }

  /** The last point of the target's grid that is not after `timeMs`. */
  #gridBefore(timeMs: number): number {
    const { scrapeIntervalMs } = this.target;
    const steps = Math.floor((timeMs - this.#offsetMs) / scrapeIntervalMs);
    return steps * scrapeIntervalMs + this.#offsetMs;
  }

  /**
   * The next point of the grid. One that has just passed is still scraped for; where more were missed, or the wall
   * clock has jumped, it goes on with the next to come.
   */
  #dueAfter(dueMs: number): number {
    const { scrapeIntervalMs } = this.target;
    const nowMs = this.#env.clock.nowMs();
    const nextMs = dueMs + scrapeIntervalMs;
    if (Math.abs(nextMs - nowMs) <= scrapeIntervalMs) return nextMs;
    return this.#gridBefore(nowMs) + scrapeIntervalMs;
  }

  /** Timers wake a little early or late. */
  #alignedMs(dueMs: number): number {
    const nowMs = this.#env.clock.nowMs();
    const toleranceMs = Math.max(ALIGN_TOLERANCE_MS, this.target.scrapeIntervalMs / 100);
    return Math.abs(nowMs - dueMs) <= toleranceMs ? dueMs : Math.round(nowMs);
  }

  /** False where the loop is to end. */
  async #waitUntil(dueMs: number): Promise<boolean> {
    const { clock } = this.#env;
    const { signal } = this.#waiting;
    try {
      await clock.sleep(Math.max(0, dueMs - clock.nowMs()), signal);
      return true;
    } catch (error) {
      if (error !== signal.reason) throw error;
      return false;
    }
  }

  async #scrape(timestampMs: number): Promise<void> {
    const { clock, counters } = this.#env;
    const startedMs = clock.monotonicMs();
    const fetched = await this.#fetch();
    // From here to the append nothing waits: the columns are everybody's, and may hold what somebody left there.
    this.#env.sink.columns.clear();
    const appender = new ColumnAppender(this.#env.sink);
    let error: OperatingError | undefined;
    let durationMs = 0;
    try {
      const { counts, problem } = this.#decode(fetched, timestampMs, appender);
      error = problem;
      durationMs = clock.monotonicMs() - startedMs;
      this.#report(timestampMs, counts, durationMs, problem === undefined, appender);
      appender.flush();
      for (const result of await appender.settle()) counters.add(result);
    } catch (cause) {
      if (!(cause instanceof OperatingError)) throw cause;
      error = new OperatingError(cause.code, `the samples could not be stored: ${cause.message}`);
    }
    counters.scrapes++;
    if (error !== undefined) counters.failures++;
    this.#state = {
      health: error === undefined ? "up" : "down",
      lastError: error?.message ?? "",
      lastScrapeMs: timestampMs,
      lastScrapeDurationMs: durationMs,
    };
  }

  async #fetch(): Promise<ScrapedBody | OperatingError> {
    if (this.forcedError !== undefined)
      return new OperatingError("scrape.failed", this.forcedError);
    try {
      const { signal } = this.#living;
      return await fetchMetrics(this.target, this.job, { ...this.#env, signal });
    } catch (error) {
      const failed = error instanceof OperatingError && error !== this.#living.signal.reason;
      if (!failed) throw error;
      return error;
    }
  }

  /** Puts the samples and staleness markers of a scrape into the columns. A failed scrape makes all series stale. */
  #decode(
    fetched: ScrapedBody | OperatingError,
    timestampMs: number,
    appender: ColumnAppender,
  ): { readonly counts: ScrapedCounts; readonly problem: OperatingError | undefined } {
    let counts = NOTHING_SCRAPED;
    let problem = fetched instanceof OperatingError ? fetched : undefined;
    let stale: Iterable<number> = [];
    if (!(fetched instanceof OperatingError))
      try {
        const decoded = this.#series.decode(fetched, timestampMs);
        counts = decoded.counts;
        stale = decoded.vanished;
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error;
        if (error instanceof SampleLimitExceeded) counts = error.counts;
        problem = error;
      }
    if (problem !== undefined) stale = this.#series.takeLive();
    for (const ref of stale) appender.pushStale(ref, timestampMs);
    return { counts, problem };
  }

  #report(
    timestampMs: number,
    counts: ScrapedCounts,
    durationMs: number,
    up: boolean,
    appender: ColumnAppender,
  ): void {
    const { sink } = this.#env;
    const values = [up ? 1 : 0, durationMs / 1000, counts.scraped, counts.kept, counts.added];
    for (const [at, labels] of this.#reportLabels.entries())
      appender.push(sink.intern(labels), timestampMs, values[at] as number);
  }

  /** Marks the series of a target that is gone, once it is sure that they do not come back. */
  async #markGone(): Promise<void> {
    const { clock, sink, counters } = this.#env;
    const { scrapeIntervalMs, labels } = this.target;
    // Where the target comes back, its new loop has scraped by then, and knows its series.
    const waitMs = this.#lastDueMs + 2.1 * scrapeIntervalMs - clock.nowMs();
    await clock.sleep(Math.max(0, waitMs), this.#living.signal);
    // Also where there never was a scrape.
    if (clock.monotonicMs() - this.#lastMonotonicMs > MARK_STALE_WITHIN_MS) return;

    const staleMs = this.#lastDueMs + scrapeIntervalMs;
    const successors = this.#successors();
    const appender = new ColumnAppender(sink);
    try {
      sink.columns.clear();
      for (const ref of this.#series.takeLive())
        if (!successors.series.has(ref)) appender.pushStale(ref, staleMs);
      if (!successors.targets.has(labelsKey(labels)))
        for (const report of this.#reportLabels) appender.pushStale(sink.intern(report), staleMs);
      appender.flush();
      for (const result of await appender.settle()) counters.add(result);
    } catch (error) {
      // Without their markers the series end five minutes later all the same.
      if (!(error instanceof OperatingError)) throw error;
      counters.failures++;
    }
  }
}
