import { type Labels, OperatingError } from "@pharos/base";
import type { FamilyMetadata } from "@pharos/kernels";
import { FileDiscovery, type TargetFiles } from "./file-discovery.ts";
import type { ScrapeJob, TargetGroup } from "./scrape-job.ts";
import type { ScrapeCounters, ScrapeEnvironment, TargetHealth } from "./scrape-loop.ts";
import { ScrapePool } from "./scrape-pool.ts";

/** A target that is scraped, as the API shows it. */
export interface ActiveTarget {
  readonly scrapePool: string;
  readonly scrapeUrl: string;
  /** `scrapeUrl` as it is reached from elsewhere. */
  readonly globalUrl: string;
  readonly discoveredLabels: Labels;
  readonly labels: Labels;
  /** "" where the last scrape went well. */
  readonly lastError: string;
  /** Unix epoch; undefined before the first scrape. */
  readonly lastScrapeMs: number | undefined;
  readonly lastScrapeDurationMs: number;
  readonly health: TargetHealth;
  readonly scrapeIntervalMs: number;
  readonly scrapeTimeoutMs: number;
}

/** A target that is not scraped. */
export interface InactiveTarget {
  readonly scrapePool: string;
  readonly discoveredLabels: Labels;
  /** Why it cannot be scraped; undefined where relabelling dropped it. */
  readonly error: string | undefined;
}

/** What a target says about one of its metric families. */
export interface TargetFamily extends FamilyMetadata {
  readonly targetLabels: Labels;
}

/** A job, and the targets that its discoveries have found. */
class JobTargets {
  readonly pool: ScrapePool;
  job: ScrapeJob;
  discoveries: readonly FileDiscovery[] = [];
  /** Ends the refreshing of `discoveries`. */
  refreshing = new AbortController();

  constructor(job: ScrapeJob, pool: ScrapePool) {
    this.job = job;
    this.pool = pool;
  }

  get groups(): readonly TargetGroup[] {
    return [...this.job.staticConfigs, ...this.discoveries.flatMap(({ groups }) => groups)];
  }
}

/** Scrapes the targets of all jobs. */
export class ScrapeManager {
  readonly #env: ScrapeEnvironment;
  readonly #files: TargetFiles;
  readonly #externalHost: string;
  readonly #jobs = new Map<string, JobTargets>();
  /** Pools of jobs that are gone, until their last loop has ended. */
  readonly #leaving = new Set<ScrapePool>();
  readonly #refreshes = new Set<Promise<void>>();
  #nextTarget = 1;

  /** @param options.externalHost the name under which others reach this machine. */
  constructor(
    env: ScrapeEnvironment,
    options: { readonly files: TargetFiles; readonly externalHost: string },
  ) {
    this.#env = env;
    this.#files = options.files;
    this.#externalHost = options.externalHost;
  }

  /**
   * Makes these the jobs. Targets that stay as they are go on without missing a scrape; those whose settings have
   * changed go on with the new ones, and keep their series; those that are gone end.
   *
   * @throws OperatingError `config.invalid` where two jobs have one name: then nothing has changed.
   */
  applyJobs(jobs: readonly ScrapeJob[]): void {
    const names = new Set<string>();
    for (const { jobName } of jobs) {
      if (names.has(jobName))
        throw new OperatingError("config.invalid", `two scrape jobs have the name ${jobName}`);
      names.add(jobName);
    }
    for (const [name, targets] of this.#jobs)
      if (!names.has(name)) {
        this.#jobs.delete(name);
        this.#leave(targets);
      }
    for (const job of jobs) this.#applyJob(job);
  }

  #applyJob(job: ScrapeJob): void {
    const targets = this.#jobs.getOrInsertComputed(
      job.jobName,
      () => new JobTargets(job, new ScrapePool(this.#env, () => this.#nextTarget++)),
    );
    targets.job = job;
    targets.refreshing.abort();
    targets.refreshing = new AbortController();
    // A discovery that stays keeps what it has found: a target file may be bad at this very moment.
    const before = targets.discoveries;
    targets.discoveries = job.fileSdConfigs.map(
      (config) =>
        before.find((discovery) => discovery.hasConfig(config)) ??
        new FileDiscovery(config, this.#files),
    );
    for (const discovery of targets.discoveries) {
      discovery.refresh();
      this.#keepRefreshing(targets, discovery);
    }
    targets.pool.apply(job, targets.groups);
  }

  #keepRefreshing(targets: JobTargets, discovery: FileDiscovery): void {
    const { signal } = targets.refreshing;
    const refresh = async (): Promise<void> => {
      for (;;) {
        await this.#env.clock.sleep(discovery.refreshIntervalMs, signal);
        if (discovery.refresh()) targets.pool.apply(targets.job, targets.groups);
      }
    };
    const refreshing = refresh()
      .catch((error: unknown) => {
        if (error !== signal.reason) throw error;
      })
      .finally(() => this.#refreshes.delete(refreshing));
    this.#refreshes.add(refreshing);
  }

  /** A file has changed on disk: jobs that find targets in it read it now, and do not wait for their refresh. */
  fileChanged(path: string): void {
    for (const targets of this.#jobs.values()) {
      const concerned = targets.discoveries.filter((discovery) => discovery.watches(path));
      for (const discovery of concerned) discovery.refresh();
      if (concerned.length > 0) targets.pool.apply(targets.job, targets.groups);
    }
  }

  #leave(targets: JobTargets): void {
    targets.refreshing.abort();
    const { pool } = targets;
    pool.retire();
    this.#leaving.add(pool);
    void pool.done().then(() => this.#leaving.delete(pool));
  }

  /** In the order of the jobs, then of the targets' URLs. */
  activeTargets(): readonly ActiveTarget[] {
    return [...this.#jobs].flatMap(([scrapePool, { pool }]) =>
      [...pool.loops]
        .sort((a, b) => (a.target.url < b.target.url ? -1 : 1))
        .map((loop) => {
          const { url, labels, scrapeIntervalMs, scrapeTimeoutMs } = loop.target;
          return {
            scrapePool,
            scrapeUrl: url,
            globalUrl: this.#globalUrl(url),
            discoveredLabels: loop.discoveredLabels,
            labels,
            scrapeIntervalMs,
            scrapeTimeoutMs,
            ...loop.state,
          };
        }),
    );
  }

  #globalUrl(url: string): string {
    const parsed = new URL(url);
    if (!["localhost", "127.0.0.1", "[::1]"].includes(parsed.hostname)) return url;
    parsed.hostname = this.#externalHost;
    return parsed.href;
  }

  droppedTargets(): readonly InactiveTarget[] {
    return [...this.#jobs].flatMap(([scrapePool, { pool }]) =>
      pool.dropped.map((target) => ({ scrapePool, ...target })),
    );
  }

  /** What the targets say about their metric families, one entry for each target and family. */
  *families(): Generator<TargetFamily> {
    for (const { pool } of this.#jobs.values())
      for (const { metadata, target } of pool.loops)
        for (const family of metadata.families) yield { ...family, targetLabels: target.labels };
  }

  /** Target files that cannot be read now; the targets that they had before go on. */
  discoveryErrors(): readonly { jobName: string; path: string; error: string }[] {
    return [...this.#jobs].flatMap(([jobName, { discoveries }]) =>
      discoveries.flatMap(({ errors }) =>
        [...errors].map(([path, error]) => ({ jobName, path, error })),
      ),
    );
  }

  get counters(): Readonly<ScrapeCounters> {
    return this.#env.counters;
  }

  /** Ends all scraping at once. No series is marked stale: the next process goes on with them. */
  async [Symbol.asyncDispose](): Promise<void> {
    const pools = [...this.#leaving];
    for (const { pool, refreshing } of this.#jobs.values()) {
      refreshing.abort();
      pools.push(pool);
    }
    this.#jobs.clear();
    for (const pool of pools) pool.shutdown();
    await Promise.all([...pools.map((pool) => pool.done()), ...this.#refreshes]);
  }
}
