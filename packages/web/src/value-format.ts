import { formatValue } from "@pharos/base";

/** What a number counts, as far as it changes how people read it. */
export type Unit = "none" | "percent" | "bytes" | "bytes/s" | "seconds";

const BINARY = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const DECIMAL = ["", "k", "M", "G", "T", "P"];

/** A value for people: about four digits and a prefix (`1.25 GiB`, `12.5k`, `340 ms`). */
export function formatCompact(value: number, unit: Unit): string {
  if (!Number.isFinite(value)) return formatValue(value);
  switch (unit) {
    case "percent":
      return `${digits(value)}%`;
    case "bytes":
      return prefixed(value, 1024, BINARY, " ");
    case "bytes/s":
      return `${prefixed(value, 1024, BINARY, " ")}/s`;
    case "seconds":
      return formatSeconds(value);
    case "none":
      return prefixed(value, 1000, DECIMAL, "");
  }
}

function prefixed(value: number, base: number, prefixes: readonly string[], gap: string): string {
  let left = value;
  let step = 0;
  // 999.95 would be rounded to 1000 of the smaller prefix.
  while (Math.abs(left) >= base - 0.05 && step < prefixes.length - 1) {
    left /= base;
    step++;
  }
  if (Math.abs(left) >= 1e6) return left.toExponential(2);
  const prefix = prefixes[step] ?? "";
  return prefix === "" ? digits(left) : `${digits(left)}${gap}${prefix}`;
}

function formatSeconds(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return "0 s";
  if (size < 1e-3) return `${digits(value * 1e6)} µs`;
  if (size < 1) return `${digits(value * 1000)} ms`;
  if (size < 120) return `${digits(value)} s`;
  if (size < 7200) return `${digits(value / 60)} min`;
  if (size < 172_800) return `${digits(value / 3600)} h`;
  return `${digits(value / 86_400)} d`;
}

/** Four significant digits, no more than three after the point where there is a whole part. */
function digits(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1000) return String(Math.round(value));
  if (size < 0.001) return value.toExponential(1);
  return String(Number(value.toPrecision(size < 1 ? 3 : 4)));
}

const FUNCTION_OF_RATE = /\b(?:rate|irate|deriv)\s*\(/;
const METRIC = /\b[a-zA-Z_:][a-zA-Z0-9_:]*\b/g;

/**
 * The unit that the names in an expression promise, where it only selects, rates and aggregates. Arithmetic, and names
 * that promise different things, give "none": a wrong unit is worse than none.
 */
export function unitOfExpr(expr: string): Unit {
  const bare = expr
    .replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`/g, "")
    .replace(/\{[^}]*\}|\[[^\]]*\]/g, "")
    .replace(/\b(?:by|without|on|ignoring)\s*\([^)]*\)/g, "");
  if (/[*/%^]|==|!=|[<>]|\b(?:and|or|unless|count|group|stddev|stdvar|changes|resets)\b/.test(bare))
    return "none";
  const rate = FUNCTION_OF_RATE.test(bare);
  const units = new Set<Unit>();
  for (const [name] of bare.matchAll(METRIC)) {
    if (/_bytes(?:_total)?$/.test(name)) units.add(rate ? "bytes/s" : "bytes");
    else if (/_seconds$/.test(name)) units.add(rate ? "none" : "seconds");
    else if (/_bucket$|_count$|_total$|_timestamp_seconds$/.test(name)) units.add("none");
  }
  if (/histogram_quantile/.test(bare) && /_seconds_bucket/.test(bare)) return "seconds";
  if (/_timestamp_seconds|_time_seconds/.test(bare)) return "none";
  const [unit] = units;
  return units.size === 1 && unit !== undefined ? unit : "none";
}

/** The API writes `1e+00`; people read `1`. */
export function shortValue(text: string): string {
  const value = Number(text);
  return text === "" || !Number.isFinite(value) ? text : String(Number(value.toPrecision(6)));
}
