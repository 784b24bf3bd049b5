import { type ScrapeJob, scrapeSettingsKey, type TargetGroup } from "./scrape-job.ts";
import { type ScrapeEnvironment, ScrapeLoop } from "./scrape-loop.ts";
import { type DroppedTarget, resolveTargets, type Target } from "./target.ts";

/** Targets of one job that are scraped; what is found beyond is shown as dropped. */
const TARGETS_MAX = 100_000;

/** Dropped targets that a pool remembers, to be shown; Kubernetes can discover far more. */
const DROPPED_KEPT_MAX = 10_000;

/** The loops of one job: one for each target. */
export class ScrapePool {
  readonly #env: ScrapeEnvironment;
  readonly #takeNumber: () => number;
  readonly #loops = new Map<string, ScrapeLoop>();
  /** Loops that have not ended yet, with those that were told to. */
  readonly #running = new Map<ScrapeLoop, Promise<void>>();
  #dropped: readonly DroppedTarget[] = [];

  /** @param takeNumber a number for a new target, which no other has. */
  constructor(env: ScrapeEnvironment, takeNumber: () => number) {
    this.#env = env;
    this.#takeNumber = takeNumber;
  }

  get loops(): Iterable<ScrapeLoop> {
    return this.#loops.values();
  }

  get dropped(): readonly DroppedTarget[] {
    return this.#dropped;
  }

  /** Makes these groups' targets the targets, and `job` what they are scraped by. */
  apply(job: ScrapeJob, groups: readonly TargetGroup[]): void {
    const resolved = resolveTargets(job, groups);
    const active = resolved.active.slice(0, TARGETS_MAX);
    const beyond = resolved.active.slice(TARGETS_MAX).map(({ discoveredLabels }) => ({
      discoveredLabels,
      error: `the job has more than ${TARGETS_MAX} targets`,
    }));
    this.#dropped = [...beyond, ...resolved.dropped].slice(0, DROPPED_KEPT_MAX);
    const settingsKey = scrapeSettingsKey(job);
    const keys = new Set(active.map(({ key }) => key));
    for (const [key, loop] of this.#loops)
      if (!keys.has(key)) {
        this.#loops.delete(key);
        loop.retire();
      }
    for (const target of active) this.#applyTarget(target, job, settingsKey);
    const forcedError =
      job.targetLimit > 0 && active.length > job.targetLimit
        ? `target_limit exceeded (number of targets: ${active.length}, limit: ${job.targetLimit})`
        : undefined;
    for (const loop of this.#loops.values()) loop.forcedError = forcedError;
  }

  #applyTarget(target: Target, job: ScrapeJob, settingsKey: string): void {
    const before = this.#loops.get(target.key);
    if (before === undefined) {
      this.#start(new ScrapeLoop(target, job, settingsKey, this.#env, this.#takeNumber()));
      return;
    }
    const same =
      before.settingsKey === settingsKey &&
      before.job.readBody === job.readBody &&
      before.target.scrapeIntervalMs === target.scrapeIntervalMs &&
      before.target.scrapeTimeoutMs === target.scrapeTimeoutMs;
    if (same) before.discoveredLabels = target.discoveredLabels;
    else this.#replace(before, target, job, settingsKey);
  }

  #start(loop: ScrapeLoop): void {
    this.#loops.set(loop.target.key, loop);
    this.#track(loop, loop.run());
  }

  #replace(before: ScrapeLoop, target: Target, job: ScrapeJob, settingsKey: string): void {
    before.replace();
    const loop = new ScrapeLoop(target, job, settingsKey, this.#env, before.number);
    loop.takeOver(before.memory);
    this.#loops.set(target.key, loop);
    const ended = this.#running.get(before) ?? Promise.resolve();
    // Scrapes of one target never overlap, and the last one before the change is remembered too.
    const run = async (): Promise<void> => {
      await ended;
      loop.takeOver(before.memory);
      await loop.run();
    };
    this.#track(loop, run());
  }

  #track(loop: ScrapeLoop, run: Promise<void>): void {
    this.#running.set(
      loop,
      run.finally(() => this.#running.delete(loop)),
    );
  }

  /** The job is gone. */
  retire(): void {
    for (const loop of this.#loops.values()) loop.retire();
    this.#loops.clear();
  }

  /** Ends all loops at once. */
  shutdown(): void {
    for (const loop of this.#running.keys()) loop.shutdown();
    this.#loops.clear();
  }

  /** Resolves when every loop has ended. */
  async done(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }
}
