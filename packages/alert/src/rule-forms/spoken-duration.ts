import { formatDuration, parseDuration } from "@pharos/base";

const UNITS_MS: ReadonlyMap<string, number> = new Map([
  ...["ms", "millisecond", "milliseconds"].map((unit) => [unit, 1] as const),
  ...["s", "sec", "secs", "second", "seconds"].map((unit) => [unit, 1000] as const),
  ...["m", "min", "mins", "minute", "minutes"].map((unit) => [unit, 60_000] as const),
  ...["h", "hr", "hrs", "hour", "hours"].map((unit) => [unit, 3_600_000] as const),
  ...["d", "day", "days"].map((unit) => [unit, 86_400_000] as const),
  ...["w", "week", "weeks"].map((unit) => [unit, 7 * 86_400_000] as const),
]);

const SPOKEN = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/i;
const CLOCK = /^(?:(\d+) )?(\d{1,3}):(\d\d):(\d\d)$/;

/** What a duration may look like, for error messages. */
export const SPOKEN_DURATION_HINT = "a duration such as 5m, 1h30m, 5 minutes or 00:05:00";

/** Reads `5m`, `5 minutes`, or `00:05:00` as databases write intervals, in whole ms; undefined for anything else. */
export function parseSpokenDuration(text: string): number | undefined {
  const trimmed = text.trim();
  const plain = parseDuration(trimmed);
  if (plain !== undefined) return plain;
  const clock = CLOCK.exec(trimmed);
  if (clock !== null) {
    const [, days = "0", hours, minutes, seconds] = clock;
    const ms = ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds);
    return inBounds(ms * 1000);
  }
  const [, count, unit = ""] = SPOKEN.exec(trimmed) ?? [];
  const unitMs = UNITS_MS.get(unit.toLowerCase());
  return unitMs === undefined ? undefined : inBounds(Math.round(Number(count) * unitMs));
}

/** The bounds of Prometheus's durations hold here, too. */
function inBounds(ms: number): number | undefined {
  return parseDuration(formatDuration(ms)) === undefined ? undefined : ms;
}
