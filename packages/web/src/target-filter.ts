import { hasWords, labelText, wordsOf } from "./alert-filter.ts";
import type { SearchParams } from "./search-params.ts";
import { TARGET_HEALTHS, type Target, type TargetHealth } from "./target-state.ts";

/** Which targets the page shows; all of it is in the URL. */
export interface TargetFilter {
  /** Empty: all. */
  readonly healths: readonly TargetHealth[];
  /** Words that must all occur in the pool, URL, labels or error, in any case. */
  readonly text: string;
}

/** The targets of a scrape job that pass, with the counts of all of the job. */
export interface TargetPool {
  readonly name: string;
  readonly upCount: number;
  readonly count: number;
  readonly targets: readonly Target[];
}

export function readTargetFilter(params: SearchParams): TargetFilter {
  const wanted = new Set((params["health"] ?? "").split(","));
  return {
    healths: TARGET_HEALTHS.filter((health) => wanted.has(health)),
    text: params["q"] ?? "",
  };
}

export function writeTargetFilter(filter: TargetFilter): SearchParams {
  return {
    ...(filter.healths.length > 0 ? { health: filter.healths.join(",") } : {}),
    ...(filter.text !== "" ? { q: filter.text } : {}),
  };
}

/** Pools with targets that pass: those with a target down first, then by name; within a pool likewise. */
export function filterPools(targets: readonly Target[], filter: TargetFilter): TargetPool[] {
  const words = wordsOf(filter.text);
  const byPool = Map.groupBy(targets, (target) => target.pool);
  const pools: TargetPool[] = [];
  for (const [name, all] of byPool) {
    const passing = all.filter(
      (target) =>
        (filter.healths.length === 0 || filter.healths.includes(target.health)) &&
        hasWords(
          [target.pool, target.scrapeUrl, target.lastError, labelText(target.labels)].join("\n"),
          words,
        ),
    );
    if (passing.length === 0) continue;
    passing.sort(
      (a, b) =>
        TARGET_HEALTHS.indexOf(a.health) - TARGET_HEALTHS.indexOf(b.health) ||
        a.scrapeUrl.localeCompare(b.scrapeUrl),
    );
    const upCount = all.filter((target) => target.health === "up").length;
    pools.push({ name, upCount, count: all.length, targets: passing });
  }
  const hasDown = (pool: TargetPool) => pool.targets[0]?.health === "down";
  return pools.sort(
    (a, b) => Number(hasDown(b)) - Number(hasDown(a)) || a.name.localeCompare(b.name),
  );
}

export function countHealths(targets: readonly Target[]): Record<TargetHealth, number> {
  const counts = { down: 0, unknown: 0, up: 0 };
  for (const { health } of targets) counts[health]++;
  return counts;
}
