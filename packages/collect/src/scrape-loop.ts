import { type Clock, type Labels, OperatingError } from "@pharos/base";
import type { AppendResult, HttpClient } from "@pharos/ports";
import type { ScrapeJob } from "./scrape-job.ts";
import { fetchMetrics } from "./scrape-request.ts";
import type { Scrape, ScrapeSink } from "./scrape-sink.ts";
import { scrapeOffsetMs, type Target } from "./target.ts";
import { TargetMetadata } from "./target-metadata.ts";

/** What all scrape loops of a server share. */
export interface ScrapeEnvironment {
  readonly clock: Clock;
  readonly http: HttpClient;
  readonly sink: ScrapeSink;
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
  readonly metadata: TargetMetadata;
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
  /** The target's number in the sink. */
  readonly #number: number;
  #metadata = new TargetMetadata();
  readonly #offsetMs: number;
  /** Ends the waiting between scrapes; a scrape under way goes on. */
  readonly #waiting = new AbortController();
  /** Ends everything. */
  readonly #living = new AbortController();
  #ending: Ending = "none";
  /** Whether another loop goes on with the target. */
  #replaced = false;
  /** When it was told that the target is gone. */
  #retiredMonotonicMs = 0;
  #state: ScrapeState = FIRST_STATE;
  #lastDueMs = Number.NEGATIVE_INFINITY;
  #lastMonotonicMs = Number.NEGATIVE_INFINITY;

  /** @param number the target's in the sink: a new one, or that of the loop which this one goes on for. */
  constructor(
    target: Target,
    job: ScrapeJob,
    settingsKey: string,
    env: ScrapeEnvironment,
    number: number,
  ) {
    this.target = target;
    this.job = job;
    this.settingsKey = settingsKey;
    this.startedMonotonicMs = env.clock.monotonicMs();
    this.discoveredLabels = target.discoveredLabels;
    this.#env = env;
    this.#number = number;
    this.#offsetMs = scrapeOffsetMs(target, env.offsetSeed);
  }

  get number(): number {
    return this.#number;
  }

  get state(): ScrapeState {
    return this.#state;
  }

  get metadata(): TargetMetadata {
    return this.#metadata;
  }

  get memory(): LoopMemory {
    return {
      metadata: this.#metadata,
      state: this.#state,
      lastDueMs: this.#lastDueMs,
      lastMonotonicMs: this.#lastMonotonicMs,
    };
  }

  /** Goes on where another loop with the same target has ended. */
  takeOver({ metadata, state, lastDueMs, lastMonotonicMs }: LoopMemory): void {
    this.#metadata = metadata;
    this.#state = state;
    this.#lastDueMs = lastDueMs;
    this.#lastMonotonicMs = lastMonotonicMs;
  }

  /** Scrapes until the loop is told to end. Call it once. Rejects only on a bug. */
  async run(): Promise<void> {
    const { sink } = this.#env;
    const { labels } = this.target;
    const { startedMonotonicMs, job } = this;
    sink.open(this.#number, { labels, rules: job, startedMonotonicMs });
    try {
      await this.#scrapeUntilEnd();
      if (this.#ending === "retire") await this.#markGone();
    } catch (error) {
      if (error !== this.#living.signal.reason) throw error;
    } finally {
      if (!this.#replaced) sink.close(this.#number);
    }
  }

  /**
   * The target is gone: no more scrapes. Its series are marked stale two intervals later, unless others scrape them by
   * then.
   */
  retire(): void {
    this.#retiredMonotonicMs = this.#env.clock.monotonicMs();
    this.#stop("retire");
  }

  /** Another loop takes over the target, with `memory`, when `run` is done. */
  replace(): void {
    this.#replaced = true;
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
    const { clock, counters, sink } = this.#env;
    const startedMs = clock.monotonicMs();
    const fetched = await this.#fetch();
    const fetchMs = clock.monotonicMs() - startedMs;
    const scrape = { timestampMs, fetched, fetchMs };
    const { problem, durationMs, appended, metadata } = await sink.write(this.#number, scrape);
    if (metadata !== undefined) this.#metadata.replace(metadata);
    counters.add(appended);
    counters.scrapes++;
    if (problem !== undefined) counters.failures++;
    this.#state = {
      health: problem === undefined ? "up" : "down",
      lastError: problem ?? "",
      lastScrapeMs: timestampMs,
      lastScrapeDurationMs: durationMs,
    };
  }

  async #fetch(): Promise<Scrape["fetched"]> {
    if (this.forcedError !== undefined) return { problem: this.forcedError };
    try {
      const { signal } = this.#living;
      return await fetchMetrics(this.target, this.job, { ...this.#env, signal });
    } catch (error) {
      const failed = error instanceof OperatingError && error !== this.#living.signal.reason;
      if (!failed) throw error;
      return { problem: error.message };
    }
  }

  /** Marks the series of a target that is gone, once it is sure that they do not come back. */
  async #markGone(): Promise<void> {
    const { clock, sink, counters } = this.#env;
    const { scrapeIntervalMs } = this.target;
    // Where the target comes back, its new loop has scraped by then, and the sink knows its series.
    const waitMs = this.#lastDueMs + 2.1 * scrapeIntervalMs - clock.nowMs();
    await clock.sleep(Math.max(0, waitMs), this.#living.signal);
    // Also where there never was a scrape.
    if (clock.monotonicMs() - this.#lastMonotonicMs > MARK_STALE_WITHIN_MS) return;

    const staleMs = this.#lastDueMs + scrapeIntervalMs;
    const retiredMonotonicMs = this.#retiredMonotonicMs;
    try {
      counters.add(await sink.markGone(this.#number, { staleMs, retiredMonotonicMs }));
    } catch (error) {
      // Without their markers the series end five minutes later all the same.
      if (!(error instanceof OperatingError)) throw error;
      counters.failures++;
    }
  }
}
