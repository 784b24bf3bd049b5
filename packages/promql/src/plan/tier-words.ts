import type { RollupTier } from "@pharos/ports";
import type { TierReason } from "./tier-choice.ts";

/** What of a query's answer comes from rollups, in words. */
export function describeTier(
  tier: RollupTier,
  reason: TierReason,
  afterMs: number,
  endMs: number,
): string {
  const [from, to] = [afterMs, endMs].map(timeText);
  const why = {
    chosen: "which say what the samples would, at a fraction of the cost",
    gone: "since samples that old are no longer kept",
    asked: "as the query asked for",
  }[reason];
  const other = reason === "gone" ? "" : "; tier=raw reads the samples";
  return `answered from ${tier} rollups for ${from} to ${to}, ${why}${other}`;
}

/** As RFC 3339, to the second. */
export function timeText(timeMs: number): string {
  const date = new Date(Math.floor(timeMs / 1000) * 1000);
  return Number.isNaN(date.getTime()) ? `${timeMs} ms` : date.toISOString().replace(".000Z", "Z");
}
