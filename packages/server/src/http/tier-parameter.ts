import { OperatingError } from "@pharos/base";
import { ROLLUP_TIERS, WINDOW_MS } from "@pharos/ports";
import { TIER_WISHES, type TierWish } from "@pharos/promql/engine";
import { invalidParameter } from "./errors.ts";
import { parseDurationText } from "./parameters.ts";

/** What a request may ask for: `raw_if_kept` is for rules. */
const TIERS_ASKED = TIER_WISHES.filter((one) => one !== "raw_if_kept");

/**
 * What a query is to be answered from: `tier`, or `max_source_resolution` as clients of Thanos say it, where a duration
 * names the coarsest tier that is no coarser. `auto` unless given.
 *
 * @throws OperatingError `input.invalid`.
 */
export function tierParameter(parameters: URLSearchParams): TierWish {
  const tier = parameters.get("tier") ?? "";
  if (tier !== "") {
    const wish = TIERS_ASKED.find((one) => one === tier);
    if (wish !== undefined) return wish;
    throw invalidParameter("tier", `want one of ${TIERS_ASKED.join(", ")}, got "${tier}"`);
  }
  const resolution = parameters.get("max_source_resolution") ?? "";
  if (resolution === "" || resolution === "auto") return "auto";
  const resolutionMs = resolutionParameter(resolution);
  return ROLLUP_TIERS.findLast((one) => WINDOW_MS[one] <= resolutionMs) ?? "raw";
}

function resolutionParameter(text: string): number {
  try {
    return parseDurationText(text);
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    throw invalidParameter("max_source_resolution", error.message);
  }
}
