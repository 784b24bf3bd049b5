import type { Labels } from "@pharos/base";
import type { FamilyMetadata } from "@pharos/kernels";
import type { AppendResult } from "@pharos/ports";
import type { ScrapeJob } from "./scrape-job.ts";
import type { ScrapedBody } from "./scrape-request.ts";

/** What of a job decides how a target's series are stored. */
export type SeriesRules = Pick<
  ScrapeJob,
  | "honorLabels"
  | "honorTimestamps"
  | "trackTimestampsStaleness"
  | "useCreatedTimestamps"
  | "sampleLimit"
  | "labelLimit"
  | "labelNameLengthLimit"
  | "labelValueLengthLimit"
  | "metricRelabelRules"
>;

export interface ScrapedTarget {
  /** What every series of the target gets. */
  readonly labels: Labels;
  readonly rules: SeriesRules;
  /** When it began to be scraped like this, on the monotonic clock. */
  readonly startedMonotonicMs: number;
}

/** One try to scrape a target. */
export interface Scrape {
  /** For samples that have no timestamp of their own; Unix epoch, an integer. */
  readonly timestampMs: number;
  /** What was fetched, or why there is nothing. */
  readonly fetched: ScrapedBody | { readonly problem: string };
  /** How long fetching took. */
  readonly fetchMs: number;
}

/** What became of a scrape. */
export interface ScrapeOutcome {
  /** Why it failed, for people; undefined where it went well. */
  readonly problem: string | undefined;
  /** With decoding. */
  readonly durationMs: number;
  /** What became of its samples, those about the scrape itself among them. */
  readonly appended: AppendResult;
  /** What the target says about its metric families, where that is not what it said before. */
  readonly metadata: readonly FamilyMetadata[] | undefined;
}

/** A target is not scraped any more. */
export interface TargetEnd {
  /** When its series ended: the time of their staleness markers. */
  readonly staleMs: number;
  /** When it was known that it ends, on the monotonic clock. */
  readonly retiredMonotonicMs: number;
}

/**
 * Takes what scrapes bring: the store's thread has it, and may be another one. Targets are named by numbers that the
 * caller hands out. Calls take effect in their order. Everything but the rules can be sent as it is.
 */
export interface ScrapeSink {
  /** A target is scraped from now on, or, where it is open already, by other rules: its series stay known. */
  open(target: number, settings: ScrapedTarget): void;
  /**
   * Stores the samples of a scrape, `up` and the others about it, and staleness markers for the series that it has no
   * more; for all of them where the scrape failed. What fails is an outcome, never a rejection. The body is given away.
   */
  write(target: number, scrape: Scrape): Promise<ScrapeOutcome>;
  /**
   * Marks the series of a target stale, but for those that another target has which began since it was retired.
   * @throws OperatingError of the store.
   */
  markGone(target: number, end: TargetEnd): Promise<AppendResult>;
  /** Forgets a target. */
  close(target: number): void;
}
