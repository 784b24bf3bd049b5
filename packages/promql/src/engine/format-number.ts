import {
  bucketsOf,
  isLegacyLabelName,
  type Labels,
  type NativeHistogram,
  quote,
} from "@pharos/base";

/** As Go prints a float with `%g`: the shortest digits, with an exponent below 1e-4 and from 1e6 on. */
export function formatG(value: number, digitsMax?: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  const [mantissa = "", exponentText = "0"] = value
    .toExponential(digitsMax === undefined ? undefined : digitsMax - 1)
    .split("e");
  const digits = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
  const exponent = Number(exponentText);
  const limit = digitsMax ?? 6;
  if (exponent >= -4 && exponent < limit) return String(Number(`${digits}e${exponent}`));
  const sign = exponent < 0 ? "-" : "+";
  return `${digits}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

/** A label set as Prometheus prints it in its messages: `{__name__="up", job="api"}`. */
export function formatLabelSet(labels: Labels): string {
  const parts = labels.map(
    ([name, value]) => `${isLegacyLabelName(name) ? name : quote(name)}=${quote(value)}`,
  );
  return `{${parts.join(", ")}}`;
}

/** A native histogram as `count_values` puts it into a label: `{count:3, sum:5, [-1,1]:1, (1,2]:2}`. */
export function formatHistogram(histogram: NativeHistogram): string {
  const buckets = bucketsOf(histogram).map(
    ({ lower, upper, lowerInclusive, upperInclusive, count }) =>
      `${lowerInclusive ? "[" : "("}${formatG(lower)},${formatG(upper)}${upperInclusive ? "]" : ")"}:${formatG(count)}`,
  );
  const { count, sum } = histogram;
  return `{${[`count:${formatG(count)}`, `sum:${formatG(sum)}`, ...buckets].join(", ")}}`;
}
