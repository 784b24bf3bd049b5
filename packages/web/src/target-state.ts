import { type Labels, labelsFrom } from "@pharos/base";
import type { Json } from "./json-reader.ts";

export const TARGET_HEALTHS = ["down", "unknown", "up"] as const;
export type TargetHealth = (typeof TARGET_HEALTHS)[number];

export interface Target {
  readonly pool: string;
  readonly scrapeUrl: string;
  readonly labels: Labels;
  /** Before relabelling; in the order of the server. */
  readonly discoveredLabels: readonly (readonly [string, string])[];
  readonly health: TargetHealth;
  /** "" where the last scrape went well. */
  readonly lastError: string;
  /** Undefined before the first scrape. */
  readonly lastScrapeMs: number | undefined;
  readonly durationMs: number;
  readonly interval: string;
  readonly timeout: string;
}

export interface Targets {
  readonly active: readonly Target[];
  /** Targets that relabelling dropped. */
  readonly droppedCount: number;
}

/** Reads `data` of /api/v1/targets. */
export function readTargets(data: Json): Targets {
  const counts = data.get("droppedTargetCounts").value;
  const droppedCount =
    typeof counts === "object" && counts !== null
      ? Object.values(counts).reduce((sum: number, n) => sum + Number(n), 0)
      : data.get("droppedTargets").list().length;
  return { active: data.get("activeTargets").list().map(readTarget), droppedCount };
}

function readTarget(target: Json): Target {
  return {
    pool: target.get("scrapePool").text(),
    scrapeUrl: target.get("scrapeUrl").text(),
    labels: labelsFrom(target.get("labels").textEntries()),
    discoveredLabels: target.get("discoveredLabels").textEntries(),
    health: target.get("health").oneOf(TARGET_HEALTHS),
    lastError: target.get("lastError").textOrEmpty(),
    lastScrapeMs: target.get("lastScrape").timestampMs(),
    durationMs: target.get("lastScrapeDuration").numberOr(0) * 1000,
    interval: target.get("scrapeInterval").textOrEmpty(),
    timeout: target.get("scrapeTimeout").textOrEmpty(),
  };
}
