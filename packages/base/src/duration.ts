const UNITS_MS = [
  ["y", 365 * 86_400_000],
  ["w", 7 * 86_400_000],
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1],
] as const;

const DURATION = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;

/** The longest duration Prometheus can hold: 2^63 ns, about 292 years. */
export const DURATION_MS_MAX = 9_223_372_036_854;

/** What a duration may look like, for error messages. */
export const DURATION_HINT = 'a duration such as "15s", "5m", "1h30m", "7d"';

/**
 * Reads a Prometheus duration (`1h30m`, `15s`, `500ms`, `0`), in ms. Undefined where `text` is none: units must
 * come in order, each once, and the whole must not exceed `DURATION_MS_MAX`.
 */
export function parseDuration(text: string): number | undefined {
  if (text === "0") return 0;
  if (text === "") return undefined;
  const match = DURATION.exec(text);
  if (match === null) return undefined;
  let totalMs = 0;
  for (const [index, [, unitMs]] of UNITS_MS.entries())
    totalMs += Number(match[index + 1] ?? 0) * unitMs;
  return totalMs <= DURATION_MS_MAX ? totalMs : undefined;
}

/** As Prometheus prints a duration: `1h30m`, `0s`; weeks and years only where they divide evenly. */
export function formatDuration(ms: number): string {
  if (ms === 0) return "0s";
  let left = Math.abs(ms);
  let out = ms < 0 ? "-" : "";
  for (const [unit, unitMs] of UNITS_MS) {
    const evenOnly = unit === "y" || unit === "w";
    if (evenOnly && left % unitMs !== 0) continue;
    const count = Math.floor(left / unitMs);
    if (count > 0) out += `${count}${unit}`;
    left -= count * unitMs;
  }
  return out;
}
