import type { Clock } from "@pharos/base";
import type { CachedQuery } from "./cached-query.ts";

export interface ResultCacheOptions {
  readonly clock: Clock;
  /** Bytes, about; what was used longest ago goes first. */
  readonly sizeMax: number;
  /** How long results are kept after their last use: those of the last hour, and older ones; ms. */
  readonly recentKeptMs?: number;
  readonly olderKeptMs?: number;
}

/** How often the cache had what was asked for, since the start, and what it has now. */
export interface ResultCacheStats {
  /** Queries that were answered from it alone, */
  readonly hits: number;
  /** those of which a part had to be evaluated, */
  readonly partialHits: number;
  /** all of which had, */
  readonly misses: number;
  /** and those that it cannot answer: each of their steps depends on the range that is asked for, or on rollups. */
  readonly bypasses: number;
  /** Steps of the first three, and how many of them were not evaluated. */
  readonly steps: number;
  readonly stepsCached: number;
  /** Queries that were dropped to make room. */
  readonly evictions: number;
  /** Queries that were dropped since somebody said so. */
  readonly invalidations: number;
  readonly queries: number;
  readonly extents: number;
  /** Bytes, about. */
  readonly size: number;
  readonly sizeMax: number;
}

const HOUR_MS = 3_600_000;
/** A single query may take this part of the cache. */
const QUERY_PART_MAX = 1 / 4;

/** Results of range queries, kept in memory: the least recently used go first. */
export class ResultCache {
  readonly #clock: Clock;
  readonly #sizeMax: number;
  readonly #recentKeptMs: number;
  readonly #olderKeptMs: number;
  /** From the least recently used, each with the bytes that it counts for. */
  readonly #queries = new Map<string, { readonly query: CachedQuery; readonly size: number }>();
  /** Those that somebody may still be about to add to. */
  readonly #dropped = new WeakSet<CachedQuery>();
  readonly #counts = { hits: 0, partialHits: 0, misses: 0, bypasses: 0 };
  #steps = 0;
  #stepsCached = 0;
  #evictions = 0;
  #invalidations = 0;
  #size = 0;

  constructor({ clock, sizeMax, recentKeptMs, olderKeptMs }: ResultCacheOptions) {
    this.#clock = clock;
    this.#sizeMax = sizeMax;
    this.#recentKeptMs = recentKeptMs ?? 60_000;
    this.#olderKeptMs = olderKeptMs ?? HOUR_MS;
  }

  get stats(): ResultCacheStats {
    let extents = 0;
    for (const { query } of this.#queries.values()) extents += query.extents.size;
    return {
      ...this.#counts,
      steps: this.#steps,
      stepsCached: this.#stepsCached,
      evictions: this.#evictions,
      invalidations: this.#invalidations,
      queries: this.#queries.size,
      extents,
      size: this.#size,
      sizeMax: this.#sizeMax,
    };
  }

  /** Bytes that a single query may take. */
  get querySizeMax(): number {
    return this.#sizeMax * QUERY_PART_MAX;
  }

  countBypass(): void {
    this.#counts.bypasses++;
  }

  /** Notes how many of a query's steps were there. */
  count(steps: number, stepsCached: number): void {
    this.#steps += steps;
    this.#stepsCached += stepsCached;
    if (stepsCached === 0) this.#counts.misses++;
    else if (stepsCached === steps) this.#counts.hits++;
    else this.#counts.partialHits++;
  }

  get(key: string): CachedQuery | undefined {
    return this.#queries.get(key)?.query;
  }

  /** Whether something that was last used at `usedMs` (monotonic), and whose last step is at `endMs`, is still kept. */
  isKept(usedMs: number, endMs: number): boolean {
    const isRecent = this.#clock.nowMs() - endMs < HOUR_MS;
    const keptMs = isRecent ? this.#recentKeptMs : this.#olderKeptMs;
    return this.#clock.monotonicMs() - usedMs < keptMs;
  }

  /** Keeps what was changed by `change`, and makes room for it. */
  update(query: CachedQuery, change: () => void): void {
    this.#forget(query.key);
    if (this.#dropped.has(query)) return;
    change();
    if (query.isMostlyUnused) return;
    for (const number of query.extents.keys()) {
      if (query.size <= this.querySizeMax) break;
      query.drop(number);
    }
    if (query.extents.size === 0) return;
    const { size } = query;
    this.#queries.set(query.key, { query, size });
    this.#size += size;
    for (const oldest of this.#queries.keys()) {
      if (this.#size <= this.#sizeMax) break;
      this.#forget(oldest);
      this.#evictions++;
    }
  }

  /** Drops the results that read any of these metrics, or of which that cannot be told; all where it is not known which. */
  dropMetrics(metrics: ReadonlySet<string> | undefined): void {
    for (const [key, { query }] of [...this.#queries]) {
      const known = query.metrics;
      if (known !== undefined && metrics?.isDisjointFrom(known) === true) continue;
      this.#forget(key);
      this.#dropped.add(query);
      this.#invalidations++;
    }
  }

  #forget(key: string): void {
    this.#size -= this.#queries.get(key)?.size ?? 0;
    this.#queries.delete(key);
  }
}
