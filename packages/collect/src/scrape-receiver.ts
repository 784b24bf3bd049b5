import { assert, type Clock, type Labels, labelsKey, OperatingError } from "@pharos/base";
import type { ExemplarEntries, ExpositionDecoder, FamilyMetadata } from "@pharos/kernels";
import type { AppendResult } from "@pharos/ports";
import { sumResults } from "./append-results.ts";
import { ColumnAppender } from "./column-appender.ts";
import type { ColumnSink, StartEntries } from "./column-sink.ts";
import { reportSeriesLabels } from "./scrape-labels.ts";
import type { Scrape, ScrapedTarget, ScrapeOutcome, ScrapeSink, TargetEnd } from "./scrape-sink.ts";
import { metadataOf } from "./target-metadata.ts";
import {
  NOTHING_SCRAPED,
  SampleLimitExceeded,
  type ScrapedCounts,
  TargetSeries,
} from "./target-series.ts";

export interface ScrapeReceiverParts {
  readonly clock: Clock;
  readonly sink: ColumnSink;
  readonly decoder: ExpositionDecoder;
}

const REPORT_NAMES = [
  "up",
  "scrape_duration_seconds",
  "scrape_samples_scraped",
  "scrape_samples_post_metric_relabeling",
  "scrape_series_added",
] as const;

interface OpenTarget {
  settings: ScrapedTarget;
  readonly reportLabels: readonly Labels[];
  /** Undefined until its first scrape. */
  series: TargetSeries | undefined;
}

/** Decodes scraped bodies into the store's columns, on the store's thread, and knows what each target has. */
export class ScrapeReceiver implements ScrapeSink {
  readonly #parts: ScrapeReceiverParts;
  readonly #targets = new Map<number, OpenTarget>();

  constructor(parts: ScrapeReceiverParts) {
    this.#parts = parts;
  }

  open(target: number, settings: ScrapedTarget): void {
    const known = this.#targets.get(target);
    if (known === undefined) {
      const reportLabels = REPORT_NAMES.map((name) => reportSeriesLabels(name, settings.labels));
      this.#targets.set(target, { settings, reportLabels, series: undefined });
      return;
    }
    known.settings = settings;
    known.series?.applyRules(settings.rules);
  }

  close(target: number): void {
    this.#targets.get(target)?.series?.close();
    this.#targets.delete(target);
  }

  async write(number: number, scrape: Scrape): Promise<ScrapeOutcome> {
    const { clock, sink } = this.#parts;
    const target = this.#target(number);
    const startedMs = clock.monotonicMs();
    // From here to the append nothing waits: the columns are everybody's, and may hold what somebody left there.
    sink.columns.clear();
    const appender = new ColumnAppender(sink);
    let problem: string | undefined;
    let appended: readonly AppendResult[] = [];
    let durationMs = scrape.fetchMs;
    let metadata: readonly FamilyMetadata[] | undefined;
    try {
      const decoded = this.#decode(target, scrape, appender);
      metadata = target.series?.takeMetadata();
      problem = decoded.problem;
      durationMs += clock.monotonicMs() - startedMs;
      const { timestampMs } = scrape;
      const up = problem === undefined;
      this.#report(target, timestampMs, decoded.counts, durationMs, up, appender);
      appender.flush();
      const described = sink.attachments?.appendMetadata(metadataOf(metadata ?? []));
      // After the samples, whose time tells how old they are.
      const { exemplars } = decoded;
      const kept = exemplars && sink.attachments?.appendExemplars(exemplars);
      appended = await appender.settle();
      await Promise.all([described, kept]);
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      problem = `the samples could not be stored: ${error.message}`;
    }
    return { problem, durationMs, appended: sumResults(appended), metadata };
  }

  #target(number: number): OpenTarget {
    const target = this.#targets.get(number);
    assert(target !== undefined, () => `target ${number} is open`);
    return target;
  }

  /** Puts the samples and staleness markers of a scrape into the columns. A failed scrape makes all series stale. */
  #decode(
    target: OpenTarget,
    { fetched, timestampMs }: Scrape,
    appender: ColumnAppender,
  ): {
    readonly counts: ScrapedCounts;
    readonly problem: string | undefined;
    readonly exemplars: ExemplarEntries | undefined;
  } {
    const { labels, rules } = target.settings;
    target.series ??= new TargetSeries(labels, rules, this.#parts);
    const { series } = target;
    let counts = NOTHING_SCRAPED;
    let problem = "problem" in fetched ? fetched.problem : undefined;
    let stale: Iterable<number> = [];
    let exemplars: ExemplarEntries | undefined;
    let starts: StartEntries | undefined;
    if (!("problem" in fetched))
      try {
        const decoded = series.decode(fetched, timestampMs);
        counts = decoded.counts;
        stale = decoded.vanished;
        exemplars = decoded.exemplars;
        starts = decoded.starts;
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error;
        if (error instanceof SampleLimitExceeded) counts = error.counts;
        problem = error.message;
      }
    // While the columns still have all of the body, which has yet to be appended.
    if (starts !== undefined) this.#parts.sink.starts?.append(starts);
    if (problem !== undefined) stale = series.takeLive();
    for (const ref of stale) appender.pushStale(ref, timestampMs);
    return { counts, problem, exemplars };
  }

  #report(
    { reportLabels }: OpenTarget,
    timestampMs: number,
    counts: ScrapedCounts,
    durationMs: number,
    up: boolean,
    appender: ColumnAppender,
  ): void {
    const { sink } = this.#parts;
    const values = [up ? 1 : 0, durationMs / 1000, counts.scraped, counts.kept, counts.added];
    for (const [at, labels] of reportLabels.entries())
      appender.push(sink.intern(labels), timestampMs, values[at] as number);
  }

  async markGone(
    number: number,
    { staleMs, retiredMonotonicMs }: TargetEnd,
  ): Promise<AppendResult> {
    const { sink } = this.#parts;
    const target = this.#target(number);
    const successors = this.#successors(target, retiredMonotonicMs);
    sink.columns.clear();
    const appender = new ColumnAppender(sink);
    for (const ref of target.series?.takeLive() ?? [])
      if (!successors.series.has(ref)) appender.pushStale(ref, staleMs);
    if (!successors.targets.has(labelsKey(target.settings.labels)))
      for (const report of target.reportLabels) appender.pushStale(sink.intern(report), staleMs);
    appender.flush();
    return sumResults(await appender.settle());
  }

  /**
   * What targets that began since then have. Only those: going through all series of all targets for each one that ends
   * would take too long.
   */
  #successors(
    gone: OpenTarget,
    sinceMonotonicMs: number,
  ): { readonly series: ReadonlySet<number>; readonly targets: ReadonlySet<string> } {
    const series = new Set<number>();
    const targets = new Set<string>();
    for (const target of this.#targets.values()) {
      if (target === gone || target.settings.startedMonotonicMs < sinceMonotonicMs) continue;
      targets.add(labelsKey(target.settings.labels));
      for (const ref of target.series?.live ?? []) series.add(ref);
    }
    return { series, targets };
  }
}
